//! What a provider is made of in a registry: manifests, layers, provider.json. Knows no network.

mod digest;
mod manifest;
mod metadata;
mod title;
mod unpack;

pub(crate) use digest::Hasher;
pub use digest::{Digest, DigestError};
pub use manifest::{
    Artifact, ArtifactError, Content, IndexEntry, Layer, Offer, PROVIDER_ARTIFACT_TYPE,
};
pub(crate) use manifest::{METADATA_TITLE, TITLE, layer_of, offer_for, read_manifest};
pub use metadata::ProviderMetadata;
pub use title::{Platform, PlatformError, TitleError};
pub(crate) use unpack::{Packing, UnpackError, is_executable, unpack};
