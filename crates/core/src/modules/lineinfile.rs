//! `ansible.builtin.lineinfile`: one line of a file.
//!
//! Deviation: on a link, owner and permissions are those of the file that it points to.

use super::support::edit::{self, EditChange};
use super::support::file_attributes::file_args;
use super::support::regex::{BytesRegex, Match, to_chars};
use super::support::replace::{Replace, check_validate};
use crate::dpkg;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of a file.
pub struct Lineinfile;

/// Whether the line should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It should.
    #[default]
    Present,
    /// It should not.
    Absent,
}

file_args! {
    /// Parameters.
    pub struct Args {
        /// File to edit.
        #[serde(alias = "dest", alias = "destfile", alias = "name")]
        pub path: PathArg,
        /// Whether the line should be there.
        #[serde(default)]
        pub state: State,
        /// Expression for the line to replace (the last one that matches), or to remove.
        #[serde(alias = "regex")]
        pub regexp: Option<LooseString>,
        /// Text in the line to replace or remove.
        pub search_string: Option<LooseString>,
        /// The line.
        #[serde(alias = "value")]
        pub line: Option<LooseString>,
        /// Expression for the line to insert after, `EOF` or `BOF`.
        pub insertafter: Option<LooseString>,
        /// Expression for the line to insert before, or `BOF`.
        pub insertbefore: Option<LooseString>,
        /// Replace `\1` in `line` by groups of `regexp`; without a match do nothing.
        #[serde(default)]
        pub backrefs: LooseBool,
        /// Make the file if it is missing.
        #[serde(default)]
        pub create: LooseBool,
        /// Keep a copy of the file, with the time in its name.
        #[serde(default)]
        pub backup: LooseBool,
        /// Work on the first line that matches, not the last.
        #[serde(default)]
        pub firstmatch: LooseBool,
        /// Command that must accept the new file before it is put in place; `%s` is its path.
        pub validate: Option<String>,
    }
}

default_args!(path);

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was done.
    msg: String,
    /// Copy of the old file, or empty.
    backup: String,
    /// How many lines were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    /// What is meant otherwise, most likely.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    edit: EditChange,
    found: Option<usize>,
}

/// Where to insert.
enum Place {
    Begin,
    End,
    After(BytesRegex),
    Before(BytesRegex),
}

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        let exclusive = |a: bool, b: bool, names: &str| {
            if a && b { Err(ModuleError::new(format!("parameters are mutually exclusive: {names}"))) } else { Ok(()) }
        };
        exclusive(self.insertbefore.is_some(), self.insertafter.is_some(), "insertbefore|insertafter")?;
        exclusive(self.regexp.is_some(), self.search_string.is_some(), "regexp|search_string")?;
        exclusive(*self.backrefs, self.search_string.is_some(), "backrefs|search_string")?;
        check_validate(self.validate.as_deref())?;
        let missing = match self.state {
            State::Present if *self.backrefs && self.regexp.is_none() => "regexp is required with backrefs=true",
            State::Present if self.line.is_none() => "line is required with state=present",
            State::Absent if self.line.is_none() && self.regexp.is_none() && self.search_string.is_none() => {
                "one of line, search_string, or regexp is required with state=absent"
            }
            _ => return Ok(()),
        };
        Err(ModuleError::new(missing))
    }

    /// An expression that matches every line.
    fn warnings(&self) -> Vec<String> {
        let (what, hint) = match (self.regexp.as_deref(), self.search_string.as_deref()) {
            (Some(""), _) => (
                "regular expression",
                " If this is desired, use '^' to match every line in the file and avoid this warning.",
            ),
            (_, Some("")) => ("search string", ""),
            _ => return Vec::new(),
        };
        vec![format!(
            "The {what} is an empty string, which will match every line in the file. This may have unintended \
             consequences, such as replacing the last line in the file rather than appending.{hint}"
        )]
    }

    fn place(&self) -> Result<Place, ModuleError> {
        Ok(match (self.insertafter.as_deref(), self.insertbefore.as_deref()) {
            (Some("BOF"), _) | (_, Some("BOF")) => Place::Begin,
            (Some("EOF"), _) | (None, None) => Place::End,
            (Some(pattern), _) => Place::After(BytesRegex::new(pattern)?),
            (None, Some(pattern)) => Place::Before(BytesRegex::new(pattern)?),
        })
    }

    fn how(&self) -> Replace<'_> {
        Replace { backup: *self.backup, validate: self.validate.as_deref() }
    }
}

/// Lines with their ends.
fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn trimmed(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &line[..end]
}

fn contains(line: &[u8], text: &[u8]) -> bool {
    text.is_empty() || line.windows(text.len()).any(|window| window == text)
}

fn with_end(mut line: Vec<u8>) -> Vec<u8> {
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}

