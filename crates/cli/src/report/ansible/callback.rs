//! Which form of output `stdout_callback` asks for.

use super::{Default, Json, Look, ResultFormat, Single, SingleForm};
use hostler_core::config::Config;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::event::Reporter;

/// The forms that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    /// `default`.
    Default,
    /// `yaml`: `default` with results as YAML.
    Yaml,
    /// `minimal`.
    Minimal,
    /// `oneline`.
    OneLine,
    /// `json`: one document at the end.
    Json,
}

impl Callback {
    /// The form that the settings name.
    ///
    /// # Errors
    /// Names one that is not built.
    pub fn of(config: &Config) -> Result<Self, Diagnostic> {
        let Some(name) = config.stdout_callback.get() else { return Ok(Self::Default) };
        Self::named(name).ok_or_else(|| {
            let error = Diagnostic::error(format!("Invalid callback for stdout specified: {name}"));
            error.help("these are built in: default, yaml, minimal, oneline, json")
        })
    }

    /// The form of this name, short or full.
    pub fn named(name: &str) -> Option<Self> {
        let (collection, short) = name.rsplit_once('.').unwrap_or(("", name));
        let (form, of) = match short {
            "default" => (Self::Default, "ansible.builtin"),
            "minimal" => (Self::Minimal, "ansible.builtin"),
            "oneline" => (Self::OneLine, "ansible.builtin"),
            "yaml" => (Self::Yaml, "community.general"),
            "json" => (Self::Json, "ansible.posix"),
            _ => return None,
        };
        // Ansible redirects the names that were its own once.
        [of, "", "ansible.builtin", "ansible.legacy"].contains(&collection).then_some(form)
    }

    /// Its reporter. `origin` is what errors call a task that is in no file.
    pub fn reporter(self, mut look: Look, origin: Option<String>) -> Box<dyn Reporter> {
        let (out, err) = (Box::new(std::io::stdout()), Box::new(std::io::stderr()));
        match self {
            Self::Default => Box::new(Default::new(look, out, err)),
            Self::Yaml => {
                look.format = ResultFormat::Yaml;
                Box::new(Default::new(look, out, err))
            }
            Self::Minimal => Box::new(Single::new(look, SingleForm::Minimal, origin, out, err)),
            Self::OneLine => Box::new(Single::new(look, SingleForm::OneLine, origin, out, err)),
            Self::Json => Box::new(Json::new(out, err)),
        }
    }
}
