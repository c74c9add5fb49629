//! `is version(…)`.

use super::Table;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};
use std::cmp::Ordering;

pub(super) const TABLE: Table = &[("version", version), ("version_compare", version)];

fn version(context: &Context, value: Py, args: Args) -> Result<bool> {
    let [other, operator, strict, kind] = args.bind(["version", "operator", "strict", "version_type"])?;
    let strict = strict.filter(|strict| !matches!(strict, Py::None));
    let kind = kind.filter(|kind| !matches!(kind, Py::None));
    if strict.is_some() && kind.is_some() {
        return Err(Fault::error("Cannot specify both 'strict' and 'version_type'"));
    }
    if !value.truth()? {
        return Err(Fault::error("Input version value cannot be empty"));
    }
    let other = other.filter(|other| other.truth().unwrap_or(true));
    let other = other.ok_or_else(|| Fault::error("Version parameter to compare against cannot be empty"))?;
    let (left, right) = (context.text(&value)?, context.text(&other)?);
    let compare = match kind.as_ref().and_then(Py::as_str) {
        None if strict.map(|strict| strict.truth()).transpose()?.unwrap_or_default() => strict_order,
        None | Some("loose") => loose_order,
        Some("strict") => strict_order,
        Some("semver" | "semantic") => semantic_order,
        Some("pep440") => pep440_order,
        Some(other) => {
            return Err(Fault::error(format!(
                "Invalid version type ({other}). Must be one of 'loose', 'strict', 'semver', 'semantic', 'pep440'"
            )));
        }
    };
    let order = compare(&left, &right).map_err(|error| Fault::error(format!("Version comparison failed: {error}")))?;
    Ok(match operator.as_ref().and_then(Py::as_str).unwrap_or("eq") {
        "==" | "=" | "eq" => order.is_eq(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        "!=" | "<>" | "ne" => order.is_ne(),
        other => {
            return Err(Fault::error(format!(
                "Invalid operator type ({other}). Must be one of ==, =, eq, <, lt, <=, le, >, gt, >=, ge, !=, <>, ne"
            )));
        }
    })
}

/// A part of a loose version.
#[derive(PartialEq, Eq)]
enum Part {
    Number(u64),
    Word(String),
}

/// Digits and letters in turn; dots only separate, other characters count.
fn loose(version: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let class = |c: char| match c {
            '0'..='9' => 0,
            'a'..='z' => 1,
            '.' => 2,
            _ => 3,
        };
        let end = rest.find(|c| class(c) != class(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        match class(first) {
            0 => parts.push(part.parse().map_or_else(|_| Part::Word(part.into()), Part::Number)),
            2 => {}
            _ => parts.push(Part::Word(part.into())),
        }
        rest = after;
    }
    parts
}

fn loose_order(left: &str, right: &str) -> std::result::Result<Ordering, String> {
    let (left, right) = (loose(left), loose(right));
    for (a, b) in left.iter().zip(&right) {
        let order = match (a, b) {
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            (Part::Word(a), Part::Word(b)) => a.cmp(b),
            (Part::Number(_), Part::Word(_)) => {
                return Err("'<' not supported between instances of 'int' and 'str'".into());
            }
            (Part::Word(_), Part::Number(_)) => {
                return Err("'<' not supported between instances of 'str' and 'int'".into());
            }
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

/// `major.minor[.patch]`, and whether it is an alpha or beta.
fn strict(version: &str) -> Option<([u64; 3], (char, u64))> {
    let (numbers, pre) = match version.find(['a', 'b']) {
        Some(at) => {
            let number = version[at + 1..].parse().ok()?;
            (&version[..at], (version[at..].chars().next()?, number))
        }
        None => (version, ('z', 0)),
    };
    let parts: Vec<u64> = numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [major, minor] => Some(([major, minor, 0], pre)),
        [major, minor, patch] => Some(([major, minor, patch], pre)),
        _ => None,
    }
}

fn strict_order(left: &str, right: &str) -> std::result::Result<Ordering, String> {
    let parse = |version: &str| strict(version).ok_or_else(|| format!("invalid version number '{version}'"));
    Ok(parse(left)?.cmp(&parse(right)?))
}

fn semantic_order(left: &str, right: &str) -> std::result::Result<Ordering, String> {
    let parse = |version: &str| {
        let core = version.split('+').next().unwrap_or_default();
        let (numbers, pre) = core.split_once('-').map_or((core, None), |(core, pre)| (core, Some(pre.to_owned())));
        let parts: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        parts
            .filter(|parts| parts.len() == 3)
            .map(|parts| (parts, pre))
            .ok_or_else(|| format!("invalid semantic version '{version}'"))
    };
    let ((left, left_pre), (right, right_pre)) = (parse(left)?, parse(right)?);
    let pre = match (left_pre, right_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => prerelease_order(&left, &right),
    };
    Ok(left.cmp(&right).then(pre))
}

fn prerelease_order(left: &str, right: &str) -> Ordering {
    let (left, right): (Vec<_>, Vec<_>) = (left.split('.').collect(), right.split('.').collect());
    for (a, b) in left.iter().zip(&right) {
        let order = match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

/// Epoch, release without trailing zeros, and where before or after the release it stands.
type Pep440 = (u64, Vec<u64>, (i8, u64), (u8, u64), (u8, u64));

fn pep440(version: &str) -> Option<Pep440> {
    let text = version.trim().to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let text = text.split('+').next().unwrap_or_default();
    let (epoch, text) = text.split_once('!').unwrap_or(("0", text));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (release, mut rest) = text.split_at(end);
    let release = release.trim_end_matches('.');
    let mut release: Vec<u64> = release.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    let (mut pre, mut post, mut dev) = ((3_i8, 0), (0_u8, 0), (1_u8, 0));
    let mut has_pre = false;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(['.', '-', '_']);
        let word_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        let after = after.trim_start_matches(['.', '-', '_']);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let number = after[..digits].parse().unwrap_or(0);
        match word {
            "a" | "alpha" => (pre, has_pre) = ((0, number), true),
            "b" | "beta" => (pre, has_pre) = ((1, number), true),
            "rc" | "c" | "pre" | "preview" => (pre, has_pre) = ((2, number), true),
            "post" | "rev" | "r" => post = (1, number),
            "" if digits > 0 => post = (1, number),
            "dev" => dev = (0, number),
            _ => return None,
        }
        rest = &after[digits..];
    }
    if dev.0 == 0 && !has_pre && post.0 == 0 {
        pre = (-1, 0);
    }
    Some((epoch.parse().ok()?, release, pre, post, dev))
}

fn pep440_order(left: &str, right: &str) -> std::result::Result<Ordering, String> {
    let parse = |version: &str| pep440(version).ok_or_else(|| format!("Invalid version: '{version}'"));
    Ok(parse(left)?.cmp(&parse(right)?))
}
