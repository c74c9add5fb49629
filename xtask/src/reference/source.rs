//! What only the source says: a module's opening words, aliases of its parameters, cases that make examples.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The modules' and actions' files.
pub struct Sources {
    root: PathBuf,
    files: Vec<(PathBuf, String)>,
}

impl Sources {
    /// Reads them all.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for folder in ["modules", "actions"] {
            collect(&root.join("crates/core/src").join(folder), &mut files)?;
        }
        files.sort();
        Ok(Self { root: root.to_owned(), files })
    }

    /// The text of the file that a module or action is in.
    pub fn of(&self, name: &str) -> Result<&str> {
        let opening = format!("//! `{name}`");
        let literal = format!("\"{name}\"");
        let short = name.rsplit('.').next().unwrap_or(name);
        let by_words = self.files.iter().find(|(_, text)| text.starts_with(&opening));
        let by_name = || {
            self.files
                .iter()
                .find(|(path, text)| path.file_stem().is_some_and(|stem| stem == short) && text.contains(&literal))
        };
        let anywhere = || self.files.iter().find(|(_, text)| text.contains(&literal));
        let found = by_words.or_else(by_name).or_else(anywhere);
        found.map(|(_, text)| text.as_str()).with_context(|| format!("find the source of {name}"))
    }

    /// The first cases of a module that change something and succeed: name and arguments.
    pub fn examples(&self, name: &str, most: usize) -> Result<Vec<(String, hostler_core::value::Value)>> {
        use hostler_core::{diagnostic::SourceFile, vars::Decrypt, vars::VaultSecrets, yaml};
        let short = name.rsplit('.').next().unwrap_or(name);
        let folder = self.root.join("crates/core/tests/modules").join(short);
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?,
            Err(_) => return Ok(Vec::new()),
        };
        paths.sort();
        let vaults: std::sync::Arc<dyn Decrypt> = std::sync::Arc::new(VaultSecrets::default());
        let mut found = Vec::new();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "yml")) {
            let file = SourceFile::new(path, std::fs::read_to_string(path)?);
            let tree = yaml::load(&file, &mut Vec::new()).map_err(|error| anyhow::anyhow!("{error}"))?;
            for case in tree.as_ref().and_then(|tree| tree.as_seq()).unwrap_or_default() {
                let changes = case.get("expect").and_then(|expect| expect.get("changed"));
                let changes = changes.and_then(yaml::Node::as_str).is_some_and(|text| text == "true")
                    || changes.is_some_and(|node| node.to_value(&vaults, yaml::Trust::Trusted).as_bool() == Some(true));
                let (Some(name), Some(args)) = (case.get("name").and_then(yaml::Node::as_str), case.get("args")) else {
                    continue;
                };
                if changes && found.len() < most {
                    found.push((name.to_owned(), args.to_value(&vaults, yaml::Trust::Trusted)));
                }
            }
        }
        Ok(found)
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path)?;
            files.push((path, text));
        }
    }
    Ok(())
}

/// The `//!` lines, without the name that they begin with.
pub fn opening(text: &str, name: &str) -> String {
    let lines =
        text.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.strip_prefix(' ').unwrap_or(line));
    let words = lines.collect::<Vec<_>>().join("\n");
    let short = name.rsplit('.').next().unwrap_or(name);
    let words = [format!("`{name}`:"), format!("`{short}`:")]
        .iter()
        .find_map(|prefix| words.strip_prefix(prefix.as_str()).map(str::trim_start))
        .unwrap_or(&words);
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Other names of a parameter: what `#[serde(alias = …)]` above it says.
pub fn aliases(text: &str, field: &str) -> Vec<String> {
    let declaration = |line: &str| {
        let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("r#");
        let name = line.split(':').next().unwrap_or_default();
        line.contains(':')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
            && !name.is_empty()
            && name.trim_end_matches('_') == field
    };
    let lines: Vec<&str> = text.lines().collect();
    let Some(at) = lines.iter().position(|line| declaration(line)) else { return Vec::new() };
    let above = lines[..at].iter().rev().take_while(|line| {
        let line = line.trim();
        !line.ends_with(',') || line.contains('"')
    });
    let above: Vec<&str> = above.take_while(|line| !line.trim().is_empty() && !line.contains('{')).copied().collect();
    let mut names: Vec<String> = above
        .iter()
        .rev()
        .flat_map(|line| line.split("alias = \"").skip(1))
        .filter_map(|rest| rest.split('"').next().map(str::to_owned))
        .collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_words_and_aliases() {
        let text = "//! `a.b.file`: files.\n//!\n//! More.\n\nstruct Args {\n    /// P.\n    #[serde(alias = \"dest\", alias = \"name\")]\n    path: PathArg,\n    /// X.\n    state: State,\n}\n";
        assert_eq!(opening(text, "a.b.file"), "Files.\n\nMore.");
        assert_eq!(aliases(text, "path"), ["dest", "name"]);
        assert_eq!(aliases(text, "state"), [""; 0]);
    }
}
