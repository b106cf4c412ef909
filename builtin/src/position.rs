//! Checkpoints that these providers make themselves, read again.

use dstream_sdk::ProviderError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads one; another provider's, or that of another version, is refused.
pub(crate) fn position<P: DeserializeOwned>(checkpoint: Value) -> Result<P, ProviderError> {
    serde_json::from_value(checkpoint).map_err(|error| {
        ProviderError::config(format!(
            "the stored checkpoint was not made by this provider ({error}); `dstream state reset` forgets it"
        ))
    })
}
