//! What Hostler manages on each host, as the ledger there keeps it: what was applied, when, from which line of which file,
//! and what it made. Drift, orphans and owed handlers all follow from it.
//!
//! The host's half is [`wire`](crate::wire): it keeps lines. What they mean is known here only.

mod finding;
mod folded;
mod line;
mod removal;
mod resource;

pub(crate) use finding::ROOT_TOO;
pub use finding::{Finding, FindingKind, shown, when};
pub use folded::{Folded, Made};
pub use line::{Did, End, Line, Position, Record};
pub use removal::{Husk, Removal, came_with, removal};
pub use resource::looks;
pub(crate) use resource::{Managed, managed};
