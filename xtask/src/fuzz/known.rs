//! Differences that are on purpose or of no use to anybody, as `docs/differences.md` tells them.
//!
//! Each looks at the answers as closely as it can: what is explained here is looked at by nobody.

use super::oracle::Answer;

/// Why these differ, if that is known.
pub fn reason(expression: &str, wanted: &Answer, got: &Answer) -> Option<&'static str> {
    match (wanted, got) {
        (Answer::Ok(wanted), Answer::Ok(got)) => values(expression, wanted, got),
        (Answer::Error(wanted), Answer::Ok(_)) => fails_there(expression, wanted),
        (Answer::Ok(wanted), Answer::Error(got)) => fails_here(expression, wanted, got),
        (Answer::Error(_), Answer::Error(_)) => None,
    }
}

/// Whether one of `words` is in the expression.
fn uses(expression: &str, words: &[&str]) -> bool {
    words.iter().any(|word| expression.contains(word))
}

/// Whether text of a type of its own is about, as Jinja's filters for HTML give it.
fn escapes(expression: &str) -> bool {
    uses(expression, &["| e)", "| escape)", "| forceescape)", "| tojson)"])
}

fn values(expression: &str, wanted: &str, got: &str) -> Option<&'static str> {
    if got == longs_as_text(wanted) {
        return Some("whole numbers beyond 64 bits leave a template as text");
    }
    if uses(expression, &["to_yaml", "to_nice_yaml"]) && wanted.replace("', '", "").contains("&id001") {
        return Some("YAML has no anchors here: equal values are written out each time");
    }
    let numbers = wanted.parse::<u32>().is_ok() && got.parse::<u32>().is_ok();
    if uses(expression, &["to_yaml", "to_nice_yaml"]) && uses(expression, &["subelements("]) && numbers {
        return Some("YAML has no anchors here: equal values are written out each time");
    }
    if escapes(expression) && unescaped(wanted) == unescaped(got) {
        return Some("escaped text is plain text here, which is escaped again");
    }
    let no_address = ["'not an ip'", "''", "'300.1.1.1'", "s | ansible.utils.network_in_", "(s)"];
    if uses(expression, &["network_in_"]) && uses(expression, &no_address) {
        return Some("whether a network holds what is no address is no here");
    }
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_hexdigit() || ".:".contains(c), "");
    if uses(expression, &["cidr_merge('span')"]) && shape(wanted) == shape(got) {
        return Some("cidr_merge('span') is the smallest network that holds all");
    }
    if uses(expression, &["strftime("]) && uses(expression, &["urlencode", "%"]) {
        return Some("strftime has the codes of Python, without glibc's flags and widths");
    }
    if uses(expression, &["pprint"]) && unbroken(wanted) == unbroken(got) {
        return Some("pprint writes one line, and escaped text is plain text");
    }
    (wanted == "None" && got == "[]" && uses(expression, &["json_query('["]))
        .then_some("json_query takes tuples for lists here")
}

/// Ansible has an error, Hostler none.
fn fails_there(expression: &str, wanted: &str) -> Option<&'static str> {
    let sets = ["union(", "intersect(", "difference(", "unique", "subset(", "superset("];
    if wanted.starts_with("('cannot represent an object', (") && uses(expression, &["groupby("]) {
        return Some("groups of groupby can be written as YAML here");
    }
    if wanted.contains("Markup(") || wanted == "a string or stream input is required" && escapes(expression) {
        return Some("escaped text is plain text here, no type of its own that YAML refuses");
    }
    if uses(expression, &sets) && (wanted.starts_with("unhashable type") || wanted.starts_with("can only concatenate"))
    {
        return Some("what is about sets takes items of any type here, not only hashable ones");
    }
    if uses(expression, &["| tojson"]) && wanted.starts_with("'<' not supported between instances of") {
        return Some("tojson sorts keys of any types here");
    }
    if wanted.starts_with("Type 'range' is unsupported") {
        return Some("a range leaves a template as a list here");
    }
    (wanted.contains("'NoneType'") && uses(expression, &["json_query('["]))
        .then_some("json_query takes tuples for lists here")
}

/// Hostler has an error, Ansible none.
fn fails_here(expression: &str, wanted: &str, got: &str) -> Option<&'static str> {
    if got.contains("the number is too large") {
        return Some("no number has more than a million bits here");
    }
    (wanted == "None" && uses(expression, &["json_query('b')"]) && !got.contains("json_query"))
        .then_some("json_query looks at all of what it gets: errors in a part that is not asked for are told")
}

/// What `pprint` writes without lines, quotes, brackets, commas, and its name for escaped text.
fn unbroken(text: &str) -> String {
    text.replace("\\n", "").replace("Markup", "").replace(['\'', '"', '\\', '(', ')', ',', ' '], "")
}

/// A `repr` in which whole numbers beyond 64 bits are texts.
fn longs_as_text(repr: &str) -> String {
    let mut out = String::new();
    for part in repr.split_inclusive(['[', ']', '(', ')', ',', ' ', '{', '}', ':']) {
        let number = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let digits = number.strip_prefix('-').unwrap_or(number);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole && number.parse::<i64>().is_err() {
            out += &format!("'{number}'{}", &part[number.len()..]);
        } else {
            out += part;
        }
    }
    out
}

/// What is left of escaped text without entities, the quotes around it, and its type's name.
fn unescaped(text: &str) -> String {
    let mut text = text.replace("&amp;", "&");
    for (entity, letter) in [("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", "\"")] {
        text = text.replace(entity, letter);
    }
    text.replace("Markup", "").replace("markup", "").replace(['\'', '"', '\\', '(', ')'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_narrow() {
        assert_eq!(longs_as_text("[1, -18446744073709551616, 'a 1']"), "[1, '-18446744073709551616', 'a 1']");
        assert_eq!(longs_as_text("9223372036854775807"), "9223372036854775807");
        let ok = |text: &str| Answer::Ok(text.into());
        assert!(reason("(s | e) + '<'", &ok("'a&lt;'"), &ok("'a<'")).is_some());
        assert!(reason("(s | e) + '<'", &ok("'a&lt;'"), &ok("'b<'")).is_none());
        assert!(reason("s | upper", &ok("'a'"), &ok("'b'")).is_none());
    }
}
