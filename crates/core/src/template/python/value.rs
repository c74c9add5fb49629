//! A value during evaluation: lists and mappings can change, parts are evaluated when they are looked at.

use crate::template::context::Context;
use crate::template::fault::{Fault, Marker, Result};
use crate::value::{Key, Text, Value};
use indexmap::IndexMap;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

pub(crate) type PyMap = IndexMap<Key, Py, foldhash::fast::RandomState>;

/// One value. Cheap to clone; lists and mappings are shared, as in Python.
#[derive(Clone)]
pub(crate) enum Py {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Text),
    List(Rc<RefCell<Vec<Py>>>),
    Tuple(Rc<Vec<Py>>),
    Dict(Rc<RefCell<PyMap>>),
    /// Start, stop, step.
    Range(i64, i64, i64),
    Object(Rc<dyn Object>),
    /// A part that nobody has looked at yet.
    Deferred(Rc<Deferred>),
    /// Undefined, or an error on its way to where the value is used.
    Marker(Rc<Marker>),
    Omit,
    Unknown(Arc<str>),
}

/// A value of a variable, evaluated once and in the context it belongs to.
pub(crate) struct Deferred {
    pub value: Value,
    pub context: Context,
    pub result: OnceCell<Py>,
}

/// What only templates have: macros, `loop`, namespaces, `hostvars`, dates.
pub(crate) trait Object {
    /// Python's name for its type.
    fn type_name(&self) -> &'static str;
    fn attribute(&self, _: &Context, _: &str) -> Result<Option<Py>> {
        Ok(None)
    }
    fn item(&self, _: &Context, _: &Py) -> Result<Option<Py>> {
        Ok(None)
    }
    fn set_attribute(&self, name: &str, _: Py) -> Result<()> {
        Err(Fault::error(format!("cannot assign attribute {name:?} on an object that is not a namespace")))
    }
    fn call(&self, _: &Context, _: Args) -> Result<Py> {
        Err(Fault::error(format!("'{}' object is not callable", self.type_name())))
    }
    fn callable(&self) -> bool {
        false
    }
    /// Keys of a mapping.
    fn keys(&self) -> Option<Vec<Arc<str>>> {
        None
    }
    /// Items of a sequence.
    fn items(&self) -> Option<Vec<Py>> {
        None
    }
    fn text(&self, context: &Context) -> Result<String>;
    /// What leaves the template, where something can.
    fn export(&self, _: &Context) -> Result<Value> {
        Err(Fault::error(format!("type '{}' is unsupported for variable storage", self.type_name())))
    }
    fn as_date(&self) -> Option<&crate::template::dates::Date> {
        None
    }
    fn as_long(&self) -> Option<&num_bigint::BigInt> {
        None
    }
}

/// A function given by closure.
pub(crate) struct Callable<F>(pub &'static str, pub F);

impl<F: Fn(&Context, Args) -> Result<Py>> Object for Callable<F> {
    fn type_name(&self) -> &'static str {
        "function"
    }
    fn call(&self, context: &Context, args: Args) -> Result<Py> {
        (self.1)(context, args)
    }
    fn callable(&self) -> bool {
        true
    }
    fn text(&self, _: &Context) -> Result<String> {
        Ok(format!("<function {}>", self.0))
    }
}

/// Arguments of a call.
#[derive(Clone, Default)]
pub(crate) struct Args {
    pub positional: Vec<Py>,
    pub named: Vec<(Arc<str>, Py)>,
}

impl Args {
    pub fn new(positional: Vec<Py>) -> Self {
        Self { positional, named: Vec::new() }
    }

    /// The arguments in the order of `params`; refuses others.
    pub fn bind<const N: usize>(self, params: [&str; N]) -> Result<[Option<Py>; N]> {
        let mut bound: [Option<Py>; N] = std::array::from_fn(|_| None);
        if self.positional.len() > N {
            let given = self.positional.len();
            return Err(Fault::error(format!("takes at most {N} arguments, but {given} were given")));
        }
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(index) = params.iter().position(|param| *param == &*name) else {
                let near = crate::text::nearest(&name, params).map(|near| format!("did you mean `{near}`?"));
                return Err(Fault::with_help(format!("got an unexpected keyword argument '{name}'"), near));
            };
            if bound[index].replace(value).is_some() {
                return Err(Fault::error(format!("got multiple values for argument '{name}'")));
            }
        }
        Ok(bound)
    }

    /// Takes the named argument out.
    pub fn take(&mut self, name: &str) -> Option<Py> {
        let index = self.named.iter().position(|(key, _)| &**key == name)?;
        Some(self.named.remove(index).1)
    }

    /// Adds an argument in front.
    pub fn prepend(mut self, value: Py) -> Self {
        self.positional.insert(0, value);
        self
    }

    pub fn values(&self) -> impl Iterator<Item = &Py> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value))
    }
}

