//! How a later source's variables go over an earlier one's (`hash_behaviour`).

use crate::value::{Map, Value};
use std::sync::Arc;

/// What happens to a mapping that both sources have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashBehaviour {
    /// The later one replaces it.
    #[default]
    Replace,
    /// They are merged key by key, all the way down. Lists are replaced.
    Merge,
}

/// Puts `over` on top of `base`.
pub fn combine(base: &mut Map, over: &Map, behaviour: HashBehaviour) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Map(below)), Value::Map(above)) if behaviour == HashBehaviour::Merge => {
                combine(Arc::make_mut(below), above, behaviour);
            }
            (Some(below), above) => below.clone_from(above),
            (None, above) => {
                base.insert(key.clone(), above.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_or_merges() {
        let map = |json| Value::from(json).as_map().unwrap().clone();
        let base = map(serde_json::json!({"a": {"x": 1, "l": [1]}, "b": 1}));
        let over = map(serde_json::json!({"a": {"y": 2, "l": [2]}, "c": 3}));
        let combined = |behaviour| {
            let mut base = base.clone();
            combine(&mut base, &over, behaviour);
            Value::from(base).to_json().to_string()
        };
        assert_eq!(combined(HashBehaviour::Replace), r#"{"a":{"y":2,"l":[2]},"b":1,"c":3}"#);
        assert_eq!(combined(HashBehaviour::Merge), r#"{"a":{"x":1,"l":[2],"y":2},"b":1,"c":3}"#);
    }
}
