//! Lists and mappings.

use super::Table;
use super::basic::flag;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, PyMap, contains, equal};
use crate::value::Key;
use std::collections::HashSet;
use std::rc::Rc;

pub(super) const TABLE: Table = &[
    ("first", first),
    ("last", last),
    ("reverse", reverse),
    ("batch", batch),
    ("slice", slice),
    ("items", items),
    ("flatten", flatten),
    ("dict2items", dict_to_items),
    ("items2dict", items_to_dict),
    ("dict", dict),
    ("zip", zip),
    ("zip_longest", zip_longest),
    ("product", product),
    ("permutations", |_, value, args| arrangements(value, args, true)),
    ("combinations", |_, value, args| arrangements(value, args, false)),
    ("union", union),
    ("intersect", intersect),
    ("difference", difference),
    ("symmetric_difference", symmetric_difference),
    ("subelements", subelements),
    ("extract", extract),
    ("rekey_on_member", rekey_on_member),
];

/// Values seen before: by hash where they have one, else by comparing.
#[derive(Default)]
pub(super) struct Seen {
    keys: HashSet<Key>,
    others: Vec<Py>,
}

impl Seen {
    /// Whether `value` is new.
    pub fn insert(&mut self, context: &Context, value: &Py) -> Result<bool> {
        // Python takes 1, 1.0 and True for the same.
        let number = match value {
            Py::Bool(value) => Some(Key::Int(i64::from(*value))),
            Py::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(Key::Int(*value as i64)),
            _ => None,
        };
        if let Some(key) = number.or_else(|| value.to_key().ok()) {
            return Ok(self.keys.insert(key));
        }
        for other in &self.others {
            if equal(context, other, value)? {
                return Ok(false);
            }
        }
        self.others.push(value.clone());
        Ok(true)
    }
}

fn first(_: &Context, value: Py, _: Args) -> Result<Py> {
    let first = match &value {
        Py::List(items) => items.borrow().first().cloned().map(Py::force),
        other => other.iterate()?.into_iter().next(),
    };
    Ok(first.unwrap_or_else(|| Py::undefined("No first item, sequence was empty.", "first")))
}

fn last(_: &Context, value: Py, _: Args) -> Result<Py> {
    let last = match &value {
        Py::List(items) => items.borrow().last().cloned().map(Py::force),
        other => other.iterate()?.pop(),
    };
    Ok(last.unwrap_or_else(|| Py::undefined("No last item, sequence was empty.", "last")))
}

fn reverse(_: &Context, value: Py, _: Args) -> Result<Py> {
    if let Py::Str(text) = &value {
        return Ok(Py::str(text.chars().rev().collect::<String>()));
    }
    let mut items = value.iterate()?;
    items.reverse();
    Ok(Py::list(items))
}

fn count(value: Option<&Py>, name: &str) -> Result<usize> {
    let count = value.and_then(Py::as_int).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    count.ok_or_else(|| Fault::error(format!("'{name}' must be a positive number")))
}

fn batch(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [size, fill] = args.bind(["linecount", "fill_with"])?;
    let size = count(size.as_ref(), "linecount")?;
    let items = value.iterate()?;
    let rows = items.chunks(size).map(|row| {
        let mut row = row.to_vec();
        if let Some(fill) = fill.as_ref().filter(|fill| !matches!(fill, Py::None)) {
            row.resize(size, fill.clone());
        }
        Py::list(row)
    });
    Ok(Py::list(rows.collect()))
}

fn slice(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [slices, fill] = args.bind(["slices", "fill_with"])?;
    let slices = count(slices.as_ref(), "slices")?;
    let items = value.iterate()?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let mut columns = Vec::with_capacity(slices);
    let mut at = 0;
    for column in 0..slices {
        let size = each + usize::from(column < extra);
        let mut part = items[at..at + size].to_vec();
        at += size;
        if let Some(fill) = fill.as_ref().filter(|fill| !matches!(fill, Py::None) && extra > 0 && column >= extra) {
            part.push(fill.clone());
        }
        columns.push(Py::list(part));
    }
    Ok(Py::list(columns))
}

/// A mapping's entries; refuses other values in the filter's words.
pub(super) fn entries(context: &Context, value: &Py, needs: &str) -> Result<PyMap> {
    match value.entries(context)? {
        Some(entries) => Ok(entries),
        None => Err(Fault::error(format!("{needs}, got '{}' instead", value.type_name()))),
    }
}

