//! Which tasks `--tags` and `--skip-tags` choose.

/// Whether a task with these tags (of all levels, evaluated) is chosen. `only` empty means `all`.
///
/// `always` and `never` on tasks, and `all`, `tagged` and `untagged` in `only` and `skip`, mean what Ansible's documentation on
/// tags says.
pub fn tags_selected(tags: &[String], only: &[String], skip: &[String]) -> bool {
    let has = |list: &[String], name: &str| list.iter().any(|tag| tag == name);
    let tagged = !tags.is_empty();
    let meets = |list: &[String]| tags.iter().any(|tag| list.contains(tag)) || (!tagged && has(list, "untagged"));
    let never = has(tags, "never");
    let chosen = has(tags, "always")
        || (!never && (only.is_empty() || has(only, "all")))
        || meets(only)
        || (tagged && !never && has(only, "tagged"));
    let skipped = if has(skip, "all") {
        !has(tags, "always") || has(skip, "always")
    } else {
        meets(skip) || (tagged && has(skip, "tagged"))
    };
    chosen && !skipped
}

#[cfg(test)]
mod tests {
    use super::tags_selected;

    fn run(tags: &str, only: &str, skip: &str) -> bool {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        tags_selected(&list(tags), &list(only), &list(skip))
    }

    #[test]
    fn without_options_all_but_never_run() {
        assert!(run("", "", "") && run("a", "", "") && run("always", "", "") && run("never always", "", ""));
        assert!(!run("never", "", "") && !run("never a", "all", ""));
    }

    #[test]
    fn only_these() {
        assert!(run("a b", "b", "") && run("never a", "a", "") && run("always", "b", "") && run("never", "never", ""));
        assert!(!run("a", "b", "") && !run("", "b", ""));
        assert!(run("a", "tagged", "") && !run("", "tagged", "") && !run("never", "tagged", ""));
        assert!(run("", "untagged", "") && !run("a", "untagged", "") && run("always", "untagged", ""));
    }

    #[test]
    fn not_these() {
        assert!(!run("a", "", "a") && run("b", "", "a") && !run("always a", "", "a") && !run("always", "", "always"));
        assert!(!run("", "", "untagged") && !run("a", "", "tagged") && run("", "", "tagged"));
        assert!(!run("a", "", "all") && run("always", "", "all") && !run("always", "", "all always"));
    }
}
