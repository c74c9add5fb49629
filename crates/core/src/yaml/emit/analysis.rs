//! Which styles a text may be written in so that it reads back as the same text.

use super::super::scalar;

/// What is true of a text.
pub(super) struct Analysis {
    pub multiline: bool,
    pub flow_plain: bool,
    pub block_plain: bool,
    pub single_quoted: bool,
    pub block: bool,
}

pub(super) fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(char: Option<&char>) -> bool {
    char.is_none_or(|char| matches!(char, '\0' | ' ' | '\t') || is_break(*char))
}

/// libyaml escapes everything beyond the basic plane, tabs too.
pub(super) fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && char != '\u{feff}'
}

/// Whether a plain scalar of this text would not be read as text by PyYAML.
pub(super) fn means_something_else(text: &str) -> bool {
    matches!(text, "=" | "<<")
        || scalar::resolve(text) != scalar::Scalar::Text
        || scalar::int(text).is_some()
        || is_timestamp(text)
}

pub(super) fn analyze(text: &[char]) -> Analysis {
    let (mut block_indicators, mut flow_indicators) = (false, false);
    if text.starts_with(&['-', '-', '-']) || text.starts_with(&['.', '.', '.']) {
        (block_indicators, flow_indicators) = (true, true);
    }
    let (mut line_breaks, mut special) = (false, false);
    let (mut break_space, mut space_break) = (false, false);
    for (index, &char) in text.iter().enumerate() {
        let previous = index.checked_sub(1).map(|before| text[before]);
        let before_blank = is_blank(text.get(index + 1));
        let after_blank = is_blank(previous.as_ref());
        match char {
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                if index == 0 =>
            {
                (block_indicators, flow_indicators) = (true, true);
            }
            '?' | ':' if index == 0 => {
                flow_indicators = true;
                block_indicators |= before_blank;
            }
            '-' if index == 0 && before_blank => (block_indicators, flow_indicators) = (true, true),
            ',' | '?' | '[' | ']' | '{' | '}' => flow_indicators = true,
            ':' => {
                flow_indicators = true;
                block_indicators |= before_blank;
            }
            '#' if after_blank => (block_indicators, flow_indicators) = (true, true),
            _ => {}
        }
        line_breaks |= is_break(char);
        special |= !is_printable(char);
        break_space |= char == ' ' && previous.is_some_and(is_break);
        space_break |= is_break(char) && previous == Some(' ');
    }
    let edge = |char: Option<&char>| char.is_some_and(|char| *char == ' ' || is_break(*char));
    let ragged = edge(text.first()) || edge(text.last()) || break_space;
    let quotes_only = space_break || special || line_breaks;
    Analysis {
        multiline: line_breaks,
        flow_plain: !(ragged || quotes_only || flow_indicators || text.is_empty()),
        block_plain: !(ragged || quotes_only || block_indicators),
        single_quoted: !(break_space || space_break || special),
        block: !(text.last() == Some(&' ') || space_break || special || text.is_empty()),
    }
}

/// YAML 1.1's dates and times.
fn is_timestamp(text: &str) -> bool {
    let digits = |part: &str, fewest: usize, most: usize| {
        (fewest..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some(at) = text.find(['T', 't', ' ', '\t']) else {
        let parts: Vec<&str> = text.split('-').collect();
        return matches!(parts[..], [year, month, day]
            if digits(year, 4, 4) && digits(month, 2, 2) && digits(day, 2, 2));
    };
    let (date, time) = text.split_at(at);
    let parts: Vec<&str> = date.split('-').collect();
    let is_date = matches!(parts[..], [year, month, day]
        if digits(year, 4, 4) && digits(month, 1, 2) && digits(day, 1, 2));
    let time = if time.starts_with(['T', 't']) { &time[1..] } else { time.trim_start_matches([' ', '\t']) };
    let end = time.find(|char: char| !char.is_ascii_digit() && char != ':').unwrap_or(time.len());
    let (clock, mut rest) = time.split_at(end);
    let parts: Vec<&str> = clock.split(':').collect();
    let is_clock = matches!(parts[..], [hour, minute, second]
        if digits(hour, 1, 2) && digits(minute, 2, 2) && digits(second, 2, 2));
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
    }
    let zone = rest.trim_start_matches([' ', '\t']);
    let is_zone = match zone.strip_prefix(['+', '-']) {
        Some(offset) => match offset.split_once(':') {
            Some((hours, minutes)) => digits(hours, 1, 2) && digits(minutes, 2, 2),
            None => digits(offset, 1, 2),
        },
        None => zone == "Z" || rest.is_empty(),
    };
    is_date && is_clock && is_zone
}
