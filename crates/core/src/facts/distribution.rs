//! Which distribution, version and release, under Ansible's names for them.

use super::{Facts, look::Look};
use serde_json::json;
use std::collections::HashMap;

pub(super) fn distribution(look: Look<'_>, facts: &mut Facts) {
    let found = Distribution::read(look);
    facts.insert("os_family".into(), json!(family(&found.name)));
    facts.insert("distribution".into(), json!(found.name));
    facts.insert("distribution_version".into(), json!(found.version));
    facts.insert("distribution_release".into(), json!(found.release));
    facts.insert("distribution_major_version".into(), json!(found.major));
    if let Some(minor) = found.minor {
        facts.insert("distribution_minor_version".into(), json!(minor));
    }
    if let Some((path, variety)) = found.file {
        facts.insert("distribution_file_path".into(), json!(path));
        facts.insert("distribution_file_variety".into(), json!(variety));
        facts.insert("distribution_file_parsed".into(), json!(true));
    }
}

pub(super) fn os_family(look: Look<'_>) -> String {
    family(&Distribution::read(look).name).to_owned()
}

#[derive(Debug, Default)]
struct Distribution {
    name: String,
    version: String,
    major: String,
    minor: Option<String>,
    release: String,
    /// Which file told, and of which kind it is.
    file: Option<(&'static str, &'static str)>,
}

/// `/etc/os-release`, parsed.
struct OsRelease(HashMap<String, String>);

impl OsRelease {
    fn read(look: Look<'_>) -> Self {
        let text = look.text("/etc/os-release").or_else(|| look.text("/usr/lib/os-release")).unwrap_or_default();
        Self(assignments(&text))
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What stands in parentheses in the version: `bookworm`, `Forty Two`.
    fn parenthesized(&self) -> Option<&str> {
        let text = self.get("VERSION");
        text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inside, _)| inside)
    }
}

/// `NAME=value` lines of a shell-like file, quotes removed.
fn assignments(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned())).collect()
}

impl Distribution {
    fn read(look: Look<'_>) -> Self {
        let os = OsRelease::read(look);
        let mut found = Self::guess(look, &os);
        let readers = [Self::altlinux, Self::redhat, Self::openwrt, Self::amazon, Self::alpine, Self::arch];
        let later = [Self::suse, Self::gentoo, Self::debian];
        let told = readers.into_iter().chain(later).any(|reader| reader(&mut found, look, &os));
        if !told && !os.0.is_empty() {
            found.name = os.get("NAME").to_owned();
            if found.version == "NA" && !os.get("VERSION").is_empty() {
                os.get("VERSION").clone_into(&mut found.version);
            }
            found.file = Some(("/etc/os-release", "NA"));
        }
        found
    }

    /// What `os-release` says, before the distributions' own peculiarities.
    fn guess(look: Look<'_>, os: &OsRelease) -> Self {
        let id = os.get("ID");
        let mut version = os.get("VERSION_ID").to_owned();
        // These leave their point releases out of os-release.
        if id == "debian" {
            let full = look.text("/etc/debian_version").unwrap_or_default();
            if full.starts_with(|first: char| first.is_ascii_digit()) {
                version = full;
            }
        } else if id == "centos" {
            let full = look.text("/etc/centos-release").and_then(|text| version_in(&text));
            version = full.map_or(version, |full| full.split('.').take(2).collect::<Vec<_>>().join("."));
        }
        let release = [os.get("VERSION_CODENAME"), os.get("UBUNTU_CODENAME"), os.parenthesized().unwrap_or_default()];
        // An empty VERSION_CODENAME is an answer too: Fedora has no code names.
        let release = if os.0.contains_key("VERSION_CODENAME") {
            release[0]
        } else {
            release.into_iter().find(|text| !text.is_empty()).unwrap_or("NA")
        };
        let name = match id {
            "" => "OtherLinux".to_owned(),
            "amzn" => "Amazon".to_owned(),
            "rhel" => "Redhat".to_owned(),
            other => capitalized(other),
        };
        let version = if version.is_empty() { "NA".to_owned() } else { version };
        let major = version.split('.').next().unwrap_or("NA").to_owned();
        Self { name, version, major, release: release.to_owned(), ..Self::default() }
    }

    fn told(&mut self, name: impl Into<String>, path: &'static str, variety: &'static str) -> bool {
        self.name = name.into();
        self.file = Some((path, variety));
        true
    }

    fn altlinux(&mut self, look: Look<'_>, _: &OsRelease) -> bool {
        look.text("/etc/altlinux-release").is_some() && self.told("Altlinux", "/etc/altlinux-release", "Altlinux")
    }

