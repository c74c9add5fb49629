//! `cargo xtask new-module NAME`: the skeleton of a module, its place in the list, and a first case.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace;

/// Which module
#[derive(Args)]
pub struct Options {
    /// Its name: `file` for `ansible.builtin.file`, or a full one
    name: String,
}

/// Makes the files.
pub fn run(options: &Options) -> Result<ExitCode> {
    let full =
        if options.name.contains('.') { options.name.clone() } else { format!("ansible.builtin.{}", options.name) };
    let short = full.rsplit('.').next().unwrap_or(&full);
    let lowercase = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    ensure!(!short.is_empty() && short.chars().all(lowercase), "`{short}` is no name of a module: a-z, 0-9, _");
    let root = workspace::root()?;
    let file = root.join("crates/core/src/modules").join(format!("{short}.rs"));
    ensure!(!file.exists(), "{} is there already", file.display());
    let list = root.join("crates/core/src/modules/mod.rs");
    let listed = std::fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?;
    let listed = with_module(&listed, short).with_context(|| format!("find the list in {}", list.display()))?;
    let test = root.join("crates/core/tests/modules.rs");
    let tested = std::fs::read_to_string(&test).with_context(|| format!("read {}", test.display()))?;
    let tested = with_arguments(&tested, short).with_context(|| format!("find the list in {}", test.display()))?;
    let case = root.join("crates/core/tests/modules").join(short).join("basic.yml");
    std::fs::create_dir_all(case.parent().unwrap_or(&root))?;
    std::fs::write(&file, SKELETON.replace("FULL", &full).replace("TYPE", &type_name(short)))?;
    std::fs::write(&case, CASE)?;
    std::fs::write(&list, listed)?;
    std::fs::write(&test, tested)?;
    for path in [&file, &case, &list, &test] {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The list with two more lines, in order.
fn with_module(text: &str, short: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = format!("pub mod {short};");
    let at = lines
        .iter()
        .position(|other| other.starts_with("pub mod ") && *other > line)
        .or_else(|| lines.iter().rposition(|other| other.starts_with("pub mod ")).map(|last| last + 1))?;
    lines.insert(at, line);
    let call = format!("        .with::<{short}::{}>()", type_name(short));
    let is_call = |line: &String| line.trim_start().starts_with(".with::<");
    let at = lines.iter().position(|line| is_call(line) && *line > call);
    let at = at.or_else(|| lines.iter().rposition(is_call).map(|last| last + 1))?;
    lines.insert(at, call);
    let mut text = lines.join("\n");
    text.push('\n');
    Some(text)
}

/// The test's list of modules whose arguments are made in Rust, with one more line, in order.
fn with_arguments(text: &str, short: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let start = lines.iter().position(|line| line.trim() == "arguments![")?;
    let end = start + lines[start..].iter().position(|line| line.trim() == "];")?;
    let line = format!("        {short}::{},", type_name(short));
    let at = lines[start + 1..end].iter().position(|other| *other > line).map_or(end, |at| start + 1 + at);
    lines.insert(at, line);
    lines.push(String::new());
    Some(lines.join("\n"))
}

fn type_name(short: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    short.split('_').map(capital).collect()
}

const CASE: &str = "- name: what is missing is made
  args: {path: /etc/example}
  expect: {changed: true}
- name: what is right is left alone
  args: {path: /etc/example}
  system: {files: {/etc/example: {content: \"\"}}}
  expect: {changed: false}
";

const SKELETON: &str = r#"//! `FULL`: what it manages.
//!
//! Deviations: none.

use crate::module::types::PathArg;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What it is.
pub struct TYPE;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// What to manage.
    pub path: PathArg,
}

default_args!(path);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was managed.
    path: PathBuf,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    path: PathBuf,
}

impl Module for TYPE {
    const NAME: &'static str = "FULL";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let path = args.path.path(system)?;
        let output = Output { path: path.clone() };
        Ok(match system.metadata(&path)? {
            Some(_) => Checked::unchanged(output),
            None => Checked::changed(output, Change { path }),
        })
    }

    fn apply(_: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        system.write(&change.path, &WriteFile::new(""))?;
        Ok(Output { path: change.path })
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::properties(change.path.display().to_string(), [("state", "absent".into(), "present".into())])]
    }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_two_lines() {
        let list = "pub mod file;\npub mod ping;\n\n    Registry::new()\n        .with::<file::File>()\n        .with::<ping::Ping>()\n";
        let text = with_module(list, "get_url").unwrap();
        assert!(text.starts_with("pub mod file;\npub mod get_url;\npub mod ping;\n"), "{text}");
        assert!(text.contains("File>()\n        .with::<get_url::GetUrl>()\n        .with::<ping"), "{text}");
        let test = "x\n    arguments![\n        file::File,\n        ping::Ping,\n    ];\n";
        let text = with_arguments(test, "get_url").unwrap();
        assert_eq!(
            text,
            "x\n    arguments![\n        file::File,\n        get_url::GetUrl,\n        ping::Ping,\n    ];\n"
        );
    }
}
