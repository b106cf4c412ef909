//! Tables of figures in Markdown.

use std::fmt;

use crate::compare::peers::{BARE, CAT};
use crate::compare::scenario::Scenario;
use crate::compare::statistics::{Spread, ratio};
use crate::compare::summary::{Figures, find};

/// A table; all columns but the first stand at the right.
#[derive(Debug)]
pub(super) struct Table {
    columns: usize,
    text: String,
}

impl Table {
    pub(super) fn new(titles: &[&str]) -> Self {
        let text =
            format!("| {} |\n|---|{}\n", titles.join(" | "), "---|".repeat(titles.len() - 1));
        Self { columns: titles.len(), text }
    }

    pub(super) fn row(&mut self, fields: impl IntoIterator<Item = String>) {
        let fields: Vec<String> = fields.into_iter().collect();
        debug_assert_eq!(fields.len(), self.columns);
        self.text += &format!("| {} |\n", fields.join(" | "));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// A ratio, or a dash.
pub(super) fn times(ratio: Option<f64>) -> String {
    ratio.map_or("–".into(), |ratio| format!("{ratio:.2}×"))
}

/// Throughput of everyone in all scenarios, with the ratio to the bare pipe.
pub(super) fn overview(all: &[Figures], scenarios: &[Scenario]) -> String {
    let scenarios: Vec<Scenario> = scenarios
        .iter()
        .copied()
        .filter(|scenario| matches!(scenario, Scenario::Throughput { .. }))
        .collect();
    if scenarios.is_empty() {
        return String::new();
    }
    let titles: Vec<String> = scenarios.iter().map(ToString::to_string).collect();
    let titles: Vec<&str> = ["peer"].into_iter().chain(titles.iter().map(String::as_str)).collect();
    let mut table = Table::new(&titles);
    for peer in peers(all) {
        let of = |scenario| find(all, peer, scenario)?.megabytes_per_second;
        let fields = scenarios.iter().map(|&scenario| {
            let bare = find(all, BARE, scenario).and_then(|figures| figures.megabytes_per_second);
            match of(scenario) {
                Some(spread) => format!("{} ({})", number(spread.median), to(Some(spread), bare)),
                None => "–".into(),
            }
        });
        table.row([peer.to_owned()].into_iter().chain(fields));
    }
    table.to_string()
}

/// One scenario of throughput in full, the fastest first.
pub(super) fn throughput(all: &[Figures], scenario: Scenario) -> String {
    let bare = find(all, BARE, scenario);
    let cat = find(all, CAT, scenario);
    let mut rows: Vec<&Figures> =
        all.iter().filter(|figures| figures.scenario == scenario && figures.runs > 0).collect();
    rows.sort_by(|a, b| median(b.megabytes_per_second).total_cmp(&median(a.megabytes_per_second)));
    let mut table = Table::new(&[
        "peer",
        "MB/s",
        "× bare",
        "relay CPU s/GB",
        "× cat",
        "all CPU s/GB",
        "× bare",
        "switches/GB",
        "× bare",
        "relay peak MiB",
        "disturbed",
    ]);
    for figures in rows {
        table.row([
            figures.peer.to_owned(),
            spread(figures.megabytes_per_second),
            to(figures.megabytes_per_second, bare.and_then(|bare| bare.megabytes_per_second)),
            spread(figures.relay_cpu_seconds_per_gb),
            to(figures.relay_cpu_seconds_per_gb, cat.and_then(|cat| cat.relay_cpu_seconds_per_gb)),
            single(figures.cpu_seconds_per_gb),
            to(figures.cpu_seconds_per_gb, bare.and_then(|bare| bare.cpu_seconds_per_gb)),
            single(figures.context_switches_per_gb),
            to(figures.context_switches_per_gb, bare.and_then(|bare| bare.context_switches_per_gb)),
            single(figures.peak_memory_mib),
            format!("{} of {}", figures.runs_disturbed, figures.runs),
        ]);
    }
    table.to_string()
}

/// One rate in full, the quickest first.
pub(super) fn latency(all: &[Figures], scenario: Scenario) -> String {
    let (bare, cat) = (find(all, BARE, scenario), find(all, CAT, scenario));
    let mut rows: Vec<&Figures> =
        all.iter().filter(|figures| figures.scenario == scenario && figures.runs > 0).collect();
    rows.sort_by(|a, b| median(a.latency_p50_us).total_cmp(&median(b.latency_p50_us)));
    let mut table = Table::new(&[
        "peer",
        "p50 µs",
        "× bare",
        "× cat",
        "p99 µs",
        "× bare",
        "× cat",
        "p99.9 µs",
        "most µs",
        "disturbed",
    ]);
    for figures in rows {
        let p50 = |of: Option<&Figures>| of.and_then(|of| of.latency_p50_us);
        let p99 = |of: Option<&Figures>| of.and_then(|of| of.latency_p99_us);
        table.row([
            figures.peer.to_owned(),
            spread(figures.latency_p50_us),
            to(figures.latency_p50_us, p50(bare)),
            to(figures.latency_p50_us, p50(cat)),
            spread(figures.latency_p99_us),
            to(figures.latency_p99_us, p99(bare)),
            to(figures.latency_p99_us, p99(cat)),
            single(figures.latency_p99_9_us),
            single(figures.latency_max_us),
            format!("{} of {}", figures.runs_disturbed, figures.runs),
        ]);
    }
    table.to_string()
}

/// When the first line is there, and the most memory of all runs.
pub(super) fn start_and_memory(all: &[Figures]) -> String {
    let mut table =
        Table::new(&["peer", "first line, ms", "relay peak MiB, all runs", "slow output"]);
    for peer in peers(all) {
        let first = find(all, peer, Scenario::Start).and_then(|figures| figures.first_byte_ms);
        let own = all.iter().filter(|figures| figures.peer == peer);
        let most =
            own.filter_map(|figures| Some(figures.peak_memory_mib?.max)).max_by(f64::total_cmp);
        let slow =
            find(all, peer, Scenario::SlowOutput).and_then(|figures| figures.peak_memory_mib);
        table.row([
            peer.to_owned(),
            spread(first),
            most.map_or("–".into(), number),
            slow.map_or("–".into(), |spread| number(spread.max)),
        ]);
    }
    table.to_string()
}

fn peers(all: &[Figures]) -> Vec<&'static str> {
    let mut peers = Vec::new();
    for figures in all {
        if !peers.contains(&figures.peer) {
            peers.push(figures.peer);
        }
    }
    peers
}

fn median(spread: Option<Spread>) -> f64 {
    spread.map_or(f64::NAN, |spread| spread.median)
}

fn to(spread: Option<Spread>, base: Option<Spread>) -> String {
    times(ratio(spread.map(|spread| spread.median), base.map(|base| base.median)))
}

fn single(spread: Option<Spread>) -> String {
    spread.map_or("–".into(), |spread| number(spread.median))
}

fn spread(spread: Option<Spread>) -> String {
    let Some(spread) = spread else { return "–".into() };
    format!("{} ({}–{})", number(spread.median), number(spread.min), number(spread.max))
}

/// Three digits that matter, thousands set apart.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 && !text.ends_with('-') {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_commas() {
        let texts: Vec<String> =
            [0.456, 12.34, 234.5, 1_234.5, 1_234_567.0, -123_456.0].map(number).into();
        assert_eq!(texts, ["0.46", "12.3", "234", "1,234", "1,234,567", "-123,456"]);
    }

    #[test]
    fn a_table_has_its_head_and_a_row_a_line() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["1".into(), "2".into()]);
        assert_eq!(table.to_string(), "| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert_eq!(spread(Spread::of([1.0, 2.0, 4.0])), "2.00 (1.00–4.00)");
        assert_eq!((times(None), times(Some(3.456))), ("–".into(), "3.46×".into()));
    }
}
