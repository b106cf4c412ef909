//! One run: generator, relay and sink, from their start to what they cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use dstream_load::{Generated, Percentiles, Received, Usage, monotonic_ns};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hosts::{self, Ends};
use super::measure;
use super::peers::Relay;
use super::processes::{End, Processes, Start, pipe};
use super::programs::{Found, Programs};
use super::scenario::Scenario;

/// The slowest peers need much longer than was planned for them.
const TIMEOUT_SECONDS_MIN: f64 = 30.0;

const RELAY: &str = "relay";

/// What one run has shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Run {
    pub(super) round: usize,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// At the sink, from the first byte to the last.
    pub(super) seconds: f64,
    /// From the start of the first process to the first byte at the sink.
    pub(super) first_byte_ms: f64,
    /// What the relay itself has cost, its start included.
    pub(super) relay: Usage,
    /// What generator and sink have cost.
    pub(super) ends: Usage,
    pub(super) peak_memory_kib: Option<u64>,
    /// The relay's CPU time by another way, coarser, to check the first.
    pub(super) cpu_seconds_sampled: Option<f64>,
    pub(super) latency: Option<Percentiles>,
    /// The machine's, before the run.
    pub(super) load_average: f64,
    /// Processors that were busy with something else meanwhile.
    pub(super) others_cpus: f64,
}

/// Runs `found` once. An error says what went wrong, lost lines among it.
pub(super) fn run(
    programs: &Programs,
    found: &Found,
    scenario: Scenario,
    lines: u64,
    seconds_planned: f64,
) -> Result<Run, String> {
    let folder = tempfile::tempdir_in(&programs.folder)
        .map_err(|error| format!("temporary folder: {error}"))?;
    let place = Place { folder: folder.path().to_path_buf() };
    let ends = place.ends(programs, scenario, lines);
    let timeout = Duration::from_secs_f64(TIMEOUT_SECONDS_MIN + 10.0 * seconds_planned);

    let load_average = measure::load_average().unwrap_or_default();
    let busy_before = measure::machine_busy_seconds().unwrap_or_default();
    let own_before = Usage::own();
    let start_ns = monotonic_ns();
    let processes = place.start(found, &ends)?;
    let sink_report = place.sink_report();
    let end = match found.peer.relay {
        Relay::SyslogNg => End::SignalAfter(&sink_report),
        _ => End::ByItself,
    };
    let seen = processes.finish(RELAY, end, timeout)?.unwrap_or_default();
    let wall_seconds = (monotonic_ns() - start_ns) as f64 / 1e9;
    let busy_seconds = measure::machine_busy_seconds().unwrap_or_default() - busy_before;

    let generated: Generated = read(&place.generator_report())?;
    let received: Received = read(&sink_report)?;
    complete(&generated, &received)?;
    let ends = generated.usage + received.usage;
    let relay = match (found.peer.relay, seen.usage_before_signal) {
        (Relay::DStream(_), _) => seen.usage - ends,
        (_, Some(own)) => own,
        _ => seen.usage,
    };
    let first_byte_ns = received.first_byte_ns.unwrap_or(start_ns);
    let own = Usage::own() - own_before;
    let ours = relay.cpu_seconds + ends.cpu_seconds + own.cpu_seconds;
    Ok(Run {
        round: 0,
        lines,
        bytes: received.bytes,
        seconds: received.seconds,
        first_byte_ms: first_byte_ns.saturating_sub(start_ns) as f64 / 1e6,
        relay,
        ends,
        peak_memory_kib: seen.peak_memory_kib,
        cpu_seconds_sampled: seen.cpu_seconds_sampled,
        latency: received.latency,
        load_average,
        others_cpus: ((busy_seconds - ours) / wall_seconds).max(0.0),
    })
}