/// Refuses a mapping in which something is undefined.
pub(super) fn defined(entries: PyMap) -> Result<PyMap> {
    match entries.values().find_map(|value| if let Py::Marker(marker) = value { Some(marker) } else { None }) {
        Some(marker) => Err(Fault::Error(Rc::clone(marker))),
        None => Ok(entries),
    }
}

fn items(context: &Context, value: Py, _: Args) -> Result<Py> {
    let entries = defined(entries(context, &value, "needs a mapping")?)?;
    Ok(Py::list(entries.into_iter().map(|(key, value)| Py::tuple(vec![Py::from(&key), value])).collect()))
}

fn flatten(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [levels, skip_nulls] = args.bind(["levels", "skip_nulls"])?;
    let levels = levels.and_then(|levels| levels.as_int());
    let mut out = Vec::new();
    flatten_into(&mut out, value.iterate()?, levels, flag(skip_nulls.as_ref(), true)?)?;
    Ok(Py::list(out))
}

/// Takes lists in lists apart, down to `levels`.
pub(crate) fn flatten_into(out: &mut Vec<Py>, items: Vec<Py>, levels: Option<i64>, skip_nulls: bool) -> Result<()> {
    for item in items {
        if skip_nulls && (matches!(item, Py::None) || matches!(item.as_str(), Some("None" | "null"))) {
            continue;
        }
        if item.is_sequence() && levels.is_none_or(|levels| levels >= 1) {
            flatten_into(out, item.iterate()?, levels.map(|levels| levels - 1), skip_nulls)?;
        } else {
            out.push(item);
        }
    }
    Ok(())
}

fn names(args: Args) -> Result<(Key, Key)> {
    let [key, value] = args.bind(["key_name", "value_name"])?;
    let key = key.unwrap_or_else(|| Py::str("key")).to_key()?;
    Ok((key, value.unwrap_or_else(|| Py::str("value")).to_key()?))
}

fn dict_to_items(context: &Context, value: Py, args: Args) -> Result<Py> {
    let (key_name, value_name) = names(args)?;
    let entries = defined(entries(context, &value, "dict2items requires a dictionary")?)?;
    let items = entries.into_iter().map(|(key, value)| {
        Py::dict(PyMap::from_iter([(key_name.clone(), Py::from(&key)), (value_name.clone(), value)]))
    });
    Ok(Py::list(items.collect()))
}

fn items_to_dict(context: &Context, value: Py, args: Args) -> Result<Py> {
    let (key_name, value_name) = names(args)?;
    if !value.is_sequence() {
        return Err(Fault::error(format!("items2dict requires a list, got '{}' instead", value.type_name())));
    }
    let mut out = PyMap::default();
    for item in value.iterate()? {
        // Lists whose items are named by number will do, too.
        if !item.is_sequence() || !matches!((&key_name, &value_name), (Key::Int(_), Key::Int(_))) {
            entries(context, &item, "items2dict requires a list of dictionaries")?;
        }
        let [key, value] = [&key_name, &value_name].map(|name| context.item(&item, &Py::from(name)));
        if [&key, &value].iter().any(|part| matches!(part, Py::Marker(marker) if marker.undefined.is_some())) {
            return Err(Fault::error(format!(
                "items2dict requires each dictionary in the list to contain the keys '{key_name}' and '{value_name}'"
            )));
        }
        out.insert(key.used()?.to_key()?, value.used()?);
    }
    Ok(Py::dict(out))
}

fn dict(context: &Context, value: Py, args: Args) -> Result<Py> {
    crate::template::eval::dict(context, args.prepend(value))
}

fn columns(value: Py, args: &Args) -> Result<Vec<Vec<Py>>> {
    std::iter::once(&value).chain(&args.positional).map(Py::iterate).collect()
}

fn zip(_: &Context, value: Py, args: Args) -> Result<Py> {
    let columns: Vec<_> =
        std::iter::once(&value).chain(&args.positional).map(Py::iterate_lazily).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    // Items beyond the shortest list's end are not looked at.
    'rows: loop {
        let mut row = Vec::with_capacity(columns.len());
        for column in &columns {
            let Some(item) = column.get(rows.len()) else { break 'rows };
            row.push(item.clone().used()?);
        }
        rows.push(Py::tuple(row));
    }
    Ok(Py::list(rows))
}

fn zip_longest(_: &Context, value: Py, mut args: Args) -> Result<Py> {
    let fill = args.take("fillvalue").unwrap_or(Py::None);
    let columns = columns(value, &args)?;
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| {
        Py::tuple(columns.iter().map(|column| column.get(at).cloned().unwrap_or_else(|| fill.clone())).collect())
    };
    Ok(Py::list((0..rows).map(row).collect()))
}

