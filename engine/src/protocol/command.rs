//! The first line on a provider's stdin.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::checkpoint::{AskedCheckpoints, CHECKPOINT};
use super::reject::REJECT;
use dstream_task::ConfigFormat;

/// What a provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Stream.
    Run,
    /// Create what the output needs.
    Init,
    /// Say what `init` would do.
    Plan,
    /// Say what there is.
    Status,
    /// Remove what `init` has created.
    Destroy,
}

impl Command {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Status => "status",
            Self::Destroy => "destroy",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What of the protocol's optional parts a provider is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Checkpoints.
    pub checkpoints: Option<&'a AskedCheckpoints>,
    /// To give back single lines that it cannot take.
    pub rejects: bool,
}

/// The line that tells a provider what to do and with what, newline included. A plain config cannot
/// ask for anything: what asks is none.
pub fn command_line(
    command: Command,
    config: &Map<String, Value>,
    format: ConfigFormat,
    asked: Asked<'_>,
) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        command: &'static str,
        config: &'a Map<String, Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        protocol: Option<Value>,
        /// As the provider wrote it: to it alone its numbers mean something.
        #[serde(skip_serializing_if = "Option::is_none")]
        checkpoint: Option<&'a RawValue>,
    }
    let Asked { checkpoints, rejects } = asked;
    let names = [(CHECKPOINT, checkpoints.is_some()), (REJECT, rejects)];
    let features: Vec<&str> = names.iter().filter(|name| name.1).map(|name| name.0).collect();
    let protocol = (!features.is_empty()).then(|| {
        let mut protocol = json!({ "version": 1, "features": features });
        if let Some(asked) = checkpoints {
            protocol["checkpoint_interval"] = json!(asked.interval);
        }
        protocol
    });
    let text = match format {
        ConfigFormat::Command => serde_json::to_string(&Line {
            command: command.as_str(),
            config,
            protocol,
            checkpoint: checkpoints.and_then(|asked| asked.resume.as_deref()),
        }),
        ConfigFormat::Plain => serde_json::to_string(config),
    };
    // Maps of JSON values can always be written.
    format!("{}\n", text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_task::CheckpointInterval;

    #[test]
    fn both_formats_are_one_line() {
        let config = json!({ "b": 1, "a": "x\ny" });
        let config = config.as_object().unwrap();
        assert_eq!(
            command_line(Command::Run, config, ConfigFormat::Command, Asked::default()),
            "{\"command\":\"run\",\"config\":{\"b\":1,\"a\":\"x\\ny\"}}\n"
        );
        assert_eq!(
            command_line(Command::Plan, config, ConfigFormat::Plain, Asked::default()),
            "{\"b\":1,\"a\":\"x\\ny\"}\n"
        );
    }

    #[test]
    fn checkpoints_are_asked_for_beside_the_config() {
        let interval = CheckpointInterval { lines: Some(5), bytes: None, ms: Some(1000) };
        let line = |resume| {
            let asked = AskedCheckpoints { interval, resume };
            let asked = Asked { checkpoints: Some(&asked), rejects: false };
            command_line(Command::Run, &Map::new(), ConfigFormat::Command, asked)
        };
        let asked = Asked { checkpoints: None, rejects: true };
        assert_eq!(
            command_line(Command::Run, &Map::new(), ConfigFormat::Command, asked),
            "{\"command\":\"run\",\"config\":{},\"protocol\":{\"version\":1,\"features\":[\"reject\"]}}\n"
        );
        let resume = RawValue::from_string("{\"at\":7}".to_owned()).unwrap();
        assert_eq!(
            line(Some(resume)),
            "{\"command\":\"run\",\"config\":{},\"protocol\":{\"version\":1,\"features\":[\"checkpoint\"],\"checkpoint_interval\":{\"lines\":5,\"ms\":1000}},\"checkpoint\":{\"at\":7}}\n"
        );
        assert!(line(None).ends_with("\"ms\":1000}}}\n"));
    }
}
