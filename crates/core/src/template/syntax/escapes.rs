//! Backslashes in string literals, brought to what Ansible makes of them before minijinja reads them.
//!
//! In `{{ }}` of text from YAML, a backslash in a literal is itself: YAML has already had its say. Elsewhere
//! Python's escapes hold, in which `\/` and unknown ones keep their backslash.
//!
//! Signs that change nothing (`[+2.5]`), which minijinja does not read, are left out; every kind of line end is `\n`, as
//! in Jinja.

use std::borrow::Cow;

/// `source` with literals inside `{{ }}` made raw if `raw`; `expression` is text that is all inside.
pub(super) fn prepare(source: &str, expression: bool, raw: bool) -> Cow<'_, str> {
    let source = match source.contains('\r') {
        true => Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(source),
    };
    if !source.contains(['\\', '+']) {
        return source;
    }
    let mut out = String::with_capacity(source.len() + 8);
    let mut rest = &*source;
    if expression {
        code(&mut out, &mut rest, "", raw);
        return Cow::Owned(out);
    }
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with("{#") {
            copy_past(&mut out, &mut rest, "#}");
        } else if rest.starts_with("{{") {
            code(&mut out, &mut rest, "}}", raw);
        } else if rest.starts_with("{%") {
            let word = rest[2..].trim_start_matches(['-', '+']).trim_start();
            if word.starts_with("raw") {
                copy_past(&mut out, &mut rest, "endraw");
            } else {
                code(&mut out, &mut rest, "%}", false);
            }
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `trim_blocks` does not hold for `{% raw %}` in Jinja, as it does in minijinja: a newline is added to be trimmed.
pub(super) fn keep_raw_newlines<'a>(source: Cow<'a, str>, start: &str, end: &str, trim: bool) -> Cow<'a, str> {
    if !trim || !source.contains("endraw") {
        return source;
    }
    let mut out = String::with_capacity(source.len() + 8);
    let mut rest = &*source;
    while let Some(at) = rest.find(start) {
        let body = at + start.len();
        let word = rest[body..].trim_start_matches(['-', '+']).trim_start();
        let close = word.strip_prefix("raw").map(str::trim_start).and_then(|after| after.strip_prefix(end));
        let Some(after) = close else {
            out.push_str(&rest[..body]);
            rest = &rest[body..];
            continue;
        };
        out.push_str(&rest[..rest.len() - after.len()]);
        if after.starts_with('\n') {
            out.push('\n');
        }
        let stop = after.find("endraw").map_or(after.len(), |at| at + "endraw".len());
        out.push_str(&after[..stop]);
        rest = &after[stop..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn copy_past(out: &mut String, rest: &mut &str, end: &str) {
    let stop = rest.find(end).map_or(rest.len(), |at| at + end.len());
    out.push_str(&rest[..stop]);
    *rest = &rest[stop..];
}

/// Copies code up to and with `end` (to the end of the text where it is empty), rewriting literals.
fn code(out: &mut String, rest: &mut &str, end: &str, raw: bool) {
    let mut quote = None;
    let mut chars = rest.char_indices().peekable();
    let mut depth = 0_u32;
    while let Some((at, c)) = chars.next() {
        match quote {
            None if !end.is_empty() && depth == 0 && rest[at..].starts_with(end) => {
                out.push_str(end);
                *rest = &rest[at + end.len()..];
                return;
            }
            None => {
                match c {
                    '\'' | '"' => quote = Some(c),
                    '{' if at > 1 => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                out.push(if c == '+' && is_sign(&rest[..at]) { ' ' } else { c });
            }
            Some(open) if c == open => {
                quote = None;
                out.push(c);
            }
            Some(_) if c == '\\' => {
                let next = chars.next().map(|(_, next)| next);
                let keep = raw || next.is_none_or(|next| !"\\'\"bfnrtuxX01234567\n".contains(next));
                out.push('\\');
                if keep {
                    out.push('\\');
                }
                match next {
                    Some('\\') if raw => out.push_str("\\\\"),
                    Some('\'') if raw && open_quote(quote) == '\'' => out.push_str("\\'"),
                    Some('"') if raw && open_quote(quote) == '"' => out.push_str("\\\""),
                    Some(next) => out.push(next),
                    None => {}
                }
            }
            Some(_) => out.push(c),
        }
    }
    *rest = "";
}

/// Whether a plus after `before` is the sign of a value and not between two. Right behind `{%` it is about blanks.
fn is_sign(before: &str) -> bool {
    if before.ends_with("{%") {
        return false;
    }
    let before = before.trim_end();
    let word = before.rsplit(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or_default();
    match word {
        "" => before.is_empty() || before.ends_with(['(', '[', '{', ',', ':', '=', '<', '>', '~', '*', '%', '/', '|']),
        word => matches!(word, "and" | "or" | "not" | "in" | "is" | "if" | "elif" | "else"),
    }
}

fn open_quote(quote: Option<char>) -> char {
    quote.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn literals_of_yaml_are_raw_inside_braces_only() {
        assert_eq!(
            prepare(r"{{ x | regex_replace('\1\n') }} \1", false, true),
            r"{{ x | regex_replace('\\1\\n') }} \1"
        );
        assert_eq!(prepare(r"{% if x == '\n\/' %}", false, true), r"{% if x == '\n\\/' %}");
        assert_eq!(prepare(r"{# '\1 #}{{ '\d' }}", false, false), r"{# '\1 #}{{ '\\d' }}");
        assert_eq!(
            prepare("{{ [+1, 2 + 3, a+b, 'x'+'y', -1 +2, 5 * +2] }}{%+ if not +x %}", false, true),
            "{{ [ 1, 2 + 3, a+b, 'x'+'y', -1 +2, 5 *  2] }}{%+ if not  x %}"
        );
        assert_eq!(prepare("a\r\nb {{ c }}\r", false, true), "a\nb {{ c }}\n");
        assert_eq!(prepare(r"x == '\d'", true, false), r"x == '\\d'");
        assert_eq!(prepare(r"{{ {'a': {'b': '\.'}} }}", false, true), r"{{ {'a': {'b': '\\.'}} }}");
    }
}
