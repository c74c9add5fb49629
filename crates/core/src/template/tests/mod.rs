//! Tests (`is …`): Jinja's own and Ansible's.

mod files;
mod results;
mod values;
mod versions;

use super::context::Context;
use super::fault::Result;
use super::python::{Args, Py};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) type Function = fn(&Context, Py, Args) -> Result<bool>;

/// One test.
#[derive(Clone, Copy)]
pub(crate) struct Test {
    pub function: Function,
    /// It is told of undefined and unknown values.
    pub takes_undefined: bool,
}

type Table = &'static [(&'static str, Function)];

const TAKE_UNDEFINED: &[&str] = &["defined", "undefined", "vault_encrypted"];

static TESTS: LazyLock<HashMap<&'static str, Test>> = LazyLock::new(|| {
    let tables: [Table; 4] = [files::TABLE, results::TABLE, values::TABLE, versions::TABLE];
    let entries = tables.into_iter().flatten();
    entries
        .map(|(name, function)| (*name, Test { function: *function, takes_undefined: TAKE_UNDEFINED.contains(name) }))
        .collect()
});

const COLLECTIONS: &[&str] = &["ansible.builtin.", "ansible.legacy."];

/// The test `name`, with or without its collection.
pub(crate) fn find(name: &str) -> Option<Test> {
    let short = COLLECTIONS.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    TESTS.get(short).copied()
}

/// The names of all, without collections.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TESTS.keys().copied().filter(|name| !name.starts_with("ansible."))
}

/// A hint at the test that may have been meant.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let near = crate::text::nearest(name, TESTS.keys().copied())?;
    Some(format!("did you mean `{near}`?"))
}
