//! Who is compared, as data.

/// Something that carries lines from the generator to the sink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// What it is, for the report.
    pub(super) about: &'static str,
    pub(super) relay: Relay,
    /// Bytes of the pipes that the harness makes; `None` leaves the system's 64 KiB.
    pub(super) pipe_bytes: Option<usize>,
    /// Part of `--quick`.
    pub(super) quick: bool,
}

/// How a peer stands between the two ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Relay {
    /// Not at all: one pipe.
    None,
    /// It reads its stdin and writes its stdout.
    Between(Command),
    /// It starts both ends itself.
    SyslogNg,
    /// It starts both ends itself, as providers.
    DStream(Variant),
}

/// A program with its arguments; paths are relative to the repository's root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) program: Program,
    pub(super) arguments: &'static [&'static str],
    /// What makes it tell its version.
    pub(super) version: &'static str,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Program {
    /// It is installed, or the peer is left out.
    OnPath(&'static str),
    /// Built by the harness with Go, if that is installed.
    Go(&'static str),
    /// Built by the harness, together with the two ends.
    Rust(&'static str),
}

/// One way to run DStream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    pub(super) validate: &'static str,
    /// An expression that every line of the load passes.
    pub(super) filter: Option<&'static str>,
    /// After `dstream run TASK`. A variant whose flags this `dstream` does not know is left out.
    pub(super) flags: &'static [&'static str],
}

const PIPE_BYTES_LARGE: usize = 1024 * 1024;

pub(super) const BARE: &str = "bare pipe";
pub(super) const BARE_AGAIN: &str = "bare pipe, again";
pub(super) const BARE_LARGE: &str = "bare pipe, 1 MiB";
pub(super) const CAT: &str = "cat";
pub(super) const GO_LOOP: &str = "the original's loop (Go)";
pub(super) const TWO_THREADS: &str = "two threads, 1 MiB";
pub(super) const TEE_SPLICE: &str = "tee and splice, 1 MiB";
pub(super) const DSTREAM: &str = "dstream";
pub(super) const DSTREAM_AGAIN: &str = "dstream, again";
pub(super) const DSTREAM_STATS: &str = "dstream --stats";
pub(super) const DSTREAM_FULL: &str = "dstream, validate full";
pub(super) const DSTREAM_FILTER: &str = "dstream, filter";
pub(super) const DSTREAM_URING: &str = "dstream, uring";
pub(super) const DSTREAM_SPLICE: &str = "dstream, splice";
pub(super) const DSTREAM_PORTABLE: &str = "dstream, portable";

const CAT_COMMAND: Relay = between("cat", &[], "--version");
const SHAPE: Relay = dstream("shape", &[]);
const FILTER: Relay =
    Relay::DStream(Variant { validate: "shape", filter: Some("data.n >= 0"), flags: &[] });

/// All of them. The first of two that are the same is what others are measured against, the second shows the noise.
pub(super) const ALL: &[Peer] = &[
    peer(BARE, "`generate | sink`, the pipe as the system makes it (64 KiB)", Relay::None).quick(),
    peer(BARE_AGAIN, "the same once more, for the noise", Relay::None).quick(),
    peer(BARE_LARGE, "no relay either, the pipe enlarged to 1 MiB: the limit", Relay::None)
        .large()
        .quick(),
    peer(CAT, "coreutils, 64 KiB pipes", CAT_COMMAND).quick(),
    peer("cat, 1 MiB", "the same between pipes of 1 MiB", CAT_COMMAND).large(),
    peer("pv", "`pv -q`, 64 KiB pipes", between("pv", &["-q"], "--version")),
    peer("mbuffer", "`mbuffer -q`, 64 KiB pipes", between("mbuffer", &["-q"], "--version")),
    peer(
        "Python",
        "a loop over lines",
        between("python3", &["-E", "perf/peers/line-loop.py"], "--version"),
    ),
    peer("Node", "`stdin.pipe(stdout)`", between("node", &["perf/peers/pipe.js"], "--version")),
    peer(
        GO_LOOP,
        "a scanner that takes a line at a time, and one unbuffered write a line",
        Relay::Between(Command { program: Program::Go("line-loop"), arguments: &[], version: "" }),
    ),
    peer(
        TWO_THREADS,
        "a plain relay: read, last newline, bounded queue, write; pipes of 1 MiB",
        rust("two-threads"),
    )
    .large(),
    peer(
        TEE_SPLICE,
        "a plain relay: `tee`, last newline, `splice`; pipes of 1 MiB",
        rust("tee-splice"),
    )
    .large(),
    peer("syslog-ng", "a `program()` source to a `program()` destination", Relay::SyslogNg),
    peer(
        "Vector",
        "stdin to console, raw",
        between("vector", &["--quiet", "--config", "perf/peers/vector.toml"], "--version"),
    ),
    peer(DSTREAM, "`dstream run`, as it is without further options", SHAPE).quick(),
    peer(DSTREAM_AGAIN, "the same once more, for the noise", SHAPE).quick(),
    peer("dstream, validate off", "`validate = \"off\"`", dstream("off", &[])),
    peer(DSTREAM_FULL, "`validate = \"full\"`", dstream("full", &[])),
    peer(DSTREAM_FILTER, "`filter = data.n >= 0`, which every line passes", FILTER),
    peer(DSTREAM_STATS, "with its own measuring", dstream("shape", &["--stats"])),
    peer(DSTREAM_URING, "`--transport uring`", dstream("shape", &["--transport", "uring"])),
    peer(DSTREAM_SPLICE, "`--transport splice`", dstream("shape", &["--transport", "splice"])),
    peer(
        DSTREAM_PORTABLE,
        "`--transport portable`",
        dstream("shape", &["--transport", "portable"]),
    ),
];

