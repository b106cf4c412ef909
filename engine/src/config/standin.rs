//! Temporary: what `template` and `functions` will be, as little of it as the loader needs.
#![allow(missing_docs, unreachable_pub, dead_code)]

pub(crate) mod template {
    use std::collections::BTreeMap;
    use std::ops::Range;

    pub struct TemplateScope<'a> {
        pub env: &'a BTreeMap<String, String>,
        pub now: jiff::Zoned,
    }
    #[derive(Debug)]
    pub struct Rendered {
        pub text: String,
        pub secrets: Vec<String>,
    }
    impl Rendered {
        pub fn source_span(&self, span: Range<usize>) -> Range<usize> {
            span
        }
    }
    pub struct Evaluated {
        pub value: serde_json::Value,
        pub secrets: Vec<String>,
    }
    #[derive(Debug)]
    pub struct TemplateError {
        pub span: Range<usize>,
        pub message: String,
        pub help: Option<String>,
    }
    pub fn render(source: &str, scope: &TemplateScope<'_>) -> Result<Rendered, Vec<TemplateError>> {
        let mut rendered = Rendered { text: String::new(), secrets: Vec::new() };
        let mut rest = source;
        while let Some(start) = rest.find("{{") {
            rendered.text.push_str(&rest[..start]);
            let length = rest[start..].find("}}").unwrap_or(rest.len() - start - 2) + 2;
            let found = evaluate(&rest[start..start + length], scope)?;
            rendered.text.push_str(found.value.as_str().unwrap_or_default());
            rendered.secrets.extend(found.secrets);
            rest = &rest[start + length..];
        }
        rendered.text.push_str(rest);
        Ok(rendered)
    }
    pub fn evaluate(
        source: &str,
        scope: &TemplateScope<'_>,
    ) -> Result<Evaluated, Vec<TemplateError>> {
        let inner = source.trim_matches(['{', '}', '-', ' ']);
        let error =
            |message: String| vec![TemplateError { span: 0..source.len(), message, help: None }];
        let name = inner.strip_prefix("env").map(|rest| rest.trim().trim_matches(['"', '`']));
        let name = name.ok_or_else(|| error("unknown template function".to_owned()))?;
        let value = scope.env.get(name);
        let value =
            value.ok_or_else(|| error(format!("environment variable `{name}` is not set")))?;
        Ok(Evaluated { value: value.as_str().into(), secrets: vec![value.clone()] })
    }
}

pub(crate) mod functions {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    use hcl::eval::{FuncDef, ParamType};

    #[derive(Debug, Clone)]
    pub struct FunctionScope {
        pub env: Arc<BTreeMap<String, String>>,
        pub base_dir: PathBuf,
        pub now: jiff::Timestamp,
    }
    pub struct Touched {
        pub secrets: Vec<String>,
        pub any: bool,
    }
    thread_local! {
        static ENV: RefCell<Option<Arc<BTreeMap<String, String>>>> = const { RefCell::new(None) };
    }
    pub fn with_scope<R>(scope: FunctionScope, run: impl FnOnce() -> R) -> (R, Touched) {
        ENV.set(Some(scope.env));
        (run(), Touched { secrets: Vec::new(), any: false })
    }
    pub fn declare(context: &mut hcl::eval::Context<'_>) {
        let upper = FuncDef::builder()
            .param(ParamType::String)
            .build(|args| Ok(args[0].as_str().unwrap_or_default().to_uppercase().into()));
        context.declare_func("upper", upper);
    }
    pub fn names() -> &'static [&'static str] {
        &["upper"]
    }
}
