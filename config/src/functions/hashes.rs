//! Hashes of strings and of files, in hexadecimal or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::files;

pub(super) const TABLE: &[Function] = &[
    function("base64sha256", "text", base64_of_text::<Sha256>),
    function("base64sha512", "text", base64_of_text::<Sha512>),
    function("filebase64sha256", "path", base64_of_file::<Sha256>),
    function("filebase64sha512", "path", base64_of_file::<Sha512>),
    function("filemd5", "path", hex_of_file::<Md5>),
    function("filesha1", "path", hex_of_file::<Sha1>),
    function("filesha256", "path", hex_of_file::<Sha256>),
    function("filesha512", "path", hex_of_file::<Sha512>),
    function("md5", "text", hex_of_text::<Md5>),
    function("sha1", "text", hex_of_text::<Sha1>),
    function("sha256", "text", hex_of_text::<Sha256>),
    function("sha512", "text", hex_of_text::<Sha512>),
];

fn hex_of_text<D: Digest>(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(hex(&D::digest(arguments.text()?)).into())
}

fn hex_of_file<D: Digest>(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    Ok(hex(&D::digest(files::read(arguments.context, &path)?)).into())
}

fn base64_of_text<D: Digest>(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(STANDARD.encode(D::digest(arguments.text()?)).into())
}

fn base64_of_file<D: Digest>(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    Ok(STANDARD.encode(D::digest(files::read(arguments.context, &path)?)).into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
