//! What dpkg and apt know of a Debian host: installed packages, versions, and what apt would do.

mod apt_get;
mod brought;
mod contents;
mod simulation;
mod spec;
mod status;
mod version;

pub use apt_get::{AptGet, Simulation, unattended};
pub use brought::{bring, bringer, bringer_of_file, bringer_of_unit, not_brought};
pub use contents::bring_files;
pub use simulation::{Action, Step, parse_simulation, unavailable};
pub use spec::{Comparison, PackageSpec};
pub use status::{Package, PackageState, Packages, automatic};
pub use version::compare;

/// What plans record of packages: the kind of [`System::resource`](crate::system::System::resource), by package name.
pub const RESOURCE: &str = "package";
/// The name under which plans record that some package will be changed, whose files and units nobody knows yet.
pub const ANY: &str = "*";
/// The kind of resource (its key is `lists`) by which plans record that package lists will be fetched anew.
pub const LISTS_RESOURCE: &str = "apt_cache";
