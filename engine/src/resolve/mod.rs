//! Provider reference → local executable. Knows nothing of tasks.

mod executable;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
pub(crate) use executable::interpreter_of;

use dstream_task::{ProviderRef, Reference, Side};

/// What can be started: a file and the arguments that make it this provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedProvider {
    /// An executable file.
    pub program: PathBuf,
    /// Its arguments; never anything of the provider's configuration.
    pub args: Vec<OsString>,
}

/// Where providers are looked for.
#[derive(Debug, Clone)]
pub struct ProviderSources {
    /// The program that holds the built-in providers, and the arguments that come before the
    /// side and the name of one.
    pub builtin: ResolvedProvider,
    /// The folders in which bare names are looked up, as in `PATH`.
    pub search_path: OsString,
    /// The executables of references, fetched and verified before the run: a run needs no network.
    pub fetched: BTreeMap<Reference, PathBuf>,
}

/// Why a provider cannot be started.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum ResolveError {
    #[error("there is no file `{}`", .0.display())]
    NotFound(PathBuf),
    #[error("no folder of PATH has an executable `{0}`")]
    NotInPath(String),
    #[error("`{}` is a folder", .0.display())]
    Folder(PathBuf),
    #[error("`{}` is not executable", .0.display())]
    NotExecutable(PathBuf),
    #[error("`{}` is made for {found}, this machine is {here}", path.display())]
    WrongPlatform { path: PathBuf, found: &'static str, here: String },
    #[error("`{}` names an interpreter that is not there: `{}`", path.display(), interpreter.display())]
    NoInterpreter { path: PathBuf, interpreter: PathBuf },
    #[error("the first line of `{}` ends in a carriage return (CRLF), which becomes part of what it names", .0.display())]
    CarriageReturn(PathBuf),
    #[error("`{}` cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("`{0}` was not fetched before the run")]
    NotFetched(Reference),
}

impl ResolveError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound(_) => {
                "provider_path is relative to the folder of the HCL file; build the provider, or correct the path"
            }
            Self::NotInPath(_) => {
                "a name without a slash is looked up in PATH; write ./name for a file beside the HCL file"
            }
            Self::Folder(_) => "name the provider's executable file in it",
            Self::NotExecutable(_) => "make it executable: chmod +x",
            Self::WrongPlatform { .. } => "build or download the provider for this machine",
            Self::NoInterpreter { .. } => {
                "install the interpreter, or correct the script's first line"
            }
            Self::CarriageReturn(_) => "save the script with LF line ends",
            Self::Unreadable(..) => "check the permissions of the file and of its folders",
            Self::NotFetched(_) => "fetch it first: dstream provider pull",
        }
    }
}

impl ProviderSources {
    /// Finds and checks the executable of a provider. `side` is the block's: two built-in providers
    /// may share a name.
    ///
    /// # Errors
    ///
    /// If there is none that can be started on this machine.
    pub fn resolve(
        &self,
        side: Side,
        provider: &ProviderRef,
    ) -> Result<ResolvedProvider, ResolveError> {
        match provider {
            ProviderRef::Builtin(name) => {
                let mut resolved = self.builtin.clone();
                resolved.args.extend([side.to_string().into(), name.into()]);
                Ok(resolved)
            }
            ProviderRef::Path(path) => {
                let program = self.find(path)?;
                executable::check(&program)?;
                Ok(ResolvedProvider { program, args: Vec::new() })
            }
            ProviderRef::Oci(reference) => {
                let program = self.fetched.get(reference).cloned();
                let program = program.ok_or_else(|| ResolveError::NotFetched(reference.clone()))?;
                executable::check(&program)?;
                Ok(ResolvedProvider { program, args: Vec::new() })
            }
        }
    }

    fn find(&self, path: &Path) -> Result<PathBuf, ResolveError> {
        let bare = path.parent().is_some_and(|parent| parent == OsStr::new(""));
        if !bare {
            return Ok(path.to_owned());
        }
        std::env::split_paths(&self.search_path)
            .map(|folder| folder.join(path))
            .find(|candidate| executable::is_executable_file(candidate))
            .ok_or_else(|| ResolveError::NotInPath(path.display().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use dstream_reference::parse_reference;

    use super::*;

    fn sources(search_path: &Path) -> ProviderSources {
        let builtin =
            ResolvedProvider { program: "/bin/dstream".into(), args: vec!["provider".into()] };
        ProviderSources { builtin, search_path: search_path.into(), fetched: BTreeMap::new() }
    }

    fn file(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend_from_slice(&machine.to_le_bytes());
        bytes.resize(64, 0);
        bytes
    }

    #[test]
    fn a_bare_name_is_looked_up_and_a_path_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let tool = file(folder.path(), "tool", b"#!/bin/sh\n", 0o755);
        file(folder.path(), "notes", b"text", 0o644);
        let sources = sources(folder.path());
        let resolve = |path: &Path| sources.resolve(Side::Input, &ProviderRef::Path(path.into()));
        assert_eq!(resolve(Path::new("tool")).unwrap().program, tool);
        assert_eq!(resolve(&tool).unwrap().program, tool);
        assert!(matches!(resolve(Path::new("notes")), Err(ResolveError::NotInPath(_))));
        assert!(matches!(resolve(Path::new("./tool")), Err(ResolveError::NotFound(_))));
    }

    #[test]
    fn what_cannot_run_is_said_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let foreign = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
        let cases = [
            (folder.join("missing"), "there is no file `"),
            (folder.to_owned(), "is a folder"),
            (file(folder, "plain", b"#!/bin/sh\n", 0o644), "is not executable"),
            (file(folder, "foreign", &elf(foreign), 0o755), "this machine is"),
            (file(folder, "windows", b"MZ\0\0\0\0", 0o755), "is made for Windows"),
            (file(folder, "script", b"#!/no/such/interpreter -x\n", 0o755), "/no/such/interpreter"),
            (file(folder, "crlf", b"#!/bin/sh\r\ntrue\r\n", 0o755), "carriage return (CRLF)"),
            (file(folder, "option", b"#! /bin/sh -e\r\n", 0o755), "carriage return (CRLF)"),
            (file(folder, "env", b"#!/usr/bin/env sh\r\n", 0o755), "carriage return (CRLF)"),
        ];
        for (path, expected) in cases {
            let error = sources(folder).resolve(Side::Input, &ProviderRef::Path(path)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn a_carriage_return_that_the_interpreter_overlooks_is_no_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let script = file(folder.path(), "split", b"#!/usr/bin/env -S sh -e\r\n", 0o755);
        let sources = sources(folder.path());
        assert_eq!(
            sources.resolve(Side::Input, &ProviderRef::Path(script.clone())).unwrap().program,
            script
        );
    }

    #[test]
    fn a_builtin_is_the_program_itself_and_a_reference_is_what_was_fetched_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = sources(Path::new("/"));
        let resolved =
            sources.resolve(Side::Input, &ProviderRef::Builtin("counter".into())).unwrap();
        assert_eq!(resolved.args, ["provider", "input", "counter"]);
        let reference = parse_reference("ghcr.io/a/b:v1", None).unwrap();
        let provider = ProviderRef::Oci(reference.clone());
        assert!(matches!(
            sources.resolve(Side::Input, &provider),
            Err(ResolveError::NotFetched(_))
        ));
        let program = file(folder.path(), "plugin", b"#!/bin/sh\n", 0o755);
        sources.fetched.insert(reference, program.clone());
        assert_eq!(sources.resolve(Side::Input, &provider).unwrap().program, program);
    }
}
