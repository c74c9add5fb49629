//! `group_by`: puts the host into a group whose name may depend on it.

use super::context::{Context, list, text};
use super::{Action, ActionError, Effect, Reply, check_parameters};
use crate::template::Templar;
use crate::value::{Map, Value};
use std::sync::Arc;

pub(super) struct GroupBy;

impl Action for GroupBy {
    fn name(&self) -> &'static str {
        "ansible.builtin.group_by"
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(&["key", "parents"])
    }

    fn run(&self, _: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        let key = text(&args, "key").ok_or("the 'key' param is required when using group_by")?;
        let name = |text: &str| Arc::<str>::from(text.trim().replace(' ', "-"));
        let mut parents: Vec<Arc<str>> =
            list(&args, "parents").iter().map(|parent| name(&Templar::text_of(parent))).collect();
        if parents.is_empty() {
            parents.push("all".into());
        }
        let group = name(&key);
        let fields = [
            ("add_group", Value::Str(Arc::clone(&group))),
            ("parent_groups", Value::list(parents.iter().cloned().map(Value::Str))),
        ];
        Ok(Reply { effects: vec![Effect::GroupBy { group, parents }], ..Reply::ok(fields) })
    }
}
