//! Lookups that only shape lists: what `with_nested`, `with_sequence` and others loop over.

use super::{Call, Function};
use crate::template::context::Context;
use crate::template::eval::call_filter;
use crate::template::fault::{Fault, Result};
use crate::template::filters::{cartesian, flatten_into};
use crate::template::python::{Args, Py, PyMap, parse_int, percent};

pub(super) const TABLE: &[(&str, Function)] = &[
    ("items", items),
    ("list", |_, call| Ok(call.terms)),
    ("dict", dict),
    ("flattened", flattened),
    ("indexed_items", indexed_items),
    ("nested", nested),
    ("cartesian", nested),
    ("together", together),
    ("random_choice", random_choice),
    ("sequence", sequence),
    ("subelements", subelements),
];

/// Lists among the terms taken apart, one level.
fn flat(terms: Vec<Py>) -> Result<Vec<Py>> {
    let mut out = Vec::new();
    for term in terms {
        if term.is_sequence() { out.extend(term.iterate()?) } else { out.push(term) }
    }
    Ok(out)
}

fn items(_: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    flat(call.terms)
}

fn dict(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let mut out = Vec::new();
    for term in call.terms {
        let inner = if term.entries(context)?.is_none() && term.is_sequence() { term.iterate()? } else { vec![term] };
        for term in inner {
            if term.entries(context)?.is_none() {
                let (shown, kind) = (context.text(&term)?, term.type_name());
                return Err(Fault::error(format!(
                    "the 'dict' lookup plugin expects a dictionary, got '{shown}' of type <class '{kind}'>"
                )));
            }
            out.extend(call_filter(context, "dict2items", term, Args::default())?.iterate()?);
        }
    }
    Ok(out)
}

fn flattened(_: &Context, mut call: Call) -> Result<Vec<Py>> {
    // `flattened` has no options of its own; nulls are left out.
    let _ = call.options.take("wantlist");
    call.finish()?;
    let mut out = Vec::new();
    flatten_into(&mut out, call.terms, None, true)?;
    Ok(out)
}

fn indexed_items(_: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let items = flat(call.terms)?.into_iter().enumerate();
    Ok(items.map(|(index, item)| Py::tuple(vec![Py::Int(index as i64), item])).collect())
}

fn nested(_: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    if call.terms.is_empty() {
        return Err(Fault::error("with_nested requires at least one element in the nested list"));
    }
    let columns: Vec<Vec<Py>> = call
        .terms
        .iter()
        .map(|term| if matches!(term, Py::Str(_)) { Ok(vec![term.clone()]) } else { term.iterate() })
        .collect::<Result<_>>()?;
    let rows = cartesian(&columns.iter().collect::<Vec<_>>())?;
    rows.into_iter()
        .map(|row| {
            let mut out = Vec::new();
            flatten_into(&mut out, row, Some(1), false)?;
            Ok(Py::list(out))
        })
        .collect()
}

fn together(_: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    if call.terms.is_empty() {
        return Err(Fault::error("with_together requires at least one element in each list"));
    }
    let columns: Vec<Vec<Py>> = call.terms.iter().map(Py::iterate).collect::<Result<_>>()?;
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| Py::list(columns.iter().map(|column| column.get(at).cloned().unwrap_or(Py::None)).collect());
    Ok((0..rows).map(row).collect())
}

fn random_choice(_: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    if call.terms.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![call.terms[fastrand::usize(..call.terms.len())].clone()])
}

/// Most numbers of one sequence.
const LONGEST: i64 = 1_000_000;

/// `start=1 end=5 stride=2 count=3 format=%02d`, or `[start-]end[/stride][:format]`.
fn sequence(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let mut out = Vec::new();
    let options: Vec<(&str, Option<String>)> = ["start", "end", "stride", "count", "format"]
        .into_iter()
        .map(|name| Ok((name, call.text(context, name)?)))
        .collect::<Result<_>>()?;
    call.finish()?;
    let given = options.iter().any(|(_, value)| value.is_some());
    let terms = if call.terms.is_empty() && given { vec![Py::str("")] } else { call.terms };
    for term in terms {
        let text = context.text(&term)?;
        let mut fields: std::collections::HashMap<&str, String> =
            options.iter().filter_map(|(name, value)| Some((*name, value.clone()?))).collect();
        shorthand(text.trim(), &mut fields)?;
        let number = |name: &str| {
            let given =
                fields.get(name).map(|text| parse_int(text, 0).ok_or_else(|| super::tables::invalid(name, text)));
            given.transpose()
        };
        let start = number("start")?.unwrap_or(1);
        let stride = number("stride")?;
        let end = match (number("end")?, number("count")?) {
            (Some(_), Some(_)) => return Err(Fault::error("can't specify both count and end in with_sequence")),
            (None, None) => return Err(Fault::error("must specify count or end in with_sequence")),
            (Some(end), None) => end,
            (None, Some(0)) => continue,
            (None, Some(count)) => start + count * stride.unwrap_or(1) - 1,
        };
        let stride = stride.unwrap_or(1);
        if stride > 0 && end < start {
            return Err(Fault::error("to count backwards make stride negative"));
        }
        if stride < 0 && end > start {
            return Err(Fault::error("to count forward don't make stride negative"));
        }
        if stride == 0 {
            continue;
        }
        if (end - start).abs() / stride.abs() > LONGEST {
            return Err(Fault::error("the sequence is too long"));
        }
        let format = fields.get("format").map_or("%d", String::as_str);
        if format.matches('%').count() != 1 {
            return Err(Fault::error(format!("bad formatting string: {format}")));
        }
        let mut at = start;
        while (stride > 0 && at <= end) || (stride < 0 && at >= end) {
            out.push(percent(context, format, &Py::Int(at))?);
            at += stride;
        }
    }
    Ok(out)
}

