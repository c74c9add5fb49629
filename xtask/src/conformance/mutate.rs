//! `--mutate`: the guard against tests that cannot fail. Every `that:` of a copy is negated; then each assertion must fail.
//!
//! The text is edited in place, so that lines keep their numbers. Conditions in flow style (`{that: …}`) stay as they are.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use hostler_core::diagnostic::SourceFile;
use hostler_core::yaml::{self, Node, NodeKind};
use serde_json::json;

use super::oracle::Oracle;
use super::target::Outcome;

/// A condition's key and its value.
type Condition = (Node, Node);

/// Writes those of the target's files to `to` that have conditions, negated.
pub fn negate(target: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(target).with_context(|| format!("failed to read {}", target.display()))? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        let copy = to.join(path.file_name().unwrap_or_default());
        if kind.is_dir() {
            negate(&path, &copy)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
        {
            // What is not YAML is there to be refused.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            if let Some(text) = negated(&text) {
                fs::write(&copy, text)?;
            }
        }
    }
    Ok(())
}

/// The text with its conditions negated, if it has any that can be.
fn negated(text: &str) -> Option<String> {
    let load = |text: &str| yaml::load_all(&SourceFile::new("", text), &mut Vec::new()).ok();
    let mut conditions = Vec::new();
    load(text)?.iter().for_each(|document| collect(document, &mut conditions));
    conditions.dedup_by_key(|(key, _)| key.span.line);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut edited = false;
    for (key, value) in &conditions {
        edited |= edit(&mut lines, key, value).is_some();
    }
    let text = lines.join("\n") + "\n";
    // An anchor that was edited away leaves its aliases without meaning.
    (edited && load(&text).is_some()).then_some(text)
}

fn collect(node: &Node, found: &mut Vec<Condition>) {
    match &node.kind {
        NodeKind::Map(pairs) => {
            for (key, value) in pairs.iter() {
                if key.as_str() == Some("that") {
                    found.push((key.clone(), value.clone()));
                }
                collect(value, found);
            }
        }
        NodeKind::Seq(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// Puts the negated conditions behind the key and empties the lines where they stood.
fn edit(lines: &mut [String], key: &Node, value: &Node) -> Option<()> {
    let (line, column) = (key.span.line.checked_sub(1)? as usize, key.span.column.checked_sub(1)? as usize);
    let before: String = lines.get(line)?.chars().take(column).collect();
    if !before.chars().all(|character| character == ' ' || character == '-') {
        return None;
    }
    let (items, listed) = match &value.kind {
        NodeKind::Seq(items) => (items.iter().map(condition).collect::<Option<Vec<_>>>()?, true),
        _ => (vec![condition(value)?], false),
    };
    let belongs = |text: &String| {
        let indent = text.len() - text.trim_start().len();
        text.trim().is_empty() || indent > column || (listed && indent == column && text.trim_start().starts_with('-'))
    };
    let count = lines[line + 1..].iter().take_while(|text| belongs(text)).count();
    lines[line + 1..=line + count].iter_mut().for_each(String::clear);
    lines[line] = format!("{before}that: {}", json!(items));
    Some(())
}

/// `not (…)`.
fn condition(node: &Node) -> Option<String> {
    let text = match &node.kind {
        NodeKind::Bool(value) => value.to_string(),
        NodeKind::Int(value) => value.to_string(),
        _ => node.as_str()?.trim().to_owned(),
    };
    let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    Some(inner.map_or_else(|| format!("not ({text})"), |inner| format!("{{{{ not ({inner}) }}}}")))
}

/// Prints the assertions that did not fail. Those that fail in Ansible too are about `assert` itself.
pub fn verdict(oracle: &Oracle, outcomes: &[(&str, Outcome)]) -> ExitCode {
    let mut failed = false;
    for (name, outcome) in outcomes {
        let rows = oracle.get(*name).map(Vec::as_slice).unwrap_or_default();
        let passes =
            |at: &str| rows.iter().any(|row| row.at == at && row.statuses.len() == 1 && row.statuses.contains("ok"));
        let asserts = outcome.observed.all().iter().filter(|ended| ended.action == "assert" && passes(&ended.at));
        let asserts: Vec<_> = asserts.collect();
        let stayed: Vec<_> = asserts.iter().filter(|ended| ended.status == "ok").collect();
        stayed.iter().for_each(|ended| println!("DID NOT FAIL: {}", ended.at));
        println!("{name}: {} of {} assertions failed, as they must", asserts.len() - stayed.len(), asserts.len());
        failed |= !stayed.is_empty() || asserts.is_empty();
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_negated_in_their_lines() {
        let text =
            "- assert:\n    that:\n    - a == 1\n    - b is\n      defined\n- assert:\n    that: '{{ c }}'\n- debug:\n";
        let expected = "- assert:\n    that: [\"not (a == 1)\",\"not (b is defined)\"]\n\n\n\n\
            - assert:\n    that: [\"{{ not ( c ) }}\"]\n- debug:\n";
        assert_eq!(negated(text).as_deref(), Some(expected));
    }

    #[test]
    fn what_has_no_conditions_stays() {
        assert_eq!(negated("- debug:\n    msg: that\n"), None);
    }
}
