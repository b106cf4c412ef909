//! The first line on stdin: what to do and with what.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ProviderError;

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

/// A command line: `{"command":"run","config":{…}}`, or the bare config object, which means run.
pub(crate) struct Invocation {
    pub(crate) command: Command,
    config: Value,
}

impl Invocation {
    pub(crate) fn parse(line: &[u8]) -> Result<Self, ProviderError> {
        if line.trim_ascii().is_empty() {
            return Err(ProviderError::config("no command line came on stdin"));
        }
        let mut line: Value = serde_json::from_slice(line).map_err(|error| {
            ProviderError::config(format!("the command line is not JSON: {error}"))
        })?;
        let command = match line.get("command").and_then(Value::as_str) {
            Some("run") => Command::Run,
            Some("init") => Command::Init,
            Some("plan") => Command::Plan,
            Some("status") => Command::Status,
            Some("destroy") => Command::Destroy,
            Some(other) if line.get("config").is_some() => {
                return Err(ProviderError::config(format!("there is no command `{other}`")));
            }
            _ => return Ok(Self { command: Command::Run, config: line }),
        };
        let config = line.get_mut("config").map_or(Value::Null, Value::take);
        let config = if config.is_null() { Value::Object(serde_json::Map::new()) } else { config };
        Ok(Self { command, config })
    }

    pub(crate) fn config<C: DeserializeOwned>(self) -> Result<C, ProviderError> {
        serde_json::from_value(self.config)
            .map_err(|error| ProviderError::config(format!("wrong config: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Command, Value), String> {
        let parsed = Invocation::parse(line.as_bytes()).map_err(|error| error.to_string())?;
        Ok((parsed.command, parsed.config))
    }

    #[test]
    fn both_formats_are_understood() {
        let config = serde_json::json!({ "a": 1 });
        assert_eq!(
            parse(r#"{"command":"plan","config":{"a":1}}"#),
            Ok((Command::Plan, config.clone()))
        );
        assert_eq!(parse(r#"{"a":1}"#), Ok((Command::Run, config)));
        assert_eq!(parse(r#"{"command":"run"}"#), Ok((Command::Run, serde_json::json!({}))));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(parse("").unwrap_err().contains("no command line"));
        assert!(parse("{").unwrap_err().contains("not JSON"));
        assert!(parse(r#"{"command":"fly","config":{}}"#).unwrap_err().contains("`fly`"));
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Config {
            #[expect(dead_code)]
            count: u64,
        }
        let wrong = |line: &str| {
            let parsed = Invocation::parse(line.as_bytes()).unwrap();
            parsed.config::<Config>().unwrap_err().to_string()
        };
        assert!(wrong(r#"{"count":"x"}"#).contains("invalid type: string"));
        assert!(wrong(r#"{"cuont":1}"#).contains("unknown field `cuont`, expected `count`"));
    }
}
