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
use std::sync::{Arc, LazyLock};

/// Evaluates with certain variables. Cheap to clone.
#[derive(Clone)]
pub struct Templar {
    pub(super) templates: Arc<Templates>,
    pub(super) variables: Arc<dyn Variables>,
    pub(super) locals: Arc<Map>,
    pub(super) search: Search,
    /// Set for `with_first_found`: where it looks, and that it skips undefined names.
    loop_dir: Option<&'static str>,
}

/// Directories, listed when they are first asked for: most tasks look for no file.
type Search = Arc<LazyLock<Vec<PathBuf>, Box<dyn FnOnce() -> Vec<PathBuf> + Send>>>;

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
        Self { templates, variables, locals: Arc::default(), search: no_search(), loop_dir: None }
    }

    /// Tells the user something when the task has ended.
    pub(crate) fn warn(&self, message: String) {
        self.templates.warn(message);
    }

    /// Home directory of who runs Hostler.
    pub fn home(&self) -> Option<PathBuf> {
        self.templates.options.env.get("HOME").map(PathBuf::from)
    }

    /// Where lookups and `{% include %}` look for files: in each directory's `files` or `templates`, then in itself.
    #[must_use]
    pub fn with_search(self, dirs: impl FnOnce() -> Vec<PathBuf> + Send + 'static) -> Self {
        Self { search: Arc::new(LazyLock::new(Box::new(dirs))), ..self }
    }

    /// Where files are looked for.
    pub fn search(&self) -> &[PathBuf] {
        &self.search
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

    /// All variables, as they are written.
    pub(crate) fn variables(&self) -> Map {
        let names = self.variables.names().into_iter().filter(|name| !self.locals.contains_key(&**name));
        let mut all: Map =
            names.filter_map(|name| Some((Key::Str(Arc::clone(&name)), self.variables.get(&name)?))).collect();
        all.extend(self.locals.iter().map(|(key, value)| (key.clone(), value.clone())));
        all
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
        let value = self.condition_value(&condition.value, span).map_err(|error| match &error.undefined {
            Some(_) => {
                TemplateError { message: format!("Error while evaluating conditional: {}", error.message), ..error }
            }
            None => error,
        })?;
        let holds = match value {
            Value::Bool(holds) => return Ok(if holds { Condition::True } else { Condition::False }),
            Value::Unknown(reason) => return Ok(Condition::Unknown(reason)),
            // A template may give the words themselves; any other text would have to be trusted as an expression.
            Value::Str(text) if matches!(&*text, "True" | "true" | "False" | "false") && is_whole(&condition.value) => {
                return Ok(if text.eq_ignore_ascii_case("true") { Condition::True } else { Condition::False });
            }
            other => (plain::truth(&other), other.type_name()),
        };
        let (truth, kind) = (if holds.0 { "True" } else { "False" }, holds.1);
        let place = span.map_or_else(|| "<unknown>".to_owned(), ToString::to_string);
        let message = format!(
            "Conditional result ({truth}) was derived from value of type '{kind}' at '{place}'. Conditionals must have a boolean result."
        );
        self.broken(message, span, if holds.0 { Condition::True } else { Condition::False })
    }

    /// What is no right condition fails, or, where `ALLOW_BROKEN_CONDITIONALS` says so, gives a warning.
    fn broken(&self, message: String, span: Option<&Span>, old: Condition) -> Result<Condition, TemplateError> {
        if self.templates.options.allow_broken_conditionals {
            self.templates.warn(match span {
                Some(span) => format!("{span}: {message}"),
                None => message,
            });
            return Ok(old);
        }
        let help = "compare it, or use `| bool`, `| length > 0` or `is truthy`; \
                    Broken conditionals can be temporarily allowed with the `ALLOW_BROKEN_CONDITIONALS` configuration option";
        Err(TemplateError { help: Some(help.into()), ..TemplateError::new(message, span) })
    }

    fn condition_value(&self, condition: &Value, span: Option<&Span>) -> Result<Value, TemplateError> {
        let text: &str = match condition {
            Value::Str(text) if text.is_trusted() || text.trim().is_empty() => text,
            Value::Str(_) => return Err(TemplateError::untrusted(span)),
            Value::Template(template) => &template.source,
            Value::Bool(_) => return Ok(condition.clone()),
            Value::Null => "",
            _ if self.templates.options.allow_broken_conditionals => return self.resolve(condition),
            _ => return Err(TemplateError::new("Conditional expressions must be strings.", span)),
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            let broken = self.broken("Empty conditional expressions are not allowed.".into(), span, Condition::True);
            return broken.map(|_| Value::Bool(true));
        }
        if !is_whole(condition) {
            return self.evaluate(trimmed.into(), &Mode::Condition, span);
        }
        match self.evaluate(trimmed.into(), &Mode::Yaml, span)? {
            Value::Str(text) if matches!(&*text, "True" | "true" | "False" | "false") => Ok(Value::Str(text)),
            // `{{ expression_in_a_variable }}`
            Value::Str(text) if text.is_trusted() => self.evaluate(text.trim().into(), &Mode::Condition, span),
            Value::Str(_) => Err(TemplateError::untrusted(span)),
            other => Ok(other),
        }
    }

    /// What a condition's template stands for: a list's items stay as they are written.
    ///
    /// # Errors
    /// It cannot be evaluated.
    pub fn conditions(&self, template: &Value) -> Result<Value, TemplateError> {
        let evaluation = Evaluation::new(self);
        let Py::List(items) = evaluation.import(template).force() else { return self.resolve(template) };
        let written = |item: &Py| match item {
            Py::Deferred(deferred) if matches!(deferred.value, Value::Template(_)) => Ok(deferred.value.clone()),
            other => self.finish(evaluation.export(other)),
        };
        let items = items.borrow().iter().map(written).collect::<Result<Vec<_>, _>>()?;
        Ok(Value::from(items))
    }

    /// Whether to warn of what will go from Ansible.
    pub fn warns_of_deprecated(&self) -> bool {
        let asked = self.variable("ansible_deprecation_warnings").ok().flatten();
        asked.and_then(|asked| asked.as_bool()).unwrap_or(self.templates.options.deprecation_warnings)
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
        let source_name = self.locals.get("template_path").and_then(Value::as_str).map(str::to_owned);
        let source_name = source_name.unwrap_or_else(|| name.display().to_string());
        let templates = &self.templates;
        let own = templates.managed.variables(&templates.options, &source_name, name);
        let mut locals = own.map_err(|fault| self.error(fault))?;
        if self.variables.get("ansible_managed").is_some() {
            locals.shift_remove("ansible_managed");
        }
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
            return Err(Fault::error(format!(
                "{} is encrypted: Attempting to decrypt but no vault secrets found",
                path.display()
            )));
        };
        let bytes = vaults.decrypt(&text).map_err(Fault::error)?;
        String::from_utf8(bytes).map_err(|_| Fault::error(format!("the text in {} is not UTF-8", path.display())))
    }
}

fn no_search() -> Search {
    Arc::new(LazyLock::new(Box::new(Vec::new)))
}

/// Whether a condition is a template as a whole, and not a bare expression.
pub(crate) fn is_whole(condition: &Value) -> bool {
    let text = match condition {
        Value::Str(text) => text.trim(),
        Value::Template(template) => template.source.trim(),
        _ => return false,
    };
    ["{{", "{%", "{#"].iter().any(|mark| text.starts_with(mark))
        && ["}}", "%}", "#}"].iter().any(|mark| text.ends_with(mark))
}
