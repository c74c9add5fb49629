//! Global names: functions, `hostvars`, `vars`, namespaces.

use super::frame::{Frame, Output};
use crate::template::context::Context;
use crate::template::dates;
use crate::template::fault::{Fault, Result};
use crate::template::lookups;
use crate::template::python::{Args, Object, Py, PyMap};
use crate::value::Key;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// The global called `name`.
pub(crate) fn global(context: &Context, name: &str) -> Option<Py> {
    Some(match name {
        "omit" => Py::Omit,
        "hostvars" => Py::object(HostVars(context.clone())),
        "vars" => Py::object(Vars { host: context.clone(), others: true }),
        "range" => Py::function("range", |_, args| range(args)),
        "dict" => Py::function("dict", dict),
        "namespace" => Py::function("namespace", |context, args| {
            let Py::Dict(map) = dict(context, args)? else { return Err(Fault::error("namespace() takes names")) };
            Ok(Py::object(Namespace(map)))
        }),
        "lookup" => Py::function("lookup", |context, args| lookups::call(context, false, args)),
        "query" | "q" => Py::function("query", |context, args| lookups::call(context, true, args)),
        "now" => Py::function("now", |context, args| {
            let [utc, format] = args.bind(["utc", "fmt"])?;
            let utc = utc.is_some_and(|utc| utc.truth().unwrap_or_default());
            let format = format.as_ref().and_then(Py::as_str);
            dates::now(context, utc, format)
        }),
        "undef" => Py::function("undef", |_, args| {
            let [hint] = args.bind(["hint"])?;
            let hint = match &hint {
                None | Some(Py::None) => NO_HINT,
                Some(Py::Str(hint)) => hint,
                Some(other) => {
                    let kind = other.type_name();
                    return Err(Fault::error(format!("undef() argument must be of type 'str', not '{kind}'.")));
                }
            };
            Ok(Py::undefined(hint, "undef"))
        }),
        "joiner" => Py::function("joiner", |_, args| {
            let [separator] = args.bind(["sep"])?;
            let separator = separator.unwrap_or_else(|| Py::str(", "));
            let used = Cell::new(false);
            Ok(Py::function("joiner", move |_, _| Ok(if used.replace(true) { separator.clone() } else { Py::str("") })))
        }),
        "cycler" => Py::function("cycler", |_, args| Ok(Py::object(Cycler(args.positional, Rc::default())))),
        _ => return None,
    })
}

/// What `undef()` says by itself.
pub(crate) const NO_HINT: &str = "Mandatory variable has not been overridden";

/// The names that [`global`] knows.
pub(crate) const GLOBALS: [&str; 13] = [
    "omit",
    "hostvars",
    "vars",
    "range",
    "dict",
    "namespace",
    "lookup",
    "query",
    "q",
    "now",
    "undef",
    "joiner",
    "cycler",
];

fn range(args: Args) -> Result<Py> {
    let numbers: Vec<i64> = args
        .positional
        .iter()
        .map(|value| {
            value.as_int().ok_or_else(|| {
                Fault::error(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
            })
        })
        .collect::<Result<_>>()?;
    let (start, stop, step) = match numbers[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(Fault::error("range expected 1 to 3 arguments")),
    };
    if step == 0 {
        return Err(Fault::error("range() arg 3 must not be zero"));
    }
    Ok(Py::Range(start, stop, step))
}

/// `dict(pairs or mapping, **names)`.
pub(crate) fn dict(context: &Context, args: Args) -> Result<Py> {
    let mut map = PyMap::default();
    if let Some(source) = args.positional.into_iter().next() {
        let source = source.force().used()?;
        match source.entries(context)? {
            Some(entries) => map = entries,
            None => {
                for pair in source.iterate()? {
                    let [key, value] = <[Py; 2]>::try_from(pair.iterate()?).map_err(|pair| {
                        let len = pair.len();
                        Fault::error(format!("dictionary update sequence element has length {len}; 2 is required"))
                    })?;
                    map.insert(key.to_key()?, value);
                }
            }
        }
    }
    for (name, value) in args.named {
        map.insert(Key::Str(name), value);
    }
    Ok(Py::dict(map))
}

struct Namespace(Rc<RefCell<PyMap>>);

impl Object for Namespace {
    fn type_name(&self) -> &'static str {
        "Namespace"
    }
    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        Ok(self.0.borrow().get(name).cloned())
    }
    fn item(&self, context: &Context, key: &Py) -> Result<Option<Py>> {
        key.as_str().map_or(Ok(None), |name| self.attribute(context, name))
    }
    fn set_attribute(&self, name: &str, value: Py) -> Result<()> {
        self.0.borrow_mut().insert(name.into(), value);
        Ok(())
    }
    fn text(&self, context: &Context) -> Result<String> {
        Ok(format!("<Namespace {}>", context.text(&Py::Dict(Rc::clone(&self.0)))?))
    }
}

