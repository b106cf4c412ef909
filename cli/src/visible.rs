//! Others' words on a terminal.

/// Others' words without what would move a terminal's cursor or turn its text around.
pub(crate) fn visible(text: &str) -> String {
    let is_shown = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_shown(c) { c } else { ' ' }).collect()
}
