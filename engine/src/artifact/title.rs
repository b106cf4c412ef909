//! What a layer is called: `plugin.linux_amd64`, `plugin.windows_amd64.exe`, `provider.json`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Bytes of a title, most: what a file system takes as a name.
const TITLE_BYTES_MAX: usize = 255;

/// Ends of titles that say how a layer is packed, longest first.
const PACKED: &[&str] =
    &[".tar.gz", ".tar.zst", ".tar.zstd", ".tgz", ".tzst", ".tar", ".gz", ".zst", ".zstd"];

/// An operating system that providers are published for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Os {
    Linux,
    Darwin,
    Windows,
}

/// A processor that providers are published for, by Go's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Arch {
    Amd64,
    Arm64,
}

/// What an executable is made for. Its text is `linux/amd64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system.
    pub os: Os,
    /// The processor.
    pub arch: Arch,
}

/// Why a text names no platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no platform: os/arch with one of linux, darwin, windows and one of amd64, arm64, such as linux/amd64"
)]
pub struct PlatformError(String);

/// Why a layer may not be called what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TitleError {
    /// Nothing there.
    #[error("a layer's title is empty")]
    Empty,
    /// No file could be called so.
    #[error("a layer's title has more than {TITLE_BYTES_MAX} bytes")]
    TooLong,
    /// It leads somewhere: it is absolute, goes up, or has folders.
    #[error("the layer title `{0}` is a path; only a file name is allowed")]
    Path(String),
    /// It has a character that is none of a file name everywhere.
    #[error("the layer title `{title}` has the character `{}`, which no file name may have", character.escape_debug())]
    Character {
        /// The title, escaped.
        title: String,
        /// Which character.
        character: char,
    },
    /// `.exe` and yet not for Windows.
    #[error("the layer title `{title}` ends in .exe, but names {platform}")]
    ExeElsewhere {
        /// The title.
        title: String,
        /// What it says it is for.
        platform: Platform,
    },
}

impl Platform {
    /// The platform this program is made for, if providers are published for it.
    pub fn here() -> Option<Self> {
        let os = match std::env::consts::OS {
            "macos" => Os::Darwin,
            other => Os::named(other)?,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => Arch::Amd64,
            "aarch64" => Arch::Arm64,
            _ => return None,
        };
        Some(Self { os, arch })
    }

    /// As it stands in file names: `linux_amd64`.
    pub fn key(self) -> String {
        format!("{}_{}", self.os, self.arch)
    }

    /// What reads [`Platform::key`].
    fn from_key(key: &str) -> Option<Self> {
        let (os, arch) = key.split_once('_')?;
        Some(Self { os: Os::named(os)?, arch: Arch::named(arch)? })
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
        text.split_once('/')
            .and_then(|(os, arch)| Some(Self { os: Os::named(os)?, arch: Arch::named(arch)? }))
            .ok_or_else(|| PlatformError(text.escape_debug().to_string()))
    }
}

impl Os {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "linux" => Self::Linux,
            "darwin" => Self::Darwin,
            "windows" => Self::Windows,
            _ => return None,
        })
    }
}

impl Arch {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "amd64" => Self::Amd64,
            "arm64" => Self::Arm64,
            _ => return None,
        })
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "linux",
            Self::Darwin => "darwin",
            Self::Windows => "windows",
        })
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

