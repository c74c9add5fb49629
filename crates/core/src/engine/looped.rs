//! A task with a loop, on one host.

use super::ended::Ended;
use super::host_task::HostTask;
use crate::actions::Effect;
use crate::event::{Event, Status};
use crate::module::short_name;
use crate::playbook::{Loop, Spanned};
use crate::template::{Condition, Templar, TemplateError};
use crate::value::{Key, Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `loop_control`, evaluated.
struct Control {
    loop_var: Arc<str>,
    index_var: Option<Arc<str>>,
    pause: f64,
    extended: bool,
    extended_allitems: bool,
}

impl HostTask<'_> {
    /// Runs the task for every item and sums up.
    pub(super) fn looped(&self, templar: &Templar, loop_: &Loop) -> Ended {
        let not_looped = |error: &TemplateError| {
            let mut ended = self.not_looped(error, &loop_.items);
            self.hide(templar, &mut ended);
            self.before(ended)
        };
        let items = match self.items(templar, loop_) {
            Ok(Ok(items)) => items,
            Ok(Err(reason)) => return Ended::unknown(&reason),
            // Ansible skips a task whose items are undefined if its condition is false without them.
            Err(error) => {
                let skipped = self.skipped_without_items(templar);
                return skipped.unwrap_or_else(|| not_looped(&error));
            }
        };
        let control = match control(templar, loop_) {
            Ok(control) => control,
            Err(error) => return not_looped(&error),
        };
        let mut ended = Vec::with_capacity(items.len());
        // What one item sets, the next ones see.
        let mut carried = Map::default();
        for (index, item) in items.iter().enumerate() {
            if index > 0 && control.pause > 0.0 {
                std::thread::sleep(Duration::from_secs_f64(control.pause));
            }
            let mut known = carried.clone();
            known.extend(locals(&control, &items, index));
            let locals = templar.with_locals(known);
            let one = self.item(&locals, loop_, &control, item, index);
            let stop = self.breaks(&locals, loop_, &one);
            carry(&mut carried, &one);
            ended.push(one);
            if stop || self.batch.engine.cancel.is_immediate() {
                break;
            }
        }
        sum_up(ended)
    }

    /// The variables of each item, for includes.
    pub(super) fn loop_locals(&self, templar: &Templar, loop_: &Loop) -> Result<Vec<Map>, Box<Ended>> {
        let failed = |error: TemplateError| Box::new(self.not_looped(&error, &loop_.items));
        let items = match self.items(templar, loop_) {
            Ok(Ok(items)) => items,
            Ok(Err(reason)) => return Err(Box::new(Ended::unknown(&reason))),
            Err(error) => return Err(self.skipped_without_items(templar).map_or_else(|| failed(error), Box::new)),
        };
        let control = control(templar, loop_).map_err(failed)?;
        Ok((0..items.len()).map(|index| locals(&control, &items, index)).collect())
    }

    fn not_looped(&self, error: &TemplateError, written: &Spanned<Value>) -> Ended {
        Ended::from_error(error, written.span.as_ref().or(self.task.span.as_ref()), "")
    }

    /// The items, or why they are not known yet.
    fn items(&self, templar: &Templar, loop_: &Loop) -> Result<Result<Vec<Value>, Arc<str>>, TemplateError> {
        let first_found = loop_.lookup.as_deref().is_some_and(|name| short_name(name) == "first_found");
        // Names among them that are undefined are no mistake: the lookup itself evaluates them.
        let value = if first_found { loop_.items.value.clone() } else { templar.resolve(&loop_.items.value)? };
        if let Value::Unknown(reason) = &value {
            return Ok(Err(Arc::clone(reason)));
        }
        let items = match &loop_.lookup {
            None => value,
            Some(lookup) => {
                let terms = match value {
                    Value::List(items) => items.to_vec(),
                    other => vec![other],
                };
                if let Some(reason) = terms.iter().find_map(Value::first_unknown) {
                    return Ok(Err(reason));
                }
                // As Ansible takes it from the action's name, be it a plug-in's of one's own.
                let action = short_name(&self.task.action);
                let kinds = [("template", "templates"), ("var", "vars")];
                let dir = kinds.iter().find(|(word, _)| action.contains(word)).map_or("files", |(_, dir)| dir);
                templar.clone().for_loop(dir).lookup(lookup, terms, Map::default(), true)?
            }
        };
        match items {
            Value::List(items) => Ok(Ok(items.to_vec())),
            Value::Unknown(reason) => Ok(Err(reason)),
            other => {
                let message = format!("The `loop` value must resolve to a 'list', not '{}'.", other.type_name());
                Err(TemplateError::new(message, None))
            }
        }
    }

    fn skipped_without_items(&self, templar: &Templar) -> Option<Ended> {
        let conditions = self.task.scope.levels().flat_map(|level| &level.keywords.when);
        let mut conditions = conditions.map(|condition| templar.condition(condition));
        let skipped = conditions.any(|condition| matches!(condition, Ok(Condition::False)));
        skipped.then(|| {
            let fields = [
                ("changed", Value::Bool(false)),
                ("skipped", Value::Bool(true)),
                ("skip_reason", Value::from("Conditional result was False")),
            ];
            Ended::new(Status::Skipped, fields.into_iter().map(|(name, value)| (Key::from(name), value)).collect())
        })
    }

    fn item(&self, locals: &Templar, loop_: &Loop, control: &Control, item: &Value, index: usize) -> Ended {
        let started = Instant::now();
        let mut one = HostTask { item: Some(index), ..*self }.once(locals);
        self.batch.change_inventory(self.task, self.host, &mut one);
        one.elapsed = started.elapsed();
        let label = match &loop_.control.label {
            Some(label) => match self.with_result(locals, &one).resolve(&label.value) {
                Ok(label) => Templar::text_of(&label),
                Err(error) => {
                    let message = format!("Failed to template loop_control.label: {}", error.message);
                    one.result.insert(Key::from("msg"), Value::from(message));
                    one.result.insert(Key::from("failed"), Value::Bool(true));
                    one.status = Status::Failed;
                    one = self.before(one);
                    error.to_string()
                }
            },
            None => Templar::text_of(item),
        };
        one.result.insert(Key::Str(Arc::clone(&control.loop_var)), item.clone());
        one.result.insert(Key::from("ansible_loop_var"), Value::str(Arc::clone(&control.loop_var)));
        if let Some(name) = &control.index_var {
            one.result.insert(Key::Str(Arc::clone(name)), Value::Int(index as i64));
            one.result.insert(Key::from("ansible_index_var"), Value::str(Arc::clone(name)));
        }
        if loop_.control.label.is_some() {
            one.result.insert(Key::from("_ansible_item_label"), Value::from(label.as_str()));
        }
        let label = if one.no_log {
            "(censored due to no_log)".to_owned()
        } else {
            self.batch.engine.parts.redactor.redact(&label).into_owned()
        };
        if let Some(book) = &self.batch.engine.book {
            book.item_ended(self.info, self.host, one.status);
        }
        self.batch.engine.emit(&Event::ItemFinished {
            task: Arc::clone(self.info),
            host: Arc::clone(self.host),
            label,
            result: self.batch.shown(&one, self.task.span.as_ref(), Vec::new()),
        });
        one
    }

    /// `break_when`.
    fn breaks(&self, locals: &Templar, loop_: &Loop, ended: &Ended) -> bool {
        if loop_.control.break_when.is_empty() {
            return false;
        }
        let locals = self.with_result(locals, ended);
        loop_.control.break_when.iter().all(|condition| matches!(locals.condition(condition), Ok(Condition::True)))
    }
}

