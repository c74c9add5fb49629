//! Calls, filters and tests.

use super::frame::Frame;
use crate::plugins::Kind;
use crate::template::context::Context;
use crate::template::environment::unknown_plugin;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, PyMap, call_method, has_method};
use crate::template::syntax::{Arg, Expr, ExprKind, Literal, PluginKind};
use crate::template::{filters, lookups, own, tests};
use crate::value::{Key, has_jinja};
use std::sync::Arc;

impl Frame {
    /// A call; `caller` is what a `{% call %}` block passes.
    pub(super) fn call(&self, expr: &Expr, caller: Option<Py>) -> Result<Py> {
        let ExprKind::Call(callee, args) = &expr.kind else { return self.eval(expr) };
        if let ExprKind::Name(name) = &callee.kind
            && matches!(&**name, "lookup" | "query" | "q")
            && self.scope.get(name).is_none()
            && self.context.variable(name).is_none()
        {
            let args = self.args(args, true)?;
            // Variables stay what they are; what else a lookup finds is data.
            let is_variable = args.positional.first().and_then(Py::as_str).is_some_and(|name| name.ends_with("vars"));
            let found = lookups::call(&self.context, &**name != "lookup", args);
            let found = if is_variable { found } else { found.map(distrusted) };
            return Ok(captured(found, self, expr));
        }
        if let ExprKind::Attr(object, name) = &callee.kind {
            let object = self.eval(object)?.force();
            if has_method(&object, name) {
                let args = self.args(args, false)?;
                if let Some(marker) = marked(&args) {
                    return Ok(marker);
                }
                return Ok(captured(call_method(&self.context, &object, name, forced(args)?), self, expr));
            }
        }
        let callee = match self.eval(callee)?.force() {
            marker @ Py::Marker(_) => return Ok(marker),
            other => other.used()?,
        };
        let Py::Object(object) = &callee else {
            return Err(Fault::error(format!("'{}' object is not callable", callee.type_name())));
        };
        let mut args = self.args(args, false)?;
        if object.type_name() == "Macro" {
            if let Some(caller) = caller {
                args.named.push(("caller".into(), caller));
            }
            return object.call(&self.context, args);
        }
        if let Some(marker) = marked(&args) {
            return Ok(marker);
        }
        Ok(captured(object.call(&self.context, forced(args)?), self, expr))
    }

    fn args(&self, args: &[Arg], lookup: bool) -> Result<Args> {
        let mut out = Args::default();
        for arg in args {
            match arg {
                // Its name is no template.
                Arg::Positional(expr) if lookup && !out.positional.is_empty() => {
                    out.positional.push(self.term(expr)?.force())
                }
                Arg::Positional(expr) => out.positional.push(self.eval(expr)?.force()),
                Arg::Named(name, expr) => out.named.push((Arc::clone(name), self.eval(expr)?.force())),
                Arg::Spread(expr) => out.positional.extend(self.operand(expr)?.iterate()?),
                Arg::SpreadNamed(expr) => {
                    let Some(entries) = self.operand(expr)?.entries(&self.context)? else {
                        return Err(self.fault(expr.at, "argument after ** must be a mapping"));
                    };
                    for (key, value) in entries {
                        out.named.push((key.to_string().into(), value));
                    }
                }
            }
        }
        Ok(out)
    }

    /// A lookup's term, in which literals may still be templates.
    fn term(&self, expr: &Expr) -> Result<Py> {
        match &expr.kind {
            ExprKind::Literal(Literal::Str(text)) if has_jinja(text) => self.embedded(text),
            ExprKind::List(items) => {
                Ok(Py::list(items.iter().map(|item| self.term(item)).collect::<Result<Vec<_>>>()?))
            }
            ExprKind::Dict(pairs) => {
                let mut map = PyMap::default();
                for (key, value) in pairs {
                    let key: Key = self.eval(key)?.force().to_key()?;
                    map.insert(key, self.term(value)?);
                }
                Ok(Py::dict(map))
            }
            _ => self.eval(expr),
        }
    }

    pub(super) fn filter(&self, expr: &Expr) -> Result<Py> {
        let ExprKind::Filter { input: Some(input), .. } = &expr.kind else {
            return Err(Fault::error("a filter needs a value"));
        };
        let value = self.eval(input)?.force();
        self.place(&value, input.at);
        self.apply_filter(expr, value)
    }

    fn apply_filter(&self, expr: &Expr, value: Py) -> Result<Py> {
        let ExprKind::Filter { name, args, .. } = &expr.kind else { return self.eval(expr) };
        let args = self.args(args, false)?;
        Ok(captured(call_filter(&self.context, name, value, args), self, expr))
    }

