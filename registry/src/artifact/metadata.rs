//! `provider.json`: what a provider says of itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a provider says of itself. Everything is optional: existing ones differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderMetadata {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it does, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `input` or `output`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What its `config` may hold, either a map of fields or JSON Schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
    /// What it is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Value>,
}

impl ProviderMetadata {
    /// Reads a provider.json.
    ///
    /// # Errors
    ///
    /// If it is no JSON object with these members, why.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
