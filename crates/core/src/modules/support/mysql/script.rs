//! SQL scripts, taken apart into statements as the `mysql` client does: quotes, comments, `DELIMITER`.

/// The statements of `script`, without their delimiters.
pub fn statements(script: &str) -> Vec<String> {
    let (mut found, mut current, mut delimiter) = (Vec::new(), String::new(), ";".to_owned());
    let mut rest = script;
    while !rest.is_empty() {
        if current.trim().is_empty()
            && let Some((line, after)) = command(rest)
        {
            current.clear();
            delimiter = line.to_owned();
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix(delimiter.as_str()) {
            push(&mut found, &mut current);
            rest = after;
            continue;
        }
        let (kept, length) = piece(rest);
        if kept {
            current.push_str(&rest[..length]);
        } else {
            current.push(' ');
        }
        rest = &rest[length..];
    }
    push(&mut found, &mut current);
    found
}

fn push(found: &mut Vec<String>, current: &mut String) {
    let statement = current.trim();
    if !statement.is_empty() {
        found.push(statement.to_owned());
    }
    current.clear();
}

/// The new delimiter and what follows its line, where the client's command begins.
fn command(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let word = text.get(..9).filter(|word| word.eq_ignore_ascii_case("delimiter"))?;
    let after = &text[word.len()..];
    if !after.starts_with([' ', '\t']) {
        return None;
    }
    let (line, rest) = after.split_once('\n').unwrap_or((after, ""));
    Some((line.trim(), rest)).filter(|(line, _)| !line.is_empty())
}

/// How long the next indivisible piece is, and whether it is more than a comment.
fn piece(text: &str) -> (bool, usize) {
    let line = || text.find('\n').unwrap_or(text.len());
    let first = text.chars().next().unwrap_or(' ');
    match first {
        '\'' | '"' | '`' => (true, quoted(text, first)),
        '#' => (false, line()),
        '-' if text.starts_with("--") && text[2..].chars().next().is_none_or(char::is_whitespace) => (false, line()),
        '/' if text.starts_with("/*") => {
            let length = text[2..].find("*/").map_or(text.len(), |at| at + 4);
            // Those with ! and + say something to the server.
            (matches!(text.as_bytes().get(2), Some(b'!' | b'+')), length)
        }
        other => (true, other.len_utf8()),
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            // A doubled quote reads as the end and another beginning, which is as good.
            _ if char == quote => return at + char.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// `statements` less those for other databases than `database`, as `mysql --one-database` has it.
pub fn only_for(statements: Vec<String>, database: &str) -> Vec<String> {
    let mut ours = true;
    let keep = |statement: &String| {
        let mut words = statement.split_whitespace();
        if words.next().is_some_and(|word| word.eq_ignore_ascii_case("use")) {
            ours = words.next().is_some_and(|name| name.trim_matches('`') == database);
        }
        ours
    };
    statements.into_iter().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_scripts_apart() {
        let script = "-- first; no\nCREATE TABLE a (x TEXT); # second;\nINSERT INTO a VALUES ('a;''b\\';', \"c;\"), ('é');\n\
            /* no; */ /*!40101 SET NAMES utf8 */;\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\ndelimiter ;\nSELECT 1--1";
        assert_eq!(
            statements(script),
            [
                "CREATE TABLE a (x TEXT)",
                "INSERT INTO a VALUES ('a;''b\\';', \"c;\"), ('é')",
                "/*!40101 SET NAMES utf8 */",
                "CREATE PROCEDURE p() BEGIN SELECT 1; END",
                "SELECT 1--1",
            ]
        );
    }

    #[test]
    fn leaves_other_databases_out() {
        let all = statements("A; USE `other`; B; use mine; C");
        assert_eq!(only_for(all, "mine"), ["A", "use mine", "C"]);
    }
}
