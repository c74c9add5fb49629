//! Macros and imported templates.

use super::frame::{Frame, Output};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Object, Py, PyMap};
use crate::template::syntax::MacroDecl;
use crate::value::Key;
use std::collections::HashMap;
use std::sync::Arc;

/// A macro, with the names around its definition.
pub(super) struct Macro {
    pub decl: Arc<MacroDecl>,
    pub frame: Frame,
}

impl Object for Macro {
    fn type_name(&self) -> &'static str {
        "Macro"
    }

    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        Ok(match name {
            "name" => Some(Py::str(Arc::clone(&self.decl.name))),
            "arguments" => Some(Py::tuple(self.decl.params.iter().map(|name| Py::str(Arc::clone(name))).collect())),
            _ => None,
        })
    }

    fn call(&self, context: &Context, mut args: Args) -> Result<Py> {
        let decl = &self.decl;
        let frame = Frame { file: None, ..self.frame.nested() };
        if let Some(caller) = args.take("caller") {
            frame.scope.set(&"caller".into(), caller);
        }
        let extra = args.positional.split_off(decl.params.len().min(args.positional.len()));
        let mut positional = args.positional.into_iter();
        let first_default = decl.params.len() - decl.defaults.len();
        for (index, name) in decl.params.iter().enumerate() {
            let named = args.named.iter().position(|(key, _)| key == name);
            let value = match (positional.next(), named) {
                (Some(_), Some(_)) => {
                    return Err(Fault::error(format!(
                        "macro '{}' got multiple values for argument '{name}'",
                        decl.name
                    )));
                }
                (Some(value), None) => value,
                (None, Some(at)) => args.named.remove(at).1,
                (None, None) => match index.checked_sub(first_default).and_then(|at| decl.defaults.get(at)) {
                    Some(default) => frame.eval(default)?,
                    None => Py::undefined(format!("parameter '{name}' was not provided"), name),
                },
            };
            frame.scope.set(name, value);
        }
        frame.scope.set(&"varargs".into(), Py::tuple(extra));
        let named = args.named.into_iter().map(|(key, value)| (Key::Str(key), value)).collect::<PyMap>();
        frame.scope.set(&"kwargs".into(), Py::dict(named));
        let mut out = Output::default();
        let result = context.nested("the macro", || frame.body(&decl.body, &mut out));
        let value = result.and_then(|_| out.concat(context));
        frame.scope.clear();
        value
    }

    fn callable(&self) -> bool {
        true
    }

    fn text(&self, _: &Context) -> Result<String> {
        Ok(format!("<Macro '{}'>", self.decl.name))
    }
}

/// What `{% import %}` gives: the names that the template set.
pub(super) struct Module {
    pub names: HashMap<Arc<str>, Py>,
    pub body: Py,
}

impl Module {
    pub fn get(&self, name: &str) -> Option<Py> {
        self.names.get(name).filter(|_| !name.starts_with('_')).cloned()
    }
}

impl Object for Module {
    fn type_name(&self) -> &'static str {
        "TemplateModule"
    }

    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        Ok(self.get(name))
    }

    fn export(&self, context: &Context) -> Result<crate::value::Value> {
        context.export(&self.body)
    }

    fn text(&self, context: &Context) -> Result<String> {
        match &self.body {
            Py::None => Ok(String::new()),
            body => context.text(body),
        }
    }
}
