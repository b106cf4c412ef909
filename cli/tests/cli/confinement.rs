//! What a provider may use and reach, seen from inside it; and nothing is started where that cannot
//! be had.

use std::io::Write as _;
use std::process::Command;

use landlock::{ABI, Access, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr};
use rustix::process::{Resource, getrlimit, getuid};

use crate::harness::{Block, DSTREAM, Outcome, Sandbox, deny_syscalls, has_python, quoted};

const FAILED: &str = "❌ Task \"t\" failed\n";
const DONE: &str = "✅ Task \"t\" executed successfully\n";

/// An input that says ready and then does this, in a shell.
const READY: &str = "#!/bin/sh\nread command\necho '{\"status\":\"ready\"}'\n";

/// Whether the kernel can enforce a sandbox; a test that needs it is left out without it, and says
/// so. Asked in another way than DStream asks.
fn has_landlock() -> bool {
    let hard = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let there = hard.handle_access(AccessNet::from_all(ABI::V4)).is_ok();
    if !there {
        let _ = writeln!(std::io::stderr(), "left out: this kernel has no Landlock 4");
    }
    there
}

/// A folder with a task whose input is such a script, in a block with these lines.
fn with_input(script: &str, lines: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_executable("input.sh", format!("{READY}{script}"));
    let input = lines.iter().fold(Block::path("./input.sh"), |block, line| block.with(line));
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    sandbox
}

/// Runs a task whose first output would leave a mark, were it started, and whose input has this
/// line in its block.
fn refused(line: &str, run: impl FnOnce(&Sandbox) -> Outcome) -> Outcome {
    let sandbox = Sandbox::new();
    let touch = format!("touch {}", sandbox.at("started"));
    let output = Block::script(&[&touch, "ready", "sink-lines 0 /dev/null"]);
    sandbox.write_task(&Block::builtin("counter").with(line), &[output], "");
    let outcome = run(&sandbox);
    assert!(!sandbox.path("started").exists(), "an output was started");
    outcome
}

/// The interpreter, and what it reads besides what every program may, as items of a list: it may be
/// installed anywhere, and a virtual environment has its home elsewhere.
fn python() -> (String, String) {
    let ask = "import os, sys\n\
               for path in (sys.executable, sys.prefix, sys.exec_prefix, sys.base_prefix, \
               sys.base_exec_prefix, os.path.realpath(sys.executable)): print(path)";
    let answer = Command::new("python3").args(["-c", ask]).output().unwrap().stdout;
    let answer = String::from_utf8(answer).unwrap();
    let (python, _) = answer.split_once('\n').unwrap();
    let files: Vec<_> = answer.lines().map(quoted).collect();
    (python.to_owned(), files.join(", "))
}

/// Soft and hard limit as `/proc/self/limits` shows them.
fn has_limit(stderr: &str, name: &str, soft: u64, hard: u64) {
    let line = stderr.lines().find_map(|line| line.split_once(name)).map(|(_, limits)| limits);
    let words: Vec<_> = line.unwrap_or_default().split_whitespace().take(2).collect();
    assert_eq!(words, [soft.to_string(), hard.to_string()], "{name} in\n{stderr}");
}

#[test]
fn limits_hold_for_a_provider_and_for_what_it_starts() {
    // Enough for whoever runs the tests, and not above what there is.
    let processes = getrlimit(Resource::Nproc).maximum.unwrap_or(u64::MAX).min(100_000);
    let limits = format!(
        "limits {{\n memory = \"1GiB\"\n open_files = 64\n cpu_seconds = 100\n \
         processes = {processes}\n }}"
    );
    let outcome = with_input("sh -c 'cat /proc/self/limits' >&2\n", &[&limits]).run_task();
    outcome.has(0, DONE, &[]);
    has_limit(&outcome.stderr, "Max address space", 1 << 30, 1 << 30);
    has_limit(&outcome.stderr, "Max open files", 64, 64);
    has_limit(&outcome.stderr, "Max cpu time", 100, 101);
    has_limit(&outcome.stderr, "Max processes", processes, processes);
    let warned = outcome.stderr.contains(
        "WARN  source: `processes` has no effect on this input: the kernel does not apply it to root",
    );
    assert_eq!(warned, getuid().is_root(), "{}", outcome.stderr);
}

