//! The one writer of YAML: an order-keeping value that is made or read, changed a little and written.
//!
//! Block style, as kubectl writes it, and every text quoted.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<(String, Node)>),
}

// === impl Node ===

impl Node {
    /// This map, or an empty one in place of nothing. None for any other value.
    pub fn or_empty_map(self) -> Option<Self> {
        match self {
            Self::Null => Some(Self::Map(Vec::new())),
            Self::Map(_) => Some(self),
            _ => None,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let Self::Map(entries) = self else { return None };
        entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The list of a key; empty where there is none.
    pub fn list(&self, key: &str) -> &[Node] {
        match self.get(key) {
            Some(Self::List(list)) => list,
            _ => &[],
        }
    }

    /// The list of a key, to change; made where there is none. None when the key has another value.
    pub fn list_mut(&mut self, key: &str) -> Option<&mut Vec<Node>> {
        if matches!(self.get(key), None | Some(Self::Null)) {
            self.set(key, Self::List(Vec::new()));
        }
        match self.get_mut(key) {
            Some(Self::List(list)) => Some(list),
            _ => None,
        }
    }

    /// Sets a key in its place, or adds it at the end.
    pub fn set(&mut self, key: &str, value: Node) {
        match self.get_mut(key) {
            Some(place) => *place = value,
            None => {
                if let Self::Map(entries) = self {
                    entries.push((key.to_owned(), value));
                }
            }
        }
    }

    /// The document as text, in block style.
    pub fn write(&self) -> String {
        let mut out = String::new();
        self.block(0, &mut out);
        out
    }

    fn block(&self, indent: usize, out: &mut String) {
        let pad = " ".repeat(indent);
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    out.push_str(&format!("{pad}{}:", key_text(key)));
                    // kubectl writes a list at the indent of its key.
                    let deeper = if matches!(value, Self::List(_)) { indent } else { indent + 2 };
                    value.after_key(deeper, out);
                }
            }
            Self::List(items) if !items.is_empty() => {
                for item in items {
                    let mut text = String::new();
                    item.block(indent + 2, &mut text);
                    out.push_str(&format!("{pad}- {}", &text[indent + 2..]));
                }
            }
            scalar => out.push_str(&format!("{pad}{}\n", scalar.flow())),
        }
    }

    fn after_key(&self, indent: usize, out: &mut String) {
        if self.is_block() {
            out.push('\n');
            self.block(indent, out);
        } else {
            out.push_str(&format!(" {}\n", self.flow()));
        }
    }

    fn is_block(&self) -> bool {
        match self {
            Self::Map(entries) => !entries.is_empty(),
            Self::List(items) => !items.is_empty(),
            _ => false,
        }
    }

    /// A value that fits one line.
    fn flow(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(text) => quoted(text),
            Self::List(_) => "[]".to_owned(),
            Self::Map(_) => "{}".to_owned(),
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) => Self::Int(whole.into()),
                (None, Some(whole)) => Self::Int(whole.into()),
                (None, None) => Self::Float(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect()),
        }
    }
}

/// One object as a document.
pub fn document(object: &Value) -> String {
    Node::from(object).write()
}

/// A text in double quotes: JSON strings are YAML strings. kubectl reads YAML 1.1, where an unquoted `n` or `1e3` is no
/// text (`security.md` §1.5).
pub fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A key without quotes where no YAML reads it as anything but text.
fn key_text(key: &str) -> String {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        && !words.contains(&key.to_ascii_lowercase().as_str());
    if plain { key.to_owned() } else { quoted(key) }
}

struct NodeVisitor;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_quoted_and_nests() {
        let object = json!({"a b": 1, "list": [{"x": "n", "y": ["1e3"]}], "map": {"no": true}, "name": "yes"});
        let expected = "\"a b\": 1\nlist:\n- x: \"n\"\n  \"y\":\n  - \"1e3\"\nmap:\n  \"no\": true\nname: \"yes\"\n";
        assert_eq!(document(&object), expected);
    }
}
