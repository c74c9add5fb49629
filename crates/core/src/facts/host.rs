//! Names and kind of the machine, Python, and small things about the running kernel.

use super::{Facts, look::Look};
use serde_json::{Value, json};

pub(super) fn platform(look: Look<'_>, facts: &mut Facts) {
    let Ok(uname) = look.0.uname() else { return };
    let fqdn = fqdn(look, &uname.nodename);
    let bits = if uname.machine.ends_with("64") || uname.machine == "s390x" { "64" } else { "32" };
    let architecture = match uname.machine.as_str() {
        "i386" | "i486" | "i586" | "i686" | "i86pc" => "i386",
        other => other,
    };
    facts.insert("system".into(), json!(uname.sysname));
    facts.insert("kernel".into(), json!(uname.release));
    facts.insert("kernel_version".into(), json!(uname.version));
    facts.insert("machine".into(), json!(uname.machine));
    facts.insert("architecture".into(), json!(architecture));
    facts.insert("userspace_bits".into(), json!(bits));
    match (architecture, bits) {
        ("x86_64", "64") => drop(facts.insert("userspace_architecture".into(), json!("x86_64"))),
        ("i386", _) => drop(facts.insert("userspace_architecture".into(), json!("i386"))),
        _ => {}
    }
    facts.insert("nodename".into(), json!(uname.nodename));
    facts.insert("hostname".into(), json!(uname.nodename.split('.').next()));
    facts.insert("domain".into(), json!(fqdn.split_once('.').map_or("", |(_, domain)| domain)));
    facts.insert("fqdn".into(), json!(fqdn));
    let id = look.text("/var/lib/dbus/machine-id").or_else(|| look.text("/etc/machine-id"));
    if let Some(id) = id.as_deref().and_then(|id| id.lines().next()) {
        facts.insert("machine_id".into(), json!(id));
    }
}

/// As Python's `socket.getfqdn`: of the names that the host's address has, the first with a dot, else the first.
fn fqdn(look: Look<'_>, nodename: &str) -> String {
    let own = |line: &str| line.split_whitespace().skip(1).any(|name| name.eq_ignore_ascii_case(nodename));
    let hosts = look.raw("/etc/hosts");
    let mut lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let Some(line) = lines.find(|line| own(line)) else {
        let answer = look.answer("getent", &["hosts", nodename]).unwrap_or_default();
        return best_name(answer.lines().next().unwrap_or_default()).unwrap_or(nodename).to_owned();
    };
    // The names of the address are those of its first line, which may be another one than that with our name.
    let address = line.split_whitespace().next();
    let first = hosts.lines().find(|line| line.split_whitespace().next() == address).unwrap_or(line);
    best_name(first).unwrap_or(nodename).to_owned()
}

/// The name to prefer in `address name alias…`.
fn best_name(line: &str) -> Option<&str> {
    let names = || line.split('#').next().unwrap_or_default().split_whitespace().skip(1);
    names().find(|name| name.contains('.')).or_else(|| names().next())
}

const PYTHON_QUESTION: &str = "import sys,json,importlib.util as u;v=sys.version_info;\
print(json.dumps([list(v),sys.executable,u.find_spec('_ssl') is not None,sys.implementation.name]))";

pub(super) fn python(look: Look<'_>, facts: &mut Facts) {
    // The system's own first: one on PATH may be a wrapper of a user's.
    let python = if look.exists("/usr/bin/python3") { "/usr/bin/python3" } else { "python3" };
    let answer = look.answer(python, &["-E", "-S", "-c", PYTHON_QUESTION]);
    let Some(Value::Array(parts)) = answer.and_then(|text| serde_json::from_str(&text).ok()) else { return };
    let [Value::Array(version), executable, ssl, implementation] = parts.as_slice() else { return };
    let [major, minor, micro, level, serial] = version.as_slice() else { return };
    facts.insert("python_version".into(), json!(format!("{major}.{minor}.{micro}")));
    facts.insert(
        "python".into(),
        json!({
            "version": {"major": major, "minor": minor, "micro": micro, "releaselevel": level, "serial": serial},
            "version_info": version,
            "executable": executable,
            "has_sslcontext": ssl,
            "type": implementation,
        }),
    );
}

pub(super) fn cmdline(look: Look<'_>, facts: &mut Facts) {
    let Some(line) = look.text("/proc/cmdline") else { return };
    let (mut last, mut all) = (Facts::new(), Facts::new());
    for word in quoted_words(&line) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, json!(value)),
            None => (word.as_str(), json!(true)),
        };
        last.insert(name.to_owned(), value.clone());
        match all.get_mut(name) {
            Some(Value::Array(values)) => values.push(value),
            Some(earlier) if !value.is_boolean() => *earlier = json!([earlier.take(), value]),
            _ => drop(all.insert(name.to_owned(), value)),
        }
    }
    facts.insert("cmdline".into(), Value::Object(last));
    facts.insert("proc_cmdline".into(), Value::Object(all));
}

/// Words of a line; blanks between double quotes do not part them, and the quotes stay.
fn quoted_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            ' ' | '\t' | '\n' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => {
                quoted ^= letter == '"';
                word.push(letter);
            }
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

pub(super) fn load(look: Look<'_>, facts: &mut Facts) {
    let Some(text) = look.text("/proc/loadavg") else { return };
    let numbers: Vec<f64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    if let [one, five, fifteen, ..] = numbers.as_slice() {
        facts.insert("loadavg".into(), json!({"1m": one, "5m": five, "15m": fifteen}));
    }
}

pub(super) fn environment(look: Look<'_>, facts: &mut Facts) {
    facts.insert("env".into(), json!(look.0.environment()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_names_with_a_domain() {
        assert_eq!(best_name("127.0.1.1 web1 web1.example.org # me"), Some("web1.example.org"));
        assert_eq!(best_name("127.0.1.1\tweb1 www"), Some("web1"));
        assert_eq!(best_name(""), None);
    }

    #[test]
    fn keeps_quoted_blanks_together() {
        assert_eq!(quoted_words("quiet a=\"b c\" d"), ["quiet", "a=\"b c\"", "d"]);
    }
}
