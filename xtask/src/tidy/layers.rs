//! Who may import whom in the core (ARCHITECTURE.md, invariants), and where it may touch the operating system.

use super::command::Finding;
use super::paths;

const CORE: &str = "crates/core/src/";
/// These run on the hosts …
const LOW: [&str; 4] = ["modules", "system", "module", "wire"];
/// … and know nothing of these.
const HIGH: [&str; 5] = ["engine", "connection", "playbook", "inventory", "template"];
const OS: [&str; 4] = ["fs", "process", "net", "env"];
const OS_FOLDERS: [&str; 2] = ["system", "connection"];
/// Only name things; they reach nothing.
const HARMLESS: [&str; 8] =
    ["IpAddr", "Ipv4Addr", "Ipv6Addr", "AddrParseError", "SocketAddr", "SocketAddrV4", "SocketAddrV6", "consts"];
/// A line with a reason that lets a file touch the operating system.
const ALLOW_OS: &str = "// tidy-allow os: ";

/// Finds forbidden imports in a file of the core; other files have no layers.
pub fn check(name: &str, text: &str, file: &syn::File) -> Vec<Finding> {
    let Some(inside) = name.strip_prefix(CORE) else { return Vec::new() };
    let layer = inside.split(['/', '.']).next().unwrap_or_default();
    let os_allowed = OS_FOLDERS.contains(&layer)
        || text.lines().any(|line| line.trim().len() > ALLOW_OS.len() && line.trim().starts_with(ALLOW_OS));
    let mut findings = Vec::new();
    for path in paths::of(file) {
        let parts = absolute(&path.parts, inside);
        let shown = parts.join("::");
        let [first, second, rest @ ..] = &parts[..] else { continue };
        if first == "crate" && LOW.contains(&layer) && HIGH.contains(&second.as_str()) {
            let message = format!("`{shown}`: `{layer}` imports nothing from {}", HIGH.join(", "));
            findings.push(Finding { line: path.line, message });
        }
        let harmless = rest.first().is_some_and(|name| HARMLESS.contains(&name.as_str()));
        if first == "std" && OS.contains(&second.as_str()) && !harmless && !os_allowed {
            let message = format!(
                "`{shown}`: only `system` and `connection` touch the operating system; else say why with `{ALLOW_OS}REASON`"
            );
            findings.push(Finding { line: path.line, message });
        }
    }
    findings
}

/// Resolves leading `super`s of a path in the file `inside` the core's `src`.
fn absolute(parts: &[String], inside: &str) -> Vec<String> {
    let supers = parts.iter().take_while(|part| *part == "super").count();
    if supers == 0 {
        return parts.to_vec();
    }
    let mut module: Vec<_> = inside.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&"mod" | &"lib")) {
        module.pop();
    }
    module.truncate(module.len().saturating_sub(supers));
    let start = std::iter::once("crate").chain(module).map(str::to_owned);
    start.chain(parts[supers..].iter().cloned()).collect()
}
