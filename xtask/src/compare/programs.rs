//! The programs that take part: builds those of the repository, looks for the others.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::peers::{ALL, Command as Between, Peer, Program, Relay};
use crate::cargo::{Profile, build, target_folder};
use crate::root;

/// Where things are.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) generator: PathBuf,
    pub(super) sink: PathBuf,
    /// Where what is built in Rust is.
    built: PathBuf,
    dstream: PathBuf,
    dstream_help: String,
    /// For what is built and written on the way.
    pub(super) folder: PathBuf,
}

/// A peer that can be started.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) peer: &'static Peer,
    /// What is between the two ends; none for the bare pipe.
    pub(super) program: Option<PathBuf>,
    pub(super) version: String,
}

impl Programs {
    /// Builds the two ends, the peers written in Rust, and `dstream`.
    pub(super) fn build(profile: Profile) -> Result<Self, String> {
        let peers = ALL.iter().filter_map(|peer| match peer.relay {
            Relay::Between(Between { program: Program::Rust(name), .. }) => Some(name),
            _ => None,
        });
        let programs = ["dstream", "load-generate", "load-sink"].into_iter().chain(peers);
        let built = build(profile, programs)?;
        let folder = target_folder()?.join("compare");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let dstream = built.join("dstream");
        let dstream_help = output_of(&dstream, &["run", "--help"])?;
        Ok(Self {
            generator: built.join("load-generate"),
            sink: built.join("load-sink"),
            built,
            dstream,
            dstream_help,
            folder,
        })
    }

    /// Finds a peer, or says why it is left out.
    pub(super) fn find(&self, peer: &'static Peer) -> Result<Found, String> {
        let (program, version) = match peer.relay {
            Relay::None => (None, String::new()),
            Relay::Between(command) => match command.program {
                Program::OnPath(name) => {
                    let program = on_path(name)?;
                    let version = version(&program, command.version);
                    (Some(program), version)
                }
                Program::Go(name) => {
                    (Some(self.build_with_go(name)?), version(&on_path("go")?, "version"))
                }
                Program::Rust(name) => (Some(self.built.join(name)), String::new()),
            },
            Relay::SyslogNg => {
                let program = on_path("syslog-ng")?;
                let version = version(&program, "--version");
                (Some(program), version)
            }
            Relay::DStream(variant) => {
                if let Some(unknown) = unknown_flag(&self.dstream_help, variant.flags) {
                    return Err(format!("this dstream does not know `{unknown}`"));
                }
                (Some(self.dstream.clone()), version(&self.dstream, "version"))
            }
        };
        Ok(Found { peer, program, version })
    }

    fn build_with_go(&self, name: &str) -> Result<PathBuf, String> {
        let go = on_path("go")?;
        let program = self.folder.join(name);
        let source = root().join("perf/peers").join(name).with_extension("go");
        let mut build = Command::new(go);
        build.arg("build").arg("-o").arg(&program).arg(source).env("GO111MODULE", "off");
        match build.output() {
            Ok(output) if output.status.success() => Ok(program),
            Ok(output) => {
                Err(format!("go build: {}", String::from_utf8_lossy(&output.stderr).trim()))
            }
            Err(error) => Err(format!("go build: {error}")),
        }
    }
}

/// The flag that the help does not speak of. The value after a flag must be there too.
fn unknown_flag<'a>(help: &str, flags: &[&'a str]) -> Option<&'a str> {
    flags.iter().copied().find(|flag| !help.contains(flag))
}

fn on_path(name: &str) -> Result<PathBuf, String> {
    let folders = env::var_os("PATH").unwrap_or_default();
    // syslog-ng is where administrators' programs are.
    let folders = env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let mut found = folders.map(|folder| folder.join(name)).filter(|path| path.is_file());
    found.next().ok_or_else(|| format!("`{name}` is not installed"))
}

/// The first line of what a program says of itself.
fn version(program: &Path, argument: &str) -> String {
    let said = output_of(program, &[argument]).unwrap_or_default();
    said.lines().next().unwrap_or("unknown").trim().to_owned()
}

fn output_of(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    // mbuffer tells its version on stderr.
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_needs_its_flag_and_its_value_in_the_help() {
        let help = "--transport <NAME>  [possible values: splice, portable]";
        assert_eq!(unknown_flag(help, &["--transport", "splice"]), None);
        assert_eq!(unknown_flag(help, &["--transport", "uring"]), Some("uring"));
        assert_eq!(unknown_flag(help, &["--stats"]), Some("--stats"));
        assert_eq!(unknown_flag(help, &[]), None);
    }

    #[test]
    fn what_is_not_installed_is_named() {
        let error = on_path("no-such-program-anywhere").unwrap_err();
        assert_eq!(error, "`no-such-program-anywhere` is not installed");
    }
}
