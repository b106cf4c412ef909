//! Any message survives encoding and decoding, and no bytes make a decoder panic.

use std::borrow::Cow;

use dstream_protocol::{
    Barrier, BarrierAck, Capabilities, Capability, Checkpoint, CheckpointAck, CheckpointInterval,
    CheckpointLine, Command, CommandLine, ConfigFormat, DeadLetter, ErrorClass, Handshake,
    LetterLine, LifecycleResult, ProtocolRequest, Reject, RejectedLine,
};
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// Lines that look like messages, and any bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(":"),
        Just(","),
        Just("\""),
        Just("\n"),
        Just("\"checkpoint\""),
        Just("{\"checkpoint\":{\"id\":"),
        Just("\"ack\""),
        Just("\"id\""),
        Just("\"reject\""),
        Just("\"reason\""),
        Just("\"envelope\""),
        Just("\"line\""),
        Just("\"command\""),
        Just("\"run\""),
        Just("\"config\""),
        Just("\"protocol\""),
        Just("\"features\""),
        Just("\"status\""),
        Just("\"ready\""),
        Just("\"error\""),
        Just("\"capabilities\""),
        Just("\"changes\""),
        Just("null"),
        Just("7"),
        Just("1e999"),
        Just("-"),
        Just("\\ud800"),
        Just(" "),
        Just("\u{e9}"),
    ];
    let messages = proptest::collection::vec(token, 0..24).prop_map(|parts| parts.concat().into());
    prop_oneof![messages, proptest::collection::vec(any::<u8>(), 0..64)]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::vec((any::<String>(), json()), 0..4)
        .prop_map(|fields| fields.into_iter().collect())
}

fn raw() -> impl Strategy<Value = Box<RawValue>> {
    json().prop_map(|value| to_raw_value(&value).expect("JSON"))
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    any::<(bool, bool)>().prop_map(|(checkpoint, reject)| {
        Capabilities::NONE
            .with_if(checkpoint, Capability::Checkpoint)
            .with_if(reject, Capability::Reject)
    })
}

fn one_line(line: &str) -> bool {
    line.find('\n') == Some(line.len() - 1)
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(line in bytes()) {
        let _ = CommandLine::decode(&line);
        let _ = Handshake::decode(&line);
        let _ = Checkpoint::decode(&line);
        let _ = CheckpointAck::decode(&line);
        let _ = Barrier::split_from(&line);
        let _ = BarrierAck::decode(&line);
        let _ = Reject::decode(&line);
        let _ = LifecycleResult::decode(&line);
        let _ = DeadLetter::<String>::decode(&line);
    }

    #[test]
    fn commands_come_back(
        command in prop_oneof![
            Just(Command::Run), Just(Command::Init), Just(Command::Plan), Just(Command::Status),
            Just(Command::Destroy)
        ],
        config in object(),
        features in capabilities(),
        interval in any::<(Option<u64>, Option<u64>, Option<u64>)>(),
        position in proptest::option::of(raw()),
    ) {
        let (lines, bytes, ms) = interval;
        let checkpoint_interval = features
            .has(Capability::Checkpoint)
            .then_some(CheckpointInterval { lines, bytes, ms });
        let protocol = ProtocolRequest { features, checkpoint_interval };
        let sent = CommandLine {
            protocol,
            checkpoint: position.as_deref(),
            ..CommandLine::new(command, &config)
        };
        let line = sent.encode(ConfigFormat::Command);
        prop_assert!(one_line(&line));
        let read = CommandLine::decode(line.as_bytes()).unwrap();
        prop_assert_eq!(read.command, command);
        prop_assert_eq!(read.config.as_ref(), &config);
        prop_assert_eq!(read.protocol, protocol);
        prop_assert_eq!(read.checkpoint.map(RawValue::get), position.as_deref().map(RawValue::get));
    }

    #[test]
    fn handshakes_come_back(
        ready in capabilities(),
        class in proptest::option::of(prop_oneof![
            Just(ErrorClass::Config), Just(ErrorClass::Transient), Just(ErrorClass::Permanent)
        ]),
        message in any::<String>(),
    ) {
        for sent in [Handshake::Ready(ready), Handshake::Error { class, message }] {
            let line = sent.encode();
            prop_assert!(one_line(&line));
            prop_assert_eq!(Handshake::decode(line.as_bytes()), Some(sent));
        }
    }

    #[test]
    fn checkpoints_and_acknowledgements_come_back(position in raw(), id in any::<u64>()) {
        let line = Checkpoint { position: &position }.encode();
        prop_assert!(one_line(&line));
        match Checkpoint::decode(line.as_bytes()) {
            Some(CheckpointLine::Checkpoint(read)) => {
                prop_assert_eq!(read.position.get(), position.get());
            }
            other => prop_assert!(false, "{other:?}"),
        }
        let line = CheckpointAck { position: &position }.encode();
        let read = CheckpointAck::decode(line.as_bytes()).unwrap();
        prop_assert_eq!(read.position.get(), position.get());
        let lines = Barrier { id }.encode() + "next";
        prop_assert_eq!(
            Barrier::split_from(lines.as_bytes()),
            Some((Barrier { id }, &b"next"[..]))
        );
        let ack = BarrierAck { id };
        prop_assert_eq!(BarrierAck::decode(ack.encode().as_bytes()), Some(ack));
    }

    #[test]
    fn rejected_lines_come_back(reason in any::<String>(), text in any::<String>(), json in raw()) {
        for text in [text.as_str(), json.get()] {
            for line in [
                RejectedLine::of_text(text),
                RejectedLine::Line(Cow::Borrowed(text)),
                RejectedLine::LineBase64(Cow::Borrowed(text)),
            ] {
                let sent = Reject { reason: Cow::Borrowed(&reason), line };
                let line = sent.encode();
                let read = Reject::decode(line.as_bytes()).unwrap();
                prop_assert_eq!(format!("{read:?}"), format!("{sent:?}"));
            }
        }
    }

    #[test]
    fn results_come_back(
        words in any::<(String, String, String)>(),
        resources in proptest::collection::vec(json(), 0..3),
        change in json(),
        fact in json(),
        failed in any::<bool>(),
    ) {
        let (status, message, name) = words;
        prop_assume!(status != "error");
        let mut sent = if failed {
            LifecycleResult::error(format!("x{message}"))
        } else {
            LifecycleResult::new(&status, message).with_metadata(&name, fact)
        };
        sent.resources = resources;
        let sent = sent.with_change(&name, change);
        let line = sent.encode();
        prop_assert!(one_line(&line));
        prop_assert_eq!(LifecycleResult::decode(line.as_bytes()), Ok(sent));
    }

    #[test]
    fn dead_letters_come_back(
        texts in any::<(String, String, String, String)>(),
        places in any::<(Option<u64>, Option<u64>)>(),
        flags in any::<(bool, bool)>(),
        is_text in any::<bool>(),
        time in any::<String>(),
    ) {
        let (task, provider, reason, line) = texts;
        let line = Cow::Owned(line);
        let sent = DeadLetter {
            time,
            task: task.into(),
            provider: provider.into(),
            reason: reason.into(),
            line_number: places.0,
            offset_bytes: places.1,
            truncated: flags.0,
            cut_off: flags.1,
            line: if is_text { LetterLine::Line(line) } else { LetterLine::LineBase64(line) },
        };
        let text = sent.encode();
        prop_assert!(one_line(&text));
        prop_assert_eq!(DeadLetter::decode(text.as_bytes()), Some(sent));
    }
}
