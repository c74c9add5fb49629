//! Numbers as Python writes and reads them.

use super::long;
use super::value::Py;

/// `repr` of a float: shortest, with an exponent where Python uses one.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let exponent = format!("{value:e}");
    let (mantissa, power) = exponent.split_once('e').unwrap_or((&exponent, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    if value != 0.0 && !(-4..16).contains(&power) {
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", power.abs());
    }
    format!("{value:?}")
}

/// The same where more than 64 bits make no sense.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    parse_whole(text, base)?.as_int()
}

/// `int(text, base)`: blanks around it, a sign, underscores, prefixes.
pub(crate) fn parse_whole(text: &str, base: u32) -> Option<Py> {
    let text = text.trim().replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match (base, prefix.as_deref()) {
        (0 | 16, Some("0x")) => (16, &digits[2..]),
        (0 | 8, Some("0o")) => (8, &digits[2..]),
        (0 | 2, Some("0b")) => (2, &digits[2..]),
        (0, _) => (10, digits),
        (base, _) => (base, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    long::parse(&format!("{sign}{digits}"), base)
}

/// Python's `round`: halves go to the even neighbour, judged on the exact decimal value.
pub(crate) fn round_half_even(value: f64, digits: i64) -> f64 {
    if (0..=17).contains(&digits) {
        // Formatting rounds the exact value, as Python does.
        return format!("{value:.*}", digits as usize).parse().unwrap_or(value);
    }
    let factor = 10_f64.powi(digits.unsigned_abs().min(300) as i32);
    if digits < 0 { (value / factor).round_ties_even() * factor } else { value }
}
