//! `copy`: the controller's half. Finds and hashes local files; the module on the host does the rest.

use super::local_files::Blobs;
use super::{Action, ActionError, Context, Reply};
use crate::modules::copy::Args;
use crate::system::local_files;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

pub(super) struct Copy;

const MODULE: &str = "ansible.builtin.copy";

impl Action for Copy {
    const NAME: &'static str = MODULE;
    type Args = Args;

    fn missing(name: &str) -> String {
        format!("{name} is required")
    }

    fn run(context: &Context<'_>, _: Args, mut args: Map) -> Result<Reply, ActionError> {
        let source = text(&args, "src").filter(|source| !source.is_empty());
        match (&source, args.get("content")) {
            (None, None) => return Err("src (or content) is required".into()),
            (Some(_), Some(_)) => return Err("src and content are mutually exclusive".into()),
            _ => {}
        }
        if text(&args, "dest").is_none_or(|dest| dest.is_empty()) {
            return Err("dest is required".into());
        }
        if source.is_none() || flag(&args, "remote_src", false) {
            if source.is_none() && text(&args, "dest").is_some_and(|dest| dest.ends_with('/')) {
                return Err("can not use content with a dir as dest".into());
            }
            return context.module(MODULE, &args);
        }
        let source = source.unwrap_or_default();
        let path = context.find_file("files", source.trim_end_matches('/'))?;
        let decrypt = flag(&args, "decrypt", true);
        args.shift_remove("decrypt");
        let follow = flag(&args, "local_follow", true);
        args.shift_remove("local_follow");
        if local_files::is_dir(&path) {
            let base = if source.ends_with('/') { String::new() } else { file_name(&path) };
            let mut tree = Tree {
                context,
                decrypt,
                follow,
                blobs: Blobs::default(),
                files: Vec::new(),
                dirs: Vec::new(),
                links: Vec::new(),
            };
            tree.walk(&path, &base, &[])?;
            let Tree { blobs, files, dirs, links, .. } = tree;
            args.insert(Key::from("_directory"), Value::Bool(true));
            insert(&mut args, "_files", Json::Array(files));
            insert(&mut args, "_dirs", Json::Array(dirs));
            insert(&mut args, "_links", Json::Array(links));
            return context.module_with(MODULE, &args, &blobs);
        }
        let mut blobs = Blobs::default();
        let file = blobs.file(context, &path, &file_name(&path), decrypt)?;
        insert(&mut args, "_files", Json::Array(vec![file]));
        context.module_with(MODULE, &args, &blobs)
    }
}

/// A text parameter.
fn text(args: &Map, name: &str) -> Option<String> {
    args.get(name).filter(|value| **value != Value::Null).map(Templar::text_of)
}

/// A yes-or-no parameter; what is neither is for the module to refuse.
fn flag(args: &Map, name: &str, default: bool) -> bool {
    args.get(name).and_then(Value::as_bool).unwrap_or(default)
}

/// Has content that is in memory written by the module `copy`.
pub(super) fn send(
    context: &Context<'_>,
    mut args: Map,
    content: &[u8],
    name: &str,
    mode: Option<u32>,
) -> Result<Reply, ActionError> {
    let mut blobs = Blobs::default();
    let file = blobs.bytes(content, name, mode.unwrap_or(0o644));
    insert(&mut args, "_files", Json::Array(vec![file]));
    context.module_with(MODULE, &args, &blobs)
}

fn insert(args: &mut Map, name: &str, value: Json) {
    args.insert(Key::from(name), Value::from(value));
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A directory that is being described.
struct Tree<'a> {
    context: &'a Context<'a>,
    decrypt: bool,
    follow: bool,
    blobs: Blobs,
    files: Vec<Json>,
    dirs: Vec<Json>,
    links: Vec<Json>,
}

impl Tree<'_> {
    /// Describes a directory. `above` are the directories that it is in, with all links resolved.
    fn walk(&mut self, dir: &Path, relative: &str, above: &[PathBuf]) -> Result<(), ActionError> {
        let failed = |error: crate::system::SystemError| ActionError::Failed(format!("failed to {error}"));
        if !relative.is_empty() {
            self.dirs.push(json!(relative));
        }
        let mut inside = above.to_vec();
        inside.extend(local_files::canonicalize(dir).ok());
        let mut paths = local_files::read_dir(dir).map_err(failed)?;
        // Files before directories, as Ansible goes.
        paths.sort_by_key(|path| local_files::is_dir(path));
        for path in paths {
            let name = file_name(&path);
            let inner = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            let link = local_files::link_target(&path);
            // What leads back to where we come from, or nowhere, can only be copied as a link.
            let kept = link.filter(|_| {
                let end = local_files::canonicalize(&path).ok();
                !self.follow || end.is_none_or(|end| inside.contains(&end))
            });
            match kept {
                Some(target) => self.links.push(json!({"path": inner, "target": target.to_string_lossy()})),
                None if local_files::is_dir(&path) => self.walk(&path, &inner, &inside)?,
                None => self.files.push(self.blobs.file(self.context, &path, &inner, self.decrypt)?),
            }
        }
        Ok(())
    }
}