    /// Applies a chain of filters whose head has no input.
    pub(super) fn filter_chain(&self, expr: &Expr, value: Py) -> Result<Py> {
        match &expr.kind {
            ExprKind::Filter { input: Some(inner), .. } => {
                let value = self.filter_chain(inner, value)?;
                self.apply_filter(expr, value)
            }
            _ => self.apply_filter(expr, value),
        }
    }

    pub(super) fn test(&self, name: &str, input: &Expr, args: &[Arg]) -> Result<Py> {
        let value = self.eval(input)?.force();
        self.place(&value, input.at);
        let args = self.args(args, false)?;
        match call_test(&self.context, name, value, args) {
            Ok(result) => Ok(Py::Bool(result)),
            Err(Fault::Error(marker)) => Ok(Py::Marker(marker)),
            Err(unknown) => Err(unknown),
        }
    }
}

/// What a lookup found: text in it is not to be evaluated.
fn distrusted(found: Py) -> Py {
    let plain = |item: &Py| match item {
        Py::Str(text) => Py::Str(text.distrusted()),
        other => other.clone(),
    };
    match &found {
        Py::Str(text) => Py::Str(text.distrusted()),
        Py::List(items) => Py::list(items.borrow().iter().map(|item| plain(&item.clone().force())).collect()),
        _ => found,
    }
}

/// A failed call is a value that fails where it is used; `Unknown` likewise stays a value.
fn captured(result: Result<Py>, frame: &Frame, expr: &Expr) -> Py {
    let value = Py::captured(result);
    frame.place(&value, expr.at);
    value
}

/// The first undefined argument: what the call then results in.
fn marked(args: &Args) -> Option<Py> {
    args.values().find(|value| matches!(value, Py::Marker(_))).cloned()
}

/// Refuses unknown arguments.
fn forced(args: Args) -> Result<Args> {
    for value in args.values() {
        if let Py::Unknown(reason) = value {
            return Err(Fault::Unknown(Arc::clone(reason)));
        }
    }
    Ok(args)
}

/// Applies the filter `name`.
pub(crate) fn call_filter(context: &Context, name: &str, value: Py, args: Args) -> Result<Py> {
    let filter = filters::find(name);
    let plugin = own::find(context, Kind::Filter, name, filter.is_some());
    if filter.is_none() && plugin.is_none() {
        return Err(missing(context, Kind::Filter, name));
    }
    let takes_undefined = plugin.is_none() && filter.is_some_and(|filter| filter.takes_undefined);
    if !takes_undefined {
        match (&value, marked(&args)) {
            (Py::Marker(_), _) => return Ok(value),
            (_, Some(marker)) => return Ok(marker),
            _ => {}
        }
    }
    if let Py::Unknown(_) = value {
        return Ok(value);
    }
    let args = if takes_undefined { args } else { forced(args)? };
    let result = match (filter, plugin) {
        (_, Some(plugin)) => own::apply(context, &plugin, args, value),
        (Some(filter), None) => (filter.function)(context, value, args),
        (None, None) => Ok(value),
    };
    result.map_err(|fault| explained(fault, PluginKind::Filter, name))
}

/// Applies the test `name`.
pub(crate) fn call_test(context: &Context, name: &str, value: Py, args: Args) -> Result<bool> {
    let test = tests::find(name);
    let plugin = own::find(context, Kind::Test, name, test.is_some());
    if test.is_none() && plugin.is_none() {
        return Err(missing(context, Kind::Test, name));
    }
    if plugin.is_some() || test.is_some_and(|test| !test.takes_undefined) {
        value.clone().used()?;
        for arg in args.values() {
            arg.clone().used()?;
        }
    }
    let result = match (test, plugin) {
        (_, Some(plugin)) => own::apply(context, &plugin, args, value).and_then(|result| result.truth()),
        (Some(test), None) => (test.function)(context, value, args),
        (None, None) => Ok(false),
    };
    result.map_err(|fault| explained(fault, PluginKind::Test, name))
}

fn missing(context: &Context, kind: Kind, name: &str) -> Fault {
    Fault::with_help(unknown_plugin(kind, name), context.templar().templates.missing(kind, name))
}

/// Says which plug-in failed, where the message would not.
fn explained(fault: Fault, kind: PluginKind, name: &str) -> Fault {
    let kind = match kind {
        PluginKind::Filter => "filter",
        PluginKind::Test => "test",
        PluginKind::Lookup => "lookup",
    };
    match fault {
        Fault::Error(marker)
            if marker.undefined.is_none() && !marker.is_placed() && !marker.message.contains(" plugin '") =>
        {
            let full = if name.contains('.') { name.to_owned() } else { format!("ansible.builtin.{name}") };
            Fault::with_help(format!("The {kind} plugin '{full}' failed: {}", marker.message), marker.help.clone())
        }
        other => other,
    }
}
