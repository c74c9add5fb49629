//! Variables: where they come from, which one wins, and those that hold secrets.

pub mod combine;
mod fact_cache;
pub mod files;
mod store;
pub mod vault;
mod vault_text;

pub use fact_cache::{CacheForm, FactCache};
pub(crate) use store::LOCAL_NAMES;
pub(crate) use store::merge;
pub use store::{Globals, HostView, PlayVariables, Store, VarsRoot};
pub use vault::VaultSecrets;
pub use vault_text::{Decrypt, VaultText};

use crate::value::{Map, Value};
use std::sync::Arc;

/// The variables that a template can see. Values are as written: whoever uses one evaluates it.
pub trait Variables: Send + Sync {
    /// The variable called `name`.
    fn get(&self, name: &str) -> Option<Value>;
    /// All names, in no particular order.
    fn names(&self) -> Vec<Arc<str>>;
    /// The variables of another host (`hostvars[host]`).
    fn host(&self, host: &str) -> Option<Arc<dyn Variables>>;
    /// Every host that `hostvars` has.
    fn hosts(&self) -> Vec<Arc<str>>;
}

impl Variables for Map {
    fn get(&self, name: &str) -> Option<Value> {
        Map::get(self, name).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.keys().filter_map(|key| key.as_str().map(Arc::from)).collect()
    }

    fn host(&self, _: &str) -> Option<Arc<dyn Variables>> {
        None
    }

    fn hosts(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}
