//! A provider's config_schema checks the block's config before anything starts.

use super::full_path::seed;
use super::real::Registry;
use crate::harness::Sandbox;

fn published(schema: &str) -> Option<(Registry, Sandbox)> {
    let registry = Registry::start()?;
    let sandbox = Sandbox::new();
    let metadata = format!(r#"{{"name":"counter","type":"input","config_schema":{schema}}}"#);
    sandbox.write_provider("counter", "input counter", &metadata);
    let reference = registry.reference("dstream/counter:v1");
    sandbox.dstream(&["provider", "push", &reference, "counter"]).said(0, &[]);
    let text = seed("", &reference, "x").replace("provider_ref = \"x\"", "provider = \"console\"");
    sandbox.write("dstream.hcl", text);
    Some((registry, sandbox))
}

/// Runs with another config; gives what was said.
#[track_caller]
fn refused(sandbox: &Sandbox, config: &str, expected: &[&str]) {
    let text = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    sandbox.write("dstream.hcl", text.replace("      interval  = 1\n", config));
    let outcome = sandbox.dstream(&["run", "seed"]);
    outcome.said(2, expected);
    assert!(!outcome.stdout.contains("Message"), "{}", outcome.stdout);
    sandbox.write("dstream.hcl", text);
}

const SIMPLE: &str =
    r#"{"interval":{"type":"number","required":true},"max_count":{"type":"number"}}"#;
const JSON_SCHEMA: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["interval"],"additionalProperties":false,"properties":{"interval":{"type":"integer","minimum":1},"max_count":{"type":"integer"}}}"#;

#[test]
fn wrong_fields_are_reported_at_their_lines() {
    for schema in [SIMPLE, JSON_SCHEMA] {
        let Some((_registry, sandbox)) = published(schema) else { return };
        sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
        refused(&sandbox, "      interval  = \"soon\"\n", &["`interval`", "dstream.hcl:9:"]);
        refused(&sandbox, "", &["`interval`", "dstream.hcl:"]);
        refused(
            &sandbox,
            "      interval  = 1\n      intervall = 2\n",
            &["`intervall`", "dstream.hcl:10:", "did you mean `interval`"],
        );
    }
}

#[test]
fn a_schema_that_is_none_is_not_published() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    sandbox.write_provider("counter", "input counter", r#"{"config_schema":17}"#);
    let reference = registry.reference("dstream/counter:v1");
    let outcome = sandbox.dstream(&["provider", "push", &reference, "counter"]);
    outcome.said(2, &["provider.json is not valid", "config_schema"]);
}
