//! The lookup `password`: a random password, kept in a file so that the next run gives the same one.

use super::{Call, Function};
use crate::system::local_files;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::passwords;
use crate::template::python::Py;
use crate::template::random::Random;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(super) const TABLE: &[(&str, Function)] = &[("password", password)];

/// Hosts that run at the same time share the file's password.
static WRITING: Mutex<()> = Mutex::new(());

struct Options {
    length: usize,
    chars: Vec<char>,
    encrypt: Option<String>,
    ident: Option<String>,
    seed: Option<Py>,
}

fn password(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let mut given = Vec::new();
    for name in ["length", "encrypt", "ident", "seed", "chars"] {
        if let Some(value) = call.options.take(name).filter(|value| !matches!(value, Py::None)) {
            given.push((name.to_owned(), value));
        }
    }
    call.finish()?;
    call.term_texts(context)?.iter().map(|term| one(context, term, &given).map(Py::str)).collect()
}

fn one(context: &Context, term: &str, given: &[(String, Py)]) -> Result<String> {
    let mut path = Vec::new();
    let mut fields = given.to_vec();
    for word in term.split(' ') {
        match word.split_once('=') {
            Some((name, value)) if !path.is_empty() => {
                if !["length", "encrypt", "ident", "seed", "chars"].contains(&name) {
                    return Err(Fault::error(format!("unrecognized parameter given to the password lookup: {name}")));
                }
                fields.push((name.to_owned(), Py::str(value.trim_matches(['"', '\'']))));
            }
            _ => path.push(word),
        }
    }
    // Nothing given is not given.
    fields.retain(|(name, value)| !(name == "encrypt" && value.as_str() == Some("")));
    let options = options(context, &fields)?;
    let path = context.templar().templates.options.base_dir.join(path.join(" "));
    let stored = path != Path::new("/dev/null");
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let content = if stored && local_files::exists(&path) {
        Some(context.templar().read_text(&path)?.trim_end().to_owned())
    } else {
        None
    };
    let (plain, mut salt, mut ident) = match &content {
        Some(content) => parse(content),
        None => (generate(&options)?, None, None),
    };
    let mut changed = content.is_none();
    if let Some(kind) = &options.encrypt {
        if salt.is_none() {
            let size = if matches!(kind.as_str(), "bcrypt" | "blowfish") { 22 } else { 16 };
            salt = Some(passwords::new_salt(size).map_err(Fault::error)?);
            changed = true;
        }
        if ident.is_none() {
            ident = options.ident.clone().or_else(|| (kind == "bcrypt").then(|| "2b".to_owned()));
            changed |= ident.is_some();
        }
    }
    if changed && stored {
        let mut line = plain.clone();
        for (name, value) in [("salt", &salt), ("ident", &ident)] {
            if let Some(value) = value {
                line += &format!(" {name}={value}");
            }
        }
        local_files::write_private(&path, &format!("{line}\n")).map_err(|error| Fault::error(error.to_string()))?;
    }
    match &options.encrypt {
        Some(kind) => {
            let options =
                passwords::Options { salt: salt.as_deref(), ident: ident.as_deref(), ..passwords::Options::default() };
            passwords::encrypt(&plain, kind, &options).map_err(Fault::error)
        }
        None => Ok(plain),
    }
}

fn options(context: &Context, fields: &[(String, Py)]) -> Result<Options> {
    let mut options = Options { length: 20, chars: Vec::new(), encrypt: None, ident: None, seed: None };
    let mut chars = vec!["ascii_letters".to_owned(), "digits".into(), ".,:-_".into()];
    for (name, value) in fields {
        let text = || context.text(value);
        match name.as_str() {
            "length" => {
                let text = text()?;
                options.length = text.parse().map_err(|_| Fault::error(format!("the length '{text}' is no number")))?;
            }
            "encrypt" => options.encrypt = Some(text()?),
            "ident" => options.ident = Some(text()?),
            "seed" => options.seed = Some(Py::str(text()?)),
            _ if value.is_sequence() => {
                chars = value.iterate()?.iter().map(|item| context.text(item)).collect::<Result<_>>()?;
            }
            _ => {
                let text = text()?;
                chars = if text.contains(",,") { vec![",".to_owned()] } else { Vec::new() };
                let parts = text.replace(",,", ",");
                chars.extend(parts.split(',').filter(|part| !part.is_empty()).map(str::to_owned));
            }
        }
    }
    options.chars = chars.iter().flat_map(|set| named_set(set).chars().collect::<Vec<_>>()).collect();
    options.chars.retain(|c| !matches!(c, '"' | '\''));
    Ok(options)
}

/// The character sets of Python's `string` module; other text stands for itself.
fn named_set(name: &str) -> &str {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    match name {
        "ascii_letters" => LETTERS,
        "ascii_lowercase" => &LETTERS[..26],
        "ascii_uppercase" => &LETTERS[26..],
        "digits" => "0123456789",
        "hexdigits" => "0123456789abcdefABCDEF",
        "octdigits" => "01234567",
        "punctuation" => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        "whitespace" => " \t\n\r\u{b}\u{c}",
        other => other,
    }
}

fn generate(options: &Options) -> Result<String> {
    match &options.seed {
        Some(seed) => {
            let mut random = Random::seeded(seed)?;
            if options.chars.is_empty() {
                return Err(Fault::error("there are no characters to choose from"));
            }
            let pick = |_| options.chars[random.below(options.chars.len() as u64) as usize];
            Ok((0..options.length).map(pick).collect())
        }
        None => passwords::random_text(&options.chars, options.length).map_err(Fault::error),
    }
}

/// `password salt=… ident=…`
fn parse(content: &str) -> (String, Option<String>, Option<String>) {
    let Some((password, rest)) = content.rsplit_once(" salt=") else { return (content.to_owned(), None, None) };
    let (salt, ident) = match rest.rsplit_once(" ident=") {
        Some((salt, ident)) => (salt, Some(ident.to_owned())),
        None => (rest, None),
    };
    (password.to_owned(), Some(salt.to_owned()), ident)
}
