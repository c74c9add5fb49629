//! `ansible.builtin.replace`: all that an expression matches in a file.
//!
//! Deviations: `\w`, `\d` and `\s` are those of ASCII; encodings are UTF-8, ASCII and Latin-1.

use super::support::edit::{self, EditChange};
use super::support::encoding::Encoding;
use super::support::file_attributes::file_args;
use super::support::regex::{BytesRegex, to_bytes, to_chars};
use super::support::replace::{Replace as Replacing, check_validate};
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::Serialize;

/// All that an expression matches in a file.
pub struct Replace;

file_args! {
    /// Parameters.
    pub struct Args {
        /// File to edit.
        #[serde(alias = "dest", alias = "destfile", alias = "name")]
        pub path: PathArg,
        /// Expression for what to replace; `^` and `$` match at every line.
        pub regexp: LooseString,
        /// What to put in its place, with `\1` or `\g<name>` for groups.
        #[serde(default)]
        pub replace: LooseString,
        /// Expression; only what comes after its first match is changed. `.` matches line ends.
        pub after: Option<LooseString>,
        /// Expression; only what comes before it is changed.
        pub before: Option<LooseString>,
        /// Keep a copy of the file, with the time in its name.
        #[serde(default)]
        pub backup: LooseBool,
        /// Command that must accept the new file before it is put in place; `%s` is its path.
        pub validate: Option<String>,
        /// Encoding of the file: utf-8, ascii, latin-1.
        #[serde(default = "utf_8")]
        pub encoding: String,
    }
}

default_args!(path, regexp);

fn utf_8() -> String {
    "utf-8".to_owned()
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was done.
    msg: String,
    /// 0.
    rc: i32,
    /// Copy of the old file.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_file: Option<String>,
}

fn done(msg: impl Into<String>) -> Output {
    Output { msg: msg.into(), rc: 0, backup_file: None }
}

/// What came of looking for the expression.
enum Found {
    /// Not even where to look.
    NoSection(String),
    /// Nothing to replace, or nothing that would change.
    Nothing,
    /// The new text and how many places were replaced.
    Replaced(String, usize),
}

impl Args {
    /// `bytes`: the text stands for bytes, and so does the expression.
    fn replaced(&self, text: &str, bytes: bool) -> Result<Found, ModuleError> {
        let chars = |text: &str| if bytes { to_chars(text.as_bytes()) } else { text.to_owned() };
        let given =
            |option: &Option<LooseString>| option.as_ref().filter(|text| !text.is_empty()).map(|text| chars(text));
        let pattern = match (given(&self.after), given(&self.before)) {
            (Some(after), Some(before)) => Some(format!("{after}(?P<subsection>.*?){before}")),
            (Some(after), None) => Some(format!("{after}(?P<subsection>.*)")),
            (None, Some(before)) => Some(format!("(?P<subsection>.*){before}")),
            (None, None) => None,
        };
        let section = match &pattern {
            None => 0..text.len(),
            Some(pattern) => {
                let found =
                    BytesRegex::text(pattern, "s")?.search(text).and_then(|found| found.named_range("subsection"));
                match found {
                    Some(section) => section,
                    None => return Ok(Found::NoSection(pattern.clone())),
                }
            }
        };
        let old = &text[section.clone()];
        let regexp = BytesRegex::text(&chars(&self.regexp), "m")?;
        let (new, count) = regexp
            .replace_all(old, &chars(&self.replace))
            .map_err(|error| ModuleError::new(format!("Unable to process replace due to error: {}", error.msg)))?;
        if count == 0 || new == old {
            return Ok(Found::Nothing);
        }
        Ok(Found::Replaced(format!("{}{new}{}", &text[..section.start], &text[section.end..]), count))
    }
}

impl Module for Replace {
    const NAME: &'static str = "ansible.builtin.replace";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.replace"];
    type Args = Args;
    type Output = Output;
    type Change = EditChange;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        check_validate(args.validate.as_deref())?;
        let encoding = Encoding::named(&args.encoding).ok_or_else(|| {
            ModuleError::new(format!("encoding '{}' is not supported: use utf-8, ascii or latin-1", args.encoding))
        })?;
        let original = edit::read(system, &args.path.path(system)?)?;
        let Some(content) = &original.content else {
            return Err(ModuleError::new(format!("Path {} does not exist !", args.path.raw())).field("rc", 257));
        };
        // What is no text survives as bytes.
        let text = encoding.decode(content.clone());
        let found = match &text {
            Some(text) => args.replaced(text, false)?,
            None => args.replaced(&to_chars(content), true)?,
        };
        let (new, msg) = match found {
            Found::NoSection(pattern) => {
                let msg = format!("Pattern for before/after params did not match the given file: {pattern}");
                return Ok(Checked::unchanged(done(msg)));
            }
            Found::Nothing => (None, String::new()),
            Found::Replaced(new, count) => {
                let new = if text.is_some() { encoding.encode(new) } else { Some(to_bytes(&new)) };
                let new = new.ok_or_else(|| {
                    ModuleError::new(format!("`replace` has characters that are not in {}", args.encoding))
                })?;
                (Some(new), format!("{count} replacements made"))
            }
        };
        Ok(match edit::plan(system, original, new, args.file_attributes(), &msg)? {
            None => Checked::unchanged(done("")),
            Some(change) => Checked::changed(done(&change.msg), change),
        })
    }

    fn apply(args: &Args, change: EditChange, system: &mut dyn System) -> Result<Output, ModuleError> {
        let how = Replacing { backup: *args.backup, validate: args.validate.as_deref() };
        let mut output = done(&change.msg);
        output.backup_file = change.apply(system, how, *args.unsafe_writes)?;
        Ok(output)
    }

    fn diff(change: &EditChange) -> Vec<Diff> {
        let mut diffs = change.diff();
        for diff in &mut diffs {
            for header in [&mut diff.before_header, &mut diff.after_header] {
                // Only the modules for lines and blocks say that it is the content.
                *header = header.trim_end_matches(" (content)").to_owned();
            }
        }
        diffs
    }
}
