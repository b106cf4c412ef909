//! Tables for people.

/// Rows under their headings, as wide as they have to be.
pub(crate) fn table<const COLUMNS: usize>(
    headings: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut all = vec![headings.map(str::to_owned)];
    all.extend(rows);
    let width =
        |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let line = |row: &[String; COLUMNS]| {
        // A width in a format string has a limit, and what a cache holds may be anything.
        let pad = |cell: &String, width: usize| " ".repeat(width - cell.chars().count());
        let cells =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", pad(cell, *width)));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all.iter().map(line).collect()
}
