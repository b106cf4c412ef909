//! The first line on a provider's stdin: what to do and with what (P-5 to P-7).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::capability::Capabilities;
use crate::checkpoint::CheckpointInterval;
use crate::{VERSION, line};

/// What a provider is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Stream.
    Run,
    /// Create what is needed.
    Init,
    /// Say what `init` would do.
    Plan,
    /// Say what exists.
    Status,
    /// Remove what `init` has created.
    Destroy,
}

impl fmt::Display for Command {
    /// The word for it in the protocol.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// How a provider wants its configuration: `config_format` of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfigFormat {
    /// Inside the command line.
    #[default]
    Command,
    /// Bare, instead of a command line (P-6).
    Plain,
}

/// `protocol` in the command line: the optional parts of the protocol that DStream asks a provider for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProtocolRequest {
    /// Which parts.
    pub features: Capabilities,
    /// With checkpoints: how often an input should write one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_interval: Option<CheckpointInterval>,
}

/// The command line: `{"command":"run","config":{…}}`, or the bare config object.
#[derive(Debug, Clone)]
pub struct CommandLine<'a> {
    /// What to do.
    pub command: Command,
    /// The provider's configuration.
    pub config: Cow<'a, Map<String, Value>>,
    /// Which optional parts of the protocol are asked for. Not sent if there are none.
    pub protocol: ProtocolRequest,
    /// Where an input continues, byte for byte as it wrote it (P-46). Not sent in a first run, and
    /// never to outputs.
    pub checkpoint: Option<&'a RawValue>,
}

/// Why a first line is no command line.
#[derive(Debug)]
pub enum CommandError {
    /// There is none.
    Empty,
    /// It is not JSON.
    NotJson(serde_json::Error),
    /// It is JSON, but no object.
    NotAnObject,
    /// `command` is a word that the protocol does not have.
    UnknownCommand(String),
    /// `config` is no object.
    ConfigNotAnObject,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no command line came on stdin"),
            Self::NotJson(error) => write!(f, "the command line is not JSON: {error}"),
            Self::NotAnObject => f.write_str("the command line is not a JSON object"),
            Self::UnknownCommand(word) => write!(f, "there is no command `{word}`"),
            Self::ConfigNotAnObject => f.write_str("`config` is not an object"),
        }
    }
}

impl std::error::Error for CommandError {}

impl<'a> CommandLine<'a> {
    /// A command that asks for none of the protocol's optional parts.
    pub fn new(command: Command, config: &'a Map<String, Value>) -> Self {
        let protocol = ProtocolRequest::default();
        Self { command, config: Cow::Borrowed(config), protocol, checkpoint: None }
    }

    /// The line. In the plain format it is the config alone, without the command and what is asked for.
    pub fn encode(&self, format: ConfigFormat) -> String {
        #[derive(Serialize)]
        struct Fields<'a> {
            command: Command,
            config: &'a Map<String, Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            protocol: Option<Protocol>,
            #[serde(skip_serializing_if = "Option::is_none")]
            checkpoint: Option<&'a RawValue>,
        }
        #[derive(Serialize)]
        struct Protocol {
            version: u32,
            #[serde(flatten)]
            request: ProtocolRequest,
        }
        let request = self.protocol;
        match format {
            ConfigFormat::Plain => line(&self.config),
            ConfigFormat::Command => line(&Fields {
                command: self.command,
                config: &self.config,
                protocol: (!request.features.is_empty())
                    .then_some(Protocol { version: VERSION, request }),
                checkpoint: self.checkpoint,
            }),
        }
    }

    /// Reads a first line.
    ///
    /// It is a command where a text `command` stands beside a `config`, or beside nothing but the
    /// protocol's own fields. Every other object is a bare config, which means run, and may have a
    /// field `command` of its own.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn decode(line: &'a [u8]) -> Result<Self, CommandError> {
        if line.trim_ascii().is_empty() {
            return Err(CommandError::Empty);
        }
        if !line.trim_ascii_start().starts_with(b"{") {
            let json: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(line);
            return Err(json.map_or_else(CommandError::NotJson, |_| CommandError::NotAnObject));
        }
        let fields: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_slice(line).map_err(CommandError::NotJson)?;
        let own = |name: &str| matches!(name, "command" | "protocol" | "checkpoint");
        let is_command = fields.contains_key("config") || fields.keys().all(|name| own(name));
        let field = |name: &str| fields.get(name).map(|value| value.get());
        let word = field("command").filter(|_| is_command);
        let Some(word) = word.and_then(|word| serde_json::from_str::<String>(word).ok()) else {
            let config = serde_json::from_slice(line).map_err(CommandError::NotJson)?;
            return Ok(Self {
                command: Command::Run,
                config: Cow::Owned(config),
                protocol: ProtocolRequest::default(),
                checkpoint: None,
            });
        };
        let command: Result<_, serde::de::value::Error> =
            Command::deserialize(word.as_str().into_deserializer());
        let command = command.map_err(|_| CommandError::UnknownCommand(word))?;
        let config = match field("config").map(serde_json::from_str).transpose() {
            Ok(None | Some(Value::Null)) => Map::new(),
            Ok(Some(Value::Object(config))) => config,
            Ok(Some(_)) => return Err(CommandError::ConfigNotAnObject),
            Err(error) => return Err(CommandError::NotJson(error)),
        };
        Ok(Self {
            command,
            config: Cow::Owned(config),
            // What is not understood was not asked for.
            protocol: field("protocol")
                .and_then(|asked| serde_json::from_str(asked).ok())
                .unwrap_or_default(),
            checkpoint: fields.get("checkpoint").copied(),
        })
    }
}
