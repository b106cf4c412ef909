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
