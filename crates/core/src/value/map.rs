//! An ordered mapping.

use super::{Key, Value};

/// A mapping in the order it was written.
pub type Map = indexmap::IndexMap<Key, Value>;
