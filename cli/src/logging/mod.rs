//! Log lines on stderr: `LEVEL provider: message`, or JSON; and whatever else goes to stderr.

mod queue;
pub(crate) mod screen;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::panic;
use std::sync::{Arc, OnceLock};

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use self::queue::{Queue, WAITING_BYTES_MAX};
use crate::arguments::{Global, LogFormat, LogLevel};
use crate::diagnostics::is_coloured;
use crate::plural::count;
use crate::signals::Stops;

/// Starts logging.
pub(crate) fn start(global: &Global) {
    let level = match global.log_level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Stderr)
        .with_ansi(is_coloured())
        // A closed terminal must not become a panic.
        .log_internal_errors(false);
    match global.log_format {
        LogFormat::Text => {
            install(builder.event_format(Text { time: global.log_time }).finish(), level)
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_target(false);
            match global.log_time {
                true => install(builder.finish(), level),
                false => install(builder.without_time().finish(), level),
            }
        }
    }
}

/// Makes it the one that our own lines are logged to; what libraries say of their connections is no
/// news of a run.
fn install(subscriber: impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync, level: LevelFilter) {
    let own = Targets::new().with_target("dstream", level);
    let _ = tracing::subscriber::set_global_default(subscriber.with(own));
}

/// There during a run: what goes to stderr is put here, so that a reader that has stopped reading
/// does not stop the run.
static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// From now on a thread of its own writes to stderr, and nobody waits for it but [`flush`]; with a
/// `live` line below, where that is a terminal.
///
/// # Errors
///
/// If there is no thread to be had.
pub(crate) fn detach(live: bool) -> io::Result<()> {
    let tell = |_: &Queue, lines| {
        warn!("{} dropped since nobody read them", were(lines));
    };
    let queue = if live {
        Queue::start(screen::Above, WAITING_BYTES_MAX, tell)?
    } else {
        Queue::start(io::stderr(), WAITING_BYTES_MAX, tell)?
    };
    let _ = QUEUE.set(queue);
    // A panic must not wait for a reader, either.
    panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        say(&format!("{panic}{trace}"));
    }));
    Ok(())
}

fn were(lines: u64) -> String {
    format!("{} {}", count(lines, "log line"), if lines == 1 { "was" } else { "were" })
}

/// Waits until what has been said has been read. Not for ever: a reader may have stopped reading.
pub(crate) fn flush(stops: &Stops) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(|| stops.is_urgent());
    }
}

/// Writes a line to stderr that is no log line and is never dropped. Nothing can be done about a
/// closed stderr.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    match QUEUE.get() {
        Some(queue) => queue.keep(line.as_bytes()),
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Writes a line to stderr that may be dropped if nobody reads.
pub(crate) fn pass(line: &str) {
    if let Some(queue) = QUEUE.get() {
        queue.log(format!("{line}\n").as_bytes());
    }
}

/// Changes a task's part of the live line, or takes it away.
pub(crate) fn live(task: &str, part: Option<String>) {
    if let Some(queue) = QUEUE.get() {
        screen::set(task, part);
        queue.refresh();
    }
}

/// Stderr whose refusals are overlooked: there is nobody left to tell.
struct Stderr;

impl Write for Stderr {
    /// Takes a whole line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match QUEUE.get() {
            Some(queue) => queue.log(bytes),
            None => drop(io::stderr().write_all(bytes)),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `INFO counter: message`, or `INFO task/counter: message`, the time before it if wanted.
struct Text {
    time: bool,
}

/// The fields of an event that this format knows.
#[derive(Default)]
struct Fields {
    task: Option<String>,
    provider: Option<String>,
    message: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "task" => self.task = Some(value.to_owned()),
            "provider" => self.provider = Some(value.to_owned()),
            "message" => value.clone_into(&mut self.message),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if self.time {
            SystemTime.format_time(&mut writer)?;
            writer.write_char(' ')?;
        }
        let (color, word) = match *event.metadata().level() {
            Level::ERROR => (AnsiColor::Red, "ERROR"),
            Level::WARN => (AnsiColor::Yellow, "WARN "),
            Level::INFO => (AnsiColor::Green, "INFO "),
            Level::DEBUG | Level::TRACE => (AnsiColor::Blue, "DEBUG"),
        };
        let ansi = writer.has_ansi_escapes();
        let style = |style: Style| if ansi { style } else { Style::new() };
        let (level, name) = (style(color.on_default()), style(Style::new().bold()));
        let speaker = match (fields.task, fields.provider) {
            (Some(task), Some(provider)) => format!("{task}/{provider}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "dstream".to_owned(),
        };
        writeln!(writer, "{level}{word}{level:#} {name}{speaker}{name:#}: {}", fields.message)
    }
}
