//! What a collection's `plugin_routing` says of a plug-in: where it has gone, what will go, and what is gone.

use super::collections::{Collections, split};
use crate::template::Templar;
use crate::vars::{Decrypt, VaultSecrets};
use crate::yaml::{Node, Trust};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a name leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// The name that counts now.
    pub name: String,
    /// What the way there is to be told of, in Ansible's words.
    pub notices: Vec<Notice>,
    /// Why there is nothing at its end, in Ansible's words.
    pub removed: Option<String>,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// For those who want to know more.
    Redirected(String),
    /// A warning, where such are wanted.
    Deprecated(String),
}

impl Collections {
    /// The way from a plug-in's full name, through all redirections.
    pub(crate) fn route(&self, kind: &str, full: &str) -> Route {
        let mut route = Route { name: full.to_owned(), ..Route::default() };
        let mut seen = BTreeSet::new();
        while seen.insert(route.name.clone())
            && let Some((namespace, collection, name)) = split(&route.name)
            && let Some(runtime) = self.runtime(namespace, collection)
            && let Some(entry) = runtime.get("plugin_routing").and_then(|kinds| kinds.get(kind)?.get(name))
        {
            let (owner, from) = (format!("{namespace}.{collection}"), route.name.clone());
            if let Some(deprecation) = entry.get("deprecation") {
                let title = title(kind);
                let said = with_text(format!("{title} \"{from}\" has been deprecated."), deprecation);
                route.notices.push(Notice::Deprecated(format!("{said} {}", going(deprecation, &owner, false))));
            }
            if let Some(tombstone) = entry.get("tombstone") {
                let kind = if kind == "modules" { "module" } else { &format!("{kind} plugin") };
                let said = with_text(format!("The '{from}' {kind} has been removed."), tombstone);
                route.removed = Some(format!("{said} {}", going(tombstone, &owner, true)));
                break;
            }
            let Some(to) = entry.get("redirect").and_then(Node::as_str) else { break };
            route.name = if to.contains('.') { to.to_owned() } else { format!("{owner}.{to}") };
            let said = format!("redirecting (type: {kind}) {from} to {}", route.name);
            route.notices.push(Notice::Redirected(said));
        }
        route
    }

    /// What modules of `namespace.collection` shared and what it has become: names in Python, the first one below `module_utils`.
    pub(crate) fn moved_utilities(&self, collection: &str) -> Vec<(String, String)> {
        let runtime = collection.split_once('.').and_then(|(namespace, name)| self.runtime(namespace, name));
        let entries = runtime.as_ref().and_then(|runtime| runtime.get("plugin_routing")?.get("module_utils")?.as_map());
        let moved = entries.unwrap_or_default().iter().filter_map(|(name, entry)| {
            let target = entry.get("redirect")?.as_str()?;
            let target = match split(target) {
                Some((namespace, collection, name)) if namespace != "ansible_collections" => {
                    format!("ansible_collections.{namespace}.{collection}.plugins.module_utils.{name}")
                }
                _ => target.to_owned(),
            };
            Some((name.as_str()?.to_owned(), target))
        });
        moved.collect()
    }
}

/// As Ansible begins a sentence with a kind of plug-in.
fn title(kind: &str) -> String {
    let mut letters = kind.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn text(node: &Node) -> String {
    let vaults: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
    Templar::text_of(&node.to_value(&vaults, Trust::Untrusted))
}

/// A sentence, and the one that the collection adds.
fn with_text(said: String, entry: &Node) -> String {
    let own = entry.get("warning_text").map(text).unwrap_or_default();
    match own.trim() {
        "" => said,
        own if own.ends_with(['.', '!', '?']) => format!("{said} {own}"),
        own => format!("{said} {own}."),
    }
}

/// When it goes, or went.
fn going(entry: &Node, owner: &str, gone: bool) -> String {
    let when = match (entry.get("removal_date"), entry.get("removal_version")) {
        (Some(date), _) => format!(" in a release after {}", text(date)),
        (None, Some(version)) => format!(" version {}", text(version)),
        (None, None) if gone => String::new(),
        (None, None) => " in a future release".to_owned(),
    };
    let verb = if gone { "was removed" } else { "will be removed" };
    format!("This feature {verb} from collection '{owner}'{when}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collections(runtime: &str) -> (tempfile::TempDir, Collections) {
        let dir = tempfile::tempdir().unwrap();
        let collection = dir.path().join("ansible_collections/a/b");
        std::fs::create_dir_all(collection.join("meta")).unwrap();
        std::fs::write(collection.join("meta/runtime.yml"), runtime).unwrap();
        let collections = Collections::new(vec![dir.path().to_owned()]);
        (dir, collections)
    }

    #[test]
    fn redirections_are_followed_and_told_in_ansibles_words() {
        let (_dir, collections) = collections(
            "plugin_routing:\n  filter:\n    one: {redirect: a.b.two, deprecation: {warning_text: use two}}\n    \
             two: {redirect: c.d.three, deprecation: {removal_version: 2.0.0}}\n    me: {redirect: a.b.me}\n",
        );
        let route = collections.route("filter", "a.b.one");
        assert_eq!(route.name, "c.d.three");
        let expected = [
            Notice::Deprecated(
                "Filter \"a.b.one\" has been deprecated. use two. This feature will be removed from collection 'a.b' \
                 in a future release."
                    .to_owned(),
            ),
            Notice::Redirected("redirecting (type: filter) a.b.one to a.b.two".to_owned()),
            Notice::Deprecated(
                "Filter \"a.b.two\" has been deprecated. This feature will be removed from collection 'a.b' version 2.0.0."
                    .to_owned(),
            ),
            Notice::Redirected("redirecting (type: filter) a.b.two to c.d.three".to_owned()),
        ];
        assert_eq!(route.notices, expected);
        assert_eq!(collections.route("filter", "a.b.me").name, "a.b.me");
    }

    #[test]
    fn utilities_that_moved_are_known_by_their_names_in_python() {
        let (_dir, collections) = collections(
            "plugin_routing:\n  module_utils:\n    one: {redirect: c.d.two}\n    \
             sub.three: {redirect: ansible_collections.e.f.plugins.module_utils.four}\n",
        );
        let expected = [
            ("one".to_owned(), "ansible_collections.c.d.plugins.module_utils.two".to_owned()),
            ("sub.three".to_owned(), "ansible_collections.e.f.plugins.module_utils.four".to_owned()),
        ];
        assert_eq!(collections.moved_utilities("a.b"), expected);
    }

    #[test]
    fn what_is_removed_is_told_of() {
        let (_dir, collections) = collections(
            "plugin_routing:\n  callback: {x: {tombstone: {removal_date: '2020-01-01'}}}\n  \
             modules: {y: {tombstone: {removal_version: 3.0.0, warning_text: Use z.}}}\n",
        );
        let removed = |kind: &str, name: &str| collections.route(kind, name).removed.unwrap();
        let expected = "The 'a.b.x' callback plugin has been removed. This feature was removed from collection 'a.b' \
                        in a release after 2020-01-01.";
        assert_eq!(removed("callback", "a.b.x"), expected);
        let expected =
            "The 'a.b.y' module has been removed. Use z. This feature was removed from collection 'a.b' version 3.0.0.";
        assert_eq!(removed("modules", "a.b.y"), expected);
    }
}
