//! An ordered mapping.

use super::{Key, Value};

/// A mapping in the order it was written.
///
/// A variable is looked for in a dozen of these: hashing its name by the standard library's way took a tenth of a run.
pub type Map = indexmap::IndexMap<Key, Value, foldhash::fast::RandomState>;
