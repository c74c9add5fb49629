//! A plan as one page of HTML that needs nothing else, to be looked through by host, role and action.

use super::diff;
use super::style::Palette;
use hostler_core::plan::{Entry, Kind, Plan};
use std::collections::BTreeSet;

/// The page without what is in it.
const PAGE: &str = include_str!("plan_page.html");

/// The whole page.
pub fn page(plan: &Plan, title: &str, context: usize) -> String {
    let entries = plan.folded();
    let roles: BTreeSet<&str> = entries.iter().filter_map(|entry| entry.step.role()).collect();
    let kinds: BTreeSet<Kind> = entries.iter().map(|entry| entry.step.kind).collect();
    let values = [
        ("@TITLE@", escape(title)),
        ("@SUMMARY@", summary(plan)),
        ("@HOSTS@", options(plan.hosts.keys().map(String::as_str))),
        ("@ROLES@", options(roles)),
        ("@KINDS@", options(kinds.into_iter().map(Kind::verb))),
        ("@ENTRIES@", entries.iter().map(|step| entry(step, context)).collect()),
    ];
    // One pass: what is put in may contain anything.
    let mut page = String::new();
    let mut rest = PAGE;
    while let Some((at, name, value)) =
        values.iter().filter_map(|(name, value)| Some((rest.find(name)?, name, value))).min_by_key(|found| found.0)
    {
        page.push_str(&rest[..at]);
        page.push_str(value);
        rest = &rest[at + name.len()..];
    }
    page + rest
}

fn options<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    values.into_iter().map(|value| format!("<option>{}</option>", escape(value))).collect()
}

fn summary(plan: &Plan) -> String {
    let kinds: BTreeSet<Kind> = plan.hosts.values().flat_map(|host| host.counts().into_keys()).collect();
    let heads: String = kinds.iter().map(|kind| format!("<th>{} {}</th>", kind.sign(), kind.verb())).collect();
    let rows: String = plan
        .hosts
        .iter()
        .map(|(host, plan)| {
            let counts = plan.counts();
            let cells: String = kinds
                .iter()
                .map(|kind| format!("<td>{}</td>", counts.get(kind).map(usize::to_string).unwrap_or_default()))
                .collect();
            let failure =
                plan.failure.as_ref().map(|failure| format!("<td class=\"failure\">{}</td>", escape(failure)));
            let found = plan.found.iter().map(|found| format!("<td>{}</td>", escape(found))).collect::<String>();
            format!("<tr><th>{}</th>{cells}{}{found}</tr>", escape(host), failure.unwrap_or_default())
        })
        .collect();
    format!("<table><tr><th></th>{heads}</tr>{rows}</table>")
}

fn entry(entry: &Entry<'_>, context: usize) -> String {
    let step = entry.step;
    let kind = step.kind.verb();
    let hosts = serde_json::to_string(&entry.hosts).unwrap_or_default();
    let label = step.label.as_ref().map(|label| format!(" [{}]", escape(label))).unwrap_or_default();
    let mut below = String::new();
    if let Some(reason) = &step.waits_for {
        below.push_str(&format!("<pre>{}</pre>", escape(reason)));
    }
    let text = diff::unified(&step.diff, Palette::default(), context);
    if !text.is_empty() {
        below.push_str(&format!("<pre>{}</pre>", text.lines().map(line).collect::<String>()));
    }
    if !step.notifies.is_empty() {
        below.push_str(&format!("<div class=\"hosts\">notifies {}</div>", escape(&step.notifies.join(", "))));
    }
    format!(
        "<details open data-kind=\"{kind}\" data-role=\"{}\" data-hosts=\"{}\"><summary><span class=\"sign {kind}\">{}</span>\
         {}{label} <span class=\"module\">{}</span> <span class=\"place\">{}</span></summary>\
         <div class=\"hosts\">{}</div>{below}</details>\n",
        escape(step.role().unwrap_or_default()),
        escape(&hosts),
        step.kind.sign(),
        escape(&step.task),
        escape(&step.module),
        escape(&step.place.at),
        escape(&entry.hosts.join(", ")),
    )
}

fn line(line: &str) -> String {
    let class = match line.bytes().next() {
        Some(b'+') => "in",
        Some(b'-') => "out",
        Some(b'@') => "at",
        _ => return format!("{}\n", escape(line)),
    };
    format!("<span class=\"{class}\">{}</span>\n", escape(line))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
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
    fn nothing_breaks_out_of_the_page() {
        let step: Step = serde_json::from_value(serde_json::json!({
            "place": {"at": "site.yml:3:7", "round": 0}, "task": "web : <script>@ROLES@", "module": "copy",
            "kind": "create", "changes": true, "diff": [{"after": "<b>&\n", "after_header": "/etc/x"}],
        }))
        .unwrap();
        let mut plan = Plan::default();
        plan.hosts.insert("web\"1".to_owned(), HostPlan { steps: vec![step], failure: None, found: Vec::new() });
        let page = page(&plan, "Plan of site.yml", 3);
        assert!(page.contains("&lt;script&gt;@ROLES@"), "{page}");
        assert!(page.contains("data-hosts=\"[&quot;web\\&quot;1&quot;]\""), "{page}");
        assert!(page.contains("<span class=\"in\">+&lt;b&gt;&amp;</span>"), "{page}");
        assert!(page.contains("<option>web</option>") && page.contains("<th>+ create</th>"), "{page}");
    }
}
