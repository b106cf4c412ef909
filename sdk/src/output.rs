//! Providers that read the stream.

use std::process::ExitCode;

use dstream_protocol::{Barrier, BarrierAck, Capabilities, Capability, Command, LifecycleResult};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use signal_hook::consts::SIGTERM;

use crate::checkpoint::barriers;
use crate::config::{self, ConfigProblem};
use crate::envelope::{Batch, Envelope};
use crate::error::ProviderError;
use crate::handshake;
use crate::lines::Lines;
use crate::log;
use crate::reject::Rejecter;
use crate::stdio::{self, Stdin};
use crate::stop::{self, Stop};

/// A provider that reads the stream.
///
/// It lives until its stdin ends: DStream closes that when everything has been written. SIGTERM
/// means that there is no time for this. The provider then exits without reading what is still
/// there: it finishes what it has received, and ends with status 1. SIGINT alone, the Ctrl-C that every
/// process at a terminal gets, changes nothing: the input gets it too, and the stream ends.
///
/// It gets whole lines only. What has no newline when stdin ends, because DStream was killed, may be
/// half a line: it is left out, and the provider ends with status 1.
pub trait Output: Sized {
    /// Its `config` block. With `#[serde(deny_unknown_fields)]` a misspelt field is an error that
    /// names the nearest.
    type Config: DeserializeOwned;

    /// Checks what the types of the fields cannot say, such as two fields that exclude each other. Called
    /// before [`start`](Self::start) and
    /// [`lifecycle`](Self::lifecycle), and by [`output::check`](crate::output::check),
    /// at any time. It must not open, change or log anything.
    ///
    /// # Errors
    ///
    /// What the person who wrote the configuration should know.
    fn check(config: &Self::Config) -> Result<(), ProviderError> {
        let _ = config;
        Ok(())
    }

    /// Opens what is needed; DStream learns that the provider is ready
    /// when it returns. Until then SIGTERM ends the process at once.
    ///
    /// # Errors
    ///
    /// What the person who runs the pipeline should know: it becomes the handshake, and the
    /// provider ends with status 1.
    fn start(config: Self::Config) -> Result<Self, ProviderError>;

    /// Receives the stop token that SIGTERM triggers, once, before the first envelope. A provider whose other
    /// methods can wait keeps it and waits with [`Stop::wait`].
    fn watch(&mut self, stop: Stop) {
        let _ = stop;
    }

    /// Whether it can continue without a line that it cannot write. If so, it implements
    /// [`reject_to`](Self::reject_to).
    const REJECTS: bool = false;

    /// Receives what returns single lines to DStream, once, before the first envelope. An output
    /// with [`REJECTS`](Self::REJECTS) keeps it, and calls
    /// `self.rejecter.reject(envelope.line(), "no such table")?` in [`write`](Self::write).
    fn reject_to(&mut self, rejecter: Rejecter) {
        let _ = rejecter;
    }

    /// Takes one envelope.
    ///
    /// # Errors
    ///
    /// A failure that the output cannot recover from: it is logged, and the provider ends with status 1.
    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError>;

    /// Takes all lines that one read has brought: one [`write`](Self::write) for each, unless the
    /// provider can do better with many.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn write_batch(&mut self, batch: Batch<'_>) -> Result<(), ProviderError> {
        batch.envelopes().try_for_each(|envelope| self.write(envelope))
    }

    /// No more lines are there at the moment, and the next read may wait: what the provider has buffered
    /// should go out. It is called after each [`write_batch`](Self::write_batch), thus rarely while
    /// much comes and for each envelope while they come singly.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn flush(&mut self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Whether it can tell when what it has received is durable. If so, it implements
    /// [`commit`](Self::commit).
    const COMMITS: bool = false;

    /// Makes everything received so far durable. When it returns, DStream gets an acknowledgement: this
    /// part of the stream is not sent again. Called now and then where DStream keeps checkpoints.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); nothing is acknowledged then.
    fn commit(&mut self) -> Result<(), ProviderError> {
        self.flush()
    }

    /// There will be no more.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn finish(self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Carries out init, plan, status or destroy, in a process of its own. [`Command::Run`] never
    /// comes here. SIGTERM ends the process.
    fn lifecycle(command: Command, config: Self::Config) -> LifecycleResult {
        let _ = config;
        LifecycleResult::unsupported(command)
    }
}

