//! Calls of functions: arguments in, a value out, and which of it is a secret.

use std::collections::BTreeSet;
use std::ops::Range;

use hcl_edit::expr::FuncCall;

use super::evaluate::{EvalContext, Evaluator, Failed, Outcome, Scope, span_of};
use super::value::{Data, Value};
use crate::functions::{self, Function, Secrecy};
use dstream_reference::did_you_mean;
use dstream_task::MASKED_BYTES_MIN;

impl Evaluator<'_> {
    pub(super) fn call(
        &self,
        call: &FuncCall,
        span: &Range<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Outcome {
        let name = call.name.name.as_str();
        let Some(function) = functions::find(name).filter(|_| !call.name.is_namespaced()) else {
            let help = did_you_mean(name, functions::names());
            let span = span_of(&call.name.name);
            return Err(self.fail_with(&span, format!("unknown function `{name}`"), help));
        };
        let outcomes: Vec<Outcome> =
            call.args.iter().map(|argument| self.evaluate(argument, scope)).collect();
        let mut arguments = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        if call.args.expand_final()
            && let Some(last) = arguments.pop()
        {
            let kind = last.kind();
            let Data::List(items) = last.data else {
                return Err(self.fail(span, format!("`...` needs a list, not {kind}")));
            };
            arguments.extend(items);
        }
        let Some(context) = self.context else {
            return Err(if self.constants_only { Failed } else { self.no_names(span) });
        };
        self.run(function, arguments, context, span)
    }

    fn run(
        &self,
        function: &Function,
        arguments: Vec<Value>,
        context: &EvalContext<'_>,
        span: &Range<usize>,
    ) -> Outcome {
        let known = self.log.secrets();
        let shown = functions::shown_texts(&arguments, &known);
        let has_secret = arguments.iter().any(Value::is_secret);
        let mut secrets = BTreeSet::new();
        arguments.iter().for_each(|argument| argument.collect_texts(true, &mut secrets));
        let outcome = function.call(arguments, &context.functions, &known).and_then(|value| {
            let derived = match (function.secrecy, &shown) {
                (Secrecy::Follows, Some(shown)) => {
                    functions::derived_secrets(&value, shown, &known)?
                }
                _ => BTreeSet::new(),
            };
            Ok((value, derived))
        });
        let (mut value, derived) = outcome.map_err(|message| {
            let message = without_secrets(message, &secrets);
            if function.name == "env" {
                let help = "set it, or give a default: `env(\"NAME\", \"default\")`";
                return self.fail_with(span, message, Some(help.to_owned()));
            }
            self.fail(span, format!("`{}`: {message}", function.name))
        })?;
        self.charge(value.size_bytes(), span)?;
        self.log.add_secrets(derived);
        match function.secrecy {
            Secrecy::Reveals => {
                value.set_secret_where(&|_| false);
                self.log.reveal(&value);
                return Ok(value);
            }
            Secrecy::Marks => self.note_secrets(&value),
            Secrecy::Follows => {}
        }
        if has_secret || value.is_secret() {
            // The functions know which strings they made of a secret, and which only stood beside
            // one. What is too short to be known, or no string, is a secret here in any case.
            let known = self.log.secrets();
            value.set_secret_where(&|data| match data {
                Data::String(text) => text.len() < MASKED_BYTES_MIN || known.mask(text) != *text,
                _ => true,
            });
        }
        Ok(value)
    }
}

/// A function's message, unless it quotes a secret.
fn without_secrets(message: String, secrets: &BTreeSet<String>) -> String {
    if secrets.iter().any(|secret| !secret.is_empty() && message.contains(secret.as_str())) {
        return "does not accept these arguments (not shown, as one is a secret)".to_owned();
    }
    message
}
