//! `include_vars`: variables from files of the controller.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::diagnostic::Diagnostic;
use crate::module::types::{LooseBool, LooseInt, LooseString, StringList};
use crate::playbook::reserved;
use crate::system::local_files;
use crate::value::{Key, Map, Value};
use crate::vars::files::{load_yaml_file, mapping};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) struct IncludeVars;

/// Reads variables of the host from files of the controller.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    #[serde(rename = "_raw_params")]
    #[schemars(skip)]
    text: Option<LooseString>,
    /// File, looked for in `vars/`. The task's text is one too.
    file: Option<LooseString>,
    /// Directory whose files are read, in the order of their names.
    dir: Option<LooseString>,
    /// Variable that gets what is read, instead of each being a variable of its own.
    name: Option<LooseString>,
    /// How many levels of directories to read; 0 for all.
    depth: Option<LooseInt>,
    /// Regular expression that names of files must match.
    files_matching: Option<LooseString>,
    /// Regular expressions of names to leave out.
    ignore_files: Option<StringList>,
    /// Endings that files may have.
    extensions: Option<StringList>,
    /// Pass over files with other endings instead of failing.
    #[serde(default)]
    ignore_unknown_extensions: LooseBool,
    /// `merge`: mappings are merged with those that are there.
    hash_behaviour: Option<LooseString>,
}

impl Action for IncludeVars {
    const NAME: &'static str = "ansible.builtin.include_vars";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, args: Args, _: Map) -> Result<Reply, ActionError> {
        let files = match (args.file.as_ref().or(args.text.as_ref()), &args.dir) {
            (Some(_), Some(_)) => {
                return Err("You are mixing file only and dir only arguments, these are incompatible".into());
            }
            (Some(file), None) if file.trim().is_empty() => {
                Err(ActionError::from("Could not find file on the Ansible Controller: its name is empty"))
            }
            (Some(file), None) => context.find_file("vars", file.trim()).map(|file| vec![file]),
            (None, Some(dir)) => directory(context, &args, dir),
            (None, None) => Err(ActionError::from("Could not find file on the Ansible Controller: none is named")),
        };
        let mut variables = Map::default();
        let read = files.and_then(|files| {
            for file in &files {
                variables
                    .extend(load(context, file).map_err(|diagnostic| ActionError::Failed(diagnostic.to_string()))?);
            }
            Ok(files)
        });
        let files = match read {
            Ok(files) => files,
            // Ansible has it under this name alone.
            Err(ActionError::Failed(why)) => {
                return Ok(Reply::failure(why.clone(), [("message", Value::from(why))]));
            }
            Err(other) => return Err(other),
        };
        if args.hash_behaviour.as_ref().is_some_and(|behaviour| &**behaviour == "merge") {
            variables = merged(context, variables)?;
        }
        if let Some(LooseString(name)) = args.name {
            variables = Map::from_iter([(Key::from(name), variables.into())]);
        }
        let shown = files.iter().map(|file| Value::from(file.to_string_lossy().into_owned()));
        let fields = [
            ("ansible_included_var_files", Value::list(shown)),
            ("ansible_facts", context.templar.resolve(&Value::Map(Arc::new(variables.clone()))).unwrap_or_default()),
        ];
        Ok(Reply { effects: vec![Effect::IncludeVars(variables)], ..Reply::ok(fields) })
    }
}

/// A file's variables. Those whose names are the language's own are warned of.
fn load(context: &Context<'_>, file: &Path) -> Result<Map, Diagnostic> {
    let Some(tree) = load_yaml_file(file, context.vault, &mut Vec::new())? else { return Ok(Map::default()) };
    for (key, _) in tree.as_map().unwrap_or_default() {
        if let Some(warning) = key.as_str().and_then(|name| reserved::warning(name, None)) {
            context.templar.warn(format!("{}\nOrigin: {}\n", warning.message, key.span));
        }
    }
    mapping(&tree, context.vault)
}

