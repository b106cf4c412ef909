//! The first line on a provider's stdin.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::config::ConfigFormat;

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

/// The line that tells a provider what to do and with what, newline included.
pub fn command_line(command: Command, config: &Map<String, Value>, format: ConfigFormat) -> String {
    let message = match format {
        ConfigFormat::Command => json!({ "command": command.as_str(), "config": config }),
        ConfigFormat::Plain => Value::Object(config.clone()),
    };
    format!("{message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_one_line() {
        let config = json!({ "b": 1, "a": "x\ny" });
        let config = config.as_object().unwrap();
        assert_eq!(
            command_line(Command::Run, config, ConfigFormat::Command),
            "{\"command\":\"run\",\"config\":{\"b\":1,\"a\":\"x\\ny\"}}\n"
        );
        assert_eq!(
            command_line(Command::Plan, config, ConfigFormat::Plain),
            "{\"b\":1,\"a\":\"x\\ny\"}\n"
        );
    }
}
