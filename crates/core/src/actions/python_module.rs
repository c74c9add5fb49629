//! Modules in Python that are made for Ansible's library: packed with that library, where the controller has it, into one file
//! that any Python 3 of the host runs. Nothing of the library is part of Hostler.

use super::ActionError;
use crate::plugins::{Plugins, collection_at};
use crate::system::local_files;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What a host runs: it answers imports from the text that is packed in.
const PROGRAM: &str = r#"#!/usr/bin/python3
import base64, importlib.abc, importlib.util, json, runpy, sys, zlib
PACKED = json.loads(zlib.decompress(base64.b64decode("@PACKED@")))
class Packed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        if name in PACKED:
            package = PACKED[name][0]
            spec = importlib.util.spec_from_loader(name, self, is_package=package)
            spec.origin = "/packed/" + name.replace(".", "/") + ("/__init__.py" if package else ".py")
            spec.has_location = True
            return spec
    def is_package(self, name):
        return PACKED[name][0]
    def get_source(self, name):
        return PACKED[name][1]
sys.meta_path.insert(0, Packed())
with open(sys.argv[1], "rb") as arguments:
    arguments = arguments.read()
sys.argv = sys.argv[:1]
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = arguments
basic._ANSIBLE_PROFILE = "legacy"
name = "@NAME@"
try:
    runpy.run_module(name, dict(_module_fqn=name, _modlib_path=""), "__main__", True)
    raise RuntimeError("New-style module did not handle its own exit.")
except Exception as error:
    said = "Task failed: Module failed"
    while error:
        said, error = said + ": " + str(error), error.__cause__
    print(json.dumps(dict(failed=True, msg=said, exception="(traceback unavailable)")))
    sys.exit(1)
"#;

/// What stands where a utility was that has gone elsewhere.
const SHIM: &str = "import importlib, sys\nsys.modules[__name__] = importlib.import_module('@TARGET@')\n";

/// The library's files: name in Python, whether it is a package, text.
type Files = Vec<(String, bool, String)>;

/// Packs the module's text.
///
/// # Errors
/// If the library is not there or cannot be read.
pub(super) fn pack(plugins: &Plugins, name: &str, path: &Path, module: &str) -> Result<Vec<u8>, ActionError> {
    let Some(library) = library() else {
        return Err(ActionError::Failed("Ansible's Python library is not there".to_owned()));
    };
    let mut packed = Map::new();
    let mut add = |name: &str, package: bool, text: &str| {
        packed.insert(name.to_owned(), json!([package, text]));
    };
    add("ansible", true, "");
    add("ansible.modules", true, "");
    for (name, package, text) in files(library)? {
        // A third of all, and few modules want it.
        if !name.starts_with("ansible.module_utils.facts") || module.contains("module_utils.facts") {
            add(name, *package, text);
        }
    }
    for folder in plugins.module_utils().iter().rev() {
        let mut files = Files::new();
        collect(folder, "ansible.module_utils", &mut files)
            .map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
        // The package itself stays the library's.
        files.iter().skip(1).for_each(|(name, package, text)| add(name, *package, text));
    }
    let own = collection(path);
    let full = match &own {
        Some(collection) => format!("ansible_collections.{collection}.plugins.modules.{name}"),
        None => format!("ansible.modules.{name}"),
    };
    let mut shims = Vec::new();
    let mut seen: BTreeSet<String> = own.iter().cloned().chain(named_collections(module)).collect();
    let mut left: Vec<String> = seen.iter().cloned().collect();
    for (name, target) in plugins.collections.moved_utilities("ansible.builtin") {
        let name = format!("ansible.module_utils.{name}");
        if module.contains(&name) {
            add(&name, true, &SHIM.replace("@TARGET@", &target));
            left.extend(named_collections(&target).into_iter().filter(|named| seen.insert(named.clone())));
            shims.push((name, target));
        }
    }
    while let Some(collection) = left.pop() {
        let package = format!("ansible_collections.{collection}.plugins");
        for at in package.match_indices('.').map(|(at, _)| at).chain([package.len()]) {
            add(&package[..at], true, "");
        }
        add(&format!("{package}.modules"), true, "");
        let mut files = Files::new();
        if let Some(utilities) = plugins.collections.utilities(&collection) {
            collect(&utilities, &format!("{package}.module_utils"), &mut files)
                .map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
        }
        for (name, target) in plugins.collections.moved_utilities(&collection) {
            let name = format!("{package}.module_utils.{name}");
            files.push((name.clone(), true, SHIM.replace("@TARGET@", &target)));
            shims.push((name, target));
        }
        for (name, package, text) in &files {
            add(name, *package, text);
            left.extend(named_collections(text).into_iter().filter(|named| seen.insert(named.clone())));
        }
    }
    add(&full, false, module);
    let known = |name: &str| packed.contains_key(name);
    let shown = if own.is_some() { full.clone() } else { format!("ansible.legacy.{name}") };
    missing_import(plugins, module, &shown, &shims, &known)?;
    let failed = |error: std::io::Error| ActionError::Failed(format!("failed to pack the module {name}: {error}"));
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(Value::Object(packed).to_string().as_bytes()).map_err(failed)?;
    let packed = STANDARD.encode(encoder.finish().map_err(failed)?);
    Ok(PROGRAM.replace("@NAME@", &full).replace("@PACKED@", &packed).into_bytes())
}

