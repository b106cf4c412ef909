//! The lines byte for byte: providers of any age and language read them.

use std::borrow::Cow;

use dstream_protocol::{
    Barrier, BarrierAck, Capabilities, Capability, Checkpoint, CheckpointAck, CheckpointInterval,
    Command, CommandLine, ConfigFormat, DeadLetter, ErrorClass, Handshake, LetterLine,
    LifecycleResult, ProtocolRequest, Reject, RejectedLine,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn a_command_is_one_line_in_both_formats() {
    let Value::Object(config) = json!({ "b": 1, "a": "x\ny" }) else { unreachable!() };
    assert_eq!(
        CommandLine::new(Command::Run, &config).encode(ConfigFormat::Command),
        "{\"command\":\"run\",\"config\":{\"b\":1,\"a\":\"x\\ny\"}}\n"
    );
    assert_eq!(
        CommandLine::new(Command::Plan, &config).encode(ConfigFormat::Plain),
        "{\"b\":1,\"a\":\"x\\ny\"}\n"
    );
    for (command, word) in [
        (Command::Run, "run"),
        (Command::Init, "init"),
        (Command::Plan, "plan"),
        (Command::Status, "status"),
        (Command::Destroy, "destroy"),
    ] {
        assert_eq!(command.to_string(), word);
        let line = CommandLine::new(command, &Map::new()).encode(ConfigFormat::Command);
        assert_eq!(line, format!("{{\"command\":\"{word}\",\"config\":{{}}}}\n"));
    }
}

#[test]
fn what_is_asked_for_stands_behind_the_config() {
    let config = Map::new();
    let line = |features, checkpoint_interval, checkpoint| {
        let protocol = ProtocolRequest { features, checkpoint_interval };
        CommandLine { protocol, checkpoint, ..CommandLine::new(Command::Run, &config) }
            .encode(ConfigFormat::Command)
    };
    let interval = CheckpointInterval { lines: Some(5), bytes: None, ms: Some(1000) };
    let checkpoints = Capabilities::NONE.with(Capability::Checkpoint);
    assert_eq!(
        line(Capabilities::NONE.with(Capability::Reject), None, None),
        "{\"command\":\"run\",\"config\":{},\"protocol\":{\"version\":1,\"features\":[\"reject\"]}}\n"
    );
    assert_eq!(
        line(checkpoints, Some(interval), Some(raw("{\"at\": 7e400}"))),
        "{\"command\":\"run\",\"config\":{},\"protocol\":{\"version\":1,\"features\":[\"checkpoint\"],\"checkpoint_interval\":{\"lines\":5,\"ms\":1000}},\"checkpoint\":{\"at\": 7e400}}\n"
    );
    assert_eq!(
        line(checkpoints.with(Capability::Reject), Some(CheckpointInterval::default()), None),
        "{\"command\":\"run\",\"config\":{},\"protocol\":{\"version\":1,\"features\":[\"checkpoint\",\"reject\"],\"checkpoint_interval\":{}}}\n"
    );
}

#[test]
fn a_handshake_says_what_the_provider_can_do_or_why_it_cannot_start() {
    let (checkpoint, reject) = (Capability::Checkpoint, Capability::Reject);
    for (capabilities, line) in [
        (Capabilities::NONE, "{\"status\":\"ready\",\"protocol\":1}\n"),
        (
            Capabilities::NONE.with(checkpoint),
            "{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"checkpoint\"]}\n",
        ),
        (
            Capabilities::NONE.with(reject),
            "{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"reject\"]}\n",
        ),
        (
            Capabilities::NONE.with(reject).with(checkpoint),
            "{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"checkpoint\",\"reject\"]}\n",
        ),
    ] {
        assert_eq!(Handshake::Ready(capabilities).encode(), line);
    }
    let message = "no \"table\"\nhere".to_owned();
    assert_eq!(
        Handshake::Error { class: Some(ErrorClass::Permanent), message }.encode(),
        "{\"status\":\"error\",\"class\":\"permanent\",\"message\":\"no \\\"table\\\"\\nhere\"}\n"
    );
    assert_eq!(
        Handshake::Error { class: None, message: "x".to_owned() }.encode(),
        "{\"status\":\"error\",\"message\":\"x\"}\n"
    );
}

#[test]
fn checkpoints_and_acknowledgements_keep_the_position_as_it_is() {
    let position = raw("{\"at\": 7e400}");
    assert_eq!(Checkpoint { position }.encode(), "{\"checkpoint\":{\"at\": 7e400}}\n");
    assert_eq!(CheckpointAck { position }.encode(), "{\"ack\":{\"at\": 7e400}}\n");
    assert_eq!(Barrier { id: 7 }.encode(), "{\"checkpoint\":{\"id\":7}}\n");
    assert_eq!(BarrierAck { id: 7 }.encode(), "{\"ack\":{\"id\":7}}\n");
}

#[test]
fn a_rejected_line_takes_the_shortest_form_that_keeps_its_bytes() {
    for (line, field) in [
        (
            RejectedLine::of_text(r#"{"data": 1e400 ,"x":"\u00e9"}"#),
            r#""envelope":{"data": 1e400 ,"x":"\u00e9"}"#,
        ),
        (RejectedLine::of_text("{\"data\":1}\r"), r#""line":"{\"data\":1}\r""#),
        (RejectedLine::of_text("no json"), r#""line":"no json""#),
        (RejectedLine::LineBase64(Cow::Borrowed("/wA=")), r#""line_base64":"/wA=""#),
    ] {
        let expected = format!("{{\"reject\":{{\"reason\":\"say \\\"no\\\"\",{field}}}}}\n");
        assert_eq!(Reject { reason: "say \"no\"".into(), line }.encode(), expected);
    }
}

#[test]
fn a_result_is_one_line_with_what_was_added() {
    let result = LifecycleResult::new("ok", "done")
        .with_metadata("region", "eu".into())
        .with_resource(json!({ "name": "a" }))
        .with_change("create", json!({ "name": "a" }));
    assert_eq!(
        result.encode(),
        "{\"status\":\"ok\",\"message\":\"done\",\"metadata\":{\"region\":\"eu\"},\
         \"resources\":[{\"name\":\"a\"}],\
         \"changes\":[{\"action\":\"create\",\"resource\":{\"name\":\"a\"}}]}\n"
    );
    assert!(!result.is_error());
    let error = LifecycleResult::unsupported(Command::Init);
    assert!(error.is_error());
    assert_eq!(
        error.encode(),
        "{\"status\":\"error\",\"message\":\"this provider has no init\",\
         \"error\":\"this provider has no init\"}\n"
    );
}

#[test]
fn a_dead_letter_has_only_what_is_known() {
    let letter = DeadLetter {
        time: "2024-01-02T03:04:05Z",
        task: "orders".into(),
        provider: "in".into(),
        reason: "not JSON".into(),
        line_number: Some(3),
        offset_bytes: Some(40),
        truncated: true,
        cut_off: false,
        line: LetterLine::Line("a\"b".into()),
    };
    assert_eq!(
        letter.encode(),
        "{\"time\":\"2024-01-02T03:04:05Z\",\"task\":\"orders\",\"provider\":\"in\",\
         \"reason\":\"not JSON\",\"line_number\":3,\"offset_bytes\":40,\"truncated\":true,\
         \"line\":\"a\\\"b\"}\n"
    );
    let line = LetterLine::LineBase64("/wA=".into());
    let returned =
        DeadLetter { line_number: None, offset_bytes: None, truncated: false, line, ..letter };
    assert_eq!(
        returned.encode(),
        "{\"time\":\"2024-01-02T03:04:05Z\",\"task\":\"orders\",\"provider\":\"in\",\
         \"reason\":\"not JSON\",\"line_base64\":\"/wA=\"}\n"
    );
}