/// The files of a directory that the filters let through: those of each directory by name, the directories by path.
fn directory(context: &Context<'_>, args: &Args, dir: &str) -> Result<Vec<PathBuf>, ActionError> {
    let pattern = |text: &str| {
        fancy_regex::Regex::new(text)
            .map_err(|error| ActionError::Failed(format!("'{text}' is not a regular expression: {error}")))
    };
    let matching = args.files_matching.as_ref().map(|text| pattern(text)).transpose()?;
    let ignored = args.ignore_files.iter().flat_map(|names| names.iter());
    let ignored = ignored.map(|text| pattern(&format!("{text}$"))).collect::<Result<Vec<_>, _>>()?;
    let extensions = match &args.extensions {
        Some(extensions) => extensions.0.clone(),
        None => ["json", "yaml", "yml"].map(str::to_owned).to_vec(),
    };
    let depth = args.depth.as_ref().map_or(0, |depth| depth.0.max(0) as usize);
    let root = root(context, dir)?;
    let mut directories = Vec::new();
    walk(&root, if depth == 0 { usize::MAX } else { depth }, &mut directories)?;
    directories.sort();
    let main = context.task.scope.role().map(|role| role.path.join("vars/main.yml"));
    let mut chosen = Vec::new();
    for (_, files) in directories {
        for file in files.into_iter().filter(|file| main.as_ref() != Some(file)) {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let hits = |regex: &fancy_regex::Regex| regex.is_match(&name).unwrap_or(false);
            if matching.as_ref().is_some_and(|matching| !hits(matching)) || ignored.iter().any(hits) {
                continue;
            }
            let extension = file.extension().map(|extension| extension.to_string_lossy()).unwrap_or_default();
            if extensions.iter().any(|known| *known == extension) {
                chosen.push(file);
            } else if !*args.ignore_unknown_extensions {
                let known = extensions.join(", ");
                return Err(format!("{} does not have a valid extension: {known}", file.display()).into());
            }
        }
    }
    Ok(chosen)
}

/// The directory as Ansible finds it: in the role's `vars`, elsewhere beside the file that names it.
fn root(context: &Context<'_>, dir: &str) -> Result<PathBuf, ActionError> {
    let scope = &context.task.scope;
    let root = match (scope.role(), scope.dir()) {
        (Some(role), _) if dir.split('/').next() == Some("vars") => {
            Some(role.path.join(dir)).filter(|path| local_files::exists(path)).unwrap_or_else(|| PathBuf::from(dir))
        }
        (Some(role), _) => role.path.join("vars").join(dir),
        (None, Some(beside)) => beside.join(dir),
        (None, None) => PathBuf::from(dir),
    };
    match () {
        () if !local_files::exists(&root) => Err(format!("{} directory does not exist", root.display()).into()),
        () if !local_files::is_dir(&root) => Err(format!("{} is not a directory", root.display()).into()),
        () => Ok(root),
    }
}

/// Directories, each with its files by name.
type Directories = Vec<(PathBuf, Vec<PathBuf>)>;

fn walk(dir: &Path, depth: usize, found: &mut Directories) -> Result<(), ActionError> {
    if depth == 0 {
        return Ok(());
    }
    let names = local_files::read_dir(dir).map_err(|error| ActionError::Failed(error.to_string()))?;
    let (inner, files): (Vec<_>, Vec<_>) = names.into_iter().partition(|path| local_files::is_dir(path));
    found.push((dir.to_owned(), files));
    inner.iter().try_for_each(|dir| walk(dir, depth - 1, found))
}

/// `hash_behaviour: merge`: mappings that are there already are merged with the new ones.
fn merged(context: &Context<'_>, variables: Map) -> Result<Map, ActionError> {
    let mut all = Map::default();
    for (key, value) in variables {
        let old = match key.as_str() {
            Some(name) => context.templar.variable(name)?,
            None => None,
        };
        let value = match old {
            Some(old) => crate::vars::merge(old, value),
            None => value,
        };
        all.insert(key, value);
    }
    Ok(all)
}
