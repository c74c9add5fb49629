//! `inventory` and `doc`.

use super::Place;
use serde_json::{Value, json};

#[test]
fn inventories_are_listed() {
    let place = Place::new();
    let list: Value = serde_json::from_str(&place.run(&["inventory", "--list"]).expect(0).stdout).unwrap();
    assert_eq!(list["web"]["hosts"], json!(["h1", "h2"]));
    assert_eq!(list["_meta"]["hostvars"]["h1"], json!({"ansible_connection": "local"}));
    let host: Value = serde_json::from_str(&place.run(&["inventory", "--host", "h2"]).expect(0).stdout).unwrap();
    assert_eq!(host, json!({"ansible_connection": "local"}));
    let graph = place.run(&["inventory", "-i", "hosts", "--graph", "web"]).expect(0).stdout;
    assert_eq!(graph, "@web:\n  |--h1\n  |--h2\n");
    place.run(&["inventory", "--list", "--yaml"]).expect(0).says("h1:\n          ansible_connection: local");
    place.run(&["inventory", "--host", "h9"]).expect(1).says("h9");
    place.run(&["inventory", "--graph", "wbe"]).expect(1).says("did you mean `web`?");
    place.run(&["inventory"]).expect(5);
}

#[test]
fn modules_are_documented() {
    let place = Place::new();
    let page = place.run(&["doc", "file"]).expect(0);
    page.says("ansible.builtin.file");
    page.says("- path (text; required; also dest, name): Path to manage.");
    place.run(&["doc", "--list"]).expect(0).says("ansible.builtin.ping");
    place.run(&["doc", "fiel"]).expect(1).says("did you mean `file`?");
}