/// Refuses a module that imports what is not there, in Ansible's words. What is imported further in, it may do without.
fn missing_import(
    plugins: &Plugins,
    module: &str,
    shown: &str,
    shims: &[(String, String)],
    known: &dyn Fn(&str) -> bool,
) -> Result<(), ActionError> {
    // The package that a module of a collection calls `..`.
    let around = shown.split_once(".modules.").map(|(package, _)| package).unwrap_or_default();
    for candidates in module.lines().filter_map(|line| imported(line, around)) {
        let target =
            |name: &String| shims.iter().find(|(shim, _)| shim == name).map_or(name, |(_, target)| target).clone();
        let targets: Vec<String> = candidates.iter().map(target).collect();
        if targets.iter().any(|name| known(name)) {
            continue;
        }
        let absent = targets.iter().zip(&candidates).filter(|(target, name)| target != name).find_map(|(target, _)| {
            let collection = named_collections(target).pop()?;
            plugins.collections.is_absent(&collection).then_some((target, collection))
        });
        return Err(ActionError::Failed(match absent {
            Some((target, collection)) => format!(
                "error processing module_util {target} loading redirected collection {collection}: \
                 unable to locate collection {collection}"
            ),
            None => format!(
                "Could not find imported module support code for {shown}. Looked for (['{}'])",
                targets.join("', '")
            ),
        }));
    }
    Ok(())
}

/// What an unindented line imports of shared utilities: a module, or what may be a module or a name in one.
fn imported(line: &str, around: &str) -> Option<Vec<String>> {
    let is_shared = |name: &str| {
        let package = name.split_once(".module_utils").filter(|(before, _)| {
            *before == "ansible" || before.starts_with("ansible_collections.") && before.ends_with(".plugins")
        });
        package.is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('.'))
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    if line.starts_with([' ', '\t']) {
        return None;
    }
    match words.as_slice() {
        ["import", name] if is_shared(name) && !name.ends_with(".module_utils") => Some(vec![(*name).to_owned()]),
        ["from", from, "import", name, ..] => {
            let from = match from.strip_prefix("..module_utils") {
                Some(rest) if !around.is_empty() => format!("{around}.module_utils{rest}"),
                _ => (*from).to_owned(),
            };
            let name = name.trim_end_matches(',');
            if !is_shared(&from) || name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return None;
            }
            let mut candidates = vec![format!("{from}.{name}")];
            candidates.extend((!from.ends_with(".module_utils")).then_some(from));
            Some(candidates)
        }
        _ => None,
    }
}

