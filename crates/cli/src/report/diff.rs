//! Changes as unified diffs; with colours, the words that differ within a line stand out.

use super::style::{FAILED, OK, Palette, SKIPPED};
use anstyle::Style;
use hostler_core::module::Diff;
use similar::{ChangeTag, TextDiff};

/// All changes of a result, as Ansible's `--diff` shows them, each with `context` lines around it; empty if nothing
/// differs. Ends with a line end.
pub fn unified(diffs: &[Diff], palette: Palette, context: usize) -> String {
    diffs.iter().map(|diff| one(diff, palette, context)).collect()
}

fn one(diff: &Diff, palette: Palette, context: usize) -> String {
    let mut text = String::new();
    if diff.before != diff.after {
        let header = |sign: &str, style: Style, side: &str, header: &str| {
            let header = if header.is_empty() { side.to_owned() } else { format!("{side}: {header}") };
            palette.paint(style, &format!("{sign} {header}")) + "\n"
        };
        text.push_str(&header("---", FAILED, "before", &diff.before_header));
        text.push_str(&header("+++", OK, "after", &diff.after_header));
        let changes = TextDiff::from_lines(&diff.before, &diff.after);
        for hunk in changes.unified_diff().context_radius(context).iter_hunks() {
            text.push_str(&palette.paint(SKIPPED, hunk.header().to_string().trim_end()));
            text.push('\n');
            for change in hunk.ops().iter().flat_map(|op| changes.iter_inline_changes(op)) {
                text.push_str(&line(change.tag(), change.iter_strings_lossy(), palette));
                if change.missing_newline() {
                    text.push_str("\\ No newline at end of file\n");
                }
            }
        }
    }
    if !diff.prepared.is_empty() {
        text.push_str(diff.prepared.trim_end_matches('\n'));
        text.push('\n');
    }
    text
}

/// One line; `parts` that differ from the line in whose place it stands are marked.
fn line<'a>(
    tag: ChangeTag,
    parts: impl Iterator<Item = (bool, std::borrow::Cow<'a, str>)>,
    palette: Palette,
) -> String {
    let style = match tag {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(FAILED),
        ChangeTag::Insert => Some(OK),
    };
    // Parts that look alike are painted together.
    let mut runs = vec![(false, tag.to_string())];
    for (differs, part) in parts {
        let part = part.trim_end_matches('\n');
        if part.is_empty() {
            continue;
        }
        match runs.last_mut() {
            Some((same, text)) if *same == differs => text.push_str(part),
            _ => runs.push((differs, part.to_owned())),
        }
    }
    // A line that has nothing in common with another stands for itself.
    if runs.iter().skip(1).all(|(differs, _)| *differs) {
        let whole = runs.iter().map(|(_, text)| text.as_str()).collect();
        runs = vec![(false, whole)];
    }
    let painted = runs.iter().map(|(differs, text)| match style {
        None => text.clone(),
        Some(style) => palette.paint(if *differs { style.invert() } else { style }, text),
    });
    painted.collect::<String>() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_ansibles() {
        let diff = Diff::texts("/etc/motd", "a\nb\n", "a\nc");
        let expected =
            "--- before: /etc/motd\n+++ after: /etc/motd\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n";
        assert_eq!(unified(&[diff], Palette::default(), 3), expected);
        let new = Diff { after: "x\n".into(), after_header: "/x".into(), ..Diff::default() };
        assert_eq!(unified(&[new], Palette::default(), 3), "--- before\n+++ after: /x\n@@ -0,0 +1 @@\n+x\n");
        assert_eq!(unified(&[Diff::texts("/same", "a", "a")], Palette::default(), 3), "");
        assert_eq!(unified(&[Diff::prepared("install nginx\n")], Palette::default(), 3), "install nginx\n");
    }

    #[test]
    fn words_that_differ_stand_out() {
        let diff = Diff::texts("/x", "same\nlisten 80 default;\n", "same\nlisten 8080 default;\nnew\n");
        let shown = unified(&[diff], Palette::new(true), 3);
        let (old, new) = (FAILED.invert(), OK.invert());
        assert!(
            shown.contains(&format!("{FAILED}-listen {FAILED:#}{old}80{old:#}{FAILED} default;{FAILED:#}\n")),
            "{shown:?}"
        );
        assert!(shown.contains(&format!("{OK}+listen {OK:#}{new}8080{new:#}{OK} default;{OK:#}\n")), "{shown:?}");
        assert!(shown.contains(&format!("{OK}+new{OK:#}\n")), "a new line stands in no other's place: {shown:?}");
        assert!(shown.contains("\n same\n"), "{shown:?}");
    }
}
