#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout)]
use hostler_core::value::Value;
use hostler_core::yaml::emit::*;
fn main() {
    for line in std::io::stdin().lines() {
        let j: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let o = &j["o"];
        let mut opts = Options::default();
        opts.indent = o["indent"].as_u64().unwrap_or(2) as usize;
        if let Some(w) = o["width"].as_u64() {
            opts.width = Some(w as usize);
        }
        opts.default_flow_style = o["default_flow_style"].as_bool();
        opts.sort_keys = o["sort_keys"].as_bool().unwrap_or(true);
        opts.explicit_start = o["explicit_start"].as_bool().unwrap_or(false);
        opts.explicit_end = o["explicit_end"].as_bool().unwrap_or(false);
        opts.default_style = match o["default_style"].as_str() {
            Some("'") => Some(Style::Single),
            Some("\"") => Some(Style::Double),
            Some("|") => Some(Style::Literal),
            _ => None,
        };
        let out = to_yaml(&Value::from(j["v"].clone()), &opts);
        println!("{}", serde_json::Value::String(out));
    }
}
