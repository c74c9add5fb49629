//! The settings that shape the output, with Ansible's defaults and colours.

use crate::report::CONTEXT;
use hostler_core::config::{self, Config};
use hostler_core::diagnostic::Diagnostic;
use std::sync::OnceLock;

/// How a run is shown.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "one for each of Ansible's settings")]
pub struct Look {
    /// Colours, or none.
    pub colour: bool,
    /// Number of `-v`.
    pub verbosity: u8,
    /// The run only looks.
    pub check: bool,
    /// `debug`.
    pub debug: bool,
    /// `show_custom_stats`.
    pub custom_stats: bool,
    /// `display_ok_hosts`.
    pub ok_hosts: bool,
    /// `display_skipped_hosts`.
    pub skipped_hosts: bool,
    /// `display_failed_stderr`.
    pub failed_to_stderr: bool,
    /// `check_mode_markers`.
    pub check_markers: bool,
    /// `show_task_path_on_failure`.
    pub path_on_failure: bool,
    /// `show_per_host_start`.
    pub host_starts: bool,
    /// `DISPLAY_ARGS_TO_STDOUT`.
    pub args: bool,
    /// `callback_result_format`.
    pub format: ResultFormat,
    /// `callback_format_pretty`.
    pub pretty: Option<bool>,
    /// Unchanged lines around a difference.
    pub diff_context: usize,
    /// `json_indent`.
    pub json_indent: Option<i64>,
    /// Columns of a heading with its stars.
    pub columns: usize,
}

/// Form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Whether something was changed, then YAML: the callback `yaml`.
    HeadedYaml,
    /// JSON, then what was printed, as it was printed: the callback `debug`.
    Sections,
}

impl Look {
    /// As the configuration says.
    pub fn new(config: &Config, colour: bool, verbosity: u8, check: bool) -> Self {
        let yaml = config.result_format.get() == Some(&config::ResultFormat::Yaml);
        Self {
            colour,
            verbosity,
            check,
            custom_stats: config.show_custom_stats.or(false),
            debug: config.debug.or(false),
            ok_hosts: config.display_ok_hosts.or(true),
            skipped_hosts: config.display_skipped_hosts.or(true),
            failed_to_stderr: config.display_failed_stderr.or(false),
            check_markers: config.check_mode_markers.or(false),
            path_on_failure: config.show_task_path_on_failure.or(false),
            host_starts: config.show_per_host_start.or(false),
            args: config.display_args_to_stdout.or(false),
            format: if yaml { ResultFormat::Yaml } else { ResultFormat::Json },
            pretty: config.pretty_results.get().copied(),
            diff_context: config.diff_context.or(CONTEXT),
            json_indent: config.json_indent.get().copied(),
            columns: columns(),
        }
    }

    /// A heading with its stars.
    pub fn banner(&self, title: &str) -> String {
        let title = title.trim();
        let stars = "*".repeat(self.columns.saturating_sub(title.chars().count()).max(3));
        format!("\n{title} {stars}\n")
    }

    /// `text` in a colour, line by line.
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        paint(self.colour, colour, text)
    }
}

/// `text` in a colour, line by line; Ansible paints empty lines too.
pub fn paint(on: bool, colour: Colour, text: &str) -> String {
    let colour = code_of(colour);
    match on {
        true => text.split('\n').map(|line| format!("\x1b[{colour}m{line}\x1b[0m")).collect::<Vec<_>>().join("\n"),
        false => text.to_owned(),
    }
}

/// The width of the terminal less one, at least 79.
fn columns() -> usize {
    let width = terminal_size::terminal_size_of(std::io::stdout()).map_or(0, |(width, _)| usize::from(width.0));
    width.saturating_sub(1).max(79)
}

/// A colour by what it stands for; which one that is the settings may say (`color_ok` …).
pub type Colour = &'static str;