const fn peer(name: &'static str, about: &'static str, relay: Relay) -> Peer {
    Peer { name, about, relay, pipe_bytes: None, quick: false }
}

const fn between(
    program: &'static str,
    arguments: &'static [&'static str],
    version: &'static str,
) -> Relay {
    Relay::Between(Command { program: Program::OnPath(program), arguments, version })
}

const fn rust(name: &'static str) -> Relay {
    Relay::Between(Command { program: Program::Rust(name), arguments: &[], version: "" })
}

const fn dstream(validate: &'static str, flags: &'static [&'static str]) -> Relay {
    Relay::DStream(Variant { validate, filter: None, flags })
}

impl Peer {
    const fn large(mut self) -> Self {
        self.pipe_bytes = Some(PIPE_BYTES_LARGE);
        self
    }

    const fn quick(mut self) -> Self {
        self.quick = true;
        self
    }

    /// What is started, as one would write it in a shell.
    pub(super) fn command_line(&self) -> String {
        match self.relay {
            Relay::None => "load-generate … | load-sink …".into(),
            Relay::Between(command) => {
                let program = match command.program {
                    Program::OnPath(name) | Program::Go(name) | Program::Rust(name) => name,
                };
                let words: Vec<&str> =
                    [program].into_iter().chain(command.arguments.iter().copied()).collect();
                format!("load-generate … | {} | load-sink …", words.join(" "))
            }
            Relay::SyslogNg => "syslog-ng --foreground --cfgfile FILE".into(),
            Relay::DStream(variant) => {
                let words: Vec<&str> = ["dstream --config FILE run bench"]
                    .into_iter()
                    .chain(variant.flags.iter().copied())
                    .collect();
                words.join(" ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::root;

    #[test]
    fn command_lines_are_those_of_a_shell() {
        let line = |name| ALL.iter().find(|peer| peer.name == name).unwrap().command_line();
        assert_eq!(line("bare pipe"), "load-generate … | load-sink …");
        assert_eq!(line("pv"), "load-generate … | pv -q | load-sink …");
        assert_eq!(line(TWO_THREADS), "load-generate … | two-threads | load-sink …");
        assert_eq!(line("Node"), "load-generate … | node perf/peers/pipe.js | load-sink …");
        assert_eq!(line("dstream"), "dstream --config FILE run bench");
        assert_eq!(line("dstream, uring"), "dstream --config FILE run bench --transport uring");
    }

    #[test]
    fn names_are_unique_and_files_are_there() {
        let names: HashSet<&str> = ALL.iter().map(|peer| peer.name).collect();
        assert_eq!(names.len(), ALL.len());
        for peer in ALL {
            if let Relay::Between(command) = peer.relay {
                let files = command.arguments.iter().filter(|word| word.starts_with("perf/"));
                for file in files {
                    assert!(root().join(file).exists(), "{file}");
                }
            }
        }
    }
}
