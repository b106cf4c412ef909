//! Reading a time in the shape of a layout.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::{MONTHS, OffsetStyle, Piece, WEEKDAYS, pieces};

/// Reads `text`, which has the shape of `layout`; without a zone in it, it is a time of `zone`.
/// The error is a fragment for "…: ".
pub(in super::super) fn parse(
    layout: &str,
    text: &str,
    zone: &TimeZone,
) -> Result<Zoned, &'static str> {
    let mut found = Found::default();
    let mut rest = text;
    let mut layout = pieces(layout).peekable();
    while let Some(piece) = layout.next() {
        rest = found.piece(piece, rest, zone)?;
        let fraction_follows = matches!(layout.peek(), Some(Piece::Fraction { .. }));
        if matches!(piece, Piece::Second { .. }) && !fraction_follows {
            // Go takes a fraction of a second that the layout does not have.
            if rest.starts_with(['.', ',']) && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                rest = found.fraction(rest, None)?;
            }
        }
    }
    if !rest.trim().is_empty() {
        return Err("there is more behind it");
    }
    found.zoned(zone)
}

#[derive(Debug, Default)]
struct Found {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    offset: Option<i32>,
    utc: bool,
}

impl Found {
    /// Takes what `piece` stands for from the front of `text`; returns what is behind it.
    fn piece<'t>(
        &mut self,
        piece: Piece<'_>,
        text: &'t str,
        zone: &TimeZone,
    ) -> Result<&'t str, &'static str> {
        let small = |text: &'t str, zero: bool| -> Result<(i8, &'t str), &'static str> {
            let (number, rest) = digits(text, if zero { 2 } else { 1 }, 2)?;
            Ok((i8::try_from(number).map_err(|_| "a number is too large")?, rest))
        };
        let rest;
        match piece {
            Piece::Literal(literal) => rest = literally(literal, text)?,
            Piece::Year => {
                let (number, behind) = digits(text, 4, 4)?;
                (self.year, rest) = (i16::try_from(number).ok(), behind);
            }
            Piece::ShortYear => {
                let (number, behind) = digits(text, 2, 2)?;
                let century = if number >= 69 { 1900 } else { 2000 };
                (self.year, rest) = (i16::try_from(number + century).ok(), behind);
            }
            Piece::MonthName | Piece::MonthShortName => {
                let whole = matches!(piece, Piece::MonthName);
                let (number, behind) = named(&MONTHS, text, whole).ok_or("no month's name")?;
                (self.month, rest) = (i8::try_from(number).ok(), behind);
            }
            Piece::WeekdayName | Piece::WeekdayShortName => {
                let whole = matches!(piece, Piece::WeekdayName);
                (_, rest) = named(&WEEKDAYS, text, whole).ok_or("no weekday's name")?;
            }
            Piece::Month { zero } => {
                let (number, behind) = small(text, zero)?;
                (self.month, rest) = (Some(number), behind);
            }
            Piece::Day { fill } => {
                let text = text.strip_prefix(' ').filter(|_| fill == Some(' ')).unwrap_or(text);
                let (number, behind) = small(text, fill == Some('0'))?;
                (self.day, rest) = (Some(number), behind);
            }
            Piece::DayOfYear { .. } => {
                let text = text.trim_start_matches(' ');
                let (number, behind) = digits(text, 1, 3)?;
                (self.day_of_year, rest) = (i16::try_from(number).ok(), behind);
            }
            Piece::Hour24 => (self.hour, rest) = small(text, false)?,
            Piece::Hour12 { zero } => {
                (self.hour, rest) = small(text, zero)?;
                if !(0..=12).contains(&self.hour) {
                    return Err("the hour is out of range");
                }
            }
            Piece::Minute { zero } => (self.minute, rest) = small(text, zero)?,
            Piece::Second { zero } => (self.second, rest) = small(text, zero)?,
            Piece::Fraction { digits, trims, .. } => {
                let there = text.starts_with(['.', ',']);
                rest = match (there, trims) {
                    (false, true) => text,
                    (_, true) => self.fraction(text, None)?,
                    (_, false) => self.fraction(text, Some(digits))?,
                };
            }
            Piece::Half { upper } => {
                let halves = if upper { ["AM", "PM"] } else { ["am", "pm"] };
                let half = halves.iter().position(|half| text.starts_with(half));
                self.afternoon = Some(half.ok_or("neither AM nor PM in the layout's case")? == 1);
                rest = &text[2..];
            }
            Piece::ZoneName => rest = self.zone_name(text, zone)?,
            Piece::Offset(style) => rest = self.offset(text, style)?,
        }
        Ok(rest)
    }

    /// `.` and digits, `count` of them if it is given.
    fn fraction<'t>(
        &mut self,
        text: &'t str,
        count: Option<usize>,
    ) -> Result<&'t str, &'static str> {
        const WRONG: &str = "no fraction of a second";
        let behind = text.strip_prefix(['.', ',']).ok_or(WRONG)?;
        let length = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        let length = count.map_or(length, |count| count.min(length));
        if length == 0 || count.is_some_and(|count| count != length) {
            return Err(WRONG);
        }
        let nine: String = behind[..length].chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanosecond = nine.parse().map_err(|_| WRONG)?;
        Ok(&behind[length..])
    }

    fn zone_name<'t>(&mut self, text: &'t str, zone: &TimeZone) -> Result<&'t str, &'static str> {
        let length = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
        let (name, rest) = text.split_at(length);
        let known = |instant: &str| {
            let instant = instant.parse::<jiff::Timestamp>();
            instant.is_ok_and(|at| zone.to_offset_info(at).abbreviation() == name)
        };
        if matches!(name, "UTC" | "GMT") {
            self.utc = true;
        } else if name.is_empty()
            || !known("2024-01-01T00:00:00Z") && !known("2024-07-01T00:00:00Z")
        {
            return Err("its zone's short name is not known here");
        }
        Ok(rest)
    }

    fn offset<'t>(&mut self, text: &'t str, style: OffsetStyle) -> Result<&'t str, &'static str> {
        const WRONG: &str = "no offset from UTC";
        if style.zulu
            && let Some(rest) = text.strip_prefix('Z')
        {
            self.utc = true;
            return Ok(rest);
        }
        let mut rest = text.strip_prefix(['+', '-']).ok_or(WRONG)?;
        let mut seconds = 0;
        for (part, unit) in [3600, 60, 1].into_iter().take(style.parts).enumerate() {
            if part > 0 && style.colons {
                rest = rest.strip_prefix(':').ok_or(WRONG)?;
            }
            let (number, behind) = digits(rest, 2, 2).map_err(|_| WRONG)?;
            if part > 0 && number > 59 {
                return Err(WRONG);
            }
            seconds += number * unit;
            rest = behind;
        }
        self.offset = Some(if text.starts_with('-') { -seconds } else { seconds });
        Ok(rest)
    }

    fn zoned(&self, zone: &TimeZone) -> Result<Zoned, &'static str> {
        const RANGE: &str = "no such day or time of day";
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let year = self.year.unwrap_or(0);
        let date = match self.day_of_year {
            Some(day) => Date::new(year, 1, 1)
                .and_then(|first| first.with().day_of_year(day).build())
                .map_err(|_| RANGE)?,
            None => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1))
                .map_err(|_| RANGE)?,
        };
        let time = Time::new(hour, self.minute, self.second, self.nanosecond).map_err(|_| RANGE)?;
        let moment = DateTime::from_parts(date, time);
        let zoned = match self.offset {
            _ if self.utc => moment.to_zoned(TimeZone::UTC),
            None => moment.to_zoned(zone.clone()),
            Some(seconds) => {
                let offset =
                    Offset::from_seconds(seconds).map_err(|_| "the offset is too large")?;
                let at = offset.to_timestamp(moment).map_err(|_| RANGE)?;
                // Go takes the local zone where its offset is the same.
                let local = zone.to_offset(at) == offset;
                Ok(at.to_zoned(if local { zone.clone() } else { TimeZone::fixed(offset) }))
            }
        };
        zoned.map_err(|_| RANGE)
    }
}

/// Between `min` and `max` digits, as many as there are.
fn digits(text: &str, min: usize, max: usize) -> Result<(i32, &str), &'static str> {
    let length = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    match digits.parse() {
        Ok(number) if length >= min => Ok((number, rest)),
        _ => Err("digits are missing"),
    }
}

/// The text behind `literal`; a space in it stands for any number of them.
fn literally<'t>(literal: &str, text: &'t str) -> Result<&'t str, &'static str> {
    let mut rest = text;
    for c in literal.chars() {
        rest = match c {
            ' ' => rest.trim_start_matches(' '),
            _ => rest.strip_prefix(c).ok_or("it has another shape")?,
        };
    }
    Ok(rest)
}

/// The name that `text` begins with, whole or its first three letters, counted from 1.
fn named<'t>(names: &[&str], text: &'t str, whole: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if whole { name } else { &name[..3] };
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (index + 1, &text[name.len()..]))
    })
}
