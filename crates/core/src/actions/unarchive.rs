//! `unarchive`: the controller's half. Finds and hashes the archive; the module on the host unpacks it.

use super::copy;
use super::local_files::Blobs;
use super::{Action, ActionError, Context, Reply};
use crate::modules::unarchive::Args;
use crate::system::local_files;
use crate::value::{Key, Map, Value};

pub(super) struct Unarchive;

impl Action for Unarchive {
    const NAME: &'static str = "ansible.builtin.unarchive";
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, mut args: Map) -> Result<Reply, ActionError> {
        if given.copy.is_some() && args.contains_key("remote_src") {
            return Err("parameters are mutually exclusive: ('copy', 'remote_src')".into());
        }
        let remote = given.copy.map_or(*given.remote_src, |copy| !*copy);
        args.shift_remove("copy");
        args.insert(Key::from("remote_src"), Value::Bool(remote));
        if remote {
            return context.module(Self::NAME, &args);
        }
        if given.src.contains("://") {
            return Err(format!(
                "Unsupported option, an URI src ({}) is only supported when remote_src is True",
                given.src.0
            )
            .into());
        }
        let src = match (given.src.strip_prefix("~/"), context.templar.home()) {
            (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned(),
            _ => given.src.0.clone(),
        };
        let path = context.find_file("files", &src)?;
        if local_files::is_dir(&path) {
            return Err(format!("Source '{}' is a directory, not an archive", path.display()).into());
        }
        let mut blobs = Blobs::default();
        let name = copy::file_name(&path);
        let file = blobs.file(context, &path, &name, *given.decrypt)?;
        args.insert(Key::from("_file"), Value::from(file));
        context.module_with(Self::NAME, &args, &blobs)
    }
}
