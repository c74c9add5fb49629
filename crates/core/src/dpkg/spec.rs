//! How users name packages: `name`, `name=version`, `name>=version`, `name/release`, `name:arch`, with shell patterns.

/// A package as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSpec {
    /// Name, with `:arch` where given.
    pub name: String,
    /// What the version must fulfil.
    pub version: Option<(Comparison, String)>,
    /// The release to take it from.
    pub release: Option<String>,
}

/// How a version must relate to the one asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Match it; it may be a shell pattern.
    Equal,
    /// Be it or newer.
    AtLeast,
}

impl PackageSpec {
    /// Takes `text` apart; what is wrong with it otherwise.
    ///
    /// # Errors
    /// A complaint in Ansible's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let invalid = || format!("invalid package spec: {text}");
        if text.is_empty() || text.starts_with('-') || text.matches('=').count() > 1 {
            return Err(invalid());
        }
        let (name, version, release) = if let Some((name, version)) = text.split_once(">=") {
            (name, Some((Comparison::AtLeast, version.trim().to_owned())), None)
        } else if let Some((name, version)) = text.split_once('=') {
            (name, Some((Comparison::Equal, version.trim().to_owned())), None)
        } else if let Some((name, release)) = text.split_once('/') {
            (name, None, Some(release.trim().to_owned()))
        } else {
            (text, None, None)
        };
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(invalid());
        }
        Ok(Self { name: name.to_owned(), version, release })
    }

    /// Whether an installed version fulfils it.
    pub fn accepts(&self, installed: &str) -> bool {
        match &self.version {
            None => true,
            Some((Comparison::AtLeast, version)) => super::compare(installed, version).is_ge(),
            Some((Comparison::Equal, version)) => {
                installed == version || glob::Pattern::new(version).is_ok_and(|pattern| pattern.matches(installed))
            }
        }
    }

    /// Whether the name is a pattern for several packages.
    pub fn is_pattern(&self) -> bool {
        self.name.contains(['*', '?', '['])
    }

    /// As `apt-get` understands it.
    pub fn for_apt(&self) -> String {
        match (&self.version, &self.release) {
            (Some((Comparison::Equal, version)), _) => format!("{}={version}", self.name),
            (_, Some(release)) => format!("{}/{release}", self.name),
            _ => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_specs_apart() {
        let spec = |text| PackageSpec::parse(text).unwrap();
        assert_eq!(spec("nginx=1.2*").for_apt(), "nginx=1.2*");
        assert!(spec("nginx=1.2*").accepts("1.22-1") && !spec("nginx=1.2*").accepts("1.3"));
        assert!(spec("a>=1.0").accepts("1.0.1") && !spec("a>=1.0").accepts("0.9"));
        assert_eq!(spec("a>=1.0").for_apt(), "a");
        assert_eq!(spec("a/bookworm-backports").for_apt(), "a/bookworm-backports");
        assert!(spec("libc6:i386").accepts("1") && spec("lib*").is_pattern());
        assert!(PackageSpec::parse("a=1=2").is_err() && PackageSpec::parse("--force").is_err());
    }
}
