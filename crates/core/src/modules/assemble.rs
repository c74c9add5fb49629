//! `ansible.builtin.assemble`: a file put together from a directory of fragments.
//!
//! Fragments on the controller (`remote_src: false`) are the action's: it puts them together and has `copy` write them.
//!
//! Deviation: a link at `dest` is followed, not replaced.

use super::support::edit::{self, EditChange};
use super::support::file_attributes::file_args;
use super::support::hash::Algorithm;
use super::support::path_info::PathInfo;
use super::support::regex::{BytesRegex, to_chars};
use super::support::replace::{Replace, check_validate};
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, default_args};
use crate::system::{FileKind, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file put together from fragments.
pub struct Assemble;

file_args! {
    /// Parameters.
    pub struct Args {
        /// Directory of the fragments; they are taken in the order of their names.
        pub src: PathArg,
        /// File to write.
        pub dest: PathArg,
        /// What stands between fragments; escapes such as `\n` are replaced.
        pub delimiter: Option<LooseString>,
        /// Keep a copy of the file, with the time in its name.
        #[serde(default)]
        pub backup: LooseBool,
        /// Whether `src` is on the host, not on the controller.
        #[serde(default = "LooseBool::yes")]
        pub remote_src: LooseBool,
        /// Expression that the fragments' names must match.
        pub regexp: Option<LooseString>,
        /// Leave out fragments whose names begin with a dot.
        #[serde(default)]
        pub ignore_hidden: LooseBool,
        /// Command that must accept the new file before it is put in place; `%s` is its path.
        pub validate: Option<String>,
        /// Open fragments on the controller that are vaults.
        #[serde(default = "LooseBool::yes")]
        pub decrypt: LooseBool,
        /// Write to what a link at `dest` points to. For fragments on the controller; those of the host always do.
        pub follow: Option<LooseBool>,
    }
}

default_args!(src, dest);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Directory of the fragments.
    src: String,
    /// The file.
    dest: String,
    /// SHA-1 of the assembled content.
    checksum: String,
    /// MD5 of the assembled content.
    md5sum: String,
    /// Copy of the old file.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_file: Option<String>,
    /// `OK`.
    msg: &'static str,
    #[serde(flatten)]
    info: PathInfo,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    edit: EditChange,
    checksum: String,
    md5sum: String,
}

/// Which fragments are taken, and what stands between them.
pub struct Assembly {
    regexp: Option<BytesRegex>,
    ignore_hidden: bool,
    delimiter: Vec<u8>,
    content: Vec<u8>,
    is_first: bool,
}

impl Args {
    /// To be filled with fragments in the order of their names.
    ///
    /// # Errors
    /// If the expression is none.
    pub fn assembly(&self) -> Result<Assembly, ModuleError> {
        let regexp = self.regexp.as_deref().map(BytesRegex::new).transpose().map_err(|error| {
            ModuleError::new(format!("Invalid Regexp ({}) in \"{}\"", error.msg, self.regexp.as_deref().unwrap_or("")))
        })?;
        Ok(Assembly {
            regexp,
            ignore_hidden: *self.ignore_hidden,
            delimiter: unescape(self.delimiter.as_deref().unwrap_or_default()),
            content: Vec::new(),
            is_first: true,
        })
    }

    /// Where the fragments are.
    pub fn src(&self) -> &str {
        self.src.raw()
    }

    /// Whether they are on the host.
    pub fn is_remote(&self) -> bool {
        *self.remote_src
    }

    /// Whether vaults are opened.
    pub fn decrypts(&self) -> bool {
        *self.decrypt
    }
}

impl Assembly {
    /// Whether the file of this name is a fragment.
    pub fn takes(&self, name: &str) -> bool {
        let matches = |regexp: &BytesRegex| regexp.search(&to_chars(name.as_bytes())).is_some();
        self.regexp.as_ref().is_none_or(matches) && !(self.ignore_hidden && name.starts_with('.'))
    }