fn product(_: &Context, value: Py, mut args: Args) -> Result<Py> {
    let repeat = args.take("repeat").and_then(|repeat| repeat.as_int()).unwrap_or(1);
    let columns = columns(value, &args)?;
    let columns: Vec<_> = (0..repeat.max(0)).flat_map(|_| columns.iter()).collect();
    Ok(Py::list(cartesian(&columns)?.into_iter().map(Py::tuple).collect()))
}

/// Most rows that combining lists may give.
const MOST_ROWS: usize = 10_000_000;

/// All rows that take one item of each column.
pub(crate) fn cartesian(columns: &[&Vec<Py>]) -> Result<Vec<Vec<Py>>> {
    let size = columns.iter().try_fold(1_usize, |size, column| size.checked_mul(column.len()));
    if size.is_none_or(|size| size > MOST_ROWS) {
        return Err(Fault::error("the lists give too many combinations"));
    }
    let mut rows = vec![Vec::new()];
    for column in columns {
        rows = rows
            .iter()
            .flat_map(|row| column.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect()))
            .collect();
    }
    Ok(rows)
}

fn arrangements(value: Py, args: Args, ordered: bool) -> Result<Py> {
    let [size] = args.bind(["r"])?;
    let items = value.iterate()?;
    let size = match (size, ordered) {
        (Some(size), _) if !matches!(size, Py::None) => {
            let size = size.as_int().and_then(|size| usize::try_from(size).ok());
            size.ok_or_else(|| Fault::error("r must be non-negative"))?
        }
        (_, true) => items.len(),
        (_, false) => return Err(Fault::error("combinations needs a length")),
    };
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut next = Vec::new();
        for row in &chosen {
            let from = if ordered { 0 } else { row.last().map_or(0, |last| last + 1) };
            next.extend((from..items.len()).filter(|at| !row.contains(at)).map(|at| [&row[..], &[at]].concat()));
        }
        if next.len() > MOST_ROWS {
            return Err(Fault::error("the list gives too many combinations"));
        }
        chosen = next;
    }
    let row = |row: Vec<usize>| Py::tuple(row.into_iter().map(|at| items[at].clone()).collect());
    Ok(Py::list(chosen.into_iter().map(row).collect()))
}

fn other(args: Args) -> Result<Py> {
    let [other] = args.bind(["b"])?;
    other.ok_or_else(|| Fault::error("needs a second list"))
}

/// Each item once, in the order of first occurrence.
fn once(context: &Context, items: impl IntoIterator<Item = Py>) -> Result<Py> {
    distinct(context, items).map(Py::list)
}

