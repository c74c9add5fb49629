//! Where task files, roles and playbooks are looked for.

use super::{LoaderOptions, Scope};
use crate::diagnostic::Diagnostic;
use crate::system::{self, local_files};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Endings of data files, in the order they are tried.
const ENDINGS: [&str; 3] = [".yml", ".yaml", ".json"];

/// The file that `import_tasks` or `include_tasks` names: beside the file that names it, then beside those that brought that
/// one in, then in the role, then beside the playbook.
pub(super) fn find_tasks(
    name: &str,
    scope: &Scope,
    handlers: bool,
    playbook_dir: &Path,
) -> Result<PathBuf, Diagnostic> {
    let kind = if handlers { "handlers" } else { "tasks" };
    let mut dirs: Vec<PathBuf> = Vec::new();
    for level in scope.levels() {
        dirs.extend(level.dir.iter().map(|dir| dir.to_path_buf()));
        if let Some(role) = &level.role {
            dirs.extend([role.path.join(kind), role.path.join("tasks"), role.path.clone(), playbook_dir.join(kind)]);
            break;
        }
    }
    dirs.push(playbook_dir.to_owned());
    let mut tried: Vec<PathBuf> = Vec::new();
    for dir in dirs {
        let candidate = local_files::absolute(&dir.join(name));
        if local_files::is_file(&candidate) {
            return Ok(candidate);
        }
        if !tried.contains(&candidate) {
            tried.push(candidate);
        }
    }
    let looked_for: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
    let error = Diagnostic::error(format!("task file `{name}` is not there")).absent(playbook_dir.join(name));
    Err(error.help(format!("looked for {}", looked_for.join(", "))))
}

/// A role's name and folder.
pub(super) struct FoundRole {
    pub name: Arc<str>,
    pub path: PathBuf,
}

/// Looks for a role: in collections, `roles/` beside the playbook, the roles path, beside the role that depends on it, beside the
/// playbook, and at the path that the name may be.
pub(super) fn find_role(
    name: &str,
    collections: &[Arc<str>],
    beside: Option<&Path>,
    playbook_dir: &Path,
    options: &LoaderOptions,
) -> Result<FoundRole, Diagnostic> {
    if let Some(found) = find_collection_role(name, collections, playbook_dir, options) {
        return Ok(found);
    }
    let mut dirs = vec![playbook_dir.join("roles")];
    dirs.extend(options.roles_path.iter().cloned());
    dirs.extend(beside.map(Path::to_owned));
    dirs.push(playbook_dir.to_owned());
    for dir in &dirs {
        if let Some(path) = role_folder(&dir.join(name)) {
            return Ok(FoundRole { name: name.into(), path });
        }
    }
    if let Some(path) = role_folder(Path::new(name)) {
        let name = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(FoundRole { name: name.into(), path });
    }
    let mut roles = Vec::new();
    for dir in &dirs[..dirs.len() - 1] {
        let found = local_files::read_dir(dir).unwrap_or_default().into_iter().filter(|path| local_files::is_dir(path));
        roles.extend(found.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())));
    }
    let looked = dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(":");
    let error = Diagnostic::error(format!("the role '{name}' was not found in {looked}")).absent(name);
    Err(match crate::text::nearest(name, roles.iter().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    })
}

/// The folder as `role_path` tells it: with links followed.
fn role_folder(path: &Path) -> Option<PathBuf> {
    local_files::canonicalize(path).ok().filter(|path| local_files::is_dir(path))
}

/// A role by its full name, or by its short one in `collections`.
fn find_collection_role(
    name: &str,
    collections: &[Arc<str>],
    playbook_dir: &Path,
    options: &LoaderOptions,
) -> Option<FoundRole> {
    let full_names: Vec<String> = match name.split('.').count() {
        1 => collections.iter().map(|collection| format!("{collection}.{name}")).collect(),
        2 => Vec::new(),
        _ => vec![name.to_owned()],
    };
    full_names.into_iter().find_map(|full| {
        let path = find_in_collection(&full, "roles", playbook_dir, options)?;
        local_files::is_dir(&path).then(|| FoundRole { name: full.into(), path })
    })
}

/// The playbook that `import_playbook` names.
pub(super) fn find_playbook(name: &str, playbook_dir: &Path, options: &LoaderOptions) -> Result<PathBuf, Diagnostic> {
    let path = local_files::absolute(&playbook_dir.join(name));
    if local_files::is_file(&path) {
        return Ok(path);
    }
    if let Some(path) = options.plugins.playbook(name) {
        return Ok(path);
    }
    Err(Diagnostic::error(format!("playbook `{name}` is not there")).help(format!("looked for {}", path.display())))
}

/// What `namespace.collection.name` is in the first folder that has its collection.
fn find_in_collection(full: &str, kind: &str, playbook_dir: &Path, options: &LoaderOptions) -> Option<PathBuf> {
    let mut parts = full.splitn(3, '.');
    let (namespace, collection, name) = (parts.next()?, parts.next()?, parts.next()?);
    let beside = playbook_dir.join("collections");
    std::iter::once(beside).chain(options.plugins.collections.roots()).find_map(|dir| {
        let dir = dir.join("ansible_collections").join(namespace).join(collection);
        local_files::is_dir(&dir).then(|| dir.join(kind).join(name.replace('.', "/")))
    })
}

/// The file of a role's folder (`tasks`, `handlers`, `meta`): `main`, or the one that `…_from` names. `None` where a role has
/// none.
pub(super) fn role_file(folder: &Path, from: Option<&str>) -> Result<Option<PathBuf>, Diagnostic> {
    Ok(role_files(folder, from, false)?.into_iter().next())
}

/// As [`role_file`], but a folder of that name stands for all files below it (`defaults/main/`).
pub(super) fn role_files(folder: &Path, from: Option<&str>, folders: bool) -> Result<Vec<PathBuf>, Diagnostic> {
    let name = from.unwrap_or("main");
    let bare_first = from.is_some();
    let endings =
        std::iter::once("").filter(|_| bare_first).chain(ENDINGS).chain(std::iter::once("").filter(|_| !bare_first));
    for ending in endings {
        let path = local_files::absolute(&folder.join(format!("{name}{ending}")));
        let file = local_files::is_file(&path);
        let folder_of_files = folders && local_files::is_dir(&path);
        if !file && !folder_of_files {
            continue;
        }
        if !path.starts_with(local_files::absolute(folder)) {
            let role = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            return Err(Diagnostic::error(format!(
                "Failed loading '{}' for role ({role}) as it is not inside the expected role path: '{}'",
                path.display(),
                folder.display()
            )));
        }
        if file {
            return Ok(vec![path]);
        }
        let mut files = Vec::new();
        collect(&path, &mut files).map_err(|error| Diagnostic::error(error.to_string()))?;
        return Ok(files);
    }
    match from {
        Some(name) => Err(Diagnostic::error(format!("`{name}` is not in the role's folder {}", folder.display()))),
        None => Ok(Vec::new()),
    }
}

/// All data files below a folder, by name.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> system::Result<()> {
    for path in local_files::read_dir(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if local_files::is_dir(&path) {
            collect(&path, files)?;
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) || path.extension().is_none() {
            files.push(path);
        }
    }
    Ok(())
}