    /// Adds a fragment. It begins on a line of its own.
    pub fn add(&mut self, fragment: &[u8]) {
        let begin_line = |content: &mut Vec<u8>| {
            if content.last().is_some_and(|byte| *byte != b'\n') {
                content.push(b'\n');
            }
        };
        begin_line(&mut self.content);
        if !self.is_first && !self.delimiter.is_empty() {
            self.content.extend_from_slice(&self.delimiter);
            begin_line(&mut self.content);
        }
        self.is_first = false;
        self.content.extend_from_slice(fragment);
    }

    /// All of them.
    pub fn into_content(self) -> Vec<u8> {
        self.content
    }
}

/// Python's escapes replaced; unknown ones stay.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let Some((&escape, after)) = tail.split_first().filter(|_| byte == b'\\') else {
            out.push(byte);
            continue;
        };
        rest = after;
        let number = |digits: &[u8], radix| {
            std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, radix).ok())
        };
        match escape {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(escape),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'x' if after.len() >= 2 && number(&after[..2], 16).is_some() => {
                out.extend(number(&after[..2], 16).and_then(|value| u8::try_from(value).ok()));
                rest = &after[2..];
            }
            b'0'..=b'7' => {
                let length = tail.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
                // Python drops what does not fit in a byte.
                out.extend(number(&tail[..length], 8).and_then(|value| u8::try_from(value & 0xff).ok()));
                rest = &tail[length..];
            }
            other => out.extend([b'\\', other]),
        }
    }
    out
}

impl Module for Assemble {
    const NAME: &'static str = "ansible.builtin.assemble";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.assemble"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let src = args.src.path(system)?;
        let shown = args.src.text(system)?;
        match system.metadata(&src)? {
            None => return Err(ModuleError::new(format!("Source ({shown}) does not exist"))),
            Some(meta) if meta.kind != FileKind::Directory => {
                return Err(ModuleError::new(format!("Source ({shown}) is not a directory")));
            }
            Some(_) => {}
        }
        let mut assembly = args.assembly()?;
        check_validate(args.validate.as_deref())?;
        for name in system.read_dir(&src)? {
            let path = src.join(&name);
            let is_file = system.metadata(&path)?.is_some_and(|meta| meta.kind == FileKind::File);
            if is_file && assembly.takes(&name.to_string_lossy()) {
                assembly.add(&system.read(&path)?);
            }
        }
        let content = assembly.into_content();
        let (checksum, md5sum) = (Algorithm::Sha1.of_bytes(&content), Algorithm::Md5.of_bytes(&content));
        let original = edit::read(system, &args.dest.path(system)?)?;
        let new = Some(content).filter(|content| original.content.as_ref() != Some(content));
        let output = output(args, system, checksum.clone(), md5sum.clone())?;
        Ok(match edit::plan(system, original, new, args.file_attributes(), "")? {
            None => Checked::unchanged(output),
            Some(edit) => Checked::changed(output, Change { edit, checksum, md5sum }),
        })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let how = Replace { backup: *args.backup, validate: args.validate.as_deref() };
        let backup_file = change.edit.apply(system, how, *args.unsafe_writes)?;
        Ok(Output { backup_file, ..output(args, system, change.checksum, change.md5sum)? })
    }

    fn made(change: &Change) -> Vec<Made> {
        change.edit.made()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        change.edit.diff()
    }
}

fn output(args: &Args, system: &dyn System, checksum: String, md5sum: String) -> Result<Output, ModuleError> {
    Ok(Output {
        src: args.src.text(system)?,
        dest: args.dest.text(system)?,
        checksum,
        md5sum,
        backup_file: None,
        msg: "OK",
        info: PathInfo::of(system, &args.dest.path(system)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(unescape(r"\n--\x41\101\q\\\t"), b"\n--AA\\q\\\t");
        assert_eq!(unescape(r"é\"), "é\\".as_bytes());
    }
}
