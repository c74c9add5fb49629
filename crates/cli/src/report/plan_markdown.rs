//! A plan as Markdown that fits into a comment of a merge request.

use super::diff;
use super::style::Palette;
use hostler_core::plan::{Entry, Plan};

/// Comments have a limit: GitHub's is 65,536 characters.
const LIMIT: usize = 60_000;

/// The whole text, with `context` unchanged lines around differences.
pub fn markdown(plan: &Plan, title: &str, context: usize) -> String {
    let mut text = format!("## {title}\n\n");
    for (host, plan) in &plan.hosts {
        let counts: Vec<_> =
            plan.counts().iter().map(|(kind, count)| format!("{} {count} {}", kind.sign(), kind.verb())).collect();
        let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
        let failure = plan.failure.as_ref().map(|failure| format!(", **failed**: {}", inline(failure)));
        text.push_str(&format!("- **{}**: {counts}{}\n", inline(host), failure.unwrap_or_default()));
        plan.found.iter().for_each(|found| text.push_str(&format!("  - {}\n", inline(found))));
    }
    let entries = plan.folded();
    for (number, step) in entries.iter().enumerate() {
        let next = entry(step, context);
        if text.len() + next.len() > LIMIT {
            text.push_str(&format!("\n… and {} more changes.\n", entries.len() - number));
            break;
        }
        text.push_str(&next);
    }
    text
}

fn entry(entry: &Entry<'_>, context: usize) -> String {
    let step = entry.step;
    let label = step.label.as_ref().map(|label| format!(" [{}]", inline(label))).unwrap_or_default();
    let mut text = format!(
        "\n<details><summary><code>{}</code> {}{label} — {}</summary>\n\n`{}` at `{}`",
        step.kind.sign(),
        inline(&step.task),
        inline(&entry.hosts.join(", ")),
        step.module,
        step.place.at,
    );
    if !step.notifies.is_empty() {
        text.push_str(&format!(", notifies {}", inline(&step.notifies.join(", "))));
    }
    text.push('\n');
    if let Some(reason) = &step.waits_for {
        text.push_str(&format!("\n{}\n", inline(reason)));
    }
    let diff = diff::unified(&step.diff, Palette::default(), context);
    if !diff.is_empty() {
        let fence = fence(&diff);
        text.push_str(&format!("\n{fence}diff\n{diff}{fence}\n"));
    }
    text + "\n</details>\n"
}

/// A fence that is longer than any in the text.
fn fence(text: &str) -> String {
    let longest = text
        .lines()
        .map(|line| line.trim_start_matches(['+', '-', ' ']))
        .map(|line| line.bytes().take_while(|byte| *byte == b'`').count());
    "`".repeat(longest.max().unwrap_or(0).max(2) + 1)
}

/// Text that means nothing to Markdown or HTML.
fn inline(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\n' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_core::plan::{HostPlan, Step};

    #[test]
    fn diffs_stay_in_their_fence() {
        let step: Step = serde_json::from_value(serde_json::json!({
            "place": {"at": "site.yml:3:7", "round": 0}, "task": "write *it*", "module": "copy", "kind": "create",
            "changes": true, "notifies": ["again"], "diff": [{"after": "````\nx\n", "after_header": "/etc/x"}],
        }))
        .unwrap();
        let mut plan = Plan::default();
        plan.hosts.insert("web1".to_owned(), HostPlan { steps: vec![step], failure: None, found: Vec::new() });
        plan.hosts.insert("web2".to_owned(), HostPlan::default());
        let text = markdown(&plan, "Plan", 3);
        assert!(text.contains("- **web1**: + 1 create\n- **web2**: nothing to do\n"), "{text}");
        assert!(text.contains("write \\*it\\* — web1"), "{text}");
        assert!(text.contains("\n`````diff\n--- before\n+++ after: /etc/x\n"), "{text}");
        assert!(text.contains("notifies again"), "{text}");
    }
}
