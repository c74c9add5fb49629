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
    let mut seen: BTreeSet<String> = own.into_iter().chain(named_collections(module)).collect();
    let mut left: Vec<String> = seen.iter().cloned().collect();
    while let Some(collection) = left.pop() {
        let package = format!("ansible_collections.{collection}.plugins");
        for at in package.match_indices('.').map(|(at, _)| at).chain([package.len()]) {
            add(&package[..at], true, "");
        }
        add(&format!("{package}.modules"), true, "");
        let Some(utilities) = plugins.collections.utilities(&collection) else { continue };
        let mut files = Files::new();
        collect(&utilities, &format!("{package}.module_utils"), &mut files)
            .map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
        for (name, package, text) in &files {
            add(name, *package, text);
            left.extend(named_collections(text).into_iter().filter(|named| seen.insert(named.clone())));
        }
    }
    add(&full, false, module);
    let failed = |error: std::io::Error| ActionError::Failed(format!("failed to pack the module {name}: {error}"));
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(Value::Object(packed).to_string().as_bytes()).map_err(failed)?;
    let packed = STANDARD.encode(encoder.finish().map_err(failed)?);
    Ok(PROGRAM.replace("@NAME@", &full).replace("@PACKED@", &packed).into_bytes())
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
        } else if let Some(stem) = name.strip_suffix(".py").filter(|stem| *stem != "__init__") {
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
