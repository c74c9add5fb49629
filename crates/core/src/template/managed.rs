//! What a template file is told of itself: `ansible_managed`, `template_path` and their kin.

use super::dates;
use super::environment::TemplateOptions;
use super::fault::{Fault, Result};
use crate::system::local_files::{self, Stamp};
use crate::value::{Key, Map, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What template files are told of themselves. The same for all hosts, as long as a file stays as it is.
#[derive(Default)]
pub(super) struct Managed(Mutex<HashMap<(PathBuf, String), (Stamp, Map)>>);

impl Managed {
    /// The variables of the file `path`, which was asked for as `name`.
    pub(super) fn variables(&self, options: &TemplateOptions, name: &str, path: &Path) -> Result<Map> {
        let Ok(stamp) = local_files::stamp(path) else { return Ok(Map::default()) };
        let key = (path.to_owned(), name.to_owned());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, variables)) = known.get(&key).filter(|(known, _)| *known == stamp) {
            return Ok(variables.clone());
        }
        let variables = file_variables(options, name, path)?;
        known.insert(key, (stamp, variables.clone()));
        Ok(variables)
    }
}

fn file_variables(options: &TemplateOptions, name: &str, path: &Path) -> Result<Map> {
    let mut variables = Map::default();
    let Ok(about) = local_files::about(path) else { return Ok(variables) };
    let full = local_files::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let text = |text: String| Value::from(text);
    variables.insert(Key::from("template_host"), text(about.this_host));
    variables.insert(Key::from("template_uid"), about.owner.map_or(Value::Int(i64::from(about.uid)), text));
    variables.insert(Key::from("template_path"), text(name.to_owned()));
    variables.insert(Key::from("template_fullpath"), text(full.display().to_string()));
    let written = Timestamp::from_second(about.modified).map_err(|error| Fault::error(error.to_string()))?;
    let written = written.to_zoned(TimeZone::system());
    let modified = format!("{{{{ '{}' | to_datetime }}}}", dates::strftime(&written, "%Y-%m-%d %H:%M:%S")?);
    variables.insert(Key::from("template_mtime"), Value::trusted(modified, None));
    variables.insert(Key::from("template_run_date"), Value::trusted("{{ now() }}".to_owned(), None));
    if let Some(managed) = &options.managed {
        // Names of files could hold templates: what stands for them is evaluated, never they themselves.
        let filled = dates::strftime(&written, &fill(managed)?)?;
        variables.insert(Key::from("ansible_managed"), Value::trusted(filled, None));
    }
    Ok(variables)
}

/// Python's `str.format` with `{file}`, `{host}` and `{uid}`; doubled braces are braces.
fn fill(managed: &str) -> Result<String> {
    let mut filled = String::new();
    let mut rest = managed;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            filled.push_str(brace);
            rest = after;
            continue;
        }
        let field = (brace == "{").then(|| rest.split_once('}')).flatten();
        let Some((name, after)) = field else {
            return Err(Fault::error(format!("single '{brace}' in ansible_managed: `{managed}`")));
        };
        filled.push_str(match name {
            "file" => "{{ template_path }}",
            "host" => "{{ template_host }}",
            "uid" => "{{ template_uid }}",
            other => return Err(Fault::error(format!("ansible_managed has no `{{{other}}}`: file, host and uid are"))),
        });
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}
