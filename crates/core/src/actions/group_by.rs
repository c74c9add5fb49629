//! `group_by`: puts the host into a group whose name may depend on it.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::module::types::{LooseString, StringList};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) struct GroupBy;

/// Puts the host into a group.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Name of the group; blanks become dashes.
    key: LooseString,
    /// Groups that the group is in; `all` if not given.
    #[serde(default)]
    parents: Option<StringList>,
}

impl Action for GroupBy {
    const NAME: &'static str = "ansible.builtin.group_by";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn run(_: &Context<'_>, given: Args, _: Map) -> Result<Reply, ActionError> {
        let name = |text: &str| Arc::<str>::from(text.trim().replace(' ', "-"));
        let mut parents: Vec<Arc<str>> =
            given.parents.iter().flat_map(|parents| parents.iter()).map(|parent| name(parent)).collect();
        if parents.is_empty() {
            parents.push("all".into());
        }
        let group = name(&given.key);
        let fields = [
            ("add_group", Value::str(Arc::clone(&group))),
            ("parent_groups", Value::list(parents.iter().cloned().map(Value::str))),
        ];
        Ok(Reply { effects: vec![Effect::GroupBy { group, parents }], ..Reply::ok(fields) })
    }
}
