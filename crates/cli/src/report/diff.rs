//! Changes as unified diffs.

use super::style::{FAILED, OK, Palette, SKIPPED};
use hostler_core::module::Diff;
use similar::TextDiff;

/// All changes of a result, as Ansible's `--diff` shows them, each with `context` lines around it; empty if nothing
/// differs. Ends with a line end.
pub fn unified(diffs: &[Diff], palette: Palette, context: usize) -> String {
    diffs.iter().map(|diff| one(diff, palette, context)).collect()
}

fn one(diff: &Diff, palette: Palette, context: usize) -> String {
    let mut text = String::new();
    if diff.before != diff.after {
        let header = |side: &str, header: &str| match header {
            "" => side.to_owned(),
            header => format!("{side}: {header}"),
        };
        let (before, after) = (header("before", &diff.before_header), header("after", &diff.after_header));
        let changes = TextDiff::from_lines(&diff.before, &diff.after);
        for line in changes.unified_diff().context_radius(context).header(&before, &after).to_string().lines() {
            let style = match line.bytes().next() {
                Some(b'+') => Some(OK),
                Some(b'-') => Some(FAILED),
                Some(b'@') => Some(SKIPPED),
                _ => None,
            };
            text.push_str(&style.map_or_else(|| line.to_owned(), |style| palette.paint(style, line)));
            text.push('\n');
        }
    }
    if !diff.prepared.is_empty() {
        text.push_str(diff.prepared.trim_end_matches('\n'));
        text.push('\n');
    }
    text
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
}
