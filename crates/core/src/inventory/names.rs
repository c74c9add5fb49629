//! Names of hosts and groups: ranges, ports, what characters they may have.

use super::load::GroupNames;
use super::model::Inventory;
use crate::diagnostic::Diagnostic;
use std::sync::Arc;

/// The hosts that a host entry of an inventory stands for (`web[01:20:2].example.org:2222`), and their port.
///
/// # Errors
/// In words: what is wrong with the range or the port.
pub(super) fn expand(entry: &str) -> Result<(Vec<String>, Option<u16>), String> {
    let (name, port) = split_port(entry)?;
    if entry.trim_end().ends_with(':') && port.is_none() {
        return Err(format!("the host `{entry}` ends with `:`, which is for ports"));
    }
    Ok((expand_ranges(name)?, port))
}

/// Splits `host:port` and `[host]:port`, if the host is an address or a name; anything else is left whole.
pub(super) fn split_port(entry: &str) -> Result<(&str, Option<u16>), String> {
    let Some((host, port)) = entry.rsplit_once(':') else { return Ok((entry, None)) };
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((entry, None));
    }
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(inner) if !inner.contains('[') && is_host(inner) => inner,
        _ if !has_colon_outside_brackets(host) && is_host(host) => host,
        _ => return Ok((entry, None)),
    };
    match port.parse() {
        Ok(port) => Ok((host, Some(port))),
        Err(_) => Err(format!("the port `{port}` of `{entry}` is not between 0 and 65535")),
    }
}

/// Whether text is one address or name, perhaps with ranges and a port, not several joined by colons.
pub(super) fn is_single_host(text: &str) -> bool {
    is_host(text) || matches!(split_port(text), Ok((_, Some(_))))
}

fn has_colon_outside_brackets(text: &str) -> bool {
    let mut depth = 0_usize;
    text.chars().any(|char| {
        match char {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        char == ':' && depth == 0
    })
}

/// An address or a name; ranges in brackets count as a letter.
fn is_host(text: &str) -> bool {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((range, after)) = after.split_once(']') else { return false };
        if !is_range(range) {
            return false;
        }
        plain.push_str(before);
        plain.push('0');
        rest = after;
    }
    plain.push_str(rest);
    plain.split('.').all(|label| {
        label.starts_with(|first: char| first.is_alphanumeric() || first == '_')
            && label.ends_with(|last: char| last.is_alphanumeric())
            && label.chars().all(|char| char.is_alphanumeric() || char == '_' || char == '-')
    })
}

fn is_range(range: &str) -> bool {
    let parts: Vec<&str> = range.split(':').collect();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let letter = |part: &str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    match parts[..] {
        [begin, end] | [begin, end, _] => {
            ((digits(begin) && digits(end)) || (letter(begin) && letter(end)))
                && parts.get(2).is_none_or(|step| digits(step))
        }
        _ => false,
    }
}

/// More hosts than this from one entry are a slip.
const MOST: usize = 1_000_000;