fn control(templar: &Templar, loop_: &Loop) -> Result<Control, TemplateError> {
    let value = |written: &Option<Spanned<Value>>| match written {
        Some(written) => templar.resolve(&written.value).map(Some),
        None => Ok(None),
    };
    let text = |written| Ok::<_, TemplateError>(value(written)?.map(|value| Arc::from(Templar::text_of(&value))));
    let flag = |written| Ok::<_, TemplateError>(value(written)?.and_then(|value| value.as_bool()));
    Ok(Control {
        loop_var: text(&loop_.control.loop_var)?.unwrap_or_else(|| Arc::from("item")),
        index_var: text(&loop_.control.index_var)?,
        pause: value(&loop_.control.pause)?.and_then(|value| Templar::text_of(&value).parse().ok()).unwrap_or(0.0),
        extended: flag(&loop_.control.extended)?.unwrap_or(false),
        extended_allitems: flag(&loop_.control.extended_allitems)?.unwrap_or(true),
    })
}

/// The variables of one item.
fn locals(control: &Control, items: &[Value], index: usize) -> Map {
    let mut locals = Map::default();
    locals.insert(Key::Str(Arc::clone(&control.loop_var)), items.get(index).cloned().unwrap_or_default());
    locals.insert(Key::from("ansible_loop_var"), Value::str(Arc::clone(&control.loop_var)));
    if let Some(name) = &control.index_var {
        locals.insert(Key::Str(Arc::clone(name)), Value::Int(index as i64));
        locals.insert(Key::from("ansible_index_var"), Value::str(Arc::clone(name)));
    }
    if control.extended {
        let (length, at) = (items.len() as i64, index as i64);
        let mut extended = Map::from_iter([
            (Key::from("index"), Value::Int(at + 1)),
            (Key::from("index0"), Value::Int(at)),
            (Key::from("revindex"), Value::Int(length - at)),
            (Key::from("revindex0"), Value::Int(length - at - 1)),
            (Key::from("first"), Value::Bool(at == 0)),
            (Key::from("last"), Value::Bool(at + 1 == length)),
            (Key::from("length"), Value::Int(length)),
        ]);
        if control.extended_allitems {
            extended.insert(Key::from("allitems"), Value::list(items.iter().cloned()));
        }
        if let Some(previous) = index.checked_sub(1).and_then(|index| items.get(index)) {
            extended.insert(Key::from("previtem"), previous.clone());
        }
        if let Some(next) = items.get(index + 1) {
            extended.insert(Key::from("nextitem"), next.clone());
        }
        locals.insert(Key::from("ansible_loop"), extended.into());
    }
    locals
}

