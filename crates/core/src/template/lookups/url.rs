//! `url`: what web servers answer.
//!
//! Not supported, and refused: `use_gssapi`, `ciphers`.

use super::{Call, Function};
use crate::modules::support::web::{Follow, Web, message};
use crate::system::http::Tls;
use crate::system::os::Os;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::Py;
use std::path::PathBuf;

pub(super) const TABLE: &[(&str, Function)] = &[("url", url)];

fn url(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let split = call.flag("split_lines", true)?;
    let settings = settings(context, &mut call)?;
    call.finish()?;
    let mut found = Vec::new();
    for term in call.term_texts(context)? {
        let body = fetch(&settings, &term)?;
        if split {
            found.extend(body.lines().map(Py::str));
        } else {
            found.push(Py::str(body));
        }
    }
    Ok(found)
}

/// What is the same for every URL; each of them is filled in later.
struct Settings {
    headers: Vec<(String, String)>,
    unredirected: Vec<String>,
    credentials: Option<(String, String)>,
    force_basic_auth: bool,
    follow: Follow,
    timeout: f64,
    insecure: bool,
    ca_path: Option<PathBuf>,
    unix_socket: Option<PathBuf>,
    use_proxy: bool,
    use_netrc: bool,
}

fn settings(context: &Context, call: &mut Call) -> Result<Settings> {
    if call.flag("use_gssapi", false)? {
        return Err(Fault::error("use_gssapi is not supported"));
    }
    if call.options.take("ciphers").is_some_and(|ciphers| !matches!(ciphers, Py::None)) {
        return Err(Fault::error("ciphers is not supported"));
    }
    let mut headers = Vec::new();
    if let Some(given) = call.options.take("headers").and_then(|given| given.entries(context).transpose()) {
        for (name, value) in &given? {
            headers.push((name.to_string(), context.text(value)?));
        }
    }
    let agent = call.text(context, "http_agent")?.unwrap_or_else(|| "ansible-httpget".to_owned());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        headers.push(("User-Agent".to_owned(), agent));
    }
    if call.flag("force", false)? {
        headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
    }
    let unredirected = match call.options.take("unredirected_headers") {
        None | Some(Py::None) => Vec::new(),
        Some(Py::Str(text)) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Some(names) => names.iterate()?.iter().map(|name| context.text(name)).collect::<Result<_>>()?,
    };
    let username = call.text(context, "username")?;
    let password = call.text(context, "password")?.unwrap_or_default();
    let timeout = match call.options.take("timeout") {
        None => 10.0,
        Some(timeout) => {
            let text = context.text(&timeout)?;
            text.trim().parse().map_err(|_| Fault::error(format!("timeout must be a number, not '{text}'")))?
        }
    };
    let follow = match call.text(context, "follow_redirects")?.as_deref() {
        None | Some("urllib2") => Follow::Python,
        Some("all" | "yes" | "True") => Follow::All,
        Some("safe") => Follow::Safe,
        Some("none" | "no" | "False") => Follow::None,
        Some(other) => {
            return Err(Fault::error(format!("follow_redirects must be all, none, safe or urllib2, not '{other}'")));
        }
    };
    Ok(Settings {
        headers,
        unredirected,
        credentials: username.map(|name| (name, password)),
        force_basic_auth: call.flag("force_basic_auth", false)?,
        follow,
        timeout,
        insecure: !call.flag("validate_certs", true)?,
        ca_path: call.text(context, "ca_path")?.map(PathBuf::from),
        unix_socket: call.text(context, "unix_socket")?.map(PathBuf::from),
        use_proxy: call.flag("use_proxy", true)?,
        use_netrc: call.flag("use_netrc", true)?,
    })
}

fn fetch(settings: &Settings, url: &str) -> Result<String> {
    let web = Web {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: settings.headers.clone(),
        unredirected: settings.unredirected.clone(),
        body: None,
        credentials: settings.credentials.clone(),
        force_basic_auth: settings.force_basic_auth,
        follow: settings.follow,
        timeout: settings.timeout,
        tls: Tls { insecure: settings.insecure, ca_path: settings.ca_path.clone(), ..Tls::default() },
        unix_socket: settings.unix_socket.clone(),
        use_proxy: settings.use_proxy,
        use_netrc: settings.use_netrc,
        raw: false,
    };
    let shown = without_password(url);
    let mut response =
        web.look(&Os::new()).map_err(|error| Fault::error(format!("Failed lookup url for {shown}: {}", error.msg)))?;
    if response.status >= 300 {
        return Err(Fault::error(format!("Received HTTP error for {shown}: {}", message(&response))));
    }
    let body = response.read().map_err(|error| Fault::error(format!("Error connecting to {shown}: {error}")))?;
    String::from_utf8(body).map_err(|_| Fault::error(format!("what {shown} gives is not UTF-8")))
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:********@{}", &rest[user.len() + 1..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_in_urls_are_not_shown() {
        assert_eq!(without_password("http://me:pw@host/a@b"), "http://me:********@host/a@b");
        assert_eq!(without_password("http://host/a@b"), "http://host/a@b");
    }
}
