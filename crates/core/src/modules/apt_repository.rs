//! `ansible.builtin.apt_repository`: a line in apt's lists of sources.
//!
//! Deviations: `ppa:` is refused by name (`deb822_repository` does it without asking Launchpad); `install_python_apt` has nothing
//! to install; lines of a file that is changed keep their blanks and comments.

use crate::dpkg::unattended;
use crate::module::types::{FileMode, LooseBool, LooseInt, LooseString};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A source of packages.
pub struct AptRepository;

/// Whether the source should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It should.
    #[default]
    Present,
    /// It should not.
    Absent,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The line: `deb [options] URL suite component …`.
    pub repo: LooseString,
    /// Whether it should be there.
    #[serde(default)]
    pub state: State,
    /// Permissions of a new file.
    pub mode: Option<FileMode>,
    /// Fetch lists of packages after a change.
    #[serde(default = "LooseBool::yes", alias = "update-cache")]
    pub update_cache: LooseBool,
    /// How often that is tried again.
    #[serde(default = "five")]
    pub update_cache_retries: LooseInt,
    /// Seconds between tries at most; they double each time.
    #[serde(default = "twelve")]
    pub update_cache_retry_max_delay: LooseInt,
    /// Only for `ppa:`, which is not there.
    #[serde(default = "LooseBool::yes")]
    pub validate_certs: LooseBool,
    /// Name of the file in `sources.list.d`, without `.list`.
    pub filename: Option<LooseString>,
    /// Only for `ppa:`, which is not there.
    pub codename: Option<LooseString>,
    /// Python's apt library is not needed, so nothing is installed.
    #[serde(default = "LooseBool::yes")]
    pub install_python_apt: LooseBool,
}

default_args!(repo);

fn five() -> LooseInt {
    LooseInt(5)
}

fn twelve() -> LooseInt {
    LooseInt(12)
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The line.
    repo: String,
    /// Whether it should be there.
    state: State,
    /// Files that are new.
    sources_added: Vec<PathBuf>,
    /// Files that are gone.
    sources_removed: Vec<PathBuf>,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    files: Vec<Edit>,
}

/// A file that changes.
#[derive(Debug, Serialize, Deserialize)]
struct Edit {
    path: PathBuf,
    before: Option<String>,
    /// Nothing if no line is left.
    after: Option<String>,
}

const LIST: &str = "/etc/apt/sources.list";
const PARTS: &str = "/etc/apt/sources.list.d";
const KINDS: [&str; 4] = ["deb", "deb-src", "rpm", "rpm-src"];

/// A source: whether it counts, its words with single blanks, and what is behind `#`.
fn parse(line: &str) -> Option<(bool, String, String)> {
    let line = line.trim();
    let (enabled, line) = match line.strip_prefix('#') {
        Some(rest) => (false, rest),
        None => (true, line),
    };
    let (source, comment) = line.split_once('#').unwrap_or((line, ""));
    let words: Vec<&str> = source.split_whitespace().collect();
    KINDS.contains(words.first()?).then(|| (enabled, words.join(" "), comment.trim().to_owned()))
}

/// The name of a file for a source, from its URL.
fn suggested(source: &str) -> String {
    let mut plain = source.to_owned();
    while let (Some(start), Some(end)) = (plain.find('['), plain.find(']')) {
        if end < start {
            break;
        }
        plain.replace_range(start..=end, "");
    }
    let url = plain.split_whitespace().find(|word| !KINDS.contains(word)).unwrap_or_default();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    // No user, no password.
    let url = url.split_once('@').map_or(url, |(_, rest)| rest);
    let words: Vec<&str> = url.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_")
}

impl Args {
    fn output(&self, change: Option<&Change>) -> Output {
        let files = |pick: fn(&Edit) -> bool| {
            change.map(|change| change.files.iter().filter(|edit| pick(edit)).map(|edit| edit.path.clone()).collect())
        };
        Output {
            repo: self.repo.0.clone(),
            state: self.state,
            sources_added: files(|edit| edit.before.is_none()).unwrap_or_default(),
            sources_removed: files(|edit| edit.after.is_none()).unwrap_or_default(),
        }
    }

    fn file(&self, source: &str) -> PathBuf {
        let name = self.filename.as_ref().map_or_else(|| suggested(source), |name| name.0.clone());
        Path::new(PARTS).join(format!("{name}.list"))
    }
}

/// All files of sources with their text.
fn sources(system: &dyn System) -> Result<Vec<(PathBuf, String)>, ModuleError> {
    let mut paths = vec![PathBuf::from(LIST)];
    if system.exists(Path::new(PARTS))? {
        let names = system.read_dir(Path::new(PARTS))?.into_iter();
        let lists = names.filter(|name| name.to_string_lossy().ends_with(".list"));
        paths.extend(lists.map(|name| Path::new(PARTS).join(name)));
    }
    let mut found = Vec::new();
    for path in paths {
        if system.exists(&path)? {
            let text = system.read_text(&path)?;
            // What a link points to is written, not the link.
            found.push((system.canonicalize(&path)?, text));
        }
    }
    Ok(found)
}