    fn redhat(&mut self, look: Look<'_>, _: &OsRelease) -> bool {
        if let Some(text) = look.text("/etc/oracle-release") {
            let name = if text.contains("Oracle Linux") { "OracleLinux" } else { first_word(&text) };
            return self.told(name, "/etc/oracle-release", "OracleLinux");
        }
        let centos = look.text("/etc/centos-release").unwrap_or_default();
        if centos.contains("CentOS Stream") {
            self.release = "Stream".into();
            return self.told("CentOS", "/etc/centos-release", "CentOS");
        }
        if centos.contains("TencentOS Server") {
            return self.told("TencentOS", "/etc/centos-release", "CentOS");
        }
        let Some(text) = look.text("/etc/redhat-release") else { return false };
        let name = if text.contains("Red Hat") { "RedHat" } else { first_word(&text) };
        self.told(name, "/etc/redhat-release", "RedHat")
    }

    fn openwrt(&mut self, look: Look<'_>, _: &OsRelease) -> bool {
        let fields = assignments(&look.raw("/etc/openwrt_release"));
        if !fields.values().any(|value| value.contains("OpenWrt")) {
            return false;
        }
        for (field, name) in [(&mut self.version, "DISTRIB_RELEASE"), (&mut self.release, "DISTRIB_CODENAME")] {
            if let Some(value) = fields.get(name) {
                value.clone_into(field);
            }
        }
        self.told("OpenWrt", "/etc/openwrt_release", "OpenWrt")
    }

    fn amazon(&mut self, _: Look<'_>, os: &OsRelease) -> bool {
        if !os.get("NAME").contains("Amazon") {
            return false;
        }
        self.minor = Some(self.version.split_once('.').map_or("NA", |(_, minor)| minor).to_owned());
        self.told("Amazon", "/etc/os-release", "Amazon")
    }

    fn alpine(&mut self, look: Look<'_>, _: &OsRelease) -> bool {
        let Some(version) = look.text("/etc/alpine-release") else { return false };
        self.version = version;
        self.told("Alpine", "/etc/alpine-release", "Alpine")
    }

    fn arch(&mut self, look: Look<'_>, os: &OsRelease) -> bool {
        if look.exists("/etc/arch-release") {
            return self.told("Archlinux", "/etc/arch-release", "Archlinux");
        }
        os.get("NAME").contains("Arch Linux") && self.told("Archlinux", "/etc/os-release", "Archlinux")
    }

    fn suse(&mut self, _: Look<'_>, os: &OsRelease) -> bool {
        if !os.0.values().any(|value| value.to_ascii_lowercase().contains("suse")) {
            return false;
        }
        let minor = self.version.split_once('.').map_or("", |(_, minor)| minor);
        let open = os.get("ID").contains("open");
        self.release = if minor.is_empty() && !open { "0".to_owned() } else { minor.to_owned() };
        let name = match os.get("VARIANT_ID") {
            "server-sap" | "sles-sap" => "SLES_SAP",
            "transactional" => "SL-Micro",
            _ => os.get("NAME"),
        };
        self.told(name, "/etc/os-release", "SUSE")
    }

    fn gentoo(&mut self, look: Look<'_>, _: &OsRelease) -> bool {
        look.text("/etc/gentoo-release").is_some() && self.told("Gentoo", "/etc/gentoo-release", "Gentoo")
    }

