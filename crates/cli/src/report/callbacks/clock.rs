//! The line with which profiles tell the time: now, since the line before, since the run began.

use jiff::Zoned;
use std::time::{Duration, Instant};

/// Columns of a line with what fills it.
const WIDTH: usize = 79;

/// When the run and the last line began.
#[derive(Debug)]
pub(super) struct Clock {
    begun: Instant,
    last: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { begun: now, last: now }
    }

    /// The line, with its end. The next one counts from here.
    pub(super) fn line(&mut self) -> String {
        let now = Instant::now();
        let (since_last, since_begun) = (text(now - self.last), text(now - self.begun));
        self.last = now;
        let date = Zoned::now().strftime("%A %d %B %Y  %H:%M:%S %z");
        format!("{}\n", filled(&format!("{date} ({since_last})       {since_begun} "), '*'))
    }
}

/// `text`, filled up to a line.
pub(super) fn filled(text: &str, with: char) -> String {
    let room = WIDTH.saturating_sub(text.chars().count()).max(3);
    format!("{text}{} ", with.to_string().repeat(room))
}

/// What took how long, with dashes between: `columns` for the name, nine for the time.
pub(super) fn row(name: &str, elapsed: Duration, columns: usize) -> String {
    let time = format!(" {:.2}s", elapsed.as_secs_f64());
    format!("{:-<columns$}{time:->9}\n", format!("{name} "))
}

/// `H:MM:SS.mmm`.
fn text(elapsed: Duration) -> String {
    let millis = elapsed.as_millis();
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!("{}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_ansibles() {
        assert_eq!(text(Duration::from_millis(3_725_042)), "1:02:05.042");
        assert_eq!(filled("", '='), format!("{} ", "=".repeat(79)));
        assert_eq!(filled(&"x".repeat(78), '*').len(), 78 + 3 + 1);
        assert_eq!(row("r1 : debug", Duration::from_millis(1436), 20), "r1 : debug ------------ 1.44s\n");
    }
}
