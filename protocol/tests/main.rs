//! Tests of the messages.
//!
//! | a new test of | goes into |
//! |---|---|
//! | the exact bytes of a line | `golden.rs` |
//! | what is understood, and what is refused | `decoding.rs` |
//! | any message or any bytes | `properties.rs` |

mod decoding;
mod golden;
mod properties;
