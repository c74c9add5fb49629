//! What `callbacks_enabled` adds to a run's output: one file each, with what Ansible's callback of that name prints; and callbacks in
//! Python.

mod clock;
mod enabled;
mod junit;
mod profile_roles;
mod profile_tasks;
mod python;
mod timer;
mod xml;

pub use enabled::{Enabled, own, refuse_removed, without_callback};
pub use junit::Junit;
pub use profile_roles::ProfileRoles;
pub use profile_tasks::ProfileTasks;
pub use python::Python;
pub use timer::Timer;
