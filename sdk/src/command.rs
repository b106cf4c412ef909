//! The first line on stdin: what to do and with what.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::checkpoint::{CHECKPOINT, Interval};
use crate::config;
use crate::error::ProviderError;
use crate::reject::REJECT;

/// What the provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Stream.
    Run,
    /// Create what is needed.
    Init,
    /// Say what `init` would do.
    Plan,
    /// Say what there is.
    Status,
    /// Remove what `init` has created.
    Destroy,
}

impl Command {
    const ALL: [Self; 5] = [Self::Run, Self::Init, Self::Plan, Self::Status, Self::Destroy];

    /// Its word in the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Status => "status",
            Self::Destroy => "destroy",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.as_str() == word)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command line: `{"command":"run","config":{…}}`, or the bare config object, which means run.
///
/// It is a command where a text `command` stands beside a `config`, or beside nothing but the
/// protocol's own fields; everything else is a config, which may have a field `command` too.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    config: Map<String, Value>,
    /// What of the protocol's optional parts is asked for.
    pub(crate) protocol: Protocol,
    /// Where to go on.
    pub(crate) checkpoint: Option<Value>,
}

/// The optional parts of the protocol that a run uses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Protocol {
    features: Vec<String>,
    pub(crate) checkpoint_interval: Interval,
}

impl Protocol {
    pub(crate) fn has_checkpoints(&self) -> bool {
        self.features.iter().any(|feature| feature == CHECKPOINT)
    }

    pub(crate) fn has_rejects(&self) -> bool {
        self.features.iter().any(|feature| feature == REJECT)
    }
}

impl Invocation {
    pub(crate) fn parse(line: &[u8]) -> Result<Self, ProviderError> {
        if line.trim_ascii().is_empty() {
            return Err(ProviderError::config("no command line came on stdin"));
        }
        let line: Value = serde_json::from_slice(line).map_err(|error| {
            ProviderError::config(format!("the command line is not JSON: {error}"))
        })?;
        let Value::Object(mut fields) = line else {
            return Err(ProviderError::config("the command line is not a JSON object"));
        };
        let own = |name: &str| matches!(name, "command" | "protocol" | "checkpoint");
        let is_command = fields.contains_key("config") || fields.keys().all(|name| own(name));
        let word = match fields.get("command").and_then(Value::as_str) {
            Some(word) if is_command => word,
            _ => {
                let (command, protocol) = (Command::Run, Protocol::default());
                return Ok(Self { command, config: fields, protocol, checkpoint: None });
            }
        };
        let command = Command::parse(word)
            .ok_or_else(|| ProviderError::config(format!("there is no command `{word}`")))?;
        let config = match fields.remove("config") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(config)) => config,
            Some(_) => return Err(ProviderError::config("`config` is not an object")),
        };
        // What is not understood was not asked for.
        let protocol =
            fields.remove("protocol").and_then(|asked| serde_json::from_value(asked).ok());
        let checkpoint = fields.remove("checkpoint");
        Ok(Self { command, config, protocol: protocol.unwrap_or_default(), checkpoint })
    }

    pub(crate) fn config<C: DeserializeOwned>(&self) -> Result<C, ProviderError> {
        config::read(&self.config)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(line: &str) -> Result<(Command, Value), String> {
        let parsed = Invocation::parse(line.as_bytes()).map_err(|error| error.to_string())?;
        Ok((parsed.command, parsed.config.into()))
    }

    #[test]
    fn both_formats_are_understood() {
        for (line, command, config) in [
            (r#"{"command":"plan","config":{"a":1}}"#, Command::Plan, json!({ "a": 1 })),
            (r#"{"command":"run"}"#, Command::Run, json!({})),
            (r#"{"command":"run","config":null}"#, Command::Run, json!({})),
            (
                r#"{"command":"run","config":{},"protocol":{"version":1},"later":1}"#,
                Command::Run,
                json!({}),
            ),
            (r#"{"command":"status","protocol":{"version":1}}"#, Command::Status, json!({})),
            (r#"{"a":1}"#, Command::Run, json!({ "a": 1 })),
            ("{}", Command::Run, json!({})),
            (r#"{"command":"ls","a":1}"#, Command::Run, json!({ "command": "ls", "a": 1 })),
            (r#"{"command":["ls"]}"#, Command::Run, json!({ "command": ["ls"] })),
        ] {
            assert_eq!(parse(line), Ok((command, config)), "{line}");
        }
    }

    #[test]
    fn checkpoints_are_asked_for() {
        let parse = |line: &str| Invocation::parse(line.as_bytes()).unwrap();
        let asked = parse(
            r#"{"command":"run","config":{},"protocol":{"version":1,"features":["checkpoint","x"],"checkpoint_interval":{"lines":5}},"checkpoint":{"at":7}}"#,
        );
        assert!(asked.protocol.has_checkpoints());
        assert_eq!(asked.checkpoint, Some(json!({ "at": 7 })));
        for line in [
            r#"{"command":"run","config":{}}"#,
            r#"{"command":"run","config":{},"protocol":{"version":1}}"#,
            r#"{"command":"run","config":{},"protocol":{"features":7}}"#,
            r#"{"protocol":{"features":["checkpoint"]},"a":1}"#,
        ] {
            assert!(!parse(line).protocol.has_checkpoints(), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("", "no command line"),
            (" \n", "no command line"),
            ("{", "not JSON"),
            ("[1]", "not a JSON object"),
            (r#"{"command":"fly","config":{}}"#, "no command `fly`"),
            (r#"{"command":"run","config":[]}"#, "`config` is not an object"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
