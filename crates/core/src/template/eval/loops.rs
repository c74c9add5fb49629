//! `for`, and what `loop` knows.

use super::frame::{Flow, Frame, Output};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Object, Py, equal};
use crate::template::syntax::For;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// `loop`.
struct Loop {
    items: Vec<Py>,
    index: Cell<usize>,
    depth: usize,
    changed: Rc<RefCell<Option<Py>>>,
    /// For `loop(items)` in recursive loops.
    recurse: Option<(Arc<For>, Frame)>,
}

impl Frame {
    pub(super) fn for_loop(&self, node: &Arc<For>, out: &mut Output) -> Result<Flow> {
        let iterable = self.eval(&node.iter)?.force();
        let items = iterable.iterate_lazily().map_err(|fault| fault.at(&self.origin, node.iter.at))?;
        self.run_loop(node, items, 0, out)
    }

    fn run_loop(&self, node: &Arc<For>, items: Vec<Py>, depth: usize, out: &mut Output) -> Result<Flow> {
        let mut taken = Vec::with_capacity(items.len());
        for item in items {
            if let Some(condition) = &node.condition {
                let inner = self.nested();
                inner.assign(&node.target, item.clone())?;
                if !inner.truth(condition)? {
                    continue;
                }
            }
            taken.push(item);
        }
        if taken.is_empty() {
            return self.nested().body(&node.otherwise, out);
        }
        let state = Rc::new(Loop {
            items: taken,
            index: Cell::new(0),
            depth,
            changed: Rc::default(),
            recurse: node.recursive.then(|| (Arc::clone(node), self.clone())),
        });
        let name: Arc<str> = "loop".into();
        for (index, item) in state.items.iter().enumerate() {
            state.index.set(index);
            let inner = self.nested();
            inner.scope.set(&name, Py::Object(Rc::clone(&state) as Rc<dyn Object>));
            inner.assign(&node.target, item.clone())?;
            let flow = inner.body(&node.body, out);
            inner.scope.clear();
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }
}

impl Object for Loop {
    fn type_name(&self) -> &'static str {
        "LoopContext"
    }

    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        let (index, len) = (self.index.get(), self.items.len());
        let number = |value: usize| Some(Py::Int(value as i64));
        Ok(match name {
            "index" => number(index + 1),
            "index0" => number(index),
            "revindex" => number(len - index),
            "revindex0" => number(len - index - 1),
            "first" => Some(Py::Bool(index == 0)),
            "last" => Some(Py::Bool(index + 1 == len)),
            "length" => number(len),
            "depth" => number(self.depth + 1),
            "depth0" => number(self.depth),
            "previtem" => match index.checked_sub(1) {
                Some(before) => Some(self.items[before].clone()),
                None => Some(Py::undefined("there is no previous item", "previtem")),
            },
            "nextitem" => match self.items.get(index + 1) {
                Some(item) => Some(item.clone()),
                None => Some(Py::undefined("there is no next item", "nextitem")),
            },
            "cycle" => Some(Py::function("cycle", move |_, args| match args.positional.len() {
                0 => Err(Fault::error("no items for cycling given")),
                len => Ok(args.positional[index % len].clone()),
            })),
            "changed" => {
                let last = Rc::clone(&self.changed);
                Some(Py::function("changed", move |context, args| {
                    let same = match &*last.borrow() {
                        Some(last) => equal(context, last, &Py::tuple(args.positional.clone()))?,
                        None => false,
                    };
                    *last.borrow_mut() = Some(Py::tuple(args.positional));
                    Ok(Py::Bool(!same))
                }))
            }
            _ => None,
        })
    }

    fn call(&self, context: &Context, args: Args) -> Result<Py> {
        let Some((node, frame)) = &self.recurse else {
            return Err(Fault::error("tried to call a non recursive loop; maybe you forgot the 'recursive' modifier"));
        };
        let [items] = args.bind(["iterable"])?;
        let items = items.unwrap_or(Py::None).force().iterate()?;
        let mut out = Output::default();
        context.nested("the recursive loop", || frame.run_loop(node, items, self.depth + 1, &mut out))?;
        out.concat(context)
    }

    fn callable(&self) -> bool {
        self.recurse.is_some()
    }

    fn text(&self, _: &Context) -> Result<String> {
        Ok(format!("<LoopContext {}/{}>", self.index.get() + 1, self.items.len()))
    }
}
