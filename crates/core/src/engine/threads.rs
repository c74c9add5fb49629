//! Threads for hosts, in small pools that are made when they are first needed.
//!
//! An idle thread of a pool looks for work at every other one before it sleeps. In one pool as wide as the forks that
//! search grows with their square, and costs more than everything else; in small ones it does not.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Threads of one pool, at most.
const WIDTH: usize = 16;

/// As many threads as forks, and no more than hosts.
pub(super) struct Threads {
    forks: usize,
    pools: Mutex<Vec<Arc<ThreadPool>>>,
}

impl Threads {
    /// At most `forks`.
    pub(super) fn new(forks: usize) -> Self {
        Self { forks: forks.clamp(1, 4096), pools: Mutex::default() }
    }

    /// Calls `work` with each number below `count`, as many at a time as there are forks. Results are in order.
    pub(super) fn each<T: Send>(&self, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let width = self.forks.min(count);
        if width <= 1 {
            return (0..count).map(work).collect();
        }
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(count));
        let job = || loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            let result = work(index);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        };
        spread(&self.pools(width), width, &job);
        // Where not even one thread is to be had.
        job();
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Pools with at least `width` threads together. Where the system has no more threads to give, there are fewer.
    fn pools(&self, width: usize) -> Vec<Arc<ThreadPool>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let mut threads: usize = pools.iter().map(|pool| pool.current_num_threads()).sum();
        while threads < width {
            let (first, more) = (threads, WIDTH.min(width - threads));
            let builder = ThreadPoolBuilder::new().num_threads(more);
            match builder.thread_name(move |index| format!("host-{}", first + index)).build() {
                Ok(pool) => pools.push(Arc::new(pool)),
                Err(_) => break,
            }
            threads += more;
        }
        pools.clone()
    }
}

/// Lets `width` threads of these pools do `job`, and waits for all of them.
fn spread(pools: &[Arc<ThreadPool>], width: usize, job: &(impl Fn() + Sync)) {
    let Some((pool, others)) = pools.split_first().filter(|_| width > 0) else { return };
    let here = width.min(pool.current_num_threads());
    pool.in_place_scope(|scope| {
        for _ in 0..here {
            scope.spawn(|_| job());
        }
        spread(others, width - here, job);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread::ThreadId;
    use std::time::Duration;

    #[test]
    fn all_are_worked_on_by_as_many_threads_as_forks() {
        for (forks, count, at_once) in [(1, 5, 1), (5, 40, 5), (40, 100, 40), (50, 20, 20)] {
            let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let results = Threads::new(forks).each(count, |index| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(200 / (count / at_once) as u64));
                running.fetch_sub(1, Ordering::SeqCst);
                (index, std::thread::current().id())
            });
            let threads: HashSet<ThreadId> = results.iter().map(|(_, thread)| *thread).collect();
            assert!(results.iter().map(|(index, _)| *index).eq(0..count), "in order");
            assert_eq!(most.load(Ordering::SeqCst), at_once, "{forks} forks, {count} hosts");
            assert!(threads.len() >= at_once);
        }
    }
}
