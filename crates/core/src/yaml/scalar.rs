//! What a plain (unquoted) scalar means: YAML 1.1 as PyYAML's resolver has it, not YAML 1.2.
//!
//! `yes` is true, `0644` is octal, `1:30` is 90, `1e3` is text. Dates stay text.

use std::borrow::Cow;

/// A plain scalar's meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// Nothing, `~`, `null`.
    Null,
    /// `yes`, `true`, `on` and their opposites.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A number with a point.
    Float(f64),
    /// Anything else: the text itself.
    Text,
}

/// Resolves the text of a plain scalar.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Scalar::Bool(false),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return Scalar::Text;
    }
    // A whole number that is too big stays text, which loses nothing.
    match (int(text).flatten(), float(text)) {
        (Some(value), _) => Scalar::Int(value),
        (None, Some(value)) => Scalar::Float(value),
        (None, None) => Scalar::Text,
    }
}

/// Splits a leading sign off.
fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') { text.replace('_', "").into() } else { text.into() }
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(|byte| byte == b'_' || allowed(byte))
}

/// Whether text is a whole number in one of PyYAML's forms, and the number if it fits in 64 bits.
pub(super) fn int(text: &str) -> Option<Option<i64>> {
    let (negative, digits) = sign(text);
    let number = |digits: &str, base: u32| -> Option<i64> {
        let digits = without_underscores(digits);
        let signed = if negative { format!("-{digits}") } else { digits.into_owned() };
        i64::from_str_radix(&signed, base).ok()
    };
    let form = |digits: &str, base: u32| {
        let fits = !digits.is_empty() && all(digits, |byte| char::from(byte).is_digit(base));
        fits.then(|| number(digits, base))
    };
    if let Some(bits) = digits.strip_prefix("0b") {
        return form(bits, 2);
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return form(hex, 16);
    }
    if digits.starts_with('0') {
        return form(digits, 8);
    }
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let Some((head, tail)) = digits.split_once(':') else { return form(digits, 10) };
    if !all(head, |byte| byte.is_ascii_digit()) || !tail.split(':').all(is_sixtieth) {
        return None;
    }
    let parts = std::iter::once(without_underscores(head)).chain(tail.split(':').map(Cow::Borrowed));
    let sum =
        parts.map(|part| part.parse::<i64>().ok()).try_fold(0_i64, |sum, part| sum.checked_mul(60)?.checked_add(part?));
    Some(sum.map(|sum| if negative { -sum } else { sum }))
}

/// `[0-5]?[0-9]`
fn is_sixtieth(part: &str) -> bool {
    match part.as_bytes() {
        [unit] => unit.is_ascii_digit(),
        [ten, unit] => (b'0'..=b'5').contains(ten) && unit.is_ascii_digit(),
        _ => false,
    }
}

/// A number with a point in PyYAML's forms: an exponent needs a point before it and a sign.
pub(super) fn float(text: &str) -> Option<f64> {
    let (negative, digits) = sign(text);
    let signed = |value: f64| if negative { -value } else { value };
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(signed(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if digits.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let (whole, fraction) = digits.split_once('.')?;
    if whole.contains(':') {
        let (head, tail) = whole.split_once(':')?;
        let valid = head.starts_with(|first: char| first.is_ascii_digit())
            && all(head, |byte| byte.is_ascii_digit())
            && tail.split(':').all(is_sixtieth)
            && all(fraction, |byte| byte.is_ascii_digit());
        let seconds = format!("{}.{}0", tail.rsplit(':').next()?, without_underscores(fraction));
        let wholes: Vec<&str> = whole.split(':').collect();
        let minutes = wholes[..wholes.len() - 1]
            .iter()
            .try_fold(0.0, |sum, part| Some(sum * 60.0 + without_underscores(part).parse::<f64>().ok()?))?;
        return if valid { Some(signed(minutes * 60.0 + seconds.parse::<f64>().ok()?)) } else { None };
    }
    let (mantissa, exponent) = match fraction.find(['e', 'E']) {
        Some(at) => (&fraction[..at], Some(&fraction[at + 1..])),
        None => (fraction, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']);
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let whole_fits = if whole.is_empty() {
        digits.len() == text.len() && mantissa.starts_with(|first: char| first.is_ascii_digit())
    } else {
        whole.starts_with(|first: char| first.is_ascii_digit()) && all(whole, |byte| byte.is_ascii_digit())
    };
    if !exponent_fits || !whole_fits || !all(mantissa, |byte| byte.is_ascii_digit()) {
        return None;
    }
    without_underscores(digits).parse::<f64>().ok().map(signed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Scalar::{Bool, Float, Int, Null, Text};

    /// Expectations were read off PyYAML 6.0.3.
    #[test]
    fn resolves_as_pyyaml_does() {
        for (text, expected) in [
            ("", Null),
            ("~", Null),
            ("Null", Null),
            ("nULL", Text),
            ("yes", Bool(true)),
            ("y", Text),
            ("OFF", Bool(false)),
            ("tRUE", Text),
            ("0", Int(0)),
            ("-0", Int(0)),
            ("0644", Int(420)),
            ("-017", Int(-15)),
            ("0o644", Text),
            ("0899", Text),
            ("0b101", Int(5)),
            ("0x1F", Int(31)),
            ("0x", Text),
            ("0XFF", Text),
            ("+12", Int(12)),
            ("1_000", Int(1000)),
            ("1_", Int(1)),
            ("_1", Text),
            ("1:30", Int(90)),
            ("190:20:30", Int(685_230)),
            ("-1:30", Int(-90)),
            ("1:60", Text),
            ("01:30", Text),
            ("0:30", Text),
            ("22:22", Int(1342)),
            ("1.", Float(1.0)),
            (".5", Float(0.5)),
            ("-.5", Text),
            ("+.inf", Float(f64::INFINITY)),
            ("-.INF", Float(f64::NEG_INFINITY)),
            ("-.nan", Text),
            ("1e3", Text),
            ("1.5e3", Text),
            ("1.5e+3", Float(1500.0)),
            ("1.5E-3", Float(0.0015)),
            ("1_0.2_5", Float(10.25)),
            ("01.5", Float(1.5)),
            ("1:30.5", Float(90.5)),
            ("0:30.", Float(30.0)),
            ("1.2.3", Text),
            ("2024-01-02", Text),
            ("1.10", Float(1.1)),
            ("-", Text),
            (".", Text),
            ("=", Text),
            ("12e03", Text),
            ("9223372036854775807", Int(i64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("9223372036854775808", Text),
        ] {
            assert_eq!(resolve(text), expected, "{text}");
        }
        assert!(matches!(resolve(".nan"), Float(value) if value.is_nan()));
    }
}
