//! `required_version`: what a file demands of the DStream that reads it.

/// This version, as versions are compared: numbers only.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether a version meets all requirements of a list such as `>= 0.1, < 2`; `None` if the list
/// cannot be read. `~> 1.2` is at least 1.2 and below 2, `~> 1.2.3` at least that and below 1.3; a
/// version alone is exactly that.
pub(super) fn is_met(required: &str, version: &str) -> Option<bool> {
    let (version, _) = numbers(version.split(['-', '+']).next()?)?;
    let mut met = true;
    for part in required.split(',') {
        let part = part.trim();
        let length = part.find(|c: char| c.is_ascii_digit() || c == 'v')?;
        let (wanted, given) = numbers(part[length..].strip_prefix('v').unwrap_or(&part[length..]))?;
        met &= match part[..length].trim_end() {
            "" | "=" => version == wanted,
            "!=" => version != wanted,
            ">" => version > wanted,
            ">=" => version >= wanted,
            "<" => version < wanted,
            "<=" => version <= wanted,
            "~>" => {
                let mut below = [0; 3];
                let counted = given.saturating_sub(2);
                below[..=counted].copy_from_slice(&wanted[..=counted]);
                below[counted] = below[counted].checked_add(1)?;
                version >= wanted && version < below
            }
            _ => return None,
        };
    }
    Some(met)
}

/// One to three numbers with dots between them, and how many there are.
fn numbers(text: &str) -> Option<([u64; 3], usize)> {
    let mut numbers = [0; 3];
    let mut count = 0;
    for part in text.split('.') {
        *numbers.get_mut(count)? = part.parse().ok()?;
        count += 1;
    }
    Some((numbers, count))
}

#[cfg(test)]
mod tests {
    use super::is_met;

    #[test]
    fn compares_versions() {
        for (required, met) in [
            (">= 0.1", Some(true)),
            (">=0.1.0,<0.2", Some(true)),
            ("0.1", Some(false)),
            ("= 0.1.5", Some(true)),
            ("!= 0.1.5", Some(false)),
            ("~> 0.1", Some(true)),
            ("~> 0.1.3", Some(true)),
            ("~> 0.1.6", Some(false)),
            ("~> 0.0.1", Some(false)),
            ("~> 1", Some(false)),
            ("> 0.1.4, <= 0.1.5", Some(true)),
            (">= 99.0", Some(false)),
            (">= v0.1", Some(true)),
            ("^0.1", None),
            (">= 0.1.2.3", None),
            ("new", None),
            ("", None),
            (">= 0.x", None),
        ] {
            assert_eq!(is_met(required, "0.1.5-rc.1"), met, "{required}");
        }
    }
}
