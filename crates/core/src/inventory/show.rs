//! What `inventory --list`, `--graph` and `--host` print, in the shapes of `ansible-inventory`.

use super::model::{Group, Inventory};
use crate::diagnostic::Diagnostic;
use crate::value::{Key, Map, Value};
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Show<'a> {
    /// Directories whose `group_vars` and `host_vars` count too.
    pub playbook_dirs: &'a [PathBuf],
    /// Only these hosts.
    pub limit: Option<&'a str>,
    /// Variables stay with the groups that give them, instead of being merged into the hosts.
    pub export: bool,
}

/// A walk over the groups: which hosts are shown, what was shown already.
struct Walk<'a> {
    show: &'a Show<'a>,
    available: HashSet<Arc<str>>,
    seen_groups: HashSet<Arc<str>>,
    seen_hosts: HashSet<Arc<str>>,
}

impl Inventory {
    /// `--list`: groups with their hosts and children, and all variables under `_meta`. Keys are sorted.
    ///
    /// # Errors
    /// If the limit is malformed or a file of variables cannot be read.
    pub fn list_json(&self, show: &Show<'_>) -> Result<Json, Diagnostic> {
        let hosts = self.select("all", show.limit)?;
        let mut walk = Walk::new(show, &hosts);
        let mut groups = serde_json::Map::new();
        if let Some(all) = self.group("all") {
            self.json_group(all, &mut walk, &mut groups)?;
        }
        let mut hostvars = serde_json::Map::new();
        for host in &hosts {
            let vars = self.shown_host_vars(host, show)?;
            if !vars.is_empty() {
                hostvars.insert(host.to_string(), shown(&Value::Map(vars)));
            }
        }
        groups.insert("_meta".to_owned(), json!({"hostvars": hostvars, "profile": "inventory_legacy"}));
        let mut list = Json::Object(groups);
        list.sort_all_objects();
        Ok(list)
    }

    fn json_group(
        &self,
        group: &Group,
        walk: &mut Walk<'_>,
        groups: &mut serde_json::Map<String, Json>,
    ) -> Result<(), Diagnostic> {
        let mut fields = serde_json::Map::new();
        let hosts: Vec<&str> =
            group.hosts.iter().filter(|host| walk.available.contains(*host)).map(|host| &**host).collect();
        if !hosts.is_empty() && &*group.name != "all" {
            fields.insert("hosts".to_owned(), json!(hosts));
        }
        if !group.children.is_empty() {
            fields.insert("children".to_owned(), group.children.iter().map(|child| child.to_string()).collect());
        }
        for child in group.children.iter().filter_map(|child| self.group(child)) {
            if walk.seen_groups.insert(Arc::clone(&child.name)) {
                self.json_group(child, walk, groups)?;
            }
        }
        if walk.show.export {
            let vars = self.exported_group_vars(group, walk.show)?;
            if !vars.is_empty() {
                fields.insert("vars".to_owned(), shown(&vars.into()));
            }
        }
        if !fields.is_empty() {
            groups.insert(group.name.to_string(), Json::Object(fields));
        }
        Ok(())
    }

    /// `--list --yaml`: an inventory that can be read back, to be written by [`crate::yaml::emit::to_yaml`].
    ///
    /// # Errors
    /// As [`Inventory::list_json`].
    pub fn list_tree(&self, show: &Show<'_>) -> Result<Value, Diagnostic> {
        let hosts = self.select("all", show.limit)?;
        let mut walk = Walk::new(show, &hosts);
        let mut top = Map::default();
        if let Some(all) = self.group("all") {
            self.tree_group(all, &mut walk, &mut top)?;
        }
        Ok(top.into())
    }

