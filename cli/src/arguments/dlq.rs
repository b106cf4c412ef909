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
        #[arg(add = super::tasks())]
        task: String,
        /// Show only the newest ones: 20 by default, all with --json.
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

The filter and the checks of the stream block apply to them as to any line. A line that was invalid
fails again unless the configuration was changed. What fails again is kept with the new reason; what
was sent is removed. Letters that hold only a part of their line are not sent and are kept.

Each is sent at least once: after a failure or a stop all letters are kept, and the next replay sends
them again, including those that had arrived. The task may run at the same time if its outputs allow it.")]
    Replay {
        /// The task.
        #[arg(add = super::tasks())]
        task: String,
        /// Only show what would be sent.
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a task's dead letters.
    #[command(after_help = "Example:
  dstream dlq drop orders
  dstream dlq drop orders --yes      in a script")]
    Drop {
        /// The task.
        #[arg(add = super::tasks())]
        task: String,
        /// Do not ask for confirmation.
        #[arg(short, long)]
        yes: bool,
    },
}
