//! `uri`: the controller's half. Finds and hashes the local files that the request sends; the module makes it.

use super::local_files::Blobs;
use super::{Action, ActionError, Context, Reply};
use crate::modules::uri::{Args, BodyFormat};
use crate::value::{Key, Map, Value};
use serde_json::{Map as JsonMap, Value as Json};

pub(super) struct Uri;

const MODULE: &str = "ansible.builtin.uri";

impl Action for Uri {
    const NAME: &'static str = MODULE;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, mut args: Map) -> Result<Reply, ActionError> {
        let names = if *given.remote_src { Vec::new() } else { local_names(&given) };
        if names.is_empty() {
            return context.module(MODULE, &args);
        }
        let mut blobs = Blobs::default();
        let mut files = JsonMap::new();
        for name in names {
            let path = context.find_file("files", &name)?;
            let file = blobs.file(context, &path, &name, false)?;
            files.insert(name, file);
        }
        args.insert(Key::from("_files"), Value::from(Json::Object(files)));
        context.module_with(MODULE, &args, &blobs)
    }
}

/// The files that the request names.
fn local_names(given: &Args) -> Vec<String> {
    let parts = match (given.body_format, &given.body) {
        (BodyFormat::FormMultipart, Some(Json::Object(fields))) => fields.values().collect(),
        _ => Vec::new(),
    };
    let in_parts = parts.into_iter().filter(|part| part.get("content").is_none_or(Json::is_null));
    let in_parts = in_parts.filter_map(|part| part.get("filename")?.as_str());
    in_parts.chain(given.src.as_ref().map(|src| src.raw())).map(str::to_owned).collect()
}
