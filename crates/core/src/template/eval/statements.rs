//! Statements.

use super::frame::{Body, Flow, Frame, Output};
use super::macros::{Macro, Module};
use crate::template::fault::{Fault, Origin, Result};
use crate::template::python::Py;
use crate::template::stack;
use crate::template::syntax::{At, Expr, Mode, Program, Stmt, StmtKind, Syntax, Target};
use std::rc::Rc;
use std::sync::Arc;

impl Frame {
    pub(super) fn body(&self, body: &[Stmt], out: &mut Output) -> Result<Flow> {
        for stmt in body {
            let flow = match stack::deeper(|| self.stmt(stmt, out)) {
                // In a file, what depends on an unknown value is shown as unknown; the rest is still of use.
                Err(Fault::Unknown(reason)) if self.file.is_some() => {
                    out.value(Py::Unknown(reason));
                    Flow::Next
                }
                other => other.map_err(|fault| fault.at(&self.origin, stmt.at))?,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn stmt(&self, stmt: &Stmt, out: &mut Output) -> Result<Flow> {
        match &stmt.kind {
            StmtKind::Text(text) => match self.file.as_ref().map(|mode| mode.newline) {
                Some(newline) if newline != "\n" => out.text(&text.replace('\n', newline)),
                _ => out.text(text),
            },
            StmtKind::Emit(expr) => {
                let value = self.eval(expr)?;
                if let Py::Marker(marker) = &value {
                    marker.place(&self.origin, expr.at);
                }
                out.value(value.snapshot());
            }
            StmtKind::For(node) => return self.for_loop(node, out),
            StmtKind::If(test, yes, no) => {
                let branch = if self.truth(test)? { yes } else { no };
                return self.body(branch, out);
            }
            StmtKind::With(assignments, body) => {
                let inner = self.nested();
                for (target, value) in assignments {
                    let value = self.eval(value)?;
                    inner.assign(target, value)?;
                }
                return inner.body(body, out);
            }
            StmtKind::Set(target, value) => {
                let value = self.eval(value)?;
                self.assign(target, value)?;
            }
            StmtKind::SetBlock(target, filter, body) => {
                let mut value = self.capture(body)?;
                if let Some(filter) = filter {
                    value = self.filter_chain(filter, value)?;
                }
                self.assign(target, value)?;
            }
            StmtKind::FilterBlock(filter, body) => {
                let value = self.capture(body)?;
                out.value(self.filter_chain(filter, value)?);
            }
            StmtKind::Group(body) => return self.body(body, out),
            StmtKind::Block(name) => self.block(name, 0, out)?,
            StmtKind::Extends(name) => {
                let name = self.eval(name)?.force().used()?;
                *self.parent.borrow_mut() = Some(name);
            }
            StmtKind::Include(name, ignore_missing) => self.include(name, *ignore_missing, out)?,
            StmtKind::Import(name, target) => {
                let module = self.import(name)?;
                self.assign(target, Py::Object(module))?;
            }
            StmtKind::FromImport(name, names) => {
                let module = self.import(name)?;
                for (from, to) in names {
                    let Some(value) = module.get(from) else {
                        return Err(Fault::error(format!("the template does not export the requested name '{from}'")));
                    };
                    self.scope.set(to, value);
                }
            }
            StmtKind::Macro(decl) => {
                let value = Py::object(Macro { decl: Arc::clone(decl), frame: self.clone() });
                self.scope.set(&decl.name, value);
            }
            StmtKind::CallBlock(call, decl) => {
                let caller = Py::object(Macro { decl: Arc::clone(decl), frame: self.clone() });
                out.value(self.call(call, Some(caller))?);
            }
            StmtKind::Continue => return Ok(Flow::Continue),
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Do(expr) => {
                self.eval(expr)?.used()?;
            }
        }
        Ok(Flow::Next)
    }

    /// What a body gives out, as a value.
    pub(super) fn capture(&self, body: &Body) -> Result<Py> {
        let mut out = Output::default();
        let inner = Self { file: None, ..self.nested() };
        inner.body(body, &mut out)?;
        out.concat(&self.context)
    }

    pub(super) fn assign(&self, target: &Target, value: Py) -> Result<()> {
        match target {
            Target::Name(name) => {
                self.scope.set(name, value);
                Ok(())
            }
            Target::Attr(object, name) => match self.eval(object)?.force().used()? {
                Py::Object(object) => object.set_attribute(name, value),
                _ => Err(self.fault(object.at, "cannot assign attribute on non-namespace object")),
            },
            Target::Tuple(targets) => {
                let items = value.force().iterate_lazily().map_err(|fault| match (&fault, targets.len()) {
                    (Fault::Error(marker), _) if marker.undefined.is_none() => {
                        Fault::error(format!("cannot unpack: {}", marker.message))
                    }
                    _ => fault,
                })?;
                if items.len() < targets.len() {
                    let (want, got) = (targets.len(), items.len());
                    return Err(Fault::error(format!("not enough values to unpack (expected {want}, got {got})")));
                }
                if items.len() > targets.len() {
                    return Err(Fault::error(format!("too many values to unpack (expected {})", targets.len())));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item))
            }
        }
    }

    /// Runs the `level`th definition of a block; `super()` runs the next.
    pub(super) fn block(&self, name: &Arc<str>, level: usize, out: &mut Output) -> Result<()> {
        let found = self.blocks.borrow().get(name).and_then(|bodies| bodies.get(level).cloned());
        let Some((body, origin)) = found else {
            return Err(Fault::error(format!("there is no parent block called '{name}'")));
        };
        let inner = Self { origin, ..self.nested() };
        let (block, parent) = (Arc::clone(name), inner.clone());
        let parent_block = Py::function("super", move |context, _| {
            let mut out = Output::default();
            parent.block(&block, level + 1, &mut out)?;
            out.concat(context)
        });
        inner.scope.set(&"super".into(), parent_block);
        let result = self.context.nested("the block", || inner.body(&body, out)).map(|_| ());
        inner.scope.clear();
        result
    }

    fn include(&self, name: &Expr, ignore_missing: bool, out: &mut Output) -> Result<()> {
        let name = self.eval(name)?.force().used()?;
        let Some((program, origin)) = self.load(&name, ignore_missing)? else { return Ok(()) };
        let frame = Self { origin, blocks: Rc::default(), parent: Rc::default(), ..self.nested() };
        frame.add_blocks(&program);
        let mut own = Output::default();
        let result = self.context.nested("the included template", || frame.run_to(&program, &mut own));
        out.append(own);
        frame.scope.clear();
        result
    }

    fn import(&self, name: &Expr) -> Result<Rc<Module>> {
        let name = self.eval(name)?.force().used()?;
        let loaded = self.load(&name, false)?;
        let (program, origin) = loaded.ok_or_else(|| Fault::error("no template to import"))?;
        let frame = Self { origin, blocks: Rc::default(), parent: Rc::default(), ..self.nested() };
        frame.add_blocks(&program);
        let mut out = Output::default();
        self.context.nested("the imported template", || frame.run_to(&program, &mut out))?;
        Ok(Rc::new(Module { names: frame.scope.own(), body: out.concat(&self.context)? }))
    }

    /// Finds and parses the template `name` (or the first of a list that exists).
    pub(super) fn load(&self, name: &Py, ignore_missing: bool) -> Result<Option<(Arc<Program>, Rc<Origin>)>> {
        let names = if name.is_sequence() { name.iterate()? } else { vec![name.clone()] };
        let templar = self.context.templar();
        for name in &names {
            let Some(name) = name.as_str() else { continue };
            let Some(path) = templar.find_file("templates", name) else { continue };
            let text = templar.read_plain(&path)?;
            let syntax = self.file.as_ref().map_or_else(Syntax::default, |mode| mode.syntax.clone());
            let origin = Rc::new(Origin::of_file(&path, &text));
            return match templar.templates.compile(&origin.source, &Mode::File(syntax)) {
                Ok(program) => Ok(Some((program, origin))),
                Err(error) => Err(Fault::error(error.message.clone()).at(&origin, error.at)),
            };
        }
        if ignore_missing {
            return Ok(None);
        }
        let wanted: Vec<_> = names.iter().filter_map(Py::as_str).collect();
        let searched: Vec<_> = templar.search.iter().map(|dir| dir.display().to_string()).collect();
        Err(Fault::with_help(
            format!("could not find the template '{}'", wanted.join("', '")),
            Some(format!("searched in {}", searched.join(", "))),
        ))
    }

    pub(super) fn place(&self, value: &Py, at: At) {
        if let Py::Marker(marker) = value {
            marker.place(&self.origin, at);
        }
    }
}
