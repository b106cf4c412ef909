use rustix::process::Signal;

use crate::process::{READY, Running, run};

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let config = r#"{"count":3,"line_bytes":100,"seed":7}"#;
    let ended = run("input generate", config);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "INFO starting with count=3, rate=0/s\n");
    let expected = include_str!("generate.jsonl");
    assert_eq!(ended.stream(), expected);
    assert!(expected.lines().all(|line| line.len() == 100));
}

#[test]
fn however_it_is_written_and_paced_the_lines_are_the_same() {
    let with = |more: &str| {
        let ended = run("input generate", format!(r#"{{"count":3000,"seed":1{more}}}"#));
        assert_eq!(ended.code, Some(0));
        ended.stream().to_owned()
    };
    let expected = with("");
    assert_eq!(expected.len(), 3000 * 516);
    for more in [r#","write":"line""#, r#","rate":1000000"#, r#","rate":1000000,"write":"line""#] {
        assert!(with(more) == expected, "{more}");
    }
}

#[test]
fn a_template_says_what_data_is() {
    let config = r#"{"count":2,"template":{"id":"{seq}","name":"user-{seq}"}}"#;
    let expected = "{\"data\":{\"id\":1,\"name\":\"user-1\"},\"metadata\":{\"provider\":\"generate\"}}\n\
                    {\"data\":{\"id\":2,\"name\":\"user-2\"},\"metadata\":{\"provider\":\"generate\"}}\n";
    assert_eq!(run("input generate", config).stream(), expected);
}

#[test]
fn a_stop_leaves_whole_lines_in_the_pipe() {
    for config in ["{}", r#"{"write":"line"}"#, r#"{"rate":1}"#, r#"{"line_bytes":300000}"#] {
        let mut generate = Running::start("input generate", &format!("{config}\n"));
        assert_eq!(generate.line(), READY);
        assert!(generate.line().starts_with("{\"data\":{\"seq\":1,"), "{config}");
        generate.signal(Signal::TERM);
        let ended = generate.end();
        assert_eq!(ended.code, Some(0), "{config}");
        assert!(ended.stdout.is_empty() || ended.stdout.ends_with("}\n"), "{config}");
    }
}
