//! `.dstream.lock.hcl`: which bytes each reference stands for, for everybody who has the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hcl::{Expression, ObjectKey, Structure};
use thiserror::Error;

use crate::artifact::{Digest, DigestError, Platform};
use crate::limits::LOCK_FILE_BYTES_MAX;
use dstream_reference::{Reference, parse_reference};

/// The file's name, beside the HCL file.
pub const LOCK_FILE: &str = ".dstream.lock.hcl";

/// The key of an executable that its artifact names no platform for.
pub const ANY_PLATFORM: &str = "any";

const HEADER: &str = "\
# Which bytes each provider reference stands for. Written by `dstream provider lock`: keep it under
# version control, and do not change it by hand.
";

/// What a reference is locked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of each platform's executable, by platform (`linux_amd64`).
    pub executables: BTreeMap<String, Digest>,
}

/// A lock file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// What is locked, by reference.
    pub pins: BTreeMap<Reference, Pin>,
}

/// Why a lock file cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum LockError {
    #[error("the lock file {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("the lock file {} cannot be written", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("the lock file {} is larger than {LOCK_FILE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("the lock file {} holds the marks of a merge that is not finished", .0.display())]
    Conflict(PathBuf),
    #[error("the lock file {} is not valid: {what}", path.display())]
    Invalid { path: PathBuf, what: String },
}

impl LockError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Unwritable { .. } => {
                "check its permissions and those of its folder"
            }
            Self::Conflict(_) => {
                "finish the merge, or take either side, and run `dstream provider lock`"
            }
            Self::TooLarge(_) | Self::Invalid { .. } => {
                "take it from version control, or remove it and run `dstream provider lock`"
            }
        }
    }
}

impl Lock {
    /// Where the lock file of an HCL file is.
    pub fn path_beside(hcl_file: &Path) -> PathBuf {
        hcl_file.with_file_name(LOCK_FILE)
    }

