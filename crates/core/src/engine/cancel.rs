//! Asking a run to stop: once politely, twice at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A switch that many threads look at. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

impl Cancel {
    /// First call: running tasks finish, nothing more begins. Second call: running tasks are cut off.
    pub fn request(&self) {
        let next = self.0.load(Ordering::SeqCst).saturating_add(1);
        self.0.store(next, Ordering::SeqCst);
    }

    /// Nothing more is to begin.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 1
    }

    /// What runs is to be given up.
    pub fn is_immediate(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 2
    }
}
