//! Ansible's commands, against what Ansible's own print for the same lines. `expect.py` beside this file asks it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dropin/cases")
}

/// Runs a line of `commands` in `cases`, with the links in `bin`: what it printed, how it ended and what files it left
/// in `{out}`, without what differs from run to run.
fn run(line: &str, bin: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_str().unwrap();
    let mut words = shlex::split(&line.replace("{out}", place)).unwrap();
    let first = words.iter().position(|word| !word.contains('=')).unwrap();
    let rest = words.split_off(first);
    let cases = cases().canonicalize().unwrap();
    let mut command = Command::new(bin.join(&rest[0]));
    command.env_clear().args(&rest[1..]).current_dir(&cases);
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", bin).env("PAGER", "cat");
    command.env("ANSIBLE_CONFIG", "ansible.cfg").env("ANSIBLE_REMOTE_TMP", bin.join("tmp"));
    let typed = tempfile::NamedTempFile::new().unwrap();
    for word in &words {
        match word.split_once('=').unwrap() {
            ("STDIN", lines) => fs::write(typed.path(), lines.replace("\\n", "\n")).unwrap(),
            (name, value) => drop(command.env(name, value)),
        }
    }
    let output = command.stdin(fs::File::open(typed.path()).unwrap()).output().unwrap();
    let text = |text: &str| settled(text).replace(cases.to_str().unwrap(), "DIR").replace(place, "OUT");
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let code = output.status.code().unwrap();
    let mut all = format!("{}---- stderr\n{}---- exit {code}\n", text(&stdout), text(&stderr));
    for file in files(out.path()) {
        let name = file.strip_prefix(out.path()).unwrap().display();
        all.push_str(&text(&format!("---- file {name}\n{}\n", fs::read_to_string(&file).unwrap())));
    }
    all
}

/// All files below a directory, in the order of their paths.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// As the rules beside this file say.
fn settled(text: &str) -> String {
    let rules = include_str!("settled").lines().filter(|line| !line.starts_with('#'));
    rules.fold(text.to_owned(), |text, rule| {
        let (pattern, replacement) = rule.split_once(" -> ").unwrap();
        let pattern = fancy_regex::Regex::new(&format!("(?m){pattern}")).unwrap();
        pattern.replace_all(&text, fancy_regex::NoExpand(replacement)).into_owned()
    })
}

fn links() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_hostler")).arg("link").arg(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

#[test]
fn prints_what_ansible_prints() {
    let bin = links();
    let mut wrong = String::new();
    let mut seen = 0;
    for line in fs::read_to_string(cases().join("commands")).unwrap().lines() {
        let Some((name, command)) = line.split_once(": ").filter(|_| !line.starts_with('#')) else { continue };
        let expected = fs::read_to_string(cases().join(format!("{name}.expected"))).unwrap();
        let got = run(command, bin.path());
        seen += 1;
        if got != expected {
            let diff = similar::TextDiff::from_lines(&expected, &got);
            let diff = diff.unified_diff().context_radius(2).header("Ansible", "here").to_string();
            writeln!(wrong, "{name}: {command}\n{diff}").unwrap();
        }
    }
    assert!(seen > 20, "only {seen} commands");
    assert!(wrong.is_empty(), "{wrong}");
}

fn code(line: &[&str], bin: &Path) -> (i32, String) {
    let mut command = Command::new(bin.join(line[0]));
    command.args(&line[1..]).current_dir(cases()).stdin(Stdio::null()).env("ANSIBLE_CONFIG", "ansible.cfg");
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), text)
}

/// Codes that wrappers act on, where the words are our own.
#[test]
fn ends_with_ansibles_codes() {
    let bin = links();
    for (line, expected, part) in [
        (&["ansible-playbook", "--nope"][..], 2, "--nope"),
        (&["ansible-playbook"][..], 2, "PLAYBOOK"),
        (&["ansible-playbook", "-i", "hosts", "odd.yml"][..], 4, "taks"),
        (&["ansible-playbook", "--step", "-i", "hosts", "short.yml"][..], 1, "whether to perform the task `changed`"),
        (&["ansible-playbook", "--version"][..], 0, "ansible-playbook [core 2."),
        (&["ansible", "-i", "hosts", "db", "-m", "ping", "--scp-extra-args", "-l 1"][..], 0, "--scp-extra-args has no"),
        (&["ansible-vault", "view", "--vault-id", "a;b@password", "sealed"][..], 5, "not allowed in vault ids"),
        (&["ansible-config", "dump", "-t", "callback"][..], 0, "display_ok_hosts(default) = True"),
        (&["ansible-config", "dump", "--only-changed"][..], 0, "CONFIG_FILE() = "),
        (&["ansible-doc", "-s", "ping"][..], 0, "  ping:\n"),
        (&["ansible-doc", "-s", "ping", "no.such.thing"][..], 0, "  ping:\n"),
    ] {
        let (got, text) = code(line, bin.path());
        assert_eq!(got, expected, "{line:?}: {text}");
        assert!(text.contains(part), "{line:?}: {text}");
    }
}

