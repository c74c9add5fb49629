//! What an evaluation knows: variables of the host at hand and of others, and what has been evaluated already.

use super::environment::{FileOptions, file_mode};
use super::error::TemplateError;
use super::eval::{self, FileMode, Frame};
use super::fault::{Fault, Marker, Origin, Result};
use super::python::{Deferred, Py, PyMap, text};
use super::syntax::Mode;
use super::templar::Templar;
use crate::value::{Map, Template, Text, Value};
use crate::vars::Variables;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// How deep templates may use variables that are templates.
const DEEPEST: usize = 60;

/// One evaluation in the context of one host. Cheap to clone; never leaves its thread.
#[derive(Clone)]
pub(crate) struct Context {
    session: Rc<Session>,
    home: Rc<Home>,
}

/// One host's variables, each evaluated at most once.
struct Home {
    variables: Arc<dyn Variables>,
    locals: Arc<Map>,
    memo: RefCell<HashMap<Arc<str>, Option<Py>>>,
}

/// What all hosts of one evaluation share.
pub(crate) struct Session {
    pub templar: Templar,
    active: RefCell<Vec<(*const Template, *const Home)>>,
    hosts: RefCell<HashMap<Arc<str>, Rc<Home>>>,
    /// How many macros, blocks and files are being run inside each other.
    depth: Cell<usize>,
}

/// Lets go of what was remembered: memories refer to their context, and would keep each other alive.
pub(crate) struct Evaluation(Context);

impl std::ops::Deref for Evaluation {
    type Target = Context;
    fn deref(&self) -> &Context {
        &self.0
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        let homes: Vec<_> = self.0.session.hosts.borrow_mut().drain().map(|(_, home)| home).collect();
        for home in homes.iter().chain([&self.0.home]) {
            let memo = std::mem::take(&mut *home.memo.borrow_mut());
            drop(memo);
        }
    }
}

impl Evaluation {
    pub fn new(templar: &Templar) -> Self {
        let home = Home {
            variables: Arc::clone(&templar.variables),
            locals: Arc::clone(&templar.locals),
            memo: RefCell::default(),
        };
        let session = Session {
            templar: templar.clone(),
            active: RefCell::default(),
            hosts: RefCell::default(),
            depth: Cell::new(0),
        };
        Self(Context { session: Rc::new(session), home: Rc::new(home) })
    }
}

impl Context {
    pub fn templar(&self) -> &Templar {
        &self.session.templar
    }

    /// Runs one more macro, block, file or recursive loop inside those that run.
    pub fn nested<T>(&self, what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let depth = self.session.depth.get();
        if depth >= DEEPEST {
            return Err(Fault::error(format!("{what} goes too deep: it uses itself without end")));
        }
        self.session.depth.set(depth + 1);
        let result = run();
        self.session.depth.set(depth);
        result
    }

    /// The variable `name`, evaluated; it may be undefined in turn.
    pub fn variable(&self, name: &str) -> Option<Py> {
        if let Some(known) = self.home.memo.borrow().get(name) {
            return known.clone();
        }
        let value = self.home.locals.get(name).cloned().or_else(|| self.home.variables.get(name));
        let value = value.map(|value| self.evaluate_value(&value));
        // An error is not kept: a loop among variables is one only from where it was entered.
        if !matches!(value, Some(Py::Marker(_))) {
            self.home.memo.borrow_mut().insert(name.into(), value.clone());
        }
        value
    }

