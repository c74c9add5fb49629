//! Names of imports and roles, evaluated before any host is known.

use hostler_core::diagnostic::Diagnostic;
use hostler_core::playbook::{Scope, Statics};
use hostler_core::template::{Templar, Templates};
use hostler_core::value::{Key, Map, Value};
use std::sync::Arc;

/// Evaluates with extra variables over those that are written around the place, and with what is known of the role and the play.
pub struct ExtraVars {
    /// The environment of templates.
    pub templates: Arc<Templates>,
    /// `--extra-vars`.
    pub extra: Arc<Map>,
}

impl Statics for ExtraVars {
    fn resolve(&self, value: &Value, scope: &Arc<Scope>) -> Result<Value, Diagnostic> {
        let mut variables = Map::default();
        let mut levels: Vec<&Scope> = scope.levels().collect();
        levels.reverse();
        let roles = || levels.iter().filter_map(|level| level.role.as_ref());
        let maps = roles().map(|role| &role.defaults);
        let maps = maps.chain(roles().map(|role| &role.vars)).chain(levels.iter().map(|level| &level.keywords.vars));
        for map in maps.chain(roles().map(|role| &role.params)).chain([&self.extra]) {
            variables.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        if let Some(role) = scope.role() {
            let path = role.path.to_string_lossy().into_owned();
            let name = Value::str(Arc::clone(&role.name));
            let magic = [("role_path", Value::from(path)), ("role_name", name.clone()), ("ansible_role_name", name)];
            variables.extend(magic.map(|(name, value)| (Key::from(name), value)));
        }
        if let Some(dir) = levels.iter().find_map(|level| level.dir.as_ref()) {
            variables.insert(Key::from("playbook_dir"), Value::from(dir.to_string_lossy().into_owned()));
        }
        let templar = Templar::new(Arc::clone(&self.templates), Arc::new(variables));
        templar.resolve(value).map_err(|error| error.to_diagnostic())
    }
}