fn distinct(context: &Context, items: impl IntoIterator<Item = Py>) -> Result<Vec<Py>> {
    let mut seen = Seen::default();
    let mut kept = Vec::new();
    for item in items {
        if seen.insert(context, &item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// The items of `a` that are (or are not) in `b`.
fn filtered(context: &Context, a: Vec<Py>, b: &Py, keep: bool) -> Result<Vec<Py>> {
    let mut kept = Vec::new();
    for item in a {
        if contains(context, b, &item)? == keep {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn union(context: &Context, value: Py, args: Args) -> Result<Py> {
    let other = other(args)?;
    once(context, value.iterate()?.into_iter().chain(other.iterate()?))
}

/// The second list's items. Where the first has none, it need not be a list.
fn items_of(other: &Py, firsts: &[Py]) -> Result<Vec<Py>> {
    let single = matches!(other, Py::None | Py::Bool(_) | Py::Int(_) | Py::Float(_));
    if firsts.is_empty() && single { Ok(Vec::new()) } else { other.iterate() }
}

/// Whether Python can make a set of them.
fn hashable(items: &[Py]) -> bool {
    items.iter().all(|item| match item.clone().force() {
        Py::Tuple(parts) => hashable(&parts),
        item => item.to_key().is_ok(),
    })
}

fn intersect(context: &Context, value: Py, args: Args) -> Result<Py> {
    let (value, other) = (value.iterate()?, other(args)?);
    let others = items_of(&other, &value)?;
    if !hashable(&value) || !hashable(&others) {
        return once(context, filtered(context, value, &other, true)?);
    }
    let (items, others) = (distinct(context, value)?, distinct(context, others)?);
    // Of two that are equal (`1`, `true`) Python keeps the one of the smaller set.
    let of_others = others.len() <= items.len();
    let mut common = Vec::new();
    for item in items {
        for candidate in &others {
            if equal(context, &item, candidate)? {
                common.push(if of_others { candidate.clone() } else { item });
                break;
            }
        }
    }
    Ok(Py::list(common))
}

fn difference(context: &Context, value: Py, args: Args) -> Result<Py> {
    let (value, other) = (value.iterate()?, other(args)?);
    let others = items_of(&other, &value)?;
    // A text is one of letters, but where no set can be made of the first list, whose items are looked for in it.
    let others = if hashable(&value) && hashable(&others) { Py::list(others) } else { other };
    once(context, filtered(context, value, &others, false)?)
}

fn symmetric_difference(context: &Context, value: Py, args: Args) -> Result<Py> {
    let other = Py::list(other(args)?.iterate()?);
    let value = Py::list(value.iterate()?);
    let mut items = filtered(context, value.iterate()?, &other, false)?;
    items.extend(filtered(context, other.iterate()?, &value, false)?);
    once(context, items)
}

fn subelements(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [path, skip_missing] = args.bind(["subelements", "skip_missing"])?;
    let skip_missing = flag(skip_missing.as_ref(), false)?;
    let path: Vec<Py> = match &path {
        Some(Py::Str(path)) => path.split('.').map(Py::str).collect(),
        Some(path) if path.is_sequence() => path.iterate()?,
        _ => return Err(Fault::error("subelements must be a list or a string")),
    };
    let elements = match value.entries(context)? {
        Some(entries) => entries.into_values().collect(),
        None if value.is_sequence() => value.iterate()?,
        None => return Err(Fault::error("obj must be a list of dicts or a nested dict")),
    };
    let mut out = Vec::new();
    for element in elements {
        let mut values = element.clone();
        for part in &path {
            let Some(entries) = values.entries(context)? else {
                let (part, kind) = (context.text(part)?, values.type_name());
                return Err(Fault::error(format!("the key {part} should point to a dictionary, got '{kind}'")));
            };
            match entries.get(&part.to_key()?) {
                Some(found) => values = found.clone(),
                None if skip_missing => {
                    values = Py::list(Vec::new());
                    break;
                }
                None => {
                    let part = context.text(part)?;
                    return Err(Fault::error(format!("could not find '{part}' key in iterated item")));
                }
            }
        }
        let Py::List(_) = &values else {
            let (part, kind) = (context.text(&path[path.len() - 1])?, values.type_name());
            return Err(Fault::error(format!("the key '{part}' should point to a list, got '{kind}'")));
        };
        out.extend(values.iterate()?.into_iter().map(|value| Py::tuple(vec![element.clone(), value])));
    }
    Ok(Py::list(out))
}

fn extract(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [container, more] = args.bind(["container", "morekeys"])?;
    let container = container.ok_or_else(|| Fault::error("extract needs a container"))?;
    let mut keys = vec![value];
    match more {
        None | Some(Py::None) => {}
        Some(Py::List(more)) => keys.extend(more.borrow().iter().cloned().map(Py::force)),
        Some(more) => keys.push(more),
    }
    Ok(keys.iter().fold(container, |value, key| context.item(&value, key)))
}

fn rekey_on_member(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [key, duplicates] = args.bind(["key", "duplicates"])?;
    let key = key.ok_or_else(|| Fault::error("rekey_on_member needs a key"))?.to_key()?;
    let overwrite = match duplicates.as_ref().and_then(Py::as_str).unwrap_or("error") {
        "error" => false,
        "overwrite" => true,
        other => {
            return Err(Fault::error(format!("duplicates parameter to rekey_on_member has unknown value '{other}'")));
        }
    };
    let items = match value.entries(context)? {
        Some(entries) => entries.into_values().collect(),
        None if value.is_sequence() => value.iterate()?,
        None => return Err(Fault::error("Type is not a valid list, set, or dict")),
    };
    let mut out = PyMap::default();
    for item in items {
        let fields = entries(context, &item, "List item is not a valid dict")?;
        let Some(found) = fields.get(&key) else { return Err(Fault::error(format!("Key '{key}' was not found."))) };
        if out.insert(found.to_key()?, item).is_some() && !overwrite {
            let found = context.text(found)?;
            return Err(Fault::error(format!("Key '{found}' is not unique, cannot convert to dict.")));
        }
    }
    Ok(Py::dict(out))
}