    fn debian(&mut self, look: Look<'_>, os: &OsRelease) -> bool {
        let has = |word: &str| os.0.values().any(|value| value.contains(word));
        if has("Debian") || has("Raspbian") {
            let full = look.text("/etc/debian_version").unwrap_or_default();
            self.minor = full.split_once('.').map(|(_, minor)| minor.to_owned());
            // The pretty name, not the code name: testing reads `trixie/sid`.
            let pretty = os.get("PRETTY_NAME").split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            if let Some((name, _)) = pretty {
                name.clone_into(&mut self.release);
            }
            return self.told("Debian", "/etc/os-release", "Debian");
        }
        let others = [
            ("Ubuntu", "Ubuntu"),
            ("SteamOS", "SteamOS"),
            ("Kali", "Kali"),
            ("Parrot", "Parrot"),
            ("Devuan", "Devuan"),
            ("Cumulus", "Cumulus Linux"),
            ("Mint", "Linux Mint"),
            ("UOS", "Uos"),
            ("Deepin", "Deepin"),
            ("LMDE", "Linux Mint Debian Edition"),
        ];
        let found = others.into_iter().find(|(mark, _)| has(mark));
        found.is_some_and(|(_, name)| self.told(name, "/etc/os-release", "Debian"))
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The first word that is a number with dots.
fn version_in(text: &str) -> Option<String> {
    let number = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    text.split_whitespace().find(number).map(str::to_owned)
}

/// Ansible's `os_family` of a distribution; its own name where it is a family by itself.
fn family(name: &str) -> &str {
    match name {
        "RedHat"
        | "RHEL"
        | "Fedora"
        | "CentOS"
        | "Scientific"
        | "SLC"
        | "Ascendos"
        | "CloudLinux"
        | "PSBM"
        | "OracleLinux"
        | "OVS"
        | "OEL"
        | "Amazon"
        | "Amzn"
        | "Virtuozzo"
        | "XenServer"
        | "Alibaba"
        | "EulerOS"
        | "openEuler"
        | "AlmaLinux"
        | "Rocky"
        | "TencentOS"
        | "EuroLinux"
        | "Kylin Linux Advanced Server"
        | "MIRACLE" => "RedHat",
        "Debian"
        | "Ubuntu"
        | "Raspbian"
        | "Neon"
        | "KDE neon"
        | "Linux Mint"
        | "SteamOS"
        | "Devuan"
        | "Kali"
        | "Cumulus Linux"
        | "Pop!_OS"
        | "Parrot"
        | "Pardus GNU/Linux"
        | "Uos"
        | "Deepin"
        | "OSMC"
        | "Linux Mint Debian Edition" => "Debian",
        "SuSE"
        | "SLES"
        | "SLED"
        | "openSUSE"
        | "openSUSE Tumbleweed"
        | "SLES_SAP"
        | "SUSE_LINUX"
        | "openSUSE Leap"
        | "ALP-Dolomite"
        | "SL-Micro"
        | "openSUSE MicroOS" => "Suse",
        "Archlinux" | "Antergos" | "Manjaro" => "Archlinux",
        "Mandrake" | "Mandriva" => "Mandrake",
        "Gentoo" | "Funtoo" => "Gentoo",
        "Clear Linux OS" | "Clear Linux Mix" => "ClearLinux",
        other => other,
    }
}

pub(super) fn lsb(look: Look<'_>, facts: &mut Facts) {
    let mut fields = assignments(&look.raw("/etc/lsb-release"));
    let take = |fields: &mut HashMap<String, String>, name: &str| fields.remove(name);
    let mut lsb = Facts::new();
    // `lsb_release` tells the same as these files, except outside Debian's family.
    let program = look.0.find_program("lsb_release").is_some();
    if fields.contains_key("DISTRIB_ID") {
        for (name, field) in [
            ("id", "DISTRIB_ID"),
            ("description", "DISTRIB_DESCRIPTION"),
            ("release", "DISTRIB_RELEASE"),
            ("codename", "DISTRIB_CODENAME"),
        ] {
            lsb.extend(take(&mut fields, field).map(|value| (name.to_owned(), json!(value))));
        }
    } else if program && os_family(look) == "Debian" {
        let os = OsRelease::read(look);
        lsb.insert("id".into(), json!(capitalized(os.get("ID"))));
        lsb.insert("description".into(), json!(os.get("PRETTY_NAME")));
        lsb.insert("release".into(), json!(os.get("VERSION_ID")));
        lsb.insert("codename".into(), json!(os.get("VERSION_CODENAME")));
    } else if program {
        let answer = look.answer("lsb_release", &["-a"]).unwrap_or_default();
        lsb.extend(answer.lines().filter_map(lsb_line).map(|(name, value)| (name.to_owned(), json!(value))));
    }
    let release = lsb.get("release").and_then(|release| release.as_str());
    if let Some(major) = release.and_then(|release| release.split('.').next()).map(str::to_owned) {
        lsb.insert("major_release".into(), json!(major));
    }
    facts.insert("lsb".into(), json!(lsb));
}

fn lsb_line(line: &str) -> Option<(&'static str, &str)> {
    let (label, value) = line.split_once(':')?;
    let name = match label {
        "Distributor ID" => "id",
        "Description" => "description",
        "Release" => "release",
        "Codename" => "codename",
        _ => return None,
    };
    Some((name, value.trim().trim_matches(['"', '\''])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_assignments_and_versions() {
        let fields = assignments("# x=y\nNAME=\"Debian GNU/Linux\"\nID=debian\n");
        assert_eq!(fields["NAME"], "Debian GNU/Linux");
        assert_eq!(fields["ID"], "debian");
        assert_eq!(fields.len(), 2);
        assert_eq!(version_in("CentOS Linux release 7.9.2009 (Core)").as_deref(), Some("7.9.2009"));
        assert_eq!(family("Rocky"), "RedHat");
        assert_eq!(family("Void"), "Void");
    }
}
