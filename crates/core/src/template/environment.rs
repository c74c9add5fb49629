//! What all templates of a run share: settings, and the templates that were parsed already.

use super::error::TemplateError;
use super::fault::Origin;
use super::managed::Managed;
use super::syntax::{Mode, ParseError, PluginKind, Program, Syntax, parse};
use super::{filters, lookups, tests};
use crate::plugins::{Kind, Plugins};
use crate::value::Template;
use crate::vars::Decrypt;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Settings of a run that templates depend on.
#[derive(Clone, Default)]
pub struct TemplateOptions {
    /// The controlling process's environment variables (`lookup('env', …)`).
    pub env: BTreeMap<String, String>,
    /// What `ansible_managed` is made of, where it is not a variable: `{file}`, `{host}`, `{uid}` and a date's codes stand in it.
    pub managed: Option<String>,
    /// Current settings, for `lookup('config', …)`.
    pub settings: Settings,
    /// What will go from Ansible is warned of.
    pub deprecation_warnings: bool,
    /// The passwords' store lies relative to this directory, as do relative paths in lookups.
    pub base_dir: std::path::PathBuf,
    /// Opens the vaults that files for lookups and templates may be.
    pub vaults: Option<Arc<dyn Decrypt>>,
    /// Conditions that are neither true nor false count by Python's truth, with a warning, as before Ansible 2.19.
    pub allow_broken_conditionals: bool,
    /// The hosts that a pattern means (`lookup('inventory_hostnames', …)`).
    pub host_pattern: Option<HostPattern>,
    /// Users' filters, tests and lookups.
    pub plugins: Arc<Plugins>,
}

/// A setting's name, or `TYPE/PLUGIN/OPTION`, with its value and where that comes from.
pub type Settings = BTreeMap<String, (serde_json::Value, String)>;

/// From a host pattern to the names of the hosts, or why it means none.
pub type HostPattern = Arc<dyn Fn(&str) -> Result<Vec<String>, String> + Send + Sync>;

/// The settings and the templates parsed so far.
pub struct Templates {
    pub(super) options: TemplateOptions,
    pub(super) managed: Managed,
    cache: RwLock<HashMap<Arc<str>, Parsed>>,
    warnings: Mutex<Vec<String>>,
}

/// One text may be parsed in several modes.
type Parsed = Vec<(Mode, Compiled)>;
type Compiled = Result<Arc<Program>, Arc<ParseError>>;

/// How a template file is read, as the template module's options say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// `block_start_string` and `block_end_string`.
    pub block: (String, String),
    /// `variable_start_string` and `variable_end_string`.
    pub variable: (String, String),
    /// `comment_start_string` and `comment_end_string`.
    pub comment: (String, String),
    /// Removes the first newline after a block.
    pub trim_blocks: bool,
    /// Removes blanks before a block.
    pub lstrip_blocks: bool,
    /// `\n`, `\r\n` or `\r`.
    pub newline_sequence: String,
}

impl Default for FileOptions {
    fn default() -> Self {
        let syntax = Syntax::default();
        Self {
            block: syntax.block,
            variable: syntax.variable,
            comment: syntax.comment,
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".into(),
        }
    }
}

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its text; values only known after apply are written as `(known after apply)`.
    pub text: String,
    /// Whether there are such values.
    pub has_unknown: bool,
}

impl Templates {
    /// Nothing parsed yet.
    pub fn new(options: TemplateOptions) -> Self {
        Self { options, managed: Managed::default(), cache: RwLock::default(), warnings: Mutex::default() }
    }

