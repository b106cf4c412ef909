//! Signals, grace, and that no process stays behind.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{
    Block, Sandbox, alive, emitted, eventually, has_python, holds_in_time, same_bytes,
};

/// Both ends note their process ids in `pids`; the input writes until it is asked to stop, the
/// output keeps everything in `out`.
fn endless(sandbox: &Sandbox) -> (Block, Block) {
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let last = ["emit 3 100", "half {\"data\":{\"last\":1}}\n"];
    let input = Block::script(&[&pid, "ready", "emit-until-term 100", last[0], last[1]]);
    let output = Block::script(&[&pid, "ready", &format!("sink {}", sandbox.at("out"))]);
    (input, output)
}

fn flowing(sandbox: &Sandbox) {
    eventually("lines in the output", || sandbox.read_or_empty("out").len() > 10_000);
}

/// What arrived is every line from the first to one that the input wrote after it had been asked to
/// stop, and the input's last words.
fn drained(sandbox: &Sandbox) {
    let out = sandbox.read("out");
    let lines = out.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let expected = [emitted(1, lines - 1, 100), b"{\"data\":{\"last\":1}}\n".to_vec()].concat();
    same_bytes(&out, &expected);
}

fn gone(sandbox: &Sandbox, count: usize) {
    for id in sandbox.process_ids("pids", count) {
        eventually(&format!("the end of process {id}"), || !alive(id));
    }
}

#[test]
fn each_signal_drains_and_has_its_exit_status() {
    for (signal, name, status) in
        [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 0), (Signal::HUP, "", 0)]
    {
        let sandbox = Sandbox::new();
        let (input, output) = endless(&sandbox);
        sandbox.write_task(&input, &[output], "");
        let running = sandbox.start(&["run", "t"]);
        flowing(&sandbox);
        running.signal(signal);
        let outcome = running.outcome();
        outcome.has(
            status,
            "",
            &["stopping", name, "written to sink", "all lines that were read were delivered"],
        );
        drained(&sandbox);
        gone(&sandbox, 2);
    }
}

#[test]
fn three_outputs_are_drained() {
    let sandbox = Sandbox::new();
    let (input, output) = endless(&sandbox);
    let slow = |name: &str| {
        let step = format!("slow-sink 65536 1 {}", sandbox.at(name));
        Block::script(&["ready", &step]).named(name)
    };
    sandbox.write_task(&input, &[output, slow("slow"), slow("slower")], "");
    let running = sandbox.start(&["run", "t"]);
    flowing(&sandbox);
    running.signal(Signal::TERM);
    running.outcome().has(0, "", &["all lines that were read were delivered"]);
    drained(&sandbox);
    let out = sandbox.read("out");
    same_bytes(&sandbox.read("slow"), &out);
    same_bytes(&sandbox.read("slower"), &out);
}

#[test]
fn an_input_that_ignores_sigterm_is_killed_and_what_it_wrote_is_delivered() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ignore-term", "ready", "emit 5000 100", "hang"])
        .with("shutdown_timeout = \"300ms\"");
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&input, &[output], "");
    let running = sandbox.start(&["run", "t"]);
    eventually("all lines", || sandbox.read_or_empty("out").len() == 500_000);
    running.signal(Signal::TERM);
    let outcome = running.outcome();
    let stderr = ["this input did not exit within 0.3 s and was killed", "5,000 lines (488.3 KiB)"];
    outcome.has(0, "", &stderr);
    same_bytes(&sandbox.read("out"), &emitted(1, 5000, 100));
    gone(&sandbox, 1);
}

#[test]
fn a_signal_that_is_sent_again_and_again_is_more_than_an_echo() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ignore-term", "ready", "emit 10 100", "hang"])
        .with("shutdown_timeout = \"10m\"");
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&input, &[output], "");
    let mut running = sandbox.start(&["run", "t"]);
    eventually("all lines", || sandbox.read_or_empty("out").len() == 1000);
    // Always sooner after the one before than an echo comes.
    let ended = holds_in_time(|| {
        running.signal(Signal::INT);
        std::thread::sleep(std::time::Duration::from_millis(50));
        running.child.try_wait().unwrap().is_some()
    });
    assert!(ended);
    running.outcome().has(1, "", &["asked a second time"]);
}

#[test]
fn a_bash_input_that_ignores_sigterm_is_killed() {
    let sandbox = Sandbox::new();
    let input = Block::fixture("bash/ignores_term.sh")
        .config("lines = 3")
        .with("shutdown_timeout = \"300ms\"");
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&input, &[output], "");
    let running = sandbox.start(&["run", "t"]);
    eventually("all lines", || sandbox.read_or_empty("out").len() == 57);
    running.signal(Signal::INT);
    running.outcome().has(130, "", &["this input did not exit within 0.3 s and was killed"]);
}