#[test]
fn memory_beyond_the_limit_is_not_given() {
    if !has_python() {
        return;
    }
    // Untouched memory: without the limit it would cost nothing.
    let script = "exec python3 -c 'len(bytearray(8 << 30))'\n";
    let sandbox = with_input(script, &["limits {\n memory = \"1GiB\"\n }"]);
    let stderr = ["error: input provider `source` failed (exit status 1)\n", "MemoryError", FAILED];
    sandbox.run_task().has(1, "", &stderr);
}

#[test]
fn a_shell_is_told_of_its_open_files() {
    let sandbox = with_input("ulimit -n >&2\n", &["limits {\n open_files = 17\n }"]);
    sandbox.run_task().has(0, DONE, &["INFO  source: 17\n"]);
}

#[test]
fn a_provider_that_uses_up_its_processor_time_ends_and_is_told_why() {
    let limits = "limits {\n cpu_seconds = 1\n }";
    let sandbox = with_input("while :; do :; done\n", &[limits]);
    let stderr = "error: input provider `source` failed (killed by SIGXCPU)\n\
                  hint: it used up its `cpu_seconds = 1`: raise it in its `limits` block\n";
    sandbox.run_task().has(1, "", &[stderr, FAILED]);
    // A shell says of its child what a signal would have said of itself.
    let sandbox = with_input("sh -c 'while :; do :; done'; exit $?\n", &[limits]);
    let stderr = ["(exit status 152)\n", "hint: it used up its `cpu_seconds = 1`", FAILED];
    sandbox.run_task().has(1, "", &stderr);
}

#[test]
fn a_provider_with_one_process_starts_no_other() {
    if getuid().is_root() {
        let _ = writeln!(std::io::stderr(), "left out: root is not held to `processes`");
        return;
    }
    let script = "cat /dev/null || exit 3\n";
    let sandbox = with_input(script, &["limits {\n processes = 1\n }"]);
    sandbox.run_task().has(1, "", &["error: input provider `source` failed", FAILED]);
}

#[test]
fn no_new_privs_is_set_where_it_is_asked_for() {
    let script = "grep NoNewPrivs /proc/self/status >&2\n";
    let set = ["INFO  source: NoNewPrivs:\t1\n"];
    with_input(script, &["no_new_privs = true"]).run_task().has(0, DONE, &set);
    let outcome = with_input(script, &["no_new_privs = false"]).run_task();
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find(|line| line.starts_with("NoNewPrivs")).unwrap();
    outcome.has(0, DONE, &[&format!("INFO  source: {own}\n")]);
    if has_landlock() {
        with_input(script, &["sandbox {\n read = [\"/proc\"]\n }"]).run_task().has(0, DONE, &set);
    }
}

#[test]
fn a_sandbox_lets_through_what_it_names_and_nothing_else() {
    if !has_landlock() {
        return;
    }
    // Each line says what came of one attempt. What the shell itself would say is not compared.
    let script = r#"try() { name=$1; shift; if sh -c "$*" 2>/dev/null; then echo "may $name"; else echo "may not $name"; fi >&2; }
        cd "$(dirname "$0")"
        try read-named            'cat named/file >/dev/null'
        try list-named            'ls named >/dev/null'
        try change-named          'echo more >>named/file'
        try read-other            'cat other >/dev/null'
        try list-its-folder       'ls . >/dev/null'
        try create                'echo line >out/new'
        try rename                'mv out/new out/old'
        try read-what-it-wrote    'cat out/old >/dev/null'
        try remove                'rm out/old'
        try create-elsewhere      'echo line >new'
        try remove-elsewhere      'rm -f other'
        try make-a-device         'mknod out/null c 1 3'
        try write-to-null         'echo line >/dev/null'
        try write-to-stderr       'echo -n >/dev/stderr'
        try see-the-processors    'cat /proc/cpuinfo >/dev/null'
        try see-dstream           "cat /proc/$PPID/environ >/dev/null"
        try read-itself           'cat input.sh >/dev/null'
        try change-itself         'echo more >>input.sh'
    "#;
    let block = "sandbox {\n read = [\"named\"]\n write = [\"./out\"]\n }";
    let sandbox = with_input(script, &[block]);
    std::fs::create_dir(sandbox.path("named")).unwrap();
    std::fs::create_dir(sandbox.path("out")).unwrap();
    sandbox.write("named/file", "line\n");
    sandbox.write("other", "line\n");
    let outcome = sandbox.run_task();
    outcome.has(0, DONE, &[]);
    let said: Vec<_> =
        outcome.stderr.lines().filter_map(|line| line.strip_prefix("INFO  source: may ")).collect();
    let expected = [
        "read-named",
        "list-named",
        "not change-named",
        "not read-other",
        "not list-its-folder",
        "create",
        "rename",
        "read-what-it-wrote",
        "remove",
        "not create-elsewhere",
        "not remove-elsewhere",
        "not make-a-device",
        "write-to-null",
        "write-to-stderr",
        "see-the-processors",
        "not see-dstream",
        "read-itself",
        "not change-itself",
    ];
    assert_eq!(said, expected);
    assert_eq!(sandbox.read("other"), b"line\n");
}

