//! The command line.

pub(crate) mod dlq;
pub(crate) mod provider;
pub(crate) mod state;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::{ArgValueCandidates, Shell};
use dstream_relay::Transport;
use dstream_task::units;

/// Terraform for data streaming: declare a pipeline in HCL, run one command.
#[derive(Parser)]
#[command(
    name = "dstream",
    version,
    about = "Terraform for data streaming: declare a pipeline in HCL, run one command",
    propagate_version = true,
    after_help = "Examples:
  dstream run quickstart             run the task `quickstart` of dstream.hcl
  dstream -c orders.hcl list         show the tasks of another file
  dstream validate                   check the file without starting anything

Exit status: 0 success, 1 the task failed, 2 wrong command line or configuration, 130 after Ctrl-C."
)]
pub(crate) struct Arguments {
    #[command(flatten, next_help_heading = "Global options")]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
pub(crate) struct Global {
    /// The configuration file.
    #[arg(short, long, global = true, value_name = "FILE", default_value = "dstream.hcl")]
    pub(crate) config: PathBuf,
    /// Minimum log level.
    #[arg(
        short = 'l',
        long,
        global = true,
        value_name = "LEVEL",
        env = "DSTREAM_LOG_LEVEL",
        default_value = "info",
        ignore_case = true,
        hide_env_values = true
    )]
    pub(crate) log_level: LogLevel,
    /// How log lines are written.
    #[arg(short = 'f', long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Put the time before every log line.
    #[arg(short = 't', long, global = true)]
    pub(crate) log_time: bool,
    /// Set a variable of the configuration; may be given several times.
    #[arg(long = "var", global = true, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) vars: Vec<(String, String)>,
    /// Read variables from a file of NAME = VALUE lines in HCL; may be given several times.
    #[arg(long = "var-file", global = true, value_name = "FILE")]
    pub(crate) var_files: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    #[value(alias = "warning")]
    Warn,
    Error,
}

impl LogLevel {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run tasks until their inputs end or they are stopped.
    #[command(after_help = "Example:
  dstream run quickstart
  dstream run orders --log-level debug --var tables='[\"Orders\"]'
  dstream run orders customers       two tasks side by side
  dstream run --all --fail-fast      all tasks of the file; the first failure stops the others
  dstream run orders --stats         throughput, latency and the bottleneck
  dstream run orders --log-format json --stats --stats-interval 1s 2> log.jsonl

Ctrl-C drains: DStream delivers what the inputs have written, then exits. A second Ctrl-C exits at once.")]
    Run(Run),
    /// Show the tasks of the configuration.
    #[command(after_help = "Example:
  dstream list
  dstream list --json | python3 -m json.tool")]
    List {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Let the task's outputs create what they need.
    #[command(after_help = "Example:
  dstream init orders")]
    Init(Lifecycle),
    /// Show what `init` would do.
    #[command(after_help = "Example:
  dstream plan orders")]
    Plan(Lifecycle),
    /// Show what the task's outputs have created.
    #[command(after_help = "Example:
  dstream status orders --json")]
    Status(Lifecycle),
    /// Remove what `init` created.
    #[command(after_help = "Example:
  dstream destroy orders
  dstream destroy orders --yes       in a script")]
    Destroy {
        #[command(flatten)]
        lifecycle: Lifecycle,
        /// Do not ask for confirmation.
        #[arg(short, long)]
        yes: bool,
    },
    /// Checkpoints of tasks with at-least-once delivery: show, reset and set them.
    #[command(
        subcommand,
        after_help = "Example:
  dstream state list
  dstream state show orders
  dstream state reset orders         start from the beginning"
    )]
    State(state::State),
    /// Dead letters, lines that were not delivered: show them, send them again, remove them.
    #[command(
        subcommand,
        after_help = "Example:
  dstream dlq list
  dstream dlq show orders
  dstream dlq replay orders          send them through the task's outputs again"
    )]
    Dlq(dlq::Dlq),
    /// Providers in registries: fetch, lock, publish, copy, verify them.
    #[command(
        subcommand,
        after_help = "Example:
  dstream provider lock              write .dstream.lock.hcl; commit it
  dstream provider push ghcr.io/me/counter:v1 dist/
  dstream provider list

