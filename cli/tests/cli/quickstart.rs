//! What the README promises to a newcomer.

use std::fs;

use crate::harness::{Block, Sandbox, quoted, repository};

#[test]
fn the_quick_start_prints_its_five_messages() {
    let text = fs::read_to_string(repository().join("dstream.hcl")).unwrap();
    assert!(text.contains("interval = 1000"));
    let sandbox = Sandbox::hcl(&text.replace("interval = 1000", "interval = 1"));
    sandbox.run(&["run", "quickstart"]).is(
        0,
        r#"Message #1: {"value":1,"timestamp":"[TIMESTAMP]"}
Message #2: {"value":2,"timestamp":"[TIMESTAMP]"}
Message #3: {"value":3,"timestamp":"[TIMESTAMP]"}
Message #4: {"value":4,"timestamp":"[TIMESTAMP]"}
Message #5: {"value":5,"timestamp":"[TIMESTAMP]"}
✅ Task "quickstart" executed successfully
"#,
        "INFO  counter: starting with interval=1ms, max_count=5\n\
         INFO  dstream: 5 lines (630 B) written to console in [TIME]\n",
    );
}

#[test]
fn the_log_can_be_left_out() {
    let sandbox = Sandbox::hcl(COUNT_TO_ONE);
    sandbox.run(&["run", "one", "--log-level", "error"]).is(0, ONE, "");
    let mut command = sandbox.command(&["run", "one"]);
    command.env("DSTREAM_LOG_LEVEL", "error");
    sandbox.start_command(command).outcome().is(0, ONE, "");
}

#[test]
fn the_log_can_be_json_for_programs() {
    let sandbox = Sandbox::hcl(COUNT_TO_ONE);
    let outcome = sandbox.run(&["run", "one", "--log-format", "json", "--log-time"]);
    outcome.has(0, ONE, &[]);
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert!(lines.len() >= 2, "{}", outcome.stderr);
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line.is_object());
    }
}

const ONE: &str = "Message #1: {\"value\":1,\"timestamp\":\"[TIMESTAMP]\"}\n\
    ✅ Task \"one\" executed successfully\n";

const COUNT_TO_ONE: &str = r#"
task "one" {
  type = "providers"
  input {
    provider = "counter"
    config {
      interval = 1
      maxCount = 1
    }
  }
  output {
    provider = "console"
    config {
      outputFormat = "simple"
    }
  }
}
"#;

#[test]
fn an_input_and_an_output_share_the_name_file() {
    let sandbox = Sandbox::new();
    let (from, to) = (sandbox.at("in.jsonl"), sandbox.at("out.jsonl"));
    let lines = "{\"data\": 1}\n{\"data\":2,\"metadata\":{}}\n";
    sandbox.write("in.jsonl", lines);
    sandbox.write_task(
        &Block::builtin("file").config(&format!("path = {}", quoted(&from))),
        &[Block::builtin("file").config(&format!("path = {}", quoted(&to)))],
        "",
    );
    let log = "INFO  dstream: 2 lines (37 B) written to sink in [TIME]\n";
    sandbox.run_task().is(0, "✅ Task \"t\" executed successfully\n", log);
    assert_eq!(sandbox.read("out.jsonl"), lines.as_bytes());
}
