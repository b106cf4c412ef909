//! Findings → diagnostics at the lines of the HCL file.

use dstream_task::{Diagnostics, ProviderBlock, Severity};

use super::{ConfigSchema, FindingKind};

/// What a provider's schema says about this block's `config`, in the order of the file; each
/// problem at the name of the attribute or block that has it, what is missing at the name of
/// the block that lacks it. `named` is the provider as the file names it: a reference.
///
/// Names that are made of secrets are masked. If the check would take too long, that is a
/// warning.
pub fn diagnose(block: &ProviderBlock, schema: &ConfigSchema, named: &str) -> Diagnostics {
    let mut problems = Vec::new();
    for finding in schema.check(&block.config) {
        let joint = match finding.kind {
            FindingKind::Missing | FindingKind::Unknown => " in the config of",
            FindingKind::Mistyped | FindingKind::Value => ", in the config of",
            FindingKind::Respelt => " by",
            FindingKind::Unchecked => ":",
        };
        let message = format!("{}{joint} `{named}`", finding.message);
        let mut problem = block.places.error(&finding.path, &message, finding.help.as_deref());
        if matches!(finding.kind, FindingKind::Unchecked | FindingKind::Respelt) {
            problem.severity = Severity::Warning;
        }
        problems.push(problem);
    }
    problems.sort_by_key(|problem| problem.span.start);
    Diagnostics(problems)
}
