//! `map`, `select` and their kin.

use super::Table;
use crate::template::context::Context;
use crate::template::eval::{call_filter, call_test};
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, equal, order, sort as sort_items};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) const TABLE: Table = &[
    ("map", map),
    ("select", |context, value, args| choose(context, value, args, true, false)),
    ("reject", |context, value, args| choose(context, value, args, false, false)),
    ("selectattr", |context, value, args| choose(context, value, args, true, true)),
    ("rejectattr", |context, value, args| choose(context, value, args, false, true)),
    ("sort", sort),
    ("unique", unique),
    ("groupby", group_by),
    ("min", |context, value, args| extreme(context, value, args, Ordering::Less)),
    ("max", |context, value, args| extreme(context, value, args, Ordering::Greater)),
    ("sum", sum),
    ("dictsort", dict_sort),
];

/// The items for `map`, `select` and their kin, to which whatever is false is empty.
fn chosen_from(value: &Py) -> Result<Vec<Py>> {
    match value {
        Py::None | Py::Bool(false) | Py::Int(0) => Ok(Vec::new()),
        Py::Float(value) if *value == 0.0 => Ok(Vec::new()),
        other => items(other),
    }
}

/// The items of a sequence; the keys of a mapping.
fn items(value: &Py) -> Result<Vec<Py>> {
    match value {
        Py::None => Err(Fault::error("'NoneType' object is not iterable")),
        other => other.iterate_lazily(),
    }
}

fn map(context: &Context, value: Py, mut args: Args) -> Result<Py> {
    let items = chosen_from(&value)?;
    if args.positional.is_empty() {
        let Some(attribute) = args.take("attribute") else {
            return Err(Fault::error("map requires a filter argument"));
        };
        let default = args.take("default");
        args.bind([])?;
        let mapped = items.iter().map(|item| match (context.path(item, &attribute), &default) {
            (Py::Marker(_), Some(default)) => default.clone(),
            (found, _) => found,
        });
        return Ok(Py::list(mapped.collect()));
    }
    let name = args.positional.remove(0);
    let Some(name) = name.as_str() else { return Err(Fault::error("map needs a filter's name")) };
    let mapped = items.into_iter().map(|item| match call_filter(context, name, item, args.clone()) {
        Err(Fault::Error(marker)) if super::find(name).is_none() => Err(Fault::Error(marker)),
        other => Ok(Py::captured(other)),
    });
    Ok(Py::list(mapped.collect::<Result<_>>()?))
}

fn choose(context: &Context, value: Py, mut args: Args, keep: bool, by_attribute: bool) -> Result<Py> {
    let attribute = match (by_attribute, args.positional.is_empty()) {
        (false, _) => None,
        (true, false) => Some(args.positional.remove(0)),
        (true, true) => return Err(Fault::error("missing parameter for attribute name")),
    };
    let test: Option<Arc<str>> = match args.positional.is_empty() {
        true => None,
        false => match args.positional.remove(0) {
            Py::Str(name) => Some(name.into()),
            _ => return Err(Fault::error("needs a test's name")),
        },
    };
    let mut kept = Vec::new();
    for item in chosen_from(&value)? {
        let subject = match &attribute {
            Some(attribute) => context.path(&item, attribute),
            None => item.clone(),
        };
        let holds = match &test {
            Some(name) => {
                if let Py::Unknown(reason) = &subject
                    && !matches!(&**name, "defined" | "undefined")
                {
                    return Err(Fault::Unknown(Arc::clone(reason)));
                }
                call_test(context, name, subject, args.clone())?
            }
            None => subject.truth()?,
        };
        if holds == keep {
            kept.push(item);
        }
    }
    Ok(Py::list(kept))
}

