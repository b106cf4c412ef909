//! `generate`: made-up envelopes, the load for benches.

use std::time::{Duration, Instant};

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, log};
use serde::Deserialize;
use serde_json::Value;

/// Different payloads that are made at the start and used in turn.
const PAYLOADS: usize = 64;

/// Digits of a sequence number; padded with spaces in front, which JSON allows, so that every line
/// is as long as the next.
const SEQ_DIGITS: usize = 20;

/// Bytes of the longest line.
const LINE_BYTES_MAX: usize = 64 << 20;

/// How often a limited rate is looked at: lines come in small groups rather than each on its own.
const PACE: Duration = Duration::from_millis(5);

/// Lines between two looks at whether a stop is asked for.
const LINES_BETWEEN_LOOKS: u64 = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Envelopes in all; 0 is endless.
    #[serde(default)]
    count: u64,
    /// Envelopes a second; 0 is as fast as they are taken.
    #[serde(default)]
    rate: u64,
    /// Bytes of each line, its newline counted.
    #[serde(default)]
    line_bytes: Option<usize>,
    /// What `data` is, instead of a payload of `line_bytes`: any JSON, in whose texts `{seq}` and
    /// `{random}` stand for the number of the envelope and a number of 16 hexadecimal digits.
    #[serde(default)]
    template: Option<Value>,
    /// The same seed makes the same bytes.
    #[serde(default)]
    seed: u64,
    /// Write every line by itself.
    #[serde(default)]
    write: Writes,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Writes {
    /// As many lines in a write as a pipe holds.
    #[default]
    Bulk,
    /// One write a line.
    Line,
}

pub(crate) struct Generate {
    config: Config,
    lines: Lines,
}

impl Input for Generate {
    type Config = Config;

    fn start(config: Config) -> Result<Self, ProviderError> {
        let lines = match (&config.template, config.line_bytes) {
            (Some(_), Some(_)) => {
                return Err(ProviderError::config("line_bytes and template exclude each other"));
            }
            (Some(template), None) => Lines::templated(template, config.seed),
            (None, line_bytes) => Lines::payloads(line_bytes.unwrap_or(515), config.seed)?,
        };
        log::info(format_args!("starting with count={}, rate={}", config.count, config.rate));
        Ok(Self { config, lines })
    }

    fn stream(mut self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        let Config { count, rate, write, .. } = self.config;
        let started = Instant::now();
        for seq in 1.. {
            out.write_lines(self.lines.next(seq))?;
            if write == Writes::Line {
                out.flush()?;
            }
            let paced = rate > 0 && seq >= due(rate, started.elapsed());
            let stopped = if paced {
                wait_for(seq, rate, started, out, stop)?
            } else {
                seq % LINES_BETWEEN_LOOKS == 0 && stop.is_requested()
            };
            if seq == count || stopped {
                break;
            }
        }
        Ok(())
    }
}

/// How many envelopes should be out after `elapsed`.
fn due(rate: u64, elapsed: Duration) -> u64 {
    let due = elapsed.as_nanos().saturating_mul(u128::from(rate)) / 1_000_000_000;
    u64::try_from(due).unwrap_or(u64::MAX)
}

