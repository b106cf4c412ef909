//! A checked task, as plain values: what `config` makes of a file, and `engine` runs. Knows no HCL, no
//! processes and no network.

mod confinement;
mod diagnostic;
mod places;
mod provider_ref;
mod secrets;
mod task;
pub mod units;

pub use confinement::{Confinement, ResourceLimits, Sandbox};
pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceText};
pub use dstream_filter::Filter;
pub use dstream_protocol::{CheckpointInterval, ConfigFormat, Side};
pub use dstream_reference::Reference;
pub use dstream_relay::Transport;
pub use places::{ConfigPlaces, Place, Step};
pub use provider_ref::ProviderRef;
pub use secrets::{MASK, MASKED_BYTES_MIN, Secrets};
pub use task::{
    CHECKPOINT_INTERVAL, Delivery, Handshake, OnInvalid, ProviderBlock, Restart, RestartPolicy,
    StreamOptions, Task, Validate,
};
