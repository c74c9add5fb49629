//! The file that `log_path` names: what a run printed, without colours, each piece with its time, as Ansible writes it.

use super::screen::Sink;
use anyhow::Context;
use jiff::Zoned;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// What goes there: in one piece what is printed in one piece.
struct Log {
    file: Arc<File>,
    /// Who runs it.
    user: Arc<str>,
    level: &'static str,
}

/// Where to write what is printed, and what is printed as errors and warnings.
///
/// # Errors
/// If the file cannot be opened.
pub fn sinks(path: &Path) -> anyhow::Result<(Sink, Sink)> {
    let file = File::options().create(true).append(true).open(path);
    let file = Arc::new(file.with_context(|| format!("open {}, named by `log_path`", path.display()))?);
    let user = ["LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
    let user: Arc<str> = user.unwrap_or_default().into();
    let log = |level| Box::new(Log { file: Arc::clone(&file), user: Arc::clone(&user), level });
    Ok((log("INFO"), log("ERROR")))
}

impl Write for Log {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(piece);
        let text = text.trim_matches('\n');
        if !text.is_empty() {
            let level = if text.starts_with("[WARNING]") { "WARNING" } else { self.level };
            let (now, pid, user) =
                (Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string(), std::process::id(), &self.user);
            // At once: other runs may write to the same file.
            self.file.write_all(format!("{now} p={pid} u={user} n=hostler {level}| {text}\n").as_bytes())?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
