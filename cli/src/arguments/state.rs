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
    /// Show where a task goes on: the checkpoint, as its input wrote it.
    #[command(after_help = "Example:
  dstream state show orders > orders.checkpoint")]
    Show {
        /// The task.
        task: String,
        /// Print JSON with the time and the process that runs the task.
        #[arg(long)]
        json: bool,
    },
    /// Forget a task's checkpoint: its next run begins anew. Says how to undo that.
    #[command(after_help = "Example:
  dstream state reset orders")]
    Reset {
        /// The task.
        task: String,
    },
    /// Have a task go on from a checkpoint, which only its input understands.
    #[command(after_help = "Example:
  dstream state set orders '{\"seq\":1000}'
  dstream state set orders - < orders.checkpoint")]
    Set {
        /// The task.
        task: String,
        /// The checkpoint in JSON, or - to read it from stdin.
        #[arg(value_name = "JSON")]
        checkpoint: String,
    },
}
