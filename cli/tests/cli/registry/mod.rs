//! Providers from registries: real ones (Debian's `docker-registry`), and some that misbehave.
//!
//! `cargo xtask test` installs `docker-registry` and then demands it; a plain `cargo test` without it
//! leaves these tests out, and says so.

mod artifacts;
mod authentication;
mod cache;
mod foreign;
mod full_path;
mod hostile;
mod locking;
mod mirrors;
mod misbehaving;
mod real;
mod schema;
mod tokens;
mod trust;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::harness::{DSTREAM, Outcome, Sandbox};

impl Sandbox {
    /// The command with a cache and a home of its own.
    pub(crate) fn provider_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        for (name, folder) in [
            ("DSTREAM_HOME", "cache"),
            ("HOME", "home"),
            ("DOCKER_CONFIG", "home/.docker"),
            ("XDG_RUNTIME_DIR", "home/run"),
        ] {
            command.env(name, self.path(folder));
        }
        for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command.env_remove("REGISTRY_AUTH_FILE");
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn dstream(&self, args: &[&str]) -> Outcome {
        self.start_command(self.provider_command(args)).outcome()
    }

    /// The same, with more in its environment.
    #[track_caller]
    pub(crate) fn dstream_with(&self, args: &[&str], env: &[(&str, &str)]) -> Outcome {
        let mut command = self.provider_command(args);
        command.envs(env.iter().copied());
        self.start_command(command).outcome()
    }

    /// A folder `name` with a built-in provider (side and name) as the executable of every platform, and this as its
    /// provider.json.
    pub(crate) fn write_provider(&self, name: &str, builtin: &str, metadata: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        for platform in ["linux_amd64", "linux_arm64"] {
            // Different bytes for each, as with real ones.
            let text = format!("#!/bin/sh\n# {platform}\nexec {DSTREAM} __provider {builtin}\n");
            self.write(&format!("{name}/plugin.{platform}"), text);
        }
        self.write(&format!("{name}/provider.json"), metadata);
    }

    /// A path of this folder that was shown, as it really is.
    pub(crate) fn shown_path(&self, shown: &Value) -> PathBuf {
        let shown = shown.as_str().unwrap();
        self.path(shown.strip_prefix("[DIR]/").unwrap_or(shown))
    }

    /// The names in a folder of the cache.
    pub(crate) fn cached(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path("cache").join(folder));
        let entries = entries.map(|entries| entries.map(|entry| entry.unwrap()).collect());
        let entries: Vec<fs::DirEntry> = entries.unwrap_or_default();
        entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

impl Outcome {
    /// stdout as JSON, after a success.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.said(0, &[]);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// The platform that these tests run on, as layers name it.
pub(crate) fn here() -> &'static str {
    if cfg!(target_arch = "aarch64") { "linux_arm64" } else { "linux_amd64" }
}

/// The same as people write it.
pub(crate) fn here_shown() -> &'static str {
    if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" }
}
