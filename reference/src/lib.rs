//! What providers and registries are called, and whose signature is asked for. Makes no requests.

mod mirror;
mod nearest;
mod public_key;
mod reference;
mod trust;

pub use mirror::Mirror;
pub use nearest::{did_you_mean, is_same_name, listed, nearest};
pub use public_key::{PublicKey, PublicKeyError, decode_pem};
pub use reference::{
    Reference, ReferenceError, canonical_registry, check_registry, is_loopback, parse_reference,
    split_port,
};
pub use trust::{TrustPattern, TrustPolicy};
