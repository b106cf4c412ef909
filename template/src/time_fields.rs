//! What can be asked of a time with a dot: `now.Year`, `now.UTC`, `now.Format "…"`.

use std::rc::Rc;

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::context::{Context, Outcome, Problem};
use super::go_layout;
use super::value::Value;

/// The field `name` of `time`.
pub(super) fn field(
    context: &mut Context<'_>,
    time: &Zoned,
    name: &str,
    arguments: &[Value],
) -> Outcome {
    if name == "Format" {
        return match arguments {
            [Value::Text(layout)] => {
                let layout = context.read(layout)?;
                context.new_text(&go_layout::format(&layout, time))
            }
            [Value::Unset(unset)] => Err(Problem::Unset(Rc::clone(unset))),
            _ => Err(Problem::call("`Format` takes one text, the layout")),
        };
    }
    if !arguments.is_empty() {
        return Err(Problem::call(format!("`{name}` takes no arguments")));
    }
    let moment = time.timestamp();
    let zoned = |zone: TimeZone| Value::Time(Rc::new(time.with_time_zone(zone)));
    Ok(match name {
        "Year" => Value::Int(i64::from(time.year())),
        "Month" => Value::text(&go_layout::format("January", time)),
        "Day" => Value::Int(i64::from(time.day())),
        "YearDay" => Value::Int(i64::from(time.day_of_year())),
        "Weekday" => Value::text(&go_layout::format("Monday", time)),
        "Hour" => Value::Int(i64::from(time.hour())),
        "Minute" => Value::Int(i64::from(time.minute())),
        "Second" => Value::Int(i64::from(time.second())),
        "Nanosecond" => Value::Int(i64::from(time.subsec_nanosecond())),
        "Unix" => Value::Int(moment.as_second()),
        "UnixMilli" => Value::Int(moment.as_millisecond()),
        "UTC" => zoned(TimeZone::UTC),
        "Local" => zoned(context.scope.now.time_zone().clone()),
        _ => return Err(Problem::call(format!("a time has no field `{name}` here"))),
    })
}
