//! The reference of filters, tests and lookups: their examples are cases of the template tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use hostler_core::diagnostic::SourceFile;
use hostler_core::value::Value;
use hostler_core::vars::Decrypt;
use hostler_core::yaml::{self, Trust};

/// The cases, below the root.
const CASES: &str = "crates/core/tests/templates/plugins.yml";
/// What each page is about: kind, file, heading, and what comes first.
const PAGES: [(&str, &str, &str, &str); 3] = [
    ("filter", "docs/templates/filters.md", "Filters", "`{{ value | name(arguments) }}`."),
    ("test", "docs/templates/tests.md", "Tests", "`{{ value is name(arguments) }}`."),
    (
        "lookup",
        "docs/templates/lookups.md",
        "Lookups",
        "`{{ lookup('name', terms, options) }}`, or `query` for a list.",
    ),
];

struct NoVaults;

impl Decrypt for NoVaults {
    fn decrypt(&self, _: &str) -> std::result::Result<Vec<u8>, String> {
        Err("examples have no vaults".into())
    }
}

/// The pages, by path below the root.
pub fn pages(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let path = root.join(CASES);
    let text = std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let file = SourceFile::new(&path, text);
    let node = yaml::load(&file, &mut Vec::new()).map_err(|error| anyhow!("{error}"))?.context("there are no cases")?;
    let vaults: Arc<dyn Decrypt> = Arc::new(NoVaults);
    let all = node.to_value(&vaults, Trust::Untrusted);
    let variables = all.get("variables").map(hostler_core::template::Templar::text_of).unwrap_or_default();
    let cases = all.get("cases").and_then(Value::as_list).context("there are no cases")?;
    let mut pages = BTreeMap::new();
    for (kind, path, heading, first) in PAGES {
        let mut page = format!(
            "# {heading}\n\n{first} Examples show what ansible-core gives; Hostler's tests hold it to that.\n\n| name | what it gives | example | result |\n| --- | --- | --- | --- |\n"
        );
        for case in cases.iter().filter(|case| case.get("kind").and_then(Value::as_str) == Some(kind)) {
            page.push_str(&row(case));
        }
        page.push_str(&format!("\nVariables of the examples: `{variables}`\n"));
        pages.insert(path.into(), page);
    }
    Ok(pages)
}

fn row(case: &Value) -> String {
    let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default();
    let aliases = case.get("aliases").and_then(Value::as_list).unwrap_or_default();
    let names = std::iter::once(text("name")).chain(aliases.iter().filter_map(Value::as_str));
    let names: Vec<String> = names.map(code).collect();
    let result = if text("result").is_empty() { text("differs") } else { text("result") };
    format!("| {} | {} | {} | {} |\n", names.join(", "), text("says"), code(text("template")), code(result))
}

/// Code inside a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|").replace('\n', "\\n"))
}
