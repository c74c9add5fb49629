//! What hosts remember of earlier runs: drift, orphans, owed handlers, and where a run stopped.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const INVENTORY: &str = "\
[web]
a ansible_connection=local root='{{ playbook_dir }}/a'
";

const PLAYBOOK: &str = "
- hosts: web
  gather_facts: false
  tasks:
    - name: place
      file: {path: '{{ root }}', state: directory}
    - name: conf
      copy: {dest: '{{ root }}/conf', content: \"x=1\\n\", mode: '0644'}
    - name: secret
      copy: {dest: '{{ root }}/secret', content: '{{ password }}'}
      no_log: true
";

/// To be appended to the playbook.
const MORE: &str = "
    - name: directory
      file: {path: '{{ root }}/d', state: directory}
    - name: files
      copy: {dest: '{{ root }}/d/{{ item }}', content: \"x=1\\n\"}
      loop: [one, two]
    - name: line
      lineinfile: {path: '{{ root }}/conf2', line: '{{ item }}', create: true}
      loop: [one, two]
    - name: sometimes
      file: {path: '{{ root }}/sometimes', state: directory}
      when: sometimes is defined
";

struct Dir(tempfile::TempDir);

impl Dir {
    fn new(playbook: &str) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        fs::write(dir.path("hosts"), INVENTORY).unwrap();
        dir.playbook(playbook);
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn playbook(&self, text: &str) {
        fs::write(self.path("site.yml"), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn ledger(&self) -> String {
        self.text("state/ledger")
    }

    /// Runs `hostler` and gives its exit code and all it said.
    fn run(&self, line: &str) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
        command.args(line.split(' ')).current_dir(self.0.path()).env("HOME", self.0.path());
        if !line.starts_with("drift") && !line.starts_with("history") {
            command.args(["-e", "password=hunter2hunter2"]);
        }
        command.env("HOSTLER_STATE", self.path("state")).env_remove("ANSIBLE_CONFIG");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        (status.code().unwrap(), said)
    }

    fn expect(&self, line: &str, code: i32) -> String {
        let (found, said) = self.run(line);
        assert_eq!(found, code, "{line}: {said}");
        said
    }
}

fn times(path: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let meta = fs::symlink_metadata(path).unwrap();
    let mut all = vec![(path.to_owned(), meta.modified().unwrap())];
    if meta.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names.iter().filter(|path| !path.ends_with(".cache")).for_each(|path| all.extend(times(path)));
    }
    all
}

#[test]
fn drift_is_named_with_its_place() {
    let dir = Dir::new(PLAYBOOK);
    dir.expect("plan -i hosts site.yml", 2);
    assert!(!dir.path("state").exists(), "planning wrote a ledger");
    dir.expect("apply -i hosts site.yml", 0);
    let ledger = dir.ledger();
    assert!(!ledger.contains("hunter2"), "{ledger}");
    dir.expect("apply -i hosts site.yml", 0);
    assert_eq!(dir.ledger(), ledger, "nothing changed, so nothing is written");
    assert!(dir.expect("drift -i hosts", 0).contains("Everything is as it was applied"));

    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir.path("a/conf"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(dir.path("a/secret"), "by hand").unwrap();
    let before = times(dir.0.path());
    let said = dir.expect("drift -i hosts site.yml", 2);
    assert!(said.contains("/a/conf, applied ") && said.contains("by `conf` at site.yml:7"), "{said}");
    assert!(said.contains("mode: 0600 (applied: 0644)"), "{said}");
    assert!(said.contains("(hidden: no_log)") && said.contains("its content is another"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("/a/secret"), "{said}");
    let said = dir.expect("plan -i hosts site.yml", 2);
    assert_eq!(said.matches("drifted: ").count(), 2, "{said}");
    for format in ["markdown", "html", "json"] {
        let said = dir.expect(&format!("plan -i hosts site.yml --output {format}"), 2);
        assert!(said.contains("drifted") && said.contains("/a/conf, applied "), "{format}: {said}");
    }
    assert_eq!(times(dir.0.path()), before, "looking wrote something");

    // What the playbook wants otherwise has not drifted.
    dir.playbook(&PLAYBOOK.replace("x=1", "x=2"));
    let said = dir.expect("plan -i hosts site.yml", 2);
    assert!(!said.contains("/a/conf, applied"), "{said}");
    assert!(dir.expect("drift -i hosts other.yml", 0).contains("Everything"), "another playbook manages nothing here");

    fs::remove_file(dir.path("a/conf")).unwrap();
    fs::remove_dir_all(dir.path("a")).unwrap();
    let said = dir.expect("drift -i hosts", 2);
    assert!(said.contains("it is gone") || said.contains("state: absent"), "{said}");
    let said = dir.expect("history a -i hosts", 0);
    assert!(said.contains("made file") && said.contains("run of site.yml ended"), "{said}");
}

#[test]
fn what_is_not_named_any_more_is_removed_unless_others_touched_it() {
    let whole = format!("{PLAYBOOK}{MORE}");
    let dir = Dir::new(&whole);
    dir.expect("apply -i hosts site.yml -e sometimes=1", 0);
    // A task that is skipped says nothing of what it is about.
    let said = dir.expect("apply -i hosts site.yml", 0);
    assert!(!said.contains("orphan"), "{said}");

    dir.playbook(PLAYBOOK);
    for quiet in ["apply -i hosts site.yml --tags none", "apply -i hosts site.yml --limit !a"] {
        let (_, said) = dir.run(quiet);
        assert!(!said.contains("orphan"), "{quiet}: {said}");
    }
    let said = dir.expect("apply -i hosts site.yml", 0);
    assert_eq!(said.matches("orphan: ").count(), 6, "{said}");
    assert!(dir.path("a/d/one").exists(), "it is only told");

    fs::write(dir.path("a/d/two"), "by hand\n").unwrap();
    fs::write(dir.path("a/sometimes/data"), "by hand\n").unwrap();
    let before = times(&dir.path("a"));
    let said = dir.expect("plan -i hosts site.yml --prune", 2);
    assert!(said.contains("- remove file ") && said.contains("/a/d/one"), "{said}");
    assert_eq!(times(&dir.path("a")), before, "planning removed something");
    let said = dir.expect("apply -i hosts site.yml --prune", 0);
    assert!(said.contains("its content is another"), "{said}");
    assert!(said.contains("it holds what no task made"), "{said}");
    assert!(!dir.path("a/d/one").exists() && dir.path("a/d/two").exists() && dir.path("a/sometimes/data").exists());
    assert!(!dir.path("a/conf2").exists(), "nothing is left in it");

    dir.expect("apply -i hosts site.yml --prune --force", 0);
    assert!(!dir.path("a/d").exists() && !dir.path("a/sometimes").exists());
    assert_eq!(dir.text("a/conf"), "x=1\n");
    let ledger = dir.ledger();
    let said = dir.expect("apply -i hosts site.yml --prune", 0);
    assert!(!said.contains("orphan"), "{said}");
    assert_eq!(dir.ledger(), ledger);
    let (code, said) = dir.run("apply -i hosts site.yml --prune --tags x");
    assert!(code == 5 && said.contains("needs to see every task"), "{said}");
}

/// What many modules leave, below `root`; `others` holds lines of others.
const KINDS: &str = "
    - name: directories on the way
      file: {path: '{{ root }}/deep/er/est', state: directory}
    - name: a block in a file of its own
      blockinfile: {path: '{{ root }}/etc/block', block: x, create: true}
    - name: a directory
      file: {path: '{{ root }}/own', state: directory}
    - name: a line in it
      lineinfile: {path: '{{ root }}/own/lines', line: x, create: true}
    - name: a block among others
      blockinfile: {path: '{{ root }}/others', block: x}
    - name: a job
      cron: {name: e2e, cron_file: '{{ root }}/jobs', user: root, special_time: daily, job: 'true'}
    - name: a key
      ansible.posix.authorized_key: {user: ME, path: '{{ root }}/ssh/keys', key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 e2e}
    - name: a host key
      known_hosts: {path: '{{ root }}/known', name: e2e.example, key: e2e.example ssh-rsa AAAAB3NzaC1yc2E=}
    - name: a parameter
      ansible.posix.sysctl: {name: vm.swappiness, value: '60', sysctl_file: '{{ root }}/sysctl', reload: false}
    - name: what an archive has
      unarchive: {src: a.tgz, dest: '{{ root }}/unpacked'}
    - name: a checkout
      git: {repo: '{{ playbook_dir }}/repository', dest: '{{ root }}/on/the/way/checkout', version: main}
";

#[test]
fn all_that_was_made_goes_and_what_was_there_stays() {
    let dir = Dir::new(PLAYBOOK);
    let shell = |script: &str| {
        let done = Command::new("sh").args(["-ec", script]).current_dir(dir.path("")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    shell(
        "mkdir -p pack/d a/unpacked; echo x >pack/d/x; tar czf a.tgz -C pack d; echo y >a/unpacked/y; echo z >a/others
        git init -q -b main repository; cd repository; git config user.email e@e; git config user.name e
        echo x >x; git add x; git commit -qm x",
    );
    dir.expect("apply -i hosts site.yml", 0);
    let listing = "find a -printf '%p %M %u\n' | sort; cat a/others";
    let before = shell(listing);

    dir.playbook(&format!("{PLAYBOOK}{KINDS}").replace("ME", shell("id -un").trim()));
    dir.expect("apply -i hosts site.yml", 0);
    let drift = dir.expect("drift -i hosts site.yml", 0);
    assert!(!drift.contains("drifted"), "{drift}");
    shell("rm a/unpacked/d/x a/known; rmdir a/unpacked/d");
    let drift = dir.expect("drift -i hosts site.yml", 2);
    for gone in ["archive ", "known host e2e.example"] {
        assert!(drift.contains(&format!("drifted: a: {gone}")), "{gone}: {drift}");
    }
    dir.expect("apply -i hosts site.yml", 0);

    dir.playbook(PLAYBOOK);
    let told = dir.expect("apply -i hosts site.yml", 0);
    assert_eq!(told.matches("orphan: ").count(), 11, "{told}");
    shell("echo by hand >>a/on/the/way/checkout/x");
    let pruned = dir.expect("apply -i hosts site.yml --prune", 0);
    assert!(pruned.contains("kept: a: checkout ") && dir.path("a/on/the/way/checkout/x").exists(), "{pruned}");
    dir.expect("apply -i hosts site.yml --prune --force", 0);
    assert_eq!(shell(listing), before);
    let again = dir.expect("plan -i hosts site.yml --prune", 0);
    assert!(!again.contains("orphan"), "{again}");
}

#[test]
fn two_playbooks_do_not_remove_what_the_other_wants() {
    let dir = Dir::new(PLAYBOOK);
    fs::write(dir.path("other.yml"), PLAYBOOK).unwrap();
    dir.expect("apply -i hosts site.yml", 0);
    dir.expect("apply -i hosts other.yml", 0);
    dir.playbook(&PLAYBOOK.replace("{{ root }}/conf'", "{{ root }}/conf3'"));
    let said = dir.expect("apply -i hosts site.yml --prune", 0);
    assert!(!said.contains("orphan") && dir.path("a/conf").exists(), "{said}");
}

const BREAKS: &str = "
- hosts: web
  gather_facts: false
  tasks:
    - name: place
      file: {path: '{{ root }}', state: directory}
    - name: count
      shell: echo x >> {{ root }}/count
    - name: conf
      copy: {dest: '{{ root }}/conf', content: \"x=1\\n\"}
      notify: again
    - name: breaks
      command: test -e {{ root }}/good
    - name: after
      copy: {dest: '{{ root }}/after', content: \"x=1\\n\"}
  handlers:
    - name: again
      shell: echo x >> {{ root }}/handled
";

#[test]
fn a_run_is_resumed_where_it_stopped() {
    let dir = Dir::new(BREAKS);
    dir.expect("apply -i hosts site.yml", 2);
    assert!(!dir.path("a/handled").exists());
    let said = dir.expect("history a -i hosts", 0);
    assert!(said.contains("a stopped at `breaks`") && said.contains("owed handler `again`"), "{said}");
    fs::write(dir.path("a/good"), "").unwrap();
    dir.expect("apply -i hosts site.yml --resume", 0);
    assert_eq!((dir.text("a/count"), dir.text("a/handled")), ("x\n".to_owned(), "x\n".to_owned()));
    assert!(dir.path("a/after").exists());

    // A plain one begins at the start, and owes nothing any more.
    dir.expect("apply -i hosts site.yml", 0);
    assert_eq!((dir.text("a/count"), dir.text("a/handled")), ("x\nx\n".to_owned(), "x\n".to_owned()));
}

#[test]
fn handlers_that_are_owed_run_with_the_next_plain_apply() {
    let dir = Dir::new(BREAKS);
    dir.expect("apply -i hosts site.yml", 2);
    fs::write(dir.path("a/good"), "").unwrap();
    let said = dir.expect("apply -i hosts site.yml", 0);
    assert!(said.contains("handler `again` is owed since an earlier run"), "{said}");
    assert_eq!(dir.text("a/handled"), "x\n");
    dir.expect("apply -i hosts site.yml", 0);
    assert_eq!(dir.text("a/handled"), "x\n");

    // A task that is not there any more is nothing to begin at.
    fs::remove_file(dir.path("a/good")).unwrap();
    dir.expect("apply -i hosts site.yml", 2);
    dir.playbook(&BREAKS.replace("name: breaks", "name: other"));
    let said = dir.expect("apply -i hosts site.yml --resume", 2);
    assert!(said.contains("where the last run stopped, did not come"), "{said}");
}
