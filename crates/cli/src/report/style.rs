//! Colours, the same ones for the same states everywhere.

use anstyle::{AnsiColor, Color, Style};
use hostler_core::event::Status;
use hostler_core::ledger::{Finding, FindingKind};

/// Paints, or does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Palette {
    on: bool,
}

/// Green.
pub const OK: Style = colour(AnsiColor::Green);
/// Yellow.
pub const CHANGED: Style = colour(AnsiColor::Yellow);
/// Cyan.
pub const SKIPPED: Style = colour(AnsiColor::Cyan);
/// Red.
pub const FAILED: Style = colour(AnsiColor::Red);
/// Magenta.
pub const UNREACHABLE: Style = colour(AnsiColor::Magenta);
/// Blue.
pub const UNKNOWN: Style = colour(AnsiColor::Blue);
/// What is said besides.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const BOLD: Style = Style::new().bold();

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

impl Palette {
    /// With colours, or without.
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    /// Whether it paints.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// `text` in `style`, line by line.
    pub fn paint(self, style: Style, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let painted = |line: &str| if line.is_empty() { String::new() } else { format!("{style}{line}{style:#}") };
        text.split('\n').map(painted).collect::<Vec<_>>().join("\n")
    }
}

/// The style of a status.
pub fn of(status: Status) -> Style {
    match status {
        Status::Ok => OK,
        Status::Changed => CHANGED,
        Status::Failed => FAILED,
        Status::Ignored | Status::Skipped => SKIPPED,
        Status::Unreachable => UNREACHABLE,
        Status::Unknown => UNKNOWN,
    }
}

/// A heading.
pub fn bold(palette: Palette, text: &str) -> String {
    palette.paint(BOLD, text)
}

/// What a ledger brought to light.
pub fn finding(finding: &Finding, palette: Palette) -> String {
    let style = match finding.kind {
        FindingKind::Drifted => CHANGED,
        FindingKind::Orphan | FindingKind::Kept => UNKNOWN,
        FindingKind::Unclear | FindingKind::Lost => UNREACHABLE,
    };
    palette.paint(style, &format!("{}:", finding.kind.name())) + " " + &finding.text()
}
