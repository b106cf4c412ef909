//! Dates. A timestamp is a string as RFC 3339 has it, `2006-01-02T15:04:05Z`, with a fraction of a
//! second and an offset if need be; results have no fraction.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};

pub(super) const TABLE: &[Function] = &[
    function("formatdate", "format, timestamp", formatdate),
    function("timeadd", "timestamp, duration", timeadd),
    function("timecmp", "timestamp, other", timecmp),
    function("timestamp", "", timestamp),
];

/// When the evaluation began, in UTC; the same at every call of one load.
fn timestamp(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(arguments.context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into())
}

/// -1, 0 or 1: whether the first is before, at or after the second, whatever their offsets.
fn timecmp(arguments: &mut Arguments<'_>) -> Outcome {
    let one = moment(arguments)?.instant();
    let other = moment(arguments)?.instant();
    Ok(i64::from(one.cmp(&other) as i8).into())
}

/// The duration is Go's: `1h30m`, `-10m`, `1.5h`, `250ms`; no days, as they differ in length.
fn timeadd(arguments: &mut Arguments<'_>) -> Outcome {
    let moment = moment(arguments)?;
    let duration = arguments.text()?;
    let duration = dstream_template::duration_nanoseconds(&duration)
        .map(SignedDuration::from_nanos)
        .ok_or_else(|| arguments.refuse("must be a duration such as `1h30m` or `-10s`"))?;
    let local = moment.local.checked_add(duration).ok();
    let local = local.filter(|local| (0..=9999).contains(&local.year()));
    let local = local.ok_or_else(|| "leaves the years 0 to 9999".to_owned())?;
    let offset = if moment.offset_minutes == 0 { "Z".to_owned() } else { moment.offset(":") };
    Ok(format!("{}{offset}", local.strftime("%Y-%m-%dT%H:%M:%S")).into())
}

fn formatdate(arguments: &mut Arguments<'_>) -> Outcome {
    let format = arguments.text()?;
    let moment = moment(arguments)?;
    let mut out = String::new();
    let mut rest = format.as_str();
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        rest = match first {
            '\'' => quoted(&rest[1..], &mut out)?,
            'a'..='z' | 'A'..='Z' => {
                moment.write_verb(&rest[..run], &mut out)?;
                &rest[run..]
            }
            _ => {
                out.push_str(&rest[..run]);
                &rest[run..]
            }
        };
    }
    Ok(out.into())
}

/// Text between quotes, the opening one being behind; a doubled quote is one. Gives back the rest.
fn quoted<'a>(text: &'a str, out: &mut String) -> Result<&'a str, String> {
    let mut rest = text;
    loop {
        let (part, after) = rest
            .split_once('\'')
            .ok_or_else(|| "`format` has a `'` without a second one".to_owned())?;
        out.push_str(part);
        match after.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Ok(after),
        }
    }
}

/// A point in time, and how its place counts.
struct Moment {
    local: DateTime,
    offset_minutes: i32,
}

fn moment(arguments: &mut Arguments<'_>) -> Result<Moment, String> {
    let text = arguments.text()?;
    parse_moment(&text).ok_or_else(|| {
        arguments.refuse("must be a timestamp such as `2006-01-02T15:04:05Z` (RFC 3339)")
    })
}

impl Moment {
    /// Nanoseconds since the year 0 in UTC; only for comparing.
    fn instant(&self) -> i128 {
        let zero = DateTime::constant(0, 1, 1, 0, 0, 0, 0);
        let local = self.local.duration_since(zero).as_nanos();
        local - i128::from(self.offset_minutes) * 60_000_000_000
    }

    fn offset(&self, between: &str) -> String {
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.abs();
        format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
    }

    fn write_verb(&self, verb: &str, out: &mut String) -> Result<(), String> {
        let directive = match verb {
            "YYYY" => "%Y",
            "YY" => "%y",
            "MMMM" => "%B",
            "MMM" => "%b",
            "MM" => "%m",
            "M" => "%-m",
            "DD" => "%d",
            "D" => "%-d",
            "EEEE" => "%A",
            "EEE" => "%a",
            "hh" => "%H",
            "h" => "%-H",
            "HH" => "%I",
            "H" => "%-I",
            "AA" => "%p",
            "aa" => "%P",
            "mm" => "%M",
            "m" => "%-M",
            "ss" => "%S",
            "s" => "%-S",
            "Z" | "ZZZ" | "ZZZZ" | "ZZZZZ" => {
                out.push_str(&match (verb, self.offset_minutes) {
                    ("Z", 0) => "Z".to_owned(),
                    ("ZZZ", 0) => "UTC".to_owned(),
                    ("Z" | "ZZZZZ", _) => self.offset(":"),
                    _ => self.offset(""),
                });
                return Ok(());
            }
            _ => {
                // A long run of one letter is not repeated in the message.
                let verb: String = verb.chars().take(6).collect();
                return Err(format!(
                    "`format` has `{verb}`, which stands for nothing; \
                     letters that stand for themselves go between single quotes"
                ));
            }
        };
        // Every directive above fits a date and time.
        let text = strtime::format(directive, self.local).map_err(|error| error.to_string())?;
        out.write_str(&text).map_err(|error| error.to_string())
    }
}

/// Strictly as RFC 3339 has it, with `T` and `Z` in upper case. A leap second is refused.
fn parse_moment(text: &str) -> Option<Moment> {
    let mut reader = Reader { rest: text };
    let year = reader.digits(4)?;
    reader.skip("-")?;
    let month = narrow(reader.digits(2)?)?;
    reader.skip("-")?;
    let day = narrow(reader.digits(2)?)?;
    let date = Date::new(year, month, day).ok()?;
    reader.skip("T")?;
    let hour = narrow(reader.digits(2)?)?;
    reader.skip(":")?;
    let minute = narrow(reader.digits(2)?)?;
    reader.skip(":")?;
    let second = narrow(reader.digits(2)?)?;
    let nanosecond = match reader.skip(".") {
        Some(()) => reader.fraction()?,
        None => 0,
    };
    if second > 59 {
        return None;
    }
    let time = Time::new(hour, minute, second, nanosecond).ok()?;
    let offset_minutes = match reader.rest {
        "Z" => 0,
        rest => {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            reader.skip("-").or_else(|| reader.skip("+"))?;
            let hours = i32::from(reader.digits(2)?);
            reader.skip(":")?;
            let minutes = i32::from(reader.digits(2)?);
            if hours > 23 || minutes > 59 || !reader.rest.is_empty() {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
    };
    Some(Moment { local: DateTime::from_parts(date, time), offset_minutes })
}

fn narrow(number: i16) -> Option<i8> {
    i8::try_from(number).ok()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Exactly `count` digits, at most 4.
    fn digits(&mut self, count: usize) -> Option<i16> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        digits.parse().ok()
    }

    /// All digits that follow, at least one, as a fraction of a second in nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let rest = self.rest.trim_start_matches(|character: char| character.is_ascii_digit());
        let digits = &self.rest[..self.rest.len() - rest.len()];
        if digits.is_empty() {
            return None;
        }
        self.rest = rest;
        format!("{digits:0<9}")[..9].parse().ok()
    }
}
