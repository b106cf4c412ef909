//! Other spellings of a text: Base64, hashes, JSON, URLs, paths.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::super::context::{Outcome, Problem, TextBuilder};
use super::super::json::{Style, from_json, write};
use super::strings::printed;
use super::{Call, Function, derives};

pub(super) const FUNCTIONS: &[Function] = &[
    derives("b64enc", (1, 1), |call| {
        let text = call.text(0)?;
        call.new_text(&STANDARD.encode(text.as_bytes()))
    }),
    derives("b64dec", (1, 1), b64dec),
    derives("sha256sum", (1, 1), |call| {
        let text = call.text(0)?;
        let digest = Sha256::digest(text.as_bytes());
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        call.new_text(&digits)
    }),
    derives("toJson", (1, 1), |call| to_json(call, Style::default())),
    derives("mustToJson", (1, 1), |call| to_json(call, Style::default())),
    derives("toPrettyJson", (1, 1), |call| to_json(call, Style { pretty: true, raw: false })),
    derives("toRawJson", (1, 1), |call| to_json(call, Style { pretty: false, raw: true })),
    derives("fromJson", (1, 1), parse_json),
    derives("mustFromJson", (1, 1), parse_json),
    derives("urlquery", (0, super::MANY), urlquery),
    derives("base", (1, 1), |call| {
        let text = call.text(0)?;
        call.new_text(base(&text))
    }),
    derives("ext", (1, 1), |call| {
        let text = call.text(0)?;
        let name = text.rsplit('/').next().unwrap_or("");
        call.new_text(name.rfind('.').map_or("", |dot| &name[dot..]))
    }),
];

/// Not the values are shown in these errors, only what is wrong: they may be secrets.
fn b64dec(call: &mut Call<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    // Go passes over line ends.
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| Problem::argument(0, "`b64dec` needs Base64 here, and this is none"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Problem::argument(0, "what `b64dec` decodes here is no UTF-8 text"))?;
    call.new_text(&text)
}

fn to_json(call: &mut Call<'_, '_>, style: Style) -> Outcome {
    let value = call.value(0);
    let mut out = TextBuilder::default();
    write(call.context, &value, style, &mut out, 0)?;
    call.new_text(out.as_str())
}

fn parse_json(call: &mut Call<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    let json = serde_json::from_str(&text)
        .map_err(|_| Problem::argument(0, "`fromJson` needs JSON here, and this is none"))?;
    from_json(call.context, json)
}

fn urlquery(call: &mut Call<'_, '_>) -> Outcome {
    let text = printed(call)?;
    let mut out = TextBuilder::default();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push("+")?,
            b'-' | b'_' | b'.' | b'~' => out.push_char(char::from(byte))?,
            _ if byte.is_ascii_alphanumeric() => out.push_char(char::from(byte))?,
            _ => out.push(&format!("%{byte:02X}"))?,
        }
    }
    call.new_text(out.as_str())
}

/// The last name of a path with `/`.
fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path, trimmed) {
        ("", _) => ".",
        (_, "") => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}
