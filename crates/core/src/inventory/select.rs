//! Patterns of hosts: `web:&prod:!web3`, `db[0]`, `~web\d+`, `*.example.org`, `@hosts.retry`.

use super::model::{Inventory, LOCALHOST};
use super::{HostPatternMismatch, names};
use crate::diagnostic::Diagnostic;
use crate::system::local_files;
use fancy_regex::Regex;
use indexmap::IndexSet;
use std::path::Path;
use std::sync::Arc;

impl Inventory {
    /// The hosts that a pattern means, those of them that `limit` means too, in the order of the inventory's groups.
    /// A part that matches nothing is only warned of,
    /// unless the options say otherwise. `localhost` is there even if no inventory has it.
    ///
    /// # Errors
    /// If a pattern is malformed, a subscript is out of range or a file (`@file` in `limit`) cannot be read.
    pub fn select(&self, pattern: &str, limit: Option<&str>) -> Result<Vec<Arc<str>>, Diagnostic> {
        let mut hosts = self.evaluate(&split(pattern))?;
        if let Some(limit) = limit {
            let mut parts = Vec::new();
            for part in split(limit) {
                match part.strip_prefix('@') {
                    Some(file) => {
                        let path = Path::new(file);
                        if !local_files::exists(path) {
                            return Err(Diagnostic::error(format!("Unable to find limit file {file}")));
                        }
                        if !local_files::is_file(path) {
                            let message = format!("Limit starting with \"@\" must be a file, not a directory: {file}");
                            return Err(Diagnostic::error(message));
                        }
                        let text = local_files::read_to_string(Path::new(file))
                            .map_err(|error| Diagnostic::error(format!("read the limit: {error}")))?;
                        parts.extend(text.lines().map(|line| line.trim().to_owned()));
                    }
                    None => parts.push(part),
                }
            }
            let allowed = self.evaluate(&parts)?;
            hosts.retain(|host| allowed.contains(host));
        }
        Ok(hosts.into_iter().collect())
    }

    /// Plain parts add, then `&` parts keep, then `!` parts take away, whatever order they stand in.
    fn evaluate(&self, parts: &[String]) -> Result<IndexSet<Arc<str>>, Diagnostic> {
        let of_kind = |mark: char| parts.iter().filter_map(move |part| part.strip_prefix(mark));
        let mut plain: Vec<&str> =
            parts.iter().map(String::as_str).filter(|part| !part.is_empty() && !part.starts_with(['&', '!'])).collect();
        if plain.is_empty() {
            plain.push("all");
        }
        let mut hosts = IndexSet::new();
        for part in plain {
            hosts.extend(self.matches(part)?);
        }
        for part in of_kind('&') {
            let kept: IndexSet<Arc<str>> = self.matches(part)?.into_iter().collect();
            hosts.retain(|host| kept.contains(host));
        }
        for part in of_kind('!') {
            let removed: IndexSet<Arc<str>> = self.matches(part)?.into_iter().collect();
            hosts.retain(|host| !removed.contains(host));
        }
        Ok(hosts)
    }

    /// The hosts of one part, without its `&` or `!`.
    fn matches(&self, part: &str) -> Result<Vec<Arc<str>>, Diagnostic> {
        if let Some(host) = self.host(part) {
            return Ok(vec![Arc::clone(host.name())]);
        }
        let (name, subscript) = split_subscript(part)?;
        let mut hosts: IndexSet<Arc<str>> = IndexSet::new();
        let matcher = Matcher::new(name)?;
        let groups: Vec<&Arc<str>> = self.groups.keys().filter(|group| matcher.fits(group)).collect();
        for group in &groups {
            hosts.extend(self.group_hosts(group));
        }
        // A name with a dot may be a group's and a host's.
        if groups.is_empty() || name.starts_with('~') || name.contains(['.', '?', '*', '[']) {
            hosts.extend(self.hosts.keys().filter(|host| matcher.fits(host)).cloned());
        }
        if hosts.is_empty() && LOCALHOST.contains(&name) {
            hosts.insert(name.into());
        }
        if hosts.is_empty() && groups.is_empty() && name != "all" {
            let known = self.groups.keys().chain(self.hosts.keys()).map(|name| &**name);
            let message = format!("Could not match supplied host pattern, ignoring: {name}");
            match self.options.pattern_mismatch {
                HostPatternMismatch::Warning => self.warn(Diagnostic::warning(message).suggest(name, known)),
                HostPatternMismatch::Error => return Err(Diagnostic::error(message).suggest(name, known)),
                HostPatternMismatch::Ignore => {}
            }
        }
        let hosts: Vec<Arc<str>> = hosts.into_iter().collect();
        match subscript {
            Some(subscript) if !hosts.is_empty() => subscript.apply(&hosts).ok_or_else(|| {
                let count = hosts.len();
                Diagnostic::error(format!(
                    "the pattern `{part}` asks for a host that is not there: `{name}` has {count}"
                ))
            }),
            _ => Ok(hosts),
        }
    }
}

