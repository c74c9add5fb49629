//! Evaluates templates with one host's variables.

use super::context::Evaluation;
use super::environment::{FileOptions, Rendered, Templates, file_mode};
use super::error::TemplateError;
use super::eval::{self, FileMode, Frame};
use super::fault::{Fault, Marker, Origin};
use super::python::{Args, Py};
use super::syntax::Mode;
use super::{lookups, plain};
use crate::diagnostic::Span;
use crate::playbook::Spanned;
use crate::system::local_files;
use crate::text::nearest;
use crate::value::{Key, Map, Value};
use crate::vars::Variables;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Evaluates with certain variables. Cheap to clone.
#[derive(Clone)]
pub struct Templar {
    pub(super) templates: Arc<Templates>,
    pub(super) variables: Arc<dyn Variables>,
    pub(super) locals: Arc<Map>,
    pub(super) search: Arc<Vec<PathBuf>>,
    /// Set for `with_first_found`: where it looks, and that it skips undefined names.
    loop_dir: Option<&'static str>,
}

/// What a condition comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It depends on what is only known after apply, for this reason.
    Unknown(Arc<str>),
}

impl Templar {
    /// Evaluates with `variables`.
    pub fn new(templates: Arc<Templates>, variables: Arc<dyn Variables>) -> Self {
        Self { templates, variables, locals: Arc::default(), search: Arc::default(), loop_dir: None }
    }

    /// Home directory of who runs Hostler.
    pub fn home(&self) -> Option<PathBuf> {
        self.templates.options.env.get("HOME").map(PathBuf::from)
    }

    /// Where lookups and `{% include %}` look for files: in each directory's `files` or `templates`, then in itself.
    #[must_use]
    pub fn with_search(self, dirs: Vec<PathBuf>) -> Self {
        Self { search: Arc::new(dirs), ..self }
    }

    /// For a task's `with_*`: `first_found` looks in each directory's `dir` (`templates`, `vars`, `files`, after the
    /// task's module) and leaves out names that are undefined.
    #[must_use]
    pub fn for_loop(self, dir: &'static str) -> Self {
        Self { loop_dir: Some(dir), ..self }
    }

    /// The same with further variables on top.
    #[must_use]
    pub fn with_locals(&self, locals: Map) -> Self {
        let mut all = (*self.locals).clone();
        all.extend(locals);
        Self { locals: Arc::new(all), ..self.clone() }
    }

