//! Open connections, kept for the whole run and lent to one task at a time.

use crate::connection::{Connection, ConnectionError, ConnectionKind, Connector, Journal, Target};
use crate::system::overlay::Delta;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Connections by target: two tasks can share one if they connect to the same place as the same user in the same way.
pub(super) struct Pool {
    connector: Arc<dyn Connector>,
    /// Only one connection a target: its helper holds the simulation that all tasks must see.
    exclusive: bool,
    state: Mutex<HashMap<Target, Slot, foldhash::fast::RandomState>>,
    returned: Condvar,
    journals: Mutex<HashMap<String, Arc<Journal>>>,
    /// What the plan has changed that is no machine's own.
    shared: Arc<Mutex<Vec<Delta>>>,
}

struct Slot {
    idle: Vec<Box<dyn Connection>>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(connector: Arc<dyn Connector>, exclusive: bool) -> Self {
        Self {
            connector,
            exclusive,
            state: Mutex::default(),
            returned: Condvar::new(),
            journals: Mutex::default(),
            shared: Arc::default(),
        }
    }

    /// Runs `work` with a connection to `target`. One that turns out dead is dropped.
    pub(super) fn with<T>(
        &self,
        target: &Target,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, ConnectionError>,
    ) -> Result<T, ConnectionError> {
        let idle = self.borrow(target);
        let opened = match idle {
            Some(connection) => Ok(connection),
            None => self.connector.connect(target),
        };
        let mut lent = Lent { pool: self, target, connection: None };
        lent.connection = Some(opened?);
        let result = match lent.connection.as_deref_mut() {
            Some(connection) => work(connection),
            None => Err(ConnectionError::Unreachable("no connection".into())),
        };
        if matches!(result, Err(ConnectionError::Unreachable(_))) {
            lent.connection = None;
        }
        result
    }

    fn borrow(&self, target: &Target) -> Option<Box<dyn Connection>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(slot) = state.get_mut(target) else {
                state.insert(target.clone(), Slot { idle: Vec::new(), lent: 1 });
                return None;
            };
            if self.exclusive && slot.lent > 0 {
                state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            slot.lent += 1;
            return slot.idle.pop();
        }
    }

    /// What the plan has changed on a machine, whoever connects to it.
    pub(super) fn journal(&self, target: &Target) -> Arc<Journal> {
        let machine = machine(target);
        let mut journals = self.journals.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Journal::sharing(Arc::clone(&self.shared)));
        Arc::clone(journals.entry(machine).or_insert_with(new))
    }

    /// All idle connections, which are not in the pool any more.
    pub(super) fn take(&self) -> Vec<Box<dyn Connection>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.values_mut().flat_map(|slot| std::mem::take(&mut slot.idle)).collect()
    }

    /// Closes all idle connections of a host (`meta: reset_connection`).
    pub(super) fn reset(&self, target: &Target) {
        let idle = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.get_mut(target).map(|slot| std::mem::take(&mut slot.idle))
        };
        drop(idle);
    }
}

/// Gives the connection back however the work ends.
struct Lent<'a> {
    pool: &'a Pool,
    target: &'a Target,
    connection: Option<Box<dyn Connection>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = state.get_mut(self.target) {
            slot.lent -= 1;
            slot.idle.extend(self.connection.take());
        }
        self.pool.returned.notify_all();
    }
}

/// Which machine a connection leads to, as far as that can be told: whatever they are called, all local ones lead to this one.
pub(super) fn machine(target: &Target) -> String {
    match target.kind {
        ConnectionKind::Local => "this machine".to_owned(),
        kind => format!("{kind:?} {} {:?}", target.address, target.port),
    }
}