/// Splits a pattern at commas; without any, at colons, unless it is one address or name.
fn split(pattern: &str) -> Vec<String> {
    let parts: Vec<String> = if pattern.contains(',') {
        pattern.split(',').map(str::to_owned).collect()
    } else if names::is_single_host(pattern.trim()) {
        vec![pattern.to_owned()]
    } else {
        split_at_colons(pattern)
    };
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Colons in brackets do not split.
fn split_at_colons(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = pattern;
    while let Some(char) = rest.chars().next() {
        let bracketed = if char == '[' { rest.find(']').map(|end| end + 1) } else { None };
        let taken = bracketed.unwrap_or(char.len_utf8());
        if bracketed.is_none() && (char == ':' || char.is_whitespace() || char == '[' || char == ']') {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(&rest[..taken]);
        }
        rest = &rest[taken..];
    }
    parts
}

/// `[0]`, `[-1]`, `[1:3]` (both ends included), `[2:]`.
#[derive(Clone, Copy)]
enum Subscript {
    One(i64),
    Range(usize, Option<usize>),
}

impl Subscript {
    fn apply(self, hosts: &[Arc<str>]) -> Option<Vec<Arc<str>>> {
        match self {
            Self::One(index) => {
                let index = if index < 0 { index + i64::try_from(hosts.len()).ok()? } else { index };
                Some(vec![Arc::clone(hosts.get(usize::try_from(index).ok()?)?)])
            }
            Self::Range(begin, end) => {
                let count = end.map_or(hosts.len(), |end| end.saturating_add(1)).saturating_sub(begin);
                Some(hosts.iter().skip(begin).take(count).cloned().collect())
            }
        }
    }
}

fn split_subscript(part: &str) -> Result<(&str, Option<Subscript>), Diagnostic> {
    let found = part.strip_suffix(']').and_then(|open| open.rsplit_once('['));
    let Some((name, inner)) = found.filter(|(name, _)| !name.is_empty() && !part.starts_with('~')) else {
        return Ok((part, None));
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| {
        text.parse::<i64>().map_err(|_| Diagnostic::error(format!("the number in the pattern `{part}` is too big")))
    };
    let index = |text: &str| number(text).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    if digits(inner.strip_prefix('-').unwrap_or(inner)) {
        return Ok((name, Some(Subscript::One(number(inner)?))));
    }
    match inner.split_once([':', '-']) {
        Some((begin, end)) if digits(begin) && end.is_empty() => {
            Ok((name, Some(Subscript::Range(index(begin)?, None))))
        }
        Some((begin, end)) if digits(begin) && digits(end) => {
            Ok((name, Some(Subscript::Range(index(begin)?, Some(index(end)?)))))
        }
        // Brackets of a glob: `web[abc]`.
        _ => Ok((part, None)),
    }
}

/// A name, a shell glob, or a regular expression after `~`.
enum Matcher<'a> {
    Name(&'a str),
    Regex(Regex),
}

impl<'a> Matcher<'a> {
    fn new(pattern: &'a str) -> Result<Self, Diagnostic> {
        let expression = match pattern.strip_prefix('~') {
            Some(regex) => format!("^(?:{regex})"),
            None if pattern.contains(['*', '?', '[']) => glob_to_regex(pattern),
            None => return Ok(Self::Name(pattern)),
        };
        Regex::new(&expression)
            .map(Self::Regex)
            .map_err(|error| Diagnostic::error(format!("the host pattern `{pattern}` is malformed: {error}")))
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => *wanted == name,
            Self::Regex(regex) => regex.is_match(name).unwrap_or(false),
        }
    }
}

/// As Python's fnmatch: `*`, `?`, `[abc]`, `[!abc]`; a bracket that is not closed is a plain one.
fn glob_to_regex(glob: &str) -> String {
    let mut regex = String::from(r"(?s)\A");
    let mut rest = glob;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                let skip = usize::from(rest.starts_with('!'));
                let first = rest[skip..].chars().next().map_or(0, char::len_utf8);
                match rest.get(skip + first..).and_then(|after| after.find(']')) {
                    Some(end) => {
                        let set = &rest[skip..skip + first + end];
                        regex.push_str(if skip == 1 { "[^" } else { "[" });
                        set.chars().for_each(|member| {
                            if matches!(member, '\\' | '[' | ']' | '^' | '&' | '~') {
                                regex.push('\\');
                            }
                            regex.push(member);
                        });
                        regex.push(']');
                        rest = &rest[skip + first + end + 1..];
                    }
                    None => regex.push_str(r"\["),
                }
            }
            plain => regex.push_str(&fancy_regex::escape(plain.encode_utf8(&mut [0; 4]))),
        }
    }
    regex + r"\z"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Map;

    fn inventory() -> Inventory {
        Inventory::builder()
            .group("web", ["web1", "web2", "web3"])
            .group("db", ["db1", "web3"])
            .group("we-b", ["10.0.0.1"])
            .children("site", ["web", "db"])
            .host("lone", Map::default())
            .host("2001:db8::1", Map::default())
            .build()
            .unwrap()
    }

    /// Expectations were read off `ansible --list-hosts` with the same inventory.
    #[test]
    fn patterns_mean_what_they_mean_to_ansible() {
        let inventory = inventory();
        for (pattern, limit, hosts) in [
            ("web", None, "web1 web2 web3"),
            ("web:db", None, "web1 web2 web3 db1"),
            ("web,db1", None, "web1 web2 web3 db1"),
            ("db:web", None, "db1 web3 web1 web2"),
            ("web:&db", None, "web3"),
            ("!db:web", None, "web1 web2"),
            ("web:!web2", Some("web2:web3"), "web3"),
            ("site[0]", None, "web1"),
            ("site[-1]", None, "db1"),
            ("web[1:2]", None, "web2 web3"),
            ("web[1:]", None, "web2 web3"),
            ("web[5:]", None, ""),
            ("w*", None, "web1 web2 web3 10.0.0.1"),
            ("web[12]x:web?", None, "web1 web2 web3"),
            ("web[!1]", None, "web2 web3"),
            ("~(web|db)\\d", None, "web1 web2 web3 db1"),
            ("~b", None, ""),
            ("10.0.0.*", None, "10.0.0.1"),
            ("2001:db8::1", None, "2001:db8::1"),
            ("localhost", None, "localhost"),
            ("nothing", None, ""),
            ("&db", None, "db1 web3"),
            ("all:!site", None, "lone 2001:db8::1 10.0.0.1"),
            ("*", Some("lone"), "lone"),
        ] {
            let found = inventory.select(pattern, limit).unwrap();
            let found: Vec<&str> = found.iter().map(|host| &**host).collect();
            let mut sorted = found.clone();
            let mut expected: Vec<&str> = hosts.split_whitespace().collect();
            if pattern.starts_with('&') || pattern.contains("all") {
                sorted.sort_unstable();
                expected.sort_unstable();
            }
            assert_eq!(sorted, expected, "{pattern}");
        }
        assert!(inventory.select("web[7]", None).unwrap_err().message.contains("`web` has 3"));
        assert!(inventory.select("~(", None).unwrap_err().message.contains("malformed"));
    }

    #[test]
    fn suggests_what_was_meant() {
        let inventory = inventory();
        inventory.take_warnings();
        inventory.select("sitte", None).unwrap();
        let [warning] = &inventory.take_warnings()[..] else { panic!() };
        assert_eq!(warning.help.as_deref(), Some("did you mean `site`?"));
        assert!(inventory.take_warnings().is_empty());
    }
}
