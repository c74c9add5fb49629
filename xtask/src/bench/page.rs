//! `docs/performance.md`: the tables between its marks come from here, the words around them from people.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::results::Results;
use super::{plot, table};

const BEGIN: &str = "<!-- measured: written by `just bench --publish` -->\n";
const END: &str = "<!-- end of what was measured -->\n";

/// Writes the tables and the plot.
///
/// # Errors
/// A page without its marks.
pub fn publish(root: &Path, results: &Results) -> Result<()> {
    let docs = root.join("docs");
    let path = docs.join("performance.md");
    let page = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let begin = page.find(BEGIN).map(|at| at + BEGIN.len());
    let (begin, end) =
        begin.zip(page.find(END)).with_context(|| format!("{} lacks `{}`", path.display(), BEGIN.trim()))?;
    let noop: Vec<_> = results.rows.iter().filter(|row| row.scenario == "noop").cloned().collect();
    let plot = plot::plot(&noop);
    if let Some(svg) = &plot {
        fs::write(docs.join("performance.svg"), svg)?;
    }
    fs::write(&path, format!("{}{}{}", &page[..begin], measured(results, plot.is_some()), &page[end..]))?;
    println!("wrote {}", path.display());
    Ok(())
}

fn measured(results: &Results, plot: bool) -> String {
    let mut text = "\n".to_owned();
    for line in &results.about {
        text.push_str(&format!("- {line}\n"));
    }
    if plot {
        text.push_str("\n![Wall time against hosts](performance.svg)\n");
    }
    let mut scenarios: Vec<&str> = results.rows.iter().map(|row| row.scenario.as_str()).collect();
    scenarios.dedup();
    for scenario in scenarios {
        let rows: Vec<_> = results.rows.iter().filter(|row| row.scenario == scenario).cloned().collect();
        text.push_str(&format!("\n### {scenario}\n\n{}", table::table(&rows)));
    }
    text.push('\n');
    text
}