#[test]
fn an_output_that_does_not_leave_is_killed_and_has_failed_the_stop() {
    if !has_python() {
        return;
    }
    let input = Block::script(&["ready", "emit 3 100", "until-term"]);
    let output = Block::fixture("python/ignores_term.py").with("shutdown_timeout = \"300ms\"");
    let sandbox = Sandbox::task(&input, &[output]);
    let running = sandbox.start(&["run", "t"]);
    eventually("three lines", || sandbox.read_or_empty("stdout").len() == 300);
    running.signal(Signal::TERM);
    let outcome = running.outcome();
    let stdout = String::from_utf8(emitted(1, 3, 100)).unwrap();
    let killed = "this output did not exit within 0.3 s and was killed";
    // What it had printed is there. Whether it had done with it all it should, nobody knows.
    outcome.has(1, &stdout, &[killed, "3 lines (300 B)", "❌ Task \"t\" killed: sink"]);
}

#[test]
fn an_output_that_does_not_take_its_lines_leaves_lines_behind() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ready", "emit-until-term 1000"]);
    let stuck =
        Block::script(&[&pid, "ignore-term", "ready", "hang"]).with("shutdown_timeout = \"300ms\"");
    sandbox.write_task(&input, &[stuck], "");
    let running = sandbox.start(&["run", "t"]);
    sandbox.process_ids("pids", 2);
    running.signal(Signal::TERM);
    let outcome = running.outcome();
    outcome.has(1, "", &["this output did not exit within 0.3 s and was killed", "❌ Task \"t\""]);
    gone(&sandbox, 2);
}

#[test]
fn a_second_signal_ends_at_once() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    // A grace that the watchdog would not wait for.
    let stubborn = |steps: &[&str]| Block::script(steps).with("shutdown_timeout = \"10m\"");
    let input = stubborn(&[&pid, "ignore-term", "ready", "emit 3 100", "hang"]);
    let output = stubborn(&[&pid, "ignore-term", "ready", "read-all", "hang"]);
    sandbox.write_task(&input, &[output], "");
    let running = sandbox.start(&["run", "t"]);
    sandbox.process_ids("pids", 2);
    running.signal(Signal::INT);
    running.says("stopping");
    // Another signal, since the same one at once would count as an echo of the first.
    running.signal(Signal::TERM);
    let outcome = running.outcome();
    assert_ne!(outcome.status, "0", "{}", outcome.stderr);
    gone(&sandbox, 2);
}

#[test]
fn the_same_signal_twice_at_once_is_one() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ready", "emit-until-term 100"]);
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    let running = sandbox.start(&["run", "t"]);
    sandbox.process_ids("pids", 1);
    running.signal(Signal::TERM);
    running.signal(Signal::TERM);
    assert_eq!(running.outcome().status, "0");
}

#[test]
fn a_signal_during_the_start_stops_too() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "hang"]).with("handshake = \"required\"");
    let output = Block::script(&[&pid, "ready", "read-all"]);
    sandbox.write_task(&input, &[output], "");
    let running = sandbox.start(&["run", "t"]);
    sandbox.process_ids("pids", 2);
    running.signal(Signal::INT);
    assert_eq!(running.outcome().status, "130");
    gone(&sandbox, 2);
}

#[test]
fn kill_9_of_dstream_leaves_no_provider() {
    let sandbox = Sandbox::new();
    let pids = sandbox.at("pids");
    let (pid, grandchild) = (format!("pidfile {pids}"), format!("grandchild {pids}"));
    // Neither the end of a pipe nor SIGTERM ends these.
    let input = Block::script(&[&pid, &grandchild, "ignore-term", "ready", "hang"]);
    let outputs = ["one", "two"].map(|name| {
        let step = format!("touch {}", sandbox.at(name));
        Block::script(&[&pid, &grandchild, "ignore-term", "ready", &step, "hang"]).named(name)
    });
    sandbox.write_task(&input, &outputs, "");
    let running = sandbox.start(&["run", "t"]);
    let ids = sandbox.process_ids("pids", 6);
    assert!(ids.iter().all(|&id| alive(id)));
    running.signal(Signal::KILL);
    assert_eq!(running.outcome().status, "signal 9");
    gone(&sandbox, 6);
}