/// The lines with `line` in place, and what was done; `None` if it is there already.
fn present(args: &Args, line: &[u8], mut lines: Vec<Vec<u8>>) -> Result<Option<(Vec<u8>, &'static str)>, ModuleError> {
    let place = args.place()?;
    let regexp = args.regexp.as_deref().map(BytesRegex::new).transpose()?;
    let texts: Vec<String> = lines.iter().map(|line| to_chars(line)).collect();
    let found = if let Some(regexp) = &regexp {
        let mut hits = texts.iter().enumerate().filter_map(|(index, text)| Some((index, regexp.search(text)?)));
        let hit = if *args.firstmatch { hits.next() } else { hits.next_back() };
        hit.map(|(index, found)| (index, Some(found)))
    } else if let Some(text) = &args.search_string {
        let mut hits = lines.iter().enumerate().filter(|(_, line)| contains(line, text.as_bytes()));
        let hit = if *args.firstmatch { hits.next() } else { hits.next_back() };
        hit.map(|(index, _)| (index, None))
    } else {
        None
    };
    if let Some((index, found)) = found {
        return replaced(args, line, lines, index, found);
    }
    // Without a match, the line itself somewhere will do.
    if let Some(index) = lines.iter().rposition(|other| trimmed(other) == line) {
        let new = with_end(line.to_vec());
        if lines[index] == new {
            return Ok(None);
        }
        lines[index] = new;
        return Ok(Some((lines.concat(), "line replaced")));
    }
    if *args.backrefs {
        return Ok(None);
    }
    let search = |pattern: &BytesRegex| {
        let mut hits = texts.iter().enumerate().filter(|(_, text)| pattern.search(text).is_some());
        let hit = if *args.firstmatch { hits.next() } else { hits.next_back() };
        hit.map(|(index, _)| index)
    };
    let at = match &place {
        Place::Begin => Some(0),
        Place::End => None,
        Place::After(pattern) => search(pattern).map(|index| index + 1),
        Place::Before(pattern) => search(pattern),
    };
    let at = at.unwrap_or(lines.len());
    if let Some(before) = at.checked_sub(1)
        && !lines[before].ends_with(b"\n")
    {
        lines[before].push(b'\n');
    }
    lines.insert(at, with_end(line.to_vec()));
    Ok(Some((lines.concat(), "line added")))
}

fn replaced(
    args: &Args,
    line: &[u8],
    mut lines: Vec<Vec<u8>>,
    index: usize,
    found: Option<Match<'_>>,
) -> Result<Option<(Vec<u8>, &'static str)>, ModuleError> {
    let new = match found {
        Some(found) if *args.backrefs => found.expand(args.line.as_deref().unwrap_or_default())?,
        _ => line.to_vec(),
    };
    let new = with_end(new);
    if lines[index] == new {
        return Ok(None);
    }
    lines[index] = new;
    Ok(Some((lines.concat(), "line replaced")))
}

/// The lines without those to remove, and how many those are.
fn absent(args: &Args, lines: Vec<Vec<u8>>) -> Result<(Vec<u8>, usize), ModuleError> {
    let regexp = args.regexp.as_deref().map(BytesRegex::new).transpose()?;
    let goes = |line: &Vec<u8>| match (&regexp, &args.search_string, &args.line) {
        (Some(regexp), ..) => regexp.search(&to_chars(line)).is_some(),
        (None, Some(text), _) => contains(line, text.as_bytes()),
        (None, None, text) => text.as_ref().is_some_and(|text| trimmed(line) == text.as_bytes()),
    };
    let count = lines.len();
    let kept: Vec<_> = lines.into_iter().filter(|line| !goes(line)).collect();
    let removed = count - kept.len();
    Ok((kept.concat(), removed))
}

impl Module for Lineinfile {
    const NAME: &'static str = "ansible.builtin.lineinfile";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.lineinfile"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.validate()?;
        let original = edit::read(system, &args.path.path(system)?)?;
        if original.content.is_none() {
            dpkg::not_brought(system, &original.path)?;
        }
        let mut output = Output { warnings: args.warnings(), ..Output::default() };
        let (new, msg) = match (args.state, &original.content) {
            (State::Absent, None) => {
                output.msg = "file not present".to_owned();
                return Ok(Checked::unchanged(output));
            }
            (State::Absent, Some(content)) => {
                let (new, removed) = absent(args, lines(content))?;
                output.found = Some(removed);
                (Some(new).filter(|_| removed > 0), format!("{removed} line(s) removed"))
            }
            (State::Present, None) if !*args.create => {
                let msg = format!("Destination {} does not exist !", args.path.raw());
                return Err(ModuleError::new(msg).field("rc", 257));
            }
            (State::Present, content) => {
                let line = args.line.as_deref().unwrap_or_default();
                match present(args, line.as_bytes(), lines(content.as_deref().unwrap_or_default()))? {
                    Some((new, msg)) => (Some(new), msg.to_owned()),
                    None => (None, String::new()),
                }
            }
        };
        let msg = if new.is_some() { msg } else { String::new() };
        let found = output.found;
        Ok(match edit::plan(system, original, new, args.file_attributes(), &msg)? {
            None => Checked::unchanged(output),
            Some(edit) => {
                output.msg.clone_from(&edit.msg);
                Checked::changed(output, Change { edit, found })
            }
        })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let Change { edit, found } = change;
        let msg = edit.msg.clone();
        let backup = edit.apply(system, args.how(), *args.unsafe_writes)?.unwrap_or_default();
        Ok(Output { msg, backup, found, warnings: args.warnings() })
    }

    fn made(change: &Change) -> Vec<Made> {
        change.edit.made()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        change.edit.diff()
    }
}
