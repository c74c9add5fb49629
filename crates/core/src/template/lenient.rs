//! Values as `debug` shows them: what cannot be evaluated is a placeholder, not the end.

use super::context::{Context, Evaluation};
use super::error::TemplateError;
use super::fault::{Fault, Marker, Origin, Result};
use super::python::Py;
use super::syntax::Mode;
use super::templar::Templar;
use crate::diagnostic::Span;
use crate::value::{Key, Map, Value};
use std::rc::Rc;

/// What an expression came to, and what could not be evaluated in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// The value, with `<< error 1 - … >>` in place of what failed.
    pub value: Value,
    /// The failures, in order.
    pub errors: Vec<String>,
}

impl Templar {
    /// An expression's value, as far as it can be evaluated. Undefined parts are told, not fatal.
    ///
    /// # Errors
    /// The expression itself is wrong.
    pub fn inspect(&self, expression: &str, span: Option<&Span>) -> std::result::Result<Inspected, TemplateError> {
        let evaluation = Evaluation::new(self);
        let source = expression.into();
        let origin = Rc::new(Origin { source: expression.into(), span: span.cloned(), skipped_lines: 0 });
        let mut errors = Vec::new();
        let value = match evaluation.evaluate_source(&source, &Mode::Expression, origin) {
            // What failed as a whole has nothing to show.
            Ok(value) => match value.force() {
                Py::Marker(marker) if marker.undefined.is_none() => Err(Fault::Error(marker)),
                value => show(&evaluation, &value, &mut errors),
            },
            Err(Fault::Error(marker)) if marker.undefined.is_some() => Ok(placeholder(&marker, &mut errors)),
            Err(fault) => Err(fault),
        };
        match value {
            Ok(value) => Ok(Inspected { value, errors }),
            Err(Fault::Unknown(reason)) => Ok(Inspected { value: Value::Unknown(reason), errors }),
            Err(Fault::Error(marker)) => Err(TemplateError::from_marker(&marker)),
        }
    }
}

fn placeholder(marker: &Marker, errors: &mut Vec<String>) -> Value {
    errors.push(format!("error {} - {}", errors.len() + 1, marker.message));
    Value::from(format!("<< {} >>", errors[errors.len() - 1]))
}

fn show(context: &Context, value: &Py, errors: &mut Vec<String>) -> Result<Value> {
    let value = value.clone().force();
    if let Py::Marker(marker) = &value {
        return told(marker, errors);
    }
    if let Some(entries) = value.entries(context)? {
        let mut map = Map::with_capacity_and_hasher(entries.len(), Default::default());
        for (key, value) in entries {
            match show(context, &value, errors)? {
                Value::Omit => {}
                value => {
                    map.insert(key, value);
                }
            }
        }
        return Ok(Value::from(map));
    }
    if value.is_sequence() {
        let items = value.iterate_lazily()?;
        let items = items.iter().map(|item| show(context, item, errors)).collect::<Result<Vec<_>>>()?;
        return Ok(Value::list(items.into_iter().filter(|item| *item != Value::Omit)));
    }
    match context.export(&value) {
        Err(Fault::Error(marker)) => told(&marker, errors),
        other => other,
    }
}

/// What stands for a part that failed. One that no password opens fails the whole, as Ansible has it.
fn told(marker: &Rc<Marker>, errors: &mut Vec<String>) -> Result<Value> {
    if marker.vault.is_some() {
        return Err(Fault::Error(Rc::clone(marker)));
    }
    Ok(placeholder(marker, errors))
}

/// The result's field for an inspected expression: its text, as it was written.
impl Inspected {
    /// What `register` gets under `name`, with the warnings that belong to it.
    pub fn into_fields(self, name: &str) -> Map {
        let mut warnings = Vec::new();
        let mut value = self.value;
        if value == Value::Omit {
            value = Value::from("<<Omit>>");
            let said = "The result of the `var` expression could not be omitted; a placeholder was used instead.";
            warnings.push(Value::from(said));
        }
        if !self.errors.is_empty() {
            let (count, plural) = (self.errors.len(), if self.errors.len() == 1 { "" } else { "s" });
            let said = format!("Encountered {count} template error{plural}.\n{}", self.errors.join("\n"));
            warnings.push(Value::from(said));
        }
        let mut fields = Map::from_iter([(Key::from(name), value)]);
        if !warnings.is_empty() {
            fields.insert(Key::from("warnings"), Value::from(warnings));
        }
        fields
    }
}
