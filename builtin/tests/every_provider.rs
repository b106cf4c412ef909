use dstream_builtin::{PROVIDERS, ProviderInfo, Side};
use rustix::process::Signal;

use crate::process::{READY, Running, ready, run};

/// The least configuration that it needs.
fn config(provider: &ProviderInfo) -> serde_json::Value {
    let path = std::env::temp_dir().join("dstream-test-nothing-is-written-here");
    match (provider.name, provider.side) {
        ("file", Side::Input) => serde_json::json!({ "path": path, "follow": true }),
        ("file", Side::Output) => serde_json::json!({ "path": path }),
        _ => serde_json::json!({}),
    }
}

fn named(provider: &ProviderInfo) -> String {
    format!("{} {}", provider.side, provider.name)
}

#[test]
fn a_wrong_config_is_the_handshake() {
    for (provider, config, message) in [
        (
            "input counter",
            r#"{"intervall":1}"#,
            "config: there is no field `intervall`; did you mean `interval`?",
        ),
        (
            "input counter",
            r#"{"command":"run","config":{"maxCount":"5"}}"#,
            "config: `maxCount` must be a whole number from 0 up, not a text",
        ),
        (
            "output console",
            r#"{"outputFormat":"simpel"}"#,
            "config: `outputFormat` must be one of `simple`, `json`, `structured`; did you mean `simple`?",
        ),
        ("input generate", r#"{"line_bytes":1}"#, "line_bytes must be from 50 to 67108864, not 1"),
        ("output null", r#"{"rate":1,"delay_ms":1}"#, "rate and delay_ms exclude each other"),
    ] {
        let ended = run(provider, format!("{config}\n"));
        let expected =
            serde_json::json!({ "status": "error", "class": "config", "message": message });
        assert_eq!((ended.answer(), ended.code), (expected, Some(1)));
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn without_a_command_line_nothing_starts() {
    for provider in PROVIDERS {
        for (stdin, said) in [
            ("", "no command line"),
            ("\n", "no command line"),
            ("{\n", "not JSON"),
            ("{\"command\":\"fly\",\"config\":{}}\n", "no command `fly`"),
        ] {
            let ended = run(&named(provider), stdin);
            let message = ended.answer()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(said), "{}: {message}", provider.name);
            assert_eq!(ended.code, Some(1));
        }
    }
}

#[test]
fn an_input_has_no_lifecycle_and_an_output_has() {
    for provider in PROVIDERS {
        let ended = run(&named(provider), status(provider));
        let answer = ended.answer();
        match provider.side {
            Side::Input => {
                assert_eq!((answer["status"].as_str(), ended.code), (Some("error"), Some(1)));
            }
            Side::Output => {
                assert_eq!((answer["status"].as_str(), ended.code), (Some("ok"), Some(0)));
            }
        }
    }
}

fn status(provider: &ProviderInfo) -> String {
    format!("{{\"command\":\"status\",\"config\":{}}}", config(provider))
}

#[test]
fn a_closed_stdout_is_a_quiet_end() {
    let envelopes = "{\"data\":1}\n".repeat(2000);
    for (provider, config, stream) in [
        ("input counter", "{\"interval\":0}\n", ""),
        ("input generate", "{}\n", ""),
        ("input generate", "{\"write\":\"line\"}\n", ""),
        ("output console", "{}\n", &envelopes),
    ] {
        for after_ready in [false, true] {
            let mut running = Running::start(provider, "");
            if after_ready {
                running.write(config);
                assert_eq!(running.line(), READY);
                running.close_stdout();
                running.write(stream);
            } else {
                running.close_stdout();
                running.write(&format!("{config}{stream}"));
            }
            running.close_stdin();
            let ended = running.end();
            assert_eq!(ended.code, Some(0), "{provider}");
            assert!(!ended.stderr.contains("ERROR"), "{provider}: {}", ended.stderr);
        }
    }
}

/// However the stream ends, half a line is none: not for those that take lines one by one, nor for
/// those that take many at once. It may look whole.
#[test]
fn no_output_takes_half_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let stream = "{\"data\":1}\n{\"data\":2}";
    for is_told_to_leave in [false, true] {
        for (number, format) in ["envelope", "data"].iter().enumerate() {
            let path = folder.path().join(format!("{is_told_to_leave}-{number}"));
            let config = serde_json::json!({ "path": path, "format": format });
            leave("output file", &config, stream, is_told_to_leave);
            let line = if *format == "data" { "1\n" } else { "{\"data\":1}\n" };
            // What is asked to leave need not take what is there.
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(written == line || is_told_to_leave && written.is_empty(), "{written}");
        }
        for config in [serde_json::json!({}), serde_json::json!({ "delay_ms": 1 })] {
            let ended = leave("output null", &config, stream, is_told_to_leave);
            let counted = |count, bytes| {
                ended.stderr.contains(&format!("INFO {count} envelopes, {bytes} bytes\n"))
            };
            assert!(counted(1, 11) || is_told_to_leave && counted(0, 0), "{}", ended.stderr);
        }
    }
}

/// Has an output read a stream that ends in the middle of a line, or stays open while the output is
/// asked to leave.
fn leave(
    provider: &str,
    config: &serde_json::Value,
    stream: &str,
    is_told_to_leave: bool,
) -> crate::process::Ended {
    let mut running = Running::start(provider, &format!("{config}\n"));
    assert_eq!(running.line(), ready(provider));
    running.write(stream);
    let said = if is_told_to_leave {
        running.signal(Signal::TERM);
        "ERROR stopped before the end of the stream\n"
    } else {
        running.close_stdin();
        "ERROR the stream ended in the middle of a line, and that part is left out\n"
    };
    let ended = running.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.ends_with(said), "{}", ended.stderr);
    ended
}

#[test]
fn the_ready_line_comes_before_anything_else_happens() {
    for provider in PROVIDERS {
        let name = named(provider);
        let mut running = Running::start(&name, &format!("{}\n", config(provider)));
        assert_eq!(running.line(), ready(&name), "{name}");
    }
}

#[test]
fn there_is_no_provider_of_another_name() {
    assert!(dstream_builtin::run(Side::Input, "null").is_none());
    assert_eq!(run("input nothing", "").code, Some(2));
}
