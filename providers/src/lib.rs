//! The providers that DStream ships.
#![allow(missing_docs)]
pub struct ProviderInfo {
    pub name: &'static str,
    pub side: Side,
    pub summary: &'static str,
}
#[derive(Clone, Copy)]
pub enum Side {
    Input,
    Output,
}
pub const PROVIDERS: &[ProviderInfo] = &[
    ProviderInfo { name: "counter", side: Side::Input, summary: "" },
    ProviderInfo { name: "console", side: Side::Output, summary: "" },
];
pub fn run(_name: &str) -> Option<std::process::ExitCode> {
    None
}
