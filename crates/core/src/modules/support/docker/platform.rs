//! Platforms as containerd's names have them: `amd64`, `linux/amd64`, `linux/arm64/v8`, `windows`.

use serde_json::Value;

/// A platform with its names spelled out in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl Platform {
    /// Reads one; what it leaves out is the host's, which is the image's where that was made for the host.
    pub fn parse(text: &str, host: &Platform) -> Self {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [word] if is_os(word) => Self { os: word.to_lowercase(), ..host.clone() },
            [architecture] => Self::spelled(&host.os, architecture, ""),
            [os, architecture] => Self::spelled(os, architecture, ""),
            _ => Self::spelled(parts[0], parts[1], parts[2]),
        }
    }

    /// The platform that an image was made for.
    pub fn of_image(image: &Value) -> Self {
        let text = |name: &str| image[name].as_str().unwrap_or_default();
        Self::spelled(text("Os"), text("Architecture"), text("Variant"))
    }

    fn spelled(os: &str, architecture: &str, variant: &str) -> Self {
        let (architecture, variant) = (architecture.to_lowercase(), variant.to_lowercase());
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("i386", _) => ("386", ""),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            other => other,
        };
        Self { os: os.to_lowercase(), architecture: architecture.to_owned(), variant: variant.to_owned() }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

fn is_os(word: &str) -> bool {
    matches!(word, "linux" | "windows" | "freebsd" | "darwin" | "netbsd" | "openbsd" | "solaris" | "illumos" | "plan9")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_platform_has_many_names() {
        let host = Platform::of_image(&serde_json::json!({"Os": "linux", "Architecture": "amd64"}));
        let show = |text| Platform::parse(text, &host).to_string();
        assert_eq!(show("x86_64"), "linux/amd64");
        assert_eq!(show("linux"), "linux/amd64");
        assert_eq!(show("linux/aarch64/v8"), "linux/arm64");
        assert_eq!(show("arm"), "linux/arm/v7");
        assert_eq!(show("windows/amd64"), "windows/amd64");
        assert_ne!(Platform::parse("arm64", &host), host);
    }
}