/// A library that says what it is asked stands for Ansible's.
#[test]
fn documentation_of_what_is_not_built_in_is_ansibles() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("lib/python3.0/site-packages/ansible");
    std::fs::create_dir_all(library.join("cli")).unwrap();
    std::fs::create_dir_all(dir.path().join("bin")).unwrap();
    std::fs::write(library.join("__init__.py"), "").unwrap();
    std::fs::write(library.join("release.py"), "__version__ = '2.19.0'\n").unwrap();
    std::fs::write(library.join("cli/__init__.py"), "").unwrap();
    let told = "import json, sys\ndef main():\n    if '--json' in sys.argv:\n        \
                print(json.dumps({'a.b.c': 'of a collection', 'ansible.builtin.ping': 'not this'}))\n    \
                else:\n        print('asked', *sys.argv)\n    sys.exit(5)\n";
    std::fs::write(library.join("cli/doc.py"), told).unwrap();
    std::os::unix::fs::symlink("/usr/bin/python3", dir.path().join("bin/python3")).unwrap();
    let bin = links();
    let run = |path: &std::path::Path, words: &[&str]| {
        let mut command = Command::new(bin.path().join("ansible-doc"));
        let output = command.args(words).current_dir(cases()).stdin(Stdio::null()).env("PATH", path).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), text)
    };
    let path = dir.path().join("bin");
    let (code, text) = run(&path, &["-t", "filter", "--playbook-dir", "x", "mine"]);
    assert_eq!((code, text.trim()), (5, "asked ansible-doc --type filter --playbook-dir x mine"));
    let (code, text) = run(&path, &["-s", "ping", "a.b.c"]);
    assert_eq!(code, 5);
    assert!(text.contains("  ping:") && text.contains("asked ansible-doc --type module --snippet a.b.c"), "{text}");
    let (code, text) = run(&path, &["-l"]);
    assert_eq!(code, 0);
    assert!(text.contains("of a collection") && !text.contains("not this"), "{text}");
}

/// What programs read: a document at the end, and files by host.
#[test]
fn tells_programs_in_json() {
    let bin = links();
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    let line = ["ansible", "-i", "hosts", "db", "-m", "debug", "-a", "msg=hello", "--tree", tree.to_str().unwrap()];
    assert_eq!(code(&line, bin.path()).0, 0);
    let written = fs::read_to_string(tree.join("db1")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap()["msg"], "hello");

    let mut command = Command::new(bin.path().join("ansible-playbook"));
    command.args(["-i", "hosts", "statistics.yml"]).current_dir(cases()).stdin(Stdio::null());
    command.env("ANSIBLE_SHOW_CUSTOM_STATS", "1");
    let output = command.env("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.json").output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["plays"][0]["play"]["name"], "web");
    assert_eq!(document["plays"][0]["tasks"][0]["hosts"]["web1"]["action"], "set_stats");
    assert_eq!(document["stats"]["web2"]["ok"], 3);
    assert_eq!(document["global_custom_stats"]["count"], 5);
    assert_eq!(document["custom_stats"]["web1"]["own"], "web1");

    let output = command.env("ANSIBLE_STDOUT_CALLBACK", "dense").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("Could not load 'dense' callback plugin."));
}

/// Modules of `--module-path` are found.
#[test]
fn runs_modules_of_the_path_it_is_given() {
    let bin = links();
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("greeting"), "#!/bin/sh\necho '{\"changed\": false, \"msg\": \"from there\"}'\n")
        .unwrap();
    let line = ["ansible", "localhost", "-m", "greeting", "-M", place.path().to_str().unwrap()];
    let (code, text) = code(&line, bin.path());
    assert!(code == 0 && text.contains("from there"), "{text}");
}

/// What was encrypted comes back, and nobody else may read it.
#[test]
fn vaults_go_there_and_back() {
    use std::os::unix::fs::PermissionsExt;
    let bin = links();
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("secret.yml");
    let name = file.to_str().unwrap();
    fs::write(&file, "a: 1\n").unwrap();
    let vault = |action: &[&str]| {
        let (code, text) = code(&[&["ansible-vault"], action].concat(), bin.path());
        assert_eq!(code, 0, "{action:?}: {text}");
        text
    };
    vault(&["encrypt", "--vault-id", "prod@password", name]);
    assert!(fs::read_to_string(&file).unwrap().starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(place.path().join("new"), "another\n").unwrap();
    let new = place.path().join("new");
    let new = new.to_str().unwrap();
    vault(&["rekey", "--vault-password-file", "password", "--new-vault-password-file", new, name]);
    assert_eq!(vault(&["view", "--vault-password-file", new, name]), "a: 1\n");
    let text = vault(&["encrypt_string", "--vault-password-file", "password", "-n", "key", "value"]);
    assert!(text.starts_with("key: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n"), "{text}");
    vault(&["decrypt", "--vault-password-file", new, name]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "a: 1\n");
}
