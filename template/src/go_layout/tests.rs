use jiff::tz::TimeZone;

use super::*;

fn moment() -> Zoned {
    "2024-03-05T07:08:09.012345678+01:00[Europe/Berlin]".parse().unwrap()
}

#[test]
fn formats_every_piece() {
    for (layout, text) in [
        ("2006-01-02", "2024-03-05"),
        ("06/1/2 _2", "24/3/5  5"),
        ("002 __2", "065  65"),
        ("Monday Mon Month January Jan", "Tuesday Tue Month March Mar"),
        ("15:04:05 03 3 4 5 PM pm", "07:08:09 07 7 8 9 AM am"),
        ("05.000 05.000000 05.999 05,00", "09.012 09.012345 09.012 09,01"),
        ("05.0001 .99a", "09.0003 .01a"),
        ("MST -0700 -07:00 -07 Z07:00 Z0700", "CET +0100 +01:00 +01 +01:00 +0100"),
        ("_2006 x", "_2024 x"),
        ("ünïcode 2006", "ünïcode 2024"),
        ("", ""),
    ] {
        assert_eq!(format(layout, &moment()), text, "{layout}");
    }
    let utc = moment().with_time_zone(TimeZone::UTC);
    assert_eq!(format("15 MST Z07:00 -07:00 3PM", &utc), "06 UTC Z +00:00 6AM");
}

#[test]
fn parses_what_it_formats() {
    let zone = moment().time_zone().clone();
    for layout in [
        "2006-01-02 15:04:05.000000000",
        "2006-01-02T15:04:05.999999999Z07:00",
        "Monday, 02-Jan-06 15:04:05.999999999 MST",
        "January _2, 2006 at 3:04:05.000000000pm (-0700)",
        "2006 002 15:04:05.000000000",
    ] {
        let text = format(layout, &moment());
        assert_eq!(parse(layout, &text, &zone).unwrap(), moment(), "{layout}");
    }
    let other = parse("2006-01-02 -0700", "2024-01-01 -0330", &zone).unwrap();
    assert_eq!(format("-07:00 MST", &other), "-03:30 -0330");
}

#[test]
fn refuses_what_is_no_time() {
    for (layout, text) in [
        ("2006-01-02", "2024-02-30"),
        ("2006-01-02", "24-02-03"),
        ("2006-01-02", "2024-02-03x"),
        ("2006-01-02", ""),
        ("15:04", "24:00"),
        ("Jan", "Foo"),
        ("3PM", "13PM"),
        ("MST", "XYZ"),
        ("-0700", "+9999"),
        ("2006-01-02", "é"),
    ] {
        assert!(parse(layout, text, &TimeZone::UTC).is_err(), "{layout} {text}");
    }
}
