//! What `delivery = "at_least_once"` asks of a file.

use std::ops::Range;

use super::declared::{Fields, ProviderDeclaration, TaskDeclaration};
use super::task::TaskReader;
use crate::values::evaluate::span_of;
use crate::values::value::{Data, Value};
use dstream_task::{
    CHECKPOINT_INTERVAL, CheckpointInterval, ConfigFormat, Delivery, Handshake, ProviderBlock,
    StreamOptions, units,
};

const HELP: &str =
    "write a time (\"1s\"), or an object: { lines = 10000, bytes = \"64MiB\", time = \"1s\" }";

impl TaskReader<'_> {
    /// `checkpoint_interval`; what is wrong is in the log.
    pub(super) fn checkpoint_interval(
        &self,
        fields: &Fields,
        delivery: Delivery,
    ) -> CheckpointInterval {
        let values = &self.values;
        let Some(attribute) = fields.get("checkpoint_interval") else {
            return CHECKPOINT_INTERVAL;
        };
        let span = span_of(&attribute.value);
        if delivery != Delivery::AtLeastOnce {
            let message =
                "`checkpoint_interval` is not used without `delivery = \"at_least_once\"`";
            values.log.push(values.script.warning(&span_of_key(attribute), message));
        }
        let Ok(value) = values.value(&attribute.value) else {
            return CHECKPOINT_INTERVAL;
        };
        match interval(&value) {
            Some(interval) => interval,
            None => {
                let message = "invalid checkpoint interval";
                values.fail_with(&span, message, Some(HELP.to_owned()));
                CHECKPOINT_INTERVAL
            }
        }
    }

    /// Checkpoints need providers that say what they can: all of them greet, and get a command that
    /// can ask.
    pub(super) fn demand_checkpoints(
        &self,
        declared: &TaskDeclaration,
        stream: &StreamOptions,
        blocks: &mut [&mut ProviderBlock],
    ) {
        if stream.delivery != Delivery::AtLeastOnce {
            return;
        }
        let declarations = declared.input.iter().chain(&declared.outputs);
        for (block, declaration) in blocks.iter_mut().zip(declarations) {
            if block.config_format == ConfigFormat::Plain {
                let message = "checkpoints are not possible with `config_format = \"plain\"`";
                let help = "leave `config_format` out, or `delivery = \"at_least_once\"`";
                self.values.fail_with(
                    &place(declaration, "config_format"),
                    message,
                    Some(help.to_owned()),
                );
            }
            block.handshake = Handshake::Required;
        }
    }
}

fn place(declaration: &ProviderDeclaration, name: &str) -> Range<usize> {
    declaration
        .fields
        .get(name)
        .map_or_else(|| declaration.header.clone(), |attribute| span_of(&attribute.value))
}

fn span_of_key(attribute: &hcl_edit::structure::Attribute) -> Range<usize> {
    span_of(&attribute.key)
}

/// A time alone, or an object of measures, at least one of them; none of them is 0.
fn interval(value: &Value) -> Option<CheckpointInterval> {
    let mut interval = CheckpointInterval { lines: None, bytes: None, ms: None };
    let ms = |value: &Value| match &value.data {
        Data::String(text) => {
            let ms = units::duration(text).ok()?.as_millis();
            u64::try_from(ms).ok().filter(|ms| *ms > 0)
        }
        _ => None,
    };
    let Data::Object(members) = &value.data else {
        interval.ms = Some(ms(value)?);
        return Some(interval);
    };
    for (name, value) in members {
        let number = match &value.data {
            Data::Number(number) => number.as_u64().filter(|number| *number > 0),
            _ => None,
        };
        match name.as_str() {
            "lines" => interval.lines = Some(number?),
            "bytes" => {
                let size = match &value.data {
                    Data::String(text) => units::size(text).ok().filter(|size| *size > 0),
                    _ => number,
                };
                interval.bytes = Some(size?);
            }
            "time" => interval.ms = Some(ms(value)?),
            _ => return None,
        }
    }
    (interval.lines.or(interval.bytes).or(interval.ms)).map(|_| interval)
}
