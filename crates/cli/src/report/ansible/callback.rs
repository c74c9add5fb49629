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
        Ok(match name.as_str() {
            "default" | "ansible.builtin.default" | "ansible.legacy.default" => Self::Default,
            "minimal" | "ansible.builtin.minimal" => Self::Minimal,
            "oneline" | "ansible.builtin.oneline" => Self::OneLine,
            "yaml" | "community.general.yaml" => Self::Yaml,
            "json" | "ansible.posix.json" => Self::Json,
            name => {
                let error = Diagnostic::error(format!("Invalid callback for stdout specified: {name}"));
                return Err(error.help("these are built in: default, yaml, minimal, oneline, json"));
            }
        })
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