fn with_source(args: &Args, source: &str, files: Vec<(PathBuf, String)>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut found = false;
    for (path, text) in &files {
        let lines: Vec<String> = text
            .lines()
            .map(|line| match parse(line) {
                Some((enabled, other, comment)) if other == source => {
                    found = true;
                    let comment = if comment.is_empty() { comment } else { format!(" # {comment}") };
                    if enabled { line.to_owned() } else { format!("{source}{comment}") }
                }
                _ => line.to_owned(),
            })
            .collect();
        let after = format!("{}\n", lines.join("\n"));
        if after.trim_end() != text.trim_end() {
            edits.push(Edit { path: path.clone(), before: Some(text.clone()), after: Some(after) });
        }
    }
    if !found {
        let path = args.file(source);
        let before = files.into_iter().find(|(other, _)| *other == path).map(|(_, text)| text);
        let mut after = before.clone().unwrap_or_default();
        if !after.is_empty() && !after.ends_with('\n') {
            after.push('\n');
        }
        after.push_str(&format!("{source}\n"));
        edits.push(Edit { path, before, after: Some(after) });
    }
    edits
}

fn without_source(source: &str, files: Vec<(PathBuf, String)>) -> Vec<Edit> {
    let goes = |line: &&str| parse(line).is_some_and(|(enabled, other, _)| enabled && other == source);
    let edit = |(path, text): (PathBuf, String)| {
        if !text.lines().any(|line| goes(&line)) {
            return None;
        }
        let left: String = text.split_inclusive('\n').filter(|line| !goes(line)).collect();
        let after = (!left.is_empty()).then_some(left);
        Some(Edit { path, before: Some(text), after })
    };
    files.into_iter().filter_map(edit).collect()
}

impl Module for AptRepository {
    const NAME: &'static str = "ansible.builtin.apt_repository";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.apt_repository"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let repo = args.repo.trim();
        if repo.is_empty() {
            return Err(ModuleError::new("Please set argument 'repo' to a non-empty value"));
        }
        if repo.starts_with("ppa:") {
            let msg = format!("`{repo}` is not supported: use deb822_repository, with the URL and key of the archive");
            return Err(ModuleError::new(msg));
        }
        let Some((true, source, _)) = parse(repo) else {
            return Err(ModuleError::new(format!("Invalid repository string: {repo}")));
        };
        let files = sources(system)?;
        let files = match args.state {
            State::Present => with_source(args, &source, files),
            State::Absent => without_source(&source, files),
        };
        if files.is_empty() {
            return Ok(Checked::unchanged(args.output(None)));
        }
        let change = Change { files };
        Ok(Checked::changed(args.output(Some(&change)), change))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        write(args, &change, system)?;
        if *args.update_cache
            && let Err(error) = update(args, system)
        {
            // What apt cannot use is not left behind.
            for edit in &change.files {
                match &edit.before {
                    Some(text) => system.write(&edit.path, &WriteFile::new(text.clone()))?,
                    None => system.remove(&edit.path)?,
                }
            }
            return Err(error);
        }
        Ok(args.output(Some(&change)))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        write(args, &change, system)?;
        Ok(Simulated::known(args.output(Some(&change))))
    }

    fn made(change: &Change) -> Vec<Made> {
        let text =
            |edit: &Edit| Made::of_text(&edit.path, edit.before.as_deref(), edit.after.as_deref().unwrap_or_default());
        change.files.iter().flat_map(text).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let diff = |edit: &Edit| Diff::texts(edit.path.display().to_string(), text(&edit.before), text(&edit.after));
        change.files.iter().map(diff).collect()
    }
}

fn write(args: &Args, change: &Change, system: &mut dyn System) -> Result<(), ModuleError> {
    for edit in &change.files {
        let Some(text) = &edit.after else {
            system.remove(&edit.path)?;
            continue;
        };
        let umask = system.umask();
        let mode =
            edit.before.is_none().then(|| args.mode.as_ref().map_or(0o644, |mode| mode.bits(0o644, false, umask)));
        system.write(&edit.path, &WriteFile { mode, ..WriteFile::new(text.clone()) })?;
    }
    Ok(())
}

/// Fetches lists of packages, more than once if need be.
fn update(args: &Args, system: &mut dyn System) -> Result<(), ModuleError> {
    let command = unattended(["apt-get", "update"]);
    let tries = args.update_cache_retries.0.max(1);
    let mut said = String::new();
    for attempt in 0..tries {
        let answer = system.run(&command)?;
        said = answer.stderr_text();
        let problem = said.lines().any(|line| line.starts_with("E:") || line.starts_with("W: Failed to fetch"));
        if answer.success() && !problem {
            return Ok(());
        }
        if attempt + 1 < tries {
            let delay = 2_i64.checked_pow(u32::try_from(attempt).unwrap_or(u32::MAX)).unwrap_or(i64::MAX);
            let delay = delay.min(args.update_cache_retry_max_delay.0).max(0);
            system.sleep(Duration::from_secs(delay.unsigned_abs()));
        }
    }
    Err(ModuleError::new(format!("Failed to update apt cache after {tries} retries: {}", said.trim())))
}

#[cfg(test)]
mod tests {
    use super::suggested;

    #[test]
    fn files_are_named_by_url() {
        assert_eq!(
            suggested("deb [arch=amd64 signed-by=/k] https://u:p@dl.x.org/linux/deb stable main"),
            "dl_x_org_linux_deb"
        );
        assert_eq!(suggested("deb-src http://a.com/ubuntu hardy partner"), "a_com_ubuntu");
    }
}
