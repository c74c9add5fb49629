//! Differences that are on purpose or of no use to anybody, as `docs/differences.md` tells them.

use super::oracle::Answer;

/// Why these differ, if that is known.
pub fn reason(expression: &str, wanted: &Answer, got: &Answer) -> Option<&'static str> {
    match (wanted, got) {
        (Answer::Ok(_), Answer::Ok(_)) if expression.contains("json_query('*')") => {
            Some("json_query gives an object's values in the order of their keys")
        }
        (Answer::Ok(_), Answer::Ok(_)) if expression.contains("tojson") || expression.contains("escape") => {
            Some("escaped text is plain text here, which is escaped again")
        }
        (Answer::Ok(_), Answer::Ok(_)) if expression.contains("network_in_") || expression.contains("cidr_merge") => {
            Some("network filters say no of what is no address and give the smallest network that holds all")
        }
        (Answer::Ok(_), Answer::Ok(_)) if expression.contains("strftime") => {
            Some("strftime has the codes of Python, without glibc's flags and widths")
        }
        (Answer::Ok(_), Answer::Ok(_)) if expression.contains("pprint") => {
            Some("pprint writes one line, and escaped text is plain text")
        }
        (Answer::Ok(wanted), Answer::Ok(_)) if wanted.contains("&id001") => {
            Some("YAML has no anchors here: equal values are written out each time")
        }
        (Answer::Ok(wanted), Answer::Ok(got)) if *got == format!("'{wanted}'") && wanted.parse::<i128>().is_ok() => {
            Some("whole numbers beyond 64 bits leave a template as text")
        }
        (Answer::Ok(_), Answer::Error(got)) if got.contains("the number is too large") => {
            Some("no number has more than a million bits here")
        }
        (Answer::Error(wanted), Answer::Ok(_)) if wanted.contains("Markup(") => {
            Some("escaped text is plain text here, no type of its own that YAML refuses")
        }
        (Answer::Error(wanted), Answer::Ok(_))
            if wanted.starts_with("unhashable type") || wanted.contains("not \"_AnsibleLazyAccessTuple\"") =>
        {
            Some("filters on sets take items of any type here, not only hashable ones")
        }
        (Answer::Error(wanted), Answer::Ok(_)) if wanted.starts_with("Type 'range' is unsupported") => {
            Some("a range leaves a template as a list here")
        }
        _ => None,
    }
}