/// What items are compared by: an attribute, in small letters unless case matters.
pub(super) fn sort_key(context: &Context, item: &Py, attribute: Option<&Py>, case_sensitive: bool) -> Result<Py> {
    let key = match attribute {
        None | Some(Py::None) => item.clone().force(),
        Some(Py::Str(paths)) if paths.contains(',') => {
            let parts = paths.split(',').map(|path| sort_key(context, item, Some(&Py::str(path)), case_sensitive));
            Py::tuple(parts.collect::<Result<_>>()?)
        }
        Some(attribute) => context.path(item, attribute),
    };
    Ok(match key.used()? {
        Py::Str(text) if !case_sensitive => Py::str(text.to_lowercase()),
        key => key,
    })
}

fn sort(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [reverse, case_sensitive, attribute] = args.bind(["reverse", "case_sensitive", "attribute"])?;
    let reverse = super::basic::flag(reverse.as_ref(), false)?;
    let case_sensitive = super::basic::flag(case_sensitive.as_ref(), false)?;
    let pairs = items(&value)?.into_iter().map(|item| {
        let key = sort_key(context, &item, attribute.as_ref(), case_sensitive)?;
        Ok(Py::tuple(vec![key, item]))
    });
    let mut pairs = pairs.collect::<Result<Vec<_>>>()?;
    sort_items(&mut pairs, |a, b| {
        let order = match (a, b) {
            (Py::Tuple(a), Py::Tuple(b)) => order(context, &a[0], &b[0], "<")?,
            _ => Ordering::Equal,
        };
        Ok(if reverse { order.reverse() } else { order })
    })?;
    Ok(Py::list(pairs.into_iter().map(second).collect()))
}

fn second(pair: Py) -> Py {
    match pair {
        Py::Tuple(pair) => pair[1].clone(),
        other => other,
    }
}

fn unique(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [case_sensitive, attribute] = args.bind(["case_sensitive", "attribute"])?;
    let told = case_sensitive.is_some();
    let case_sensitive = super::basic::flag(case_sensitive.as_ref(), false)?;
    let mut seen = super::collections::Seen::default();
    let mut kept = Vec::new();
    for item in items(&value)? {
        let key = match attribute.as_ref() {
            // Unhashable items fall back to comparing them as they are, to which case means nothing.
            None if told && !case_sensitive && (item.is_sequence() || item.entries(context)?.is_some()) => {
                let message = "Jinja2's unique filter failed and we cannot fall back to Ansible's version as it does \
                               not support the parameters supplied.";
                return Err(Fault::error(message));
            }
            None if !matches!(item, Py::Str(_)) => item.clone(),
            attribute => sort_key(context, &item, attribute, case_sensitive)?,
        };
        if seen.insert(context, &key)? {
            kept.push(item);
        }
    }
    Ok(Py::list(kept))
}

fn group_by(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [attribute, default, case_sensitive] = args.bind(["attribute", "default", "case_sensitive"])?;
    let case_sensitive = super::basic::flag(case_sensitive.as_ref(), false)?;
    let attribute = attribute.ok_or_else(|| Fault::error("groupby needs an attribute"))?;
    let mut pairs = Vec::new();
    for item in items(&value)? {
        let key = match (context.path(&item, &attribute), &default) {
            (Py::Marker(_), Some(default)) => default.clone(),
            (key, _) => key.used()?,
        };
        let folded = match &key {
            Py::Str(text) if !case_sensitive => Py::str(text.to_lowercase()),
            other => other.clone(),
        };
        pairs.push(Py::tuple(vec![folded, key, item]));
    }
    let part = |pair: &Py, at: usize| match pair {
        Py::Tuple(pair) => pair[at].clone(),
        other => other.clone(),
    };
    sort_items(&mut pairs, |a, b| order(context, &part(a, 0), &part(b, 0), "<"))?;
    let mut groups: Vec<(Py, Py, Vec<Py>)> = Vec::new();
    for pair in &pairs {
        let folded = part(pair, 0);
        match groups.last_mut() {
            Some((last, _, members)) if equal(context, last, &folded)? => members.push(part(pair, 2)),
            _ => groups.push((folded, part(pair, 1), vec![part(pair, 2)])),
        }
    }
    Ok(Py::list(groups.into_iter().map(|(_, key, members)| Py::object(Group(key, Py::list(members)))).collect()))
}

