//! `combine`.

use super::Table;
use super::basic::flag;
use super::collections::{defined, flatten_into};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, PyMap, contains, equal};

pub(super) const TABLE: Table = &[("combine", combine)];

/// What becomes of two lists under the same key.
#[derive(Clone, Copy)]
enum Lists {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendNew,
    PrependNew,
}

fn combine(context: &Context, value: Py, mut args: Args) -> Result<Py> {
    let recursive = flag(args.take("recursive").as_ref(), false)?;
    let lists = match args.take("list_merge").as_ref().and_then(Py::as_str).unwrap_or("replace") {
        "replace" => Lists::Replace,
        "keep" => Lists::Keep,
        "append" => Lists::Append,
        "prepend" => Lists::Prepend,
        "append_rp" => Lists::AppendNew,
        "prepend_rp" => Lists::PrependNew,
        other => {
            return Err(Fault::error(format!(
                "'list_merge' must be one of replace, keep, append, prepend, append_rp, prepend_rp, not '{other}'"
            )));
        }
    };
    if !args.named.is_empty() {
        return Err(Fault::error("'recursive' and 'list_merge' are the only valid keyword arguments"));
    }
    let mut maps = Vec::new();
    flatten_into(&mut maps, args.prepend(value).positional, Some(1), true)?;
    if let [only] = maps.as_slice() {
        if let Some(entries) = only.entries(context)? {
            defined(entries)?;
        }
        return Ok(only.clone());
    }
    let entries = |at: usize| match maps[at].entries(context)? {
        Some(map) => defined(map),
        None => {
            let (first, second) = (&maps[at.saturating_sub(1)], &maps[at.max(1)]);
            let kinds = format!("a '{}' and a '{}'", first.type_name(), second.type_name());
            Err(Fault::error(format!("failed to combine variables, expected dicts but got {kinds}.")))
        }
    };
    // From the last one on: what replaces a mapping with a list and that with a mapping again is told by this order.
    let Some(last) = maps.len().checked_sub(1) else { return Ok(Py::dict(PyMap::default())) };
    let mut result = entries(last)?;
    for at in (0..last).rev() {
        let low = entries(at)?;
        let same = equal(context, &Py::dict(low.clone()), &Py::dict(result.clone()))?;
        result = if same { result } else { merge(context, low, result, recursive, lists)? };
    }
    Ok(Py::dict(result))
}

fn merge(context: &Context, mut low: PyMap, high: PyMap, recursive: bool, lists: Lists) -> Result<PyMap> {
    for (key, new) in high {
        let Some(old) = low.get(&key).cloned() else {
            low.insert(key, new);
            continue;
        };
        let (old, new) = (old.force(), new.force());
        let merged = match (&old, &new) {
            // The same on both sides is not merged.
            (Py::Dict(_), Py::Dict(_)) if recursive && equal(context, &old, &new)? => new,
            (Py::Dict(_), Py::Dict(_)) if recursive => {
                let old = old.entries(context)?.unwrap_or_default();
                let new = new.entries(context)?.unwrap_or_default();
                Py::dict(merge(context, old, new, recursive, lists)?)
            }
            (Py::List(_), Py::List(_)) => merge_lists(context, old, new, lists)?,
            _ => new,
        };
        low.insert(key, merged);
    }
    Ok(low)
}

fn merge_lists(context: &Context, old: Py, new: Py, lists: Lists) -> Result<Py> {
    let without = |items: &Py, others: &Py| -> Result<Vec<Py>> {
        let mut kept = Vec::new();
        for item in items.iterate()? {
            if !contains(context, others, &item)? {
                kept.push(item);
            }
        }
        Ok(kept)
    };
    let joined = |a: Vec<Py>, b: Vec<Py>| Py::list(a.into_iter().chain(b).collect());
    Ok(match lists {
        Lists::Replace => new,
        Lists::Keep => old,
        Lists::Append => joined(old.iterate()?, new.iterate()?),
        Lists::Prepend => joined(new.iterate()?, old.iterate()?),
        Lists::AppendNew => joined(without(&old, &new)?, new.iterate()?),
        Lists::PrependNew => joined(new.iterate()?, without(&old, &new)?),
    })
}
