//! Times, in Go's layouts. What is no time, layout or zone is an error, where Sprig goes on with
//! the present, the year 1 or UTC.

use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use super::super::context::{Outcome, Problem};
use super::super::go_duration::duration_nanoseconds;
use super::super::go_layout;
use super::super::value::Value;
use super::{Call, Function, derives, function};

pub(super) const FUNCTIONS: &[Function] = &[
    function("now", (0, 0), |call| Ok(Value::Time(Rc::new(call.context.scope.now.clone())))),
    derives("date", (1, 2), date),
    derives("dateInZone", (3, 3), date_in_zone),
    derives("date_in_zone", (3, 3), date_in_zone),
    function("htmlDate", (1, 1), |call| {
        let time = local(call, 0)?;
        call.new_text(&go_layout::format("2006-01-02", &time))
    }),
    function("dateModify", (2, 2), date_modify),
    function("date_modify", (2, 2), date_modify),
    function("mustDateModify", (2, 2), date_modify),
    function("toDate", (2, 2), to_date),
    function("mustToDate", (2, 2), to_date),
    function("unixEpoch", (1, 1), |call| {
        let seconds = call.time(0)?.timestamp().as_second();
        call.new_text(&seconds.to_string())
    }),
];

/// An argument as a time of the zone that `now` is in.
fn local(call: &Call<'_, '_>, index: usize) -> Result<Zoned, Problem> {
    let zone = call.context.scope.now.time_zone().clone();
    Ok(call.time(index)?.with_time_zone(zone))
}

/// `date layout [time]`: without a time, which Sprig demands, it is now.
fn date(call: &mut Call<'_, '_>) -> Outcome {
    let layout = call.text(0)?;
    let time = if call.count() > 1 { local(call, 1)? } else { call.context.scope.now.clone() };
    call.new_text(&go_layout::format(&layout, &time))
}

fn date_in_zone(call: &mut Call<'_, '_>) -> Outcome {
    let (layout, time, zone) = (call.text(0)?, call.time(1)?, call.text(2)?);
    let zone = match &*zone {
        "" | "UTC" => TimeZone::UTC,
        "Local" => call.context.scope.now.time_zone().clone(),
        name => TimeZone::get(name).map_err(|_| {
            Problem::argument(2, "this time zone is not known")
                .with_help("a zone has a name such as `Europe/Berlin`, `UTC` or `Local`")
        })?,
    };
    call.new_text(&go_layout::format(&layout, &time.with_time_zone(zone)))
}

fn date_modify(call: &mut Call<'_, '_>) -> Outcome {
    let (duration, time) = (call.text(0)?, call.time(1)?);
    let nanoseconds = duration_nanoseconds(&duration).ok_or_else(|| {
        Problem::argument(0, "this is no duration").with_help("such as `-1.5h`, `1h30m` or `300ms`")
    })?;
    let moved = time.checked_add(SignedDuration::from_nanos(nanoseconds));
    let far = |_| Problem::call("a time so far off is not supported");
    Ok(Value::Time(Rc::new(moved.map_err(far)?)))
}

fn to_date(call: &mut Call<'_, '_>) -> Outcome {
    let (layout, text) = (call.text(0)?, call.text(1)?);
    let time = go_layout::parse(&layout, &text, call.context.scope.now.time_zone());
    let wrong = |why| Problem::argument(1, format!("this is no time in that layout: {why}"));
    Ok(Value::Time(Rc::new(time.map_err(wrong)?)))
}
