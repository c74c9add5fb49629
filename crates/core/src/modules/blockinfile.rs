//! `ansible.builtin.blockinfile`: lines of a file between two markers.
//!
//! Deviation: on a link, owner and permissions are those of the file that it points to.

use super::support::edit::{self, EditChange};
use super::support::file_attributes::file_args;
use super::support::regex::{BytesRegex, to_chars};
use super::support::replace::{Replace, check_validate};
use crate::dpkg;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lines between markers.
pub struct Blockinfile;

/// Whether the block should be there.
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
        /// Whether the block should be there.
        #[serde(default)]
        pub state: State,
        /// Line around the block; `{mark}` becomes `marker_begin` or `marker_end`.
        #[serde(default = "marker")]
        pub marker: String,
        /// The lines. Without any the block is removed.
        #[serde(default, alias = "content")]
        pub block: LooseString,
        /// Expression for the line to insert after, or `EOF`.
        pub insertafter: Option<LooseString>,
        /// Expression for the line to insert before, or `BOF`.
        pub insertbefore: Option<LooseString>,
        /// Make the file if it is missing.
        #[serde(default)]
        pub create: LooseBool,
        /// Keep a copy of the file, with the time in its name.
        #[serde(default)]
        pub backup: LooseBool,
        /// Command that must accept the new file before it is put in place; `%s` is its path.
        pub validate: Option<String>,
        /// What `{mark}` becomes before the block.
        #[serde(default = "begin")]
        pub marker_begin: LooseString,
        /// What `{mark}` becomes after the block.
        #[serde(default = "end")]
        pub marker_end: LooseString,
        /// An empty line after the block, unless it is at the end.
        #[serde(default)]
        pub append_newline: LooseBool,
        /// An empty line before the block, unless it is at the beginning.
        #[serde(default)]
        pub prepend_newline: LooseBool,
    }
}

default_args!(path);

fn marker() -> String {
    "# {mark} ANSIBLE MANAGED BLOCK".to_owned()
}

fn begin() -> LooseString {
    "BEGIN".into()
}

fn end() -> LooseString {
    "END".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was done.
    msg: String,
    /// Copy of the old file.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_file: Option<String>,
}

/// Lines with their ends, as Python's `splitlines(True)` has them for bytes.
fn split_lines(content: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    for (index, byte) in content.iter().enumerate() {
        line.push(*byte);
        let ends = *byte == b'\n' || (*byte == b'\r' && content.get(index + 1) != Some(&b'\n'));
        if ends {
            lines.push(std::mem::take(&mut line));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The line to insert at, when there is no block yet.
fn position(args: &Args, content: &[u8], lines: &[Vec<u8>]) -> Result<usize, ModuleError> {
    let (pattern, after) = match (args.insertafter.as_deref(), args.insertbefore.as_deref()) {
        (Some("EOF"), _) | (None, None) => return Ok(lines.len()),
        (Some(pattern), _) => (pattern, true),
        (None, Some("BOF")) => return Ok(0),
        (None, Some(pattern)) => (pattern, false),
    };
    let regex = BytesRegex::new(pattern)?;
    let found = if regex.is_multiline() {
        let text = to_chars(content);
        regex.search(&text).map(|found| {
            let (start, end) = found.span(&text);
            content[..if after { end } else { start }].iter().filter(|byte| **byte == b'\n').count()
        })
    } else {
        lines.iter().rposition(|line| regex.search(&to_chars(line)).is_some())
    };
    Ok(match found {
        Some(line) => (line + usize::from(after)).min(lines.len()),
        None => lines.len(),
    })
}

/// The content with the block in place or, if it has no lines, without it.
fn edited(args: &Args, content: &[u8], block: &[Vec<u8>]) -> Result<Vec<u8>, ModuleError> {
    let mut lines = split_lines(content);
    let mark = |text: &str| format!("{}\n", args.marker.replace("{mark}", text)).into_bytes();
    let (begin, end) = (mark(&args.marker_begin), mark(&args.marker_end));
    let last = |wanted: &[u8]| lines.iter().rposition(|line| line == wanted);
    let mut at = match (last(&begin), last(&end)) {
        (Some(first), Some(second)) => {
            let (first, second) = (first.min(second), first.max(second));
            lines.drain(first..=second);
            first
        }
        _ => position(args, content, &lines)?,
    };
    if let Some(before) = at.checked_sub(1)
        && !lines[before].ends_with(b"\n")
    {
        lines[before].push(b'\n');
    }
    let present = args.state == State::Present;
    let is_blank = |line: &Vec<u8>| line == b"\n";
    if present && *args.prepend_newline && at > 0 && !is_blank(&lines[at - 1]) {
        lines.insert(at, b"\n".to_vec());
        at += 1;
    }
    let mut whole = Vec::new();
    if !block.is_empty() {
        whole.push(begin);
        whole.extend(block.iter().cloned());
        whole.push(end);
    }
    let after = at + whole.len();
    lines.splice(at..at, whole);
    if present && *args.append_newline && lines.get(after).is_some_and(|line| !is_blank(line)) {
        lines.insert(after, b"\n".to_vec());
    }
    Ok(lines.concat())
}

impl Module for Blockinfile {
    const NAME: &'static str = "ansible.builtin.blockinfile";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.blockinfile"];
    type Args = Args;
    type Output = Output;
    type Change = EditChange;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        check_validate(args.validate.as_deref())?;
        if args.insertafter.is_some() && args.insertbefore.is_some() {
            return Err(ModuleError::new("parameters are mutually exclusive: insertbefore|insertafter"));
        }
        let original = edit::read(system, &args.path.path(system)?)?;
        if original.content.is_none() {
            dpkg::not_brought(system, &original.path)?;
            if args.state == State::Absent && *args.create {
                let msg = format!("File {} not present", args.path.raw());
                return Ok(Checked::unchanged(Output { msg, backup_file: None }));
            }
            if !*args.create {
                let msg = format!("Path {} does not exist !", args.path.raw());
                return Err(ModuleError::new(msg).field("rc", 257));
            }
        }
        let mut block = Vec::new();
        if args.state == State::Present && !args.block.is_empty() {
            let mut text = args.block.as_bytes().to_vec();
            if !text.ends_with(b"\n") {
                text.push(b'\n');
            }
            block = split_lines(&text);
        }
        let new = edited(args, original.content.as_deref().unwrap_or_default(), &block)?;
        let is_same = original.content.as_ref() == Some(&new);
        let msg = match &original.content {
            _ if is_same => "",
            None => "File created",
            Some(_) if block.is_empty() => "Block removed",
            Some(_) => "Block inserted",
        };
        let new = Some(new).filter(|_| !is_same);
        Ok(match edit::plan(system, original, new, args.file_attributes(), msg)? {
            None => Checked::unchanged(Output::default()),
            Some(edit) => Checked::changed(Output { msg: edit.msg.clone(), backup_file: None }, edit),
        })
    }

    fn apply(args: &Args, edit: EditChange, system: &mut dyn System) -> Result<Output, ModuleError> {
        let msg = edit.msg.clone();
        let how = Replace { backup: *args.backup, validate: args.validate.as_deref() };
        let backup_file = edit.apply(system, how, *args.unsafe_writes)?;
        Ok(Output { msg, backup_file })
    }

    fn made(edit: &EditChange) -> Vec<Made> {
        edit.made()
    }

    fn diff(edit: &EditChange) -> Vec<Diff> {
        edit.diff()
    }
}
