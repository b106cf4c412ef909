//! A lazy view of a line.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use dstream_filter::json::{Parsed, Scratch, Value};

/// What a line says, parsed when it is first asked for, and then only once.
///
/// The line itself is never touched: simd-json rewrites what it parses, so it gets a copy, in the
/// [`Scratch`].
pub struct EnvelopeView<'s> {
    line: &'s [u8],
    /// There until the line has been parsed.
    scratch: Cell<Option<&'s mut Scratch>>,
    parsed: OnceCell<Result<Parsed<'s>, Cow<'static, str>>>,
}

impl<'s> EnvelopeView<'s> {
    /// A view of `line`, which is without its newline. Nothing is parsed yet.
    pub fn new(line: &'s [u8], scratch: &'s mut Scratch) -> Self {
        Self { line, scratch: Cell::new(Some(scratch)), parsed: OnceCell::new() }
    }

    /// The field `data`; null where there is none.
    ///
    /// # Errors
    ///
    /// Why the line is no envelope: no JSON, or no object.
    pub fn data(&self) -> Result<Value<'_>, Cow<'static, str>> {
        Ok(self.root()?.field("data"))
    }

    /// The field `metadata`; null where there is none. Whether it is an object is not checked.
    ///
    /// # Errors
    ///
    /// As for [`Self::data`].
    pub fn metadata(&self) -> Result<Value<'_>, Cow<'static, str>> {
        Ok(self.root()?.field("metadata"))
    }

    /// What `metadata` has under a name; null where there is nothing.
    ///
    /// # Errors
    ///
    /// As for [`Self::data`].
    pub fn metadata_field(&self, name: &str) -> Result<Value<'_>, Cow<'static, str>> {
        Ok(self.metadata()?.field(name))
    }

    fn root(&self) -> Result<Value<'_>, Cow<'static, str>> {
        let parsed = self.parsed.get_or_init(|| match self.scratch.take() {
            Some(scratch) => scratch.parse(self.line),
            // The scratch goes when the cell is filled, so this is never asked.
            None => Err(Cow::Borrowed("not parsed")),
        });
        match parsed.as_ref().map(Parsed::root) {
            Ok(root @ Value::Object(_)) => Ok(root),
            Ok(_) => Err(Cow::Borrowed("not a JSON object")),
            Err(reason) => Err(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_filter::json::Number;

    /// The same value as serde_json's, which may be off by the last bits of a float.
    fn same(value: &Value<'_>, expected: &serde_json::Value) -> bool {
        use serde_json::Value as Json;
        match (value, expected) {
            (Value::Null, Json::Null) => true,
            (Value::Bool(one), Json::Bool(two)) => one == two,
            (Value::Text(one), Json::String(two)) => one == two,
            (Value::Number(Number::Whole(one)), Json::Number(two)) if !two.is_f64() => {
                two.as_i64().map(i128::from).or_else(|| two.as_u64().map(i128::from)) == Some(*one)
            }
            // So it takes whole numbers beyond 64 bits, and `-0`.
            (Value::Number(one), Json::Number(two)) => {
                let (one, two) = (one.as_f64(), two.as_f64().unwrap_or(f64::NAN));
                (one - two).abs() <= two.abs() * 4.0 * f64::EPSILON
            }
            (Value::List(one), Json::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(&one, two))
            }
            (Value::Object(one), Json::Object(two)) => {
                one.len() == two.len()
                    && two.iter().all(|(key, two)| one.get(key).is_some_and(|one| same(&one, two)))
            }
            _ => false,
        }
    }

    #[test]
    fn every_recorded_change_is_seen_as_serde_json_sees_it() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/changes/changes.jsonl");
        let changes = std::fs::read(file).unwrap();
        let mut scratch = Scratch::default();
        let mut count = 0;
        for line in changes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let expected: serde_json::Value = serde_json::from_slice(line).unwrap();
            let view = EnvelopeView::new(line, &mut scratch);
            let data = view.data().unwrap();
            assert!(same(&data, &expected["data"]), "{data:?} {}", expected["data"]);
            assert!(same(&view.metadata().unwrap(), &expected["metadata"]));
            for name in ["table", "operation", "before", "xid", "none"] {
                let field = view.metadata_field(name).unwrap();
                assert!(same(&field, &expected["metadata"][name]), "{name}");
            }
            count += 1;
        }
        assert_eq!(count, 10_818);
    }

    #[test]
    fn escapes_are_resolved_and_the_line_stays_as_it_is() {
        let line = br#"{"\u006detadata":{"\u0074able":"a\n\u00e9\ud83d\ude00"},"data":[1,"\\"]}"#;
        let kept = line.to_vec();
        let mut scratch = Scratch::default();
        let view = EnvelopeView::new(line, &mut scratch);
        assert_eq!(view.metadata_field("table").unwrap().as_str(), Some("a\né😀"));
        assert_eq!(view.data().unwrap().item(1).as_str(), Some("\\"));
        drop(view);
        assert_eq!(line[..], kept);
    }

    #[test]
    fn of_equal_keys_the_last_counts() {
        let mut scratch = Scratch::default();
        for line in [
            &br#"{"metadata":{"t":1},"data":0,"metadata":{"t":2,"t":[],"t":3}}"#[..],
            br#"{"metadata":{"t":1},"data":1e999,"metadata":{"t":2,"t":[],"t":3}}"#,
        ] {
            let view = EnvelopeView::new(line, &mut scratch);
            assert_eq!(view.metadata_field("t").unwrap(), Value::Number(Number::Whole(3)));
            assert!(matches!(view.metadata().unwrap(), Value::Object(object) if object.len() == 1));
        }
    }

    #[test]
    fn nothing_is_parsed_before_it_is_asked_for_and_a_bad_line_does_not_spoil_the_next() {
        let mut scratch = Scratch::default();
        for _ in 0..2 {
            let view = EnvelopeView::new(b"{\"data\":\"\\u0041", &mut scratch);
            assert!(view.parsed.get().is_none());
            let reason = view.data().unwrap_err();
            assert_eq!(reason, "not JSON: EOF while parsing a string, at byte 15");
            assert_eq!(view.metadata().unwrap_err(), reason);
            drop(view);
            assert!(EnvelopeView::new(b"[1]", &mut scratch).data().is_err());
            let view = EnvelopeView::new(b"{\"data\":\"A\"}", &mut scratch);
            assert_eq!(view.data().unwrap().as_str(), Some("A"));
            assert_eq!(view.metadata_field("x").unwrap(), Value::Null);
        }
    }
}
