//! Installed packages, read from dpkg's own database.

use crate::system::{Result, System};
use std::collections::{HashMap, HashSet};
use std::path::Path;

const STATUS: &str = "/var/lib/dpkg/status";
const EXTENDED_STATES: &str = "/var/lib/apt/extended_states";

/// How much of a package is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageState {
    /// All of it.
    Installed,
    /// Only its configuration.
    ConfigFiles,
    /// Something in between, after an interruption.
    Unfinished,
}

/// A package that dpkg knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// State.
    pub state: PackageState,
}

/// All packages that dpkg knows, by name and by `name:arch`.
#[derive(Debug, Default)]
pub struct Packages {
    known: HashMap<String, Package>,
    /// Names that installed packages stand for besides their own.
    provided: HashSet<String>,
}

impl Packages {
    /// Reads the database of `system`.
    ///
    /// # Errors
    /// The database cannot be read. That there is none means that nothing is installed.
    pub fn read(system: &dyn System) -> Result<Self> {
        match system.read_text(Path::new(STATUS)) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.is_not_found() => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Self {
        let mut packages: HashMap<String, Package> = HashMap::new();
        let mut provided = HashSet::new();
        for stanza in text.split("\n\n") {
            let Some((name, package)) = parse_package(stanza) else { continue };
            packages.insert(format!("{name}:{}", package.architecture), package.clone());
            let installed = package.state == PackageState::Installed;
            if installed && let Some(names) = field(stanza, "Provides") {
                // `name (= version), other`
                provided.extend(names.split(',').filter_map(|item| item.split_whitespace().next()).map(str::to_owned));
            }
            // Of several architectures, an installed one speaks for the bare name.
            if installed || !packages.contains_key(name) {
                packages.insert(name.to_owned(), package);
            }
        }
        Self { known: packages, provided }
    }

    /// What is known of `name` (`name:arch` for one architecture; `:any` and `:all` for whichever).
    pub fn get(&self, name: &str) -> Option<&Package> {
        let bare = name.strip_suffix(":any").or_else(|| name.strip_suffix(":all")).unwrap_or(name);
        self.known.get(name).or_else(|| self.known.get(bare))
    }

    /// The installed version of `name`.
    pub fn installed(&self, name: &str) -> Option<&str> {
        let package = self.get(name).filter(|package| package.state == PackageState::Installed);
        package.map(|package| package.version.as_str())
    }

    /// Whether an installed package stands for `name`.
    pub fn is_provided(&self, name: &str) -> bool {
        self.provided.contains(name)
    }

    /// All names without architecture, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.known.keys().map(String::as_str).filter(|name| !name.contains(':')).collect();
        names.sort_unstable();
        names
    }
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn parse_package(stanza: &str) -> Option<(&str, Package)> {
    let field = |name: &str| field(stanza, name);
    let state = match field("Status")?.split(' ').next_back()? {
        "installed" => PackageState::Installed,
        "config-files" => PackageState::ConfigFiles,
        "not-installed" => return None,
        _ => PackageState::Unfinished,
    };
    let version = field("Version").unwrap_or_default().to_owned();
    let architecture = field("Architecture").unwrap_or_default().to_owned();
    Some((field("Package")?, Package { version, architecture, state }))
}

/// Names of packages that apt installed only because others need them.
///
/// # Errors
/// apt's record cannot be read.
pub fn automatic(system: &dyn System) -> Result<HashSet<String>> {
    let text = match system.read_text(Path::new(EXTENDED_STATES)) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(HashSet::new()),
        Err(error) => return Err(error),
    };
    let marked = text.split("\n\n").filter(|stanza| stanza.lines().any(|line| line == "Auto-Installed: 1"));
    let names = marked.filter_map(|stanza| stanza.lines().find_map(|line| line.strip_prefix("Package: ")));
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_installed() {
        let packages = Packages::parse(
            "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\nProvides: v (= 1), w\nDescription: x\n y\n\n\
             Package: b\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 2\n\n\
             Package: a\nStatus: deinstall ok config-files\nArchitecture: i386\nVersion: 0.9\n",
        );
        assert_eq!(packages.installed("a"), Some("1.0-1"));
        assert_eq!(packages.installed("a:amd64"), Some("1.0-1"));
        assert_eq!(packages.installed("a:i386"), None);
        assert_eq!(packages.installed("a:any"), Some("1.0-1"));
        assert_eq!(packages.get("b").unwrap().state, PackageState::ConfigFiles);
        assert_eq!(packages.names(), ["a", "b"]);
        assert!(packages.is_provided("w") && !packages.is_provided("a"));
    }
}
