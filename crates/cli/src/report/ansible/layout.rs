//! A result's fields as text, in the form that was asked for.

use super::look::{Look, ResultFormat};
use crate::report::python_json;
use hostler_core::template::Templar;
use hostler_core::value;
use hostler_core::yaml::emit::{Options, to_yaml};
use serde_json::{Map, Value, json};

/// Fields that have a section of their own in the form of `debug`, and those that go with them.
const SECTIONS: [&str; 5] = ["stdout", "stderr", "msg", "module_stdout", "module_stderr"];
const LINES: [(&str, &str); 2] = [("stdout", "stdout_lines"), ("stderr", "stderr_lines")];
/// Columns between the stops that a tab goes to.
const TAB: usize = 8;

/// The fields. `pretty` is whether JSON is indented; YAML always is.
pub fn layout(fields: &Map<String, Value>, look: &Look, pretty: bool) -> String {
    match look.format {
        ResultFormat::Json if pretty => python_json::pretty(&Value::Object(fields.clone())),
        ResultFormat::Json => python_json::line(&Value::Object(fields.clone())),
        ResultFormat::Yaml => {
            let loosely = look.pretty != Some(false);
            let nice = if loosely { Options::nice() } else { plain() };
            let options = Options { text_blocks: true, ..nice };
            let yaml = yaml(fields.clone(), loosely, &options);
            format!("\n{}", indented(&yaml))
        }
        ResultFormat::HeadedYaml => headed(fields),
        ResultFormat::Sections => sections(fields),
    }
}

/// Two columns a level, nothing in brackets.
fn plain() -> Options {
    Options { default_flow_style: Some(false), ..Options::default() }
}

/// Four columns to the right, but for empty lines.
fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

/// `loosely`: rather readable than exact.
fn yaml(mut fields: Map<String, Value>, loosely: bool, options: &Options) -> String {
    if loosely {
        for (text, lines) in LINES {
            if fields.contains_key(text) && fields.contains_key(lines) {
                fields.insert(lines.to_owned(), Value::from("<omitted>"));
            }
        }
        fields.values_mut().for_each(loosen);
    }
    to_yaml(&value::Value::from(Value::Object(fields)), options)
}

fn headed(fields: &Map<String, Value>) -> String {
    if fields.contains_key("censored") {
        let text = "The output has been hidden due to the fact that 'no_log: true' was specified for this result";
        return python_json::line(&json!({"censored": text}));
    }
    let mut fields = fields.clone();
    let mut text = String::new();
    if let Some(changed) = fields.shift_remove("changed") {
        text.push_str(&format!("changed={changed} "));
    }
    if !fields.is_empty() {
        let options = Options { text_blocks: true, width: Some(1000), ..plain() };
        text.push_str(&format!("\n{}", yaml(fields, true, &options)));
    }
    text.replace('\n', "\n  ").trim_end().to_owned()
}

fn sections(fields: &Map<String, Value>) -> String {
    let mut rest = fields.clone();
    let apart: Vec<_> = SECTIONS.iter().filter_map(|name| Some((*name, rest.shift_remove(*name)?))).collect();
    LINES.iter().for_each(|(_, lines)| drop(rest.shift_remove(*lines)));
    let mut text = python_json::pretty(&Value::Object(rest));
    for (name, value) in apart.into_iter().filter(|(_, value)| says_something(value)) {
        let said = Templar::text_of(&value::Value::from(value));
        text.push_str(&format!("\n\n{}:\n\n{said}\n", name.to_uppercase()));
    }
    text
}

/// Whether it is true to Python.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// Texts of several lines without what would keep them from being shown line by line.
fn loosen(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(is_break) => *text = loosened(text),
        Value::Array(items) => items.iter_mut().for_each(loosen),
        Value::Object(fields) => fields.values_mut().for_each(loosen),
        _ => {}
    }
}

fn loosened(text: &str) -> String {
    let mut loose = String::new();
    let mut column = 0;
    for char in text.trim_end().chars() {
        match char {
            _ if is_break(char) => {
                loose.truncate(loose.trim_end_matches(' ').len());
                loose.push(char);
                column = 0;
            }
            '\t' => {
                let stop = TAB - column % TAB;
                loose.push_str(&" ".repeat(stop));
                column += stop;
            }
            '\r' => column = 0,
            '\u{feff}' => column += 1,
            ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                loose.push(char);
                column += 1;
            }
            _ => column += 1,
        }
    }
    loose
}

/// What YAML takes for the end of a line.
fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::loosened;

    #[test]
    fn texts_are_rather_readable_than_exact() {
        assert_eq!(loosened("a\tb  \n\tc\u{1b}[0m \r\n\n"), "a       b\n        c[0m");
    }
}