/// Also when the guard was killed before.
#[test]
#[cfg(target_os = "linux")]
fn a_guard_that_was_killed_is_replaced() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ignore-term", "ready", "hang"]);
    let output = Block::script(&[&pid, "ignore-term", "ready", "hang"]);
    sandbox.write_task(&input, &[output], "");
    let running = sandbox.start(&["run", "t"]);
    sandbox.process_ids("pids", 2);
    let id = running.child.id();
    let guard = || {
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let mut children = children.split_whitespace().map(|child| child.parse::<i32>().unwrap());
        let name = |child: i32| std::fs::read_to_string(format!("/proc/{child}/comm"));
        children.find(|&child| name(child).is_ok_and(|name| name == "ds-guard\n"))
    };
    let mut first = None;
    eventually("a guard", || {
        first = guard();
        first.is_some()
    });
    // One that has just begun to live would not be replaced.
    std::thread::sleep(std::time::Duration::from_millis(200));
    kill_process(Pid::from_raw(first.unwrap()).unwrap(), Signal::KILL).unwrap();
    running.says("the guard was killed; another one is started");
    eventually("another guard", || guard().is_some_and(|guard| Some(guard) != first));
    running.signal(Signal::KILL);
    assert_eq!(running.outcome().status, "signal 9");
    gone(&sandbox, 2);
}

/// `pkill -9 dstream` and `killall -9 dstream` must not hit the guard.
#[test]
#[cfg(target_os = "linux")]
fn only_dstream_is_named_dstream() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ready", "emit-until-term 100"]);
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    let running = sandbox.start(&["run", "t"]);
    sandbox.process_ids("pids", 1);
    let id = running.child.id();
    let comm = |id: u32| std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    let mut names = Vec::new();
    eventually("a guard and a provider with names of their own", || {
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let children = children.split_whitespace().map(|child| child.parse().unwrap());
        names = children.map(comm).collect();
        names.sort();
        names == ["ds-guard\n", "ds:null\n", "fixture-provide\n"]
    });
    running.signal(Signal::TERM);
    assert_eq!(running.outcome().status, "0");
}

#[test]
fn a_grandchild_does_not_keep_the_stream_open() {
    let sandbox = Sandbox::new();
    let pids = sandbox.at("pids");
    let input = Block::script(&["ready", &format!("grandchild {pids}"), "emit 3 100"])
        .with("shutdown_timeout = \"300ms\"");
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&input, &[output], "");
    sandbox.run_task().has(
        0,
        "✅ Task \"t\" executed successfully\n",
        &["keeps its stdout open", "3 lines (300 B)"],
    );
    same_bytes(&sandbox.read("out"), &emitted(1, 3, 100));
    gone(&sandbox, 1);
}

/// Ends a process that nobody else does.
struct Escaped(u32);

impl Drop for Escaped {
    fn drop(&mut self) {
        let id = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        let _ = id.map(|id| kill_process(id, Signal::KILL));
    }
}

/// Its pipe is empty, so that the reader waits for it until it is woken.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_has_escaped_does_not_keep_the_stream_open() {
    std::thread::scope(|scope| {
        for transport in ["splice", "portable", "uring"] {
            scope.spawn(move || {
                let sandbox = Sandbox::new();
                let escaped = format!("escaped {}", sandbox.at("pids"));
                // {"a<NUL>"} in a line of its own.
                let input =
                    Block::script(&["ready", &escaped, "bytes 7b226100227d0a", "emit 3 100"]);
                let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
                sandbox.write_task(&input, &[output], &format!("transport = \"{transport}\""));
                let outcome = sandbox.run_task();
                let escaped = Escaped(sandbox.process_ids("pids", 1)[0]);
                outcome.has(
                    0,
                    "✅ Task \"t\" executed successfully\n",
                    &["a process outside its process group keeps its stdout open and is left running"],
                );
                let expected = [b"{\"a\0\"}\n".to_vec(), emitted(1, 3, 100)].concat();
                same_bytes(&sandbox.read("out"), &expected);
                assert!(alive(escaped.0), "it is left behind");
            });
        }
    });
}

