//! Wrong configurations: exit status 2, every problem at its place, nothing started. The messages
//! themselves are compared beside the loader; here only that they reach the person.

use crate::harness::{Block, Sandbox, task};

#[test]
fn a_missing_file_is_named() {
    let sandbox = Sandbox::new();
    let hint = "hint: write one, or name another with --config FILE\n";
    for command in [&["list"][..], &["validate"], &["run", "t"], &["plan", "t"]] {
        let stderr = format!("error: there is no configuration file dstream.hcl\n{hint}");
        sandbox.run(command).is(2, "", &stderr);
    }
    let stderr = format!("error: there is no configuration file other.hcl\n{hint}");
    sandbox.run(&["list", "--config", "other.hcl"]).is(2, "", &stderr);
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("dstream.hcl", b"task \"\xff\" {}\n");
    let outcome = sandbox.run(&["validate"]);
    outcome.is(2, "", "error: dstream.hcl is not UTF-8: byte 7 is wrong\nhint: save it as UTF-8\n");
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.run(&["-c", "folder", "list"]).has(2, "", &["folder is a folder", "dstream.hcl"]);
}

#[test]
fn every_problem_is_reported_at_its_place_and_nothing_starts() {
    let sandbox = Sandbox::new();
    let started = sandbox.at("started");
    let touch = format!("touch {started}");
    let input = Block::script(&[&touch, "ready"]).with("shutdown_timout = \"1s\"");
    let output = Block::builtin("consle");
    sandbox.write_task(&input, &[output], "    on_invalid = \"explode\"");
    for command in [&["validate"][..], &["run", "t"]] {
        let outcome = sandbox.run(command);
        outcome.has(2, "", &["shutdown_timout"]);
        for part in [
            "did you mean `shutdown_timeout`?",
            "dstream.hcl:5:5",
            "^",
            "consle",
            "did you mean `console`?",
            "explode",
        ] {
            assert!(outcome.stderr.contains(part), "no {part} in\n{}", outcome.stderr);
        }
    }
    assert!(!sandbox.path("started").exists());
}

#[test]
fn a_wrong_filter_is_reported_at_its_place_and_nothing_starts() {
    let sandbox = Sandbox::new();
    let touch = format!("touch {}", sandbox.at("started"));
    let input = Block::script(&[&touch, "ready"]);
    let stream = "    filter = metdata.table == \"users\"";
    sandbox.write_task(&input, &[Block::builtin("console")], stream);
    for command in [&["validate"][..], &["run", "t"]] {
        let parts =
            ["unknown name `metdata`", "dstream.hcl:15:14", "^^^^^^^", "did you mean `metadata`?"];
        sandbox.run(command).has(2, "", &parts);
    }
    assert!(!sandbox.path("started").exists());
}

#[test]
fn a_syntax_error_has_a_place() {
    let outcome = Sandbox::hcl("task \"t\" {\n  type = \n}\n").run(&["validate"]);
    outcome.has(2, "", &["dstream.hcl:2:", "type =", "^"]);
}

#[test]
fn a_block_has_exactly_one_provider() {
    let two = "task \"t\" {\n  type = \"providers\"\n  input {\n    provider = \"counter\"\n    \
               provider_path = \"./x\"\n  }\n  output {\n  }\n}\n";
    let outcome = Sandbox::hcl(two).run(&["validate"]);
    outcome.has(2, "", &["dstream.hcl:", "provider_path", "dstream.hcl:7:"]);
}

#[test]
fn the_old_plugins_are_told_how_to_move() {
    let outcome = Sandbox::hcl("task \"t\" {\n  type = \"plugin\"\n}\n").run(&["run", "t"]);
    outcome.has(2, "", &["plugin", "providers"]);
}

#[test]
fn the_config_of_a_built_in_provider_is_checked_before_anything_starts() {
    let input = Block::builtin("generate").config("rat = 5");
    let file = Block::builtin("file").named("files").config("path = [1]");
    let null = Block::builtin("null").config("rate = 1").config("delay_ms = 1");
    let sandbox = Sandbox::task(&input, &[file, null]);
    let problems = [
        "the config of `generate` is wrong: there is no field `rat`; did you mean `rate`?",
        "dstream.hcl:6:7",
        "the config of `file` is wrong: `path` must be a text, not a list",
        "the config of `null` is wrong: rate and delay_ms exclude each other",
    ];
    for args in [&["validate"][..], &["run", "t"], &["plan", "t"]] {
        sandbox.run(args).has(2, "", &problems);
    }
}

#[test]
fn a_secret_in_the_config_of_a_built_in_provider_is_not_shown() {
    let input = Block::builtin("file").config("path = \"/in/${var.key}/[\"");
    let sandbox = Sandbox::new();
    let variable = "variable \"key\" {\n  default   = \"hunter22\"\n  sensitive = true\n}\n";
    let task = task("t", &input, &[Block::builtin("null")], "");
    sandbox.write("dstream.hcl", format!("{variable}{task}"));
    let outcome = sandbox.run(&["validate"]);
    outcome.has(2, "", &["the config of `file` is wrong", "is not a glob"]);
    assert!(!outcome.stderr.contains("hunter22"), "{outcome:?}");
}

#[test]
fn an_unset_variable_is_named() {
    let block = Block::builtin("counter").config("interval = env(\"BLACKBOX_IS_NOT_SET\")");
    let sandbox = Sandbox::task(&block, &[Block::builtin("null")]);
    let outcome = sandbox.run(&["run", "t"]);
    outcome.has(2, "", &["BLACKBOX_IS_NOT_SET", "dstream.hcl:6:"]);
}