/// What is as it should be.
pub const OK: Colour = "ok";
/// What was changed.
pub const CHANGED: Colour = "changed";
/// What was skipped.
pub const SKIPPED: Colour = "skip";
/// What was included.
pub const INCLUDED: Colour = "included";
/// What failed.
pub const FAILED: Colour = "error";
/// Who could not be reached.
pub const UNREACHABLE: Colour = "unreachable";
/// Warnings.
pub const WARNING: Colour = "warn";
/// Details.
pub const DEBUG: Colour = "debug";
/// What only `-v` shows.
pub const VERBOSE: Colour = "verbose";
/// What will go.
pub const DEPRECATED: Colour = "deprecate";
/// Lines that come.
pub const DIFF_ADD: Colour = "diff_add";
/// Lines that go.
pub const DIFF_REMOVE: Colour = "diff_remove";
/// Where the lines are.
pub const DIFF_LINES: Colour = "diff_lines";

/// What the settings say, once they are read.
static COLOURS: OnceLock<Vec<(Colour, String)>> = OnceLock::new();

/// From now on the colours are those of the settings.
///
/// # Errors
/// The name of a colour that is none.
pub fn set_colours(config: &Config) -> Result<(), Diagnostic> {
    let set = [
        (OK, &config.color_ok),
        (CHANGED, &config.color_changed),
        (SKIPPED, &config.color_skip),
        (INCLUDED, &config.color_included),
        (FAILED, &config.color_error),
        (UNREACHABLE, &config.color_unreachable),
        (WARNING, &config.color_warn),
        (DEBUG, &config.color_debug),
        (VERBOSE, &config.color_verbose),
        (DEPRECATED, &config.color_deprecate),
        (DIFF_ADD, &config.color_diff_add),
        (DIFF_REMOVE, &config.color_diff_remove),
        (DIFF_LINES, &config.color_diff_lines),
    ];
    let mut colours = Vec::new();
    for (colour, setting) in set {
        let Some(name) = setting.get() else { continue };
        let code = code(name).ok_or_else(|| Diagnostic::error(format!("`{name}` is no colour (`color_{colour}`)")))?;
        colours.push((colour, code));
    }
    // Read once a process.
    let _ = COLOURS.set(colours);
    Ok(())
}

/// The terminal's code of a colour.
fn code_of(colour: Colour) -> &'static str {
    let set = COLOURS.get().and_then(|set| set.iter().find(|(known, _)| *known == colour));
    match set {
        Some((_, code)) => code,
        None => match colour {
            OK | DIFF_ADD => "0;32",
            CHANGED => "0;33",
            SKIPPED | INCLUDED | DIFF_LINES => "0;36",
            UNREACHABLE => "1;31",
            WARNING => "1;35",
            DEBUG => "1;30",
            VERBOSE => "0;34",
            DEPRECATED => "0;35",
            _ => "0;31",
        },
    }
}

/// The code of a colour that Ansible knows by this name.
fn code(name: &str) -> Option<String> {
    const NAMES: &[(&str, &str)] = &[
        ("black", "0;30"),
        ("bright gray", "0;37"),
        ("blue", "0;34"),
        ("white", "1;37"),
        ("green", "0;32"),
        ("bright blue", "1;34"),
        ("cyan", "0;36"),
        ("bright green", "1;32"),
        ("red", "0;31"),
        ("bright cyan", "1;36"),
        ("purple", "0;35"),
        ("bright red", "1;31"),
        ("yellow", "0;33"),
        ("bright purple", "1;35"),
        ("dark gray", "1;30"),
        ("bright yellow", "1;33"),
        ("magenta", "0;35"),
        ("bright magenta", "1;35"),
        ("normal", "0"),
    ];
    if let Some((_, code)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some((*code).to_owned());
    }
    let number = if let Some(digits) = name.strip_prefix("rgb") {
        let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(6)).collect::<Option<_>>()?;
        let [red, green, blue] = digits[..] else { return None };
        16 + 36 * red + 6 * green + blue
    } else if let Some(gray) = name.strip_prefix("gray") {
        232 + gray.parse::<u32>().ok()?
    } else {
        name.strip_prefix("color")?.parse().ok()?
    };
    Some(format!("38;5;{number}"))
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn colours_are_known_by_ansibles_names() {
        for (name, expected) in [
            ("bright red", Some("1;31")),
            ("rgb501", Some("38;5;197")),
            ("gray3", Some("38;5;235")),
            ("color208", Some("38;5;208")),
            ("rgb901", None),
            ("mauve", None),
        ] {
            assert_eq!(code(name).as_deref(), expected, "{name}");
        }
    }
}
