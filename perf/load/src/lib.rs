//! What `load-generate` and `load-sink` share, and what they tell `cargo xtask compare`.
//!
//! Both programs know the same [`Pattern`]: some lines that come again and again. So the generator has nothing to
//! format while it writes, and the sink finds a lost or changed byte with one comparison of memory, whatever the length
//! of the lines. What they cost is part of every figure; it has to be small, and the same for every relay.

#![forbid(unsafe_code)]

mod check;
mod clock;
mod pattern;
mod percentiles;
mod provider;
mod report;
mod usage;

pub use check::{Check, Difference};
pub use clock::{monotonic_ns, sleep_until_ns};
pub use pattern::{LINE_BYTES_MIN, Pattern, WRITE_BYTES, read_stamp, write_stamp};
pub use percentiles::Percentiles;
pub use provider::{ProviderError, arguments};
pub use report::{Generated, Received, write_report};
pub use usage::Usage;
