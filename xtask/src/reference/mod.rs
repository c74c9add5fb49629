//! `cargo xtask gen`: the reference of modules (`docs/modules`) and of what templates can use (`docs/templates`), and the
//! modules' schemas (`schemas`), from the code and its tests.

mod page;
mod plugins;
mod schema;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace;
use source::Sources;

/// Folders that hold nothing but what is generated.
const FOLDERS: [&str; 3] = ["docs/modules", "docs/templates", "schemas"];

/// What to do
#[derive(Args)]
pub struct Options {
    /// Change nothing; fail if something is out of date
    #[arg(long)]
    check: bool,
}

/// Writes what is out of date, or only says what is.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let wanted = files(&root)?;
    let mut stale = Vec::new();
    for (path, text) in &wanted {
        if std::fs::read_to_string(root.join(path)).ok().as_ref() != Some(text) {
            stale.push(path.clone());
        }
    }
    let left_over: Vec<PathBuf> = existing(&root)?.into_iter().filter(|path| !wanted.contains_key(path)).collect();
    if options.check {
        for path in stale.iter().chain(&left_over) {
            eprintln!("{} is out of date: run `just gen`", path.display());
        }
        return Ok(if stale.is_empty() && left_over.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for path in &stale {
        let file = root.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&root))?;
        std::fs::write(&file, &wanted[path]).with_context(|| format!("write {}", file.display()))?;
        println!("{}", path.display());
    }
    for path in &left_over {
        std::fs::remove_file(root.join(path))?;
        println!("{} removed", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Every generated file with its text, by path below the root.
fn files(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let sources = Sources::read(root)?;
    let mut files = plugins::pages(root)?;
    let registry = hostler_core::modules::builtin();
    for module in registry.iter() {
        let schema = serde_json::to_value(module.args_schema())?;
        let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
        files.insert(format!("schemas/{}.json", module.name()).into(), text);
        let output = serde_json::to_value(module.output_schema())?;
        let page = page::of_module(module.name(), module.aliases(), &schema, &output, &sources)?;
        files.insert(format!("docs/modules/{}.md", module.name()).into(), page);
    }
    for action in hostler_core::actions::Actions::builtin().iter() {
        let name = action.name();
        // One that a module does the rest of is described there.
        if registry.get(name).is_some() {
            continue;
        }
        let schema = serde_json::to_value(action.args_schema())?;
        let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
        files.insert(format!("schemas/{name}.json").into(), text);
        let page = page::of_action(name, &schema, &sources)?;
        files.insert(format!("docs/modules/{name}.md").into(), page);
    }
    Ok(files)
}

fn existing(root: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            paths.push(Path::new(folder).join(entry?.file_name()));
        }
    }
    Ok(paths)
}