    /// The names of all variables.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = self.home.variables.names();
        for key in self.home.locals.keys() {
            if let Some(name) = key.as_str()
                && !names.iter().any(|known| &**known == name)
            {
                names.push(name.into());
            }
        }
        names
    }

    /// The hosts that `hostvars` has.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        self.home.variables.hosts()
    }

    /// Another host's context.
    pub fn host(&self, name: &str) -> Option<Self> {
        if let Some(home) = self.session.hosts.borrow().get(name) {
            return Some(Self { session: Rc::clone(&self.session), home: Rc::clone(home) });
        }
        let variables = self.home.variables.host(name)?;
        let home = Rc::new(Home { variables, locals: Arc::default(), memo: RefCell::default() });
        self.session.hosts.borrow_mut().insert(name.into(), Rc::clone(&home));
        Some(Self { session: Rc::clone(&self.session), home })
    }

    /// `value` as Python sees it; containers' parts are evaluated when looked at.
    pub fn import(&self, value: &Value) -> Py {
        match value {
            Value::Null => Py::None,
            Value::Bool(value) => Py::Bool(*value),
            Value::Int(value) => Py::Int(*value),
            Value::Float(value) => Py::Float(*value),
            Value::Str(text) => Py::Str(text.clone()),
            Value::Omit => Py::Omit,
            Value::Unknown(reason) => Py::Unknown(Arc::clone(reason)),
            Value::Template(_) | Value::Vault(_) | Value::List(_) | Value::Map(_) => {
                Py::Deferred(Rc::new(Deferred { value: value.clone(), context: self.clone(), result: OnceCell::new() }))
            }
        }
    }

    /// Evaluates one level of `value`.
    pub fn evaluate_value(&self, value: &Value) -> Py {
        match value {
            Value::List(items) => Py::list(items.iter().map(|item| self.import(item)).collect()),
            Value::Map(map) => {
                Py::dict(map.iter().map(|(key, value)| (key.clone(), self.import(value))).collect::<PyMap>())
            }
            Value::Vault(vault) => Py::captured(
                vault.reveal().map(|text| Py::Str(Text::from_vault(text))).map_err(|error| Fault::closed(vault, error)),
            ),
            Value::Template(template) => Py::captured(self.evaluate_template(template)),
            other => self.import(other),
        }
    }

    /// A template's native result. Undefined results are values.
    pub fn evaluate_template(&self, template: &Arc<Template>) -> Result<Py> {
        let own = (Arc::as_ptr(template), Rc::as_ptr(&self.home));
        let origin =
            Rc::new(Origin { source: Arc::clone(&template.source), span: template.span.clone(), skipped_lines: 0 });
        {
            let mut active = self.session.active.borrow_mut();
            if active.contains(&own) || active.len() >= DEEPEST {
                let fault = Fault::error(format!("Recursive loop detected in template: {}", template.source));
                return Err(fault.at(&origin, super::syntax::At { line: 1, column: 1 }));
            }
            active.push(own);
        }
        let result = self.evaluate_source(&template.source, &Mode::Yaml, origin);
        self.session.active.borrow_mut().pop();
        result
    }

    /// Text as a template or expression.
    pub fn evaluate_source(&self, source: &Arc<str>, mode: &Mode, origin: Rc<Origin>) -> Result<Py> {
        let program = match self.templar().templates.compile(source, mode) {
            Ok(program) => program,
            Err(error) => return Err(Fault::error(error.message.clone()).at(&origin, error.at)),
        };
        if matches!(mode, Mode::Expression | Mode::Condition) {
            let frame = Frame::new(self.clone(), origin, &program);
            frame.in_condition(*mode == Mode::Condition);
            return frame.run_expression(&program);
        }
        let result = Frame::new(self.clone(), origin, &program).run(&program)?;
        Ok(eval::keep_trailing_newlines(source, result, "\n"))
    }

    /// What a template file gives, as the template lookup has it: text, or the value of its only expression.
    pub fn render(&self, text: &str, path: &Path, options: &FileOptions, locals: Map) -> Result<Py> {
        let refused = |error: TemplateError| Fault::with_help(error.message, error.help);
        let (mode, origin) = file_mode(text, path, options).map_err(refused)?;
        let Mode::File(syntax) = &mode else { return Err(Fault::error("not a file")) };
        let origin = Rc::new(origin);
        let program = self.templar().templates.compile(&origin.source, &mode);
        let program = program.map_err(|error| Fault::error(error.message.clone()).at(&origin, error.at))?;
        let file = Rc::new(FileMode { syntax: syntax.clone(), newline: "\n", unknown: Cell::new(false) });
        let context = if locals.is_empty() { self.clone() } else { self.with_locals(locals) };
        if self.session.active.borrow().len() >= DEEPEST {
            return Err(Fault::error("Recursive loop detected in template lookups"));
        }
        if origin.source.is_empty() {
            return Ok(Py::str(""));
        }
        // Only counted: a file that looks itself up would never end.
        self.session.active.borrow_mut().push((std::ptr::null(), std::ptr::null()));
        let result = Frame::new(context, Rc::clone(&origin), &program).for_file(file).run(&program);
        self.session.active.borrow_mut().pop();
        Ok(eval::keep_trailing_newlines(&origin.source, result?, "\n"))
    }

    /// The same host with further variables.
    fn with_locals(&self, locals: Map) -> Self {
        let mut all = (*self.home.locals).clone();
        all.extend(locals);
        let home =
            Home { variables: Arc::clone(&self.home.variables), locals: Arc::new(all), memo: RefCell::default() };
        let home = Rc::new(home);
        // Kept with the other hosts so that it is cleared with them.
        let name = format!("\0{}", self.session.hosts.borrow().len());
        self.session.hosts.borrow_mut().insert(name.into(), Rc::clone(&home));
        Self { session: Rc::clone(&self.session), home }
    }

    /// Deep plain value, without what is omitted.
    ///
    /// # Errors
    /// Something in it is undefined or failed.
    pub fn export(&self, value: &Py) -> Result<Value> {
        Ok(match value {
            Py::None => Value::Null,
            Py::Bool(value) => Value::Bool(*value),
            Py::Int(value) => Value::Int(*value),
            Py::Float(value) => Value::Float(*value),
            Py::Str(text) => Value::Str(text.clone()),
            Py::Omit => Value::Omit,
            Py::Unknown(reason) => Value::Unknown(Arc::clone(reason)),
            Py::List(items) => {
                let items = items.borrow().clone();
                self.export_items(&items)?
            }
            Py::Tuple(items) => self.export_items(items)?,
            Py::Range(..) => self.export_items(&value.iterate()?)?,
            Py::Dict(map) => {
                let map = map.borrow().clone();
                self.export_map(map)?
            }
            Py::Deferred(deferred) => match &deferred.value {
                plain @ (Value::List(_) | Value::Map(_)) if deferred.result.get().is_none() && !needs_work(plain) => {
                    plain.clone()
                }
                _ => self.export(&deferred.force())?,
            },
            Py::Object(object) => match value.entries(self)? {
                Some(entries) => self.export_map(entries)?,
                None => object.export(self)?,
            },
            Py::Marker(marker) => return Err(Fault::Error(Rc::clone(marker))),
        })
    }

    fn export_items(&self, items: &[Py]) -> Result<Value> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match self.export(item)? {
                Value::Omit => {}
                value => out.push(value),
            }
        }
        Ok(Value::from(out))
    }

    fn export_map(&self, map: PyMap) -> Result<Value> {
        let mut out = Map::with_capacity_and_hasher(map.len(), Default::default());
        for (key, value) in map {
            match self.export(&value)? {
                Value::Omit => {}
                value => {
                    out.insert(key, value);
                }
            }
        }
        Ok(Value::from(out))
    }

    /// Python's `str()`.
    pub fn text(&self, value: &Py) -> Result<String> {
        text(self, value)
    }

    /// `value.name` or `value[name]` as Jinja looks it up; undefined where there is none.
    pub fn attribute(&self, value: &Py, name: &str) -> Py {
        eval::attribute(self, value, name)
    }

    /// `value[key]` as Jinja looks it up.
    pub fn item(&self, value: &Py, key: &Py) -> Py {
        eval::item(self, value, key)
    }

    /// `a.b.0` as the `attribute` parameter of filters means it.
    pub fn path(&self, value: &Py, path: &Py) -> Py {
        match path {
            Py::Str(path) => path.split('.').fold(value.clone(), |value, part| match part.parse::<i64>() {
                Ok(index) => self.item(&value, &Py::Int(index)),
                Err(_) => self.item(&value, &Py::str(part)),
            }),
            other => self.item(value, other),
        }
    }
}

/// Whether a value has parts that evaluating changes.
fn needs_work(value: &Value) -> bool {
    match value {
        Value::Template(_) | Value::Vault(_) | Value::Omit => true,
        Value::List(items) => items.iter().any(needs_work),
        Value::Map(map) => map.values().any(needs_work),
        _ => false,
    }
}

/// `'name' is undefined`.
pub(crate) fn undefined_name(name: &str) -> Marker {
    Marker::undefined(format!("'{name}' is undefined"), name)
}
