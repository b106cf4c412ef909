//! What is wrong with a configuration, shown with the source line and a caret, or as JSON.

use std::io::{IsTerminal, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use dstream_task::{Diagnostic, Diagnostics, Severity};
use serde_json::{Value, json};

/// Prints all of them to stderr.
pub(crate) fn print(diagnostics: &Diagnostics) {
    let mut stderr = std::io::stderr().lock();
    let renderer = if is_coloured() { Renderer::styled() } else { Renderer::plain() };
    for diagnostic in &diagnostics.0 {
        // Nothing can be done about a closed stderr.
        let _ = writeln!(stderr, "{}\n", render(diagnostic, &renderer));
    }
    let errors = diagnostics.0.iter().filter(|one| one.severity == Severity::Error).count();
    if errors > 1 {
        let _ = writeln!(stderr, "{errors} errors; nothing was started");
    }
}

/// Whether stderr takes colours.
pub(crate) fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// One problem for programs; lines and columns count from 1.
pub(crate) fn to_json(diagnostic: &Diagnostic) -> Value {
    let (line, column) = diagnostic.source.line_column(diagnostic.span.start);
    let (end_line, end_column) = diagnostic.source.line_column(diagnostic.span.end);
    json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": diagnostic.message,
        "file": diagnostic.source.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "label": diagnostic.label,
        "help": diagnostic.help,
    })
}

fn render(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = diagnostic.source.path.display().to_string();
    let mut annotation = AnnotationKind::Primary.span(diagnostic.span.clone());
    if let Some(label) = &diagnostic.label {
        annotation = annotation.label(label);
    }
    let snippet = Snippet::source(&diagnostic.source.text).path(path).annotation(annotation);
    let mut group = level.primary_title(diagnostic.message.as_str()).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let report: &[Group<'_>] = &[group];
    renderer.render(report)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dstream_task::SourceText;

    use super::*;

    #[test]
    fn a_problem_has_file_line_column_source_caret_and_help() {
        let text = "a = 1\n\té = intervall\n".to_owned();
        let start = text.find("intervall").unwrap();
        let source = Arc::new(SourceText { path: "x.hcl".into(), text });
        let diagnostic = Diagnostic::error(&source, start..start + 9, "unknown attribute")
            .with_help("did you mean `interval`?");
        let shown = render(&diagnostic, &Renderer::plain());
        let expected = "\
error: unknown attribute
 --> x.hcl:2:6
  |
2 |     é = intervall
  |         ^^^^^^^^^
  |
  = help: did you mean `interval`?";
        assert_eq!(shown, expected);
        let json = to_json(&diagnostic);
        assert_eq!(
            (&json["line"], &json["column"], &json["end_column"]),
            (&2.into(), &6.into(), &15.into())
        );
    }
}