/// However long an output then takes: it stalls until its grace is over.
#[test]
#[cfg(target_os = "linux")]
fn that_a_process_which_has_escaped_holds_the_pipe_is_told_once() {
    for transport in ["splice", "portable"] {
        let sandbox = Sandbox::new();
        let (pid, escaped) = (sandbox.at("pid"), format!("escaped {}", sandbox.at("pids")));
        // More than pipes and buffer take.
        let steps = ["ready", &escaped, &format!("pidfile {pid}"), "emit 200000 100"];
        let output = Block::script(&["ready", "hang"]).with("shutdown_timeout = \"3500ms\"");
        let stream = format!("transport = \"{transport}\"");
        sandbox.write_task(&Block::script(&steps), &[output], &stream);
        let running = sandbox.start(&["run", "t"]);
        let escaped = Escaped(sandbox.process_ids("pids", 1)[0]);
        let input = sandbox.process_ids("pid", 1)[0];
        let mut written = String::new();
        eventually("an input that is held up", || {
            let before = std::mem::take(&mut written);
            let io = std::fs::read_to_string(format!("/proc/{input}/io")).unwrap();
            written = io.lines().find(|line| line.starts_with("wchar")).unwrap().to_owned();
            std::thread::sleep(std::time::Duration::from_millis(50));
            written == before
        });
        running.signal(Signal::TERM);
        let outcome = running.outcome();
        let reported =
            "a process outside its process group keeps its stdout open and is left running";
        assert_eq!(outcome.stderr.matches(reported).count(), 1, "{transport}: {}", outcome.stderr);
        assert!(alive(escaped.0), "it is left behind");
    }
}

#[test]
fn grandchildren_in_bash_and_python_do_not_stay() {
    if !has_python() {
        return;
    }
    let sandbox = Sandbox::new();
    let input = Block::fixture("bash/grandchild.sh").with("shutdown_timeout = \"300ms\"");
    let output = Block::fixture("python/grandchild.py")
        .config(&format!("pid_file = \"{}\"", sandbox.at("pids")))
        .with("shutdown_timeout = \"300ms\"");
    sandbox.write_task(&input, &[output], "");
    let outcome = sandbox.run_task();
    assert_eq!(outcome.status, "0", "{}", outcome.stderr);
    let (_, id) = outcome.stdout.split_once("{\"data\":{\"left\":").unwrap();
    let id = id.split('}').next().unwrap().parse().unwrap();
    eventually("the end of the input's grandchild", || !alive(id));
    gone(&sandbox, 1);
}

/// `dstream run t | head -1`.
#[test]
fn whoever_reads_stdout_may_leave_early() {
    leaves_early("maxCount = 200");
}

#[test]
fn whoever_reads_stdout_ends_an_endless_run_by_leaving() {
    leaves_early("maxCount = 0");
}

fn leaves_early(count: &str) {
    let input = Block::builtin("counter").config("interval = 1").config(count);
    let output = Block::builtin("console").config("outputFormat = \"simple\"");
    let sandbox = Sandbox::task(&input, &[output]);
    let mut command = sandbox.command(&["run", "t"]);
    command.stdout(Stdio::piped()).stderr(File::create(sandbox.path("stderr")).unwrap());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("Message #1: "), "{first}");
    let ends = || child.try_wait().unwrap().is_some();
    if !holds_in_time(ends) {
        // With it end its providers.
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("it goes on though nobody reads its stdout");
    }
    let stderr = String::from_utf8(sandbox.read("stderr")).unwrap();
    assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{stderr}");
}

