//! What is wrong with a configuration, and where. Rendering is the caller's.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A file's name and text, shared by every diagnostic that points into it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The whole text, as it stands in the file.
    pub text: String,
}

impl SourceText {
    /// Line and column, both from 1, of a byte offset; the column counts characters.
    /// An offset beyond the end is taken as the end.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before[line_start..].chars().count() + 1)
    }
}

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// The run goes on.
    Warning,
}

/// One problem at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, as a lower-case fragment without a full stop: "unknown attribute `intervall`".
    pub message: String,
    /// The file it points into.
    pub source: Arc<SourceText>,
    /// Bytes of `source.text` that the caret underlines; may be empty.
    pub span: Range<usize>,
    /// Words beside the caret, if any.
    pub label: Option<String>,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span` of `source`.
    pub fn error(source: &Arc<SourceText>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            source: Arc::clone(source),
            span,
            label: None,
            help: None,
        }
    }

    /// A warning at `span` of `source`.
    pub fn warning(
        source: &Arc<SourceText>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(source, span, message) }
    }

    /// The same with words beside the caret.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All problems of one load, in the order of their places in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether anything in it forbids a start.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}
