//! What a task is called with: its arguments over the defaults of `module_defaults`, and what it knows of the host it is
//! delegated to.

use super::host_task::HostTask;
use crate::template::{Templar, TemplateError};
use crate::value::{Key, Map, Value};

impl HostTask<'_> {
    /// `ansible_delegated_vars`, evaluated if asked for: what the host that the task is delegated to knows.
    ///
    /// # Errors
    /// The host's name is evaluated to nothing, whatever the task's condition says.
    pub(super) fn delegated_vars(&self, templar: &Templar) -> Result<Option<Map>, String> {
        let Some(written) = self.task.scope.find(|keywords| &keywords.delegate_to) else { return Ok(None) };
        let name = match templar.resolve(&written.value) {
            Err(_) | Ok(Value::Omit | Value::Unknown(_)) => return Ok(None),
            Ok(name) => Templar::text_of(&name),
        };
        if name.is_empty() {
            let source = written.value.as_str().unwrap_or_default();
            return match written.value.is_lazy() {
                true => Err(format!("Task failed: Empty hostname produced from delegate_to: \"{source}\"")),
                false => Ok(None),
            };
        }
        let name = serde_json::to_string(&name).unwrap_or_default();
        let source = format!(
            "{{{{ {{{name}: (hostvars[{name}] | default({{}})) | combine({{'inventory_hostname': inventory_hostname}})}} }}}}"
        );
        Ok(Some(Map::from_iter([(Key::from("ansible_delegated_vars"), Value::trusted(source, None))])))
    }

    /// The arguments, evaluated, over the defaults that `module_defaults` gives.
    ///
    /// # Errors
    /// What cannot be evaluated, and what was being done then.
    pub(super) fn args(&self, templar: &Templar) -> Result<Map, (TemplateError, String)> {
        let finalizing = |error| (error, format!("Finalization of task args for '{}' failed: ", self.task.action));
        let resolving = |name: &Key| {
            let doing = format!(
                "Finalization of task args for '{}' failed: Error while resolving value for '{name}': ",
                self.task.action
            );
            move |error| (error, doing)
        };
        let mut args = self.defaults(templar, &self.task.action).map_err(finalizing)?;
        let whole = self.task.args.get("_variable_params");
        // Those of `args`, then those behind the action.
        let whole: Vec<&Value> = whole.map_or_else(Vec::new, |whole| match whole {
            Value::List(several) => several.iter().collect(),
            one => vec![one],
        });
        for whole in whole {
            match templar.resolve(whole).map_err(finalizing)? {
                Value::Omit => {}
                Value::Map(whole) => args.extend(whole.iter().map(|(key, value)| (key.clone(), value.clone()))),
                other => {
                    let message = format!("Task args must resolve to a 'dict' not '{}'.", other.type_name());
                    return Err(finalizing(TemplateError::new(message, None)));
                }
            }
        }
        let action = self.batch.engine.parts.actions.get(&self.task.action);
        for (key, value) in self.task.args.iter().filter(|(key, _)| key.as_str() != Some("_variable_params")) {
            // An action that evaluates a parameter itself (`that`, `var`) gets it as written.
            let raw = key.as_str().is_some_and(|key| action.is_some_and(|action| action.raw_args().contains(&key)));
            let value = if raw { value.clone() } else { templar.resolve(value).map_err(resolving(key))? };
            if value == Value::Omit {
                args.shift_remove(key);
            } else {
                args.insert(key.clone(), value);
            }
        }
        Ok(args)
    }

    /// What `module_defaults` gives an action: of its groups, then its own; an inner level's entry replaces an outer one's.
    pub(super) fn defaults(&self, templar: &Templar, action: &str) -> Result<Map, TemplateError> {
        let mut all = Map::default();
        let mut levels: Vec<_> = self.task.scope.levels().collect();
        levels.reverse();
        for written in levels.iter().filter_map(|level| level.keywords.module_defaults.as_ref()) {
            let whole = match &written.value {
                Value::Template(_) => templar.resolve(&written.value)?,
                other => other.clone(),
            };
            let maps = match &whole {
                Value::List(maps) => maps.iter().map(|map| templar.resolve(map)).collect::<Result<Vec<_>, _>>()?,
                map => vec![map.clone()],
            };
            for map in maps.iter().filter_map(Value::as_map) {
                all.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        if all.is_empty() {
            return Ok(all);
        }
        let loader = &self.batch.engine.parts.loader;
        let is_meant = |key: &str| match key.strip_prefix("group/") {
            Some(group) => loader.in_group(group, action),
            None => false,
        };
        let groups = all.iter().filter(|(key, _)| key.as_str().is_some_and(is_meant)).map(|(_, value)| value);
        let mut args = Map::default();
        // What Ansible brings takes the defaults of what may stand in for it, but not the other way round.
        let stand_in = action
            .strip_prefix("ansible.builtin.")
            .and_then(|short| all.get(format!("ansible.legacy.{short}").as_str()));
        let named = loader.defaults_name(action).and_then(|name| all.get(&*name));
        for defaults in groups.chain(stand_in).chain(named.or_else(|| all.get(action))) {
            // Those of other actions may need what is not there.
            if let Value::Map(defaults) = templar.resolve(defaults)? {
                args.extend(defaults.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        Ok(args)
    }
}

/// The arguments, without those that are secret by their names.
pub(super) fn shown_arguments(args: &Map) -> Value {
    let is_secret =
        |name: &str| ["pass", "secret", "token", "cryptkey", "ca_key"].iter().any(|word| name.contains(word));
    let shown = |(key, value): (&Key, &Value)| match value {
        Value::Str(_) | Value::List(_) | Value::Map(_) if key.as_str().is_some_and(is_secret) => {
            (key.clone(), Value::from("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"))
        }
        value => (key.clone(), value.clone()),
    };
    let arguments: Map = args.iter().map(shown).collect();
    Map::from_iter([(Key::from("module_args"), arguments.into())]).into()
}
