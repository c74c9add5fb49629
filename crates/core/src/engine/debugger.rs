//! The task debugger: after a result that is asked about, a prompt to look at variables, change them and the task's
//! arguments, and try again. What is typed are Jinja's expressions, which are written as Python's are.

use super::batch::Batch;
use super::ended::Ended;
use super::host_task::HostTask;
use super::options::Console;
use crate::event::{Event, Status, TaskInfo};
use crate::playbook::Task;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use std::sync::Arc;

const HELP: &str = "p (pprint) EXPRESSION: shows task, task.args, task_vars, host, result._result …\n\
                    task.args['NAME'] = EXPRESSION, task_vars['NAME'] = EXPRESSION: changes them\n\
                    u (update_task): evaluates the task's arguments again, as they are in the file\n\
                    r (redo): runs the task again\n\
                    c (continue): goes on\n\
                    q (quit): ends the run";

/// What comes after a session.
enum Next {
    Continue,
    Redo,
    Quit,
}

/// One result that is looked at.
struct Session<'a> {
    batch: &'a Batch<'a>,
    console: &'a dyn Console,
    info: &'a TaskInfo,
    host: &'a Arc<str>,
    result: Value,
    /// The task, as it is to run next.
    task: Task,
    /// The arguments as the file has them.
    written: Arc<Map>,
    /// Variables that were set.
    set: Map,
}

impl Batch<'_> {
    /// Lets the user look at a result, if the task or the settings want that, and run the task again. What is returned was
    /// told already if a session was held.
    pub(super) fn debugged(&self, task: &Arc<Task>, info: &Arc<TaskInfo>, host: &Arc<str>, mut ended: Ended) -> Ended {
        let Some(console) = self.engine.parts.console.as_deref() else { return ended };
        // Nearly always: nothing is copied then.
        if !self.wants_debugger(task, host, &ended) {
            return ended;
        }
        let (mut edited, mut set) = (Task::clone(task), Map::default());
        while self.wants_debugger(task, host, &ended) && !self.is_cut_off() {
            let result = self.shown(&ended, task.span.as_ref(), Vec::new());
            let shown = Value::from(serde_json::Value::Object(result.result.clone()));
            self.engine.emit(&Event::HostFinished { task: Arc::clone(info), host: Arc::clone(host), result });
            ended.told = true;
            let written = Arc::clone(&task.args);
            let mut session = Session { batch: self, console, info, host, result: shown, task: edited, written, set };
            let next = {
                let _quiet = self.engine.quiet();
                session.run()
            };
            Session { task: edited, set, .. } = session;
            match next {
                Next::Continue => break,
                Next::Quit => {
                    self.engine.cancel.request();
                    break;
                }
                Next::Redo => {
                    let task = Arc::new(edited.clone());
                    self.engine.emit(&Event::HostStarted { task: Arc::clone(info), host: Arc::clone(host) });
                    ended = HostTask { batch: self, task: &task, info, host, item: None }.run_with(set.clone());
                }
            }
        }
        ended
    }

    fn wants_debugger(&self, task: &Task, host: &Arc<str>, ended: &Ended) -> bool {
        let options = &self.engine.options;
        let keyword = self.task_value(task, std::slice::from_ref(host), |keywords| &keywords.debugger);
        let keyword = keyword.map(|value| Templar::text_of(&value)).unwrap_or_default();
        let unreachable = ended.status == Status::Unreachable || ended.result.contains_key("unreachable");
        let failed = !unreachable
            && match ended.status {
                Status::Ignored => !options.debugger_ignores_errors,
                status => status == Status::Failed,
            };
        match keyword.as_str() {
            "always" => true,
            "never" => false,
            "on_skipped" if ended.status == Status::Skipped => true,
            "on_failed" if failed => true,
            "on_unreachable" if unreachable => true,
            _ => (options.debugger || self.debugs) && (failed || unreachable),
        }
    }
}

