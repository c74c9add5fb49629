//! Expectations were made by Ansible's `to_yaml` and `to_nice_yaml`.

use super::*;
use crate::value::Value;
use serde_json::json;

fn yaml(value: serde_json::Value, options: &Options) -> String {
    to_yaml(&Value::from(value), options)
}

#[test]
fn nice_is_block_style() {
    let value = json!({"b": [1, {"x": "y", "z": []}], "a": {"k": null, "e": {}}, "t": "yes", "n": "0644", "f": 1e20});
    let expected = "a:\n    e: {}\n    k: null\nb:\n- 1\n-   x: y\n    z: []\nf: 1.0e+20\nn: '0644'\nt: 'yes'\n";
    assert_eq!(yaml(value, &Options::nice()), expected);
}

#[test]
fn terse_puts_leaves_in_brackets() {
    let value = json!({"z": [1, "a, b", true], "a": {"k": {"x": "1:30"}}});
    let expected = "a:\n  k: {x: '1:30'}\nz: [1, 'a, b', true]\n";
    assert_eq!(yaml(value.clone(), &Options::default()), expected);
    let unsorted = Options { sort_keys: false, ..Options::default() };
    assert_eq!(yaml(value, &unsorted), "z: [1, 'a, b', true]\na:\n  k: {x: '1:30'}\n");
    assert_eq!(yaml(json!([[1], {"a": 2}]), &Options::default()), "- [1]\n- {a: 2}\n");
}

#[test]
fn quotes_what_would_read_back_differently() {
    for (text, expected) in [
        ("plain text", "plain text\n"),
        ("", "''\n"),
        ("no", "'no'\n"),
        ("2024-01-02", "'2024-01-02'\n"),
        ("2024-01-02 10:20:30 +1", "'2024-01-02 10:20:30 +1'\n"),
        ("99999999999999999999", "'99999999999999999999'\n"),
        ("1e3", "1e3\n"),
        ("<<", "'<<'\n"),
        ("{{ x }}", "'{{ x }}'\n"),
        ("a: b", "'a: b'\n"),
        ("a:b", "a:b\n"),
        ("it's #1", "'it''s #1'\n"),
        ("it's", "it's\n"),
        (" x", "' x'\n"),
        ("a\tb", "\"a\\tb\"\n"),
        ("a\nb\n", "'a\n\n    b\n\n    '\n"),
        ("\u{1b}[0m", "\"\\e[0m\"\n"),
        ("é日", "é日\n"),
        ("😀", "\"\\U0001F600\"\n"),
    ] {
        assert_eq!(yaml(json!(text), &Options::nice()), expected, "{text}");
    }
}

#[test]
fn folds_long_text_unless_told_not_to() {
    let long = json!({"k": "word ".repeat(20).trim()});
    let expected =
        "k: word word word word word word word word word word word word word word word word\n    word word word word\n";
    assert_eq!(yaml(long.clone(), &Options::nice()), expected);
    assert_eq!(yaml(long, &Options { width: None, ..Options::nice() }).lines().count(), 1);
}

#[test]
fn folded_text_keeps_its_lines() {
    let options = Options { default_style: Some(Style::Folded), ..Options::nice() };
    let long = format!("{}x\nb\n  c\n\n  d\ne\n", "word ".repeat(20));
    let expected = "- >\n    word word word word word word word word word word word word word word word word\n    \
                    word word word word x\n\n    b\n      c\n\n      d\n    e\n";
    assert_eq!(yaml(json!([long]), &options), expected);
    assert_eq!(yaml(json!([" lead\ntext\n\n"]), &options), "- >4+\n     lead\n    text\n\n...\n");
    assert_eq!(yaml(json!(["a\nb"]), &options), "- >-\n    a\n\n    b\n");
}

#[test]
fn writes_vaults_as_vaults() {
    struct Closed;
    impl crate::vars::Decrypt for Closed {
        fn decrypt(&self, _: &str) -> Result<Vec<u8>, String> {
            Err("closed".into())
        }
    }
    let vault = crate::vars::VaultText::new("$ANSIBLE_VAULT;1.1;AES256\n3132\n", None, std::sync::Arc::new(Closed));
    let map = Map::from_iter([(Key::from("a"), Value::Vault(std::sync::Arc::new(vault)))]);
    let expected = "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n";
    assert_eq!(to_yaml(&Value::from(map), &Options::default()), expected);
}
