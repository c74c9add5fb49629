//! `template`: renders on the controller, has `copy` write the result on the host.

use super::context::{Context, flag, text};
use super::copy;
use super::{Action, ActionError, Reply, check_parameters};
use crate::system::local_files;
use crate::template::FileOptions;
use crate::value::{Key, Map, Value};

pub(super) struct Template;

const PARAMETERS: &[&str] = &[
    "src",
    "dest",
    "backup",
    "newline_sequence",
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "trim_blocks",
    "lstrip_blocks",
    "force",
    "follow",
    "output_encoding",
    "validate",
    "owner",
    "group",
    "mode",
    "attributes",
    "attr",
    "seuser",
    "serole",
    "setype",
    "selevel",
    "unsafe_writes",
];

impl Action for Template {
    fn name(&self) -> &'static str {
        "ansible.builtin.template"
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(PARAMETERS)
    }

    fn run(&self, context: &Context<'_>, mut args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        let (Some(source), Some(_)) = (text(&args, "src"), text(&args, "dest")) else {
            return Err("src and dest are required".into());
        };
        let path = context.find_file("templates", &source)?;
        let content =
            local_files::read_to_string(&path).map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
        let options = options(&mut args)?;
        let encoding = text(&args, "output_encoding").unwrap_or_else(|| "utf-8".to_owned());
        args.shift_remove("output_encoding");
        let locals = variables(&path, &source, &args);
        let rendered = context.templar.with_locals(locals).render_file(&content, &path, &options)?;
        let bytes = encode(&rendered.text, &encoding)?;
        args.shift_remove("src");
        let mut reply =
            copy::send(context, copy::MODULE, args, &bytes, &copy::file_name(&path), local_files::mode(&path).ok())?;
        // Where a value is known only after apply, so is whether the file changes.
        reply.unknown |= rendered.has_unknown && !reply.failed;
        Ok(reply)
    }
}

/// Takes the parameters that are about rendering out of `args`.
fn options(args: &mut Map) -> Result<FileOptions, ActionError> {
    let mut options = FileOptions {
        trim_blocks: flag(args, "trim_blocks", true)?,
        lstrip_blocks: flag(args, "lstrip_blocks", false)?,
        ..FileOptions::default()
    };
    args.shift_remove("trim_blocks");
    args.shift_remove("lstrip_blocks");
    if let Some(newline) = text(args, "newline_sequence") {
        options.newline_sequence = match newline.as_str() {
            "\\n" | "\n" => "\n".into(),
            "\\r" | "\r" => "\r".into(),
            "\\r\\n" | "\r\n" => "\r\n".into(),
            _ => return Err(r"newline_sequence needs to be one of: \n, \r or \r\n".into()),
        };
        args.shift_remove("newline_sequence");
    }
    let marks = [
        ("block_start_string", &mut options.block.0),
        ("block_end_string", &mut options.block.1),
        ("variable_start_string", &mut options.variable.0),
        ("variable_end_string", &mut options.variable.1),
        ("comment_start_string", &mut options.comment.0),
        ("comment_end_string", &mut options.comment.1),
    ];
    for (name, mark) in marks {
        if let Some(given) = text(args, name) {
            *mark = given;
            args.shift_remove(name);
        }
    }
    Ok(options)
}

/// `template_path` and its kin, as templates can use them in their headers.
fn variables(path: &std::path::Path, source: &str, args: &Map) -> Map {
    let full = local_files::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let shown = |path: &std::path::Path| Value::from(path.to_string_lossy().into_owned());
    let mut variables = Map::from_iter([
        (Key::from("template_path"), Value::from(source)),
        (Key::from("template_fullpath"), shown(&full)),
    ]);
    variables.extend(text(args, "dest").map(|dest| (Key::from("template_destpath"), Value::from(dest))));
    variables
}

fn encode(text: &str, encoding: &str) -> Result<Vec<u8>, ActionError> {
    match encoding.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "utf8" => Ok(text.as_bytes().to_vec()),
        "latin1" | "iso88591" => text
            .chars()
            .map(|letter| {
                u8::try_from(u32::from(letter))
                    .map_err(|_| ActionError::Failed(format!("'{letter}' is not in {encoding}")))
            })
            .collect(),
        "ascii" if text.is_ascii() => Ok(text.as_bytes().to_vec()),
        "utf16le" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf16be" => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => {
            Err(format!("output_encoding '{encoding}' is not there; utf-8, latin-1, ascii and utf-16-le/be are").into())
        }
    }
}
