//! Write DStream providers in Rust.
