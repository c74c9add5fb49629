//! From text to nodes.

use super::build::Builder;
use super::relax::{Relaxed, relax};
use super::{Node, NodeKind, explain};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use saphyr_parser::{Event, Parser};
use std::path::Path;
use std::sync::Arc;

/// Reads a file of one document; `None` if it is empty. Keys that are given twice are reported in `warnings`.
///
/// # Errors
/// Points at what is not YAML, at a tag nobody knows, or at a second document.
pub fn load(file: &Arc<SourceFile>, warnings: &mut Vec<Diagnostic>) -> Result<Option<Node>, Diagnostic> {
    let mut documents = load_all(file, warnings)?;
    if let Some(second) = documents.get(1) {
        return Err(Diagnostic::error("the file holds more than one YAML document")
            .at(&second.span)
            .help("remove the `---` before this line, or split the file"));
    }
    Ok(documents.pop().filter(|document| !document.is_null()))
}

/// Reads a file of any number of documents.
///
/// # Errors
/// As [`load`].
pub fn load_all(file: &Arc<SourceFile>, warnings: &mut Vec<Diagnostic>) -> Result<Vec<Node>, Diagnostic> {
    load_text(file, file.text(), warnings)
}

/// Reads one document whose text must not be shown, as it came out of a vault: errors say where, not what.
pub(crate) fn load_hidden(path: &Path, text: &str) -> Result<Option<Node>, Diagnostic> {
    let hidden = SourceFile::new(path, "");
    let wrong = |what: &str, span: Option<&Span>| {
        let error = Diagnostic::error(format!("the decrypted text is {what}"));
        let error = error.help("open it with `ansible-vault edit`; its text is not shown here");
        span.map_or_else(|| error.clone(), |span| error.clone().at(span))
    };
    let documents =
        load_text(&hidden, text, &mut Vec::new()).map_err(|error| wrong("not valid YAML", error.span.as_ref()))?;
    match documents.as_slice() {
        [_, second, ..] => Err(wrong("more than one YAML document", Some(&second.span))),
        documents => Ok(documents.first().filter(|document| !document.is_null()).cloned()),
    }
}

fn load_text(file: &Arc<SourceFile>, text: &str, warnings: &mut Vec<Diagnostic>) -> Result<Vec<Node>, Diagnostic> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // As Ansible: what is JSON is read as JSON, which differs in numbers (`1e3`) and escapes.
    if text.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(text)
    {
        return Ok(vec![from_json(json, &Span::new(file, 1, 1))]);
    }
    let error = match parse(file, text, None, &mut *warnings) {
        Ok(documents) => return Ok(documents),
        Err(Failure::Meaning(error)) => return Err(error),
        Err(Failure::Syntax(error)) => error,
    };
    let relaxed = relax(text).and_then(|relaxed| parse(file, text, Some(&relaxed), warnings).ok());
    relaxed.ok_or(error)
}

/// Why a text was not read.
enum Failure {
    /// It is no YAML.
    Syntax(Diagnostic),
    /// It is YAML, but makes no sense.
    Meaning(Diagnostic),
}

