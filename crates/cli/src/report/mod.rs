//! What a run looks like: one file a format, each a [`Reporter`](hostler_core::event::Reporter) of core's events.

mod adhoc;
pub mod ansible;
pub mod callbacks;
mod diff;
mod fan_out;
mod json;
pub mod log_file;
mod plain;
mod plan;
mod plan_markdown;
mod plan_page;
mod python_json;
mod result_text;
mod screen;
pub mod style;
mod terminal;

#[cfg(test)]
mod tests;

use ansible::{Callback, ResultFormat};
use hostler_core::config::Config;

pub use adhoc::AdHoc;
pub use fan_out::FanOut;
pub use json::{JsonLines, finding_json};
pub use plain::Plain;
pub use plan::Plan;
pub use plan_markdown::markdown;
pub use plan_page::page;
pub use python_json::pretty;
pub use screen::{OnScreen, Screen, Sink};
pub use style::{Palette, bold, finding};
pub use terminal::Terminal;

/// Unchanged lines around a difference, where the settings do not say.
pub const CONTEXT: usize = 3;

/// How a run of our own is shown.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Colours, or none.
    pub palette: Palette,
    /// Whether changes are shown as diffs.
    pub diff: bool,
    /// What the settings say.
    pub look: ansible::Look,
}

impl View {
    /// As the settings say.
    pub fn new(config: &Config, palette: Palette, verbosity: u8, diff: bool, check: bool) -> Self {
        let mut look = ansible::Look::new(config, palette.is_on(), verbosity, check);
        look.format = match Callback::of(config) {
            Ok(Callback::Yaml) => ResultFormat::Yaml,
            Ok(Callback::Debug) => ResultFormat::Sections,
            _ => look.format,
        };
        Self { palette, diff, look }
    }
}
