//! Calls of functions: arguments in, a value out, and which of it is a secret.

use std::collections::BTreeSet;
use std::ops::Range;

use hcl::eval::{ErrorKind, Evaluate};
use hcl_edit::expr::FuncCall;

use super::evaluate::{Evaluator, Failed, Outcome, Scope, World, span_of};
use super::value::{Data, Value};
use crate::functions;
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
        let known = functions::names();
        let name_span = span_of(&call.name.name);
        if call.name.is_namespaced() || !known.contains(&name) {
            let help = did_you_mean(name, known.iter().copied());
            return Err(self.fail_with(&name_span, format!("unknown function `{name}`"), help));
        }
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
        let Some(world) = self.world else {
            return Err(if self.constants_only { Failed } else { self.no_names(span) });
        };
        self.run(name, &arguments, world, span)
    }

    fn run(
        &self,
        name: &str,
        arguments: &[Value],
        world: &World<'_>,
        span: &Range<usize>,
    ) -> Outcome {
        let call = hcl::expr::FuncCall {
            name: hcl::Identifier::unchecked(name).into(),
            args: arguments.iter().map(|argument| argument.to_hcl().into()).collect(),
            expand_final: false,
        };
        let known = self.log.secrets();
        let (outcome, touched) = functions::with_scope(world.functions.clone(), || {
            functions::recall(&known);
            hcl::Expression::from(call).evaluate(&world.context)
        });
        let from_secret = touched.any || arguments.iter().any(Value::is_secret);
        self.log.add_secrets(touched.secrets);
        let value = outcome.map_err(|error| {
            let message = match error.kind() {
                ErrorKind::FuncCall(_, message) => message.clone(),
                other => other.to_string(),
            };
            let message = without_secrets(message, arguments);
            if name == "env" {
                let help = "set it, or give a default: `env(\"NAME\", \"default\")`";
                return self.fail_with(span, message, Some(help.to_owned()));
            }
            self.fail(span, format!("`{name}`: {message}"))
        })?;
        let mut value = Value::from(value);
        self.charge(value.size_bytes(), span)?;
        if name == "nonsensitive" {
            self.log.reveal(&value);
            return Ok(value);
        }
        if from_secret {
            // The functions know which strings they made of a secret, and which only stood beside
            // one. What is too short to be known, or no string, is a secret here in any case.
            let known = self.log.secrets();
            value.taint_where(&|data| match data {
                Data::String(text) => text.len() < MASKED_BYTES_MIN || known.mask(text) != *text,
                _ => true,
            });
        }
        Ok(value)
    }
}

/// A function's message, unless it quotes a secret.
fn without_secrets(message: String, arguments: &[Value]) -> String {
    let mut secrets = BTreeSet::new();
    for argument in arguments {
        argument.collect_texts(true, &mut secrets);
    }
    if secrets.iter().any(|secret| !secret.is_empty() && message.contains(secret.as_str())) {
        return "does not accept these arguments (not shown, as one is a secret)".to_owned();
    }
    message
}
