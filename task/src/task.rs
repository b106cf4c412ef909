//! A checked task, ready to run: what the rest of the engine sees of a configuration.

use std::path::PathBuf;
use std::time::Duration;

use dstream_protocol::{CheckpointInterval, ConfigFormat, Side};

use crate::{ConfigPlaces, Confinement, Filter, ProviderRef, Secrets, Transport};

/// One task of the file, evaluated and checked.
#[derive(Debug, Clone)]
pub struct Task {
    /// The label of its block.
    pub name: String,
    /// The block that writes the stream.
    pub input: ProviderBlock,
    /// The blocks that read it, in the order of the file; never empty.
    pub outputs: Vec<ProviderBlock>,
    /// The `stream` block, defaults filled in.
    pub stream: StreamOptions,
    /// What must never be shown.
    pub secrets: Secrets,
}

/// One `input` or `output` block.
#[derive(Debug, Clone)]
pub struct ProviderBlock {
    /// The block's label; without one, the provider's short name, made unique in the task
    /// ("counter", "mssql-cdc-provider", "console-2").
    pub name: String,
    /// Which end it is.
    pub side: Side,
    /// Where the executable comes from.
    pub provider: ProviderRef,
    /// The `config` block: a JSON object, types kept.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Where the members of `config` stand in the file.
    pub places: ConfigPlaces,
    /// Added to the child's environment, in the order of the file.
    pub env: Vec<(String, String)>,
    /// `config_format`: how the first line on its stdin is written.
    pub config_format: ConfigFormat,
    /// What is expected of its first line. Built-in providers are [`Handshake::Required`].
    pub handshake: Handshake,
    /// How long a required handshake may take. Default 30 s.
    pub startup_timeout: Duration,
    /// How long it may take to exit when asked to. Default 10 s.
    pub shutdown_timeout: Duration,
    /// How long it may neither read nor write while there is something to do.
    pub stall_timeout: Option<Duration>,
    /// What happens when it fails.
    pub restart: Restart,
    /// What it may use and reach.
    pub confinement: Confinement,
}

/// What a provider's first line on stdout is expected to be: `handshake`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handshake {
    /// `"auto"`: ready or error is understood, anything else is data, silence is taken as ready.
    #[default]
    Auto,
    /// `"required"`: ready or error within `startup_timeout`.
    Required,
}

/// When a failed provider is started again: `restart { policy = … }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    /// Its failure ends the task.
    #[default]
    Never,
    /// After a failure.
    OnFailure,
    /// After any end.
    Always,
}

/// The `restart` block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restart {
    /// `policy`.
    pub policy: RestartPolicy,
    /// `max_attempts`, 0 for no limit.
    pub attempts_max: Option<u32>,
    /// `backoff_min`.
    pub backoff_min: Option<Duration>,
    /// `backoff_max`.
    pub backoff_max: Option<Duration>,
    /// `window`: the time in which attempts are counted.
    pub window: Option<Duration>,
}

impl Task {
    /// Whether a failure need not be its end.
    pub fn is_restarted(&self) -> bool {
        let mut blocks = std::iter::once(&self.input).chain(&self.outputs);
        blocks.any(|block| block.restart.policy != RestartPolicy::Never)
    }
}

/// `stream { delivery = … }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// At most once, until a file says otherwise: who asks for nothing gets no state directory.
    #[default]
    Auto,
    /// At most once.
    AtMostOnce,
    /// At least once, or an error.
    AtLeastOnce,
}

/// How often an input writes a checkpoint where the task does not say it: what comes twice after a
/// crash should take no longer than a restart does.
pub const CHECKPOINT_INTERVAL: CheckpointInterval =
    CheckpointInterval { lines: None, bytes: Some(64 << 20), ms: Some(1000) };

/// `stream { validate = … }`: how closely a line is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validate {
    /// Not at all.
    Off,
    /// Its first and last byte.
    #[default]
    Shape,
    /// UTF-8, JSON, an object with `data` and, if there, an object `metadata`.
    Full,
}

/// `stream { on_invalid = … }`: what becomes of a line that fails the check or is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnInvalid {
    /// The task fails; what came before the line is written.
    #[default]
    Fail,
    /// The line is counted and left out.
    Drop,
    /// The line goes to the dead-letter file.
    DeadLetter,
}

/// The `stream` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOptions {
    /// `delivery`.
    pub delivery: Delivery,
    /// `checkpoint_interval`.
    pub checkpoint_interval: CheckpointInterval,
    /// `validate`.
    pub validate: Validate,
    /// `filter`: which lines are delivered; all if there is none.
    pub filter: Option<Filter>,
    /// `on_invalid`.
    pub on_invalid: OnInvalid,
    /// `dead_letter`, joined with the HCL file's folder; there if `on_invalid` is
    /// [`OnInvalid::DeadLetter`].
    pub dead_letter: Option<PathBuf>,
    /// `dead_letter_size`: bytes of such a file, beyond which letters go into the next one. Default
    /// 64 MiB.
    pub dead_letter_bytes_max: u64,
    /// `dead_letter_files`: how many files there may be, the one being written among them. Default
    /// 16.
    pub dead_letter_files_max: u32,
    /// `max_line`: bytes of the longest line, its newline not counted. Default 16 MiB.
    pub line_bytes_max: usize,
    /// `buffer`: bytes that may be between the pipes. Default 8 MiB.
    pub buffer_bytes: usize,
    /// `transport`: how the bytes are moved.
    pub transport: Transport,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            delivery: Delivery::default(),
            checkpoint_interval: CHECKPOINT_INTERVAL,
            validate: Validate::default(),
            filter: None,
            on_invalid: OnInvalid::default(),
            dead_letter: None,
            dead_letter_bytes_max: 64 << 20,
            dead_letter_files_max: 16,
            line_bytes_max: 16 << 20,
            buffer_bytes: 8 << 20,
            transport: Transport::default(),
        }
    }
}
