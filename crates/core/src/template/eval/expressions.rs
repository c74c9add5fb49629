//! Expressions.

use super::frame::Frame;
use super::objects;
use crate::template::context::{Context, undefined_name};
use crate::template::fault::{Fault, Result};
use crate::template::python::{Object, Py, PyMap, binary, compare, has_method, long, slice};
use crate::template::stack;
use crate::template::syntax::{BinaryOp, CompareOp, Expr, ExprKind, Literal};
use crate::value::{Key, Template, has_jinja};
use std::rc::Rc;
use std::sync::Arc;

impl Frame {
    /// An expression's value; it may be undefined.
    pub(super) fn eval(&self, expr: &Expr) -> Result<Py> {
        stack::deeper(|| self.eval_kind(expr)).map_err(|fault| fault.at(&self.origin, expr.at))
    }

    fn eval_kind(&self, expr: &Expr) -> Result<Py> {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Name(name) => Ok(self.name(name, expr)),
            ExprKind::List(items) => Ok(Py::list(self.items(items)?)),
            ExprKind::Tuple(items) => Ok(Py::tuple(self.items(items)?)),
            ExprKind::Dict(pairs) => {
                let mut map = PyMap::with_capacity_and_hasher(pairs.len(), Default::default());
                for (key, value) in pairs {
                    map.insert(self.eval(key)?.force().to_key()?, self.eval(value)?);
                }
                Ok(Py::dict(map))
            }
            ExprKind::Slice(value, bounds) => {
                let value = self.eval(value)?;
                if let marker @ Py::Marker(_) = value {
                    return Ok(marker);
                }
                let mut ends = [None, None, None];
                for (end, bound) in ends.iter_mut().zip(bounds) {
                    *end = bound.as_ref().map(|bound| self.eval(bound)).transpose()?;
                }
                slice(&value, ends).map_err(|fault| self.rendering(fault))
            }
            ExprKind::Not(value) => Ok(Py::Bool(!self.truth(value)?)),
            ExprKind::Neg(value) => match self.eval(value)?.force().used()? {
                Py::Float(value) => Ok(Py::Float(-value)),
                value => match long::long(&value) {
                    Some(value) => Ok(long::whole(-value)),
                    None => Err(Fault::error(format!("bad operand type for unary -: '{}'", value.type_name()))),
                },
            },
            ExprKind::And(left, right) => self.both(left, right, false),
            ExprKind::Or(left, right) => self.both(left, right, true),
            ExprKind::Binary(op, left, right) => {
                let left = self.operand(left)?;
                let formats = matches!((op, &left), (BinaryOp::Mod, Py::Str(_)));
                let right = if formats { self.eval(right)? } else { self.operand(right)? };
                binary(&self.context, *op, left, right).map_err(|fault| self.rendering(fault))
            }
            ExprKind::Compare(first, rest) => {
                // Whether something undefined is in a list is for the list to say.
                let looks = matches!(rest.first(), Some((CompareOp::In | CompareOp::NotIn, _)));
                let mut left = if looks { self.eval(first)?.force() } else { self.operand(first)? };
                for (op, right) in rest {
                    let right = self.operand(right)?;
                    if !compare(&self.context, *op, &left, &right).map_err(|fault| self.rendering(fault))? {
                        return Ok(Py::Bool(false));
                    }
                    left = right;
                }
                Ok(Py::Bool(true))
            }
            ExprKind::If { test, yes, no } => match (self.truth(test)?, no) {
                (true, _) => self.eval(yes),
                (false, Some(no)) => self.eval(no),
                (false, None) => Ok(Py::undefined(
                    "the inline if-expression evaluated to false and no else section was defined",
                    "if",
                )),
            },
            ExprKind::Filter { .. } => self.filter(expr),
            ExprKind::Test { name, input, args } => self.test(name, input, args),
            ExprKind::Attr(value, name) => {
                let value = self.eval(value)?.force();
                let found = attribute(&self.context, &value, name);
                self.place(&found, expr.at);
                Ok(found)
            }
            ExprKind::Item(value, key) => self.item(value, key, expr),
            ExprKind::Call(..) => self.call(expr, None),
        }
    }

    /// Errors of Python's own are told as those of the template.
    fn rendering(&self, fault: Fault) -> Fault {
        let what = if self.condition.get() { "expression" } else { "template" };
        match fault {
            Fault::Error(marker) if marker.undefined.is_none() && !marker.is_placed() => {
                Fault::with_help(format!("Error rendering {what}: {}", marker.message), marker.help.clone())
            }
            other => other,
        }
    }

    fn item(&self, value: &Expr, key: &Expr, expr: &Expr) -> Result<Py> {
        let value = self.eval(value)?.force();
        let key = match (&value, self.eval(key)?.force()) {
            // What is undefined is used where it is a key.
            (value, Py::Marker(marker)) if !matches!(value, Py::Marker(_)) => return Err(Fault::Error(marker)),
            (_, key) => key,
        };
        let found = item(&self.context, &value, &key);
        self.place(&found, expr.at);
        Ok(found)
    }

    fn items(&self, items: &[Expr]) -> Result<Vec<Py>> {
        items.iter().map(|item| self.eval(item)).collect()
    }

    /// A value that is used now: undefined ones fail where they stand.
    pub(super) fn operand(&self, expr: &Expr) -> Result<Py> {
        self.eval(expr)?.force().used().map_err(|fault| fault.at(&self.origin, expr.at))
    }

    pub(super) fn truth(&self, expr: &Expr) -> Result<bool> {
        let value = self.eval(expr)?.force();
        self.check(&value, expr)
    }

    /// `and`, `or`: the left side's value where its truth is `settles`, else the right side's. Where a plan does not know
    /// the left side, the right one may settle it alone.
    fn both(&self, left: &Expr, right: &Expr, settles: bool) -> Result<Py> {
        let left_value = self.eval(left).map(Py::force).and_then(|value| Ok((self.check(&value, left)?, value)));
        match left_value {
            Ok((truth, value)) if truth == settles => Ok(value),
            Ok(_) => self.eval(right),
            Err(Fault::Unknown(reason)) if is_boolean(left) => match self.eval(right).map(Py::force) {
                Ok(Py::Bool(value)) if value == settles => Ok(Py::Bool(value)),
                _ => Err(Fault::Unknown(reason)),
            },
            Err(fault) => Err(fault),
        }
    }

    fn check(&self, value: &Py, expr: &Expr) -> Result<bool> {
        value.truth().map_err(|fault| fault.at(&self.origin, expr.at))
    }

    fn literal(&self, literal: &Literal) -> Result<Py> {
        Ok(match literal {
            Literal::None => Py::None,
            Literal::Bool(value) => Py::Bool(*value),
            Literal::Int(value) => Py::Int(*value),
            Literal::Long(digits) => long::parse(digits, 10).unwrap_or(Py::None),
            Literal::Float(value) => Py::Float(*value),
            Literal::Str(text) if self.condition.get() && has_jinja(text) => self.embedded(text)?,
            Literal::Str(text) => Py::str(Arc::clone(text)),
        })
    }

    /// A template inside a literal, as Ansible still evaluates in conditions and terms of lookups.
    pub(super) fn embedded(&self, text: &Arc<str>) -> Result<Py> {
        let template = Template { source: Arc::clone(text), span: None };
        self.context.evaluate_template(&Arc::new(template))
    }

    fn name(&self, name: &Arc<str>, expr: &Expr) -> Py {
        if let Some(value) = self.scope.get(name) {
            return value;
        }
        if let Some(value) = self.context.variable(name) {
            return value;
        }
        if &**name == "self" {
            return objects::blocks(self);
        }
        objects::global(&self.context, name).unwrap_or_else(|| {
            let marker = undefined_name(name);
            marker.place(&self.origin, expr.at);
            Py::Marker(Rc::new(marker))
        })
    }
}

