//! Threads for hosts, in small pools that are made when they are first needed.
//!
//! An idle thread of a pool looks for work at every other one before it sleeps. In one pool as wide as the forks that
//! search grows with their square, and costs more than everything else; in small ones it does not. Waking threads that
//! the processor has no time for costs as well: where few are enough to keep it busy, few are used.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Threads of one pool, at most.
const WIDTH: usize = 16;
/// So many for each core begin.
const BEGIN: usize = 8;
/// How long it is watched whether those are enough.
const WATCH: Duration = Duration::from_millis(1);

/// As many threads as forks, and no more than hosts.
pub(super) struct Threads {
    forks: usize,
    /// So many begin: more are needed only if these wait for hosts.
    begin: usize,
    pools: Mutex<Vec<Arc<ThreadPool>>>,
}

impl Threads {
    /// At most `forks`.
    pub(super) fn new(forks: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { forks: forks.clamp(1, 4096), begin: BEGIN * cores, pools: Mutex::default() }
    }

    /// Calls `work` with each number below `count`, as many at a time as there are forks. Results are in order.
    pub(super) fn each<T: Send>(&self, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let width = self.forks.min(count);
        if width <= 1 {
            return (0..count).map(work).collect();
        }
        let queue = Queue { count, next: AtomicUsize::new(0), all_taken: Mutex::new(false), news: Condvar::new() };
        let results = Mutex::new(Vec::with_capacity(count));
        let job = || {
            while let Some(index) = queue.take() {
                let result = work(index);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
            }
        };
        self.spread(0, 0, width, &queue, &job);
        // Where not even one thread is to be had.
        job();
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Lets `width` threads do `job`, of which `busy` do it already in the first `pools`, and waits for all of them.
    fn spread(&self, pools: usize, busy: usize, width: usize, queue: &Queue, job: &(impl Fn() + Sync)) {
        // It is asked each time that there are twice as many.
        if busy >= width || (busy >= self.begin && pools.is_power_of_two() && queue.moves(busy)) {
            return;
        }
        let Some(pool) = self.pool(pools) else { return };
        let more = pool.current_num_threads().min(width - busy);
        pool.in_place_scope(|scope| {
            for _ in 0..more {
                scope.spawn(|_| job());
            }
            self.spread(pools + 1, busy + more, width, queue, job);
        });
    }

    /// One pool, made if it is not there. The system may have no more threads to give.
    fn pool(&self, index: usize) -> Option<Arc<ThreadPool>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if index == pools.len() {
            let first = index * WIDTH;
            let builder = ThreadPoolBuilder::new().num_threads(WIDTH.min(self.forks - first));
            let pool = builder.thread_name(move |index| format!("host-{}", first + index)).build().ok()?;
            pools.push(Arc::new(pool));
        }
        pools.get(index).map(Arc::clone)
    }
}

/// Numbers to be worked on.
struct Queue {
    count: usize,
    next: AtomicUsize,
    all_taken: Mutex<bool>,
    news: Condvar,
}

impl Queue {
    fn take(&self) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index == self.count {
            *self.all_taken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.news.notify_all();
        }
        (index < self.count).then_some(index)
    }

    /// Watches until all are taken, or until so many threads take fewer than a quarter of their number: they wait for
    /// hosts, not for the processor.
    fn moves(&self, threads: usize) -> bool {
        let mut all_taken = self.all_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*all_taken {
            let (before, end) = (self.next.load(Ordering::Relaxed), Instant::now() + WATCH);
            while let Some(left) = end.checked_duration_since(Instant::now()).filter(|_| !*all_taken) {
                all_taken = self.news.wait_timeout(all_taken, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            if !*all_taken && self.next.load(Ordering::Relaxed) - before < threads / 4 {
                return false;
            }
        }
        true
    }
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