fn expand_ranges(name: &str) -> Result<Vec<String>, String> {
    let Some((head, after)) = name.split_once('[') else { return Ok(vec![name.to_owned()]) };
    let Some((range, tail)) = after.split_once(']') else {
        return Err(format!("the range in `{name}` has no `]`"));
    };
    let wrong = |what: &str| format!("the range `[{range}]` of `{name}` {what}");
    let (begin, end, step) = match range.split(':').collect::<Vec<_>>()[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err(wrong("must be `[begin:end]` or `[begin:end:step]`")),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err(wrong("has no end"));
    }
    let step: usize = step.parse().ok().filter(|step| *step > 0).ok_or_else(|| wrong("has no usable step"))?;
    let middles: Vec<String> = match (letter(begin), letter(end)) {
        (Some(first), Some(last)) if first <= last => {
            (first..=last).step_by(step).filter_map(letter_at).map(String::from).collect()
        }
        (Some(_), Some(_)) => return Err(wrong("ends before it begins")),
        _ => {
            let number = |text: &str| text.parse::<usize>().map_err(|_| wrong("is neither of numbers nor of letters"));
            let (first, last) = (number(begin)?, number(end)?);
            let width = if begin.len() > 1 && begin.starts_with('0') { begin.len() } else { 0 };
            if width > 0 && width != end.len() {
                return Err(wrong("has a begin and an end of different lengths"));
            }
            if last.saturating_sub(first) / step > MOST {
                return Err(wrong("stands for too many hosts"));
            }
            (first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect()
        }
    };
    let tails = expand_ranges(tail)?;
    if middles.len().saturating_mul(tails.len()) > MOST {
        return Err(wrong("stands for too many hosts"));
    }
    Ok(middles.iter().flat_map(|middle| tails.iter().map(move |tail| format!("{head}{middle}{tail}"))).collect())
}

/// Letters in Python's order: small ones first.
fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [small @ b'a'..=b'z'] => Some(usize::from(small - b'a')),
        [big @ b'A'..=b'Z'] => Some(usize::from(big - b'A') + 26),
        _ => None,
    }
}

fn letter_at(index: usize) -> Option<char> {
    ('a'..='z').chain('A'..='Z').nth(index)
}

impl Inventory {
    /// A group's name as `force_valid_group_names` wants it.
    pub(super) fn safe_group_name(&self, name: &str) -> Arc<str> {
        let starts_badly = name.starts_with(|first: char| first.is_ascii_digit());
        let is_bad = |char: char| !(char.is_ascii_alphanumeric() || char == '_');
        if !starts_badly && !name.contains(is_bad) {
            return name.into();
        }
        let replaced = || {
            let (first, rest) = name.split_at(usize::from(starts_badly));
            Arc::from(first.replace(|_| true, "_") + &rest.replace(is_bad, "_"))
        };
        match self.options.group_names {
            GroupNames::Ignore => name.into(),
            GroupNames::Silently => replaced(),
            GroupNames::Always => {
                let safe: Arc<str> = replaced();
                self.warn(Diagnostic::warning(format!(
                    "the group `{name}` is called `{safe}`: its name is no variable name"
                )));
                safe
            }
            GroupNames::Never => {
                self.warn(
                    Diagnostic::warning(format!("the name of the group `{name}` is no valid variable name"))
                        .help("use letters, digits and underscores, or set `force_valid_group_names`"),
                );
                name.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_ranges_and_ports() {
        for (entry, hosts, port) in [
            ("web", "web", None),
            ("web:2222", "web", Some(2222)),
            ("10.0.0.1:22", "10.0.0.1", Some(22)),
            ("[2001:db8::1]:22", "2001:db8::1", Some(22)),
            ("2001:db8::1", "2001:db8::1", None),
            ("web[1:3]", "web1 web2 web3", None),
            ("web[01:05:2].org:99", "web01.org web03.org web05.org", Some(99)),
            ("db-[a:c]", "db-a db-b db-c", None),
            ("x[a:b][1:2]", "xa1 xa2 xb1 xb2", None),
            ("x[:2]", "x0 x1 x2", None),
            ("n[9:11]", "n9 n10 n11", None),
        ] {
            let (found, found_port) = expand(entry).unwrap();
            assert_eq!((found.join(" ").as_str(), found_port), (hosts, port), "{entry}");
        }
        for (entry, message) in [
            ("web[1:]", "has no end"),
            ("web[01:100]", "different lengths"),
            ("web[c:a]", "ends before"),
            ("web[1:3", "no `]`"),
            ("web[1]", "must be"),
            ("web:", "ends with `:`"),
            ("web:70000", "not between"),
            ("web[0:99999999]", "too many"),
        ] {
            assert!(expand(entry).unwrap_err().contains(message), "{entry}: {:?}", expand(entry));
        }
    }
}
