//! Lines of `fstab`.

/// What a line says, each field as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Device, or what else is mounted.
    pub src: String,
    /// Where.
    pub path: String,
    /// Kind of file system.
    pub fstype: String,
    /// Options.
    pub opts: String,
    /// Whether `dump` saves it.
    pub dump: String,
    /// Order of checks at boot.
    pub passno: String,
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('#').next()?.split_whitespace().collect();
        let [src, path, fstype, opts, rest @ ..] = fields.as_slice() else { return None };
        if rest.len() > 2 {
            return None;
        }
        let number = |index: usize| rest.get(index).map_or("0", |text| text).to_owned();
        let owned = |text: &str| text.to_owned();
        let (src, path, fstype, opts) = (owned(src), owned(path), owned(fstype), owned(opts));
        Some(Self { src, path, fstype, opts, dump: number(0), passno: number(1) })
    }

    /// The line.
    pub fn line(&self) -> String {
        let Self { src, path, fstype, opts, dump, passno } = self;
        format!("{src} {path} {fstype} {opts} {dump} {passno}\n")
    }
}

/// A field with blanks, `&` and backslashes written in octal.
pub fn escape(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('&', "\\046")
}

/// The text with `wanted` in the place of the entry for `path` (of swap, which has no path: for `src`), or at the end;
/// with `None` without it. With it, the lines that were there and that take their place.
pub fn edit(text: &str, path: &str, src: Option<&str>, wanted: Option<&Entry>) -> (String, String, String) {
    let (mut edited, mut old, mut new) = (String::new(), String::new(), String::new());
    let mut found = false;
    for line in text.lines().map(|line| format!("{line}\n")) {
        let entry = Entry::parse(&line);
        let is_it = entry.as_ref().is_some_and(|entry| {
            let other_swap = entry.path == "none" && entry.fstype == "swap" && src.is_some_and(|src| entry.src != src);
            entry.path == path && !other_swap
        });
        if !is_it {
            edited.push_str(&line);
            continue;
        }
        found = true;
        let kept = wanted.filter(|wanted| entry.as_ref() == Some(*wanted)).is_some();
        let replacement = if kept { line.clone() } else { wanted.map(Entry::line).unwrap_or_default() };
        edited.push_str(&replacement);
        if !kept {
            old.push_str(&line);
            new.push_str(&replacement);
        }
    }
    if let Some(wanted) = wanted.filter(|_| !found) {
        edited.push_str(&wanted.line());
        new = wanted.line();
    }
    // A last line without an end of its own is no change.
    if old.is_empty() && new.is_empty() {
        edited = text.to_owned();
    }
    (edited, old, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_one_entry() {
        let entry = Entry::parse("/dev/sdb /data ext4 defaults 0 0").unwrap();
        let text = "# x\n/dev/sda / ext4 rw 0 1\n/dev/sdb\t/data ext4 ro # c\nswapfile none swap sw 0 0";
        let (edited, old, new) = edit(text, "/data", None, Some(&entry));
        assert_eq!(
            edited,
            "# x\n/dev/sda / ext4 rw 0 1\n/dev/sdb /data ext4 defaults 0 0\nswapfile none swap sw 0 0\n"
        );
        assert_eq!((old.as_str(), new), ("/dev/sdb\t/data ext4 ro # c\n", entry.line()));
        assert_eq!(edit(&edited, "/data", None, Some(&entry)).1, "");
        assert_eq!(edit("/dev/sdb /data ext4 defaults", "/data", None, Some(&entry)).0, "/dev/sdb /data ext4 defaults");
        assert_eq!(edit(text, "none", Some("other"), None).1, "");
        assert_eq!(edit(text, "none", Some("swapfile"), None).1, "swapfile none swap sw 0 0\n");
        assert_eq!(escape("/a b&c"), "/a\\040b\\046c");
    }
}