/// Waits until envelope `seq + 1` is due. Returns whether a stop is asked for.
fn wait_for(
    seq: u64,
    rate: u64,
    started: Instant,
    out: &mut EnvelopeWriter,
    stop: &Stop,
) -> Result<bool, ProviderError> {
    while seq >= due(rate, started.elapsed()) {
        let single = Duration::from_nanos(1_000_000_000 / rate);
        if out.pause(stop, PACE.max(single))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The lines, made ahead as far as they can be.
enum Lines {
    /// Whole lines with room for the number at the same place.
    Payloads { lines: Vec<Vec<u8>> },
    /// A line is put together from its pieces each time.
    Template { pieces: Vec<Piece>, line: Vec<u8>, random: Random },
}

enum Piece {
    Text(Vec<u8>),
    Seq,
    Random,
}

/// What comes before the number, between it and the payload, and after that.
const HEAD: &str = r#"{"data":{"seq":"#;
const MIDDLE: &str = r#","payload":""#;
const TAIL: &str = "\"},\"metadata\":{\"provider\":\"generate\"}}\n";
/// The same without a payload, for lines too short for one.
const SHORT_TAIL: &str = "}}\n";

impl Lines {
    fn payloads(line_bytes: usize, seed: u64) -> Result<Self, ProviderError> {
        let short = HEAD.len() + SEQ_DIGITS + SHORT_TAIL.len();
        let full = HEAD.len() + SEQ_DIGITS + MIDDLE.len() + TAIL.len();
        if !(short..=LINE_BYTES_MAX).contains(&line_bytes) {
            return Err(ProviderError::config(format!(
                "line_bytes must be from {short} to {LINE_BYTES_MAX}, not {line_bytes}"
            )));
        }
        let mut random = Random(seed);
        let count = PAYLOADS.min(LINE_BYTES_MAX / line_bytes).max(1);
        let mut line = |_| {
            let mut line = Vec::with_capacity(line_bytes);
            line.extend_from_slice(HEAD.as_bytes());
            line.extend_from_slice(&[b' '; SEQ_DIGITS]);
            if line_bytes < full {
                line.resize(line_bytes - SHORT_TAIL.len(), b' ');
                line.extend_from_slice(SHORT_TAIL.as_bytes());
            } else {
                line.extend_from_slice(MIDDLE.as_bytes());
                line.extend(random.words().take(line_bytes - full));
                line.extend_from_slice(TAIL.as_bytes());
            }
            line
        };
        Ok(Self::Payloads { lines: (0..count).map(&mut line).collect() })
    }

    fn templated(template: &Value, seed: u64) -> Self {
        let text = format!("{{\"data\":{template},\"metadata\":{{\"provider\":\"generate\"}}}}\n");
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let next = ["{seq}", "{random}"]
                .into_iter()
                .filter_map(|mark| rest.find(mark).map(|at| (at, mark)))
                .min();
            let (at, mark) = next.unwrap_or((rest.len(), ""));
            pieces.push(Piece::Text(rest.as_bytes()[..at].to_vec()));
            match mark {
                "{seq}" => pieces.push(Piece::Seq),
                "{random}" => pieces.push(Piece::Random),
                _ => {}
            }
            rest = &rest[at + mark.len()..];
        }
        Self::Template { pieces, line: Vec::new(), random: Random(seed) }
    }

    fn next(&mut self, seq: u64) -> &[u8] {
        match self {
            Self::Payloads { lines } => {
                let index = (seq % lines.len() as u64) as usize;
                let line = &mut lines[index];
                write_padded(&mut line[HEAD.len()..HEAD.len() + SEQ_DIGITS], seq);
                line
            }
            Self::Template { pieces, line, random } => {
                line.clear();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => line.extend_from_slice(text),
                        Piece::Seq => line.extend_from_slice(seq.to_string().as_bytes()),
                        Piece::Random => {
                            line.extend_from_slice(format!("{:016x}", random.next()).as_bytes());
                        }
                    }
                }
                line
            }
        }
    }
}

/// Writes a number at the end of `place`; what is before it has been blank or the digits of a
/// smaller number, which are all written over.
fn write_padded(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): small,
/// and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Lower-case words of different lengths with spaces between them.
    fn words(&mut self) -> impl Iterator<Item = u8> {
        std::iter::repeat_with(|| {
            let number = self.next();
            match number % 6 {
                0 => b' ',
                _ => b'a' + (number >> 32) as u8 % 26,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(lines: &mut Lines, seq: u64) -> String {
        String::from_utf8(lines.next(seq).to_vec()).unwrap()
    }

    #[test]
    fn lines_have_the_size_asked_for_and_are_envelopes() {
        for size in [40, 43, 60, 100, 515, 3500] {
            let mut lines = Lines::payloads(size, 7).unwrap();
            for seq in [1, 9, 10, 12_345, u64::MAX] {
                let line = line(&mut lines, seq);
                assert_eq!(line.len(), size);
                let envelope: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(envelope["data"]["seq"], seq);
            }
        }
        assert!(Lines::payloads(10, 7).is_err());
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes_and_another_others() {
        let made = |seed| line(&mut Lines::payloads(515, seed).unwrap(), 1);
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn a_template_is_filled_in() {
        let template = serde_json::json!({ "id": "{seq}", "key": "k-{seq}-{random}" });
        let envelope: Value =
            serde_json::from_str(&line(&mut Lines::templated(&template, 3), 12)).unwrap();
        assert_eq!(envelope["data"]["id"], "12");
        let key = envelope["data"]["key"].as_str().unwrap();
        assert_eq!((&key[..5], key.len()), ("k-12-", 5 + 16));
    }

    #[test]
    fn a_rate_is_exact_in_the_long_run() {
        assert_eq!(due(1000, Duration::from_millis(1500)), 1500);
        assert_eq!(due(3, Duration::from_secs(1_000_000)), 3_000_000);
        assert_eq!(due(u64::MAX, Duration::MAX), u64::MAX);
    }
}
