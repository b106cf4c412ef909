//! That what the pages show works: every configuration, the tutorial with its kills, the README's
//! providers.

use std::collections::BTreeSet;
use std::fs;

use crate::harness::{Sandbox, eventually, repository};
use rustix::process::{Pid, Signal, kill_process};

/// The blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join(page)).unwrap();
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts.map(|part| part.split("```\n").next().unwrap().to_owned()).collect()
}

/// A whole file around a part of one, or nothing for what is no configuration.
fn completed(block: &str) -> Option<String> {
    let (input, output) = ("input { provider = \"counter\" }", "output { provider = \"null\" }");
    let input = input.replace("{ ", "{\n").replace(" }", "\n}");
    let output = output.replace("{ ", "{\n").replace(" }", "\n}");
    let inside = match block.split_whitespace().next()? {
        "#" => return None, // a lock file
        "input" => format!("{block}{output}"),
        "output" => format!("{input}\n{block}"),
        "stream" => format!("{input}\n{output}\n{block}"),
        "config" => format!("input {{\nprovider_path = \"./x\"\n{block}}}\n{output}"),
        "filter" => {
            let filters = format!("\n{block}").replace("\nfilter", "\n}\nstream {\nfilter");
            let tasks = filters.split("\n}\n").skip(1).enumerate().map(|(number, stream)| {
                format!("task \"t{number}\" {{\n{input}\n{output}\n{stream}\n}}\n}}\n")
            });
            let locals = "variable \"tables\" {\ndefault = [\"a\"]\n}\nlocals {\nshards = {}\n}\n";
            return Some(locals.to_owned() + &tasks.collect::<String>());
        }
        _ => return Some(block.to_owned()),
    };
    Some(format!("task \"t\" {{\n{inside}\n}}\n"))
}

#[test]
fn every_configuration_of_the_pages_is_valid() {
    let mut checked = 0;
    for page in ["README.md", "docs/hcl.md", "docs/registry.md", "docs/tutorial.md"] {
        for block in blocks(page, "hcl") {
            let Some(text) = completed(&block) else { continue };
            if text.contains("trust ") {
                continue; // needs a key
            }
            let sandbox = Sandbox::hcl(&text);
            let mut command = sandbox.command(&["validate"]);
            for name in [
                "DATABASE_CONNECTION_STRING",
                "DATABASE_URL",
                "DEBUG",
                "INTERVAL",
                "KAFKA_SERVERS",
                "STAGE",
            ] {
                command.env(name, "12345");
            }
            let outcome = sandbox.start_command(command).outcome();
            assert_eq!(outcome.status, "0", "{page}:\n{text}\n{outcome:?}");
            checked += 1;
        }
    }
    assert!(checked >= 15, "only {checked} were found");
}

#[test]
fn the_tutorial_loses_no_order_whoever_is_killed() {
    let scripts = blocks("docs/tutorial.md", "bash");
    let files = blocks("docs/tutorial.md", "hcl");
    let [first_script, script] = &scripts[..] else { panic!("{scripts:?}") };
    let [first_file, file, restarting] = &files[..] else { panic!("{files:?}") };
    let sandbox = Sandbox::new();

    sandbox.write_executable("orders.sh", first_script);
    sandbox.write("orders.hcl", first_file);
    let printed = sandbox.run(&["-c", "orders.hcl", "run", "orders"]);
    printed.said(0, &["Message #1: {\"order\":1}\n", "Message #3: {\"order\":3}\n"]);

    let few = |text: &str| text.replace("count = 3000", "count = 600");
    // It waits in the middle until it has been killed, however fast or slow the machine is.
    let wait = "sleep 0.001; while [[ $n == 300 && -e wait ]]; do sleep 0.01; done\n";
    sandbox.write_executable("orders.sh", script.replace("sleep 0.001\n", wait));
    sandbox.write("wait", "");
    sandbox.write("orders.hcl", few(file));
    let lines = || sandbox.read_or_empty("orders.jsonl").iter().filter(|it| **it == b'\n').count();
    let all = |what: &str| {
        let text = String::from_utf8(sandbox.read("orders.jsonl")).unwrap();
        let orders: BTreeSet<&str> = text.lines().collect();
        assert_eq!(orders.len(), 600, "{what}");
    };

    let running = sandbox.start(&["-c", "orders.hcl", "run", "orders"]);
    eventually("150 orders", || lines() >= 150);
    running.signal(Signal::KILL);
    running.outcome();
    fs::remove_file(sandbox.path("wait")).unwrap();
    sandbox.run(&["-c", "orders.hcl", "run", "orders"]).said(0, &["starting after order "]);
    all("after DStream was killed");

    sandbox.run(&["-c", "orders.hcl", "state", "reset", "orders"]).said(0, &[]);
    fs::remove_file(sandbox.path("orders.jsonl")).unwrap();
    sandbox.write("orders.hcl", few(restarting));
    sandbox.write("wait", "");
    let running = sandbox.start(&["-c", "orders.hcl", "run", "orders"]);
    eventually("150 orders", || lines() >= 150);
    let id: i32 = String::from_utf8(sandbox.read("orders.pid")).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
    fs::remove_file(sandbox.path("wait")).unwrap();
    running.outcome().said(0, &["killed by SIGKILL", "after 1 restart"]);
    all("after the input was killed");
}

#[test]
fn the_readme_has_an_input_and_an_output_that_work() {
    let scripts = blocks("README.md", "bash");
    let [clock, append] = &scripts[..] else { panic!("{scripts:?}") };
    let files = blocks("README.md", "hcl");
    let sandbox = Sandbox::new();
    sandbox.write_executable("clock.sh", clock.replace("sleep 1", "sleep 0.01"));
    sandbox.write_executable("append.sh", append);
    sandbox.write("clock.hcl", files.iter().find(|it| it.starts_with("task \"clock\"")).unwrap());
    sandbox.run(&["-c", "clock.hcl", "run", "clock"]).said(0, &["3 lines"]);
    let text = String::from_utf8(sandbox.read("clock.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
}