/// The name of the collection that a module's file is in.
fn collection(path: &Path) -> Option<String> {
    let folder = path.ancestors().find(|folder| folder.ends_with("plugins/modules"))?.parent()?.parent()?;
    collection_at(folder)
}

/// The collections whose utilities a text imports.
fn named_collections(text: &str) -> Vec<String> {
    let after = text.split("ansible_collections.").skip(1);
    let names = after.filter_map(|rest| {
        let mut parts = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        Some((parts.next()?, parts.next()?))
            .filter(|(namespace, collection)| !namespace.is_empty() && !collection.is_empty())
    });
    names.map(|(namespace, collection)| format!("{namespace}.{collection}")).collect()
}

fn files(library: &Path) -> Result<&'static Files, ActionError> {
    static FILES: OnceLock<Files> = OnceLock::new();
    if let Some(files) = FILES.get() {
        return Ok(files);
    }
    let mut files = Files::new();
    collect(&library.join("module_utils"), "ansible.module_utils", &mut files)
        .map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
    Ok(FILES.get_or_init(|| files))
}

fn collect(dir: &Path, package: &str, files: &mut Files) -> crate::system::Result<()> {
    let init = dir.join("__init__.py");
    let text = if local_files::exists(&init) { local_files::read_to_string(&init)? } else { String::new() };
    files.push((package.to_owned(), true, text));
    for path in local_files::read_dir(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if local_files::is_dir(&path) {
            if name != "__pycache__" {
                collect(&path, &format!("{package}.{name}"), files)?;
            }
        } else if let Some(stem) = name.strip_suffix(".py").filter(|stem| *stem != "__init__")
            // To Python a package counts before a module of the same name.
            && !local_files::exists(&dir.join(stem).join("__init__.py"))
        {
            files.push((format!("{package}.{stem}"), false, local_files::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// Where the library is, if it is; looked for once.
pub(crate) fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(|| local_files::python_package("ansible")).as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_shared_utilities_are_known_by_their_lines() {
        let around = "ansible_collections.a.b.plugins";
        for (line, expected) in [
            (
                "from ansible.module_utils.zebra import foo4",
                &["ansible.module_utils.zebra.foo4", "ansible.module_utils.zebra"][..],
            ),
            ("from ..module_utils import leaf, x", &["ansible_collections.a.b.plugins.module_utils.leaf"]),
            ("import ansible.module_utils.basic", &["ansible.module_utils.basic"]),
            ("    from ansible.module_utils.x import y", &[]),
            ("from ansible.module_utils.x import (", &[]),
            ("from ansible.errors import y", &[]),
        ] {
            assert_eq!(imported(line, around).unwrap_or_default(), expected, "{line}");
        }
    }

    #[test]
    fn a_missing_utility_is_told_of_in_ansibles_words() {
        let plugins = Plugins::default();
        let known = |name: &str| name == "ansible.module_utils.basic";
        let check = |module: &str, shims: &[(String, String)]| {
            missing_import(&plugins, module, "ansible.legacy.mine", shims, &known).map_err(|error| error.to_string())
        };
        assert_eq!(check("from ansible.module_utils.basic import AnsibleModule\n", &[]), Ok(()));
        let expected = "Could not find imported module support code for ansible.legacy.mine. Looked for \
                        (['ansible.module_utils.zebra.foo4', 'ansible.module_utils.zebra'])";
        assert_eq!(check("from ansible.module_utils.zebra import foo4\n", &[]).unwrap_err(), expected);
        let target = "ansible_collections.c.d.plugins.module_utils.new";
        let shims = [("ansible.module_utils.old".to_owned(), target.to_owned())];
        let expected = format!(
            "error processing module_util {target} loading redirected collection c.d: unable to locate collection c.d"
        );
        assert_eq!(check("import ansible.module_utils.old\n", &shims).unwrap_err(), expected);
    }
}
