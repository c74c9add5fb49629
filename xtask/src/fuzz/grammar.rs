//! Makes expressions as playbooks have them: mostly of the right types, now and then not.
//!
//! What they are made of is in `grammar.json`. Nothing in it depends on chance, time, the environment or files.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use fastrand::Rng;
use serde::Deserialize;
use serde_json::Value;

/// How deep expressions nest.
const DEEPEST: u32 = 3;
/// Kinds of values, by their names in `grammar.json`.
const KINDS: [&str; 9] = ["int", "float", "text", "bool", "ints", "texts", "list", "users", "dict"];
/// Words in braces that stand for an expression of a kind.
const SLOTS: [(&str, &str); 9] = [
    ("i", "int"),
    ("f", "float"),
    ("s", "text"),
    ("b", "bool"),
    ("il", "ints"),
    ("sl", "texts"),
    ("l", "list"),
    ("u", "users"),
    ("d", "dict"),
];

/// The variables that expressions use; some are templates themselves.
pub fn variables() -> Result<Value> {
    serde_json::from_str(include_str!("variables.json")).context("failed to read variables.json")
}

/// What expressions of a kind look like.
#[derive(Deserialize)]
struct Kind {
    /// Without others inside.
    leaves: Vec<String>,
    /// With others in place of words in braces.
    shapes: Vec<String>,
}

#[derive(Deserialize)]
struct Rules {
    /// Texts to choose from in place of a word in braces.
    picks: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    kinds: BTreeMap<String, Kind>,
}

/// Makes one expression after the other.
pub struct Grammar {
    random: Rng,
    rules: Rules,
}

impl Grammar {
    /// The same `seed` makes the same expressions.
    pub fn new(seed: u64) -> Result<Self> {
        let rules: Rules = serde_json::from_str(include_str!("grammar.json")).context("failed to read grammar.json")?;
        for kind in KINDS {
            rules.kinds.get(kind).with_context(|| format!("grammar.json has no kind {kind}"))?;
        }
        Ok(Self { random: Rng::with_seed(seed), rules })
    }

    /// The next one.
    pub fn expression(&mut self) -> String {
        let kind = KINDS[self.random.usize(..KINDS.len())];
        let depth = self.random.u32(1..=DEEPEST);
        self.of(kind, depth)
    }

    fn of(&mut self, kind: &str, depth: u32) -> String {
        // Now and then a value of a kind that is not asked for.
        let kind = if self.random.u32(..40) == 0 { KINDS[self.random.usize(..KINDS.len())] } else { kind };
        let leaf = depth == 0 || self.random.u32(..6) == 0;
        let rules = &self.rules.kinds[kind];
        let from = if leaf { &rules.leaves } else { &rules.shapes };
        let shape = from[self.random.usize(..from.len())].clone();
        if leaf { shape } else { self.fill(&shape, depth - 1) }
    }

    /// Puts expressions in place of the words in braces.
    fn fill(&mut self, shape: &str, depth: u32) -> String {
        let mut out = String::new();
        let mut rest = shape;
        while let Some(start) = rest.find('{') {
            out.push_str(&rest[..start]);
            let word = rest[start + 1..].split('}').next().unwrap_or_default();
            match self.slot(word, depth) {
                Some(text) => {
                    out.push_str(&text);
                    rest = &rest[start + word.len() + 2..];
                }
                None => {
                    out.push('{');
                    rest = &rest[start + 1..];
                }
            }
        }
        out + rest
    }

    fn slot(&mut self, word: &str, depth: u32) -> Option<String> {
        if let Some(picks) = self.rules.picks.get(word) {
            return Some(picks[self.random.usize(..picks.len())].clone());
        }
        let kind = match word {
            "any" => KINDS[self.random.usize(..KINDS.len())],
            word => SLOTS.iter().find(|(name, _)| *name == word)?.1,
        };
        let text = self.of(kind, depth);
        let simple = text.chars().all(|c| c.is_alphanumeric() || "_.'".contains(c));
        Some(if simple { text } else { format!("({text})") })
    }
}
