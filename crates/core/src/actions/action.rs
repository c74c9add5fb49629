//! The contract of an action, with its types and without.

use super::{ActionError, Context, Reply};
use crate::module::{parse_args, short_name};
use crate::value::Map;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// One action, under Ansible's full name.
pub trait Action: Send + Sync + 'static {
    /// `ansible.builtin.debug`.
    const NAME: &'static str;
    /// Parameters that it evaluates itself, and so gets as they are written.
    const RAW_ARGS: &'static [&'static str] = &[];
    /// Whether it can do with values that are only known after apply.
    const ACCEPTS_UNKNOWN: bool = false;
    /// Whether it never changes a host.
    const ONLY_LOOKS: bool = false;
    /// Parameters. Unknown ones are refused, unless the type takes them.
    type Args: DeserializeOwned + JsonSchema;

    /// What is said where a parameter is missing.
    fn missing(name: &str) -> String {
        format!("missing required arguments: {name}")
    }

    /// What is said of a parameter that it does not have, if it is not what modules say.
    fn unknown(_name: &str) -> Option<String> {
        None
    }

    /// Does it, for one host. `args` are the parameters once more, with their own types.
    ///
    /// # Errors
    /// What `register` gets as `msg`.
    fn run(context: &Context<'_>, given: Self::Args, args: Map) -> Result<Reply, ActionError>;
}

/// An action without its types.
pub trait DynAction: Send + Sync {
    /// Full name.
    fn name(&self) -> &'static str;
    /// See [`Action::RAW_ARGS`].
    fn raw_args(&self) -> &'static [&'static str];
    /// See [`Action::ACCEPTS_UNKNOWN`].
    fn accepts_unknown(&self) -> bool;
    /// See [`Action::ONLY_LOOKS`].
    fn only_looks(&self) -> bool;
    /// JSON schema of the parameters.
    fn args_schema(&self) -> schemars::Schema;
    /// Whether `args` would be accepted.
    ///
    /// # Errors
    /// Names what would not.
    fn validate(&self, args: &Map) -> Result<(), ActionError>;
    /// Does it, for one host.
    ///
    /// # Errors
    /// What `register` gets as `msg`.
    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError>;
}

pub(super) struct Typed<A>(pub(super) PhantomData<fn() -> A>);

impl<A: Action> Typed<A> {
    fn parse(args: &Map) -> Result<A::Args, ActionError> {
        let args = args.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
        parse_args(short_name(A::NAME), serde_json::Value::Object(args)).map_err(|error| {
            let missing = error.msg.strip_prefix("missing required arguments: ").map(A::missing);
            let unknown = || error.msg.strip_prefix("Unsupported parameters")?.split(": ").nth(1)?.split('.').next();
            ActionError::Failed(missing.or_else(|| A::unknown(unknown()?)).unwrap_or(error.msg.clone()))
        })
    }
}

impl<A: Action> DynAction for Typed<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn raw_args(&self) -> &'static [&'static str] {
        A::RAW_ARGS
    }

    fn accepts_unknown(&self) -> bool {
        A::ACCEPTS_UNKNOWN
    }

    fn only_looks(&self) -> bool {
        A::ONLY_LOOKS
    }

    fn args_schema(&self) -> schemars::Schema {
        schemars::schema_for!(A::Args)
    }

    fn validate(&self, args: &Map) -> Result<(), ActionError> {
        Self::parse(args).map(drop)
    }

    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        A::run(context, Self::parse(&args)?, args)
    }
}
