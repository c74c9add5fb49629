//! Where a run for people is printed: what is finished above, and on a terminal live lines of what is going on below.

use super::style::{DIM, Palette};
use hostler_core::event::TaskInfo;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Something to print to.
pub type Sink = Box<dyn Write + Send>;

/// Most live lines.
const LIVE_LINES: usize = 10;
/// Lines shown of more hosts than that.
const SLOWEST: usize = 5;
const TICK: Duration = Duration::from_millis(100);

/// Writes. A reader that is gone is no reason to stop a run, so there is nobody to tell.
pub fn put(out: &mut Sink, text: &str) {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Locks, whatever happened to other threads.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The screen of a run.
pub struct Screen {
    out: Mutex<Sink>,
    live: Option<Live>,
}

/// A screen as something to print to.
pub struct OnScreen {
    /// The screen.
    pub screen: Arc<Screen>,
    /// The same goes there.
    pub log: Option<Sink>,
}

impl Write for OnScreen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.screen.print(&text);
        self.log.iter_mut().for_each(|log| put(log, &text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What goes on below the finished lines.
struct Live {
    multi: MultiProgress,
    busy: Arc<Mutex<BTreeMap<Arc<str>, Busy>>>,
    stop: Arc<AtomicBool>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

/// What a host is doing.
struct Busy {
    task: Arc<TaskInfo>,
    since: Instant,
    line: String,
}

impl Screen {
    /// Prints only.
    pub fn plain(out: Sink) -> Self {
        Self { out: Mutex::new(out), live: None }
    }

    /// Prints, with live lines below.
    pub fn live(out: Sink, palette: Palette) -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(10));
        let busy = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let ticker = {
            let (multi, busy, stop) = (multi.clone(), Arc::clone(&busy), Arc::clone(&stop));
            std::thread::Builder::new().name("live-lines".into()).spawn(move || tick(&multi, &busy, &stop, palette))
        };
        // Without a thread for them there are no live lines, and nothing else is missing.
        let live = ticker.ok().map(|ticker| Live { multi, busy, stop, ticker: Mutex::new(Some(ticker)) });
        Self { out: Mutex::new(out), live }
    }

    /// Prints finished lines.
    pub fn print(&self, text: &str) {
        self.suspend(|| put(&mut lock(&self.out), text));
    }

    /// Does something with the terminal while the live lines are gone.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.multi.suspend(work),
            None => work(),
        }
    }

    /// A host begins a task.
    pub fn started(&self, task: &Arc<TaskInfo>, host: &Arc<str>) {
        if let Some(live) = &self.live {
            let busy = Busy { task: Arc::clone(task), since: Instant::now(), line: String::new() };
            lock(&live.busy).insert(Arc::clone(host), busy);
        }
    }

    /// What runs on a host printed a line.
    pub fn output(&self, host: &str, line: &str) {
        if let Some(live) = &self.live
            && let Some(busy) = lock(&live.busy).get_mut(host)
        {
            line.trim().clone_into(&mut busy.line);
        }
    }

    /// A host ended its task.
    pub fn ended(&self, host: &str) {
        if let Some(live) = &self.live {
            lock(&live.busy).remove(host);
        }
    }

    /// No live lines any more.
    pub fn close(&self) {
        let Some(live) = &self.live else { return };
        live.stop.store(true, Ordering::Relaxed);
        if let Some(ticker) = lock(&live.ticker).take() {
            // A ticker that panicked has nothing left to stop.
            let _ = ticker.join();
        }
        let _ = live.multi.clear();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

fn tick(multi: &MultiProgress, busy: &Mutex<BTreeMap<Arc<str>, Busy>>, stop: &AtomicBool, palette: Palette) {
    let mut bars: Vec<ProgressBar> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let lines = live_lines(&lock(busy), Instant::now(), palette);
        while bars.len() > lines.len() {
            if let Some(bar) = bars.pop() {
                bar.finish_and_clear();
                multi.remove(&bar);
            }
        }
        while bars.len() < lines.len() {
            let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bars.push(multi.add(ProgressBar::new_spinner().with_style(style)));
        }
        for (bar, line) in bars.iter().zip(lines) {
            bar.set_message(line);
        }
        std::thread::sleep(TICK);
    }
    bars.iter().for_each(ProgressBar::finish_and_clear);
}

fn live_lines(busy: &BTreeMap<Arc<str>, Busy>, now: Instant, palette: Palette) -> Vec<String> {
    let mut hosts: Vec<_> = busy.iter().collect();
    let mut lines = Vec::new();
    if hosts.len() > LIVE_LINES {
        hosts.sort_by_key(|(_, busy)| busy.since);
        lines.push(palette.paint(DIM, &format!("{} hosts at work, the slowest:", hosts.len())));
        hosts.truncate(SLOWEST);
    }
    let width = hosts.iter().map(|(host, _)| host.chars().count()).max().unwrap_or_default();
    lines.extend(hosts.into_iter().map(|(host, busy)| {
        let elapsed = now.saturating_duration_since(busy.since).as_secs();
        let last = if busy.line.is_empty() { String::new() } else { format!("  {}", palette.paint(DIM, &busy.line)) };
        format!("{host:<width$}  {elapsed:>3}s  {}{last}", busy.task.name)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_hosts_are_summed_up() {
        let task = Arc::new(TaskInfo { id: 1, name: "work".into(), action: "x".into(), ..TaskInfo::default() });
        let now = Instant::now();
        let busy = |count: u64| -> BTreeMap<Arc<str>, Busy> {
            let one = |number: u64| {
                let since = now.checked_sub(Duration::from_secs(number)).unwrap();
                let line = if number == 3 { "Unpacking…" } else { "" };
                (format!("web{number:02}").into(), Busy { task: Arc::clone(&task), since, line: line.into() })
            };
            (1..=count).map(one).collect()
        };
        let few = live_lines(&busy(3), now, Palette::default());
        assert_eq!(few, ["web01    1s  work", "web02    2s  work", "web03    3s  work  Unpacking…"]);
        let many = live_lines(&busy(11), now, Palette::default());
        assert_eq!(many.len(), 1 + SLOWEST);
        assert_eq!(many[..2], ["11 hosts at work, the slowest:", "web11   11s  work"]);
    }
}