    /// Evaluates all templates in `value` and opens its vaults. Entries and items that are `omit` are left out.
    ///
    /// # Errors
    /// Something in it cannot be evaluated.
    pub fn resolve(&self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) => Ok(value.clone()),
            _ => {
                let evaluation = Evaluation::new(self);
                let value = evaluation.import(value);
                self.finish(evaluation.export(&value))
            }
        }
    }

    /// The value of a variable; `None` where there is none of that name.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn variable(&self, name: &str) -> Result<Option<Value>, TemplateError> {
        let value = self.locals.get(name).cloned().or_else(|| self.variables.get(name));
        value.map(|value| self.resolve(&value)).transpose()
    }

    /// [`Templar::resolve`], then Python's `str()`.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn resolve_text(&self, value: &Value) -> Result<String, TemplateError> {
        self.resolve(value).map(|value| Self::text_of(&value))
    }

    /// Whether a condition holds: a bare expression, or a boolean.
    ///
    /// # Errors
    /// It cannot be evaluated, or is neither true nor false.
    pub fn condition(&self, condition: &Spanned<Value>) -> Result<Condition, TemplateError> {
        let span = condition.span.as_ref();
        let text = match &condition.value {
            Value::Str(text) => text,
            Value::Template(template) => &template.source,
            Value::Bool(value) => return Ok(if *value { Condition::True } else { Condition::False }),
            other => {
                let kind = other.type_name();
                return Err(TemplateError::new(format!("a condition must be an expression, not a {kind}"), span));
            }
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(TemplateError::new("a condition must not be empty", span));
        }
        let whole = ["{{", "{%", "{#"].iter().any(|mark| trimmed.starts_with(mark))
            && ["}}", "%}", "#}"].iter().any(|mark| trimmed.ends_with(mark));
        let mode = if whole { Mode::Yaml } else { Mode::Condition };
        let value = self.evaluate(trimmed.into(), &mode, span)?;
        match value {
            Value::Bool(true) => Ok(Condition::True),
            Value::Bool(false) => Ok(Condition::False),
            Value::Unknown(reason) => Ok(Condition::Unknown(reason)),
            // A template may give the words themselves; any other text would have to be trusted as an expression.
            Value::Str(text) if whole && matches!(&*text, "True" | "true") => Ok(Condition::True),
            Value::Str(text) if whole && matches!(&*text, "False" | "false") => Ok(Condition::False),
            other => {
                let kind = other.type_name();
                Err(TemplateError {
                    help: Some("compare it, or use `| bool`, `| length > 0` or `is truthy`".into()),
                    ..TemplateError::new(format!("a condition must be true or false, but this is a {kind}"), span)
                })
            }
        }
    }

    /// An expression's native value.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn expression(&self, expression: &str, span: Option<&Span>) -> Result<Value, TemplateError> {
        self.evaluate(expression.into(), &Mode::Expression, span)
    }

    fn evaluate(&self, source: Arc<str>, mode: &Mode, span: Option<&Span>) -> Result<Value, TemplateError> {
        let evaluation = Evaluation::new(self);
        let origin = Rc::new(Origin { source: Arc::clone(&source), span: span.cloned(), skipped_lines: 0 });
        let value = evaluation.evaluate_source(&source, mode, origin);
        self.finish(value.and_then(|value| evaluation.export(&value)))
    }

    /// A template file's text. `name` is what messages call the file.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn render_file(&self, source: &str, name: &Path, options: &FileOptions) -> Result<Rendered, TemplateError> {
        let (mode, origin) = file_mode(source, name, options)?;
        let Mode::File(syntax) = &mode else { return Err(TemplateError::new("not a file", None)) };
        let newline = match options.newline_sequence.as_str() {
            "\n" | "\\n" => "\n",
            "\r\n" | "\\r\\n" => "\r\n",
            "\r" | "\\r" => "\r",
            other => {
                let message = format!("newline_sequence must be \\n, \\r or \\r\\n, not {other:?}");
                return Err(TemplateError::new(message, None));
            }
        };
        let mut locals = self.templates.options.file_variables.clone();
        locals.retain(|key, _| key.as_str().is_none_or(|name| self.variables.get(name).is_none()));
        locals.extend((*self.locals).clone());
        let evaluation = Evaluation::new(&Self { locals: Arc::new(locals), ..self.clone() });
        let origin = Rc::new(origin);
        let program = self.templates.compile(&origin.source, &mode);
        let program =
            program.map_err(|error| TemplateError::new(error.message.clone(), origin.locate(error.at).as_ref()))?;
        let file = Rc::new(FileMode { syntax: syntax.clone(), newline, unknown: Cell::new(false) });
        let frame = Frame::new((*evaluation).clone(), Rc::clone(&origin), &program).for_file(Rc::clone(&file));
        let text = frame.run_file(&program, &file).map_err(|fault| self.error(fault))?;
        Ok(Rendered { text, has_unknown: file.unknown.get() })
    }

    /// What a lookup gives: for `with_NAME` a list (`wantlist`), else as `lookup()` joins it.
    ///
    /// # Errors
    /// There is no such lookup, or it fails.
    pub fn lookup(&self, name: &str, terms: Vec<Value>, options: Map, wantlist: bool) -> Result<Value, TemplateError> {
        let evaluation = Evaluation::new(self);
        let mut args = Args::new(vec![Py::str(name)]);
        args.positional.extend(terms.iter().map(|term| evaluation.import(term).force()));
        for (key, value) in options {
            args.named.push((key.to_string().into(), evaluation.import(&value).force()));
        }
        let value = lookups::call(&evaluation, wantlist, args);
        self.finish(value.and_then(|value| evaluation.export(&value)))
    }

    /// Python's `str()`: `True`, `None`, `['a', 1]`, `{'k': 'v'}`, `1.0`.
    pub fn text_of(value: &Value) -> String {
        plain::text(value)
    }

    fn finish(&self, result: Result<Value, Fault>) -> Result<Value, TemplateError> {
        match result {
            Ok(value) => Ok(value),
            Err(Fault::Unknown(reason)) => Ok(Value::Unknown(reason)),
            Err(fault) => Err(self.error(fault)),
        }
    }

    fn error(&self, fault: Fault) -> TemplateError {
        match fault {
            Fault::Error(marker) => {
                let mut error = TemplateError::from_marker(&marker);
                error.help = error.help.or_else(|| self.near(&marker));
                error
            }
            Fault::Unknown(reason) => TemplateError::new(format!("this is only known after apply: {reason}"), None),
        }
    }

    /// The variable that an undefined one may have been meant to be.
    fn near(&self, marker: &Marker) -> Option<String> {
        let name = marker.undefined.as_ref().filter(|_| marker.message.ends_with("' is undefined"))?;
        let mut names = self.variables.names();
        names.extend(self.locals.keys().filter_map(Key::as_str).map(Arc::from));
        let known = names.iter().map(|name| &**name).chain(eval::GLOBALS);
        nearest(name, known).map(|near| format!("did you mean `{near}`?"))
    }

    /// The file `name`, in `kind` (`files`, `templates`) of each search directory, or in the directory itself.
    pub(super) fn find_file(&self, kind: &str, name: &str) -> Option<PathBuf> {
        let name = Path::new(name);
        if name.is_absolute() {
            return local_files::is_file(name).then(|| name.to_owned());
        }
        self.directories(kind).map(|dir| dir.join(name)).find(|path| local_files::is_file(path))
    }

    /// Where `first_found` finds `name`; it may be a directory.
    pub(super) fn find_first(&self, name: &str) -> Option<PathBuf> {
        let name = Path::new(name);
        if name.is_absolute() {
            return local_files::exists(name).then(|| name.to_owned());
        }
        let kind = self.loop_dir.unwrap_or("files");
        self.directories(kind).map(|dir| dir.join(name)).find(|path| local_files::exists(path))
    }

    /// Whether undefined names among `first_found`'s are left out.
    pub(super) fn skips_undefined(&self) -> bool {
        self.loop_dir.is_some()
    }

    /// The directories to look in, most specific first.
    pub(super) fn directories<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        let dirs = self.search.iter().chain(std::iter::once(&self.templates.options.base_dir));
        dirs.flat_map(move |dir| [dir.join(kind), dir.clone()])
    }

    pub(super) fn read_text(&self, path: &Path) -> Result<String, Fault> {
        local_files::read_to_string(path).map_err(|error| Fault::error(error.to_string()))
    }

    /// A file's text; vaults are opened.
    pub(super) fn read_plain(&self, path: &Path) -> Result<String, Fault> {
        let text = self.read_text(path)?;
        if !text.starts_with("$ANSIBLE_VAULT;") {
            return Ok(text);
        }
        let Some(vaults) = &self.templates.options.vaults else {
            return Err(Fault::error(format!("{} is encrypted, and no vault password is given", path.display())));
        };
        let bytes = vaults.decrypt(&text).map_err(Fault::error)?;
        String::from_utf8(bytes).map_err(|_| Fault::error(format!("the text in {} is not UTF-8", path.display())))
    }
}