impl Session<'_> {
    fn run(&mut self) -> Next {
        let kind = if self.info.handler { "HANDLER" } else { "TASK" };
        let prompt = format!("[{}] {kind}: {} (debug)> ", self.host, self.info.name);
        let mut last = String::new();
        loop {
            let Some(line) = self.console.line(&prompt) else { return self.quit() };
            // An empty line is the one before it again.
            let line = if line.trim().is_empty() { last.clone() } else { line.trim().to_owned() };
            let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            match command {
                "" => {}
                "c" | "continue" => return Next::Continue,
                "r" | "redo" => return Next::Redo,
                "q" | "quit" | "EOF" => return self.quit(),
                "h" | "help" | "?" => self.console.print(HELP),
                "p" | "pprint" => self.show(rest.trim()),
                "u" | "update_task" => self.update(),
                _ => match assignment(&line) {
                    Some(assignment) => self.assign(&assignment).unwrap_or_else(|error| self.complain(&error)),
                    None => self.show(&line),
                },
            }
            last = line;
        }
    }

    fn quit(&self) -> Next {
        self.console.print("User interrupted execution");
        Next::Quit
    }

    fn complain(&self, message: &str) {
        let message = self.batch.engine.parts.redactor.redact(message);
        self.console.print(&format!("***{message}"));
    }

    fn templar(&self) -> Templar {
        self.batch.templar(self.host, &self.task.scope).with_locals(self.set.clone())
    }

    /// Prints what an expression comes to.
    fn show(&self, expression: &str) {
        let title = format!("{}: {}", if self.info.handler { "HANDLER" } else { "TASK" }, self.info.name);
        let text = match expression {
            "" => Err("what is to be shown?".to_owned()),
            "task" => Ok(title),
            "host" => Ok(self.host.to_string()),
            _ => self.evaluated(expression).and_then(|value| self.printed(value)),
        };
        match text {
            Ok(text) => self.console.print(&self.batch.engine.parts.redactor.redact(&text)),
            Err(error) => self.complain(&error),
        }
    }

    /// As Python shows a value.
    fn printed(&self, value: Value) -> Result<String, String> {
        let templar = self.templar().with_locals(Map::from_iter([(Key::from("value"), value)]));
        templar.expression("value | pprint", None).map(|text| Templar::text_of(&text)).map_err(|error| error.message)
    }

    fn evaluated(&self, expression: &str) -> Result<Value, String> {
        let templar = self.templar();
        let named = |pairs: Vec<(&str, Value)>| {
            Value::from(pairs.into_iter().map(|(name, value)| (Key::from(name), value)).collect::<Map>())
        };
        let args = as_written(&Value::Map(Arc::clone(&self.task.args)));
        let task = named(vec![
            ("name", Value::from(self.info.name.as_str())),
            ("action", Value::from(self.info.written.as_str())),
            ("args", args),
        ]);
        let locals = [
            (Key::from("task"), task),
            (Key::from("task_vars"), as_written(&templar.variables().into())),
            (Key::from("host"), named(vec![("name", Value::str(Arc::clone(self.host)))])),
            (Key::from("result"), named(vec![("_result", self.result.clone())])),
        ];
        templar.with_locals(Map::from_iter(locals)).expression(expression, None).map_err(|error| error.message)
    }

    /// The arguments of the file, as they are with the variables that were set.
    fn update(&mut self) {
        self.task.args = Arc::clone(&self.written);
        match self.templar().resolve(&Value::Map(Arc::clone(&self.written))) {
            Ok(Value::Map(args)) => self.task.args = args,
            Ok(_) => {}
            Err(error) => self.complain(&error.message),
        }
    }

    fn assign(&mut self, assignment: &Assignment<'_>) -> Result<(), String> {
        let value = as_template(self.evaluated(assignment.expression)?);
        let keys = assignment.keys.iter().map(|key| self.evaluated(key)).collect::<Result<Vec<_>, _>>()?;
        if assignment.of_args {
            let mut args = Value::Map(Arc::clone(&self.task.args));
            put(&mut args, &keys, value)?;
            if let Value::Map(args) = args {
                self.task.args = args;
            }
            return Ok(());
        }
        let [name, deeper @ ..] = keys.as_slice() else { return Err("task_vars[…] is missing its name".to_owned()) };
        let name = Templar::text_of(name);
        let mut changed = match deeper {
            [] => Value::Null,
            _ => self.templar().variable(&name).map_err(|error| error.message)?.unwrap_or_default(),
        };
        put(&mut changed, deeper, value)?;
        self.set.insert(Key::from(name), changed);
        Ok(())
    }
}

