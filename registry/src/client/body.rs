//! Bodies that are read whole: never more than is allowed, and not for ever.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use reqwest::blocking::Response;

use super::RegistryError;

/// Reads a body of at most `limit_bytes`. It has to come within twice the timeout, however small
/// the pieces are it comes in.
pub(super) fn read(
    mut response: Response,
    what: &'static str,
    limit_bytes: u64,
    registry: &str,
    timeout: Duration,
) -> Result<Vec<u8>, RegistryError> {
    let too_large = || RegistryError::TooLarge { registry: registry.to_owned(), what, limit_bytes };
    if response.content_length().is_some_and(|length| length > limit_bytes) {
        return Err(too_large());
    }
    let deadline = Instant::now() + timeout * 2;
    let mut body = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let length = match response.read(&mut piece) {
            Ok(0) => return Ok(body),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(&error, what, registry)),
        };
        if body.len() as u64 + length as u64 > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&piece[..length]);
        if Instant::now() > deadline {
            let what = format!("{what} came too slowly");
            return Err(RegistryError::Stalled { registry: registry.to_owned(), what });
        }
    }
}

/// What a body came to that broke off.
pub(super) fn broken(error: &io::Error, what: &str, registry: &str) -> RegistryError {
    let registry = registry.to_owned();
    let source = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
    if source.is_some_and(reqwest::Error::is_timeout) || error.kind() == io::ErrorKind::TimedOut {
        return RegistryError::Stalled { registry, what: format!("{what} stopped coming") };
    }
    let cause = source.map_or_else(|| error.to_string(), super::error::cause_of);
    RegistryError::BrokenOff { registry, what: format!("{what}: {cause}") }
}
