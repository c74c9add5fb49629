//! Names set inside a template.

use crate::template::python::Py;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Names of one level; inner levels see outer ones.
#[derive(Default)]
pub(crate) struct Scope {
    names: RefCell<HashMap<Arc<str>, Py>>,
    parent: Option<Rc<Scope>>,
}

impl Scope {
    pub fn inside(parent: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self { names: RefCell::default(), parent: Some(Rc::clone(parent)) })
    }

    pub fn get(&self, name: &str) -> Option<Py> {
        let mut scope = Some(self);
        while let Some(current) = scope {
            if let Some(value) = current.names.borrow().get(name) {
                return Some(value.clone());
            }
            scope = current.parent.as_deref();
        }
        None
    }

    pub fn set(&self, name: &Arc<str>, value: Py) {
        self.names.borrow_mut().insert(Arc::clone(name), value);
    }

    /// What this level itself sets.
    pub fn own(&self) -> HashMap<Arc<str>, Py> {
        self.names.borrow().clone()
    }

    /// Forgets all: macros refer to the scope that they are in.
    pub fn clear(&self) {
        let names = std::mem::take(&mut *self.names.borrow_mut());
        drop(names);
    }
}
