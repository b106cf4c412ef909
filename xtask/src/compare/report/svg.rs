//! The chart: throughput of everyone as a ratio to the bare pipe.

use std::fmt::Write as _;

use crate::compare::peers::BARE;
use crate::compare::scenario::{LINE_BYTES, Scenario, Writes};
use crate::compare::summary::{Figures, compared};

const WIDTH: usize = 860;
const LABEL_WIDTH: usize = 210;
const BAR_WIDTH_MAX: usize = 560;
const BAR_HEIGHT: usize = 11;
const ROW_HEIGHT: usize = 32;
const HEAD_HEIGHT: usize = 64;

/// Colours follow the reader's scheme; where that is unknown they are readable on white and on black.
const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px }
  .bulk { fill: #2f6fab }
  .line { fill: #c9772b }
  .one { stroke: #59636e; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bulk { fill: #6cb0f0 }
    .line { fill: #eba55c }
    .one { stroke: #9198a1 }
  }
";

struct Row {
    peer: &'static str,
    bulk: Option<f64>,
    line: Option<f64>,
}

/// Two bars a peer: bulk writes and a write a line, both with lines of 515 bytes.
pub(super) fn throughput(all: &[Figures]) -> String {
    draw(&rows(all))
}

fn rows(all: &[Figures]) -> Vec<Row> {
    let ratio = |peer, writes| {
        let scenario = Scenario::Throughput { writes, line_bytes: LINE_BYTES };
        compared(all, scenario, (peer, BARE), |figures| figures.megabytes_per_second)
    };
    let mut rows: Vec<Row> = Vec::new();
    for figures in all {
        if rows.iter().all(|row| row.peer != figures.peer) {
            let peer = figures.peer;
            rows.push(Row {
                peer,
                bulk: ratio(peer, Writes::Bulk),
                line: ratio(peer, Writes::Line),
            });
        }
    }
    rows.retain(|row| row.bulk.is_some() || row.line.is_some());
    let place = |row: &Row| row.bulk.or(row.line).unwrap_or_default();
    rows.sort_by(|a, b| place(b).total_cmp(&place(a)));
    rows
}

fn draw(rows: &[Row]) -> String {
    let most = rows.iter().flat_map(|row| [row.bulk, row.line]).flatten().fold(1.0, f64::max);
    let height = HEAD_HEIGHT + rows.len() * ROW_HEIGHT + 8;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Throughput as a ratio to the bare pipe\">\n<style>{STYLE}</style>\n\
         <text x=\"8\" y=\"22\">Throughput as a ratio to the bare pipe, lines of {LINE_BYTES} bytes</text>\n\
         <rect class=\"bulk\" x=\"8\" y=\"34\" width=\"11\" height=\"11\"/>\
         <text class=\"small\" x=\"24\" y=\"44\">bulk writes</text>\n\
         <rect class=\"line\" x=\"108\" y=\"34\" width=\"11\" height=\"11\"/>\
         <text class=\"small\" x=\"124\" y=\"44\">one write a line</text>\n"
    );
    let one = LABEL_WIDTH + bar_width(1.0, most);
    let _ = writeln!(
        svg,
        "<line class=\"one\" x1=\"{one}\" x2=\"{one}\" y1=\"{}\" y2=\"{height}\"/>",
        HEAD_HEIGHT - 8
    );
    for (index, row) in rows.iter().enumerate() {
        let top = HEAD_HEIGHT + index * ROW_HEIGHT;
        let (x, y) = (LABEL_WIDTH - 10, top + BAR_HEIGHT + 4);
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
            escaped(row.peer)
        );
        for (class, ratio, offset) in [("bulk", row.bulk, 0), ("line", row.line, BAR_HEIGHT + 1)] {
            let Some(ratio) = ratio else { continue };
            let (y, width) = (top + offset, bar_width(ratio, most));
            let (label_x, label_y) = (LABEL_WIDTH + width + 5, y + BAR_HEIGHT - 1);
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{LABEL_WIDTH}\" y=\"{y}\" width=\"{width}\" height=\"{BAR_HEIGHT}\"/>\
                 <text class=\"small\" x=\"{label_x}\" y=\"{label_y}\">{ratio:.2}</text>"
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// At least one pixel: something was carried.
fn bar_width(ratio: f64, most: f64) -> usize {
    ((ratio / most * BAR_WIDTH_MAX as f64).round() as usize).max(1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every tag is closed, in order, and no attribute or entity is left open.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for (index, part) in svg.split('<').enumerate().skip(1) {
            let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("tag {index}: {part}"));
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            assert!(!text.contains('>'), "{text}");
            let entities = ["&amp;", "&lt;", "&gt;"];
            let known = entities.iter().map(|entity| text.matches(entity).count()).sum::<usize>();
            assert_eq!(text.matches('&').count(), known, "{text}");
            let name = tag.split_whitespace().next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn the_chart_is_well_formed_and_shows_everyone() {
        let rows = [
            Row { peer: "a <b> & c", bulk: Some(4.0), line: Some(2.0) },
            Row { peer: "bare pipe", bulk: Some(1.0), line: Some(1.0) },
            Row { peer: "slow", bulk: None, line: Some(0.001) },
        ];
        let svg = draw(&rows);
        assert_well_formed(&svg);
        assert!(svg.contains("a &lt;b&gt; &amp; c"));
        assert!(svg.contains(
            "width=\"560\" height=\"11\"/><text class=\"small\" x=\"775\" y=\"74\">4.00<"
        ));
        assert!(svg.contains("width=\"140\" height=\"11\""), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2 + 5);
        assert_well_formed(&draw(&[]));
    }
}
