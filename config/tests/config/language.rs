//! The language, feature by feature, where a file alone does not show it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dstream_config::{Document, Surroundings, TaskError};
use dstream_reference::parse_reference;
use dstream_task::ProviderRef;
use dstream_task::{
    Confinement, Delivery, Handshake, OnInvalid, ResourceLimits, RestartPolicy, Sandbox, Task,
    Validate,
};
use serde_json::{Value, json};

use super::{fixtures, load, rendered, surroundings};

/// A file of one task, whose input has the config given, behind `declarations`.
fn file(declarations: &str, config: &str) -> String {
    format!(
        "{declarations}\ntask \"t\" {{\n  input {{\n    provider = \"counter\"\n    config {{\n\
         {config}\n    }}\n  }}\n  output {{\n    provider = \"console\"\n  }}\n}}\n"
    )
}

fn one_task(text: &str, surroundings: &Surroundings) -> Task {
    let (mut tasks, _) = load("test.hcl", text, surroundings)
        .unwrap_or_else(|problems| panic!("{}\n{text}", rendered(&problems)));
    assert_eq!(tasks.len(), 1);
    tasks.remove(0)
}

fn config(declarations: &str, config: &str, surroundings: &Surroundings) -> Value {
    Value::Object(one_task(&file(declarations, config), surroundings).input.config)
}

fn problems(text: &str, surroundings: &Surroundings) -> String {
    match load("test.hcl", text, surroundings) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(problems) => rendered(&problems),
    }
}

fn with_vars(vars: &[(&str, &str)]) -> Surroundings {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Surroundings { vars: vars.collect(), ..surroundings() }
}