    /// Remembers something that the user should know.
    pub(super) fn warn(&self, message: String) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    }

    /// Whether what will go is warned of.
    pub fn warns_of_deprecated(&self) -> bool {
        self.options.deprecation_warnings
    }

    /// What was odd since this was last asked.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Parses text once.
    pub(super) fn compile(&self, source: &Arc<str>, mode: &Mode) -> Compiled {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        let known = cache.get(source).and_then(|known| known.iter().find(|(known, _)| known == mode));
        if let Some((_, compiled)) = known {
            return compiled.clone();
        }
        drop(cache);
        let compiled = parse(source, mode).map(Arc::new).map_err(Arc::new);
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        cache.entry(Arc::clone(source)).or_default().push((mode.clone(), compiled.clone()));
        compiled
    }

    /// Checks what can be checked without variables: the syntax, and that filters, tests and lookups exist.
    ///
    /// # Errors
    /// Points at the first thing that is wrong.
    pub fn check_syntax(&self, template: &Template) -> Result<(), TemplateError> {
        self.check(&template.source, &Mode::Yaml, template.span.clone())
    }

    /// The same for a bare expression (`when` and its like).
    ///
    /// # Errors
    /// Points at the first thing that is wrong.
    pub fn check_expression(
        &self,
        expression: &str,
        span: Option<&crate::diagnostic::Span>,
    ) -> Result<(), TemplateError> {
        self.check(&Arc::from(expression), &Mode::Condition, span.cloned())
    }

    /// The same for a template file.
    ///
    /// # Errors
    /// Points at the first thing that is wrong.
    pub fn check_file(&self, source: &str, name: &Path, options: &FileOptions) -> Result<(), TemplateError> {
        let (mode, origin) = file_mode(source, name, options)?;
        let span = origin.span.clone();
        match self.compile(&origin.source, &mode) {
            Ok(program) => self.check_plugins(&program, &origin),
            Err(error) => Err(TemplateError::new(error.message.clone(), origin.locate(error.at).or(span).as_ref())),
        }
    }

    fn check_plugins(&self, program: &Program, origin: &Origin) -> Result<(), TemplateError> {
        for used in &program.plugins {
            let name = &used.name;
            let (kind, is_own) = match used.kind {
                // A name with a template in it is no name, which only a run says.
                PluginKind::Lookup if crate::value::has_jinja(name) => continue,
                PluginKind::Filter => (Kind::Filter, filters::find(name).is_some()),
                PluginKind::Test => (Kind::Test, tests::find(name).is_some()),
                PluginKind::Lookup => (Kind::Lookup, lookups::find(name).is_some()),
            };
            if !is_own && self.options.plugins.find(kind, name, false).is_none() {
                let span = origin.locate(used.at);
                let help = self.missing(kind, name);
                return Err(TemplateError { help, ..TemplateError::new(unknown_plugin(kind, name), span.as_ref()) });
            }
        }
        Ok(())
    }

    /// A hint at what may have been meant by a plug-in that is not there, or why it may not be.
    pub(super) fn missing(&self, kind: Kind, name: &str) -> Option<String> {
        self.options.plugins.complaints().or_else(|| match kind {
            Kind::Filter => filters::nearest(name),
            Kind::Test => tests::nearest(name),
            Kind::Lookup | Kind::Action | Kind::Callback => lookups::nearest(name),
        })
    }

    fn check(
        &self,
        source: &Arc<str>,
        mode: &Mode,
        span: Option<crate::diagnostic::Span>,
    ) -> Result<(), TemplateError> {
        let origin = Origin { source: Arc::clone(source), span, skipped_lines: 0 };
        match self.compile(source, mode) {
            Ok(program) => self.check_plugins(&program, &origin),
            Err(error) => Err(TemplateError::new(error.message.clone(), origin.locate(error.at).as_ref())),
        }
    }
}

/// What is said of a filter, test or lookup that is not there.
pub(super) fn unknown_plugin(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Filter => format!("No filter named '{name}'."),
        Kind::Test => format!("No test named '{name}'."),
        Kind::Lookup | Kind::Action | Kind::Callback => format!("The lookup plugin '{name}' was not found."),
    }
}

/// The syntax that a file's options and its own `#jinja2:` line ask for, and its text without that line.
pub(super) fn file_mode(source: &str, name: &Path, options: &FileOptions) -> Result<(Mode, Origin), TemplateError> {
    let mut syntax = Syntax {
        block: options.block.clone(),
        variable: options.variable.clone(),
        comment: options.comment.clone(),
        trim_blocks: options.trim_blocks,
        lstrip_blocks: options.lstrip_blocks,
        ..Syntax::default()
    };
    let mut origin = Origin::of_file(name, source);
    if let Some(rest) = source.strip_prefix("#jinja2:") {
        let span = origin.span.clone();
        let refused = |message: String| TemplateError::new(message, span.as_ref());
        let Some((header, body)) = rest.split_once('\n') else {
            return Err(refused("the '#jinja2:' line has nothing after it".into()));
        };
        for pair in header.trim_end_matches('\r').split(',') {
            let Some((key, value)) = pair.split_once(':') else {
                return Err(refused(format!(
                    "Missing key-value separator in '{}' of the '#jinja2:' line",
                    pair.trim()
                )));
            };
            override_syntax(&mut syntax, key.trim(), value.trim()).map_err(refused)?;
        }
        origin.source = body.replace("\r\n", "\n").into();
        origin.skipped_lines = 1;
    }
    Ok((Mode::File(syntax), origin))
}

fn override_syntax(syntax: &mut Syntax, key: &str, value: &str) -> Result<(), String> {
    let flag = || match value {
        "True" => Ok(true),
        "False" => Ok(false),
        other => Err(format!("'{key}' in the '#jinja2:' line must be True or False, not '{other}'")),
    };
    let text = || value.trim_matches(['\'', '"']).to_owned();
    match key {
        "trim_blocks" => syntax.trim_blocks = flag()?,
        "lstrip_blocks" => syntax.lstrip_blocks = flag()?,
        "keep_trailing_newline" => syntax.keep_trailing_newline = flag()?,
        "block_start_string" => syntax.block.0 = text(),
        "block_end_string" => syntax.block.1 = text(),
        "variable_start_string" => syntax.variable.0 = text(),
        "variable_end_string" => syntax.variable.1 = text(),
        "comment_start_string" => syntax.comment.0 = text(),
        "comment_end_string" => syntax.comment.1 = text(),
        "line_statement_prefix" => syntax.line_statement = Some(text()),
        "line_comment_prefix" => syntax.line_comment = Some(text()),
        other => return Err(format!("'{other}' in the '#jinja2:' line is not known")),
    }
    Ok(())
}
