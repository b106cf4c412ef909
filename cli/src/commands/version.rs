//! `dstream version`.

use std::process::ExitCode;

use serde_json::json;

/// The version of the provider protocol that this program speaks.
const PROTOCOL: u32 = 1;

pub(super) fn version(json: bool) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let text = if json {
        format!("{}\n", json!({ "version": version, "protocol": PROTOCOL, "platform": platform }))
    } else {
        format!("dstream {version} ({platform}, provider protocol {PROTOCOL})\n")
    };
    super::print(&text)
}