/// One group: `(grouper, list)`, also by those names.
struct Group(Py, Py);

impl crate::template::python::Object for Group {
    fn type_name(&self) -> &'static str {
        "GroupTuple"
    }
    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        Ok(match name {
            "grouper" => Some(self.0.clone()),
            "list" => Some(self.1.clone()),
            _ => None,
        })
    }
    fn item(&self, _: &Context, key: &Py) -> Result<Option<Py>> {
        Ok(match key.as_int() {
            Some(0 | -2) => Some(self.0.clone()),
            Some(1 | -1) => Some(self.1.clone()),
            _ => None,
        })
    }
    fn items(&self) -> Option<Vec<Py>> {
        Some(vec![self.0.clone(), self.1.clone()])
    }
    fn text(&self, context: &Context) -> Result<String> {
        context.text(&Py::tuple(vec![self.0.clone(), self.1.clone()]))
    }
    fn export(&self, context: &Context) -> Result<crate::value::Value> {
        context.export(&Py::tuple(vec![self.0.clone(), self.1.clone()]))
    }
}

fn extreme(context: &Context, value: Py, args: Args, wanted: Ordering) -> Result<Py> {
    let [case_sensitive, attribute] = args.bind(["case_sensitive", "attribute"])?;
    let case_sensitive = super::basic::flag(case_sensitive.as_ref(), false)?;
    let mut best: Option<(Py, Py)> = None;
    for item in items(&value)? {
        let key = sort_key(context, &item, attribute.as_ref(), case_sensitive)?;
        let better = match &best {
            Some((best, _)) => order(context, &key, best, if wanted == Ordering::Less { "<" } else { ">" })? == wanted,
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Py::undefined("No aggregated item, sequence was empty.", "min"), |(_, item)| item))
}

fn sum(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [attribute, start] = args.bind(["attribute", "start"])?;
    let mut total = start.unwrap_or(Py::Int(0));
    for item in items(&value)? {
        let item = match &attribute {
            None | Some(Py::None) => item,
            Some(attribute) => context.path(&item, attribute),
        };
        if matches!(total, Py::Str(_)) {
            return Err(Fault::error("sum() can't sum strings [use ''.join(seq) instead]"));
        }
        total = crate::template::python::binary(context, crate::template::syntax::BinaryOp::Add, total, item)?;
    }
    Ok(total)
}

fn dict_sort(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [case_sensitive, by, reverse] = args.bind(["case_sensitive", "by", "reverse"])?;
    let case_sensitive = super::basic::flag(case_sensitive.as_ref(), false)?;
    let reverse = super::basic::flag(reverse.as_ref(), false)?;
    let by_value = match by.as_ref().and_then(Py::as_str) {
        None | Some("key") => false,
        Some("value") => true,
        Some(_) => return Err(Fault::error("You can only sort by either \"key\" or \"value\"")),
    };
    let Some(entries) = value.entries(context)? else {
        return Err(Fault::error(format!("'{}' object has no attribute 'items'", value.type_name())));
    };
    let mut pairs = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = Py::from(&key);
        let by = sort_key(context, if by_value { &value } else { &key }, None, case_sensitive)?;
        pairs.push(Py::tuple(vec![by, Py::tuple(vec![key, value])]));
    }
    sort_items(&mut pairs, |a, b| {
        let order = match (a, b) {
            (Py::Tuple(a), Py::Tuple(b)) => order(context, &a[0], &b[0], "<")?,
            _ => Ordering::Equal,
        };
        Ok(if reverse { order.reverse() } else { order })
    })?;
    Ok(Py::list(pairs.into_iter().map(second).collect()))
}
