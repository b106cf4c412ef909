//! Layer titles, `plugin.<os>_<arch>[.exe]`, and the platforms that they name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What an executable runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    os: &'static str,
    arch: &'static str,
}

const SYSTEMS: [&str; 3] = ["linux", "darwin", "windows"];
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid platform `{0}`: write os/arch with linux, darwin or windows, and amd64 or arm64")]
pub struct PlatformError(String);

/// A layer's title that nobody may publish.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{shown}` {problem}")]
pub struct TitleError {
    shown: String,
    problem: &'static str,
}

impl Platform {
    /// The one that this program runs on; `None` where providers are not made for it.
    pub fn here() -> Option<Self> {
        let os = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self::of(os, arch)
    }

    /// The platform of these names, as Go has them.
    pub fn of(os: &str, arch: &str) -> Option<Self> {
        let os = SYSTEMS.into_iter().find(|known| *known == os)?;
        let arch = ARCHITECTURES.into_iter().find(|known| *known == arch)?;
        Some(Self { os, arch })
    }

    /// `linux_amd64`: as titles and lock files have it.
    pub fn key(self) -> String {
        format!("{}_{}", self.os, self.arch)
    }

    /// The platform of a [`key`](Self::key).
    pub fn from_key(key: &str) -> Option<Self> {
        let (os, arch) = key.split_once('_')?;
        Self::of(os, arch)
    }

    /// The title of its layer: `plugin.windows_amd64.exe`.
    pub fn title(self) -> String {
        let ending = if self.os == "windows" { ".exe" } else { "" };
        format!("plugin.{}{ending}", self.key())
    }

    /// `linux`, `darwin` or `windows`.
    pub fn os(self) -> &'static str {
        self.os
    }

    /// `amd64` or `arm64`.
    pub fn arch(self) -> &'static str {
        self.arch
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts = text.split_once('/').or_else(|| text.split_once('_'));
        let found = parts.and_then(|(os, arch)| Self::of(os, arch));
        found.ok_or_else(|| {
            PlatformError(text.chars().filter(|c| !c.is_control()).take(60).collect())
        })
    }
}

/// Checks a layer's title; gives the platform if it is `plugin.<os>_<arch>`, packed or not.
///
/// Titles never become paths here, but other programs write files by them: an artifact with one
/// that leaves its folder was made to do harm.
pub(crate) fn check_title(title: &str) -> Result<Option<Platform>, TitleError> {
    let refused = |problem| TitleError { shown: title.escape_debug().take(80).collect(), problem };
    if title.chars().any(char::is_control) {
        return Err(refused("has control characters"));
    }
    if title.starts_with(['/', '\\']) || title.split(['/', '\\']).any(|part| part == "..") {
        return Err(refused("leaves its folder"));
    }
    let Some(rest) = title.strip_prefix("plugin.") else { return Ok(None) };
    let packed = [".tar.gz", ".tar.zst", ".tgz", ".tar", ".gz", ".zst"];
    let rest = packed.iter().find_map(|ending| rest.strip_suffix(ending)).unwrap_or(rest);
    let rest = match rest.strip_suffix(".exe") {
        Some(windows) if windows.starts_with("windows_") => windows,
        _ => rest,
    };
    Ok(Platform::from_key(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_platforms() {
        let platform =
            |title: &str| check_title(title).unwrap().map(|platform| platform.to_string());
        assert_eq!(platform("plugin.linux_amd64").as_deref(), Some("linux/amd64"));
        assert_eq!(platform("plugin.windows_arm64.exe").as_deref(), Some("windows/arm64"));
        assert_eq!(platform("plugin.windows_arm64").as_deref(), Some("windows/arm64"));
        assert_eq!(platform("plugin.darwin_arm64.tar.gz").as_deref(), Some("darwin/arm64"));
        for other in ["plugin.linux_amd64.exe", "plugin.linux_386", "plugin.", "README.md", "a/b"] {
            assert_eq!(platform(other), None, "{other}");
        }
        for platform in
            SYSTEMS.iter().flat_map(|os| ARCHITECTURES.map(|arch| Platform::of(os, arch)))
        {
            let platform = platform.unwrap();
            assert_eq!(check_title(&platform.title()), Ok(Some(platform)));
            assert_eq!(platform.to_string().parse(), Ok(platform));
            assert_eq!(platform.key().parse(), Ok(platform));
        }
        assert!("linux".parse::<Platform>().is_err());
        assert!(Platform::here().is_some());
    }

    #[test]
    fn titles_that_leave_their_folder_are_refused() {
        for title in ["../plugin", "/etc/passwd", "a/../../b", "..\\x", "\\x", "..", "a\0b", "a\nb"]
        {
            assert!(check_title(title).is_err(), "{title:?}");
        }
    }
}
