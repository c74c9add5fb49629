//! Which form of output `stdout_callback` asks for.

use super::{Default, Json, JsonForm, Look, ResultFormat, Single, SingleForm, Unixy};
use crate::report::callbacks::Python;
use hostler_core::actions::has_python_library;
use hostler_core::config::Config;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::event::Reporter;
use hostler_core::plugins::Plugins;
use std::path::Path;

/// The forms that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    /// `default`.
    Default,
    /// `yaml`: `default` with results as YAML.
    Yaml,
    /// `debug`: `default` with what was printed as it was printed.
    Debug,
    /// `unixy`.
    Unixy,
    /// `minimal`.
    Minimal,
    /// `oneline`.
    OneLine,
    /// `json`: one document at the end.
    Json,
    /// `jsonl`: a line for each thing that happens.
    JsonLines,
}

/// Names, and the collections they are in.
const NAMES: [(&str, &str, Callback); 8] = [
    ("default", "ansible.builtin", Callback::Default),
    ("yaml", "community.general", Callback::Yaml),
    ("debug", "ansible.posix", Callback::Debug),
    ("unixy", "community.general", Callback::Unixy),
    ("minimal", "ansible.builtin", Callback::Minimal),
    ("oneline", "ansible.builtin", Callback::OneLine),
    ("json", "ansible.posix", Callback::Json),
    ("jsonl", "ansible.posix", Callback::JsonLines),
];

/// What shows a run: one of the forms that are built, or a plug-in of the user's in Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Built in.
    Built(Callback),
    /// By its name.
    Own(String),
}

impl Output {
    /// What the settings name.
    ///
    /// # Errors
    /// Names one that is not built and no plug-in that can run.
    pub fn of(config: &Config, plugins: &Plugins) -> Result<Self, Diagnostic> {
        match (Callback::of(config), config.stdout_callback.get()) {
            (Err(error), Some(name)) if plugins.has_callback(name) => match has_python_library() {
                true => Ok(Self::Own(name.clone())),
                false => Err(error.help("it is a plug-in for Ansible's Python library, which is not there")),
            },
            (built, _) => built.map(Self::Built),
        }
    }

    /// Its reporter. `origin` is what errors call a task that is in no file, `dir` is the playbook's directory.
    ///
    /// # Errors
    /// A plug-in that does not start.
    pub fn reporter(
        &self,
        look: Look,
        origin: Option<String>,
        plugins: &Plugins,
        dir: &Path,
    ) -> Result<Box<dyn Reporter>, Diagnostic> {
        match self {
            Self::Built(callback) => Ok(callback.reporter(look, origin)),
            Self::Own(name) => {
                let callback = plugins.callback(name, dir, look.verbosity, look.colour).map_err(|error| {
                    Diagnostic::error(format!("Could not load '{name}' callback plugin.")).help(error)
                })?;
                Ok(Box::new(Python::new(callback, Box::new(std::io::stdout()), Box::new(std::io::stderr()))))
            }
        }
    }
}

impl Callback {
    /// The form that the settings name.
    ///
    /// # Errors
    /// Names one that is not built.
    pub fn of(config: &Config) -> Result<Self, Diagnostic> {
        let Some(name) = config.stdout_callback.get() else { return Ok(Self::Default) };
        Self::named(name).ok_or_else(|| {
            let error = Diagnostic::error(format!("Could not load '{name}' callback plugin."));
            match name.rsplit('.').next() {
                Some("skippy") => error.help("`display_skipped_hosts = false` does what it did"),
                _ => {
                    let names: Vec<_> = NAMES.iter().map(|(name, ..)| *name).collect();
                    error.help(format!("these are built in: {}", names.join(", ")))
                }
            }
        })
    }

    /// The form of this name, short or full.
    pub fn named(name: &str) -> Option<Self> {
        let (collection, short) = name.rsplit_once('.').unwrap_or(("", name));
        let (_, own, form) = NAMES.iter().find(|(known, ..)| *known == short)?;
        // Ansible redirects the names that were its own once.
        [own, "", "ansible.builtin", "ansible.legacy"].contains(&collection).then_some(*form)
    }

    /// It is `default`, or that with results in another form.
    pub fn is_default(self) -> bool {
        matches!(self, Self::Default | Self::Yaml | Self::Debug)
    }

    /// Its reporter. `origin` is what errors call a task that is in no file.
    pub fn reporter(self, mut look: Look, origin: Option<String>) -> Box<dyn Reporter> {
        let (out, err) = (Box::new(std::io::stdout()), Box::new(std::io::stderr()));
        look.format = match self {
            Self::Yaml => ResultFormat::HeadedYaml,
            Self::Debug => ResultFormat::Sections,
            _ => look.format,
        };
        match self {
            Self::Default | Self::Yaml | Self::Debug => Box::new(Default::new(look, out, err)),
            Self::Unixy => Box::new(Unixy::new(look, out, err)),
            Self::Minimal => Box::new(Single::new(look, SingleForm::Minimal, origin, out, err)),
            Self::OneLine => Box::new(Single::new(look, SingleForm::OneLine, origin, out, err)),
            Self::Json => Box::new(Json::new(JsonForm::Document, &look, out, err)),
            Self::JsonLines => Box::new(Json::new(JsonForm::Lines, &look, out, err)),
        }
    }
}
