//! Configurations for the peers that start both ends themselves.

use std::path::{Path, PathBuf};

use super::peers::Variant;

/// Both ends as words, the program first.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) generator: (PathBuf, Vec<String>),
    pub(super) sink: (PathBuf, Vec<String>),
}

/// A task `bench` with both ends as providers.
pub(super) fn dstream_file(ends: &Ends, variant: Variant) -> String {
    let block = |kind: &str, (program, arguments): &(PathBuf, Vec<String>)| {
        let arguments: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        format!(
            "  {kind} {{\n    provider_path = {}\n    handshake     = \"required\"\n    config {{\n      \
             arguments = [{}]\n    }}\n  }}\n",
            quoted(&program.display().to_string()),
            arguments.join(", ")
        )
    };
    let filter = variant.filter.map(|filter| format!("    filter = {filter}\n"));
    format!(
        "task \"bench\" {{\n{}{}  stream {{\n    validate = {}\n{}  }}\n}}\n",
        block("input", &ends.generator),
        block("output", &ends.sink),
        quoted(variant.validate),
        filter.unwrap_or_default()
    )
}

/// A source that is the generator, a destination that is the sink; lines as they are, and the source waits for the
/// destination.
pub(super) fn syslog_ng_file(ends: &Ends, config_version: &str) -> String {
    let shell = |(program, arguments): &(PathBuf, Vec<String>)| {
        let words: Vec<String> = [program.display().to_string()]
            .iter()
            .chain(arguments)
            .map(|word| format!("'{word}'"))
            .collect();
        words.join(" ")
    };
    // syslog-ng would start a source that has ended again, and so send everything twice.
    let source = format!("{}; exec sleep 3600", shell(&ends.generator));
    let destination = format!("exec {}", shell(&ends.sink));
    format!(
        "@version: {config_version}\n\
         options {{ stats-freq(0); }};\n\
         source lines {{ program({} flags(no-parse) log-msg-size(1048576) log-iw-size(1000)); }};\n\
         destination out {{ program({} template(\"${{MESSAGE}}\\n\") log-fifo-size(10000)); }};\n\
         log {{ source(lines); destination(out); flags(flow-control); }};\n",
        quoted(&source),
        quoted(&destination)
    )
}

/// Options that keep syslog-ng's own files in `folder`.
pub(super) fn syslog_ng_arguments(config: &Path, folder: &Path) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        "--foreground".into(),
        "--no-caps".into(),
        format!("--cfgfile={}", config.display()),
        format!("--persist-file={}", file("syslog-ng.persist")),
        format!("--pidfile={}", file("syslog-ng.pid")),
        format!("--control={}", file("syslog-ng.control")),
    ]
}

/// The version for which a configuration is written: `3.38` of `syslog-ng 3 (3.38.1)`.
pub(super) fn syslog_ng_config_version(said: &str) -> String {
    let inside = said.split_once('(').map_or(said, |(_, rest)| rest);
    let numbers: Vec<&str> = inside
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .take(2)
        .collect();
    numbers.join(".")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> Ends {
        let words = |words: &str| words.split(' ').map(str::to_owned).collect();
        Ends {
            generator: ("/t/load-generate".into(), words("--lines 5")),
            sink: ("/t/load-sink".into(), words("--lines 5 --report r.json")),
        }
    }

    #[test]
    fn dstream_starts_both_ends_as_providers() {
        let variant = Variant { validate: "off", filter: Some("data.n >= 0"), flags: &[] };
        let file = dstream_file(&ends(), variant);
        let expected = r#"task "bench" {
  input {
    provider_path = "/t/load-generate"
    handshake     = "required"
    config {
      arguments = ["--lines", "5"]
    }
  }
  output {
    provider_path = "/t/load-sink"
    handshake     = "required"
    config {
      arguments = ["--lines", "5", "--report", "r.json"]
    }
  }
  stream {
    validate = "off"
    filter = data.n >= 0
  }
}
"#;
        assert_eq!(file, expected);
    }

    #[test]
    fn syslog_ng_starts_both_ends_as_programs() {
        let file = syslog_ng_file(&ends(), "3.38");
        assert!(file.starts_with("@version: 3.38\n"));
        assert!(
            file.contains(
                r#"program("'/t/load-generate' '--lines' '5'; exec sleep 3600" flags(no-parse)"#
            ),
            "{file}"
        );
        assert!(file.contains(r#"template("${MESSAGE}\n")"#), "{file}");
        assert_eq!(syslog_ng_config_version("syslog-ng 3 (3.38.1)"), "3.38");
        assert_eq!(syslog_ng_config_version("syslog-ng 4.8.0"), "4.8");
    }
}
