//! Runs the template cases: each expression or template with the result that ansible-core gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use hostler_core::diagnostic::SourceFile;
use hostler_core::template::{Condition, FileOptions, Templar, TemplateOptions, Templates};
use hostler_core::value::{Map, Value};
use std::path::Path;
use std::sync::Arc;

fn templar(variables: Map) -> Templar {
    Templar::new(Arc::new(Templates::new(TemplateOptions::default())), Arc::new(variables))
}

fn variables(pairs: &[(&str, Value)]) -> Map {
    pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

#[test]
fn results_keep_their_type() {
    let templar = templar(variables(&[("n", Value::Int(3)), ("lazy", Value::trusted("{{ n + 1 }}", None))]));
    let resolve = |text: &str| templar.resolve(&Value::trusted(text, None)).unwrap();
    assert_eq!(resolve("{{ lazy }}"), Value::Int(4));
    assert_eq!(resolve("{{ 1 }}{{ 2 }}"), Value::str("12"));
    assert_eq!(resolve("{{ [n, lazy] }}"), Value::list([Value::Int(3), Value::Int(4)]));
    assert_eq!(resolve("a {{ [n, 'x'] }}"), Value::str("a [3, 'x']"));
}

#[test]
fn undefined_and_unknown_travel() {
    let templar = templar(variables(&[("later", Value::Unknown("a command's output".into()))]));
    let resolve = |text: &str| templar.resolve(&Value::trusted(text, None));
    assert_eq!(resolve("{{ a.b.c | default('x') }}").unwrap(), Value::str("x"));
    let error = resolve("{{ a.b }}").unwrap_err();
    assert_eq!((error.message.as_str(), error.undefined.as_deref()), ("'a' is undefined", Some("a")));
    assert!(matches!(resolve("{{ later.stdout | first }} x").unwrap(), Value::Unknown(_)));
    let holds = |text: &str| templar.condition(&Value::str(text).into()).unwrap();
    assert_eq!(holds("later is defined"), Condition::True);
    assert!(matches!(holds("later == 1"), Condition::Unknown(_)));
    let rendered = templar.render_file("a {{ later }}\n", Path::new("x.j2"), &FileOptions::default()).unwrap();
    assert_eq!((rendered.text.as_str(), rendered.has_unknown), ("a (known after apply)\n", true));
}

#[test]
fn errors_point_into_the_text() {
    let file = SourceFile::new("site.yml", "- x: |\n    one\n    two {{ nme }}\n");
    let span = hostler_core::diagnostic::Span::new(&file, 1, 6);
    let templar = templar(variables(&[("name", Value::Int(3))]));
    let error = templar.resolve(&Value::trusted("one\ntwo {{ nme }}\n", Some(span))).unwrap_err();
    assert_eq!(error.to_diagnostic().to_string(), "site.yml:3:12: 'nme' is undefined (did you mean `name`?)");
}