impl Py {
    pub fn str(text: impl Into<Text>) -> Self {
        Self::Str(text.into())
    }

    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    pub fn strings<S: Into<Text>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::list(items.into_iter().map(|item| Self::Str(item.into())).collect())
    }

    pub fn tuple(items: Vec<Self>) -> Self {
        Self::Tuple(Rc::new(items))
    }

    pub fn dict(map: PyMap) -> Self {
        Self::Dict(Rc::new(RefCell::new(map)))
    }

    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    pub fn function(name: &'static str, f: impl Fn(&Context, Args) -> Result<Self> + 'static) -> Self {
        Self::object(Callable(name, f))
    }

    pub fn undefined(message: impl Into<String>, name: &str) -> Self {
        Self::Marker(Rc::new(Marker::undefined(message, name)))
    }

    /// A copy that later changes do not reach.
    pub fn snapshot(self) -> Self {
        match self {
            Self::List(items) => Self::list(items.borrow().clone()),
            Self::Dict(map) => Self::dict(map.borrow().clone()),
            other => other,
        }
    }

    /// Refuses what must not be used: undefined and unknown values.
    pub fn used(self) -> Result<Self> {
        match self {
            Self::Marker(marker) => Err(Fault::Error(marker)),
            Self::Unknown(reason) => Err(Fault::Unknown(reason)),
            other => Ok(other),
        }
    }

    /// Turns a failure into a value that fails where it is used.
    pub fn captured(result: Result<Self>) -> Self {
        match result {
            Ok(value) => value,
            Err(Fault::Error(marker)) => Self::Marker(marker),
            Err(Fault::Unknown(reason)) => Self::Unknown(reason),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Python's name for its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Range(..) => "range",
            Self::Object(object) => object.type_name(),
            Self::Deferred(deferred) => deferred.value.type_name(),
            Self::Marker(_) => "AnsibleUndefined",
            Self::Omit => "Omit",
            Self::Unknown(_) => "unknown",
        }
    }

    /// As a mapping's key.
    pub fn to_key(&self) -> Result<Key> {
        Ok(match self {
            Self::None => Key::Null,
            Self::Bool(value) => Key::Bool(*value),
            Self::Int(value) => Key::Int(*value),
            Self::Float(value) => Key::Float(*value),
            Self::Str(text) => Key::Str(text.arc()),
            Self::Marker(marker) => return Err(Fault::Error(Rc::clone(marker))),
            Self::Unknown(reason) => return Err(Fault::Unknown(Arc::clone(reason))),
            other => return Err(Fault::error(format!("unhashable type: '{}'", other.type_name()))),
        })
    }

    /// Whole numbers, also as bool.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Object(object) => object.as_long().and_then(num_traits::ToPrimitive::to_f64),
            other => other.as_int().map(|value| value as f64),
        }
    }

    pub fn is_sequence(&self) -> bool {
        match self {
            Self::Object(object) => object.keys().is_none() && object.items().is_some(),
            other => matches!(other, Self::List(_) | Self::Tuple(_) | Self::Range(..)),
        }
    }

    /// Python's truth.
    pub fn truth(&self) -> Result<bool> {
        Ok(match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items) => !items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(map) => !map.borrow().is_empty(),
            Self::Range(start, stop, step) => range_len(*start, *stop, *step) > 0,
            Self::Object(object) => object.keys().is_none_or(|keys| !keys.is_empty()),
            Self::Deferred(deferred) => return deferred.force().truth(),
            Self::Omit => true,
            Self::Marker(marker) => return Err(Fault::Error(Rc::clone(marker))),
            Self::Unknown(reason) => return Err(Fault::Unknown(Arc::clone(reason))),
        })
    }

    /// The value itself, evaluated if it was not yet. May be undefined or unknown.
    pub fn force(self) -> Self {
        match self {
            Self::Deferred(deferred) => deferred.force(),
            other => other,
        }
    }

    /// The items, evaluated. Fails if one is undefined, as it does wherever Python code meets it.
    pub fn iterate(&self) -> Result<Vec<Self>> {
        let items = self.iterate_lazily()?;
        match items.iter().find_map(|item| if let Self::Marker(marker) = item { Some(marker) } else { None }) {
            Some(marker) => Err(Fault::Error(Rc::clone(marker))),
            None => Ok(items),
        }
    }

    /// The items as `for`, `map` and `select` see them: undefined ones are still values.
    pub fn iterate_lazily(&self) -> Result<Vec<Self>> {
        Ok(match self {
            Self::List(items) => items.borrow().clone().into_iter().map(Self::force).collect(),
            Self::Tuple(items) => items.iter().cloned().map(Self::force).collect(),
            Self::Dict(map) => map.borrow().keys().map(Self::from).collect(),
            Self::Str(text) => text.chars().map(|c| Self::str(c.to_string())).collect(),
            Self::Range(start, stop, step) => {
                let len = range_len(*start, *stop, *step);
                (0..len).map(|index| Self::Int(start + index * step)).collect()
            }
            Self::Deferred(deferred) => return deferred.force().iterate_lazily(),
            Self::Object(object) => match (object.keys(), object.items()) {
                (Some(keys), _) => keys.into_iter().map(Self::str).collect(),
                (None, Some(items)) => items,
                (None, None) => return Err(self.not_iterable()),
            },
            Self::Marker(marker) => return Err(Fault::Error(Rc::clone(marker))),
            Self::Unknown(reason) => return Err(Fault::Unknown(Arc::clone(reason))),
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Omit => return Err(self.not_iterable()),
        })
    }

    fn not_iterable(&self) -> Fault {
        Fault::error(format!("'{}' object is not iterable", self.type_name()))
    }

    pub fn len(&self) -> Result<usize> {
        Ok(match self {
            Self::List(items) => items.borrow().len(),
            Self::Tuple(items) => items.len(),
            Self::Dict(map) => map.borrow().len(),
            Self::Str(text) => text.chars().count(),
            Self::Range(start, stop, step) => range_len(*start, *stop, *step) as usize,
            Self::Deferred(deferred) => return deferred.force().len(),
            Self::Object(object) if object.keys().is_some() => object.keys().unwrap_or_default().len(),
            Self::Marker(marker) => return Err(Fault::Error(Rc::clone(marker))),
            Self::Unknown(reason) => return Err(Fault::Unknown(Arc::clone(reason))),
            other => return Err(Fault::error(format!("object of type '{}' has no len()", other.type_name()))),
        })
    }

    /// The entries of a mapping, evaluated.
    pub fn entries(&self, context: &Context) -> Result<Option<PyMap>> {
        Ok(match self {
            Self::Dict(map) => {
                Some(map.borrow().iter().map(|(key, value)| (key.clone(), value.clone().force())).collect())
            }
            Self::Object(object) => match object.keys() {
                Some(keys) => {
                    let mut entries = PyMap::default();
                    for key in keys {
                        if let Some(value) = object.item(context, &Self::str(Arc::clone(&key)))? {
                            entries.insert(Key::Str(key), value.force());
                        }
                    }
                    Some(entries)
                }
                None => None,
            },
            Self::Deferred(deferred) => deferred.force().entries(context)?,
            _ => None,
        })
    }

    pub fn is_mapping(&self) -> bool {
        match self {
            Self::Dict(_) => true,
            Self::Object(object) => object.keys().is_some(),
            _ => false,
        }
    }
}

pub(super) fn range_len(start: i64, stop: i64, step: i64) -> i64 {
    let span = if step > 0 { stop - start } else { start - stop };
    if span <= 0 { 0 } else { (span + step.abs() - 1) / step.abs() }
}

impl Deferred {
    pub fn force(&self) -> Py {
        self.result.get_or_init(|| self.context.evaluate_value(&self.value)).clone()
    }
}

impl From<&Key> for Py {
    fn from(key: &Key) -> Self {
        match key {
            Key::Str(text) => Self::str(Arc::clone(text)),
            Key::Int(value) => Self::Int(*value),
            Key::Bool(value) => Self::Bool(*value),
            Key::Float(value) => Self::Float(*value),
            Key::Null => Self::None,
        }
    }
}
