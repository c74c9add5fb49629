//! Plans as data: what a run would do, host by host and in order; kept in a file, compared, and held to.

mod fingerprint;
mod folded;
mod guard;
mod model;
mod recorder;
mod rounds;
mod saved;

pub(crate) use fingerprint::fingerprint;
pub use folded::Entry;
pub(crate) use guard::{Guard, Verdict};
pub use model::{HostPlan, Kind, Place, Plan, Step};
pub use recorder::Recorder;
pub(crate) use rounds::at;
pub use saved::{FORMAT, SavedPlan, SavedPlanError};
