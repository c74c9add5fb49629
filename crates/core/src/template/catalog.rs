//! What templates can use, by name: for the reference, and for the check that nothing is missing in it.

use super::{filters, lookups, tests};

/// The names of all filters, tests and lookups, aliases among them, in order.
pub fn plugins() -> Vec<(&'static str, Vec<&'static str>)> {
    let sorted = |names: Vec<&'static str>| {
        let mut names = names;
        names.sort_unstable();
        names
    };
    vec![
        ("filter", sorted(filters::names().collect())),
        ("test", sorted(tests::names().collect())),
        ("lookup", sorted(lookups::names().collect())),
    ]
}
