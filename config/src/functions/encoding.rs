//! Text in other forms: base64, JSON, CSV, URLs.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::{csv, json};

pub(super) const TABLE: &[Function] = &[
    function("base64decode", "text", base64decode),
    function("base64encode", "text", |arguments| Ok(STANDARD.encode(arguments.text()?).into())),
    function("csvdecode", "text", csvdecode),
    function("jsondecode", "text", jsondecode),
    function("jsonencode", "value", |arguments| Ok(json::encode(&arguments.any()).into())),
    function("urldecode", "text", urldecode),
    function("urlencode", "text", urlencode),
];

/// As lenient as Go's decoder about bits that stand for nothing, as strict about padding.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Line ends between the characters are skipped; the result must be UTF-8.
fn base64decode(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?.replace(['\r', '\n'], "");
    let bytes = DECODER.decode(text).map_err(|_| arguments.refuse("is not base64"))?;
    let text = String::from_utf8(bytes);
    text.map(Into::into).map_err(|_| "what it encodes is not UTF-8 text".to_owned())
}

fn jsondecode(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    json::decode(&text).map_err(|problem| arguments.refuse(&problem))
}

fn csvdecode(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    csv::decode(&text).map_err(|problem| arguments.refuse(&problem))
}

/// For a query: a blank becomes `+`, all but letters, digits and `-_.~` a percent sign and its code.
fn urlencode(arguments: &mut Arguments<'_>) -> Outcome {
    let mut encoded = String::new();
    for byte in arguments.text()?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into());
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(encoded.into())
}

fn urldecode(arguments: &mut Arguments<'_>) -> Outcome {
    let text = arguments.text()?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit =
                    |at: usize| after.get(at).and_then(|&byte| char::from(byte).to_digit(16));
                let code = digit(0).zip(digit(1)).map(|(high, low)| high << 4 | low);
                let code = code.and_then(|code| u8::try_from(code).ok()).ok_or_else(|| {
                    arguments.refuse("has a `%` without two hexadecimal digits behind it")
                })?;
                bytes.push(code);
                rest = &after[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    let text = String::from_utf8(bytes);
    text.map(Into::into).map_err(|_| "what it encodes is not UTF-8 text".to_owned())
}
