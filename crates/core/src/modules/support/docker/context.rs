//! The context of a build: a folder as a tar archive, less what its `.dockerignore` names.
//!
//! It is put together in memory: contexts are meant to be small.

use crate::module::ModuleError;
use crate::system::{FileKind, Metadata, System};
use std::path::{Component, Path, PathBuf};

/// The archive of `folder`, and the name that the Dockerfile has in it.
pub fn archive(system: &dyn System, folder: &Path, dockerfile: Option<&str>) -> Result<(Vec<u8>, String), ModuleError> {
    if !system.metadata(folder)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
        return Err(ModuleError::new(format!("build.path {} is no directory on the host", folder.display())));
    }
    let dockerfile = folder.join(dockerfile.unwrap_or("Dockerfile"));
    if !system.exists(&dockerfile)? {
        return Err(ModuleError::new(format!("there is no Dockerfile {}", dockerfile.display())));
    }
    let inside =
        dockerfile.strip_prefix(folder).ok().filter(|path| path.components().all(|part| part != Component::ParentDir));
    let name = inside.map_or_else(|| ".dockerfile.outside".to_owned(), |path| path.display().to_string());
    let ignored = system.read_text(&folder.join(".dockerignore")).unwrap_or_default();
    let mut patterns = Patterns::parse(&ignored);
    // The daemon needs both, whatever the patterns say.
    patterns.0.extend([(true, name.clone()), (true, ".dockerignore".to_owned())]);
    let mut builder = tar::Builder::new(Vec::new());
    add_directory(system, folder, Path::new(""), &patterns, &mut builder)?;
    if inside.is_none() {
        let content = system.read(&dockerfile)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, &name, content.as_slice()).map_err(|error| failed(&name, &error))?;
    }
    let archive = builder.into_inner().map_err(|error| failed("the end", &error))?;
    Ok((archive, name))
}

fn failed(what: &str, error: &std::io::Error) -> ModuleError {
    ModuleError::new(format!("failed to add {what} to the build's context: {error}"))
}

fn add_directory(
    system: &dyn System,
    root: &Path,
    below: &Path,
    patterns: &Patterns,
    builder: &mut tar::Builder<Vec<u8>>,
) -> Result<(), ModuleError> {
    for name in system.read_dir(&root.join(below))? {
        let relative = below.join(name);
        let path = root.join(&relative);
        let Some(meta) = system.symlink_metadata(&path)? else { continue };
        let ignored = patterns.ignores(&relative);
        if !ignored {
            add(system, &path, &relative, &meta, builder)?;
        }
        // Something below an ignored folder may be excepted.
        if meta.kind == FileKind::Directory && (!ignored || patterns.has_exceptions()) {
            add_directory(system, root, &relative, patterns, builder)?;
        }
    }
    Ok(())
}

fn add(
    system: &dyn System,
    path: &Path,
    name: &Path,
    meta: &Metadata,
    builder: &mut tar::Builder<Vec<u8>>,
) -> Result<(), ModuleError> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(meta.mode);
    header.set_size(0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tar has whole seconds after 1970")]
    header.set_mtime(meta.modified.max(0.0) as u64);
    let added = match meta.kind {
        FileKind::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, name, std::io::empty())
        }
        FileKind::Link => {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, name, system.read_link(path)?)
        }
        FileKind::File => {
            let content = system.read(path)?;
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content.as_slice())
        }
        // Sockets and devices have no place in an image.
        _ => Ok(()),
    };
    added.map_err(|error| failed(&name.display().to_string(), &error))
}

/// A `.dockerignore`: patterns in order, the last that matches decides; true is an exception.
struct Patterns(Vec<(bool, String)>);

impl Patterns {
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let patterns = lines.filter_map(|line| {
            let (exception, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
            let parts: Vec<_> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            (!parts.is_empty()).then(|| (exception, parts.join("/")))
        });
        Self(patterns.collect())
    }

    fn has_exceptions(&self) -> bool {
        self.0.iter().any(|(exception, _)| *exception)
    }

    fn ignores(&self, path: &Path) -> bool {
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let mut ignored = false;
        for (exception, pattern) in &self.0 {
            let parts: Vec<_> = pattern.split('/').collect();
            // A pattern that matches a folder counts for all below it.
            if (1..=names.len()).any(|count| matches_path(&parts, &names[..count])) {
                ignored = !exception;
            }
        }
        ignored
    }
}

fn matches_path(parts: &[&str], names: &[String]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=names.len()).any(|skip| matches_path(rest, &names[skip..])),
        (Some((part, parts)), Some((name, names))) => {
            let (part, name): (Vec<_>, Vec<_>) = (part.chars().collect(), name.chars().collect());
            matches_name(&part, &name) && matches_path(parts, names)
        }
        _ => false,
    }
}

fn matches_name(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|skip| matches_name(rest, &name[skip..])),
        Some(('?', rest)) => !name.is_empty() && matches_name(rest, &name[1..]),
        Some(('[', rest)) => {
            let Some(end) = rest.iter().position(|char| *char == ']') else { return false };
            let Some((char, name)) = name.split_first() else { return false };
            let (negated, set) = match rest[..end].split_first() {
                Some(('^', set)) => (true, set),
                _ => (false, &rest[..end]),
            };
            let in_range = set.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(char));
            (in_range || set.contains(char)) != negated && matches_name(&rest[end + 1..], name)
        }
        Some(('\\', rest)) if !rest.is_empty() => name.first() == rest.first() && matches_name(&rest[1..], &name[1..]),
        Some((char, rest)) => name.first() == Some(char) && matches_name(rest, &name[1..]),
    }
}

/// `path` as one to a folder on the host: `~` is the home directory, and it is absolute.
pub fn folder(system: &dyn System, path: &str) -> PathBuf {
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => system.home().join(rest.trim_start_matches('/')),
        _ => system.home().join(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;
    use serde_json::json;

    fn names(files: serde_json::Value, dockerfile: Option<&str>) -> Vec<String> {
        let fake = Fake::from_json(json!({"files": files}));
        let (archive, _) = archive(&fake, Path::new("/b"), dockerfile).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn leaves_out_what_dockerignore_names() {
        let files = json!({
            "/b/Dockerfile": "FROM a", "/b/.dockerignore": "# no\n*.log\n/out/**\n!out/keep\n**/tmp\nDockerfile\n",
            "/b/a.log": "", "/b/sub/b.log": "", "/b/out/x": "", "/b/out/keep": "", "/b/sub/tmp/x": "", "/b/link": {"link": "sub"},
        });
        assert_eq!(names(files, None), [".dockerignore", "Dockerfile", "link", "out/keep", "sub", "sub/b.log"]);
    }

    #[test]
    fn takes_a_dockerfile_from_outside() {
        let files = json!({"/b/x": "", "/c/Dockerfile": "FROM a"});
        assert_eq!(names(files, Some("../c/Dockerfile")), ["x", ".dockerfile.outside"]);
    }

    #[test]
    fn matches_as_go_does() {
        let matches = |pattern: &str, name: &str| {
            matches_name(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        assert!(matches("a[0-9]?*", "a1bc") && matches("[^a]", "b") && matches("\\*", "*"));
        assert!(!matches("a[0-9]", "ab") && !matches("[^a]", "a"));
    }
}
