//! Artifacts: what a provider is published as, and how a layer of one becomes an executable file.

mod title;
#[allow(dead_code, reason = "its user comes with the registry")]
pub(crate) mod unpack;

pub use title::{Arch, Os, Platform, PlatformError, TitleError, check_title};
