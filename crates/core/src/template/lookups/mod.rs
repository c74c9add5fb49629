//! Lookups: data from the controller's files and environment, and the lists that `with_*` loops over.

mod config;
mod files;
mod lists;
mod password;
mod search;
mod tables;
mod url;
mod variables;

use super::context::Context;
use super::environment::unknown_plugin;
use super::fault::{Fault, Result};
use super::python::{Args, Py};
use crate::plugins::Kind;

/// Gives a list of results.
type Function = fn(&Context, Call) -> Result<Vec<Py>>;

/// One use of a lookup.
pub(crate) struct Call {
    pub terms: Vec<Py>,
    pub options: Args,
}

const TABLES: [&[(&str, Function)]; 8] = [
    config::TABLE,
    files::TABLE,
    lists::TABLE,
    password::TABLE,
    search::TABLE,
    tables::TABLE,
    url::TABLE,
    variables::TABLE,
];

fn all() -> impl Iterator<Item = &'static (&'static str, Function)> {
    TABLES.into_iter().flatten()
}

/// The lookup `name`, with or without its collection.
pub(crate) fn find(name: &str) -> Option<Function> {
    let short = ["ansible.builtin.", "ansible.legacy.", "community.general."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    let short = short.unwrap_or(name);
    all().find(|(known, _)| *known == short).map(|(_, function)| *function)
}

/// The names of all, without collections.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}

/// A hint at the lookup that may have been meant.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let near = crate::text::nearest(name, all().map(|(name, _)| *name))?;
    Some(format!("did you mean `{near}`?"))
}

/// `lookup(name, terms…, options…)`, or `query(…)` if `wantlist`.
pub(crate) fn call(context: &Context, wantlist: bool, mut args: Args) -> Result<Py> {
    if args.positional.is_empty() {
        return Err(Fault::error("lookup() needs the name of a lookup"));
    }
    let name = args.positional.remove(0).used()?;
    let Some(name) = name.as_str() else { return Err(Fault::error("a lookup's name must be text")) };
    let function = find(name);
    let own = super::own::find(context, Kind::Lookup, name, function.is_some());
    if function.is_none() && own.is_none() {
        let help = context.templar().templates.missing(Kind::Lookup, name);
        return Err(Fault::with_help(unknown_plugin(Kind::Lookup, name), help));
    }
    let wantlist = args.take("wantlist").map(|wanted| wanted.truth()).transpose()?.unwrap_or(wantlist);
    let errors = args.take("errors").map(|errors| errors.used()).transpose()?;
    let strict = !matches!(errors.as_ref().and_then(Py::as_str), Some("ignore" | "warn"));
    // A default may be undefined as long as it is not needed.
    let lazily = matches!(name.rsplit('.').next(), Some("env" | "vars"));
    let eager = args.named.iter().filter(|(name, _)| !lazily || &**name != "default").map(|(_, value)| value);
    for value in args.positional.iter().chain(eager) {
        match value {
            // An undefined name among first_found's terms is skipped there.
            Py::Marker(_) if name.ends_with("first_found") => {}
            Py::Marker(marker) => return Ok(Py::Marker(std::rc::Rc::clone(marker))),
            Py::Unknown(reason) => return Err(Fault::Unknown(std::sync::Arc::clone(reason))),
            _ => {}
        }
    }
    let terms = std::mem::take(&mut args.positional);
    let found = match (function, own) {
        (_, Some(plugin)) => super::own::look_up(context, &plugin, terms, args),
        (Some(function), None) => function(context, Call { terms, options: args }),
        (None, None) => Ok(Vec::new()),
    };
    let found = match found {
        Err(Fault::Error(marker)) if marker.undefined.is_some() => return Ok(Py::Marker(marker)),
        Err(Fault::Error(_)) if !strict => return Ok(if wantlist { Py::list(Vec::new()) } else { Py::None }),
        Err(Fault::Error(marker)) if marker.message.starts_with("The lookup plugin '") => {
            return Err(Fault::Error(marker));
        }
        Err(Fault::Error(marker)) => {
            let message = format!("The lookup plugin '{name}' failed: {}", marker.message);
            return Err(Fault::with_help(message, marker.help.clone()));
        }
        other => other?,
    };
    if wantlist {
        return Ok(Py::list(found));
    }
    match found.len() {
        1 => Ok(found.into_iter().next().unwrap_or(Py::None)),
        len if len > 1 && found.iter().all(|item| matches!(item, Py::Str(_))) => {
            Ok(Py::str(found.iter().filter_map(Py::as_str).collect::<Vec<_>>().join(",")))
        }
        _ => Ok(Py::list(found)),
    }
}

impl Call {
    /// Refuses options that the lookup does not know.
    pub fn finish(&self) -> Result<()> {
        match self.options.named.first() {
            Some((name, _)) => Err(Fault::error(format!("does not know the option '{name}'"))),
            None => Ok(()),
        }
    }

    /// Takes an option as text.
    pub fn text(&mut self, context: &Context, name: &str) -> Result<Option<String>> {
        match self.options.take(name) {
            None | Some(Py::None) => Ok(None),
            Some(value) => context.text(&value).map(Some),
        }
    }

    /// Takes an option as a flag.
    pub fn flag(&mut self, name: &str, missing: bool) -> Result<bool> {
        match self.options.take(name) {
            None => Ok(missing),
            Some(Py::Str(text)) => crate::value::parse_bool(&text)
                .ok_or_else(|| Fault::error(format!("the option '{name}' must be true or false, not '{text}'"))),
            Some(value) => value.truth(),
        }
    }

    /// The terms, lists among them taken apart, each as text.
    pub fn term_texts(&self, context: &Context) -> Result<Vec<String>> {
        let mut flat = Vec::new();
        super::filters::flatten_into(&mut flat, self.terms.clone(), None, false)?;
        flat.iter().map(|term| context.text(term)).collect()
    }
}