/// `task.args['NAME'] = EXPRESSION`, or the same of `task_vars`.
#[derive(Debug, PartialEq)]
struct Assignment<'a> {
    of_args: bool,
    /// What stands in the brackets.
    keys: Vec<&'a str>,
    expression: &'a str,
}

fn assignment(line: &str) -> Option<Assignment<'_>> {
    let (of_args, rest) = match line.strip_prefix("task.args") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("task_vars")?),
    };
    let (mut keys, mut rest) = (Vec::new(), rest.trim_start());
    while let Some(inner) = rest.strip_prefix('[') {
        let end = closing(inner)?;
        keys.push(inner[..end].trim());
        rest = inner[end + 1..].trim_start();
    }
    let expression = rest.strip_prefix('=').filter(|expression| !expression.starts_with('='))?.trim();
    Some(Assignment { of_args, keys, expression })
}

/// Where the bracket is closed that was opened before `text`; those in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(char),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Sets what is reached by these keys; of a mapping, what is not there is made.
fn put(place: &mut Value, keys: &[Value], value: Value) -> Result<(), String> {
    let Some((key, deeper)) = keys.split_first() else {
        *place = value;
        return Ok(());
    };
    match (place, key) {
        (Value::Map(map), key) => {
            let name = match key {
                Value::Int(number) => Key::Int(*number),
                other => Key::from(Templar::text_of(other)),
            };
            put(Arc::make_mut(map).entry(name).or_insert(Value::Null), deeper, value)
        }
        (Value::List(items), Value::Int(index)) => {
            let mut changed = items.to_vec();
            let item = usize::try_from(*index).ok().and_then(|index| changed.get_mut(index));
            put(item.ok_or_else(|| format!("there is no item {index}"))?, deeper, value)?;
            *items = changed.into();
            Ok(())
        }
        (_, key) => Err(format!("[{}] cannot be set: this is neither a mapping nor a list", Templar::text_of(key))),
    }
}

/// Templates as the text that they are.
fn as_written(value: &Value) -> Value {
    match value {
        Value::Template(_) => Value::from(Templar::text_of(value)),
        Value::List(items) => Value::list(items.iter().map(as_written)),
        Value::Map(map) => {
            Value::from(map.iter().map(|(key, value)| (key.clone(), as_written(value))).collect::<Map>())
        }
        other => other.clone(),
    }
}

/// What the user types is meant as it would be in a playbook.
fn as_template(value: Value) -> Value {
    match &value {
        Value::Str(text) => Value::trusted(&**text, None),
        Value::List(items) => Value::list(items.iter().cloned().map(as_template)),
        Value::Map(map) => {
            Value::from(map.iter().map(|(key, value)| (key.clone(), as_template(value.clone()))).collect::<Map>())
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_told_from_expressions() {
        let keys =
            |line| assignment(line).map(|found| (found.of_args, found.keys.join("|"), found.expression.to_owned()));
        let found = |of_args, keys: &str, expression: &str| Some((of_args, keys.to_owned(), expression.to_owned()));
        assert_eq!(keys("task.args['data'] = '{{ a[0] }}'"), found(true, "'data'", "'{{ a[0] }}'"));
        assert_eq!(keys("task_vars['a]'] [b['c']]= 1 == 1"), found(false, "'a]'|b['c']", "1 == 1"));
        assert_eq!(keys("task.args = {}"), found(true, "", "{}"));
        assert_eq!(keys("task_vars['a'] == 1"), None);
        assert_eq!(keys("task.name = 'x'"), None);
        assert_eq!(keys("task_vars['a'"), None);
    }

    #[test]
    fn what_is_deep_inside_can_be_set() {
        let mut value = Value::from(serde_json::json!({"list": [{"a": 1}]}));
        let key = |text: &str| Value::from(text);
        put(&mut value, &[key("list"), Value::Int(0), key("b")], Value::Int(2)).unwrap();
        assert_eq!(value.to_json(), serde_json::json!({"list": [{"a": 1, "b": 2}]}));
        assert!(put(&mut value, &[key("list"), Value::Int(1)], Value::Null).is_err());
        assert!(put(&mut value, &[key("list"), Value::Int(0), key("a"), key("x")], Value::Null).is_err());
    }
}
