//! A generated page taken apart, in the fields that `ansible-doc --json` has.

use serde_json::{Map, Value, json};

/// A module's page.
pub struct Page {
    name: String,
    description: Vec<String>,
    options: Vec<Field>,
    results: Vec<Field>,
    examples: String,
}

/// A parameter, or a field of the result.
#[derive(Default)]
struct Field {
    name: String,
    kind: String,
    required: bool,
    default: Option<String>,
    aliases: Vec<String>,
    description: String,
    choices: Vec<String>,
}

impl Page {
    /// Reads what the generator of pages wrote.
    pub fn parse(name: &str, text: &str) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            description: Vec::new(),
            options: Vec::new(),
            results: Vec::new(),
            examples: String::new(),
        };
        let mut section = "";
        let mut fenced = false;
        for line in text.lines().skip(1) {
            if let Some(title) = line.strip_prefix("## ").filter(|_| !fenced) {
                section = title;
                continue;
            }
            match section {
                "" if !line.is_empty() => page.description.push(line.to_owned()),
                "Parameters" => take(&mut page.options, line),
                "Results" => take(&mut page.results, line),
                "Examples" if line.starts_with("```") => fenced = !fenced,
                "Examples" if fenced => page.examples.push_str(&format!("{line}\n")),
                _ => {}
            }
        }
        page
    }

    /// As `ansible-doc --json` has it.
    pub fn to_json(&self) -> Value {
        let fields = |fields: &[Field]| -> Map<String, Value> {
            fields.iter().map(|field| (field.name.clone(), field.to_json())).collect()
        };
        json!({
            "doc": {
                "collection": self.name.rsplit_once('.').map_or("", |(collection, _)| collection),
                "description": self.description,
                "module": self.name.rsplit('.').next(),
                "options": fields(&self.options),
                "plugin_name": self.name,
                "short_description": self.description.first(),
            },
            "examples": self.examples,
            "metadata": null,
            "return": fields(&self.results),
        })
    }

    /// A task with all parameters.
    pub fn snippet(&self, short: &str) -> String {
        let title = self.description.first().map_or("", |line| line.trim_end_matches('.'));
        let mut text = format!("- name: {title}\n  {short}:\n");
        for field in &self.options {
            let required = if field.required { "(required) " } else { "" };
            let key = format!("{}:", field.name);
            text.push_str(&format!("      {key:<22} # {required}{}\n", field.description));
        }
        text
    }
}

impl Field {
    fn to_json(&self) -> Value {
        let mut field = json!({"description": [self.description], "type": self.kind});
        if self.required {
            field["required"] = Value::Bool(true);
        }
        if let Some(default) = &self.default {
            field["default"] = serde_json::from_str(default).unwrap_or_else(|_| Value::from(default.as_str()));
        }
        if !self.aliases.is_empty() {
            field["aliases"] = json!(self.aliases);
        }
        if !self.choices.is_empty() {
            field["choices"] = json!(self.choices);
        }
        field
    }
}

/// `- **name** (type; required; default `x`; also `y`): What it is.`, and `  - `choice`: What that is.` below it.
fn take(fields: &mut Vec<Field>, line: &str) {
    if let (Some(choice), Some(field)) = (line.strip_prefix("  - `"), fields.last_mut()) {
        field.choices.extend(choice.split_once('`').map(|(choice, _)| choice.to_owned()));
        return;
    }
    let Some((name, rest)) = line.strip_prefix("- **").and_then(|rest| rest.split_once("** (")) else { return };
    let Some((facts, description)) = rest.split_once("): ").or_else(|| rest.strip_suffix(')').map(|facts| (facts, "")))
    else {
        return;
    };
    let mut field = Field {
        name: name.to_owned(),
        description: description.to_owned(),
        kind: "str".to_owned(),
        ..Field::default()
    };
    for (index, fact) in facts.split("; ").enumerate() {
        match fact {
            "required" => field.required = true,
            fact if index == 0 => {
                let kind = fact.split(' ').next().unwrap_or_default();
                field.kind = if kind == "text" { "str" } else { kind }.to_owned();
            }
            fact => {
                if let Some(default) = fact.strip_prefix("default ") {
                    field.default = Some(default.trim_matches('`').to_owned());
                } else if let Some(names) = fact.strip_prefix("also ") {
                    field.aliases = names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
                }
            }
        }
    }
    fields.push(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_page_apart() {
        let text = "# a.b.c\n\nDoes it.\n\n## Parameters\n\n\
                    - **path** (text; required; also `dest`, `name`): Path (absolute): of it.\n\
                    - **on** (bool; default `false`): Whether.\n  - `x`: One.\n\n## Examples\n\n```yaml\n- c:\n```\n";
        let page = Page::parse("a.b.c", text).to_json();
        let path = &page["doc"]["options"]["path"];
        assert_eq!(path["required"], true);
        assert_eq!(path["aliases"], json!(["dest", "name"]));
        assert_eq!(path["type"], "str");
        assert_eq!(page["doc"]["options"]["on"]["default"], false);
        assert_eq!(page["doc"]["options"]["on"]["choices"], json!(["x"]));
        assert_eq!(page["examples"], "- c:\n");
        assert!(Page::parse("a.b.c", text).snippet("c").contains("path:                  # (required) Path"));
    }
}
