//! Order of Debian versions: `epoch:upstream-revision`, as deb-version(7) has it.

use std::cmp::Ordering;

/// Which of two versions is newer.
pub fn compare(one: &str, other: &str) -> Ordering {
    let ((epoch, upstream, revision), (other_epoch, other_upstream, other_revision)) = (split(one), split(other));
    epoch
        .cmp(&other_epoch)
        .then_with(|| part(upstream.as_bytes(), other_upstream.as_bytes()))
        .then_with(|| part(revision.as_bytes(), other_revision.as_bytes()))
}

fn split(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Stretches of other characters and of digits are compared in turn.
fn part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let text = |bytes: &[u8]| bytes.iter().position(u8::is_ascii_digit).unwrap_or(bytes.len());
        let ((left, rest), (right, other_rest)) = (one.split_at(text(one)), other.split_at(text(other)));
        let length = left.len().max(right.len());
        let letters = |bytes: &[u8]| (0..length).map(|index| weight(bytes.get(index))).collect::<Vec<_>>();
        let order = letters(left).cmp(&letters(right));
        if order.is_ne() {
            return order;
        }
        let ((left, rest), (right, other_rest)) = (number(rest), number(other_rest));
        let order = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

/// The digits that `bytes` begin with, without leading zeros, and what follows.
fn number(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let (digits, rest) = bytes.split_at(end);
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(end);
    (&digits[start..], rest)
}

/// `~` sorts before the end, letters before everything else.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_dpkg_does() {
        let ascending = ["1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0.1-1", "1.0a-1", "1.2-1", "1.10-1", "1.10-1.1", "1:0.1"];
        for pair in ascending.windows(2) {
            let expected = if pair == ["1.0.1-1", "1.0a-1"] { Ordering::Greater } else { Ordering::Less };
            assert_eq!(compare(pair[0], pair[1]), expected, "{pair:?}");
        }
        assert_eq!(compare("1.00-1", "1.0-01"), Ordering::Equal);
        assert_eq!(compare("2.0", "2.0-0"), Ordering::Equal);
    }
}
