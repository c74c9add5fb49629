//! What a request sends.

use super::{Args, BodyFormat};
use crate::module::ModuleError;
use crate::modules::support::hash::Algorithm;
use crate::modules::support::json::dumps;
use crate::modules::support::web::{form, plain};
use crate::system::System;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// A file that the controller has.
#[derive(Debug, Serialize, Deserialize)]
pub struct Blob {
    /// SHA-256 in hex.
    sha256: String,
    /// Small ones in base64.
    #[serde(default, rename = "_inline", skip_serializing_if = "Option::is_none")]
    inline: Option<String>,
}

impl Blob {
    fn read(&self, system: &dyn System) -> Result<Vec<u8>, ModuleError> {
        let failed = |error: String| ModuleError::new(format!("failed to read what the controller sent: {error}"));
        if let Some(text) = &self.inline {
            return STANDARD.decode(text).map_err(|error| failed(error.to_string()));
        }
        let mut content = Vec::new();
        system.blob(&self.sha256)?.read_to_end(&mut content).map_err(|error| failed(error.to_string()))?;
        Ok(content)
    }
}

/// The bytes to send, if any. Adds the headers that they need.
pub(super) fn body(
    args: &Args,
    system: &dyn System,
    headers: &mut Vec<(String, String)>,
) -> Result<Option<Vec<u8>>, ModuleError> {
    if let Some(src) = &args.src {
        return match args.files.get(src.raw()) {
            Some(blob) => blob.read(system).map(Some),
            None => {
                let content = system.read(&src.path(system)?);
                content.map(Some).map_err(|_| ModuleError::new(format!("Unable to open source file {}", src.raw())))
            }
        };
    }
    let mut default_type = |kind: &str| {
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
    };
    Ok(match (args.body_format, &args.body) {
        (BodyFormat::Raw, None) => None,
        (BodyFormat::Raw, Some(body)) => Some(plain(body).into_bytes()),
        (BodyFormat::Json, body) => {
            default_type("application/json");
            Some(match body {
                Some(Value::String(text)) => text.clone().into_bytes(),
                Some(value) => dumps(value).into_bytes(),
                None => b"null".to_vec(),
            })
        }
        (BodyFormat::FormUrlencoded, body) => {
            default_type("application/x-www-form-urlencoded");
            match body {
                None => None,
                Some(Value::String(text)) => Some(text.clone().into_bytes()),
                Some(value) => Some(form(value)?.into_bytes()),
            }
        }
        (BodyFormat::FormMultipart, Some(Value::Object(fields))) => {
            let (boundary, content) = multipart(fields, args, system)?;
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            headers.push(("Content-Type".to_owned(), format!("multipart/form-data; boundary=\"{boundary}\"")));
            Some(content)
        }
        (BodyFormat::FormMultipart, _) => {
            return Err(ModuleError::new("failed to parse body as form-multipart: a mapping is required"));
        }
    })
}

/// A boundary and the parts between.
fn multipart(fields: &Map<String, Value>, args: &Args, system: &dyn System) -> Result<(String, Vec<u8>), ModuleError> {
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort();
    // Different for different contents, and nothing that occurs in them by chance.
    let boundary =
        format!("==============={}==", &Algorithm::Sha256.of_bytes(dumps(&fields.clone().into()).as_bytes())[..24]);
    let mut content = Vec::new();
    for name in names {
        content.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        part(name, &fields[name], args, system, &mut content)?;
    }
    content.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((boundary, content))
}

fn part(name: &str, value: &Value, args: &Args, system: &dyn System, out: &mut Vec<u8>) -> Result<(), ModuleError> {
    let fail = |msg: &str| Err(ModuleError::new(format!("failed to parse body as form-multipart: {name}: {msg}")));
    let fields = match value {
        Value::String(text) => {
            let head = format!("Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"\r\n");
            return Ok(());
        }
        Value::Object(fields) => fields,
        _ => return fail("a value must be a string or a mapping"),
    };
    let text = |key: &str| fields.get(key).filter(|value| !value.is_null()).map(plain);
    let (filename, content) = (text("filename"), text("content"));
    let mime = text("mime_type").unwrap_or_else(|| "application/octet-stream".to_owned());
    let (bytes, encoding) = match (&content, &filename) {
        (Some(content), _) => (content.clone().into_bytes(), ""),
        (None, Some(filename)) => {
            let bytes = match args.files.get(filename) {
                Some(blob) => blob.read(system)?,
                None => system.read(Path::new(filename))?,
            };
            match text("multipart_encoding").as_deref() {
                None | Some("base64") => {
                    // Lines as long as mail allows.
                    let encoded = STANDARD.encode(bytes);
                    let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
                    (lines.join(&b"\r\n"[..]), "Content-Transfer-Encoding: base64\r\n")
                }
                Some("7or8bit") => (bytes, "Content-Transfer-Encoding: 8bit\r\n"),
                Some(_) => return fail("multipart_encoding must be base64 or 7or8bit"),
            }
        }
        (None, None) => return fail("at least one of filename or content must be provided"),
    };
    let base = filename.as_deref().map(|filename| filename.rsplit('/').next().unwrap_or(filename));
    let file = base.map(|base| format!("; filename=\"{base}\"")).unwrap_or_default();
    let head =
        format!("Content-Type: {mime}\r\n{encoding}Content-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&bytes);
    out.extend_from_slice(b"\r\n");
    Ok(())
}
