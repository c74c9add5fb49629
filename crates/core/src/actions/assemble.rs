//! `assemble`: puts fragments of the controller together and has `copy` write them. Those on the host are the module's.

use super::copy;
use super::local_files::read;
use super::{Action, ActionError, Context, Reply};
use crate::modules::assemble::Args;
use crate::system::local_files;
use crate::value::{Key, Map, Value};
use std::sync::Arc;

pub(super) struct Assemble;

/// Parameters that are about the fragments, not about the file.
const FRAGMENTS: &[&str] = &["remote_src", "regexp", "delimiter", "ignore_hidden", "decrypt"];

impl Action for Assemble {
    const NAME: &'static str = "ansible.builtin.assemble";
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, mut args: Map) -> Result<Reply, ActionError> {
        if given.is_remote() {
            return context.module(Self::NAME, &args);
        }
        let src = context.find_file("files", given.src())?;
        if !local_files::is_dir(&src) {
            return Err(format!("Source ({}) is not a directory", src.display()).into());
        }
        let mut assembly = given.assembly().map_err(|error| ActionError::Failed(error.msg))?;
        let failed = |error: crate::system::SystemError| ActionError::Failed(format!("failed to {error}"));
        for path in local_files::read_dir(&src).map_err(failed)? {
            if !local_files::is_file(&path) || !assembly.takes(&copy::file_name(&path)) {
                continue;
            }
            assembly.add(&read(context, &path, given.decrypts())?.0);
        }
        args.retain(|key, _| key.as_str().is_none_or(|key| !FRAGMENTS.contains(&key)));
        let name = copy::file_name(&src);
        args.insert(Key::from("src"), Value::from(src.to_string_lossy().into_owned()));
        let mut reply = copy::send(context, args, &assembly.into_content(), &name, None)?;
        // One diff, not a list of them.
        if let Some(diff) = reply.diff.first().filter(|_| context.diff) {
            let sides = [
                ("before", &diff.before),
                ("after", &diff.after),
                ("before_header", &diff.before_header),
                ("after_header", &diff.after_header),
            ];
            let diff = sides.map(|(name, text)| (Key::from(name), Value::from(text.as_str())));
            reply.output.insert(Key::from("diff"), Value::Map(Arc::new(Map::from_iter(diff))));
        }
        Ok(reply)
    }
}
