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

/// How results are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// Colours, or none.
    pub palette: Palette,
    /// Number of `-v`.
    pub verbosity: u8,
    /// Whether changes are shown as diffs.
    pub diff: bool,
}
