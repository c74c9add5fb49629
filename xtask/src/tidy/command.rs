//! Runs the checks over the Rust files that git knows and lists what they find.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::{layers, size};
use crate::{process, workspace};

/// Something to put right.
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and what the rule is.
    pub message: String,
}

/// Checks all Rust files; fails if something is found.
pub fn run() -> Result<ExitCode> {
    let root = workspace::root()?;
    // New files count before they are committed.
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"];
    let files = process::output(Command::new("git").arg("-C").arg(&root).args(list))?;
    let (mut checked, mut found) = (0, 0);
    for name in files.lines() {
        let path = root.join(name);
        // Deleted, and the deletion not committed yet.
        if !path.exists() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {name}"))?;
        let findings = check(name, &text).with_context(|| format!("failed to parse {name}"))?;
        for finding in &findings {
            println!("{name}:{}: {}", finding.line, finding.message);
        }
        checked += 1;
        found += findings.len();
    }
    println!("tidy: {checked} files, {found} findings");
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(name: &str, text: &str) -> Result<Vec<Finding>> {
    let file = syn::parse_file(text)?;
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings
            .push(Finding { line: 1, message: "starts without a `//!` line that says why the file exists".to_owned() });
    }
    let is_test = name.split('/').any(|folder| folder == "tests") || name.ends_with("/tests.rs");
    if !is_test {
        findings.extend(size::check(text, &file));
        findings.extend(layers::check(name, text, &file));
    }
    findings.sort_by_key(|finding| finding.line);
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::check;

    fn messages(name: &str, text: &str) -> Vec<String> {
        let findings = check(name, text).unwrap();
        findings.iter().map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
    }

    #[test]
    fn a_file_without_header_is_found() {
        assert_eq!(messages("a.rs", "//! Why.\nfn a() {}\n"), [""; 0]);
        assert!(messages("a.rs", "fn a() {}\n")[0].contains("`//!`"));
    }

    #[test]
    fn long_functions_are_found_outside_tests_only() {
        let long = format!("fn a() {{\n{}}}\n", "    b();\n".repeat(80));
        assert_eq!(messages("a.rs", &format!("//! Why.\n{long}")), ["2: function `a` has 82 lines, 80 are allowed"]);
        assert_eq!(messages("a.rs", &format!("//! Why.\n#[cfg(test)]\nmod tests {{\n{long}}}\n")), [""; 0]);
        assert_eq!(messages("tests/a.rs", &format!("//! Why.\n{long}")), [""; 0]);
    }

    #[test]
    fn long_files_are_found_without_their_tests() {
        let constants: String = (0..600).map(|number| format!("const A{number}: u8 = 0;\n")).collect();
        assert_eq!(
            messages("a.rs", &format!("//! Why.\n{constants}")),
            ["1: has 601 lines without tests, 600 are allowed"]
        );
        assert_eq!(messages("a.rs", &format!("//! Why.\n#[cfg(test)]\nmod tests {{\n{constants}}}\n")), [""; 0]);
    }

    #[test]
    fn low_layers_may_not_import_high_ones() {
        let text = "//! Why.\nuse crate::{engine::Plan, wire};\nfn a() { super::super::template::b(); }\n";
        let low = messages("crates/core/src/modules/copy.rs", text);
        assert_eq!(low.len(), 2);
        assert!(low[0].starts_with("2: ") && low[0].contains("`crate::engine::Plan`"));
        assert!(low[1].starts_with("3: ") && low[1].contains("`crate::template::b`"));
        assert_eq!(messages("crates/core/src/engine/plan.rs", text), [""; 0]);
    }

    #[test]
    fn operating_system_access_stays_in_its_folders() {
        let text = "//! Why.\nuse std::{fs, io, net::{IpAddr, TcpStream}};\nfn a() { std::env::var(\"A\"); let _ = std::env::consts::OS; }\n";
        let found = messages("crates/core/src/inventory/load.rs", text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].contains("`std::fs`")
                && found[1].contains("`std::net::TcpStream`")
                && found[2].contains("`std::env::var`")
        );
        assert_eq!(messages("crates/core/src/system/os.rs", text), [""; 0]);
        let allowed = format!("{text}// tidy-allow os: reads the user's files\n");
        assert_eq!(messages("crates/core/src/inventory/load.rs", &allowed), [""; 0]);
    }
}