    /// Reads a lock file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is no lock file.
    pub fn read(path: &Path) -> Result<Option<Self>, LockError> {
        let unreadable = |error| LockError::Unreadable { path: path.to_owned(), error };
        let text = match fs::metadata(path) {
            Ok(metadata) if metadata.len() > LOCK_FILE_BYTES_MAX => {
                return Err(LockError::TooLarge(path.to_owned()));
            }
            Ok(_) => fs::read_to_string(path).map_err(unreadable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if text.lines().any(|line| line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>")) {
            return Err(LockError::Conflict(path.to_owned()));
        }
        let invalid = |what| LockError::Invalid { path: path.to_owned(), what };
        Self::parse(&text).map(Some).map_err(invalid)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let body = hcl::parse(text).map_err(|error| error.to_string())?;
        let mut lock = Self::default();
        for structure in body {
            let Structure::Block(block) = structure else {
                return Err("it has `provider` blocks only".to_owned());
            };
            let [label] = block.labels.as_slice() else {
                return Err("each block has a reference as its label".to_owned());
            };
            if block.identifier.as_str() != "provider" {
                return Err(format!("a block `{}`", block.identifier.as_str()));
            }
            let pin = Self::parse_pin(&block.body)
                .map_err(|what| format!("{}: {what}", label.as_str()))?;
            let reference = reference_of(label.as_str(), &pin)?;
            if lock.pins.insert(reference, pin).is_some() {
                return Err(format!("{} is there twice", label.as_str()));
            }
        }
        Ok(lock)
    }

    fn parse_pin(body: &hcl::Body) -> Result<Pin, String> {
        let (mut manifest, mut executables) = (None, BTreeMap::new());
        for structure in body.iter() {
            let Structure::Attribute(attribute) = structure else {
                return Err("a block within".to_owned());
            };
            match (attribute.key.as_str(), &attribute.expr) {
                ("manifest", value) => manifest = Some(digest(value)?),
                ("executables", Expression::Object(object)) => {
                    for (key, value) in object {
                        let key = match key {
                            ObjectKey::Identifier(name) => name.as_str().to_owned(),
                            ObjectKey::Expression(Expression::String(text)) => text.clone(),
                            _ => return Err("a key is not a platform".to_owned()),
                        };
                        if key != ANY_PLATFORM && Platform::from_key(&key).is_none() {
                            let shown: String = key.escape_debug().take(60).collect();
                            return Err(format!("unknown platform `{shown}`"));
                        }
                        executables.insert(key, digest(value)?);
                    }
                }
                (other, _) => return Err(format!("an attribute `{other}` that is not understood")),
            }
        }
        Ok(Pin { manifest: manifest.ok_or("its `manifest` is missing")?, executables })
    }

    /// Writes the lock file, whole or not at all. Gives whether anything has changed.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<bool, LockError> {
        let text = self.to_text();
        if fs::read_to_string(path).is_ok_and(|known| known == text) {
            return Ok(false);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        crate::cache::write_whole(folder.unwrap_or(Path::new(".")), path, text.as_bytes())
            .map_err(|error| LockError::Unwritable { path: path.to_owned(), error })?;
        Ok(true)
    }

    fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for (reference, pin) in &self.pins {
            // A reference has no character that would have to be escaped.
            let _ =
                write!(text, "\nprovider \"{reference}\" {{\n  manifest = \"{}\"\n", pin.manifest);
            let width = pin.executables.keys().map(String::len).max().unwrap_or_default();
            text.push_str("  executables = {\n");
            for (platform, digest) in &pin.executables {
                let _ = writeln!(text, "    {platform:width$} = \"{digest}\"");
            }
            text.push_str("  }\n}\n");
        }
        text
    }
}

/// The reference that a label is. It is written whole, and its digest, if it has one, is that of the
/// pin.
fn reference_of(label: &str, pin: &Pin) -> Result<Reference, String> {
    let shown = || label.escape_debug().take(300).collect::<String>();
    let reference = parse_reference(label, None)
        .map_err(|error| format!("invalid reference `{}`: {error}", shown()))?;
    if reference.as_str() != label {
        return Err(format!("`{}` has to be written `{reference}`", shown()));
    }
    match reference.digest() {
        Some(digest) if digest != pin.manifest.to_string() => {
            Err(format!("`{}` is locked to another digest, {}", shown(), pin.manifest))
        }
        _ => Ok(reference),
    }
}

fn digest(value: &Expression) -> Result<Digest, String> {
    match value {
        Expression::String(text) => {
            Digest::parse(text).map_err(|error: DigestError| error.to_string())
        }
        _ => Err("a digest is not a string".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let executables = [("linux_amd64", "a"), ("darwin_arm64", "b")];
        let executables = executables
            .map(|(platform, bytes)| (platform.to_owned(), Digest::sha256_of(bytes.as_bytes())));
        let pin = Pin { manifest: Digest::sha256_of(b"m"), executables: executables.into() };
        let other = Pin { manifest: Digest::sha256_of(b"n"), executables: BTreeMap::new() };
        Lock {
            pins: [
                (parse_reference("ghcr.io/katasec/counter:v1", None).unwrap(), pin),
                (parse_reference("127.0.0.1:5000/x:v2", None).unwrap(), other),
            ]
            .into(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = Lock::path_beside(&folder.path().join("dstream.hcl"));
        assert_eq!(path.file_name().unwrap(), LOCK_FILE);
        assert!(Lock::read(&path).unwrap().is_none());
        assert!(lock().write(&path).unwrap());
        assert!(!lock().write(&path).unwrap(), "nothing has changed");
        assert_eq!(Lock::read(&path).unwrap(), Some(lock()));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("    linux_amd64  = \"sha256:"), "{text}");
        assert!(Lock::default().write(&path).unwrap());
        assert_eq!(Lock::read(&path).unwrap(), Some(Lock::default()));
    }

    #[test]
    fn what_is_no_lock_file_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        let good = lock().to_text();
        let conflict = format!("<<<<<<< HEAD\n{good}=======\n>>>>>>> other\n");
        let twice = format!("{good}{good}");
        for (text, expected) in [
            (conflict.as_str(), "merge"),
            (&twice, "twice"),
            (&good.replace("linux_amd64", "linux_mips"), "unknown platform `linux_mips`"),
            (&good.replace("ghcr.io", "GHCR.io"), "has to be written `ghcr.io/"),
            (&good.replace("ghcr.io/", ""), "invalid reference"),
            (&good.replace(":v1", &format!("@{}", Digest::sha256_of(b"x"))), "another digest"),
            ("provider \"x\" {}", "`manifest` is missing"),
            ("provider \"x\" { manifest = \"sha256:1\" }", "invalid digest"),
            ("provider \"x\" { manifest = 1 }", "not a string"),
            ("provider {}", "label"),
            ("task \"x\" {}", "`task`"),
            ("a = 1", "blocks only"),
            ("provider \"x\" {", "not valid"),
            ("provider \"x\" { other = 1 }", "`other`"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Lock::read(&path).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().contains("dstream provider lock"));
        }
    }
}