/// Commands that only print do it too: `dstream run --help | head -1`.
#[test]
fn a_closed_stdout_is_no_panic() {
    let sandbox = Sandbox::new();
    for args in [&["--help"][..], &["completions", "bash"], &["version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(args);
        command.stdout(writer).stderr(File::create(sandbox.path("stderr")).unwrap());
        let mut child = command.spawn().unwrap();
        eventually("the end of the command", || child.try_wait().unwrap().is_some());
        let stderr = String::from_utf8(sandbox.read("stderr")).unwrap();
        assert_eq!(stderr, "", "{args:?}");
    }
}

/// However much is waiting to be printed.
#[test]
#[cfg(target_os = "linux")]
fn a_second_signal_ends_a_run_whose_stdout_nobody_reads() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let long = |block: Block| block.with("shutdown_timeout = \"10m\"");
    let input = long(Block::script(&[&pid, "ready", "emit-until-term 1000"]));
    let output = long(Block::fixture("bash/ready_then_reads.sh"));
    sandbox.write_task(&input, &[output], "");
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = sandbox.command(&["run", "t"]);
    command.stdout(writer).stderr(File::create(sandbox.path("stderr")).unwrap());
    let mut child = command.spawn().unwrap();
    drop(command); // and with it the pipe's writing end
    let unread = || rustix::io::ioctl_fionread(&reader).unwrap();
    let full = holds_in_time(|| unread() > 60_000);
    let signal = |signal| kill_process(Pid::from_child(&child), signal).unwrap();
    signal(Signal::INT);
    let stderr = || String::from_utf8(sandbox.read("stderr")).unwrap();
    let stops = holds_in_time(|| stderr().contains("stopping: SIGINT"));
    signal(Signal::TERM);
    let ends = holds_in_time(|| child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(full && stops && ends, "full {full}, stops {stops}, ends {ends}:\n{}", stderr());
    gone(&sandbox, 1);
}

/// What an output has printed is shown for as long as its grace, and no longer.
#[test]
#[cfg(target_os = "linux")]
fn one_signal_ends_a_run_whose_stdout_nobody_reads() {
    let sandbox = Sandbox::new();
    let short = |block: Block| block.with("shutdown_timeout = \"1s\"");
    let input = short(Block::builtin("counter").config("interval = 0"));
    sandbox.write_task(&input, &[short(Block::builtin("console"))], "");
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = sandbox.command(&["run", "t"]);
    command.stdout(writer).stderr(File::create(sandbox.path("stderr")).unwrap());
    let mut child = command.spawn().unwrap();
    drop(command);
    let unread = || rustix::io::ioctl_fionread(&reader).unwrap();
    let full = holds_in_time(|| unread() > 60_000);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ends = holds_in_time(|| child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    let status = child.wait().unwrap();
    let stderr = String::from_utf8(sandbox.read("stderr")).unwrap();
    assert!(full && ends, "full {full}, ends {ends}:\n{stderr}");
    // What was not shown has not arrived.
    assert_eq!(status.code(), Some(1), "{stderr}");
}

/// That nobody reads stdout any more is no signal: the first one that somebody sends is the first.
#[test]
fn the_first_signal_after_stdout_was_closed_is_the_first() {
    let sandbox = Sandbox::new();
    let go = format!("wait {}", sandbox.at("go"));
    let input = Block::script(&["ignore-term", "ready", "emit 3 100", &go, "emit 1 100"])
        .with("shutdown_timeout = \"10m\"");
    let out = sandbox.at("out");
    let (some, rest) = (format!("sink-lines 3 {out}"), format!("sink {out}"));
    let output = Block::script(&["ready", &some, "line hello", &rest]);
    sandbox.write_task(&input, &[output], "");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sandbox.command(&["run", "t"]);
    command.stdout(writer).stderr(File::create(sandbox.path("stderr")).unwrap());
    let mut child = command.spawn().unwrap();
    let stderr = || String::from_utf8(sandbox.read("stderr")).unwrap();
    let stops = holds_in_time(|| stderr().contains("stopping: nobody reads the output any more"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    sandbox.write("go", "");
    let ends = holds_in_time(|| child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(stops && ends, "{}", stderr());
    // 0 if the run was over before the signal had been seen.
    assert!(matches!(status.code(), Some(0 | 130)), "{status}\n{}", stderr());
    assert!(!stderr().contains("asked a second time"), "{}", stderr());
    same_bytes(&sandbox.read("out"), &emitted(1, 4, 100));
}

/// `nohup dstream run t`, and `dstream run t &` in a shell without job control.
#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    for (name, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let sandbox = Sandbox::new();
        let (pids, go) = (sandbox.at("pids"), sandbox.at("go"));
        let steps = [&format!("pidfile {pids}"), "ready", "emit 3 100", &format!("wait {go}")];
        let input = Block::script(&[&steps[..], &["emit 3 100"]].concat());
        let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
        sandbox.write_task(&input, &[output], "");
        let script = format!("trap '' {name}; exec \"$0\" \"$@\"");
        let running = sandbox.start_command(sandbox.wrapped(&["sh", "-c", &script], &["run", "t"]));
        eventually("lines", || sandbox.read_or_empty("out").len() == 300);
        running.signal(signal);
        // One that is not ignored would have been taken note of long before the stream ends.
        sandbox.write("go", "");
        let outcome = running.outcome();
        outcome.has(0, "✅ Task \"t\" executed successfully\n", &["6 lines (600 B)"]);
        assert!(!outcome.stderr.contains("stopping"), "{}", outcome.stderr);
        // The others still count.
        sandbox.write("out", "");
        std::fs::remove_file(sandbox.path("go")).unwrap();
        let running = sandbox.start_command(sandbox.wrapped(&["sh", "-c", &script], &["run", "t"]));
        eventually("lines", || sandbox.read_or_empty("out").len() == 300);
        running.signal(Signal::TERM);
        running.outcome().has(0, "", &["stopping: SIGTERM"]);
    }
}
