//! What a provider is asked for in its command line.

use dstream_protocol::{
    Capabilities, Capability, CheckpointInterval, Command, CommandLine, ConfigFormat,
    ProtocolRequest,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The checkpoints that a run asks its providers for.
#[derive(Debug, Clone)]
pub struct AskedCheckpoints {
    /// How often an input should write one.
    pub interval: CheckpointInterval,
    /// Where an input continues; `None` for a first run, and for outputs.
    pub resume: Option<Box<RawValue>>,
}

/// The optional parts of the protocol that a provider is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Checkpoints.
    pub checkpoints: Option<&'a AskedCheckpoints>,
    /// To return single lines that it cannot write.
    pub rejects: bool,
}

/// The line that tells a provider what to do and with what, newline included. A plain config cannot
/// ask for anything.
pub fn command_line(
    command: Command,
    config: &Map<String, Value>,
    format: ConfigFormat,
    asked: Asked<'_>,
) -> String {
    let Asked { checkpoints, rejects } = asked;
    let protocol = ProtocolRequest {
        features: Capabilities::NONE
            .with_if(checkpoints.is_some(), Capability::Checkpoint)
            .with_if(rejects, Capability::Reject),
        checkpoint_interval: checkpoints.map(|asked| asked.interval),
    };
    let checkpoint = checkpoints.and_then(|asked| asked.resume.as_deref());
    CommandLine { protocol, checkpoint, ..CommandLine::new(command, config) }.encode(format)
}
