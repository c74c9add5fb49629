//! Packages by whichever package manager the host has. Answers to `ansible.builtin.package`.
//!
//! apt's are those of [`super::apt`]; hosts with another package manager are refused by its name.

use super::apt::{self, Apt};
use crate::facts;
use crate::module::{Checked, Diff, Module, ModuleError, Simulated};
use crate::system::System;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The module.
pub struct Package;

/// Packages by whichever package manager the host has: `use`, and the parameters of that one's module.
#[derive(Debug, Default)]
pub struct Args {
    /// The package manager: `auto`, or its name.
    pub manager: Option<String>,
    /// Its parameters.
    pub parameters: apt::Args,
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parameters = match serde_json::to_value(&self.parameters) {
            Ok(Value::Object(parameters)) => parameters,
            Ok(other) => return Err(S::Error::custom(format!("parameters are no object: {other}"))),
            Err(error) => return Err(S::Error::custom(error)),
        };
        parameters.insert("use".to_owned(), json!(self.manager));
        parameters.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parameters = Map::deserialize(deserializer)?;
        let manager = match parameters.remove("use") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name),
            Some(other) => return Err(D::Error::custom(format!("parameter `use` must be a name, not {other}"))),
        };
        let parameters = serde_json::from_value(Value::Object(parameters)).map_err(D::Error::custom)?;
        Ok(Self { manager, parameters })
    }
}

impl JsonSchema for Args {
    fn schema_name() -> Cow<'static, str> {
        "Package".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = apt::Args::json_schema(generator);
        let manager = json!({"description": "The package manager: `auto`, or its name.", "type": ["string", "null"]});
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert("use".into(), manager);
        }
        schema
    }
}

impl Module for Package {
    const NAME: &'static str = "ansible.builtin.package";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.package"];
    type Args = Args;
    type Output = apt::Output;
    type Change = apt::Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let manager = match args.manager.as_deref().unwrap_or("auto") {
            "auto" => facts::package_manager(system),
            named => named.rsplit('.').next().unwrap_or(named).to_owned(),
        };
        if manager != "apt" {
            return Err(ModuleError::new(format!("package manager {manager} is not supported: only apt is")));
        }
        let Checked { output, change, unknown } = Apt::check(&args.parameters, system)?;
        Ok(Checked { output, change, unknown })
    }

    fn apply(args: &Args, change: apt::Change, system: &mut dyn System) -> Result<apt::Output, ModuleError> {
        Apt::apply(&args.parameters, change, system)
    }

    fn simulate(
        args: &Args,
        change: apt::Change,
        system: &mut dyn System,
    ) -> Result<Simulated<apt::Output>, ModuleError> {
        Apt::simulate(&args.parameters, change, system)
    }

    fn diff(change: &apt::Change) -> Vec<Diff> {
        Apt::diff(change)
    }
}
