//! `dstream provider …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use dstream_registry::artifact::Platform;

#[derive(Subcommand)]
pub(crate) enum Provider {
    /// Fetch what the tags of providers point to now into the cache.
    #[command(after_help = "Example:
  dstream provider pull                             all references of dstream.hcl
  dstream provider pull ghcr.io/katasec/counter:v1
  dstream provider pull --platform linux/arm64 --json")]
    Pull(Pull),
    /// Publish a provider: one artifact with the executables of all its platforms.
    #[command(
        disable_version_flag = true,
        after_help = "Example:
  dstream provider push ghcr.io/me/counter:v1 dist/
  dstream provider push ghcr.io/me/counter:v1 --platform linux/amd64=target/release/counter --type input --version 1.0.0
  dstream provider push ghcr.io/me/counter:v1 dist/ --sign cosign.key

FILEs are named plugin.<os>_<arch> (.exe for Windows) or provider.json; a FOLDER stands for such files in it."
    )]
    Push(Push),
    /// Show what a reference points to, without downloading its executables.
    #[command(after_help = "Example:
  dstream provider inspect ghcr.io/katasec/counter:v1
  dstream provider inspect ghcr.io/katasec/counter:v1 --json")]
    Inspect {
        /// The provider's reference.
        #[arg(value_name = "REF")]
        reference: String,
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Show what is in the cache.
    #[command(after_help = "Example:
  dstream provider list
  dstream provider list --json")]
    List {
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
    /// Write the lock file: the digest of every reference.
    #[command(after_help = "Example:
  dstream provider lock
  dstream provider lock --platform linux/amd64 --platform darwin/arm64
  dstream provider lock --upgrade                   accept what the tags point to now
  dstream provider lock --upgrade ghcr.io/katasec/counter:v1")]
    Lock(Lock),
    /// Copy providers, all platforms, to another registry or into a folder.
    #[command(after_help = "Example:
  dstream provider mirror registry.lan:5000/mirror  all references of dstream.hcl
  dstream provider mirror ./providers ghcr.io/katasec/counter:v1
  DSTREAM_MIRROR=./providers dstream run orders     without a network")]
    Mirror(Mirror),
    /// Remove providers from the cache that the configuration does not use.
    #[command(after_help = "Example:
  dstream provider prune --dry-run
  dstream provider prune --all")]
    Prune(Prune),
    /// Check the cache against the lock file and verify signatures.
    #[command(after_help = "Example:
  dstream provider verify
  dstream provider verify ghcr.io/katasec/counter:v1 --json")]
    Verify {
        #[command(flatten)]
        references: References,
        /// Print JSON for programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct References {
    /// References of providers; without one, all that the configuration names.
    #[arg(value_name = "REF")]
    pub(crate) references: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    pub(crate) references: References,
    /// Fetch for another platform than this one; may be given several times.
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Vec<Platform>,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Push {
    /// Where to publish: registry, repository and tag.
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    // No documentation comment: rustdoc would read it as HTML.
    #[arg(
        value_name = "FILE",
        help = "Files named plugin.<os>_<arch> or provider.json, or folders with them"
    )]
    pub(crate) files: Vec<PathBuf>,
    /// The executable of a platform, whatever its file is named; may be given several times.
    #[arg(long, value_name = "OS/ARCH=PATH", value_parser = platform_and_path)]
    pub(crate) platform: Vec<(Platform, PathBuf)>,
    /// The provider's provider.json, config_schema included.
    #[arg(long, value_name = "FILE")]
    pub(crate) provider_json: Option<PathBuf>,
    /// The provider's name; overrides provider.json.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The provider's version; overrides provider.json.
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// What the provider does; overrides provider.json.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Whether the provider is an input or an output.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<Kind>,
    /// An annotation of the manifest; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::name_and_value)]
    pub(crate) annotation: Vec<(String, String)>,
    /// Sign it with this private key (PEM; the password of an encrypted one in COSIGN_PASSWORD).
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Input,
    Output,
}

#[derive(Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    pub(crate) references: References,
    /// Accept what the tags point to now.
    #[arg(long)]
    pub(crate) upgrade: bool,
    /// Lock this platform's executable only; may be given several times. Without it, all that the
    /// artifact has.
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Vec<Platform>,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Mirror {
    /// A registry, with a prefix if need be, or a folder (begins with `/`, `./` or `../`).
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) references: References,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Prune {
    /// Remove everything.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only show what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

fn platform_and_path(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, path) =
        text.split_once('=').ok_or("it must be OS/ARCH=PATH: linux/amd64=target/release/x")?;
    let platform = platform
        .parse()
        .map_err(|error: dstream_registry::artifact::PlatformError| error.to_string())?;
    Ok((platform, path.into()))
}