/// Whether the sink has got what the generator has sent.
fn complete(sent: &Generated, received: &Received) -> Result<(), String> {
    if let Some(difference) = received.difference {
        let (line, byte) = (difference.line, difference.byte);
        let (got, of) = (received.lines, sent.lines);
        return Err(format!(
            "the stream was changed from line {line}, byte {byte} on: {got} of {of} lines"
        ));
    }
    if (received.lines, received.bytes) != (sent.lines, sent.bytes) {
        let lost = sent.lines.saturating_sub(received.lines);
        return Err(format!("lost {lost} of {} lines", sent.lines));
    }
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let name = path.file_name().unwrap_or_default().display();
    let text = fs::read(path).map_err(|error| format!("no {name}: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("{name}: {error}"))
}

/// The folder of one run.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn generator_report(&self) -> PathBuf {
        self.folder.join("generated.json")
    }

    fn sink_report(&self) -> PathBuf {
        self.folder.join("received.json")
    }

    fn ends(&self, programs: &Programs, scenario: Scenario, lines: u64) -> Ends {
        let with_report = |mut arguments: Vec<String>, report: PathBuf| {
            arguments.extend(["--report".into(), report.display().to_string()]);
            arguments
        };
        let generator = with_report(scenario.generator_arguments(lines), self.generator_report());
        let sink = with_report(scenario.sink_arguments(lines), self.sink_report());
        Ends {
            generator: (programs.generator.clone(), generator),
            sink: (programs.sink.clone(), sink),
        }
    }

    fn start(&self, found: &Found, ends: &Ends) -> Result<Processes, String> {
        let mut processes = Processes::new(&self.folder);
        let program = found.program.clone().unwrap_or_default();
        let host = |arguments| Start {
            name: RELAY,
            program: program.clone(),
            arguments,
            stdin: Stdio::null(),
            stdout: Stdio::null(),
        };
        match found.peer.relay {
            Relay::None => {
                let (reader, writer) = pipe(found.peer.pipe_bytes)?;
                processes.start(end("sink", &ends.sink, reader.into(), Stdio::null()))?;
                processes.start(end("generator", &ends.generator, Stdio::null(), writer.into()))?;
            }
            Relay::Between(command) => {
                let (relay_reader, generator_writer) = pipe(found.peer.pipe_bytes)?;
                let (sink_reader, relay_writer) = pipe(found.peer.pipe_bytes)?;
                processes.start(end("sink", &ends.sink, sink_reader.into(), Stdio::null()))?;
                let arguments = command.arguments.iter().map(ToString::to_string).collect();
                let (stdin, stdout) = (relay_reader.into(), relay_writer.into());
                processes.start(Start { name: RELAY, program, arguments, stdin, stdout })?;
                processes.start(end(
                    "generator",
                    &ends.generator,
                    Stdio::null(),
                    generator_writer.into(),
                ))?;
            }
            Relay::SyslogNg => {
                let version = hosts::syslog_ng_config_version(&found.version);
                let config =
                    self.write("syslog-ng.conf", &hosts::syslog_ng_file(ends, &version))?;
                processes.start(host(hosts::syslog_ng_arguments(&config, &self.folder)))?;
            }
            Relay::DStream(variant) => {
                let config = self.write("bench.hcl", &hosts::dstream_file(ends, variant))?;
                let config = config.display().to_string();
                let words = ["--config", &config, "run", "bench"];
                let words = words.iter().chain(variant.flags).map(ToString::to_string);
                processes.start(host(words.collect()))?;
            }
        }
        Ok(processes)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

fn end(name: &'static str, end: &(PathBuf, Vec<String>), stdin: Stdio, stdout: Stdio) -> Start {
    Start { name, program: end.0.clone(), arguments: end.1.clone(), stdin, stdout }
}

#[cfg(test)]
mod tests {
    use dstream_load::Difference;

    use super::*;

    fn reports(received_lines: u64, difference: Option<Difference>) -> (Generated, Received) {
        let usage = Usage::default();
        let sent = Generated { lines: 100, bytes: 5_000, seconds: 1.0, usage };
        let received = Received {
            lines: received_lines,
            bytes: received_lines * 50,
            seconds: 1.0,
            first_byte_ns: Some(1),
            difference,
            latency: None,
            usage,
        };
        (sent, received)
    }

    #[test]
    fn a_peer_that_loses_or_changes_lines_fails() {
        let check = |lines, difference| {
            let (sent, received) = reports(lines, difference);
            complete(&sent, &received)
        };
        assert_eq!(check(100, None), Ok(()));
        assert_eq!(check(97, None).unwrap_err(), "lost 3 of 100 lines");
        let changed = check(99, Some(Difference { line: 40, byte: 2_001 })).unwrap_err();
        assert_eq!(changed, "the stream was changed from line 40, byte 2001 on: 99 of 100 lines");
    }
}