struct Cycler(Vec<Py>, Rc<Cell<usize>>);

impl Object for Cycler {
    fn type_name(&self) -> &'static str {
        "Cycler"
    }
    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        let (items, position) = (self.0.clone(), Rc::clone(&self.1));
        Ok(match name {
            "current" => items.get(position.get()).cloned(),
            "next" => Some(Py::function("next", move |_, _| {
                let at = position.get();
                position.set((at + 1) % items.len().max(1));
                items.get(at).cloned().ok_or_else(|| Fault::error("at least one item has to be provided"))
            })),
            "reset" => Some(Py::function("reset", move |_, _| {
                position.set(0);
                Ok(Py::None)
            })),
            _ => None,
        })
    }
    fn text(&self, _: &Context) -> Result<String> {
        Ok("<Cycler>".into())
    }
}

/// `self`: the template's blocks as functions.
pub(super) fn blocks(frame: &Frame) -> Py {
    struct Blocks(Frame);
    impl Object for Blocks {
        fn type_name(&self) -> &'static str {
            "TemplateReference"
        }
        fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
            let name: Arc<str> = name.into();
            if !self.0.blocks.borrow().contains_key(&name) {
                return Ok(None);
            }
            let frame = self.0.clone();
            Ok(Some(Py::function("block", move |context, _| {
                let mut out = Output::default();
                frame.block(&name, 0, &mut out)?;
                out.concat(context)
            })))
        }
        fn text(&self, _: &Context) -> Result<String> {
            Ok("<TemplateReference>".into())
        }
    }
    Py::object(Blocks(frame.clone()))
}

/// `hostvars`.
struct HostVars(Context);

impl Object for HostVars {
    fn type_name(&self) -> &'static str {
        "HostVars"
    }
    fn item(&self, _: &Context, key: &Py) -> Result<Option<Py>> {
        Ok(key.as_str().and_then(|name| self.0.host(name)).map(|host| Py::object(Vars { host, others: false })))
    }
    fn keys(&self) -> Option<Vec<Arc<str>>> {
        Some(self.0.hosts())
    }
    fn text(&self, _: &Context) -> Result<String> {
        Ok("<HostVars>".into())
    }
}

/// `vars`, and one host of `hostvars`: each variable by name, evaluated when looked at.
struct Vars {
    host: Context,
    /// `hostvars` is one of them.
    others: bool,
}

impl Object for Vars {
    fn type_name(&self) -> &'static str {
        "HostVarsVars"
    }
    fn item(&self, _: &Context, key: &Py) -> Result<Option<Py>> {
        let hostvars =
            |name: &str| (self.others && name == "hostvars").then(|| Py::object(HostVars(self.host.clone())));
        Ok(key.as_str().and_then(|name| self.host.variable(name).or_else(|| hostvars(name))))
    }
    fn keys(&self) -> Option<Vec<Arc<str>>> {
        let mut names = self.host.names();
        names.extend(self.others.then(|| Arc::from("hostvars")));
        names.sort();
        Some(names)
    }
    fn text(&self, context: &Context) -> Result<String> {
        let mut entries = PyMap::default();
        for name in self.host.names() {
            if let Some(value) = self.host.variable(&name) {
                entries.insert(Key::Str(name), value);
            }
        }
        context.text(&Py::dict(entries))
    }
}
