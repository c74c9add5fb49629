//! One page a module.

use std::fmt::Write;

use anyhow::Result;
use hostler_core::module::short_name;
use hostler_core::value::{Key, Map, Value};
use hostler_core::yaml::emit::{Options, to_yaml};

use super::schema::{Field, fields};
use super::source::{self, Sources};

/// Most examples on a page.
const EXAMPLES: usize = 3;

/// The page of a module.
pub fn of_module(
    name: &str,
    other_names: &[&str],
    args: &serde_json::Value,
    output: &serde_json::Value,
    sources: &Sources,
) -> Result<String> {
    let text = sources.of(name)?;
    let mut page = format!("# {name}\n\n{}\n", source::opening(text, name));
    let names = std::iter::once(short_name(name)).chain(other_names.iter().copied());
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    writeln!(page, "\nAlso called {}.", names.join(", "))?;
    parameters(&mut page, args, text)?;
    let results = fields(output, output);
    if !results.is_empty() {
        page.push_str("\n## Results\n\n");
        for field in &results {
            list(&mut page, field, 0, None)?;
        }
    }
    let examples = sources.examples(name, EXAMPLES)?;
    if !examples.is_empty() {
        page.push_str("\n## Examples\n");
        for (title, args) in examples {
            write!(page, "\n```yaml\n{}```\n", task(name, &title, args))?;
        }
    }
    Ok(page)
}

/// The page of an action of the controller.
pub fn of_action(name: &str, args: &serde_json::Value, sources: &Sources) -> Result<String> {
    let text = sources.of(name)?;
    let mut page = format!("# {name}\n\n{}\n", source::opening(text, name));
    writeln!(page, "\nAlso called `{}`. It runs on the controller.", short_name(name))?;
    parameters(&mut page, args, text)?;
    Ok(page)
}

fn parameters(page: &mut String, args: &serde_json::Value, text: &str) -> Result<()> {
    let mut parameters = fields(args, args);
    // Those with an underscore are between controller and helper.
    parameters.retain(|field| !field.name.starts_with('_'));
    if !parameters.is_empty() {
        page.push_str("\n## Parameters\n\n");
    }
    parameters.iter().try_for_each(|field| list(page, field, 0, Some(text)))
}

fn list(page: &mut String, field: &Field, depth: usize, text: Option<&str>) -> Result<()> {
    let mut about = vec![field.kind.clone()];
    if field.required && text.is_some() {
        about.push("required".to_owned());
    }
    if let Some(default) = field.default.as_ref().filter(|_| text.is_some()) {
        about.push(format!("default `{default}`"));
    }
    let other_names = text.map(|text| source::aliases(text, &field.name)).unwrap_or_default();
    if !other_names.is_empty() {
        let names: Vec<String> = other_names.iter().map(|name| format!("`{name}`")).collect();
        about.push(format!("also {}", names.join(", ")));
    }
    let indent = "  ".repeat(depth);
    let description = if field.description.is_empty() { String::new() } else { format!(": {}", field.description) };
    writeln!(page, "{indent}- **{}** ({}){description}", field.name, about.join("; "))?;
    for (value, meaning) in &field.choices {
        let meaning = if meaning.is_empty() { String::new() } else { format!(": {meaning}") };
        writeln!(page, "{indent}  - `{value}`{meaning}")?;
    }
    for inner in &field.inner {
        list(page, inner, depth + 1, text)?;
    }
    Ok(())
}

fn task(name: &str, title: &str, args: Value) -> String {
    let task = Map::from_iter([(Key::from("name"), Value::from(title)), (Key::from(name), args)]);
    to_yaml(&Value::list([task.into()]), &Options { indent: 2, sort_keys: false, ..Options::nice() })
}
