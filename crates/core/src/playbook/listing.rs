//! `--list-tasks` and `--list-tags`, in Ansible's format.

use super::reading::as_text;
use super::{Node, Play, Playbook, Scope, Statics, Task, tags_selected};
use crate::value::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// What a listing shows, and of which tasks.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// `--list-tasks`.
    pub tasks: bool,
    /// `--list-tags`.
    pub tags: bool,
    /// `--tags`.
    pub only: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

impl Listing {
    /// The listing of a playbook. Hosts, names of plays and tags are evaluated as far as `statics` can; names of tasks stand as
    /// they are written.
    pub fn of(&self, playbook: &Playbook, statics: &dyn Statics) -> String {
        let mut text = format!("\nplaybook: {}\n", playbook.path.display());
        for (number, play) in playbook.plays.iter().enumerate() {
            self.play(number + 1, play, statics, &mut text);
        }
        text
    }

    fn play(&self, number: usize, play: &Play, statics: &dyn Statics, text: &mut String) {
        let evaluated = |value: &Value| texts(value, &play.scope, statics).join(",");
        let hosts = play.hosts.iter().map(|host| evaluated(&host.value)).collect::<Vec<_>>().join(",");
        let name = play.name.as_ref().map(|name| evaluated(&name.value)).filter(|name| !name.is_empty());
        let name = name.as_ref().unwrap_or(&hosts);
        let play_tags = tags(&play.scope, statics);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n  play #{number} ({hosts}): {name}\tTAGS: [{}]", join(&play_tags, ","));
        if self.tasks {
            text.push_str("    tasks:\n");
        }
        let mut all_tags = play_tags;
        for node in [&play.pre_tasks, &play.roles, &play.tasks, &play.post_tasks].into_iter().flatten() {
            self.node(node, statics, text, &mut all_tags);
        }
        if self.tags {
            let _ = writeln!(text, "      TASK TAGS: [{}]", join(&all_tags, ", "));
        }
    }

    fn node(&self, node: &Node, statics: &dyn Statics, text: &mut String, all_tags: &mut BTreeSet<String>) {
        match node {
            Node::Task(task) => self.task(task, statics, text, all_tags),
            // Ansible lists neither `rescue` nor `always`.
            Node::Block(block) => block.block.iter().for_each(|node| self.node(node, statics, text, all_tags)),
        }
    }

    fn task(&self, task: &Task, statics: &dyn Statics, text: &mut String, all_tags: &mut BTreeSet<String>) {
        let tags = tags(&task.scope, statics);
        // A listing of all tags has those of `never` tasks too.
        let everything = self.tags && self.only.is_empty() && self.skip.is_empty();
        if !everything && !tags_selected(&tags.iter().cloned().collect::<Vec<_>>(), &self.only, &self.skip) {
            return;
        }
        if self.tasks {
            let name = task.name.as_ref().and_then(|name| name.value.as_str()).filter(|name| !name.is_empty());
            let name = name.map_or_else(|| task.written.to_string(), |name| task.title(name));
            let _ = writeln!(text, "      {name}\tTAGS: [{}]", join(&tags, ", "));
        }
        all_tags.extend(tags);
    }
}

impl Task {
    /// What the task is called, given its evaluated name: `role : name`. An `include_role` is called by its name alone.
    pub fn title(&self, name: &str) -> String {
        match self.scope.role() {
            Some(role) if &*self.action != "ansible.builtin.include_role" => format!("{} : {name}", role.name),
            _ => name.to_owned(),
        }
    }
}

/// The tags of all levels.
fn tags(scope: &Arc<Scope>, statics: &dyn Statics) -> BTreeSet<String> {
    scope.tags().into_iter().flat_map(|tag| texts(tag, scope, statics)).collect()
}

/// A text or a list of them, evaluated if that is possible.
fn texts(value: &Value, scope: &Arc<Scope>, statics: &dyn Statics) -> Vec<String> {
    let evaluated = if value.is_lazy() { statics.resolve(value, scope).ok() } else { None };
    let value = evaluated.as_ref().unwrap_or(value);
    let text = |value: &Value| as_text(value).as_str().unwrap_or_default().to_owned();
    value.as_list().map_or_else(|| vec![text(value)], |items| items.iter().map(text).collect())
}

fn join(tags: &BTreeSet<String>, separator: &str) -> String {
    tags.iter().map(String::as_str).collect::<Vec<_>>().join(separator)
}