/// Paths are those of the file, wherever DStream is started.
#[test]
fn paths_of_a_sandbox_are_relative_to_the_file() {
    if !has_landlock() {
        return;
    }
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("below/named")).unwrap();
    sandbox.write("below/named/file", "from the file\n");
    let script = format!("{READY}cat below/named/file >&2\n");
    sandbox.write_executable("below/input.sh", script);
    let input = Block::path("./input.sh").with("sandbox {\n read = [\"named\"]\n }");
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    std::fs::rename(sandbox.path("dstream.hcl"), sandbox.path("below/dstream.hcl")).unwrap();
    let outcome = sandbox.run(&["--config", "below/dstream.hcl", "run", "t"]);
    outcome.has(0, DONE, &["INFO  source: from the file\n"]);
}

#[test]
fn the_network_is_there_only_where_a_sandbox_says_so() {
    if !has_landlock() || !has_python() {
        return;
    }
    // Nobody need answer: that a connection is refused is an answer of the network.
    let script = "exec python3 -c '
import errno, socket, sys
for act in (\"connect\", \"bind\"):
    tcp = socket.socket()
    try:
        getattr(tcp, act)((\"127.0.0.1\", 0 if act == \"bind\" else 1))
        answer = 0
    except OSError as error:
        answer = error.errno
    print(act, \"held back\" if answer == errno.EACCES else \"let through\", file=sys.stderr)
'\n";
    let (python, files) = python();
    let script = script.replace("python3", &python);
    for (network, word) in
        [("", "held back"), ("network = false", "held back"), ("network = true", "let through")]
    {
        let block = format!("sandbox {{\n read = [{files}]\n {network}\n }}");
        let said = [format!("source: connect {word}\n"), format!("source: bind {word}\n")];
        let said = said.each_ref().map(String::as_str);
        with_input(&script, &[&block]).run_task().has(0, DONE, &said);
    }
}

#[test]
fn what_a_sandbox_keeps_from_starting_is_told_with_the_sandbox() {
    if !has_landlock() {
        return;
    }
    let sandbox = Sandbox::new();
    // The script's interpreter is known beforehand; that one's interpreter is not.
    sandbox.write_executable("two", "#!/bin/sh\nexec sh \"$2\"\n");
    sandbox.write_executable("one", format!("#!{}\n", sandbox.at("two")));
    sandbox.write_executable("input.sh", format!("#!{}\n", sandbox.at("one")));
    let input = Block::path("./input.sh").with("sandbox {}");
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    let stderr = "error: input provider `source` cannot be started from `./input.sh`\n\
                  cause: Permission denied (os error 13)\n\
                  hint: its `sandbox` may hide what it needs to start, such as its interpreter: \
                  add that to `read`\n";
    sandbox.run_task().has(1, "", &[stderr, FAILED]);
}

#[test]
fn lifecycle_commands_are_confined_as_runs_are() {
    let script = "#!/bin/sh\nread command\n\
                  echo \"{\\\"status\\\":\\\"ok\\\",\\\"message\\\":\\\"$(ulimit -n) files\\\"}\"\n";
    let sandbox = Sandbox::new();
    sandbox.write_executable("output.sh", script);
    let output = Block::path("./output.sh").with("limits {\n open_files = 17\n }");
    sandbox.write_task(&Block::builtin("counter"), &[output], "");
    for command in
        [&["plan", "t"][..], &["init", "t"], &["status", "t"], &["destroy", "t", "--yes"]]
    {
        sandbox.run(command).is(0, "sink: ok: 17 files\n", "");
    }
}

#[test]
fn no_output_is_asked_where_one_cannot_be_confined() {
    let sandbox = Sandbox::new();
    let touch = format!("touch {}", sandbox.at("started"));
    let first = Block::script(&[&touch, "line {\"status\":\"ok\"}"]).named("first");
    let second = Block::builtin("null").with("limits {\n open_files = 1000000000\n }");
    sandbox.write_task(&Block::builtin("counter"), &[first, second.named("second")], "");
    let outcome = sandbox.run(&["init", "t"]);
    let stderr = "error: output provider `second` cannot be started with its limits and sandbox\n\
                  cause: `open_files = 1000000000` is more than DStream itself may have";
    outcome.has(1, "", &[stderr]);
    assert!(!sandbox.path("started").exists(), "the first output was asked");
}

#[test]
fn a_limit_above_that_of_dstream_is_an_error() {
    let outcome = refused("limits {\n open_files = 300\n }", |sandbox| {
        let wrapper = ["sh", "-c", "ulimit -n 200; exec \"$@\"", "sh"];
        sandbox.start_command(sandbox.wrapped(&wrapper, &["run", "t"])).outcome()
    });
    let stderr = format!(
        "error: input provider `source` cannot be started with its limits and sandbox\n\
         cause: `open_files = 300` is more than DStream itself may have: its hard limit is 200\n\
         hint: lower it in the `limits` block, or raise the hard limit of DStream (`ulimit -H`, a \
         service's `Limit…=`)\n{FAILED}"
    );
    outcome.is(1, "", &stderr);
}

#[test]
fn a_sandbox_with_a_path_that_is_not_there_is_an_error() {
    if !has_landlock() {
        return;
    }
    let outcome = refused("sandbox {\n write = [\"missing\"]\n }", Sandbox::run_task);
    let stderr = format!(
        "error: input provider `source` cannot be started with its limits and sandbox\n\
         cause: `missing`, which its `sandbox` names, cannot be opened: No such file or directory \
         (os error 2)\n\
         hint: paths are relative to the folder of the HCL file and have to be there before the \
         start\n{FAILED}"
    );
    outcome.is(1, "", &stderr);
}

/// `/proc/self` would be that of whoever opens it.
#[test]
fn a_sandbox_with_the_process_of_dstream_is_an_error() {
    if !has_landlock() {
        return;
    }
    let outcome = refused("sandbox {\n read = [\"/proc/self\"]\n }", Sandbox::run_task);
    let cause = "cause: `/proc/self`, which its `sandbox` names, is about DStream, not about the \
                 provider\nhint: name `/proc` if";
    outcome.has(1, "", &[cause, FAILED]);
}

#[test]
fn a_sandbox_on_a_kernel_that_cannot_is_an_error_before_anything_is_started() {
    let without = |what: &'static str| {
        refused("sandbox {\n network = true\n }", |sandbox| {
            let mut denied = Command::new(deny_syscalls());
            denied.args([what, DSTREAM, "run", "t"]).current_dir(sandbox.path(""));
            sandbox.start_command(denied).outcome()
        })
    };
    for (what, cause, hint) in [
        ("landlock", "which this kernel does not have", "use Linux 6.7 or newer, built with"),
        ("landlock-off", "which is switched off in this kernel", "add `landlock` to the kernel's"),
    ] {
        let cause =
            format!("cause: a `sandbox` needs version 3 of Landlock, {cause}\nhint: {hint}");
        let error =
            "error: input provider `source` cannot be started with its limits and sandbox\n";
        without(what).has(1, "", &[error, &cause, FAILED]);
    }
}