/// Checks that a layer's title is a plain file name, and reads the platform of an executable from
/// it: `plugin.<os>_<arch>`, with `.exe` or without for Windows, and perhaps an end that says how
/// it is packed (`.gz`, `.tar.zst`). Any other name has no platform, also one for a platform that
/// this version does not know.
///
/// # Errors
///
/// If a file of that name could land anywhere else than where it is put, or could not be made; and
/// for `.exe` on another system than Windows, where one of the two must be wrong.
pub fn check_title(title: &str) -> Result<Option<Platform>, TitleError> {
    if title.is_empty() {
        return Err(TitleError::Empty);
    }
    if title.len() > TITLE_BYTES_MAX {
        return Err(TitleError::TooLong);
    }
    if title.contains(['/', '\\']) || title == "." || title == ".." {
        return Err(TitleError::Path(title.escape_debug().to_string()));
    }
    // A colon is a drive or a second stream of a file on Windows.
    if let Some(character) = title.chars().find(|&c| c.is_control() || "<>:\"|?*".contains(c)) {
        return Err(TitleError::Character { title: title.escape_debug().to_string(), character });
    }
    let name = PACKED.iter().find_map(|end| title.strip_suffix(end)).unwrap_or(title);
    let Some(key) = name.strip_prefix("plugin.") else {
        return Ok(None);
    };
    match key.strip_suffix(".exe").map(Platform::from_key) {
        None => Ok(Platform::from_key(key)),
        Some(Some(platform)) if platform.os != Os::Windows => {
            Err(TitleError::ExeElsewhere { title: title.to_owned(), platform })
        }
        Some(windows) => Ok(windows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_two_spellings() {
        for (text, key) in [
            ("linux/amd64", "linux_amd64"),
            ("darwin/arm64", "darwin_arm64"),
            ("windows/amd64", "windows_amd64"),
        ] {
            let platform: Platform = text.parse().unwrap();
            assert_eq!(platform.to_string(), text);
            assert_eq!(platform.key(), key);
            assert_eq!(check_title(&format!("plugin.{key}")), Ok(Some(platform)));
        }
        for wrong in ["", "linux", "linux_amd64", "linux/x86_64", "Linux/amd64", "linux/amd64/v2"] {
            wrong.parse::<Platform>().unwrap_err();
        }
        let error = "macos/arm\u{1b}".parse::<Platform>().unwrap_err().to_string();
        assert!(error.starts_with("`macos/arm\\u{1b}` is no platform"), "{error}");
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert_eq!(Platform::here().unwrap().to_string(), "linux/amd64");
        }
    }

    #[test]
    fn reads_the_platform_of_a_title() {
        let windows = Some(Platform { os: Os::Windows, arch: Arch::Arm64 });
        let linux = Some(Platform { os: Os::Linux, arch: Arch::Amd64 });
        for (title, platform) in [
            ("plugin.windows_arm64", windows),
            ("plugin.windows_arm64.exe", windows),
            ("plugin.windows_arm64.exe.gz", windows),
            ("plugin.linux_amd64.tar.gz", linux),
            ("plugin.linux_amd64.tgz", linux),
            ("plugin.linux_amd64.zst", linux),
            ("plugin.linux_riscv64", None),
            ("plugin.linux_amd64.sig", None),
            ("plugin.plan9_amd64.exe", None),
            ("plugin", None),
            ("provider.json", None),
            ("..double", None),
        ] {
            assert_eq!(check_title(title), Ok(platform), "{title}");
        }
    }

    #[test]
    fn refuses_what_is_no_file_name() {
        use TitleError as E;
        let path = |title: &str| E::Path(title.to_owned());
        let character =
            |title: &str, character| E::Character { title: title.to_owned(), character };
        for (title, error) in [
            ("", E::Empty),
            (".", path(".")),
            ("..", path("..")),
            ("/plugin.linux_amd64", path("/plugin.linux_amd64")),
            ("../plugin.linux_amd64", path("../plugin.linux_amd64")),
            ("a/plugin.linux_amd64", path("a/plugin.linux_amd64")),
            ("..\\plugin.linux_amd64", path("..\\\\plugin.linux_amd64")),
            ("C:plugin", character("C:plugin", ':')),
            ("plugin\0", character("plugin\\0", '\0')),
            ("plugin\n.linux_amd64", character("plugin\\n.linux_amd64", '\n')),
            (&"x".repeat(256), E::TooLong),
        ] {
            assert_eq!(check_title(title), Err(error), "{title:?}");
        }
        let error = check_title("plugin.linux_amd64.exe").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the layer title `plugin.linux_amd64.exe` ends in .exe, but names linux/amd64"
        );
    }
}
