//! `dstream dlq …` on the command line.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Dlq {
    /// Show how many dead letters each task has, and how old they are.
    #[command(after_help = "Example:
  dstream dlq list
  dstream dlq list --json")]
    List {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Show a task's dead letters, the newest last.
    #[command(after_help = "Example:
  dstream dlq show orders
  dstream dlq show orders --json | jq -r .line        the lines themselves")]
    Show {
        /// The task.
        task: String,
        /// Show only the newest ones: 20 unless told, with --json all.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
        /// Print the letters as they are, one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Send a task's dead letters through its outputs again.
    #[command(after_help = "Example:
  dstream dlq replay orders --dry-run
  dstream dlq replay orders

The stream block applies to them as to any line: its filter, and its checks. A line that was invalid
fails again unless the configuration was changed. What fails again is kept again, with the new
reason; what was sent is removed. Letters that hold only a part of their line are not sent, and stay.

Each is sent at least once: after a failure or a stop all stay, and the next replay sends them again,
also those that had arrived. The task may be running meanwhile if its outputs can bear it.")]
    Replay {
        /// The task.
        task: String,
        /// Only say what would be sent.
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a task's dead letters.
    #[command(after_help = "Example:
  dstream dlq drop orders
  dstream dlq drop orders --yes      in a script")]
    Drop {
        /// The task.
        task: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}