fn parse(
    file: &Arc<SourceFile>,
    text: &str,
    relaxed: Option<&Relaxed>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Node>, Failure> {
    let mut found = Vec::new();
    let mut builder = Builder::new(file, text, &mut found);
    for event in Parser::new_from_str(relaxed.map_or(text, |relaxed| &relaxed.text)) {
        let (event, span) = event.map_err(|error| Failure::Syntax(explain::syntax_error(file, text, &error)))?;
        let (line, column) = (span.start.line(), span.start.col());
        let column = relaxed.map_or(column, |relaxed| relaxed.original_column(line, column));
        let event = match (event, relaxed) {
            (Event::Scalar(text, style, anchor, tag), Some(relaxed)) => {
                Event::Scalar(relaxed.original_text(&text).into_owned().into(), style, anchor, tag)
            }
            (event, _) => event,
        };
        match event {
            Event::StreamEnd => break,
            event => {
                builder.event(event, Span::new(file, as_u32(line), as_u32(column + 1))).map_err(Failure::Meaning)?
            }
        }
    }
    let documents = builder.documents;
    warnings.append(&mut found);
    Ok(documents)
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn from_json(json: serde_json::Value, span: &Span) -> Node {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => NodeKind::Null,
        Json::Bool(value) => NodeKind::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => NodeKind::Int(value),
            None => NodeKind::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => NodeKind::Str(text.into()),
        Json::Array(items) => NodeKind::Seq(Arc::new(items.into_iter().map(|item| from_json(item, span)).collect())),
        Json::Object(fields) => match marked_text(&fields) {
            Some(kind) => kind,
            None => NodeKind::Map(Arc::new(
                fields.into_iter().map(|(key, value)| (text_node(key, span), from_json(value, span))).collect(),
            )),
        },
    };
    Node { kind, span: span.clone() }
}

fn text_node(text: String, span: &Span) -> Node {
    Node { kind: NodeKind::Str(text.into()), span: span.clone() }
}

/// How Ansible writes `!vault` and `!unsafe` in JSON.
fn marked_text(fields: &serde_json::Map<String, serde_json::Value>) -> Option<NodeKind> {
    let text = |name| fields.get(name).and_then(serde_json::Value::as_str);
    match fields.len() {
        1 => text("__ansible_vault")
            .map(|text| NodeKind::Vault(text.into()))
            .or_else(|| text("__ansible_unsafe").map(|text| NodeKind::Unsafe(text.into()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;
    use crate::vars::Decrypt;
    use crate::yaml::Trust;

    struct Rot;

    impl Decrypt for Rot {
        fn decrypt(&self, envelope: &str) -> Result<Vec<u8>, String> {
            Ok(envelope.trim().bytes().rev().collect())
        }
    }

    fn node(text: &str) -> Node {
        load(&SourceFile::new("x.yml", text), &mut Vec::new()).unwrap().unwrap()
    }

    fn value(text: &str) -> Value {
        let vaults: Arc<dyn Decrypt> = Arc::new(Rot);
        node(text).to_value(&vaults, Trust::Trusted)
    }

    fn json(text: &str) -> String {
        value(text).to_json().to_string()
    }

    /// Expectations were read off PyYAML.
    #[test]
    fn reads_the_shapes_of_playbooks() {
        for (text, expected) in [
            ("a: yes\nb: \"yes\"\nc: 0644\nd: '0644'\ne:\n", r#"{"a":true,"b":"yes","c":420,"d":"0644","e":null}"#),
            (
                "- |\n  a\n   b\n\n- >\n  a\n  b\n\n  c\n- |-\n  x\n- >-\n  x\n  y\n",
                r#"["a\n b\n","a b\nc\n","x","x y"]"#,
            ),
            ("b: &x {k: 1, l: 2}\na:\n  l: 3\n  <<: *x\n  m: 4\n", r#"{"b":{"k":1,"l":2},"a":{"k":1,"l":3,"m":4}}"#),
            ("a: {<<: [{x: 1, y: 1}, {y: 2, z: 2}]}\n", r#"{"a":{"y":1,"z":2,"x":1}}"#),
            ("a: {'<<': {x: 1}}\n", r#"{"a":{"<<":{"x":1}}}"#),
            ("1: a\nyes: b\n1.5: c\n~: d\n", r#"{"1":"a","True":"b","1.5":"c","None":"d"}"#),
            (
                "a: !!str 5\nb: !!int '5'\nc: !!null\nd: !!float 3\ne: ! 5\nf: !!bool 'no'\n",
                r#"{"a":"5","b":5,"c":null,"d":3.0,"e":"5","f":false}"#,
            ),
            ("a:\n- 1\n- - 2\n  - 3\n- b: 4\n  c: 5\n", r#"{"a":[1,[2,3],{"b":4,"c":5}]}"#),
            (
                "a: [\n  1, b,\n]\nc: d # e\nf: g#h\ni: http://x:80/y\n",
                r#"{"a":[1,"b"],"c":"d","f":"g#h","i":"http://x:80/y"}"#,
            ),
            ("a: !!binary |\n  aGVs\n  bG8=\n", r#"{"a":"hello"}"#),
            ("a: 2024-01-02\nb: one\n  two\n", r#"{"a":"2024-01-02","b":"one two"}"#),
            ("{\"a\": 1e3, \"b\": \"\\ud83d\\ude00\\/\"}", r#"{"a":1000.0,"b":"😀/"}"#),
            ("\u{feff}---\na: 1\n...\n", r#"{"a":1}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn empty_files_and_several_documents() {
        for text in ["", "---\n", "# only a comment\n", "--- ~\n"] {
            assert_eq!(load(&SourceFile::new("x.yml", text), &mut Vec::new()).unwrap(), None, "{text}");
        }
        let all = load_all(&SourceFile::new("x.yml", "---\na: 1\n---\n- b\n"), &mut Vec::new()).unwrap();
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn knows_places_and_templates() {
        let text = "- name: x\n  msg: \"{{ a }}\"\n  raw: !unsafe '{{ a }}'\n  deep: !unsafe\n    - '{{ b }}'\n  n: !unsafe 5\n";
        let tree = node(text);
        let task = &tree.as_seq().unwrap()[0];
        assert_eq!((task.span.line, task.span.column), (1, 3));
        let message = task.get("msg").unwrap();
        assert_eq!((message.span.line, message.span.column), (2, 8));
        let task = value(text).as_list().unwrap()[0].clone();
        let Some(Value::Template(template)) = task.get("msg") else { panic!("{task:?}") };
        assert_eq!(template.span.as_ref().unwrap().to_string(), "x.yml:2:8");
        assert_eq!(task.get("raw"), Some(&Value::str("{{ a }}")));
        assert_eq!(task.get("deep"), Some(&Value::list([Value::str("{{ b }}")])));
        assert_eq!(task.get("n"), Some(&Value::Int(5)));
    }

    #[test]
    fn vaults_stay_closed_until_used() {
        let Value::Map(map) = value("a: !vault |\n  $ANSIBLE\n  321\n") else { panic!() };
        let Value::Vault(vault) = &map["a"] else { panic!() };
        assert_eq!(vault.envelope(), "$ANSIBLE\n321\n");
        assert_eq!(&*vault.reveal().unwrap(), "123\nELBISNA$");
    }

    #[test]
    fn warns_of_keys_given_twice_but_not_of_merged_ones() {
        let mut warnings = Vec::new();
        let text = "a: 1\nb: &b {x: 1}\na: 2\nc:\n  <<: *b\n  x: 3\n";
        let tree = load(&SourceFile::new("x.yml", text), &mut warnings).unwrap().unwrap();
        assert_eq!(tree.get("a").map(|node| &node.kind), Some(&NodeKind::Int(2)));
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert_eq!(warning.to_string(), "x.yml:3:1: Found duplicate mapping key 'a'; using the last one only");
        assert_eq!(warning.related[0].0.line, 1);
    }
}
