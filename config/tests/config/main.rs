//! What the configuration loader promises, tried from outside, file by file.
//!
//! A new wrong file goes to `fixtures/config/bad`, a new right one to `fixtures/config/good`; both
//! are picked up by name. What is expected of each stands beside it; with `UPDATE_FIXTURES=1` it is
//! written again, to be read in the diff. What needs other surroundings than [`surroundings`] is a
//! test in `language.rs`; what a provider's schema says of a config, in `provider_schema.rs`; what
//! must hold for any input, in `robust.rs`.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod files;
mod language;
mod provider_schema;
mod robust;

use std::path::{Path, PathBuf};

use dstream_config::{BuiltinProvider, Document, Surroundings};
use dstream_task::{Diagnostic, Diagnostics, Severity, Side, Task};

/// `fixtures/config`.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/config")
}

/// What all fixtures are loaded with.
fn surroundings() -> Surroundings {
    let env = [
        ("API_KEY", "key-0123456789"),
        ("API_TOKEN", "token-0123456789"),
        ("ASB_CONNECTION_STRING", "Endpoint=sb://bus.example/;SharedAccessKey=c2VjcmV0"),
        ("DATABASE_CONNECTION_STRING", "server=db;user=sa;password=\"p;w\";${var.x}{{"),
        ("DATABASE_URL", "postgres://app:hunter22@db/app"),
        ("INTERVAL", "250"),
        ("KAFKA_SERVERS", "kafka-1:9092,kafka-2:9092"),
        ("MODE", "fast"),
        ("TABLES", "[\"Orders\", \"Customers\"]"),
        ("WORD", "hello world"),
    ];
    Surroundings {
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        base_dir: PathBuf::from("/project"),
        builtins: [
            ("counter", Side::Input),
            ("generate", Side::Input),
            ("console", Side::Output),
            ("null", Side::Output),
        ]
        .map(|(name, side)| BuiltinProvider { name, side })
        .into(),
        now: Some("2025-09-25T17:30:22+00:00[UTC]".parse().unwrap()),
        ..Surroundings::default()
    }
}

/// Parses and evaluates everything; the problems, warnings among them, are of whichever step
/// failed.
fn load(
    name: &str,
    text: &str,
    surroundings: &Surroundings,
) -> Result<(Vec<Task>, Diagnostics), Diagnostics> {
    let (document, mut warnings) = Document::parse(Path::new(name), text.to_owned(), surroundings)?;
    let (tasks, more) = document.validate(surroundings)?;
    warnings.0.extend(more.0);
    Ok((tasks, warnings))
}

/// Problems as plain text, a few lines each.
fn rendered(problems: &Diagnostics) -> String {
    problems.0.iter().map(one_rendered).collect()
}

fn one_rendered(problem: &Diagnostic) -> String {
    use std::fmt::Write;
    let source = &problem.source;
    let (line, column) = source.line_column(problem.span.start);
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = String::new();
    let path = source.path.display();
    writeln!(text, "{path}:{line}:{column}: {severity}: {}", problem.message).unwrap();
    let shown = source.text.lines().nth(line - 1).unwrap_or_default();
    let marked = source.text.get(problem.span.clone()).unwrap_or_default();
    let marks = marked.lines().next().unwrap_or_default().chars().count().max(1);
    let label = problem.label.as_ref().map(|label| format!(" {label}")).unwrap_or_default();
    writeln!(text, "  | {shown}").unwrap();
    writeln!(text, "  | {}{}{label}", " ".repeat(column - 1), "^".repeat(marks)).unwrap();
    if let Some(help) = &problem.help {
        writeln!(text, "  help: {help}").unwrap();
    }
    text
}
