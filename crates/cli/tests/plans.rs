//! Saved plans: what they say is done, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const INVENTORY: &str = "\
[web]
a ansible_connection=local root='{{ playbook_dir }}/a'
b ansible_connection=local root='{{ playbook_dir }}/b'
";

const PLAYBOOK: &str = "
- hosts: web
  gather_facts: false
  tasks:
    - file: {path: '{{ root }}', state: directory}
    - copy: {dest: '{{ root }}/conf', content: \"x=1\\n\"}
      notify: again
    - lineinfile: {path: '{{ root }}/lines', line: '{{ item }}', create: true}
      loop: [y=2, x=1]
    - command: wc -l {{ root }}/conf
      register: counted
      changed_when: false
    - copy: {dest: '{{ root }}/count', content: '{{ counted.stdout.split()[0] }}'}
    - copy: {dest: '{{ root }}/secret', content: '{{ password }}'}
      no_log: true
  handlers:
    - name: again
      command: touch {{ root }}/handled
";

fn hostler(dir: &Path, arguments: &[&str]) -> Output {
    with_password(dir, "hunter2hunter2", arguments)
}

fn with_password(dir: &Path, password: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command.args(arguments).args(["-e", &format!("password={password}")]).current_dir(dir).env("HOME", dir);
    command.env("HOSTLER_STATE", dir.join("state")).env_remove("ANSIBLE_CONFIG").output().unwrap()
}

fn plan(dir: &Path) -> Output {
    hostler(dir, &["plan", "-i", "hosts", "site.yml", "--out", "the.plan"])
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hosts"), INVENTORY).unwrap();
    fs::write(dir.path().join("site.yml"), PLAYBOOK).unwrap();
    dir
}

#[test]
fn a_host_that_moved_on_is_refused_and_the_others_are_done() {
    let dir = directory();
    let dir = dir.path();
    let planned = plan(dir);
    assert_eq!(planned.status.code(), Some(2), "{}", text(&planned));
    assert!(!dir.join("a").exists(), "planning wrote something");

    fs::create_dir(dir.join("b")).unwrap();
    fs::write(dir.join("b/conf"), "by hand\n").unwrap();
    let applied = hostler(dir, &["apply", "the.plan"]);
    assert_eq!(applied.status.code(), Some(2), "{}", text(&applied));
    assert!(text(&applied).contains("b is not as it was when the plan was made"), "{}", text(&applied));
    assert!(text(&applied).contains("/b, task `file` at site.yml:5:7"), "{}", text(&applied));
    assert_eq!(fs::read_to_string(dir.join("b/conf")).unwrap(), "by hand\n");
    assert_eq!(fs::read_to_string(dir.join("a/lines")).unwrap(), "y=2\nx=1\n");
    assert_eq!(fs::read_to_string(dir.join("a/count")).unwrap(), "1", "decided at apply");
    assert!(dir.join("a/handled").exists());

    let again = hostler(dir, &["plan", "-i", "hosts", "site.yml", "--limit", "a"]);
    assert!(text(&again).trim_end().ends_with("a  ? 1 decide"), "{}", text(&again));
}

#[test]
fn a_plan_holds_no_secret_and_no_change_by_hand() {
    let dir = directory();
    let dir = dir.path();
    plan(dir);
    let saved = fs::read_to_string(dir.join("the.plan")).unwrap();
    assert!(!saved.contains("hunter2"), "{saved}");

    let told = with_password(dir, "another", &["apply", "the.plan"]);
    assert!(
        text(&told).contains("a is not as it was when the plan was made: task `copy` at site.yml:14:7"),
        "{}",
        text(&told)
    );
    assert!(!dir.join("a").exists());

    fs::write(dir.join("site.yml"), PLAYBOOK.replace("x=1", "x=7")).unwrap();
    let other = hostler(dir, &["apply", "the.plan"]);
    assert_eq!(other.status.code(), Some(1), "{}", text(&other));
    assert!(text(&other).contains("site.yml has changed since the plan was made"), "{}", text(&other));

    fs::write(dir.join("the.plan"), saved.replace("x=1", "x=7")).unwrap();
    let tampered = hostler(dir, &["apply", "the.plan"]);
    assert_eq!(tampered.status.code(), Some(1), "{}", text(&tampered));
    assert!(text(&tampered).contains("was changed after it was made"), "{}", text(&tampered));
    assert!(!dir.join("a").exists());
}

/// Plans a playbook on `a` of [`INVENTORY`], and applies what was planned.
fn planned_and_applied(tasks: &str) -> (tempfile::TempDir, Output, Output) {
    let dir = directory();
    fs::write(dir.path().join("site.yml"), format!("- hosts: a\n  gather_facts: false\n  tasks:\n{tasks}")).unwrap();
    let planned = plan(dir.path());
    let applied = hostler(dir.path(), &["apply", "the.plan"]);
    (dir, planned, applied)
}

#[test]
fn what_a_task_only_checks_is_not_taken_as_done() {
    let (dir, planned, applied) = planned_and_applied(
        "
    - copy: {dest: '{{ root }}-only-checked', content: x}
      check_mode: true
      register: would
    - stat: {path: '{{ root }}-only-checked'}
      register: found
    - copy: {dest: '{{ root }}-done', content: '{{ would is changed }} {{ found.stat.exists }}'}
",
    );
    let told = text(&planned);
    assert!(told.contains("a  + 1 create\n") && !told.contains("only-checked"), "{told}");
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied));
    assert!(!dir.path().join("a-only-checked").exists());
    assert_eq!(fs::read_to_string(dir.path().join("a-done")).unwrap(), "True False");
    let again = plan(dir.path());
    assert_eq!(again.status.code(), Some(0), "nothing is left to do: {}", text(&again));
}

#[test]
fn a_failure_that_the_playbook_counts_with_is_left_open() {
    let (dir, planned, applied) = planned_and_applied(
        "
    - copy: {dest: '{{ root }}-checked', content: 'if', validate: sh -n %s}
      register: refused
      ignore_errors: true
    - assert: {that: refused is failed}
    - wait_for: {path: '{{ root }}-never', timeout: 0}
      register: in_vain
      ignore_errors: true
    - assert: {that: in_vain is failed}
",
    );
    assert!(text(&planned).contains("a  ? 1 decide\n"), "{}", text(&planned));
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied));
    assert!(!dir.path().join("a-checked").exists());
}