#[test]
fn every_setting_reaches_the_task() {
    let text = fs::read_to_string(fixtures().join("good/everything.hcl")).unwrap();
    let task = one_task(&text, &surroundings());
    let input = &task.input;
    assert_eq!(input.name, "mssql-cdc-provider");
    assert_eq!(
        input.provider,
        ProviderRef::Oci(
            parse_reference("ghcr.io/katasec/mssql-cdc-provider:v1.2.0", None).unwrap()
        )
    );
    assert_eq!(
        input.env,
        [("RUST_LOG", "info"), ("BATCH", "100")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(input.handshake, Handshake::Required);
    assert_eq!(input.startup_timeout, Duration::from_secs(90));
    assert_eq!(input.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(input.restart.policy, RestartPolicy::Never);
    assert_eq!(input.restart.attempts_max, Some(5));
    assert_eq!(input.restart.backoff_min, Some(Duration::from_millis(100)));
    assert_eq!(input.restart.window, Some(Duration::from_secs(600)));
    assert_eq!(task.outputs[1].name, "audit");
    let path = PathBuf::from("/project/../audit/audit.sh");
    assert_eq!(task.outputs[1].provider, ProviderRef::Path(path));
    assert_eq!(task.stream.delivery, Delivery::AtMostOnce);
    assert_eq!(task.stream.validate, Validate::Full);
    assert_eq!(task.stream.on_invalid, OnInvalid::DeadLetter);
    assert_eq!(task.stream.dead_letter, Some(PathBuf::from("/project/dead/orders.jsonl")));
    assert_eq!(task.stream.dead_letter_bytes_max, 1 << 20);
    assert_eq!(task.stream.dead_letter_files_max, 4);
    assert_eq!(task.stream.line_bytes_max, 1 << 20);
    assert_eq!(task.stream.buffer_bytes, 4 << 20);
}

#[test]
fn a_confinement_reaches_the_task() {
    let text = fs::read_to_string(fixtures().join("good/confinement.hcl")).unwrap();
    let task = one_task(&text, &surroundings());
    let limits = ResourceLimits {
        memory_bytes: Some(512 << 20),
        open_files: Some(256),
        cpu_seconds: Some(3600),
        processes: Some(64),
    };
    let input = Confinement { limits, no_new_privs: true, sandbox: None };
    assert_eq!(task.input.confinement, input);
    let audit = &task.outputs[0].confinement;
    let sandbox = Sandbox {
        read: vec!["/data".into(), "/project/../shared".into()],
        write: vec!["/project/./out".into()],
        network: false,
    };
    assert!(audit.no_new_privs, "a sandbox sets it");
    assert_eq!(audit.sandbox, Some(sandbox));
    assert_eq!(audit.limits.memory_bytes, Some(64 << 20));
    assert_eq!(audit.limits.open_files, None);
    // Empty blocks: a sandbox in which nothing is reached, and no limits.
    let closed = &task.outputs[1].confinement;
    assert_eq!(closed.sandbox, Some(Sandbox::default()));
    assert_eq!(closed.limits, ResourceLimits::default());
}

#[test]
fn what_a_file_leaves_out_has_the_documented_defaults() {
    let task = one_task(&file("", ""), &surroundings());
    assert_eq!(task.input.startup_timeout, Duration::from_secs(30));
    assert_eq!(task.input.shutdown_timeout, Duration::from_secs(10));
    assert_eq!(task.input.handshake, Handshake::Required, "built in");
    assert_eq!(task.stream.line_bytes_max, 16 << 20);
    assert_eq!(task.stream.buffer_bytes, 8 << 20);
    assert_eq!(task.stream.validate, Validate::Shape);
    assert!(task.secrets.is_empty());
    assert_eq!(task.input.confinement, Confinement::default());
}

#[test]
fn only_the_task_asked_for_needs_its_environment() {
    let text = format!(
        "{}\nlocals {{\n  unused = env(\"UNSET\")\n}}\n{}",
        file("", "a = 1"),
        file("", "b = env(\"UNSET\")").replace("\"t\"", "\"other\"")
    );
    let surroundings = surroundings();
    let (document, _) = Document::parse(Path::new("x.hcl"), text, &surroundings).unwrap();
    assert!(document.task("t", &surroundings).is_ok());
    let Err(TaskError::Invalid(found)) = document.task("other", &surroundings) else { panic!() };
    assert_eq!(found.0.len(), 1);
    assert!(document.validate(&surroundings).is_err());
    // `dstream list` needs none of it.
    assert_eq!(document.summaries().len(), 2);
}

#[test]
fn an_unknown_task_gets_the_nearest_and_all_names() {
    let surroundings = surroundings();
    let text = file("", "") + &file("", "").replace("\"t\"", "\"replay\"");
    let (document, _) = Document::parse(Path::new("x.hcl"), text, &surroundings).unwrap();
    let Err(TaskError::Unknown { name, nearest, known }) = document.task("repaly", &surroundings)
    else {
        panic!()
    };
    assert_eq!((name.as_str(), nearest.as_deref()), ("repaly", Some("replay")));
    assert_eq!(known, ["t", "replay"]);
}

#[test]
fn summaries_show_what_is_written_and_no_secret() {
    let text = r#"
variable "image" {}

task "a" {
  input "in" {
    provider_ref = "counter:v1"
  }
  output {
    provider_path = env("API_KEY")
  }
  output {
    provider_path = "./{{ env `API_KEY` }}"
  }
  output {
    provider_ref = "r.io/${var.image}:v1"
  }
}
dstream {
  registry = "ghcr.io/katasec"
}
"#;
    let (document, _) =
        Document::parse(Path::new("x.hcl"), text.to_owned(), &Surroundings::default()).unwrap();
    let [task] = document.summaries().try_into().unwrap();
    assert_eq!((task.name.as_str(), task.line), ("a", 4));
    assert_eq!(task.input.label.as_deref(), Some("in"));
    assert_eq!((task.input.kind, task.input.value.as_str()), ("provider_ref", "counter:v1"));
    let shown: Vec<&str> = task.outputs.iter().map(|output| output.value.as_str()).collect();
    assert_eq!(shown, ["(secret)", "(secret)", "\"r.io/${var.image}:v1\""]);
}

#[test]
fn variables_come_from_the_nearest_place() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.vars"), folder.path().join("two.vars"));
    fs::write(&one, "a = \"file one\"\nb = \"file one\"\n").unwrap();
    fs::write(&two, "b = \"file two\"\nunknown = 1\n").unwrap();
    let declarations = "variable \"a\" {\n  default = \"default\"\n}\n\
                        variable \"b\" {\n  default = \"default\"\n}\n\
                        variable \"c\" {\n  default = \"default\"\n}\n\
                        variable \"d\" {\n  default = \"default\"\n}\n";
    let mut all = with_vars(&[("a", "first"), ("a", "last")]);
    all.var_files = vec![one, two];
    for name in ["a", "b", "c"] {
        all.env.insert(format!("DSTREAM_VAR_{name}"), "environment".to_owned());
    }
    let text = file(declarations, "a = var.a\nb = var.b\nc = var.c\nd = var.d");
    let (tasks, warnings) = load("test.hcl", &text, &all).unwrap();
    assert_eq!(
        Value::Object(tasks[0].input.config.clone()),
        json!({"a": "last", "b": "file two", "c": "environment", "d": "default"})
    );
    let warnings = rendered(&warnings);
    assert!(
        warnings.contains("two.vars:2:1: warning: the configuration has no variable `unknown`")
    );
}

#[test]
fn variables_are_of_their_type() {
    let declarations = r#"
variable "untyped" {}
variable "number" {
  type = number
}
variable "flag" {
  default = false
}
variable "list" {
  default = []
}
variable "typed" {
  type = list(object({ name = string, size = optional(number) }))
}
variable "any" {
  type = any
}
variable "text" {
  type = string
}
"#;
    let found = config(
        declarations,
        "untyped = var.untyped\nnumber = var.number\nflag = var.flag\nlist = var.list\n\
         typed = var.typed\nany = var.any\ntext = var.text",
        &with_vars(&[
            ("untyped", "[1]"),
            ("number", "12"),
            ("flag", "true"),
            ("list", "[\"a\", 1]"),
            ("typed", "[{ name = 5 }]"),
            ("any", "{ a = [1.5] }"),
            ("text", "${x} {{ y }} \" \n"),
        ]),
    );
    assert_eq!(
        found,
        json!({
            "untyped": "[1]", "number": 12, "flag": true, "list": ["a", 1],
            "typed": [{"name": "5", "size": null}], "any": {"a": [1.5]},
            "text": "${x} {{ y }} \" \n",
        })
    );
}

#[test]
fn wrong_variables_are_told_at_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.vars");
    fs::write(
        &path,
        "list = \"no\"\nsecret = [\"hunter22\"]\nblock {\n}\nlist = 1\nn = env(\"A\")\n",
    )
    .unwrap();
    let declarations = "variable \"list\" {\n  type = list(number)\n}\n\
                        variable \"n\" {\n  type = number\n}\n\
                        variable \"secret\" {\n  type = string\n  sensitive = true\n}\n";
    let mut surroundings =
        with_vars(&[("lits", "secret-value"), ("list", "hunter"), ("secret", "hunter22")]);
    let found = problems(&file(declarations, ""), &surroundings);
    assert!(
        found.contains("--var:1:6: error: variable `list` is not given as a plain HCL value"),
        "{found}"
    );
    assert!(found.contains("--var:1:1: error: unknown variable `lits`"), "{found}");
    assert!(found.contains("help: did you mean `list`?"), "{found}");
    assert!(!found.contains("secret-value"), "{found}");

    surroundings.vars.clear();
    surroundings.var_files = vec![path, folder.path().join("missing.vars")];
    let found = problems(&file(declarations, ""), &surroundings);
    for expected in [
        "x.vars:5:1: error: `list` is set twice here",
        "x.vars:2:10: error: variable `secret` needs a string, not a list",
        "x.vars:3:1: error: a variable file has attributes only, no blocks",
        "x.vars:6:5: error: only plain values can stand here",
        "missing.vars:1:1: error: the variable file cannot be read",
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    assert!(!found.contains("hunter22"), "{found}");
}

#[test]
fn locals_in_any_order_and_by_either_name() {
    let declarations = "locals {\n  c = \"${a}${local.b}\"\n  a = \"x\"\n}\n\
                        locals {\n  b = [for a in [\"y\"] : a][0]\n  var = 1\n  local = 2\n}\n";
    let found = config(declarations, "c = c\nv = local.var\nl = local.local", &surroundings());
    assert_eq!(found, json!({"c": "xy", "v": 1, "l": 2}));
}

#[test]
fn values_of_the_environment_are_never_read_as_hcl_or_template() {
    let mut surroundings = surroundings();
    for hostile in [
        "${env(\"API_KEY\")}",
        "%{ if true }x%{ endif }",
        "\"\n}\ntask \"evil\" {",
        "{{ env \"API_KEY\" }}",
        "back\\slash \\n \\u0041",
        "`'\"",
        "}}",
        "\u{e000}\u{e001}",
        "a\nEOT\nb",
        "",
    ] {
        surroundings.env.insert("HOSTILE".to_owned(), hostile.to_owned());
        let found = config(
            "",
            "a = \"{{ env \\\"HOSTILE\\\" }}\"\nb = \"{{ env \"HOSTILE\" }}\"\n\
             c = \"{{ env `HOSTILE` }}\"\nd = env(\"HOSTILE\")\ne = \"${env(\"HOSTILE\")}\"\n\
             f = <<EOT\n{{ env \"HOSTILE\" }}\nEOT\n\
             g = \"{{ if true }}{{ env \"HOSTILE\" }}{{ end }}\"\n\
             h = \"${upper(\"{{ env \"HOSTILE\" }}\")}\"\n",
            &surroundings,
        );
        assert_eq!(
            found,
            json!({
                "a": hostile, "b": hostile, "c": hostile, "d": hostile, "e": hostile,
                "f": format!("{hostile}\n"), "g": hostile, "h": hostile.to_uppercase(),
            })
        );
    }
}

#[test]
fn actions_outside_strings_give_typed_values_and_nothing_but_values() {
    let mut surroundings = surroundings();
    for (text, value) in [
        ("250", json!(250)),
        ("-1.5", json!(-1.5)),
        (" true ", json!(true)),
        ("null", json!(null)),
        ("\"text\"", json!("text")),
        ("[1, { a = \"b\" }]", json!([1, {"a": "b"}])),
    ] {
        surroundings.env.insert("VALUE".to_owned(), text.to_owned());
        let found = config("", "v = {{ env \"VALUE\" }}\nw = 1", &surroundings);
        assert_eq!(found, json!({"v": value, "w": 1}));
    }
    for text in ["word", "1\nw = 2", "env(\"API_KEY\")", "var.x", "[upper(\"a\")]", "", "{"] {
        surroundings.env.insert("VALUE".to_owned(), text.to_owned());
        let found = problems(&file("", "v = {{ env \"VALUE\" }}"), &surroundings);
        assert!(found.contains("no number, list or other plain HCL value"), "{found}");
    }
}

#[test]
fn secrets_are_known_and_followed() {
    let declarations = "variable \"password\" {\n  sensitive = true\n  default = \"sensitive-1\"\n}\n\
                        locals {\n  url = \"pg://${var.password}@db\"\n  plain = \"not-secret\"\n}\n";
    let mut surroundings = surroundings();
    surroundings.env.insert("SHORT".to_owned(), "abc".to_owned());
    let task = one_task(
        &file(
            declarations,
            "a = local.url\nb = upper(local.url)\nc = \"x {{ env `API_KEY` }}\"\nd = local.plain\n\
             e = { f = [env(\"DATABASE_URL\")], g = \"plain-too\" }\nh = env(\"INTERVAL\", \"1\")\n\
             i = nonsensitive(env(\"API_TOKEN\"))\nj = base64encode(\"{{ env \"API_KEY\" }}\")\n\
             k = {{ env \"INTERVAL\" }}",
        ),
        &surroundings,
    );
    let masked = |text: &str| task.secrets.mask(text) != text;
    for secret in [
        "sensitive-1",
        "pg://sensitive-1@db",
        "PG://SENSITIVE-1@DB",
        "key-0123456789",
        "x key-0123456789",
        "a2V5LTAxMjM0NTY3ODk=",
        "postgres://app:hunter22@db/app",
    ] {
        assert!(masked(secret), "{secret}");
    }
    for plain in ["not-secret", "plain-too", "token-0123456789", "counter", "db"] {
        assert!(!masked(plain), "{plain}");
    }
}

#[test]
fn a_block_is_not_named_after_a_secret() {
    let text = file("", "").replace("provider = \"console\"", "provider_path = env(\"API_KEY\")");
    let task = one_task(&text, &surroundings());
    assert_eq!(task.outputs[0].name, "output");
    assert_eq!(task.outputs[0].provider, ProviderRef::Path("key-0123456789".into()));
}

#[test]
fn line_ends_and_byte_order_marks_of_other_systems() {
    let text = file("", "a = \"{{ env \"MODE\" }}\"\nb = <<EOT\nx\nEOT");
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let task = one_task(&text, &surroundings());
    assert_eq!(task.input.config["a"], "fast");
    assert_eq!(task.input.config["b"], "x\r\n");
}

#[test]
fn templates_strip_white_space_where_told() {
    let found = config(
        "",
        "a = \"x ${~ \"y\" ~} z\"\n\
         b = \"%{ for i, t in [\"p\", \"q\"] }${i}${t}%{ if t == \"p\" }, %{ else }.%{ endif }%{ endfor }\"\n\
         c = \"$${x} %%{y}\"\nd = <<-EOT\n      %{ for t in [\"p\", \"q\"] ~}\n      - ${t}\n\
               %{ endfor ~}\n    EOT",
        &surroundings(),
    );
    assert_eq!(found, json!({"a": "xyz", "b": "0p, 1q.", "c": "${x} %{y}", "d": "- p\n- q\n"}));
}

/// The expected values are those of HashiCorp's implementation.
#[test]
fn white_space_and_conversions_as_in_hcl() {
    let found = config(
        "locals {\n  l = [\"p\", \"q\"]\n}\n",
        "b = \"x\\n\\n  ${~ \"y\" ~}  \\n\\n  z\"\n\
         c = <<-EOT\n      %{ for t in l ~}\n\n      - ${t}\n      %{ endfor ~}\n    EOT\n\
         d = \"%{ if true ~} x %{~ else ~} y %{~ endif ~} z\"\n\
         e = <<EOT\n  one ${~ l[0] ~}  \n\n  two\nEOT\n\
         f = \"${1.5} ${1e20} ${true} ${100000000000000000000}\"\n\
         h = 1 == \"1\"\ni = \"1\" + 1\nj = l[\"0\"]\n\
         m = <<-EOT\n    x\n      y\n  z\nEOT\nn = 7 / 2\no = -7 % 3\np = [1,2][*]\nq = {a=1}[*]\n\
         s = { (1) = 2, (true) = 3 }\nt = \"${\n l[0]\n}\"\nu = \"true\" ? 1 : 2",
        &surroundings(),
    );
    assert_eq!(
        found,
        json!({
            "b": "xyz", "c": "\n- p\n\n- q\n", "d": "xz", "e": "  onep\n  two\n",
            "f": "1.5 100000000000000000000 true 100000000000000000000", "h": false, "i": 2,
            "j": "p", "m": "  x\n    y\nz\n", "n": 3.5, "o": -1, "p": [1, 2], "q": [{"a": 1}],
            "s": {"1": 2, "true": 3}, "t": "p", "u": 1,
        })
    );
}

#[test]
fn traversals_and_splats() {
    let declarations =
        "locals {\n  l = [{ n = { m = 1 } }, { n = { m = 2 } }]\n  o = { \"a b\" = [5] }\n}\n";
    let found = config(
        declarations,
        "a = l[*].n.m\nb = local.l.*.n[0]\nc = local.o[\"a b\"][0]\nd = local[\"l\"][1].n.m\n\
         e = l.0.n\nf = { for k, v in o : upper(k) => v... }\ng = [for x in l : x.n.m if x.n.m > 1]",
        &surroundings(),
    );
    assert_eq!(
        found,
        json!({
            "a": [1, 2], "b": {"m": 1}, "c": 5, "d": 2, "e": {"m": 1}, "f": {"A B": [[5]]},
            "g": [2],
        })
    );
}

#[test]
fn a_guard_keeps_the_other_side_from_being_asked() {
    let found = config(
        "",
        "a = false && env(\"UNSET\") == \"x\"\nb = true || env(\"UNSET\") == \"x\"\n\
         c = true ? 1 : env(\"UNSET\")",
        &surroundings(),
    );
    assert_eq!(found, json!({"a": false, "b": true, "c": 1}));
}

#[test]
fn old_templates_that_make_names_or_parts_of_words_are_rendered() {
    let text = "task \"{{ env \"MODE\" }}\" {\n  input {\n    provider = \"counter\"\n    config {\n\
                {{ env \"MODE\" }}_key = 1{{ env \"INTERVAL\" }}\n    }\n  }\n\
                output {\n    provider = \"console\"\n  }\n}\n";
    let (tasks, warnings) = load("test.hcl", text, &surroundings()).unwrap();
    assert_eq!(tasks[0].name, "fast");
    assert_eq!(Value::Object(tasks[0].input.config.clone()), json!({"fast_key": 1250}));
    assert_eq!(warnings.0.len(), 1);
    assert!(rendered(&warnings).contains("test.hcl:5:1: warning"));
    assert!(tasks[0].secrets.mask("fast").contains("secret"));
}
