//! Names of images, pulling them, and what Docker's configuration knows about their registries.

use super::{Docker, encode};
use crate::module::ModuleError;
use crate::system::{HttpBody, System};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What modules record about images.
pub const KIND: &str = "docker_image";

/// An image's name taken apart, or an image's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    /// Repository with its registry; the whole id.
    pub repository: String,
    /// Tag or digest; empty for an id.
    pub tag: String,
}

impl ImageName {
    /// Takes `name` apart; without a tag of its own it gets `tag`.
    pub fn parse(name: &str, tag: &str) -> Self {
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if name.strip_prefix("sha256:").is_some_and(hex) {
            return Self { repository: name.to_owned(), tag: String::new() };
        }
        let (repository, tag) = match (name.split_once('@'), name.rsplit_once(':')) {
            (Some(parts), _) => parts,
            // A colon before the last slash belongs to the registry's port.
            (None, Some((repository, tag))) if !tag.contains('/') => (repository, tag),
            _ => (name, tag),
        };
        Self { repository: repository.to_owned(), tag: tag.to_owned() }
    }

    /// The name in one text.
    pub fn full(&self) -> String {
        match self.tag.as_str() {
            "" => self.repository.clone(),
            tag if tag.contains(':') => format!("{}@{tag}", self.repository),
            tag => format!("{}:{tag}", self.repository),
        }
    }

    /// Where the API has it.
    pub fn path(&self) -> String {
        let name = encode(&self.full()).replace("%2F", "/").replace("%3A", ":").replace("%40", "@");
        format!("/images/{name}")
    }

    /// The image, if it is there.
    pub fn look(&self, docker: &Docker, system: &dyn System) -> Result<Option<Value>, ModuleError> {
        Ok(docker.look(system, KIND, &self.full(), &format!("{}/json", self.path()))?)
    }

    /// The registry it comes from.
    fn registry(&self) -> &str {
        match self.repository.split_once('/') {
            Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
            _ => "docker.io",
        }
    }

    /// Fetches it. Says whether it was not here already in its newest state.
    pub fn pull(&self, docker: &Docker, system: &mut dyn System, platform: Option<&str>) -> Result<bool, ModuleError> {
        let mut path = format!("/images/create?fromImage={}&tag={}", encode(&self.repository), encode(&self.tag));
        if let Some(platform) = platform {
            path.push_str(&format!("&platform={}", encode(platform)));
        }
        let header = credentials(system, self);
        let lines = docker
            .stream(system, &path, header, HttpBody::Empty, None)
            .map_err(|error| error.error(&format!("pulling image {}", self.full())))?;
        let current = |line: &Value| line["status"].as_str().is_some_and(|text| text.contains("Image is up to date"));
        Ok(!lines.iter().any(current))
    }

    /// Whether its registry has nothing newer than `image`. No if it does not say.
    pub fn is_newest(&self, docker: &Docker, system: &dyn System, image: &Value) -> bool {
        let path = self.path().replacen("/images/", "/distribution/", 1);
        let header = credentials(system, self);
        let Ok(Some(remote)) = docker.get_with(system, &format!("{path}/json"), header) else { return false };
        let Some(digest) = remote["Descriptor"]["digest"].as_str() else { return false };
        let known = image["RepoDigests"].as_array().into_iter().flatten().filter_map(Value::as_str);
        known.filter_map(|name| name.rsplit_once('@')).any(|(_, known)| known == digest)
    }

    /// Sends it to its registry. Says whether the registry did not have all of it.
    pub fn push(&self, docker: &Docker, system: &mut dyn System) -> Result<bool, ModuleError> {
        let repository = Self { tag: String::new(), ..self.clone() };
        let path = format!("{}/push?tag={}", repository.path(), encode(&self.tag));
        let mut header = credentials(system, self);
        if header.is_empty() {
            // The daemon insists on one, even if it says nothing.
            header.push(("X-Registry-Auth".to_owned(), URL_SAFE.encode("{}")));
        }
        let lines = docker
            .stream(system, &path, header, HttpBody::Empty, None)
            .map_err(|error| error.error(&format!("pushing image {}", self.full())))?;
        Ok(lines.iter().any(|line| line["status"].as_str() == Some("Pushed")))
    }
}

/// User names and passwords by registry, from `~/.docker/config.json`.
fn known_registries(system: &dyn System) -> Map<String, Value> {
    let directory = system.env("DOCKER_CONFIG").map_or_else(|| system.home().join(".docker"), PathBuf::from);
    let config = system.read(&directory.join("config.json")).unwrap_or_default();
    let config: Value = serde_json::from_slice(&config).unwrap_or_default();
    let entries = config["auths"].as_object().cloned().unwrap_or_default();
    let read = |(server, entry): (String, Value)| {
        let text = String::from_utf8(STANDARD.decode(entry["auth"].as_str()?).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        let value = json!({"username": user, "password": password, "serveraddress": server});
        Some((server, value))
    };
    entries.into_iter().filter_map(read).collect()
}

/// The header for a request about `image`.
fn credentials(system: &dyn System, image: &ImageName) -> Vec<(String, String)> {
    let known = known_registries(system);
    let registry = image.registry();
    let names = match registry {
        "docker.io" => ["https://index.docker.io/v1/".to_owned(), "docker.io".to_owned(), "index.docker.io".to_owned()],
        other => [other.to_owned(), format!("https://{other}"), format!("https://{other}/v2/")],
    };
    let found = names.iter().find_map(|name| known.get(name));
    let header = found.map(|value| ("X-Registry-Auth".to_owned(), URL_SAFE.encode(value.to_string())));
    header.into_iter().collect()
}

/// The header for a build, which may pull from anywhere.
pub fn all_credentials(system: &dyn System) -> Vec<(String, String)> {
    let known = known_registries(system);
    if known.is_empty() {
        return Vec::new();
    }
    vec![("X-Registry-Config".to_owned(), URL_SAFE.encode(Value::Object(known).to_string()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_apart() {
        let parts = |name: &str| {
            let name = ImageName::parse(name, "latest");
            (name.repository.clone(), name.tag.clone(), name.full())
        };
        let owned = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(parts("nginx"), owned("nginx", "latest", "nginx:latest"));
        assert_eq!(parts("host:5000/a/b"), owned("host:5000/a/b", "latest", "host:5000/a/b:latest"));
        assert_eq!(parts("host:5000/a:1"), owned("host:5000/a", "1", "host:5000/a:1"));
        assert_eq!(parts("a@sha256:12"), owned("a", "sha256:12", "a@sha256:12"));
        let id = format!("sha256:{}", "0".repeat(64));
        assert_eq!(parts(&id), owned(&id, "", &id));
        assert_eq!(ImageName::parse("host:5000/a:1", "").path(), "/images/host:5000/a:1");
        assert_eq!(ImageName::parse("ghcr.io/a", "").registry(), "ghcr.io");
        assert_eq!(ImageName::parse("library/a", "").registry(), "docker.io");
    }
}
