//! `stream { … }`: how the lines are carried.

use super::declared::Fields;
use super::task::TaskReader;
use crate::limits::{
    BUFFER_BYTES_MAX, BUFFER_BYTES_MIN, DEAD_LETTER_BYTES_MAX, DEAD_LETTER_BYTES_MIN,
    DEAD_LETTER_FILES_MAX, LINE_BYTES_MAX, LINE_BYTES_MIN,
};
use crate::values::evaluate::span_of;
use dstream_relay::Transport;
use dstream_task::{Delivery, OnInvalid, StreamOptions, Validate};

impl TaskReader<'_> {
    /// The options of a block, defaults filled in. What is wrong is in the log.
    pub(super) fn stream(&self, fields: &Fields) -> Option<StreamOptions> {
        let values = &self.values;
        let defaults = StreamOptions::default();
        let delivery = values.choice(
            fields,
            "delivery",
            &[
                ("auto", Delivery::Auto),
                ("at_most_once", Delivery::AtMostOnce),
                ("at_least_once", Delivery::AtLeastOnce),
            ],
        );
        let validate = values.choice(
            fields,
            "validate",
            &[("off", Validate::Off), ("shape", Validate::Shape), ("full", Validate::Full)],
        );
        let on_invalid = values.choice(
            fields,
            "on_invalid",
            &[
                ("fail", OnInvalid::Fail),
                ("drop", OnInvalid::Drop),
                ("dead_letter", OnInvalid::DeadLetter),
            ],
        );
        let dead_letter = fields.get("dead_letter").and_then(|path| values.text_of(path));
        let letter_bounds = (DEAD_LETTER_BYTES_MIN, DEAD_LETTER_BYTES_MAX);
        let letter_bytes = values.size(fields, "dead_letter_size", letter_bounds);
        let letter_files = values.count(fields, "dead_letter_files", (1, DEAD_LETTER_FILES_MAX));
        let filter = fields.get("filter").and_then(|filter| values.filter(filter).ok());
        let line = values.size(fields, "max_line", (LINE_BYTES_MIN, LINE_BYTES_MAX));
        let buffer = values.size(fields, "buffer", (BUFFER_BYTES_MIN, BUFFER_BYTES_MAX));

        let transport = values.choice(
            fields,
            "transport",
            &[
                ("auto", Transport::Auto),
                ("splice", Transport::Splice),
                ("uring", Transport::Uring),
                ("portable", Transport::Portable),
            ],
        );
        self.dead_letters(fields, on_invalid);
        Some(StreamOptions {
            delivery: delivery.unwrap_or_default(),
            checkpoint_interval: self.checkpoint_interval(fields, delivery.unwrap_or_default()),
            validate: validate.unwrap_or_default(),
            on_invalid: on_invalid.unwrap_or_default(),
            dead_letter: dead_letter.map(|path| self.surroundings.base_dir.join(path.text)),
            dead_letter_bytes_max: letter_bytes
                .map_or(defaults.dead_letter_bytes_max, |bytes| bytes as u64),
            dead_letter_files_max: letter_files
                .and_then(|files| u32::try_from(files).ok())
                .unwrap_or(defaults.dead_letter_files_max),
            filter,
            line_bytes_max: line.unwrap_or(defaults.line_bytes_max),
            buffer_bytes: buffer.unwrap_or(defaults.buffer_bytes),
            transport: transport.unwrap_or_default(),
        })
    }

    /// `on_invalid = "dead_letter"` and `dead_letter = "…"` need each other; the others need both.
    fn dead_letters(&self, fields: &Fields, on_invalid: Option<OnInvalid>) {
        let values = &self.values;
        match (on_invalid, fields.get("on_invalid"), fields.get("dead_letter")) {
            (Some(OnInvalid::DeadLetter), Some(attribute), None) => {
                let message = "`on_invalid = \"dead_letter\"` needs a file for the lines";
                let help = "add `dead_letter = \"dead/lines.jsonl\"`";
                values.fail_with(&span_of(&attribute.value), message, Some(help.to_owned()));
            }
            (Some(OnInvalid::Fail | OnInvalid::Drop), ..) | (None, None, _) => {
                for name in ["dead_letter", "dead_letter_size", "dead_letter_files"] {
                    let Some(unused) = fields.get(name) else { continue };
                    let message =
                        format!("`{name}` is not used without `on_invalid = \"dead_letter\"`");
                    values.log.push(values.script.warning(&span_of(&unused.key), message));
                }
            }
            _ => {}
        }
    }
}
