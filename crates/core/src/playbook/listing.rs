//! `--list-tasks` and `--list-tags`, in Ansible's format.

use super::reading::as_text;
use super::{Node, Play, Playbook, Task, tags_selected};
use crate::value::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

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
    /// The listing of a playbook. Templates stand as they are written.
    pub fn of(&self, playbook: &Playbook) -> String {
        let mut text = format!("\nplaybook: {}\n", playbook.path.display());
        for (number, play) in playbook.plays.iter().enumerate() {
            self.play(number + 1, play, &mut text);
        }
        text
    }

    fn play(&self, number: usize, play: &Play, text: &mut String) {
        let hosts: Vec<&str> = play.hosts.iter().filter_map(|host| host.value.as_str()).collect();
        let hosts = hosts.join(",");
        let name =
            play.name.as_ref().and_then(|name| name.value.as_str()).filter(|name| !name.is_empty()).unwrap_or(&hosts);
        let play_tags: BTreeSet<String> = play.scope.keywords.tags.iter().map(tag).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n  play #{number} ({hosts}): {name}\tTAGS: [{}]", join(&play_tags, ","));
        if self.tasks {
            text.push_str("    tasks:\n");
        }
        let mut all_tags = play_tags;
        for node in [&play.pre_tasks, &play.roles, &play.tasks, &play.post_tasks].into_iter().flatten() {
            self.node(node, text, &mut all_tags);
        }
        if self.tags {
            let _ = writeln!(text, "      TASK TAGS: [{}]", join(&all_tags, ", "));
        }
    }

    fn node(&self, node: &Node, text: &mut String, all_tags: &mut BTreeSet<String>) {
        match node {
            Node::Task(task) => self.task(task, text, all_tags),
            // Ansible lists neither `rescue` nor `always`.
            Node::Block(block) => block.block.iter().for_each(|node| self.node(node, text, all_tags)),
        }
    }

    fn task(&self, task: &Task, text: &mut String, all_tags: &mut BTreeSet<String>) {
        let tags: BTreeSet<String> = task.scope.tags().into_iter().map(tag).collect();
        if !tags_selected(&tags.iter().cloned().collect::<Vec<_>>(), &self.only, &self.skip) {
            return;
        }
        if self.tasks {
            let _ = writeln!(text, "      {}\tTAGS: [{}]", task.listed_name(), join(&tags, ", "));
        }
        all_tags.extend(tags);
    }
}

impl Task {
    /// `role : name`, or the action where it has no name. Templates stand as they are written.
    fn listed_name(&self) -> String {
        let name = self.name.as_ref().and_then(|name| name.value.as_str()).filter(|name| !name.is_empty());
        match (name, self.scope.role()) {
            (Some(name), Some(role)) => format!("{} : {name}", role.name),
            (Some(name), None) => name.to_owned(),
            (None, _) => self.written.to_string(),
        }
    }
}

fn tag(value: &Value) -> String {
    as_text(value).as_str().unwrap_or_default().to_owned()
}

fn join(tags: &BTreeSet<String>, separator: &str) -> String {
    tags.iter().map(String::as_str).collect::<Vec<_>>().join(separator)
}
