//! `dstream validate`.

use std::process::ExitCode;

use dstream_config::Document;
use dstream_task::Diagnostics;
use serde_json::json;

use crate::arguments::Global;
use crate::plural::count;
use crate::{configuration, diagnostics, exit};

pub(super) fn validate(global: &Global, json: bool) -> ExitCode {
    let Ok(text) = configuration::read(&global.config) else {
        return ExitCode::from(exit::USAGE);
    };
    let surroundings = configuration::surroundings(global);
    let parsed = Document::parse(&global.config, text, &surroundings);
    let checked = parsed.and_then(|(document, mut warnings)| {
        let (tasks, more) = document.validate(&surroundings)?;
        warnings.0.extend(more.0);
        Ok((tasks, warnings))
    });
    let (tasks, problems, valid) = match checked {
        Ok((tasks, warnings)) => (tasks.len(), warnings, true),
        Err(problems) => (0, problems, false),
    };
    if json {
        super::print(&to_json(&problems, valid));
    } else {
        diagnostics::print(&problems);
        if valid {
            let tasks = count(tasks as u64, "task");
            super::print(&format!("✅ {} is valid: {tasks}\n", global.config.display()));
        }
    }
    ExitCode::from(if valid { exit::SUCCESS } else { exit::USAGE })
}

fn to_json(problems: &Diagnostics, valid: bool) -> String {
    let diagnostics: Vec<_> = problems.0.iter().map(diagnostics::to_json).collect();
    format!("{:#}\n", json!({ "valid": valid, "diagnostics": diagnostics }))
}
