//! Hashes, encodings and encrypted passwords.

use super::Table;
use super::basic::{flag, text_of};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::passwords;
use crate::template::python::{Args, Py};
use crate::text::hex;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

pub(super) const TABLE: Table = &[
    ("hash", |context, value, args| {
        let [kind] = args.bind(["hashtype"])?;
        hash(context, &value, &text_of(context, kind.as_ref())?.unwrap_or_else(|| "sha1".into()))
    }),
    ("md5", |context, value, _| hash(context, &value, "md5")),
    ("sha1", |context, value, _| hash(context, &value, "sha1")),
    ("checksum", |context, value, _| hash(context, &value, "sha1")),
    ("b64encode", encode),
    ("b64decode", decode),
    ("to_uuid", to_uuid),
    ("password_hash", password_hash),
];

fn hash(context: &Context, value: &Py, kind: &str) -> Result<Py> {
    let text = context.text(value)?;
    let data = text.as_bytes();
    Ok(Py::str(match kind {
        "md5" => hex(&Md5::digest(data)),
        "sha1" => hex(&Sha1::digest(data)),
        "sha224" => hex(&Sha224::digest(data)),
        "sha256" => hex(&Sha256::digest(data)),
        "sha384" => hex(&Sha384::digest(data)),
        "sha512" => hex(&Sha512::digest(data)),
        other => return Err(Fault::error(format!("unsupported hash type {other}"))),
    }))
}

/// Refuses encodings other than UTF-8 and those that agree with it.
fn check_encoding(context: &Context, encoding: Option<&Py>) -> Result<()> {
    match text_of(context, encoding)?.map(|name| name.to_lowercase()).as_deref() {
        None | Some("utf-8" | "utf8" | "ascii") => Ok(()),
        Some(other) => Err(Fault::error(format!("the encoding '{other}' is not supported; only utf-8 is"))),
    }
}

fn encode(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [encoding, url_safe] = args.bind(["encoding", "urlsafe"])?;
    let text = context.text(&value)?;
    let utf16 = matches!(
        text_of(context, encoding.as_ref())?.map(|name| name.to_lowercase()).as_deref(),
        Some("utf-16-le" | "utf-16le")
    );
    let bytes = if utf16 {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    } else {
        check_encoding(context, encoding.as_ref())?;
        text.into_bytes()
    };
    let engine = if flag(url_safe.as_ref(), false)? { &URL_SAFE } else { &STANDARD };
    Ok(Py::str(engine.encode(bytes)))
}

fn decode(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [encoding, url_safe] = args.bind(["encoding", "urlsafe"])?;
    let text = context.text(&value)?;
    let url_safe = flag(url_safe.as_ref(), false)?;
    // Characters outside the alphabet, such as line ends, are skipped.
    let extra = if url_safe { "-_=" } else { "+/=" };
    let clean: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || extra.contains(*c)).collect();
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    let bytes = engine.decode(clean).map_err(|error| Fault::error(format!("this is not Base64: {error}")))?;
    let utf16 = matches!(
        text_of(context, encoding.as_ref())?.map(|name| name.to_lowercase()).as_deref(),
        Some("utf-16-le" | "utf-16le")
    );
    if utf16 {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        return Ok(Py::str(String::from_utf16_lossy(&units)));
    }
    check_encoding(context, encoding.as_ref())?;
    String::from_utf8(bytes).map(Py::str).map_err(|_| Fault::error("the decoded text is not UTF-8"))
}

/// Ansible's own name space for `to_uuid`.
const NAMESPACE: &str = "361E6D51-FAEC-444A-9079-341386DA8E2E";

/// A UUID of version 5 (RFC 9562): the SHA-1 of name space and name.
fn to_uuid(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [namespace] = args.bind(["namespace"])?;
    let namespace = text_of(context, namespace.as_ref())?.unwrap_or_else(|| NAMESPACE.into());
    let digits: String = namespace.chars().filter(char::is_ascii_hexdigit).collect();
    let bytes: Option<Vec<u8>> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).ok()).collect();
    let Some(bytes) = bytes.filter(|bytes| bytes.len() == 16) else {
        return Err(Fault::error(format!("Invalid value '{namespace}' for 'namespace'")));
    };
    let mut hash: [u8; 20] = Sha1::new().chain_update(bytes).chain_update(context.text(&value)?).finalize().into();
    hash[6] = hash[6] & 0x0f | 0x50;
    hash[8] = hash[8] & 0x3f | 0x80;
    let hex = hex(&hash[..16]);
    Ok(Py::str(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])))
}

fn password_hash(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [kind, salt, salt_size, rounds, ident] = args.bind(["hashtype", "salt", "salt_size", "rounds", "ident"])?;
    let kind = text_of(context, kind.as_ref())?;
    let salt = text_of(context, salt.as_ref())?;
    let ident = text_of(context, ident.as_ref())?;
    if let Some(size) = salt_size.as_ref().filter(|size| !matches!(size, Py::None) && size.as_int().is_none()) {
        return Err(Fault::error(format!("salt_size must be an integer, not '{}'", size.type_name())));
    }
    let number = |value: Option<Py>| value.and_then(|value| value.as_int()).and_then(|value| u32::try_from(value).ok());
    let options = passwords::Options {
        salt: salt.as_deref(),
        salt_size: number(salt_size),
        rounds: number(rounds),
        ident: ident.as_deref(),
    };
    let kind = kind.as_deref().unwrap_or("sha512");
    let Some(secret) = value.as_str() else {
        return Err(Fault::error(format!("secret must be unicode or bytes, not {}", value.type_name())));
    };
    passwords::encrypt(secret, kind, &options).map(Py::str).map_err(Fault::error)
}