/// Whether a `config` is one that the provider would start with, as far as it can tell without looking
/// at anything else. For programs that have providers built in, and for tests.
///
/// # Errors
///
/// The first thing that is wrong, and where.
pub fn check<O: Output>(config: &Map<String, Value>) -> Result<(), ConfigProblem> {
    config::check(config, O::check)
}

/// Runs the provider: reads the command from stdin, does what it says, and returns the exit status for
/// `main` to return.
///
/// It takes over SIGTERM, SIGINT, SIGXFSZ (a file that gets larger than `ulimit -f` allows is an error
/// of its write) and the panic hook of the whole process.
pub fn run<O: Output>() -> ExitCode {
    log::panics();
    stop::outlive_file_limit();
    match prepare::<O>() {
        Ok(Task::Stream(output, stdin, asked)) => {
            handshake::exit_code(stream(output, stdin, asked))
        }
        Ok(Task::Answered(result)) => {
            let _ = handshake::write(&result.encode());
            if result.is_error() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => handshake::refuse(error),
    }
}

enum Task<O> {
    Stream(O, Lines<Stdin>, Capabilities),
    Answered(LifecycleResult),
}

fn prepare<O: Output>() -> Result<Task<O>, ProviderError> {
    let mut stdin = Stdin::lines()?;
    let line = stdio::command_line(&mut stdin)?;
    let (command, asked) = (line.command, line.protocol.features);
    let config = config::read(&line.config)?;
    O::check(&config)?;
    Ok(match command {
        Command::Run => Task::Stream(O::start(config)?, stdin, asked),
        command => Task::Answered(O::lifecycle(command, config)),
    })
}

fn stream<O: Output>(
    mut output: O,
    stdin: Lines<Stdin>,
    asked: Capabilities,
) -> Result<(), ProviderError> {
    let checkpoints = O::COMMITS && asked.has(Capability::Checkpoint);
    let stop = Stop::on_signals(&[SIGTERM])?;
    let bell = stop.bell()?;
    let mut stdin = stdin.map_source(|stdin| stdin.until(bell));
    handshake::write(&handshake::ready(O::COMMITS, O::REJECTS))?;
    output.watch(stop.clone());
    output.reject_to(Rejecter::new(O::REJECTS && asked.has(Capability::Reject)));
    while !stop.is_requested()
        && let Some(lines) = stdin.next_batch()?
    {
        let rest = if checkpoints { commit(&mut output, lines, &stop)? } else { lines };
        if !rest.is_empty() {
            output.write_batch(Batch::new(rest, &stop))?;
        }
        output.flush()?;
    }
    let is_cut = stdin.source().is_cut() || stop.is_requested();
    output.finish()?;
    if is_cut {
        return Err(ProviderError::transient("stopped before the end of the stream"));
    }
    if stdin.unfinished().is_some() {
        return Err(ProviderError::transient(
            "the stream ended in the middle of a line, and that part is left out",
        ));
    }
    Ok(())
}

/// Writes the lines up to the last barrier in them, and acknowledges it. Returns the lines after it.
fn commit<'a, O: Output>(
    output: &mut O,
    lines: &'a [u8],
    stop: &Stop,
) -> Result<&'a [u8], ProviderError> {
    let (mut taken, mut last) = (0, None);
    for (Barrier { id }, span) in barriers(lines) {
        if taken < span.start {
            output.write_batch(Batch::new(&lines[taken..span.start], stop))?;
        }
        (taken, last) = (span.end, Some(id));
    }
    // Who is asked to leave may have left lines out.
    if let Some(id) = last.filter(|_| !stop.is_requested()) {
        output.commit()?;
        // It stands for all earlier ones, too.
        handshake::write(&BarrierAck { id }.encode())?;
    }
    Ok(&lines[taken..])
}
