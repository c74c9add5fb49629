//! The settings that shape the output, with Ansible's defaults and colours.

use hostler_core::config::{self, Config};

/// How a run is shown.
#[derive(Debug, Clone)]
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
            diff_context: config.diff_context.or(3),
            columns: columns(),
        }
    }

    /// `text` in a colour, line by line.
    pub fn paint(&self, colour: &str, text: &str) -> String {
        paint(self.colour, colour, text)
    }
}

/// `text` in a colour, line by line; Ansible paints empty lines too.
pub fn paint(on: bool, colour: &str, text: &str) -> String {
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

/// Green.
pub const OK: &str = "0;32";
/// Yellow.
pub const CHANGED: &str = "0;33";
/// Cyan.
pub const SKIPPED: &str = "0;36";
/// Red.
pub const FAILED: &str = "0;31";
/// Bright red.
pub const UNREACHABLE: &str = "1;31";
/// Bright purple.
pub const WARNING: &str = "1;35";
/// Dark grey.
pub const DEBUG: &str = "1;30";
/// Blue.
pub const VERBOSE: &str = "0;34";
/// Purple.
pub const DEPRECATED: &str = "0;35";
