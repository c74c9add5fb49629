//! Blocks: what rescues them, what is always done.

use super::batch::{After, Batch, Frame, Hosts};
use crate::playbook::Block;
use std::collections::HashSet;
use std::sync::Arc;

impl Batch<'_> {
    /// Runs a block (also a role's): those that fail in it go through `rescue`, everybody through `always`.
    pub(super) fn block(&self, block: &Arc<Block>, hosts: Hosts, frame: Frame) -> After {
        let (hosts, done) = self.not_done(block, hosts);
        let inner = Frame {
            rescuable: frame.rescuable || !block.rescue.is_empty(),
            has_always: frame.has_always || !block.always.is_empty(),
            ..frame
        };
        let body = self.nodes(&block.block, hosts, inner);
        let (mut alive, mut failed) = (body.alive, body.failed);
        if !block.rescue.is_empty() && !failed.is_empty() {
            let rescued =
                self.nodes(&block.rescue, self.in_order(failed), Frame { has_always: inner.has_always, ..frame });
            alive.extend(rescued.alive);
            failed = rescued.failed;
        }
        if !block.always.is_empty() {
            let mut lost: HashSet<Arc<str>> = failed.iter().cloned().collect();
            self.state().forgiven.retain(|host| !lost.contains(host));
            let everyone = alive.into_iter().chain(failed).collect();
            let ended = self.nodes(&block.always, self.in_order(everyone), frame);
            lost.retain(|host| !self.state().forgiven.contains(host));
            let (still_failed, still_alive): (Hosts, Hosts) =
                ended.alive.into_iter().partition(|host| lost.contains(host));
            alive = still_alive;
            failed = ended.failed;
            failed.extend(still_failed);
            if !failed.is_empty() {
                self.limit_failures(&mut alive, &mut failed, frame);
            }
        }
        self.mark_done(block, &alive);
        alive.extend(done);
        After { alive: self.in_order(alive), failed: self.in_order(failed) }
    }

    /// Splits off the hosts that have been through this role already, where it does not allow that twice.
    fn not_done(&self, block: &Block, hosts: Hosts) -> (Hosts, Hosts) {
        match Self::role_key(block) {
            Some((key, false)) => {
                let state = self.state();
                hosts.into_iter().partition(|host| !state.roles_done.contains(&(Arc::clone(host), Arc::clone(&key))))
            }
            _ => (hosts, Hosts::new()),
        }
    }

    fn mark_done(&self, block: &Block, hosts: &[Arc<str>]) {
        if let Some((key, _)) = Self::role_key(block) {
            let mut state = self.state();
            // A role whose tasks were all skipped may come again.
            let begun = hosts.iter().map(|host| (Arc::clone(host), Arc::clone(&key)));
            let begun: Vec<_> = begun.filter(|entry| state.roles_begun.contains(entry)).collect();
            state.roles_done.extend(begun);
        }
    }
}