/// Adds the variables that an item's result sets to what later items see.
fn carry(carried: &mut Map, one: &Ended) {
    for effect in &one.effects {
        match effect {
            Effect::SetFacts { variables, .. } | Effect::IncludeVars(variables) | Effect::Facts(variables) => {
                // No fact can take the place of all of them.
                let variables = variables.iter().filter(|(key, _)| key.as_str() != Some("ansible_facts"));
                carried.extend(variables.map(|(key, value)| (key.clone(), value.clone())));
            }
            Effect::AddHost { .. } | Effect::GroupBy { .. } | Effect::Stats { .. } => {}
        }
    }
}

/// What all items together mean.
fn sum_up(items: Vec<Ended>) -> Ended {
    let any = |status: Status| items.iter().any(|item| item.status == status);
    let all_skipped = items.iter().all(|item| item.status == Status::Skipped);
    let changed = items.iter().any(Ended::is_changed);
    let is_unreachable = |item: &Ended| item.result.get("unreachable") == Some(&Value::Bool(true));
    let unreachable = items.iter().any(is_unreachable);
    let (status, message) = match () {
        () if items.is_empty() => (Status::Skipped, "No items in the list"),
        () if any(Status::Failed) && !any(Status::Unreachable) => (Status::Failed, "One or more items failed"),
        () if any(Status::Unreachable) => (Status::Unreachable, "All items completed"),
        () if unreachable => (Status::Ignored, "All items completed"),
        () if any(Status::Ignored) => (Status::Ignored, "One or more items failed"),
        () if all_skipped => (Status::Skipped, "All items skipped"),
        () if any(Status::Unknown) => (Status::Unknown, "All items completed"),
        () if changed => (Status::Changed, "All items completed"),
        () => (Status::Ok, "All items completed"),
    };
    let mut sum = Ended::new(status, Map::default());
    sum.result.insert(Key::from("results"), Value::list(items.iter().map(Ended::value)));
    sum.result.insert(Key::from("changed"), Value::Bool(changed));
    if !items.is_empty() {
        sum.result.insert(Key::from("msg"), Value::from(message));
    } else {
        sum.result.insert(Key::from("skipped_reason"), Value::from("No items in the list"));
    }
    sum.result.insert(Key::from("skipped"), Value::Bool(status == Status::Skipped));
    if unreachable {
        sum.result.insert(Key::from("unreachable"), Value::Bool(true));
    }
    let failed = matches!(status, Status::Failed | Status::Ignored) && !unreachable;
    sum.result.insert(Key::from("failed"), Value::Bool(failed));
    for item in items {
        sum.no_log |= item.no_log;
        sum.diff.extend(item.diff);
        sum.acts |= item.acts;
        sum.only_checked |= item.only_checked;
        sum.effects.extend(item.effects);
        sum.delegated_to = sum.delegated_to.or(item.delegated_to);
        sum.delegated_address = sum.delegated_address.or(item.delegated_address);
        sum.facts_for = sum.facts_for.or(item.facts_for);
    }
    sum
}