/// `value.name`: methods come before items, as in Python.
pub(crate) fn attribute(context: &Context, value: &Py, name: &str) -> Py {
    let value = value.clone().force();
    match &value {
        // Undefined stays undefined; unknown stays unknown.
        Py::Marker(_) | Py::Unknown(_) => return value,
        Py::Object(object) => {
            match object.attribute(context, name) {
                Ok(Some(found)) => return found.force(),
                Ok(None) => {}
                Err(fault) => return Py::captured(Err(fault)),
            }
            if object.keys().is_some() && has_method(&Py::dict(PyMap::default()), name) {
                return Py::object(Method(value.clone(), name.into()));
            }
        }
        other if has_method(other, name) => return Py::object(Method(value.clone(), name.into())),
        _ => {}
    }
    subscript(context, &value, &Py::str(name)).unwrap_or_else(|| missing(&value, &Py::str(name)))
}

/// `value[key]`: items come before attributes.
pub(crate) fn item(context: &Context, value: &Py, key: &Py) -> Py {
    let value = value.clone().force();
    match (&value, key) {
        (Py::Marker(_) | Py::Unknown(_), _) => return value,
        (_, Py::Marker(_) | Py::Unknown(_)) => return key.clone(),
        _ => {}
    }
    if let Some(found) = subscript(context, &value, key) {
        return found;
    }
    if let Some(name) = key.as_str() {
        match &value {
            Py::Object(object) => match object.attribute(context, name) {
                Ok(Some(found)) => return found.force(),
                Ok(None) => {}
                Err(fault) => return Py::captured(Err(fault)),
            },
            other if has_method(other, name) => return Py::object(Method(value.clone(), name.into())),
            _ => {}
        }
    }
    missing(&value, key)
}

