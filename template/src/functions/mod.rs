//! The functions a template can call: Go's own and the common ones of Sprig, under their names.
//!
//! A function sees values only. It is called with a count of arguments that it takes and, unless
//! it says otherwise, never with a variable that is not set.

mod call;
mod conversions;
mod dates;
mod dicts;
mod encoding;
mod environment;
mod lists;
mod logic;
mod maths;
mod patterns;
mod strings;

pub(super) use call::Call;

use super::context::Outcome;

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many arguments it takes at least.
    pub(super) min: usize,
    /// And at most; `None` for any number.
    pub(super) max: Option<usize>,
    pub(super) manner: Manner,
    pub(super) body: Body,
}

/// What is special about a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Its result is a judgement, a number, or one of its arguments as it was.
    Plain,
    /// Texts in its result are made from those in its arguments: secret if one of them is.
    Derives,
    /// It takes variables that are not set; for all others they are an error.
    TakesUnset,
}

/// How a function is evaluated.
#[derive(Debug)]
pub(super) enum Body {
    /// All arguments first.
    Eager(fn(&mut Call<'_, '_>) -> Outcome),
    /// Arguments until one is false; that one.
    And,
    /// Arguments until one is true; that one.
    Or,
}

type Eager = fn(&mut Call<'_, '_>) -> Outcome;

/// Any number of arguments from a least one on.
const MANY: usize = usize::MAX;

const fn function(name: &'static str, (min, max): (usize, usize), body: Eager) -> Function {
    let max = if max == MANY { None } else { Some(max) };
    Function { name, min, max, manner: Manner::Plain, body: Body::Eager(body) }
}

const fn derives(name: &'static str, arity: (usize, usize), body: Eager) -> Function {
    Function { manner: Manner::Derives, ..function(name, arity, body) }
}

const fn takes_unset(name: &'static str, arity: (usize, usize), body: Eager) -> Function {
    Function { manner: Manner::TakesUnset, ..function(name, arity, body) }
}

static TABLES: [&[Function]; 10] = [
    logic::FUNCTIONS,
    environment::FUNCTIONS,
    strings::FUNCTIONS,
    patterns::FUNCTIONS,
    encoding::FUNCTIONS,
    conversions::FUNCTIONS,
    lists::FUNCTIONS,
    dicts::FUNCTIONS,
    maths::FUNCTIONS,
    dates::FUNCTIONS,
];

/// All functions.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// Characters of a name that is compared with all others; a longer one is none of them.
const COMPARED_CHARS_MAX: usize = 40;

/// The name that is closest to a misspelt one: about one typing mistake in three letters.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    if name.chars().nth(COMPARED_CHARS_MAX).is_some() {
        return None;
    }
    let mistakes_max = (name.chars().count() / 3).max(1);
    let lower = name.to_lowercase();
    all()
        .map(|function| {
            let known = function.name.to_lowercase();
            (strsim::damerau_levenshtein(&known, &lower), function.name)
        })
        .filter(|(mistakes, known)| *mistakes <= mistakes_max && *mistakes < known.len())
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, known)| known)
}

/// Why a function that people may know from elsewhere is not there.
pub(super) fn left_out(name: &str) -> Option<&'static str> {
    match name {
        "html" | "js" | "call" => Some("Go's `html`, `js` and `call` have no use in a pipeline"),
        "include" | "required" | "tpl" | "lookup" | "toYaml" | "fromYaml" => {
            Some("this one is Helm's; an unset variable is an error here without `required`")
        }
        "uuidv4" | "randAlphaNum" | "randAlpha" | "randAscii" | "randNumeric" | "randInt"
        | "randBytes" | "shuffle" => {
            Some("random values are left out: a configuration gives the same task every time")
        }
        "getHostByName" | "genPrivateKey" | "genCA" | "genSelfSignedCert" | "genSignedCert"
        | "derivePassword" | "bcrypt" | "htpasswd" | "encryptAES" | "decryptAES" => {
            Some("keys, certificates, passwords and the network are left out")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<&str> = all().map(|function| function.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn finds_what_was_meant() {
        for (name, meant) in [
            ("uper", Some("upper")),
            ("Env", Some("env")),
            ("b64encode", Some("b64enc")),
            ("defualt", Some("default")),
            ("toJSON", Some("toJson")),
            ("x", None),
        ] {
            assert_eq!(nearest(name), meant, "{name}");
        }
    }
}
