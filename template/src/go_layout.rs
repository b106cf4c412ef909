//! Go's date layouts, which spell the moment 2006-01-02 15:04:05 -0700.

use jiff::Zoned;

mod parse;

pub(super) use parse::parse;

/// A piece of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Year,
    ShortYear,
    MonthName,
    MonthShortName,
    Month {
        zero: bool,
    },
    WeekdayName,
    WeekdayShortName,
    Day {
        fill: Option<char>,
    },
    DayOfYear {
        fill: char,
    },
    Hour24,
    Hour12 {
        zero: bool,
    },
    Minute {
        zero: bool,
    },
    Second {
        zero: bool,
    },
    /// `.000` or `,999`: `trims` for nines, which leave out zeros at the end.
    Fraction {
        separator: char,
        digits: usize,
        trims: bool,
    },
    /// `PM` or `pm`.
    Half {
        upper: bool,
    },
    ZoneName,
    Offset(OffsetStyle),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OffsetStyle {
    /// `Z` stands for an offset of zero.
    zulu: bool,
    colons: bool,
    /// Hours only, hours and minutes, or seconds too.
    parts: usize,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Fixed spellings; where one begins with another, the longer stands first.
const PIECES: [(&str, Piece<'static>); 34] = {
    const fn offset(zulu: bool, colons: bool, parts: usize) -> Piece<'static> {
        Piece::Offset(OffsetStyle { zulu, colons, parts })
    }
    [
        ("January", Piece::MonthName),
        ("Jan", Piece::MonthShortName),
        ("Monday", Piece::WeekdayName),
        ("Mon", Piece::WeekdayShortName),
        ("MST", Piece::ZoneName),
        ("002", Piece::DayOfYear { fill: '0' }),
        ("01", Piece::Month { zero: true }),
        ("02", Piece::Day { fill: Some('0') }),
        ("03", Piece::Hour12 { zero: true }),
        ("04", Piece::Minute { zero: true }),
        ("05", Piece::Second { zero: true }),
        ("06", Piece::ShortYear),
        ("15", Piece::Hour24),
        ("1", Piece::Month { zero: false }),
        ("2006", Piece::Year),
        ("2", Piece::Day { fill: None }),
        ("__2", Piece::DayOfYear { fill: ' ' }),
        // An underscore before a year is only that.
        ("_2006", Piece::Literal("_")),
        ("_2", Piece::Day { fill: Some(' ') }),
        ("3", Piece::Hour12 { zero: false }),
        ("4", Piece::Minute { zero: false }),
        ("5", Piece::Second { zero: false }),
        ("PM", Piece::Half { upper: true }),
        ("pm", Piece::Half { upper: false }),
        ("-070000", offset(false, false, 3)),
        ("-07:00:00", offset(false, true, 3)),
        ("-0700", offset(false, false, 2)),
        ("-07:00", offset(false, true, 2)),
        ("-07", offset(false, false, 1)),
        ("Z070000", offset(true, false, 3)),
        ("Z07:00:00", offset(true, true, 3)),
        ("Z0700", offset(true, false, 2)),
        ("Z07:00", offset(true, true, 2)),
        ("Z07", offset(true, false, 1)),
    ]
};

/// The piece that a layout begins with, if any, and its length.
fn piece_at(layout: &str) -> Option<(Piece<'_>, usize)> {
    let first = layout.chars().next()?;
    if first == '.' || first == ',' {
        let digit = layout[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
        let digits = layout[1..].chars().take_while(|&c| c == digit).count();
        let ends = !layout[1 + digits..].starts_with(|c: char| c.is_ascii_digit());
        let piece = Piece::Fraction { separator: first, digits, trims: digit == '9' };
        return ends.then_some((piece, 1 + digits));
    }
    let (text, piece) = PIECES.iter().find(|(text, _)| layout.starts_with(text))?;
    let behind = &layout[text.len()..];
    match piece {
        // `Month` and `Janet` are words.
        Piece::MonthShortName | Piece::WeekdayShortName
            if behind.starts_with(|c: char| c.is_ascii_lowercase()) =>
        {
            None
        }
        Piece::Literal(literal) => Some((*piece, literal.len())),
        _ => Some((*piece, text.len())),
    }
}

/// The pieces of a layout; every text is one.
fn pieces(layout: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = layout;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((piece, length)) = piece_at(rest) {
            rest = &rest[length..];
            return Some(piece);
        }
        let starts = rest.char_indices().map(|(at, _)| at).skip(1);
        let end =
            starts.into_iter().find(|&at| piece_at(&rest[at..]).is_some()).unwrap_or(rest.len());
        let (literal, behind) = rest.split_at(end);
        rest = behind;
        Some(Piece::Literal(literal))
    })
}