/// Whether an expression is true or false and nothing else.
fn is_boolean(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Compare(..) | ExprKind::Not(_) | ExprKind::Test { .. } => true,
        ExprKind::And(left, right) | ExprKind::Or(left, right) => is_boolean(left) && is_boolean(right),
        _ => false,
    }
}

fn subscript(context: &Context, value: &Py, key: &Py) -> Option<Py> {
    let index = |len: usize| {
        let index = key.as_int()?;
        let index = if index < 0 { index + len as i64 } else { index };
        usize::try_from(index).ok().filter(|index| *index < len)
    };
    match value {
        Py::Dict(map) => {
            let map = map.borrow();
            let key = key.to_key().ok()?;
            let found = map.get(&key).or_else(|| match key {
                Key::Bool(value) => map.get(&Key::Int(i64::from(value))),
                _ => None,
            });
            found.cloned().map(Py::force)
        }
        Py::List(items) => {
            let items = items.borrow();
            index(items.len()).map(|at| items[at].clone().force())
        }
        Py::Tuple(items) => index(items.len()).map(|at| items[at].clone().force()),
        Py::Str(text) => {
            let at = index(text.chars().count())?;
            text.chars().nth(at).map(|c| Py::str(c.to_string()))
        }
        Py::Range(..) => {
            let items = value.iterate().ok()?;
            index(items.len()).map(|at| items[at].clone())
        }
        Py::Object(object) => match object.item(context, key) {
            Ok(found) => found.map(Py::force),
            Err(fault) => Some(Py::captured(Err(fault))),
        },
        _ => None,
    }
}

fn missing(value: &Py, key: &Py) -> Py {
    let kind = value.type_name();
    let (message, name) = match key {
        Py::Str(name) => (format!("object of type '{kind}' has no attribute '{name}'"), name.to_string()),
        // Empty ones are told of in Jinja's words, others in Ansible's.
        Py::Int(index) if value.len().is_ok_and(|len| len == 0) => {
            (format!("{kind} object has no element {index}"), index.to_string())
        }
        Py::Int(index) => (format!("object of type '{kind}' has no attribute {index}"), index.to_string()),
        other => {
            let key = other.type_name();
            (format!("object of type '{kind}' has no element of type '{key}'"), key.to_owned())
        }
    };
    Py::undefined(message, &name)
}

/// A method that is not called yet.
struct Method(Py, Arc<str>);

impl Object for Method {
    fn type_name(&self) -> &'static str {
        "builtin_function_or_method"
    }
    fn call(&self, context: &Context, args: crate::template::python::Args) -> Result<Py> {
        crate::template::python::call_method(context, &self.0, &self.1, args)
    }
    fn callable(&self) -> bool {
        true
    }
    fn text(&self, _: &Context) -> Result<String> {
        Ok(format!("<built-in method {} of {} object>", self.1, self.0.type_name()))
    }
}
