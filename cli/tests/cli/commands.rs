//! list, validate, version, completions, help, and wrong command lines.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{Sandbox, repository};

const COMMANDS: [&str; 9] =
    ["run", "list", "init", "plan", "status", "destroy", "validate", "version", "completions"];

const TWO_TASKS: &str = r#"
task "orders" {
  type = "providers"
  input {
    provider = "counter"
  }
  output "audit" {
    provider = "null"
  }
  output {
    provider_path = "./bin/kafka"
  }
}

task "x" {
  type = "providers"
  input {
    provider_ref = "ghcr.io/katasec/mssql-cdc-provider:v1.2.0"
  }
  output {
    provider = "console"
  }
}
"#;

#[test]
fn list_is_an_aligned_table() {
    let outcome = Sandbox::hcl(TWO_TASKS).run(&["list"]);
    outcome.has(0, &outcome.stdout, &[]);
    assert_eq!(outcome.stderr, "");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert!(lines.len() >= 3, "{}", outcome.stdout);
    let column = |title: &str| lines[0].find(title).unwrap();
    let (input, output) = (column("INPUT"), column("OUTPUT"));
    assert!(lines[0].starts_with("TASK"));
    let row = |name: &str| *lines.iter().find(|line| line.starts_with(name)).unwrap();
    assert!(row("orders ")[input..].starts_with("counter "));
    assert!(row("orders ")[output..].contains("null"));
    assert!(row("x ")[input..].starts_with("ghcr.io/katasec/mssql-cdc-provider:v1.2.0 "));
    assert_eq!(&row("x ")[output..], "console");
    assert!(outcome.stdout.contains("kafka"));
}

#[test]
fn list_has_the_same_for_programs() {
    let outcome = Sandbox::hcl(TWO_TASKS).run(&["list", "--json"]);
    outcome.has(0, &outcome.stdout, &[]);
    let tasks: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(tasks[0]["name"], "orders");
    assert_eq!(tasks[0]["input"]["provider"], "counter");
    assert_eq!(tasks[0]["outputs"][0]["label"], "audit");
    assert_eq!(tasks[0]["outputs"][0]["provider"], "null");
    assert_eq!(tasks[1]["name"], "x");
    assert_eq!(tasks[1]["outputs"].as_array().unwrap().len(), 1);
}

#[test]
fn validate_says_that_the_file_is_right() {
    let one = "task \"a\" {\n  type = \"providers\"\n  input {\n    provider = \"counter\"\n  }\n  \
               output {\n    provider = \"null\"\n  }\n}\n";
    Sandbox::hcl(one).run(&["validate"]).is(0, "✅ dstream.hcl is valid: 1 task\n", "");
    let sandbox = Sandbox::new();
    sandbox.write("other.hcl", one);
    let outcome = sandbox.run(&["-c", "other.hcl", "validate"]);
    outcome.is(0, "✅ other.hcl is valid: 1 task\n", "");
}

#[test]
fn version_names_the_version_and_the_protocol() {
    let sandbox = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let expected = format!("dstream {version} ({system}/{machine}, provider protocol 1)\n");
    sandbox.run(&["version"]).is(0, &expected, "");
    let outcome = sandbox.run(&["version", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["version"], version);
}

#[test]
fn shells_can_read_their_completion_scripts() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let outcome = sandbox.run(&["completions", shell]);
        outcome.has(0, &outcome.stdout, &[]);
        assert_eq!(outcome.stderr, "");
        assert!(outcome.stdout.contains("COMPLETE="), "{shell} asks nobody");
        // The shell itself says whether the script can be read, where there is such a shell.
        let check = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn();
        if let Ok(mut check) = check {
            check.stdin.take().unwrap().write_all(outcome.stdout.as_bytes()).unwrap();
            assert!(check.wait().unwrap().success(), "{shell} cannot read its completions");
        }
    }
}

/// What bash would offer for the last of these words.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let mut command = sandbox.command(&[&["--", "dstream"], words].concat());
    command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let output = command.env("_CLAP_IFS", "\n").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn commands_and_the_tasks_of_the_file_are_completed() {
    let sandbox = Sandbox::hcl(TWO_TASKS);
    let commands = offered(&sandbox, &[""]);
    for command in COMMANDS {
        assert!(commands.iter().any(|offer| offer == command), "{command} in {commands:?}");
    }
    let tasks = |words: &[&str]| {
        let mut offers = offered(&sandbox, words);
        offers.retain(|offer| !offer.starts_with('-'));
        offers
    };
    assert_eq!(tasks(&["run", ""]), ["orders", "x"]);
    assert_eq!(tasks(&["state", "show", "o"]), ["orders"]);
    fs::rename(sandbox.path("dstream.hcl"), sandbox.path("other.hcl")).unwrap();
    assert_eq!(tasks(&["run", ""]), [""; 0]);
    assert_eq!(tasks(&["-c", "other.hcl", "run", ""]), ["orders", "x"]);
}

#[test]
fn help_can_be_asked_for_like_a_command() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["help", "run"]);
    outcome.has(0, &sandbox.run(&["run", "--help"]).stdout, &[]);
    assert!(outcome.stdout.contains("\nGlobal options:\n"), "{}", outcome.stdout);
}

#[test]
fn the_help_of_each_command_ends_with_an_example() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let outcome = sandbox.run(&[command, "--help"]);
        outcome.has(0, &outcome.stdout, &[]);
        assert_eq!(outcome.stderr, "");
        let (_, example) = outcome.stdout.rsplit_once("Example:\n").unwrap();
        assert!(example.contains(&format!("dstream {command}")), "{command}: {example}");
        assert!(!example.contains("  -"), "{command}: something comes after the example");
    }
    let outcome = sandbox.run(&["--help"]);
    for command in COMMANDS {
        assert!(outcome.stdout.contains(&format!("\n  {command} ")), "{command}");
    }
}

#[test]
fn an_unknown_command_is_refused() {
    let outcome = Sandbox::new().run(&["frobnicate"]);
    outcome.has(2, "", &["error: unrecognized subcommand 'frobnicate'", "--help"]);
}

#[test]
fn a_misspelt_command_gets_the_nearest() {
    Sandbox::new().run(&["valdate"]).has(2, "", &["valdate", "validate"]);
}

#[test]
fn a_missing_task_name_is_asked_for() {
    Sandbox::hcl(TWO_TASKS).run(&["run"]).is(
        2,
        "",
        "error: dstream.hcl has the tasks `orders` and `x`\nhint: name one or more, or --all: dstream run orders\n",
    );
}

#[test]
fn a_misspelt_task_gets_the_nearest() {
    let file = fs::read_to_string(repository().join("dstream.hcl")).unwrap();
    let sandbox = Sandbox::hcl(&file);
    for command in ["run", "plan", "init", "status"] {
        sandbox.run(&[command, "quikstart"]).is(
            2,
            "",
            "error: dstream.hcl has no task `quikstart`\nhint: did you mean `quickstart`?\n",
        );
    }
}

#[test]
fn a_misspelt_log_level_is_refused() {
    Sandbox::new().run(&["list", "-l", "loud"]).has(2, "", &["loud", "debug, info, warn, error"]);
}
