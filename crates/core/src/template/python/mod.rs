//! Python's values and operations, as far as templates can tell.

mod format;
pub(crate) mod long;
mod methods;
mod number;
mod ops;
mod string_methods;
mod text;
mod value;

pub(crate) use format::percent;
pub(crate) use methods::{call_method, has_method, sort};
pub(crate) use number::{float_text, parse_int, parse_whole, round_half_even};
pub(crate) use ops::{binary, compare, contains, equal, order, slice};
pub(crate) use text::{quoted, repr, text};
pub(crate) use value::{Args, Deferred, Object, Py, PyMap};
