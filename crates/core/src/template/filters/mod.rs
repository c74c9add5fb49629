//! Filters: Jinja's own, Ansible's, and the few of collections that everybody uses.

mod basic;
mod collections;
mod combine;
mod data;
mod dates;
mod hash;
mod maths;
mod network;
mod paths;
mod regex;
mod select;
mod strings;
mod units;
mod urls;
mod vault;
mod wrap;

pub(crate) use collections::{cartesian, flatten_into};
pub(crate) use paths::normalize;
pub(crate) use regex::compile as compile_regex;
pub(crate) use urls::split_url;

use super::context::Context;
use super::fault::Result;
use super::python::{Args, Py};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) type Function = fn(&Context, Py, Args) -> Result<Py>;

/// One filter.
#[derive(Clone, Copy)]
pub(crate) struct Filter {
    pub function: Function,
    /// It is told of undefined values instead of passing them on.
    pub takes_undefined: bool,
}

/// Names with functions, as each file lists its own.
type Table = &'static [(&'static str, Function)];

/// Those that see undefined values.
const TAKE_UNDEFINED: &[&str] =
    &["default", "d", "mandatory", "ternary", "type_debug", "unvault", "ansible._protomatter.dump_object"];

static FILTERS: LazyLock<HashMap<&'static str, Filter>> = LazyLock::new(|| {
    let tables: [Table; 15] = [
        basic::TABLE,
        collections::TABLE,
        combine::TABLE,
        data::TABLE,
        dates::TABLE,
        hash::TABLE,
        maths::TABLE,
        paths::TABLE,
        regex::TABLE,
        select::TABLE,
        strings::TABLE,
        units::TABLE,
        urls::TABLE,
        vault::TABLE,
        wrap::TABLE,
    ];
    let entries = tables.into_iter().chain(network::TABLES).flatten();
    entries
        .map(|(name, function)| (*name, Filter { function: *function, takes_undefined: TAKE_UNDEFINED.contains(name) }))
        .collect()
});

/// Collections whose filters of these names are built in.
const COLLECTIONS: &[&str] =
    &["ansible.builtin.", "ansible.legacy.", "community.general.", "ansible.utils.", "ansible.netcommon."];

/// The filter `name`, with or without its collection.
pub(crate) fn find(name: &str) -> Option<Filter> {
    let short = COLLECTIONS.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    FILTERS.get(short).copied()
}

/// The names of all, without collections.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.keys().copied().filter(|name| !name.starts_with("ansible."))
}

/// A hint at the filter that may have been meant.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let near = crate::text::nearest(name, FILTERS.keys().copied())?;
    Some(format!("did you mean `{near}`?"))
}
