//! "Did you mean": the known name that is closest to a misspelt one.

/// The nearest of `known`, if one is near enough to be meant: another case or separator, or about
/// one typing mistake in three letters.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(name);
    let mistakes_max = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|known| *known != name)
        .map(|known| (strsim::damerau_levenshtein(&self::plain(known), &plain), known))
        .filter(|(mistakes, known)| *mistakes <= mistakes_max && *mistakes < known.chars().count())
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, known)| known)
}

/// `did you mean `x`?`, if there is a near one.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The names as a person lists them: "`a`, `b` and `c`".
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Whether two names differ in capitals and separators only.
pub fn is_same_name(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["max_line", "validate", "delivery", "env"];
        for (name, meant) in [
            ("maxLine", Some("max_line")),
            ("validte", Some("validate")),
            ("delivrey", Some("delivery")),
            ("evn", Some("env")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
    }

    #[test]
    fn lists_names() {
        assert_eq!(listed([]), "");
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
