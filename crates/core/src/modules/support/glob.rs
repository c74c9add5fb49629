//! Shell patterns for names, and the paths that match one.

use crate::system::{FileKind, Result, System};
use std::path::{Path, PathBuf};

/// Whether `name` matches `pattern` of `*`, `?`, `[abc]`, `[!abc]`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches_chars(&pattern, &name)
}

fn matches_chars(pattern: &[char], name: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return name.is_empty() };
    match first {
        '*' => (0..=name.len()).any(|skipped| matches_chars(rest, &name[skipped..])),
        '?' => !name.is_empty() && matches_chars(rest, &name[1..]),
        '[' => match class(rest) {
            Some((class, rest)) => {
                name.split_first().is_some_and(|(c, tail)| class.contains(*c) && matches_chars(rest, tail))
            }
            None => name.first() == Some(&'[') && matches_chars(rest, &name[1..]),
        },
        c => name.first() == Some(c) && matches_chars(rest, &name[1..]),
    }
}

struct Class<'a> {
    negated: bool,
    members: &'a [char],
}

impl Class<'_> {
    fn contains(&self, c: char) -> bool {
        let mut members = self.members;
        let mut found = false;
        while let [first, rest @ ..] = members {
            if let ['-', last, after @ ..] = rest {
                found |= (*first..=*last).contains(&c);
                members = after;
            } else {
                found |= *first == c;
                members = rest;
            }
        }
        found != self.negated
    }
}

/// The class that begins after a `[`, and what follows it.
fn class(pattern: &[char]) -> Option<(Class<'_>, &[char])> {
    let negated = pattern.first() == Some(&'!');
    let members = if negated { &pattern[1..] } else { pattern };
    // A bracket right at the start is a member.
    let end = members.iter().skip(1).position(|c| *c == ']')? + 1;
    Some((Class { negated, members: &members[..end] }, &members[end + 1..]))
}

/// Whether `text` has anything that makes it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Paths that are there and match an absolute `pattern`. Hidden names only match where the pattern has the dot.
///
/// # Errors
/// If a directory cannot be looked at.
pub fn glob(system: &dyn System, pattern: &Path) -> Result<Vec<PathBuf>> {
    let text = pattern.to_string_lossy();
    if !is_pattern(&text) {
        return Ok(system.symlink_metadata(pattern)?.map(|_| pattern.to_owned()).into_iter().collect());
    }
    let mut found = vec![PathBuf::from("/")];
    for part in text.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for directory in found {
            if !is_pattern(part) {
                let path = directory.join(part);
                next.extend(system.symlink_metadata(&path)?.map(|_| path));
                continue;
            }
            if system.metadata(&directory)?.is_none_or(|meta| meta.kind != FileKind::Directory) {
                continue;
            }
            let names = system.read_dir(&directory)?;
            let names = names.iter().filter_map(|name| name.to_str());
            let visible = names.filter(|name| part.starts_with('.') || !name.starts_with('.'));
            next.extend(visible.filter(|name| matches(part, name)).map(|name| directory.join(name)));
        }
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn patterns() {
        for (pattern, name) in
            [("*.c", "a.c"), ("a?c", "abc"), ("[a-c]x", "bx"), ("[!a]x", "bx"), ("[]]", "]"), ("[", "[")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.c", "a.h"), ("a?c", "ac"), ("[!a-c]x", "bx"), ("", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn paths() {
        let fake =
            Fake::from_json(serde_json::json!({"files": {"/a/x1/f": "", "/a/x2/f": "", "/a/.x3/f": "", "/a/x4": ""}}));
        assert_eq!(glob(&fake, Path::new("/a/x*/f")).unwrap(), [Path::new("/a/x1/f"), Path::new("/a/x2/f")]);
        assert_eq!(glob(&fake, Path::new("/a/.x*/f")).unwrap(), [Path::new("/a/.x3/f")]);
        assert!(glob(&fake, Path::new("/a/y")).unwrap().is_empty());
    }
}
