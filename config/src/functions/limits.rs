//! How large a value may get. Hitting a limit is an error that names it.

use crate::values::value::{Data, Value};

/// Bytes of text in one value, keys included. Sixteen times what [`FILE_BYTES_MAX`] lets in.
pub(super) const TEXT_BYTES_MAX: usize = 16 << 20;

/// Values within one value. A value takes about 60 bytes, so this is some tens of MiB.
pub(super) const ITEMS_MAX: usize = 1 << 20;

/// Lists and objects within each other. The same depth at which `jsondecode` stops; every walk
/// over a value here is recursive and relies on it.
pub(super) const DEPTH_MAX: usize = 128;

/// Bytes that `file` and its relatives read. Configuration refers to certificates and small lists;
/// what is larger is data and has no place in a value that is copied about.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Numbers that `range` makes; Terraform's limit.
pub(super) const RANGE_ITEMS_MAX: usize = 1024;

/// Characters that a width or a precision of `format`, or the count of `indent`, may ask for.
pub(super) const PADDING_MAX: usize = 4096;

/// Strings that may be made from secrets within one evaluation. Each is searched for in every
/// text that is cleared of secrets later.
pub(super) const DERIVED_SECRETS_MAX: usize = 4096;

// A file fits into a value, also as base64.
const _: () = assert!(FILE_BYTES_MAX * 2 < TEXT_BYTES_MAX as u64);

/// Fails when a string of `bytes` would be too long. For results that can be much larger than
/// the arguments, asked before they are built.
pub(super) fn text_fits(bytes: usize) -> Result<(), String> {
    if bytes > TEXT_BYTES_MAX {
        return Err(format!("the text would be longer than {} MiB", TEXT_BYTES_MAX >> 20));
    }
    Ok(())
}

/// Fails when a list of `items` would be too long.
pub(super) fn items_fit(items: usize) -> Result<(), String> {
    if items > ITEMS_MAX {
        return Err(format!("the result would have more than {ITEMS_MAX} elements"));
    }
    Ok(())
}

/// Fails when `value` is larger or deeper than the limits allow.
pub(super) fn value_fits(value: &Value) -> Result<(), String> {
    Size::default().add(value, 0)
}

/// Fails when all of `values`, `times` over, would be more than one value may hold.
pub(super) fn repeated_fit(values: &[Value], times: usize) -> Result<(), String> {
    let mut size = Size::default();
    for value in values {
        size.add(value, 0)?;
    }
    items_fit(size.items.saturating_mul(times))?;
    text_fits(size.bytes.saturating_mul(times))
}

#[derive(Default)]
struct Size {
    items: usize,
    bytes: usize,
}

impl Size {
    fn add(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("the value is nested deeper than {DEPTH_MAX} levels"));
        }
        self.items += 1;
        match &value.data {
            Data::String(text) => self.bytes += text.len(),
            Data::List(items) => {
                for item in items {
                    self.add(item, depth + 1)?;
                }
            }
            Data::Object(entries) => {
                for (key, item) in entries {
                    self.bytes += key.len();
                    self.add(item, depth + 1)?;
                }
            }
            Data::Null | Data::Bool(_) | Data::Number(_) => {}
        }
        items_fit(self.items)?;
        text_fits(self.bytes)
    }
}
