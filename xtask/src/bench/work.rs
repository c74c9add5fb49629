//! What is to be done on hosts in a scenario, what must come of it, and what goes before each run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::state::{Listing, directory_line, file_line};

/// How tasks ended on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All that did not fail.
    pub ok: u32,
    /// Those that changed something.
    pub changed: u32,
    /// Those that failed, or could not be tried.
    pub failed: u32,
}

/// What is done before each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing: all is as it should be already.
    Nothing,
    /// Caches on the hosts are removed.
    Cold,
    /// The work directory is emptied.
    Reset,
}

/// A playbook, its counterpart for pyinfra, and what both must lead to.
#[derive(Debug, Clone)]
pub struct Work {
    /// Name of both files.
    pub playbook: &'static str,
    /// Variables for it.
    pub variables: Vec<(String, String)>,
    /// Before each run.
    pub before: Before,
    /// Number of tasks.
    pub tasks: u32,
    /// What recaps must say of each host.
    pub counts: Counts,
    /// What pyinfra must say of each host: commands count as changes there, facts not at all.
    pub pyinfra: Counts,
    /// What must be in each work directory; unchecked where the work leaves nothing there.
    pub expected: Option<Listing>,
}

impl Work {
    /// Twenty tasks, nothing to do.
    ///
    /// # Errors
    /// A reference that cannot be read.
    pub fn noop(root: &Path, before: Before) -> Result<Self> {
        Ok(Self {
            playbook: "noop",
            variables: Vec::new(),
            before,
            tasks: 20,
            counts: counts(20, 0),
            pyinfra: counts(18, 2),
            expected: Some(reference(root, "noop")?),
        })
    }

    /// The same with a strategy that lets no host wait for another.
    ///
    /// # Errors
    /// A reference that cannot be read.
    pub fn noop_free(root: &Path) -> Result<Self> {
        Ok(Self { playbook: "noop_free", ..Self::noop(root, Before::Nothing)? })
    }

    /// One look.
    pub fn one() -> Self {
        Self {
            playbook: "one",
            variables: Vec::new(),
            before: Before::Nothing,
            tasks: 1,
            counts: counts(1, 0),
            pyinfra: counts(1, 0),
            expected: None,
        }
    }

    /// Twenty tasks, twenty changes.
    ///
    /// # Errors
    /// A reference that cannot be read.
    pub fn change(root: &Path) -> Result<Self> {
        Ok(Self {
            playbook: "change",
            variables: Vec::new(),
            before: Before::Reset,
            tasks: 20,
            counts: counts(20, 20),
            pyinfra: counts(20, 20),
            expected: Some(reference(root, "change")?),
        })
    }

    /// One task over so many items.
    pub fn looped(items: u32) -> Self {
        Self {
            playbook: "loop",
            variables: vec![("bench_size".to_owned(), items.to_string())],
            before: Before::Nothing,
            tasks: items,
            counts: counts(1, 0),
            pyinfra: counts(items, 0),
            expected: Some((1..=items).map(|item| directory_line(0o755, &item.to_string())).collect()),
        }
    }

    /// A directory of so many small files.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn tree(directory: &Path, files: u32) -> Result<Self> {
        let source = directory.join(format!("tree-{files}"));
        let mut expected = vec![directory_line(0o755, "tree")];
        for number in 0..files {
            let folder = format!("part{:02}", number % 20);
            if number < 20 {
                fs::create_dir_all(source.join(&folder))?;
                expected.push(directory_line(0o755, &format!("tree/{folder}")));
            }
            // Between one and about eight thousand bytes, all different.
            let content = format!("file {number} of the bench\n").repeat(1 + (number as usize * 37) % 350);
            let path = format!("{folder}/file{number:04}.txt");
            fs::write(source.join(&path), &content)?;
            expected.push(file_line(0o644, &format!("tree/{path}"), content.as_bytes()));
        }
        Ok(Self {
            playbook: "tree",
            variables: vec![("bench_source".to_owned(), source.display().to_string())],
            before: Before::Reset,
            tasks: 1,
            counts: counts(1, 1),
            pyinfra: counts(1, 1),
            expected: Some(expected),
        })
    }

    /// One file of so many megabytes.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn big(directory: &Path, megabytes: usize) -> Result<Self> {
        let source = directory.join(format!("big-{megabytes}"));
        let content = noise(megabytes << 20);
        fs::write(&source, &content).with_context(|| format!("failed to write {}", source.display()))?;
        Ok(Self {
            playbook: "big",
            variables: vec![("bench_source".to_owned(), source.display().to_string())],
            before: Before::Reset,
            tasks: 1,
            counts: counts(1, 1),
            pyinfra: counts(1, 1),
            expected: Some(vec![file_line(0o644, "big", &content)]),
        })
    }

    /// Facts.
    pub fn facts() -> Self {
        Self {
            playbook: "facts",
            variables: Vec::new(),
            before: Before::Nothing,
            tasks: 1,
            counts: counts(1, 0),
            pyinfra: counts(0, 0),
            expected: None,
        }
    }
}

fn counts(ok: u32, changed: u32) -> Counts {
    Counts { ok, changed, failed: 0 }
}

/// `bench/expected/NAME.txt`.
fn reference(root: &Path, name: &str) -> Result<Listing> {
    let path = root.join("bench/expected").join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Bytes that no compression makes smaller, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
