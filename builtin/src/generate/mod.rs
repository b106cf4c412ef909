//! `generate`: made-up envelopes, the load for benches and tests.
//!
//! ```hcl
//! input {
//!   provider = "generate"
//!   config {
//!     count      = 1000000   # envelopes in all; 0, the default, is endless
//!     rate       = 10000     # envelopes a second; 0, the default, is as fast as they are taken
//!     line_bytes = 515       # bytes of each line without its newline, from 50 to 64 MiB
//!     seed       = 7         # the same seed makes the same bytes; default 0
//!     write      = "bulk"    # many lines in a write, or "line": one write a line
//!   }
//! }
//! ```
//!
//! Instead of `line_bytes` a `template` says what `data` is: any value, in whose texts `{seq}` stands
//! for the envelope's number, `{random}` for a number below 2⁵³, `{uuid}` for a random UUID and
//! `{time}` for the present in UTC. A text that is only `{seq}` or `{random}` becomes a number.
//!
//! ```hcl
//! template = { id = "{seq}", name = "user-{seq}", at = "{time}" }
//! ```

mod block;
mod random;
mod template;

use std::time::{Duration, Instant};

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::block::{Block, LINE_BYTES_MAX, LINE_BYTES_MIN};
use self::template::Template;
use crate::position::position;

/// The size of a line where nothing is said.
const LINE_BYTES: usize = 515;

/// The shortest wait where the rate is limited: what falls due within it goes out together.
const PACE: Duration = Duration::from_millis(1);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    count: u64,
    rate: u64,
    #[serde(alias = "lineBytes")]
    line_bytes: Option<usize>,
    template: Option<Value>,
    seed: u64,
    write: Writes,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Writes {
    #[default]
    Bulk,
    Line,
}

pub(crate) struct Generate {
    count: u64,
    rate: u64,
    write: Writes,
    lines: Lines,
    /// How many envelopes earlier runs have made.
    done: u64,
}

/// Where it goes on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    seq: u64,
}

enum Lines {
    Block(Block),
    Template(Template),
}

impl Lines {
    /// Lines from number `seq` on, from 1 to `most` of them.
    fn next(&mut self, seq: u64, most: u64) -> (&[u8], u64) {
        match self {
            Self::Block(block) => block.lines(seq, most),
            Self::Template(template) => template.lines(seq, most),
        }
    }
}

impl Input for Generate {
    type Config = Config;

    fn check(config: &Config) -> Result<(), ProviderError> {
        let message = match (&config.template, config.line_bytes) {
            (Some(_), Some(_)) => "line_bytes and template exclude each other".to_owned(),
            (None, Some(bytes)) if !(LINE_BYTES_MIN..=LINE_BYTES_MAX).contains(&bytes) => {
                format!("line_bytes must be from {LINE_BYTES_MIN} to {LINE_BYTES_MAX}, not {bytes}")
            }
            _ => return Ok(()),
        };
        Err(ProviderError::config(message))
    }

    fn start(config: Config) -> Result<Self, ProviderError> {
        let Config { count, rate, line_bytes, template, seed, write } = config;
        let lines = match template {
            Some(template) => Lines::Template(Template::new(&template, seed)),
            None => Lines::Block(Block::new(line_bytes.unwrap_or(LINE_BYTES), seed)),
        };
        log::info!("starting with count={count}, rate={rate}/s");
        Ok(Self { count, rate, write, lines, done: 0 })
    }

    const RESUMES: bool = true;

    fn resume(&mut self, checkpoint: Option<Value>) -> Result<(), ProviderError> {
        if let Some(checkpoint) = checkpoint {
            self.done = position::<Position>(checkpoint)?.seq;
            log::info!("resuming after envelope {}", self.done);
        }
        Ok(())
    }

    fn stream(mut self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        let started = Instant::now();
        let total = if self.count == 0 { u64::MAX } else { self.count };
        let together = if self.write == Writes::Line { 1 } else { u64::MAX };
        let mut made = self.done;
        while made < total && !stop.is_requested() {
            if out.is_checkpoint_due() {
                out.checkpoint(&Position { seq: made })?;
            }
            let due = due(self.rate, started.elapsed()).saturating_add(self.done);
            if due <= made {
                out.pause(stop, wait(self.rate, made - self.done, started.elapsed()))?;
                continue;
            }
            let most = together.min(due - made).min(total - made);
            let (lines, count) = self.lines.next(made + 1, most);
            out.write_lines(lines)?;
            if self.write == Writes::Line {
                out.flush()?;
            }
            made += count;
        }
        if made > self.done {
            out.checkpoint(&Position { seq: made })?;
        }
        Ok(())
    }
}

/// How many envelopes should be out after `elapsed`; the first is due at once.
fn due(rate: u64, elapsed: Duration) -> u64 {
    if rate == 0 {
        return u64::MAX;
    }
    let due = elapsed.as_nanos().saturating_mul(u128::from(rate)) / 1_000_000_000;
    u64::try_from(due).unwrap_or(u64::MAX).saturating_add(1)
}

/// How long it is until envelope number `made + 1` is due, at least [`PACE`].
fn wait(rate: u64, made: u64, elapsed: Duration) -> Duration {
    let at = (u128::from(made) * 1_000_000_000).div_ceil(u128::from(rate.max(1)));
    let at = Duration::from_nanos(u64::try_from(at).unwrap_or(u64::MAX));
    at.saturating_sub(elapsed).max(PACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_exact_in_the_long_run() {
        assert_eq!(due(1000, Duration::ZERO), 1);
        assert_eq!(due(1000, Duration::from_millis(1500)), 1501);
        assert_eq!(due(3, Duration::from_secs(1_000_000)), 3_000_001);
        assert_eq!(due(u64::MAX, Duration::MAX), u64::MAX);
        assert_eq!(due(0, Duration::ZERO), u64::MAX);
    }

    #[test]
    fn after_a_wait_the_next_is_due() {
        for (rate, made) in [(1, 1), (3, 1), (3, 2), (7, 100), (1_000_000, 1), (999_983, 12_345)] {
            let elapsed = Duration::from_micros(1);
            let later = elapsed + wait(rate, made, elapsed);
            assert!(due(rate, later) > made, "{rate} {made}");
        }
        assert_eq!(wait(1, 5, Duration::from_secs(2)), Duration::from_secs(3));
        assert_eq!(wait(1_000_000, 5, Duration::ZERO), PACE);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let check = |config| Generate::check(&config).map_err(|error| error.to_string());
        let sized = |bytes| check(Config { line_bytes: Some(bytes), ..Config::default() });
        assert!(sized(LINE_BYTES_MIN).is_ok());
        assert_eq!(sized(49), Err("line_bytes must be from 50 to 67108864, not 49".to_owned()));
        assert!(sized(LINE_BYTES_MAX + 1).is_err());
        let template = Some(Value::Null);
        assert!(check(Config { line_bytes: Some(515), template, ..Config::default() }).is_err());
    }
}
