//! The `dstream` block: which version a file is for, and where its providers come from.

use std::path::Path;

use super::declared::{SettingsDeclaration, TrustDeclaration};
use super::fields::Text;
use super::version::{VERSION, is_met};
use crate::Settings;
use crate::values::evaluate::{Evaluator, span_of};
use crate::values::value::Data;
use dstream_reference::PublicKey;
use dstream_reference::{Mirror, TrustPattern, TrustPolicy};
use dstream_reference::{canonical_registry, check_registry, parse_reference};

/// Checks the block; what is wrong is noted and left out.
pub(crate) fn read(
    declared: &SettingsDeclaration,
    values: &Evaluator<'_>,
    base_dir: &Path,
) -> Settings {
    required_version(declared, values);
    let mut trust: Vec<TrustPolicy> = Vec::new();
    for block in &declared.trust {
        let Some(policy) = policy(block, values) else { continue };
        if trust.iter().any(|other| other.pattern.is_same(&policy.pattern)) {
            let message = "duplicate `trust` block for this pattern";
            let help = "where any of several keys may have signed, write public_key = [file(\"a.pub\"), file(\"b.pub\")]";
            values.fail_with(&block.pattern.span, message, Some(help.to_owned()));
            continue;
        }
        trust.push(policy);
    }
    Settings {
        registry: registry(declared, values),
        mirror: mirror(declared, values, base_dir),
        insecure_registries: insecure_registries(declared, values),
        ca_file: text(declared, values, "ca_file").map(|file| base_dir.join(file.text)),
        state: text(declared, values, "state").map(|folder| base_dir.join(folder.text)),
        trust,
    }
}

fn text(declared: &SettingsDeclaration, values: &Evaluator<'_>, name: &str) -> Option<Text> {
    values.text_of(declared.fields.get(name)?)
}

fn required_version(declared: &SettingsDeclaration, values: &Evaluator<'_>) {
    let Some(required) = text(declared, values, "required_version") else { return };
    match is_met(&required.text, VERSION) {
        Some(true) => {}
        Some(false) => {
            let message = format!("this file does not accept DStream {VERSION}");
            let help = "install an accepted version, or change `required_version`";
            values.fail_with(&required.span, message, Some(help.to_owned()));
        }
        None => {
            let help = "write it like \">= 0.1\", \">= 0.1, < 2\", \"~> 0.1\" or \"0.1.0\"";
            let message = "invalid version requirement";
            values.fail_with(&required.span, message, Some(help.to_owned()));
        }
    }
}

fn registry(declared: &SettingsDeclaration, values: &Evaluator<'_>) -> Option<String> {
    let registry = text(declared, values, "registry")?;
    // Any short name shows whether the registry can complete one.
    match parse_reference("provider:v1", Some(&registry.text)) {
        Ok(_) => Some(registry.text),
        Err(_) => {
            let help = "a registry is a host, with a namespace if need be: \"ghcr.io/katasec\"";
            let message = "invalid registry";
            values.fail_with(&registry.span, message, Some(help.to_owned()));
            None
        }
    }
}

fn mirror(
    declared: &SettingsDeclaration,
    values: &Evaluator<'_>,
    base_dir: &Path,
) -> Option<Mirror> {
    let mirror = text(declared, values, "mirror")?;
    match Mirror::parse(&mirror.text, base_dir) {
        Ok(mirror) => Some(mirror),
        Err(message) => {
            let help =
                "write a registry (\"registry.lan:5000/mirror\") or a folder (\"./providers\")";
            values.fail_with(&mirror.span, message, Some(help.to_owned()));
            None
        }
    }
}

fn insecure_registries(declared: &SettingsDeclaration, values: &Evaluator<'_>) -> Vec<String> {
    let Some(attribute) = declared.fields.get("insecure_registries") else { return Vec::new() };
    let span = span_of(&attribute.value);
    let Ok(value) = values.value(&attribute.value) else { return Vec::new() };
    let kind = value.kind();
    let Data::List(items) = value.data else {
        let message = format!("`insecure_registries` must be a list of strings, not {kind}");
        let help = "write it like [\"registry.lan:5000\"]";
        values.fail_with(&span, message, Some(help.to_owned()));
        return Vec::new();
    };
    let mut registries = Vec::new();
    for item in items {
        match item.data {
            Data::String(host) if check_registry(&host).is_ok() => {
                registries.push(canonical_registry(&host));
            }
            _ => {
                let message = "`insecure_registries` takes hosts with their ports only";
                let help =
                    "write it like [\"registry.lan:5000\"], without http:// and without a path";
                values.fail_with(&span, message, Some(help.to_owned()));
            }
        }
    }
    registries
}

/// `trust "ghcr.io/katasec/*" { public_key = file("…") }`
fn policy(declared: &TrustDeclaration, values: &Evaluator<'_>) -> Option<TrustPolicy> {
    let label = &declared.pattern;
    let pattern = match TrustPattern::parse(&label.text) {
        Ok(pattern) => Some(pattern),
        Err(message) => {
            let help = "write a repository with its registry, `*` for one part, `**` for any number: \"ghcr.io/katasec/*\"";
            values.fail_with(&label.span, message, Some(help.to_owned()));
            None
        }
    };
    let Some(attribute) = declared.fields.get("public_key") else {
        let help = "add `public_key = file(\"cosign.pub\")`";
        let message = "this `trust` block names no key";
        values.fail_with(&label.span, message, Some(help.to_owned()));
        return None;
    };
    let span = span_of(&attribute.value);
    let value = values.value(&attribute.value).ok()?;
    let kind = value.kind();
    let texts = match value.data {
        Data::List(items) if !items.is_empty() => items,
        other => vec![crate::values::value::Value::new(other)],
    };
    let mut public_keys = Vec::new();
    for text in texts {
        let Data::String(pem) = text.data else {
            let message =
                format!("`public_key` is the text of a key, or a list of them, not {kind}");
            values.fail(&span, message);
            return None;
        };
        match PublicKey::from_pem(&pem) {
            Ok(key) => public_keys.push(key),
            Err(error) => {
                let help = "a public key of ECDSA P-256 in PEM, as `cosign generate-key-pair` writes it; file(\"cosign.pub\") reads one";
                let message = format!("unusable public key: {error}");
                values.fail_with(&span, message, Some(help.to_owned()));
                return None;
            }
        }
    }
    Some(TrustPolicy { pattern: pattern?, public_keys })
}