fn shorthand(text: &str, fields: &mut std::collections::HashMap<&'static str, String>) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    if text.contains('=') {
        for pair in text.split_whitespace() {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = ["start", "end", "stride", "count", "format"].into_iter().find(|known| *known == name);
            let Some(known) = known else {
                return Err(Fault::error(format!("unrecognized arguments to with_sequence: {name}")));
            };
            fields.insert(known, value.trim_matches(['"', '\'']).to_owned());
        }
        return Ok(());
    }
    let (range, format) = text.split_once(':').map_or((text, None), |(range, format)| (range, Some(format)));
    let (range, stride) = range.split_once('/').map_or((range, None), |(range, stride)| (range, Some(stride)));
    let cut = range.get(1..).and_then(|rest| rest.find('-')).map(|at| at + 1);
    let (start, end) = match cut {
        Some(at) => (Some(&range[..at]), &range[at + 1..]),
        None => (None, range),
    };
    for (name, value) in [("start", start), ("end", Some(end)), ("stride", stride), ("format", format)] {
        if let Some(value) = value {
            fields.insert(name, value.trim().to_owned());
        }
    }
    Ok(())
}

/// Pairs of an item and each element of a list inside it.
fn subelements(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let wrong =
        |what: &str| Err(Fault::error(format!("subelements lookup expects a list of two or three items, {what}")));
    let (items, path, flags) = match call.terms.as_slice() {
        [items, path] => (items, path, None),
        [items, path, flags] => (items, path, Some(flags)),
        _ => return wrong(""),
    };
    let entries = items.entries(context)?;
    let Some(path) = path.as_str().filter(|_| entries.is_some() || items.is_sequence()) else {
        return wrong("first a dict or a list, second a string pointing to the subkey");
    };
    let items = match entries {
        Some(fields) if is_skipped(&fields) => return Ok(Vec::new()),
        Some(fields) => fields.into_values().collect(),
        None => items.iterate()?,
    };
    let mut skip_missing = false;
    if let Some(flags) = flags {
        let Some(flags) = flags.entries(context)? else {
            return wrong("the optional third item must be a dict with flags ('skip_missing',)");
        };
        skip_missing = match flags.get("skip_missing") {
            Some(Py::Str(text)) => crate::value::parse_bool(text).unwrap_or_default(),
            Some(value) => value.truth()?,
            None => false,
        };
    }
    let mut out = Vec::new();
    for item in items {
        let Some(fields) = item.entries(context)? else {
            let shown = context.text(&item)?;
            return Err(Fault::error(format!("subelements lookup expects a dictionary, got '{shown}'")));
        };
        if !is_skipped(&fields) {
            let inner = elements_at(context, fields, path, skip_missing)?;
            out.extend(inner.into_iter().map(|element| Py::tuple(vec![item.clone(), element])));
        }
    }
    Ok(out)
}

/// The result of a task that was skipped has nothing to look into.
fn is_skipped(fields: &PyMap) -> bool {
    !matches!(fields.get("skipped"), None | Some(Py::Bool(false)))
}

/// The list that a dotted path leads to; what is missing on the way is passed over if `skip`.
fn elements_at(context: &Context, mut fields: PyMap, path: &str, skip: bool) -> Result<Vec<Py>> {
    let last = path.rsplit('.').next().unwrap_or(path);
    for key in path.split('.') {
        let Some(value) = fields.get(key).cloned() else {
            if skip {
                continue;
            }
            let shown = context.text(&Py::dict(fields))?;
            return Err(Fault::error(format!("could not find '{key}' key in iterated item '{shown}'")));
        };
        let shown = |value: &Py| context.text(value);
        if key == last {
            return match value.is_sequence() {
                true => value.iterate(),
                false => Err(Fault::error(format!("the key {key} should point to a list, got '{}'", shown(&value)?))),
            };
        }
        match value.entries(context)? {
            Some(inner) => fields = inner,
            None if skip => {}
            None => {
                let shown = shown(&value)?;
                return Err(Fault::error(format!("the key {key} should point to a dictionary, got '{shown}'")));
            }
        }
    }
    Ok(Vec::new())
}
