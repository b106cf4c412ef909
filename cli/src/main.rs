//! The `dstream` command.
fn main() {}
