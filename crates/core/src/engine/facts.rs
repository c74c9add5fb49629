//! Gathering facts at the start of a play.

use super::Gathering;
use super::batch::{Batch, Frame, Hosts};
use crate::playbook::{Scope, Task};
use crate::value::{Key, Map, Value};
use std::sync::Arc;

/// Whether and how to gather.
pub(super) struct Gather {
    wanted: bool,
    /// Only of hosts whose facts are not known.
    missing_only: bool,
    args: Map,
}

impl Batch<'_> {
    /// What the play and the options say.
    pub(super) fn gathering(&self) -> Gather {
        let engine = self.engine;
        let keyword = |written| engine.play_keyword(self.play, &self.variables, written).ok().flatten();
        let said = keyword(&self.play.gather_facts).and_then(|value| value.as_bool());
        let wanted = said.unwrap_or(engine.options.gathering != Gathering::Explicit);
        let missing_only = said.is_none() && engine.options.gathering == Gathering::Smart;
        let mut args = Map::default();
        if let Some(subset) = keyword(&self.play.gather_subset) {
            args.insert(Key::from("gather_subset"), subset);
        } else if !engine.options.gather_subset.is_empty() {
            let subset = engine.options.gather_subset.iter().map(|name| Value::from(name.as_str()));
            args.insert(Key::from("gather_subset"), Value::list(subset));
        }
        for (name, written) in [("gather_timeout", &self.play.gather_timeout), ("fact_path", &self.play.fact_path)] {
            args.extend(keyword(written).map(|value| (Key::from(name), value)));
        }
        Gather { wanted, missing_only, args }
    }

    /// Runs `setup` where facts are wanted. Returns the hosts that go on.
    pub(super) fn gather_facts(&self, gather: &Gather, hosts: Hosts, frame: Frame) -> Hosts {
        let known = |host: &Arc<str>| gather.missing_only && self.engine.store.has_facts(host);
        let (skipped, asked): (Hosts, Hosts) = hosts.into_iter().partition(|host| !gather.wanted || known(host));
        if asked.is_empty() {
            return skipped;
        }
        let mut scope = Scope { parent: Some(Arc::clone(&self.play.scope)), ..Scope::default() };
        scope.keywords.tags = vec![Value::from("always")];
        // Every host has facts of its own.
        scope.keywords.run_once = Some(Value::Bool(false).into());
        let task = Arc::new(Task {
            name: Some(Value::from("Gathering Facts").into()),
            span: self.play.span.clone(),
            action: "ansible.builtin.gather_facts".into(),
            args: Arc::new(gather.args.clone()),
            scope: Arc::new(scope),
            ..Task::default()
        });
        let after = self.task(&task, asked, Frame { gathering: true, ..frame });
        self.in_order(skipped.into_iter().chain(after.alive).collect())
    }
}
