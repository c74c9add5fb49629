//! What Ansible adds to the result of every module that returns a `path` or `dest`.

use crate::system::{FileKind, Result, System, users};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// Owner, permissions and such of the path in a result. All absent where nothing is there.
#[derive(Debug, Default, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PathInfo {
    /// User id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// User name, or the id where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Group name, or the id where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Permissions in octal, such as `0644`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `file`, `directory`, `link` or `hard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// SELinux context, where SELinux is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secontext: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl PathInfo {
    /// Of what is at `path`.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of(system: &dyn System, path: &Path) -> Result<Self> {
        let Some(meta) = system.symlink_metadata(path)?.filter(|_| system.exists(path).unwrap_or(false)) else {
            return Ok(Self::default());
        };
        let state = match meta.kind {
            FileKind::Link => "link",
            FileKind::Directory => "directory",
            _ if meta.links > 1 => "hard",
            _ => "file",
        };
        Ok(Self {
            uid: Some(meta.uid),
            gid: Some(meta.gid),
            owner: Some(users::user_by_uid(system, meta.uid)?.map_or_else(|| meta.uid.to_string(), |user| user.name)),
            group: Some(
                users::group_by_gid(system, meta.gid)?.map_or_else(|| meta.gid.to_string(), |group| group.name),
            ),
            mode: Some(format!("0{:03o}", meta.mode)),
            state: Some(state),
            secontext: system.security_context(path)?,
            size: Some(meta.size),
        })
    }
}
