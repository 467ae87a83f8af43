//! A pod being filled in: each change is made on a copy and written down as a JSON patch operation.
//!
//! Working on the copy lets later steps see what earlier ones set, so parents are created once. RFC 6901, RFC 6902.

use serde_json::{Map, Value};

use super::Injection;

/// A pod with the injections that led to it.
pub(super) struct Draft {
    object: Value,
    injections: Vec<Injection>,
}

// === impl Draft ===

impl Draft {
    pub(super) fn new(pod: &Value) -> Self {
        Self { object: pod.clone(), injections: Vec::new() }
    }

    pub(super) fn into_injections(self) -> Vec<Injection> {
        self.injections
    }

    /// The value at `path`; `null` counts as absent, as it does for the API server.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Value> {
        self.object.pointer(&pointer(path)).filter(|value| !value.is_null())
    }

    /// The string at `path`; absent counts as empty.
    pub(super) fn text(&self, path: &[&str]) -> &str {
        self.get(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a member, creating missing parent objects first. Equal values are left alone.
    pub(super) fn set(&mut self, path: &[&str], value: Value) {
        if self.get(path) == Some(&value) {
            return;
        }
        for end in 1..path.len() {
            if self.get(&path[..end]).is_none() {
                self.push(pointer(&path[..end]), Value::Object(Map::new()));
            }
        }
        self.push(pointer(path), value);
    }

    /// Takes a member away, if it is there.
    pub(super) fn remove(&mut self, path: &[&str]) {
        if self.get(path).is_some() {
            self.make("remove", pointer(path), Value::Null);
        }
    }

    /// Appends to an array; a missing one is added whole. Never replaces an array.
    pub(super) fn append(&mut self, path: &[&str], value: Value) {
        match self.get(path) {
            Some(Value::Array(_)) => self.push(format!("{}/-", pointer(path)), value),
            _ => self.set(path, Value::Array(vec![value])),
        }
    }

    fn push(&mut self, path: String, value: Value) {
        let op = if self.object.pointer(&path).is_some() { "replace" } else { "add" };
        self.make(op, path, value);
    }

    fn make(&mut self, op: &str, path: String, value: Value) {
        let injection = Injection { op: op.to_owned(), path, value };
        apply_one(&mut self.object, &injection);
        self.injections.push(injection);
    }
}

/// Makes the changes of [`super::admit`] on `pod`. Operations whose parent is missing change nothing.
///
/// Source: RFC 6902 §4.1 to §4.3: `add` and `replace`, and `remove` of members.
pub fn apply(pod: &mut Value, injections: &[Injection]) {
    for injection in injections {
        apply_one(pod, injection);
    }
}

fn apply_one(object: &mut Value, injection: &Injection) {
    let Some((parent, last)) = injection.path.rsplit_once('/') else { return };
    let key = last.replace("~1", "/").replace("~0", "~");
    let value = injection.value.clone();
    match object.pointer_mut(parent) {
        Some(Value::Object(members)) if injection.op == "remove" => drop(members.remove(&key)),
        Some(Value::Object(members)) => {
            members.insert(key, value);
        }
        Some(Value::Array(items)) if key == "-" => items.push(value),
        Some(Value::Array(items)) => match key.parse::<usize>() {
            Ok(index) if injection.op == "add" && index <= items.len() => items.insert(index, value),
            Ok(index) if injection.op == "replace" && index < items.len() => items[index] = value,
            _ => {}
        },
        _ => {}
    }
}

/// RFC 6901: `~` and `/` within a key are escaped.
fn pointer(path: &[&str]) -> String {
    path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}
