//! What is understood, and what is refused: providers are written by hand, in any language.

use dstream_protocol::{
    Barrier, BarrierAck, Capabilities, Capability, Checkpoint, CheckpointAck, CheckpointLine,
    Command, CommandLine, DeadLetter, ErrorClass, Handshake, LetterLine, LifecycleResult, Reject,
    RejectedLine, ResultError,
};
use serde_json::{Value, json};

fn command(line: &str) -> Result<(Command, Value), String> {
    let line = CommandLine::decode(line.as_bytes()).map_err(|error| error.to_string())?;
    Ok((line.command, Value::Object(line.config.into_owned())))
}

#[test]
fn a_command_line_may_be_a_bare_config() {
    for (line, expected, config) in [
        (r#"{"command":"plan","config":{"a":1}}"#, Command::Plan, json!({ "a": 1 })),
        (r#"{"command":"run"}"#, Command::Run, json!({})),
        (r#"{"command":"run","config":null}"#, Command::Run, json!({})),
        (
            r#"{"command":"run","config":{},"protocol":{"version":1},"later":1}"#,
            Command::Run,
            json!({}),
        ),
        (r#"{"command":"status","protocol":{"version":1}}"#, Command::Status, json!({})),
        (r#"{"a":1}"#, Command::Run, json!({ "a": 1 })),
        ("{}", Command::Run, json!({})),
        (r#"{"command":"ls","a":1}"#, Command::Run, json!({ "command": "ls", "a": 1 })),
        (r#"{"command":["ls"]}"#, Command::Run, json!({ "command": ["ls"] })),
    ] {
        assert_eq!(command(line), Ok((expected, config)), "{line}");
    }
    for (line, message) in [
        ("", "no command line"),
        (" \n", "no command line"),
        ("{", "not JSON"),
        ("x", "not JSON"),
        (r#"{"a":1e999}"#, "not JSON"),
        ("[1]", "not a JSON object"),
        (r#"{"command":"fly","config":{}}"#, "no command `fly`"),
        (r#"{"command":"run","config":[]}"#, "`config` is not an object"),
    ] {
        let error = command(line).unwrap_err();
        assert!(error.contains(message), "{line}: {error}");
    }
}

#[test]
fn checkpoints_are_asked_for_in_the_command_line_alone() {
    let decode = |line: &'static str| CommandLine::decode(line.as_bytes()).unwrap();
    let asked = decode(
        r#"{"command":"run","config":{},"protocol":{"version":1,"features":["checkpoint","x"],"checkpoint_interval":{"lines":5}},"checkpoint":{"at": 1e400}}"#,
    );
    assert!(asked.protocol.features.has(Capability::Checkpoint));
    assert_eq!(asked.protocol.checkpoint_interval.unwrap().lines, Some(5));
    assert_eq!(asked.checkpoint.unwrap().get(), r#"{"at": 1e400}"#);
    for line in [
        r#"{"command":"run","config":{}}"#,
        r#"{"command":"run","config":{},"protocol":{"version":1}}"#,
        r#"{"command":"run","config":{},"protocol":{"features":7}}"#,
        r#"{"protocol":{"features":["checkpoint"]},"a":1}"#,
    ] {
        assert_eq!(decode(line).protocol.features, Capabilities::NONE, "{line}");
    }
}

#[test]
fn only_a_handshake_is_a_handshake() {
    let error = |class, message: &str| Some(Handshake::Error { class, message: message.into() });
    let ready = |capabilities| Some(Handshake::Ready(capabilities));
    let (none, no_message) = (Capabilities::NONE, "it gave no message");
    let checkpoint = none.with(Capability::Checkpoint);
    for (line, expected) in [
        (r#"{"status":"ready"}"#, ready(none)),
        (
            r#" {"status":"ready","protocol":1,"capabilities":["x","checkpoint"]}"#,
            ready(checkpoint),
        ),
        (r#"{"status":"ready","capabilities":"checkpoint"}"#, ready(none)),
        (r#"{"status":"ready","capabilities":null}"#, ready(none)),
        (r#"{"status":"ready","capabilities":["reject"]}"#, ready(none.with(Capability::Reject))),
        ("{\"status\":\"ready\"}\r\n", ready(none)),
        (r#"{"status":"error","message":"no such table"}"#, error(None, "no such table")),
        (
            r#"{"status":"error","class":"transient","message":"x"}"#,
            error(Some(ErrorClass::Transient), "x"),
        ),
        (r#"{"status":"error","class":7}"#, error(None, no_message)),
        (r#"{"status":"error","class":"worse","message":null}"#, error(None, no_message)),
        (r#"{"status":"ready","data":null}"#, ready(none)),
        (r#"{"status":"ready","data":1}"#, None),
        (r#"{"status":"READY"}"#, None),
        (r#"{"status":1}"#, None),
        (r#"{"data":{"status":"ready"}}"#, None),
        (r#"["ready"]"#, None),
        ("", None),
        ("hello", None),
        (r#"{"status":"ready"} x"#, None),
    ] {
        assert_eq!(Handshake::decode(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn only_a_field_alone_is_a_checkpoint_and_what_has_data_an_envelope() {
    for (line, expected) in [
        (r#"{"checkpoint":7}"#, "7"),
        (
            r#" { "checkpoint" : {"a":[1e400, 123456789012345678901]} } "#,
            r#"{"a":[1e400, 123456789012345678901]}"#,
        ),
        (r#"{"checkpoint":null}"#, "null"),
        (r#"{"checkpoint":7,"data":1}"#, "an envelope"),
        (r#"{"data":1,"checkpoint":7}"#, "none"),
        (r#"{"checkpoint":7,"checkpoint":8}"#, "invalid"),
        (r#"{"checkpoint":NaN}"#, "invalid"),
        (r#"{"checkpoint":7,"metadata":{}}"#, "invalid"),
        (r#"{"checkpoint":"#, "invalid"),
        (r#"{"checkpoint":7}}"#, "invalid"),
        (r#"{"checkpoints":7}"#, "none"),
        (r#"["checkpoint"]"#, "none"),
        ("", "none"),
    ] {
        let is = match Checkpoint::decode(line.as_bytes()) {
            None => "none",
            Some(CheckpointLine::Checkpoint(checkpoint)) => checkpoint.position.get(),
            Some(CheckpointLine::Envelope) => "an envelope",
            Some(CheckpointLine::Invalid(_)) => "invalid",
        };
        assert_eq!(is, expected, "{line}");
    }
}

#[test]
fn only_a_whole_line_of_that_form_is_a_barrier() {
    let lines = b"{\"checkpoint\":{\"id\":7}}\nmore";
    assert_eq!(Barrier::split_from(lines), Some((Barrier { id: 7 }, &b"more"[..])));
    for other in [
        "{\"checkpoint\":{\"id\":7},\"data\":1}\n",
        "{\"checkpoint\":{\"id\":}}\n",
        "{\"checkpoint\":{\"id\":-1}}\n",
        "{\"checkpoint\":{\"id\":99999999999999999999999}}\n",
        "{\"checkpoint\":{\"id\":7}} \n",
        "{\"checkpoint\":{\"id\":7}}",
        " {\"checkpoint\":{\"id\":7}}\n",
    ] {
        assert_eq!(Barrier::split_from(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn only_an_id_alone_is_an_acknowledgement() {
    for (line, id) in [
        ("{\"ack\":{\"id\":7}}\n", Some(7)),
        (" { \"ack\" : { \"id\" : 0 } }\r\n", Some(0)),
        ("{\"ack\":{\"id\":-1}}", None),
        ("{\"ack\":{\"id\":7,\"x\":1}}", None),
        ("{\"ack\":{\"id\":7},\"data\":1}", None),
        ("{\"ack\":7}", None),
        ("Message #1: {\"ack\":{\"id\":7}}", None),
        ("{}", None),
        ("", None),
    ] {
        assert_eq!(BarrierAck::decode(line.as_bytes()).map(|ack| ack.id), id, "{line}");
    }
    let ack = CheckpointAck::decode(b"{\"ack\":{\"at\":[1e400]},\"later\":1}\n").unwrap();
    assert_eq!(ack.position.get(), "{\"at\":[1e400]}");
    assert!(CheckpointAck::decode(b"{\"nack\":7}").is_none());
}

#[test]
fn a_reject_holds_one_line_byte_for_byte() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_reject = format!("{{\"reject\":{{\"reason\":\"full\",\"envelope\":{deep}}}}}");
    for (line, expected) in [
        (
            r#"{"reject":{"reason":"full","envelope":{"data": 1e400 ,"metadata":{}}}}"#,
            r#"{"data": 1e400 ,"metadata":{}}"#,
        ),
        (" { \"reject\" : {\"envelope\":7,\"reason\":\"full\",\"more\":1} } \n", "7"),
        (r#"{"reject":{"reason":"full","line":"no \"json\"\r"}}"#, "no \"json\"\r"),
        (r#"{"reject":{"reason":"full","line_base64":"/wA="}}"#, "/wA="),
        (&deep_reject, &deep),
    ] {
        assert!(Reject::begins(line.as_bytes()));
        let Reject { reason, line } = Reject::decode(line.as_bytes()).unwrap();
        let text = match &line {
            RejectedLine::Envelope(json) => json.get(),
            RejectedLine::Line(text) | RejectedLine::LineBase64(text) => text,
        };
        assert_eq!((reason.as_ref(), text), ("full", expected));
    }
    for line in [
        r#"{"reject":"#,
        r#"{"reject":7}"#,
        r#"{"reject":{"envelope":7}}"#,
        r#"{"reject":{"reason":"full"}}"#,
        r#"{"reject":{"reason":"full","envelope":7,"line":"x"}}"#,
    ] {
        assert!(Reject::begins(line.as_bytes()), "{line}");
        assert!(Reject::decode(line.as_bytes()).is_err(), "{line}");
    }
    for text in [
        "rejected",
        "{\"reject\"",
        "{\"rejects\":7}",
        "{\"a\":{\"reject\":1}}",
        "{\"ack\":{\"id\":7}}",
        "",
    ] {
        assert!(!Reject::begins(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_result_may_be_as_small_as_its_status() {
    let result = LifecycleResult::decode(br#"{"status":"ok"}"#).unwrap();
    assert_eq!((result.status.as_str(), result.error), ("ok", None));
    let line = br#"{"status":"planned","changes":[{"action":"create","resource":{"name":"t"}}],"resources":null}"#;
    let result = LifecycleResult::decode(line).unwrap();
    assert_eq!(result.changes[0].action, "create");
    assert_eq!(result.changes[0].resource["name"], "t");
}

#[test]
fn an_error_is_found_wherever_it_stands_in_a_result() {
    for (line, expected) in [
        (r#"{"status":"ok","error":"no access"}"#, Some("no access")),
        (r#"{"status":"error","message":"no access"}"#, Some("no access")),
        (r#"{"status":"error"}"#, Some("it gave no message")),
        (r#"{"status":"ok","error":{"code":7}}"#, Some(r#"{"code":7}"#)),
        (r#"{"status":"ok","error":null}"#, None),
        (r#"{"status":"ok","error":""}"#, None),
    ] {
        let result = LifecycleResult::decode(line.as_bytes()).unwrap();
        assert_eq!(result.error.as_deref(), expected, "{line}");
    }
}

#[test]
fn a_result_of_another_shape_is_an_error_that_names_the_field() {
    for (line, expected) in [
        (r#"{"data":1}"#, ResultError::Shape("status", "not a string")),
        (r#"{"status":"ok","message":1}"#, ResultError::Shape("message", "not a string")),
        (r#"{"status":"ok","resources":{}}"#, ResultError::Shape("resources", "not a list")),
        (r#"{"status":"ok","changes":[1]}"#, ResultError::Shape("changes", "without an action")),
    ] {
        assert_eq!(LifecycleResult::decode(line.as_bytes()), Err(expected), "{line}");
    }
    assert!(matches!(LifecycleResult::decode(b"done"), Err(ResultError::NotJson(_))));
}

#[test]
fn a_dead_letter_has_all_of_its_fields_and_one_line() {
    let letter = |text| DeadLetter::<String>::decode(str::as_bytes(text));
    let whole = letter(
        r#"{"time":"t","task":"a","provider":"in","reason":"r","cut_off":true,"line":"x\"y","new":1}"#,
    );
    let whole = whole.unwrap();
    assert_eq!(whole.line, LetterLine::Line("x\"y".into()));
    assert!(whole.cut_off && !whole.can_be_sent(b"x"));
    let base64 =
        letter(r#"{"time":"t","task":"a","provider":"in","reason":"r","line_base64":"/wA="}"#);
    let base64 = base64.unwrap();
    assert_eq!(base64.line, LetterLine::LineBase64("/wA=".into()));
    assert!(base64.can_be_sent(b"\xff\0"));
    assert!(!base64.can_be_sent(b"two\nlines") && !base64.can_be_sent(b"{\"checkpoint\":1}"));
    for other in [
        r#"{"time":"t","task":"a","provider":"in","reason":"r"}"#,
        r#"{"time":"t","task":"a","provider":"in","line":"x"}"#,
        r#"{"time":1,"task":"a","provider":"in","reason":"r","line":"x"}"#,
        r#"["t","a","in","r"]"#,
        "",
    ] {
        assert!(letter(other).is_none(), "{other}");
    }
}