Environment: DSTREAM_HOME the cache's folder; DSTREAM_MIRROR a registry or folder to read from;
DSTREAM_REGISTRY_USERNAME and DSTREAM_REGISTRY_PASSWORD; DSTREAM_CA_FILE; DSTREAM_REGISTRY_TIMEOUT
(30s); HTTPS_PROXY, HTTP_PROXY, NO_PROXY."
    )]
    Provider(provider::Provider),
    /// Check the whole configuration without starting anything.
    #[command(after_help = "Example:
  dstream validate
  dstream -c orders.hcl validate --json")]
    Validate {
        /// Print the problems as JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Show the version.
    #[command(after_help = "Example:
  dstream version --json")]
    Version {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script.
    #[command(after_help = "Example:
  dstream completions bash > /etc/bash_completion.d/dstream
  dstream completions zsh > \"${fpath[1]}/_dstream\"

The script asks dstream itself for what can follow: commands, options, and the tasks of the file.")]
    Completions {
        /// The shell to complete in.
        shell: Shell,
    },
}

#[derive(Args)]
pub(crate) struct Run {
    /// The tasks' names in the configuration; several run side by side.
    #[arg(value_name = "TASK", conflicts_with = "all", add = tasks())]
    pub(crate) tasks: Vec<String>,
    /// Run every task of the configuration.
    #[arg(long)]
    pub(crate) all: bool,
    /// Stop the other tasks gracefully when one fails.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Show statistics on stderr: one live line on a terminal, otherwise a line per interval; and a
    /// report at the end.
    #[arg(long)]
    pub(crate) stats: bool,
    /// Interval of the statistics, without a terminal or with format json: 500ms, 10s, 1m.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = interval, requires = "stats")]
    pub(crate) stats_interval: Duration,
    /// Format of the statistics; by default that of the log.
    #[arg(long, value_name = "FORMAT", requires = "stats")]
    pub(crate) stats_format: Option<StatsFormat>,
    /// Fail if a provider is not in the lock file.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Transport that moves the bytes; overrides the tasks' stream blocks.
    #[arg(long, value_name = "NAME")]
    pub(crate) transport: Option<TransportName>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsFormat {
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportName {
    /// The fastest that can do what the task asks.
    Auto,
    /// Bytes stay in the kernel (Linux, one output).
    Splice,
    /// Through io_uring (Linux).
    Uring,
    /// Plain reads and writes.
    Portable,
}

impl From<TransportName> for Transport {
    fn from(name: TransportName) -> Self {
        match name {
            TransportName::Auto => Self::Auto,
            TransportName::Splice => Self::Splice,
            TransportName::Uring => Self::Uring,
            TransportName::Portable => Self::Portable,
        }
    }
}

#[derive(Args)]
pub(crate) struct Lifecycle {
    /// The task's name in the configuration.
    #[arg(add = tasks())]
    pub(crate) task: String,
    /// Print the providers' results as they came, one JSON document a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Completes the names of tasks: those of the file that the command line names.
fn tasks() -> ArgValueCandidates {
    ArgValueCandidates::new(crate::commands::task_candidates)
}

/// Reads the command line; a wrong one ends the program with status 2 and what is wrong.
pub(crate) fn parse() -> Arguments {
    Arguments::parse()
}

/// The command line's grammar.
pub(crate) fn command() -> clap::Command {
    Arguments::command()
}

/// The shortest interval: the time of a screen's refresh or two.
const INTERVAL_MIN: Duration = Duration::from_millis(50);

fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        interval if interval >= INTERVAL_MIN && interval <= INTERVAL_MAX => Ok(interval),
        _ => Err("it must be between 50ms and 24h".to_owned()),
    }
}

/// Reads a duration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text).map_err(|error| error.to_string())
}

/// The longest interval; a longer one is a slip.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("it must be NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_ends_with_an_example() {
        let program = Arguments::command();
        let mut commands: Vec<_> = program.get_subcommands().collect();
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example:\n  dstream "), "{}", command.get_name());
            commands.extend(command.get_subcommands());
        }
    }
}
