//! Log lines on stderr: `LEVEL provider: message`, or JSON.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::arguments::{Global, LogFormat, LogLevel};
use crate::diagnostics::is_coloured;

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
        LogFormat::Text => builder.event_format(Text { time: global.log_time }).init(),
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_target(false);
            if global.log_time { builder.init() } else { builder.without_time().init() }
        }
    }
}

/// Stderr whose refusals are overlooked: there is nobody left to tell.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `INFO counter: message`, the time before it if wanted.
struct Text {
    time: bool,
}

/// The fields of an event that this format knows.
#[derive(Default)]
struct Fields {
    provider: Option<String>,
    message: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
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
        let provider = fields.provider.as_deref().unwrap_or("dstream");
        writeln!(writer, "{level}{word}{level:#} {name}{provider}{name:#}: {}", fields.message)
    }
}
