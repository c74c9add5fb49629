//! One template being run: where it is from, its names, its output.

use super::scope::Scope;
use crate::template::context::Context;
use crate::template::fault::{Fault, Origin, Result};
use crate::template::python::Py;
use crate::template::syntax::{At, Program, Stmt, StmtKind, Syntax};
use crate::template::templar::Templar;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

pub(super) type Body = Arc<Vec<Stmt>>;

/// What is printed in place of a value that is only known after apply.
pub(crate) const KNOWN_AFTER_APPLY: &str = "(known after apply)";

/// A block's definitions, the innermost child's first.
pub(super) type Blocks = Rc<RefCell<HashMap<Arc<str>, Vec<(Body, Rc<Origin>)>>>>;

/// The run of one template. Clones share everything but the current scope.
#[derive(Clone)]
pub(crate) struct Frame {
    pub context: Context,
    pub origin: Rc<Origin>,
    pub(super) scope: Rc<Scope>,
    pub(super) blocks: Blocks,
    /// The template that this one extends, once `{% extends %}` has run.
    pub(super) parent: Rc<RefCell<Option<Py>>>,
    pub(super) condition: Rc<Cell<bool>>,
    pub(super) file: Option<Rc<FileMode>>,
}

/// What differs for files: their syntax, and that unknown values are printed, not passed on.
pub(crate) struct FileMode {
    pub syntax: Syntax,
    pub newline: &'static str,
    pub unknown: Cell<bool>,
}

/// What a template gives out, piece by piece.
#[derive(Default)]
pub(crate) struct Output(Vec<Py>);

/// How a statement ended.
#[derive(PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl Output {
    pub fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.push(Py::str(text));
        }
    }

    pub fn value(&mut self, value: Py) {
        // None between other things is nothing, alone it is None.
        if !matches!(value, Py::None) {
            self.0.push(value);
        }
    }

    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// One piece keeps its type; several become text.
    pub fn concat(mut self, context: &Context) -> Result<Py> {
        match self.0.len() {
            0 => return Ok(Py::None),
            1 => return Ok(self.0.remove(0).force()),
            _ => {}
        }
        let mut text = String::new();
        for piece in self.0 {
            match piece.force() {
                Py::Str(part) => text.push_str(&part),
                Py::Omit => {}
                scalar @ (Py::Bool(_) | Py::Int(_) | Py::Float(_)) => text.push_str(&context.text(&scalar)?),
                other => {
                    let value = context.export(&other.used()?)?;
                    if let Some(reason) = value.first_unknown() {
                        return Err(Fault::Unknown(reason));
                    }
                    text.push_str(&Templar::text_of(&value));
                }
            }
        }
        Ok(Py::str(text))
    }

    /// All text, with unknown values shown as such. Whether it is text by itself: a single other value is not,
    /// and then the file's newline at the end is not kept.
    fn file_text(self, context: &Context, mode: &FileMode) -> Result<(String, bool)> {
        let own = match self.0.as_slice() {
            [] => false,
            [single] => matches!(single.clone().force(), Py::Str(_) | Py::Unknown(_)),
            _ => true,
        };
        let mut text = String::new();
        for piece in self.0 {
            match piece.force() {
                Py::Str(part) => text.push_str(&part),
                Py::Omit => {}
                Py::Unknown(_) => {
                    mode.unknown.set(true);
                    text.push_str(KNOWN_AFTER_APPLY);
                }
                other => {
                    let value = context.export(&other.used()?)?;
                    if value.first_unknown().is_some() {
                        mode.unknown.set(true);
                        text.push_str(KNOWN_AFTER_APPLY);
                    } else {
                        text.push_str(&Templar::text_of(&value));
                    }
                }
            }
        }
        Ok((text, own))
    }
}

impl Frame {
    pub fn new(context: Context, origin: Rc<Origin>, program: &Program) -> Self {
        let frame = Self {
            context,
            origin,
            scope: Rc::default(),
            blocks: Rc::default(),
            parent: Rc::default(),
            condition: Rc::default(),
            file: None,
        };
        frame.add_blocks(program);
        frame
    }

    /// Adds a template's blocks below those of its children.
    pub(super) fn add_blocks(&self, program: &Program) {
        let mut blocks = self.blocks.borrow_mut();
        for (name, body) in &program.blocks {
            blocks.entry(Arc::clone(name)).or_default().push((Arc::clone(body), Rc::clone(&self.origin)));
        }
    }

    pub fn in_condition(&self, condition: bool) {
        self.condition.set(condition);
    }

    #[must_use]
    pub fn for_file(mut self, mode: Rc<FileMode>) -> Self {
        self.file = Some(mode);
        self
    }

    /// The same frame with a level of names of its own.
    pub(super) fn nested(&self) -> Self {
        Self { scope: Scope::inside(&self.scope), ..self.clone() }
    }

    pub fn run_expression(&self, program: &Program) -> Result<Py> {
        match program.body.first().map(|stmt| &stmt.kind) {
            Some(StmtKind::Emit(expr)) => Ok(self.eval(expr)?.force()),
            _ => Ok(Py::None),
        }
    }

    /// Runs a template to its native result.
    pub fn run(&self, program: &Program) -> Result<Py> {
        let mut out = Output::default();
        let result = self.run_to(program, &mut out).and_then(|()| out.concat(&self.context));
        self.scope.clear();
        result
    }

    /// Runs a template file to its text.
    pub fn run_file(&self, program: &Program, mode: &FileMode) -> Result<String> {
        let mut out = Output::default();
        let result = self.run_to(program, &mut out).and_then(|()| out.file_text(&self.context, mode));
        self.scope.clear();
        let (text, own) = result?;
        if !own {
            return Ok(text);
        }
        match keep_trailing_newlines(&self.origin.source, Py::str(text), mode.newline) {
            Py::Str(text) => Ok(text.to_string()),
            _ => Ok(String::new()),
        }
    }

    /// Runs a template, then those that it extends.
    pub(super) fn run_to(&self, program: &Program, out: &mut Output) -> Result<()> {
        let before = out.0.len();
        self.body(&program.body, out)?;
        let parent = self.parent.borrow_mut().take();
        if let Some(name) = parent {
            out.0.truncate(before);
            let (program, origin) = self.load(&name, false)?.ok_or_else(|| Fault::error("no template to extend"))?;
            let frame = Self { origin, ..self.clone() };
            frame.add_blocks(&program);
            self.context.nested("the extended template", || frame.run_to(&program, out))?;
        }
        Ok(())
    }

    /// A fault with its place in this template.
    pub(super) fn fault(&self, at: At, message: impl Into<String>) -> Fault {
        Fault::error(message).at(&self.origin, at)
    }
}

/// As many newlines at the end as the template's own text has.
pub(crate) fn keep_trailing_newlines(source: &str, result: Py, newline: &str) -> Py {
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    match &result {
        Py::Str(text) => {
            let missing = count(source).saturating_sub(count(text));
            if missing == 0 { result } else { Py::str(format!("{text}{}", newline.repeat(missing))) }
        }
        _ => result,
    }
}
