//! The part of a README that the tool writes.

const BEGIN: &str = "<!-- compare: begin, written by `cargo xtask compare` -->\n";
const END: &str = "<!-- compare: end -->\n";

/// The text with what is between the markers replaced.
pub(super) fn with_result(text: &str, result: &str) -> Result<String, String> {
    let parts =
        text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or("the README has no markers for the result")?;
    Ok(format!("{before}{BEGIN}\n{}\n\n{END}{after}", result.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let once = with_result(&text, "new").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\nnew\n\n{END}after\n"));
        assert_eq!(with_result(&once, "new").unwrap(), once);
        assert!(with_result("no markers", "new").is_err());
    }

    #[test]
    fn the_readme_has_its_markers() {
        let text = std::fs::read_to_string(root().join("perf/README.md")).unwrap();
        assert!(with_result(&text, "").is_ok());
    }
}
