//! A declared task, evaluated → the [`Task`] that can run.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dstream_reference::{Reference, parse_reference};
use dstream_task::ProviderRef;

use super::declared::{Fields, ProviderDeclaration, TaskDeclaration};
use crate::limits::{
    ATTEMPTS_MAX, BACKOFF_MIN, RESTART_TIME_MAX, SHUTDOWN_DEFAULT, STALL_MIN, STARTUP_DEFAULT,
    STARTUP_MIN, TIMEOUT_MAX,
};
use crate::values::evaluate::{Evaluator, span_of};
use crate::values::value::Data;
use crate::{BuiltinProvider, Surroundings};
use dstream_reference::{did_you_mean, listed};
use dstream_task::{
    ConfigFormat, Handshake, ProviderBlock, Restart, RestartPolicy, Secrets, Side, StreamOptions,
    Task,
};

/// Evaluates declared tasks.
pub(crate) struct TaskReader<'a> {
    pub(crate) values: Evaluator<'a>,
    pub(crate) surroundings: &'a Surroundings,
    /// `dstream { registry = … }`
    pub(crate) registry: Option<String>,
}

/// A provider's place and the short name it gives its block.
struct Provider {
    place: ProviderRef,
    short_name: String,
}

impl TaskReader<'_> {
    /// The task, if nothing is wrong with it; the secrets are not in it yet.
    pub(crate) fn task(&self, declared: &TaskDeclaration) -> Option<Task> {
        let kind_fits = self.kind(declared);
        let mut names: BTreeSet<String> = declared
            .outputs
            .iter()
            .chain(&declared.input)
            .filter_map(|block| Some(block.label.as_ref()?.text.clone()))
            .collect();
        let input =
            declared.input.as_ref().and_then(|block| self.provider_block(block, &mut names));
        let outputs: Vec<Option<ProviderBlock>> =
            declared.outputs.iter().map(|block| self.provider_block(block, &mut names)).collect();
        let stream = match &declared.stream {
            Some(fields) => self.stream(fields),
            None => Some(StreamOptions::default()),
        };
        let mut outputs = outputs.into_iter().collect::<Option<Vec<_>>>()?;
        if !kind_fits || outputs.is_empty() {
            return None;
        }
        let (mut input, stream) = (input?, stream?);
        let mut blocks: Vec<_> = std::iter::once(&mut input).chain(&mut outputs).collect();
        self.demand_checkpoints(declared, &stream, &mut blocks);
        Some(Task {
            name: declared.name.clone(),
            input,
            outputs,
            stream,
            secrets: Secrets::default(),
        })
    }

    /// `type = "providers"`, or nothing.
    fn kind(&self, declared: &TaskDeclaration) -> bool {
        let Some(attribute) = &declared.kind else { return true };
        let Some(kind) = self.values.text_of(attribute) else { return false };
        match kind.text.as_str() {
            "providers" => return true,
            "plugin" => self.values.fail_with(
                &kind.span,
                "tasks of type \"plugin\" (gRPC plugins of the original) are not supported",
                Some(
                    "write `type = \"providers\"` with an `input` and an `output` block; each \
                     names a provider, a program that speaks JSON lines on stdin and stdout"
                        .to_owned(),
                ),
            ),
            _ => self.values.fail_with(
                &kind.span,
                "the type of a task must be \"providers\"",
                Some("leave `type` out, or write \"providers\"".to_owned()),
            ),
        };
        false
    }

    fn provider_block(
        &self,
        declared: &ProviderDeclaration,
        names: &mut BTreeSet<String>,
    ) -> Option<ProviderBlock> {
        let (values, fields) = (&self.values, &declared.fields);
        let provider = self.provider(declared);
        let config =
            declared.config.as_ref().map_or(Ok(Default::default()), |config| values.config(config));
        let env = self.env(fields);
        let config_format = values.choice(
            fields,
            "config_format",
            &[("command", ConfigFormat::Command), ("plain", ConfigFormat::Plain)],
        );
        let handshake = values.choice(
            fields,
            "handshake",
            &[("auto", Handshake::Auto), ("required", Handshake::Required)],
        );
        let startup = values.duration(fields, "startup_timeout", (STARTUP_MIN, TIMEOUT_MAX));
        let shutdown = values.duration(fields, "shutdown_timeout", (Duration::ZERO, TIMEOUT_MAX));
        let stall_timeout = values.duration(fields, "stall_timeout", (STALL_MIN, RESTART_TIME_MAX));
        let restart = declared.restart.as_ref().map(|fields| self.restart(fields));
        let confinement = self.confinement(declared);
        let Provider { place, short_name } = provider?;
        let builtin = matches!(place, ProviderRef::Builtin(_));
        let name = match &declared.label {
            Some(label) => label.text.clone(),
            None => unique_name(short_name, names),
        };
        Some(ProviderBlock {
            name,
            side: declared.side,
            provider: place,
            config: config.ok()?,
            places: values.config_places(declared),
            env: env?,
            config_format: config_format.unwrap_or_default(),
            handshake: if builtin { Handshake::Required } else { handshake.unwrap_or_default() },
            startup_timeout: startup.unwrap_or(STARTUP_DEFAULT),
            shutdown_timeout: shutdown.unwrap_or(SHUTDOWN_DEFAULT),
            stall_timeout,
            restart: restart.unwrap_or_default(),
            confinement: confinement?,
        })
    }

    fn provider(&self, declared: &ProviderDeclaration) -> Option<Provider> {
        let attribute = declared.provider.as_ref()?;
        let found = self.values.text_of(attribute)?;
        let (text, span) = (found.text.as_str(), &found.span);
        let (place, short_name) = match attribute.key.as_str() {
            "provider" => {
                self.check_builtin(text, declared.side, span, found.secret)?;
                (ProviderRef::Builtin(text.to_owned()), text.to_owned())
            }
            "provider_path" => {
                if text.contains('\0') {
                    self.values.fail(span, "a path must not contain a NUL character");
                    return None;
                }
                // A bare name is looked up in PATH; anything else is a file beside the HCL file.
                let bare = !text.contains(std::path::is_separator);
                let path =
                    if bare { PathBuf::from(text) } else { self.surroundings.base_dir.join(text) };
                let short = Path::new(text).file_stem().map(|stem| stem.to_string_lossy());
                let short =
                    short.map_or_else(|| declared.side.to_string(), |stem| stem.into_owned());
                (ProviderRef::Path(path), short)
            }
            _ => match parse_reference(text, self.registry.as_deref()) {
                Ok(reference) => {
                    let repository = reference.repository();
                    let short = repository.rsplit('/').next().unwrap_or(repository).to_owned();
                    (ProviderRef::Oci(reference), short)
                }
                Err(error) => {
                    let message = if found.secret {
                        "the reference is not valid".to_owned()
                    } else {
                        error.to_string()
                    };
                    let help = error.help().filter(|_| !found.secret);
                    self.values.fail_with(span, message, help);
                    return None;
                }
            },
        };
        // A block's name stands in every log line, so it is not made of a secret.
        let short_name = if found.secret { declared.side.to_string() } else { short_name };
        Some(Provider { place, short_name })
    }

    fn check_builtin(
        &self,
        name: &str,
        side: Side,
        span: &Range<usize>,
        secret: bool,
    ) -> Option<()> {
        let builtins = &self.surroundings.builtins;
        let of_side =
            || builtins.iter().filter(|builtin| builtin.side == side).map(|builtin| builtin.name);
        let fits = |builtin: &&BuiltinProvider| builtin.name == name;
        match builtins.iter().find(fits) {
            Some(builtin) if builtin.side == side || of_side().any(|known| known == name) => {
                Some(())
            }
            Some(builtin) => {
                let message =
                    format!("`{name}` is an {} provider; this is an {side} block", builtin.side);
                let help = format!("built-in {side} providers: {}", listed(of_side()));
                self.values.fail_with(span, message, Some(help));
                None
            }
            None => {
                let shown = if secret { "of this name".to_owned() } else { format!("`{name}`") };
                let message = format!("there is no built-in {side} provider {shown}");
                let help = did_you_mean(name, of_side()).filter(|_| !secret).unwrap_or_else(|| {
                    format!(
                        "built-in providers: {}; for your own program, use `provider_path`",
                        listed(of_side())
                    )
                });
                self.values.fail_with(span, message, Some(help));
                None
            }
        }
    }

    /// The reference of a block that has one.
    pub(crate) fn reference(&self, declared: &ProviderDeclaration) -> Option<Reference> {
        if !declared.provider.as_ref()?.has_key("provider_ref") {
            return None;
        }
        match self.provider(declared)?.place {
            ProviderRef::Oci(reference) => Some(reference),
            ProviderRef::Builtin(_) | ProviderRef::Path(_) => None,
        }
    }

    /// `env = { … }`
    fn env(&self, fields: &Fields) -> Option<Vec<(String, String)>> {
        let Some(attribute) = fields.get("env") else { return Some(Vec::new()) };
        let span = span_of(&attribute.value);
        let value = self.values.value(&attribute.value).ok()?;
        self.values.note_secrets(&value);
        let kind = value.kind();
        let Data::Object(items) = value.data else {
            self.values.fail(&span, format!("`env` must be an object, not {kind}"));
            return None;
        };
        let mut env = Vec::new();
        let mut failed = false;
        for (name, value) in items {
            let problem = if name.is_empty() || name.contains(['=', '\0']) {
                Some(format!("invalid environment variable name `{}`", name.escape_debug()))
            } else {
                match value.to_text() {
                    Some(text) if text.contains('\0') => {
                        Some(format!("the value of `{name}` has a NUL character"))
                    }
                    Some(text) => {
                        env.push((name, text));
                        None
                    }
                    None => Some(format!("`{name}` must be a string, not {}", value.kind())),
                }
            };
            if let Some(problem) = problem {
                self.values.fail(&span, problem);
                failed = true;
            }
        }
        (!failed).then_some(env)
    }

    fn restart(&self, fields: &Fields) -> Restart {
        let values = &self.values;
        let backoff = (BACKOFF_MIN, RESTART_TIME_MAX);
        let restart = Restart {
            policy: values
                .choice(
                    fields,
                    "policy",
                    &[
                        ("never", RestartPolicy::Never),
                        ("on_failure", RestartPolicy::OnFailure),
                        ("always", RestartPolicy::Always),
                    ],
                )
                .unwrap_or_default(),
            attempts_max: values
                .count(fields, "max_attempts", (0, ATTEMPTS_MAX))
                .and_then(|count| u32::try_from(count).ok()),
            backoff_min: values.duration(fields, "backoff_min", backoff),
            backoff_max: values.duration(fields, "backoff_max", backoff),
            window: values.duration(fields, "window", (Duration::from_secs(1), RESTART_TIME_MAX)),
        };
        if let (Some(min), Some(max), Some(attribute)) =
            (restart.backoff_min, restart.backoff_max, fields.get("backoff_max"))
            && min > max
        {
            values.fail(&span_of(&attribute.value), "`backoff_max` is less than `backoff_min`");
        }
        restart
    }
}

/// `name`, or `name-2` … if it is taken.
fn unique_name(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut unique = name.clone();
    let mut number = 1;
    while !taken.insert(unique.clone()) {
        number += 1;
        unique = format!("{name}-{number}");
    }
    unique
}