/// `time` in the shape of `layout`.
pub(super) fn format(layout: &str, time: &Zoned) -> String {
    let mut out = String::with_capacity(layout.len() + 16);
    let filled = |number: i64, fill: char| match fill {
        '0' => format!("{number:02}"),
        _ => format!("{number:2}"),
    };
    let zero = |number: i8, zero: bool| match zero {
        true => filled(i64::from(number), '0'),
        false => number.to_string(),
    };
    for piece in pieces(layout) {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Year => {
                let year = time.year();
                let sign = if year < 0 { "-" } else { "" };
                out.push_str(&format!("{sign}{:04}", year.unsigned_abs()));
            }
            Piece::ShortYear => out.push_str(&filled(i64::from(time.year().rem_euclid(100)), '0')),
            Piece::MonthName => out.push_str(name(&MONTHS, time.month())),
            Piece::MonthShortName => out.push_str(&name(&MONTHS, time.month())[..3]),
            Piece::Month { zero: fill } => out.push_str(&zero(time.month(), fill)),
            Piece::WeekdayName => out.push_str(weekday(time)),
            Piece::WeekdayShortName => out.push_str(&weekday(time)[..3]),
            Piece::Day { fill } => match fill {
                Some(fill) => out.push_str(&filled(i64::from(time.day()), fill)),
                None => out.push_str(&time.day().to_string()),
            },
            Piece::DayOfYear { fill: '0' } => {
                out.push_str(&format!("{:03}", time.day_of_year()));
            }
            Piece::DayOfYear { .. } => out.push_str(&format!("{:3}", time.day_of_year())),
            Piece::Hour24 => out.push_str(&zero(time.hour(), true)),
            Piece::Hour12 { zero: fill } => {
                let hour = time.hour() % 12;
                out.push_str(&zero(if hour == 0 { 12 } else { hour }, fill));
            }
            Piece::Minute { zero: fill } => out.push_str(&zero(time.minute(), fill)),
            Piece::Second { zero: fill } => out.push_str(&zero(time.second(), fill)),
            Piece::Fraction { separator, digits, trims } => {
                let nanoseconds = format!("{:09}", time.subsec_nanosecond());
                let mut fraction: String = nanoseconds.chars().take(digits).collect();
                if trims {
                    fraction.truncate(fraction.trim_end_matches('0').len());
                } else {
                    fraction.extend(std::iter::repeat_n('0', digits.saturating_sub(9)));
                }
                if !fraction.is_empty() {
                    out.push(separator);
                    out.push_str(&fraction);
                }
            }
            Piece::Half { upper } => out.push_str(match (time.hour() >= 12, upper) {
                (true, true) => "PM",
                (false, true) => "AM",
                (true, false) => "pm",
                (false, false) => "am",
            }),
            Piece::ZoneName => out.push_str(&zone_name(time)),
            Piece::Offset(style) => out.push_str(&offset(time, style)),
        }
    }
    out
}

fn name<'a>(names: &[&'a str], number: i8) -> &'a str {
    let index = usize::try_from(number).unwrap_or(0).saturating_sub(1);
    names.get(index).copied().unwrap_or("???")
}

fn weekday(time: &Zoned) -> &'static str {
    name(&WEEKDAYS, time.weekday().to_monday_one_offset())
}

/// `CET`; for a zone without a name its offset, as Go has it.
fn zone_name(time: &Zoned) -> String {
    let info = time.time_zone().to_offset_info(time.timestamp());
    let name = info.abbreviation();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) || time.time_zone().iana_name().is_some()
    {
        return name.to_owned();
    }
    let style = OffsetStyle { zulu: false, colons: false, parts: 2 };
    offset(time, style)
}

fn offset(time: &Zoned, style: OffsetStyle) -> String {
    let seconds = time.offset().seconds();
    if style.zulu && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60];
    let parts: Vec<String> =
        parts.iter().take(style.parts).map(|part| format!("{part:02}")).collect();
    format!("{sign}{}", parts.join(if style.colons { ":" } else { "" }))
}

#[cfg(test)]
mod tests;
