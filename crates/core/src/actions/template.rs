//! `template`: renders on the controller, has `copy` write the result on the host.

use super::{Action, ActionError, Context, Reply};
use super::{copy, local_files};
use crate::module::types::{FileMode, LooseBool, LooseString};
use crate::template::FileOptions;
use crate::value::{Key, Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct Template;

/// Writes a rendered template to the host.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "those of copy are handed on as they are")]
pub(super) struct Args {
    /// Template on the controller, looked for in `templates/`.
    src: LooseString,
    /// Path to write to.
    dest: LooseString,
    /// Keep a copy of what is replaced, with the time in its name.
    backup: Option<LooseBool>,
    /// What ends a line: `\n`, `\r` or `\r\n`.
    newline_sequence: Option<LooseString>,
    /// What begins a block.
    block_start_string: Option<LooseString>,
    /// What ends a block.
    block_end_string: Option<LooseString>,
    /// What begins an expression.
    variable_start_string: Option<LooseString>,
    /// What ends an expression.
    variable_end_string: Option<LooseString>,
    /// What begins a comment.
    comment_start_string: Option<LooseString>,
    /// What ends a comment.
    comment_end_string: Option<LooseString>,
    /// Whether the newline after a block is dropped.
    #[serde(default = "LooseBool::yes")]
    trim_blocks: LooseBool,
    /// Whether blanks before a block are dropped.
    #[serde(default)]
    lstrip_blocks: LooseBool,
    /// Encoding of the file: utf-8, latin-1, ascii, utf-16-le, utf-16-be.
    output_encoding: Option<LooseString>,
    /// Replace a file that is there.
    force: Option<LooseBool>,
    /// Write to what a link at `dest` points to.
    follow: Option<LooseBool>,
    /// Command that must accept the new file before it is put in place; `%s` is its path.
    validate: Option<LooseString>,
    /// Owner of the file.
    owner: Option<LooseString>,
    /// Group of the file.
    group: Option<LooseString>,
    /// Permissions of the file.
    mode: Option<FileMode>,
    /// Attributes of the file, as `chattr` has them.
    #[serde(alias = "attr")]
    attributes: Option<LooseString>,
    /// User part of the SELinux context.
    seuser: Option<LooseString>,
    /// Role part of the SELinux context.
    serole: Option<LooseString>,
    /// Type part of the SELinux context.
    setype: Option<LooseString>,
    /// Level part of the SELinux context.
    selevel: Option<LooseString>,
    /// Write in place where a rename is not possible.
    unsafe_writes: Option<LooseBool>,
}

/// Parameters that are about rendering, not about the file.
const RENDERING: &[&str] = &[
    "newline_sequence",
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "trim_blocks",
    "lstrip_blocks",
    "output_encoding",
];

impl Action for Template {
    const NAME: &'static str = "ansible.builtin.template";
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, mut args: Map) -> Result<Reply, ActionError> {
        let path = context.find_file("templates", &given.src)?;
        let (content, mode) = local_files::read(context, &path, true)?;
        let content = String::from_utf8(content)
            .map_err(|_| ActionError::Failed(format!("failed to read {}: it is not UTF-8", path.display())))?;
        let locals = Map::from_iter([
            (Key::from("template_path"), Value::from(&*given.src)),
            (Key::from("template_destpath"), Value::from(&*given.dest)),
        ]);
        let rendered = context.templar.with_locals(locals).render_file(&content, &path, &options(&given)?)?;
        let encoding = given.output_encoding.as_ref().map_or("utf-8", |encoding| &**encoding);
        let bytes = encode(&rendered.text, encoding)?;
        args.retain(|key, _| key.as_str().is_none_or(|key| !RENDERING.contains(&key)));
        args.insert(Key::from("src"), Value::from(path.to_string_lossy().into_owned()));
        let mut reply = copy::send(context, args, &bytes, &copy::file_name(&path), Some(mode))?;
        // Where a value is known only after apply, so is whether the file changes.
        reply.unknown |= rendered.has_unknown && !reply.failed;
        Ok(reply)
    }
}

fn options(given: &Args) -> Result<FileOptions, ActionError> {
    let mut options =
        FileOptions { trim_blocks: *given.trim_blocks, lstrip_blocks: *given.lstrip_blocks, ..FileOptions::default() };
    if let Some(newline) = &given.newline_sequence {
        options.newline_sequence = match &**newline {
            "\\n" | "\n" => "\n".into(),
            "\\r" | "\r" => "\r".into(),
            "\\r\\n" | "\r\n" => "\r\n".into(),
            _ => return Err(r"newline_sequence needs to be one of: \n, \r or \r\n".into()),
        };
    }
    let marks = [
        (&given.block_start_string, &mut options.block.0),
        (&given.block_end_string, &mut options.block.1),
        (&given.variable_start_string, &mut options.variable.0),
        (&given.variable_end_string, &mut options.variable.1),
        (&given.comment_start_string, &mut options.comment.0),
        (&given.comment_end_string, &mut options.comment.1),
    ];
    for (mark, option) in marks {
        if let Some(mark) = mark {
            option.clone_from(&mark.0);
        }
    }
    Ok(options)
}

/// Windows' code page for western Europe, which differs from Latin-1 in these places only.
fn windows_1252(letter: char) -> Option<u8> {
    const FROM_0X80: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match FROM_0X80.chars().position(|known| known == letter) {
        Some(at) => u8::try_from(0x80 + at).ok().filter(|_| !letter.is_control()),
        None => u8::try_from(u32::from(letter)).ok().filter(|byte| !(0x80..0xa0).contains(byte)),
    }
}

fn encode(text: &str, encoding: &str) -> Result<Vec<u8>, ActionError> {
    match encoding.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "" | "utf8" => Ok(text.as_bytes().to_vec()),
        "latin1" | "iso88591" => text
            .chars()
            .map(|letter| {
                u8::try_from(u32::from(letter))
                    .map_err(|_| ActionError::Failed(format!("'{letter}' is not in {encoding}")))
            })
            .collect(),
        "windows1252" | "cp1252" => text
            .chars()
            .map(|letter| {
                windows_1252(letter).ok_or_else(|| ActionError::Failed(format!("'{letter}' is not in {encoding}")))
            })
            .collect(),
        "ascii" if text.is_ascii() => Ok(text.as_bytes().to_vec()),
        "utf16le" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf16be" => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => Err(format!(
            "output_encoding '{encoding}' is not there; utf-8, latin-1, windows-1252, ascii and utf-16-le/be are"
        )
        .into()),
    }
}
