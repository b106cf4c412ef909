//! `dstream state …` on the command line.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum State {
    /// Show which tasks have a checkpoint, and which are running.
    #[command(after_help = "Example:
  dstream state list --json")]
    List {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Show the checkpoint that a task resumes from, as its input wrote it.
    #[command(after_help = "Example:
  dstream state show orders > orders.checkpoint")]
    Show {
        /// The task.
        #[arg(add = super::tasks())]
        task: String,
        /// Print JSON with the time and the process that runs the task.
        #[arg(long)]
        json: bool,
    },
    /// Delete a task's checkpoint: its next run starts from the beginning. Prints how to undo that.
    #[command(after_help = "Example:
  dstream state reset orders")]
    Reset {
        /// The task.
        #[arg(add = super::tasks())]
        task: String,
    },
    /// Set the checkpoint that a task resumes from; only its input understands it.
    #[command(after_help = "Example:
  dstream state set orders '{\"seq\":1000}'
  dstream state set orders - < orders.checkpoint")]
    Set {
        /// The task.
        #[arg(add = super::tasks())]
        task: String,
        /// The checkpoint in JSON, or - to read it from stdin.
        #[arg(value_name = "JSON")]
        checkpoint: String,
    },
}
