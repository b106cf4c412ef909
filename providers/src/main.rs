//! A built-in provider as a program of its own, for this crate's tests and for trying one without
//! DStream: `echo '{"maxCount":3}' | cargo run -p dstream-providers -- counter`.

use std::io::Write;
use std::process::ExitCode;

/// What the command line names does not exist.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    dstream_providers::run(&name).unwrap_or_else(|| {
        let known = dstream_providers::PROVIDERS.iter().map(|provider| provider.name);
        let known = known.collect::<Vec<_>>().join(", ");
        let _ =
            writeln!(std::io::stderr(), "error: there is no provider `{name}`; there are {known}");
        ExitCode::from(USAGE)
    })
}