    fn tree_group(&self, group: &Group, walk: &mut Walk<'_>, into: &mut Map) -> Result<(), Diagnostic> {
        let mut fields = Map::default();
        let mut children = Map::default();
        for child in group.children.iter().filter_map(|child| self.group(child)) {
            if walk.seen_groups.contains(&child.name) {
                children.insert(Key::Str(Arc::clone(&child.name)), Map::default().into());
            } else {
                self.tree_group(child, walk, &mut children)?;
                walk.seen_groups.insert(Arc::clone(&child.name));
            }
        }
        let mut hosts = Map::default();
        let available = group.hosts.iter().filter(|host| walk.available.contains(*host) && &*group.name != "all");
        for host in available.cloned().collect::<Vec<_>>() {
            let vars = if walk.seen_hosts.insert(Arc::clone(&host)) {
                Value::Map(self.shown_host_vars(&host, walk.show)?)
            } else {
                Map::default().into()
            };
            hosts.insert(Key::Str(host), vars);
        }
        let vars = if walk.show.export { self.exported_group_vars(group, walk.show)? } else { Map::default() };
        for (name, content) in [("children", children), ("hosts", hosts), ("vars", vars)] {
            if !content.is_empty() {
                fields.insert(name.into(), content.into());
            }
        }
        if !fields.is_empty() {
            into.insert(Key::Str(Arc::clone(&group.name)), fields.into());
        }
        Ok(())
    }

    /// `--graph`: a group with all below it, variables too if `vars`.
    ///
    /// # Errors
    /// If there is no such group, or a file of variables cannot be read.
    pub fn graph(&self, group: &str, vars: bool, show: &Show<'_>) -> Result<String, Diagnostic> {
        let Some(found) = self.group(group) else {
            return Err(Diagnostic::error(format!("there is no group `{group}`"))
                .suggest(group, self.groups.keys().map(|name| &**name)));
        };
        let mut lines = Vec::new();
        self.graph_group(found, 0, vars, show, &mut lines)?;
        Ok(lines.join("\n"))
    }

    fn graph_group(
        &self,
        group: &Group,
        depth: usize,
        vars: bool,
        show: &Show<'_>,
        lines: &mut Vec<String>,
    ) -> Result<(), Diagnostic> {
        lines.push(graph_line(&format!("@{}:", group.name), depth));
        for child in group.children.iter().filter_map(|child| self.group(child)) {
            self.graph_group(child, depth + 1, vars, show, lines)?;
        }
        for host in group.hosts.iter().filter(|_| &*group.name != "all") {
            lines.push(graph_line(host, depth + 1));
            if vars {
                graph_vars(&*self.shown_host_vars(host, show)?, depth + 2, lines);
            }
        }
        if vars {
            graph_vars(&self.exported_group_vars(group, show)?, depth + 1, lines);
        }
        Ok(())
    }

    fn shown_host_vars(&self, host: &str, show: &Show<'_>) -> Result<Arc<Map>, Diagnostic> {
        match show.export {
            true => self.own_vars(host, show.playbook_dirs).map(Arc::new),
            false => self.host_vars(host, show.playbook_dirs),
        }
    }

    fn exported_group_vars(&self, group: &Group, show: &Show<'_>) -> Result<Map, Diagnostic> {
        let mut vars = self.group_vars(&group.name, show.playbook_dirs)?;
        if group.priority != 1 {
            vars.insert("ansible_group_priority".into(), Value::Int(group.priority));
        }
        Ok(vars)
    }
}

impl<'a> Walk<'a> {
    fn new(show: &'a Show<'a>, hosts: &[Arc<str>]) -> Self {
        let available = hosts.iter().cloned().collect();
        Self { show, available, seen_groups: HashSet::new(), seen_hosts: HashSet::new() }
    }
}

fn graph_line(text: &str, depth: usize) -> String {
    if depth == 0 { text.to_owned() } else { format!("{}--{text}", "  |".repeat(depth)) }
}

fn graph_vars(vars: &Map, depth: usize, lines: &mut Vec<String>) {
    let mut shown: Vec<String> = vars.iter().map(|(name, value)| format!("{{{name} = {}}}", plain(value))).collect();
    shown.sort();
    lines.extend(shown.iter().map(|line| graph_line(line, depth)));
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        other => match shown(other) {
            Json::String(text) => text,
            json => json.to_string(),
        },
    }
}

/// As JSON; vaults stay closed and what is no template is marked, in the forms that Ansible reads back.
fn shown(value: &Value) -> Json {
    match value {
        Value::Vault(vault) => json!({"__ansible_vault": vault.envelope()}),
        Value::Str(text) if !text.is_trusted() => json!({"__ansible_unsafe": &**text}),
        Value::List(items) => items.iter().map(shown).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.to_string(), shown(value))).collect()),
        other => other.to_json(),
    }
}
