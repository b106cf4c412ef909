//! `dstream list`.

use std::process::ExitCode;

use dstream_config::{ProviderSummary, TaskSummary};
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::{configuration, exit};

pub(super) fn list(global: &Global, json: bool) -> ExitCode {
    let Ok((document, _)) = configuration::load(global) else {
        return ExitCode::from(exit::USAGE);
    };
    let tasks = document.summaries();
    let text = if json { to_json(&tasks) } else { table(&tasks) };
    super::print(&text)
}

fn to_json(tasks: &[TaskSummary]) -> String {
    let tasks: Vec<Value> = tasks
        .iter()
        .map(|task| {
            json!({
                "name": task.name,
                "line": task.line,
                "input": provider(&task.input),
                "outputs": task.outputs.iter().map(provider).collect::<Vec<_>>(),
            })
        })
        .collect();
    format!("{:#}\n", Value::Array(tasks))
}

fn provider(summary: &ProviderSummary) -> Value {
    json!({ "label": summary.label, summary.kind: summary.value })
}

fn table(tasks: &[TaskSummary]) -> String {
    if tasks.is_empty() {
        return "no tasks\n".to_owned();
    }
    let mut rows = vec![["TASK".to_owned(), "INPUT".to_owned(), "OUTPUT".to_owned()]];
    for task in tasks {
        let outputs: Vec<&str> = task.outputs.iter().map(|output| output.value.as_str()).collect();
        rows.push([task.name.clone(), task.input.value.clone(), outputs.join(", ")]);
    }
    let width = |column: usize| {
        rows.iter().map(|row: &[String; 3]| row[column].chars().count()).max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    rows.iter()
        .map(|[task, input, output]| format!("{task:first$}  {input:second$}  {output}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(value: &str) -> ProviderSummary {
        ProviderSummary { kind: "provider", value: value.into(), label: None }
    }

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let tasks = [
            TaskSummary {
                name: "é".into(),
                input: summary("counter"),
                outputs: vec![summary("console"), summary("null")],
                line: 1,
            },
            TaskSummary {
                name: "long-name".into(),
                input: summary("x"),
                outputs: vec![summary("y")],
                line: 9,
            },
        ];
        assert_eq!(
            table(&tasks),
            "TASK       INPUT    OUTPUT\n\
             é          counter  console, null\n\
             long-name  x        y\n"
        );
        let json: Value = serde_json::from_str(&to_json(&tasks)).unwrap();
        assert_eq!(json[0]["outputs"][1]["provider"], "null");
    }
}
