//! `hostler doc`: the reference of modules, as it is in `docs/modules`.

use crate::args::DocArgs;
use crate::exit::{Exit, Failure};
use crate::report::{Palette, bold};
use crate::setup::is_dumb;
use anyhow::Context;
use hostler_core::module::short_name;
use hostler_core::text::nearest;
use include_dir::{Dir, include_dir};
use std::io::{IsTerminal, Write};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/modules");

/// Prints pages, or the list of them.
///
/// # Errors
/// If there is no such module.
pub fn run(args: &DocArgs) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    let colour = out.is_terminal() && !is_dumb() && std::env::var_os("NO_COLOR").is_none();
    let mut text = String::new();
    if args.list {
        let width = pages().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, page) in pages() {
            text.push_str(&format!("{name:<width$}  {}\n", summary(page)));
        }
    }
    for (index, module) in args.modules.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        text.push_str(&rendered(page(module)?.1, Palette::new(colour)));
    }
    out.write_all(text.as_bytes()).context("print the page")?;
    Ok(Exit::Done)
}

/// Full names and pages, sorted.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut pages: Vec<_> = PAGES
        .files()
        .filter_map(|file| Some((file.path().file_name()?.to_str()?.strip_suffix(".md")?, file.contents_utf8()?)))
        .collect();
    pages.sort_unstable();
    pages.into_iter()
}

/// Full name and page of a module, by any of its names.
///
/// # Errors
/// If there is no such module.
pub fn page(module: &str) -> Result<(&'static str, &'static str), Failure> {
    let found = pages().find(|(name, _)| *name == module || short_name(name) == module);
    let legacy =
        || pages().find(|(name, _)| module.strip_prefix("ansible.legacy.") == name.strip_prefix("ansible.builtin."));
    if let Some(page) = found.or_else(|| module.starts_with("ansible.legacy.").then(legacy).flatten()) {
        return Ok(page);
    }
    let known: Vec<&str> = pages().flat_map(|(name, _)| [name, short_name(name)]).collect();
    let hint = match nearest(module, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`hostler doc --list` lists all".to_owned(),
    };
    Err(Failure::Other(anyhow::anyhow!("find the module `{module}`; {hint}")))
}

/// The sentence below the title.
pub fn summary(page: &str) -> &str {
    page.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default()
}

/// Markdown as it is read at a terminal: headings stand out, marks of code are left out.
pub fn rendered(page: &str, palette: Palette) -> String {
    let mut fenced = false;
    let mut text = String::new();
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let line = match line.trim_start_matches('#') {
            _ if fenced => format!("    {line}"),
            heading if heading.len() < line.len() => bold(palette, heading.trim()),
            _ => line.replace("**", "").replace('`', ""),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_pages_by_any_name() {
        assert_eq!(page("file").unwrap(), page("ansible.builtin.file").unwrap());
        assert_eq!(page("file").unwrap(), page("ansible.legacy.file").unwrap());
        let Err(Failure::Other(error)) = page("fiel") else { panic!() };
        assert!(error.to_string().contains("did you mean `file`?"), "{error}");
    }

    #[test]
    fn renders_plainly() {
        assert_eq!(
            rendered("# a\n\n- **b**: `c`\n\n```yaml\n# d\n```\n", Palette::default()),
            "a\n\n- b: c\n\n    # d\n"
        );
    }
}
