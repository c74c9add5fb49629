//! URLs.

use super::Table;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, PyMap};

pub(super) const TABLE: Table =
    &[("urlsplit", url_split), ("urlencode", url_encode), ("urldecode", url_decode), ("urlize", urlize)];

/// The parts of a URL.
#[derive(Debug, Default)]
pub(crate) struct Url {
    pub scheme: String,
    pub netloc: String,
    pub path: String,
    pub query: String,
    pub fragment: String,
}

/// Takes a URL apart as Python's `urlsplit` does: only brackets that hold no address fail.
pub(crate) fn split_url(text: &str) -> Result<Url> {
    let mut url = Url::default();
    let text = text.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "");
    let mut rest = text.as_str();
    if let Some(at) = rest.find(':').filter(|at| *at > 0) {
        let scheme = &rest[..at];
        if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        {
            url.scheme = scheme.to_ascii_lowercase();
            rest = &rest[at + 1..];
        }
    }
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        url.netloc = after[..end].to_owned();
        rest = &after[end..];
        if !brackets_fit(&url.netloc) {
            return Err(Fault::error("Invalid IPv6 URL"));
        }
    }
    if let Some((before, fragment)) = rest.split_once('#') {
        url.fragment = fragment.to_owned();
        rest = before;
    }
    if let Some((before, query)) = rest.split_once('?') {
        url.query = query.to_owned();
        rest = before;
    }
    url.path = rest.to_owned();
    Ok(url)
}

/// Whether brackets in a URL's host, if there are some, hold an IPv6 address and nothing but a port follows.
fn brackets_fit(netloc: &str) -> bool {
    if !netloc.contains(['[', ']']) {
        return true;
    }
    let host = netloc.rsplit_once('@').map_or(netloc, |(_, host)| host);
    let Some((address, port)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) else { return false };
    let address = address.split_once('%').map_or(address, |(address, _)| address);
    (port.is_empty() || port.starts_with(':')) && address.parse::<std::net::Ipv6Addr>().is_ok()
}

fn url_split(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [query, _alias] = args.bind(["query", "alias"])?;
    let url = split_url(&context.text(&value)?)?;
    let (user, host) = match url.netloc.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, url.netloc.as_str()),
    };
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let text = |text: Option<&str>| text.map_or(Py::None, Py::str);
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => {
            let port = port.parse::<i64>().ok().filter(|port| (0..=65535).contains(port));
            Py::Int(port.ok_or_else(|| Fault::error("the port of the URL is not a number from 0 to 65535"))?)
        }
        None => Py::None,
    };
    let parts: PyMap = [
        ("fragment", Py::str(url.fragment.as_str())),
        ("hostname", text(Some(host).filter(|host| !host.is_empty()).map(str::to_lowercase).as_deref())),
        ("netloc", Py::str(url.netloc.as_str())),
        ("password", text(user.and_then(|user| user.split_once(':')).map(|(_, password)| password))),
        ("path", Py::str(url.path.as_str())),
        ("port", port),
        ("query", Py::str(url.query.as_str())),
        ("scheme", Py::str(url.scheme.as_str())),
        ("username", text(user.map(|user| user.split(':').next().unwrap_or_default()))),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value))
    .collect();
    match query.as_ref().and_then(Py::as_str).filter(|query| !query.is_empty()) {
        None => Ok(Py::dict(parts)),
        Some(query) => {
            parts.get(query).cloned().ok_or_else(|| Fault::error(format!("urlsplit: unknown URL component: {query}")))
        }
    }
}

/// Percent-encodes all but letters, digits, `_.-~` and `safe`.
fn quote(text: &str, safe: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || safe.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn url_encode(context: &Context, value: Py, _: Args) -> Result<Py> {
    let pairs: Vec<(Py, Py)> = match (&value, value.entries(context)?) {
        (Py::Str(text), _) => return Ok(Py::str(quote(text, "/"))),
        (_, Some(entries)) => entries.into_iter().map(|(key, value)| (Py::from(&key), value)).collect(),
        (sequence, None) if sequence.is_sequence() => {
            let pairs = sequence.iterate()?.into_iter().map(|pair| {
                let [key, value] = <[Py; 2]>::try_from(pair.iterate()?)
                    .map_err(|_| Fault::error("urlencode needs pairs of a name and a value"))?;
                Ok((key, value))
            });
            pairs.collect::<Result<_>>()?
        }
        (other, None) => return Ok(Py::str(quote(&context.text(other)?, "/"))),
    };
    // In forms a blank is a plus.
    let encode = |value: &Py| context.text(value).map(|text| quote(&text, "").replace("%20", "+"));
    let pairs = pairs.iter().map(|(key, value)| Ok(format!("{}={}", encode(key)?, encode(value)?)));
    Ok(Py::str(pairs.collect::<Result<Vec<_>>>()?.join("&")))
}

fn url_decode(_: &Context, value: Py, _: Args) -> Result<Py> {
    let Some(text) = value.as_str() else {
        let kind = value.type_name();
        return Err(Fault::error(format!("'{kind}' object has no attribute 'replace'")));
    };
    let text = text.replace('+', " ");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%') {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    Ok(Py::str(String::from_utf8_lossy(&bytes).into_owned()))
}

fn urlize(context: &Context, value: Py, _: Args) -> Result<Py> {
    let text = context.text(&value)?;
    let words = text.split(' ').map(|word| {
        let is_link = ["http://", "https://"].iter().any(|scheme| word.starts_with(scheme));
        if is_link { format!("<a href=\"{word}\" rel=\"noopener\">{word}</a>") } else { word.to_owned() }
    });
    Ok(Py::str(words.collect::<Vec<_>>().join(" ")))
}
