//! The plan as a page, in a real browser where there is one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Command;

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

const PLAYBOOK: &str = "
- hosts: a,b
  gather_facts: false
  connection: local
  tasks:
    - copy: {dest: '{{ playbook_dir }}/{{ inventory_hostname }}', content: '<script>'}
    - {command: touch x, when: inventory_hostname == 'b'}
";

/// How many entries the page shows, of how many, with a filter in its address.
fn shown(browser: &str, dir: &Path, filter: &str) -> (usize, usize) {
    let address = format!("file://{}#{filter}", dir.join("plan.html").display());
    let profile = format!("--user-data-dir={}", dir.join("profile").display());
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", &profile, &address]);
    let output = command.env("HOME", dir).output().unwrap();
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = page.split_once("<output name=\"count\">").unwrap_or_else(|| panic!("{page}")).1;
    let (count, all) = count.split_once("</output>").unwrap().0.split_once(" of ").unwrap();
    let hidden = page.matches("<details ").count() - page.matches(" hidden=\"\"").count();
    assert_eq!(hidden.to_string(), count);
    (count.parse().unwrap(), all.parse().unwrap())
}

#[test]
fn a_browser_filters_the_page() {
    let Some(browser) = BROWSERS.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
        // A skipped test must be seen.
        #[allow(clippy::print_stderr, reason = "tests have no other voice")]
        {
            eprintln!("skipped: there is no browser ({})", BROWSERS.join(", "));
        }
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hosts"), "a\nb\n").unwrap();
    fs::write(dir.path().join("site.yml"), PLAYBOOK).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command.args(["plan", "-i", "hosts", "site.yml", "--output", "html"]).current_dir(dir.path());
    let page = command.env("HOME", dir.path()).env_remove("ANSIBLE_CONFIG").output().unwrap().stdout;
    fs::write(dir.path().join("plan.html"), page).unwrap();
    let shown = |filter: &str| shown(browser, dir.path(), filter);
    assert_eq!(shown(""), (3, 3));
    assert_eq!(shown("host=a"), (1, 3));
    assert_eq!(shown("host=b"), (2, 3));
    assert_eq!(shown("host=b&kind=run"), (1, 3));
    assert_eq!(shown("text=TOUCH"), (1, 3));
    assert_eq!(shown("text=nowhere"), (0, 3));
}
