//! Writes JSON objects as YAML that people can read: block style, every text quoted.
//! kubectl reads YAML 1.1, where an unquoted name `n` or `1e3` is no text (`security.md` §1.5).

use serde_json::Value;

/// Documents one after the other.
pub(super) fn documents(objects: &[Value]) -> String {
    objects.iter().map(document).collect::<Vec<_>>().join("---\n")
}

/// One document.
pub(super) fn document(object: &Value) -> String {
    let mut text = String::new();
    write(object, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&pad);
                out.push_str(&key_text(key));
                after_key(value, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                write(item, depth + 1, &mut inner);
                // The first line stands beside the dash, the others below it.
                out.push_str(&pad);
                out.push_str("- ");
                out.push_str(inner.trim_start());
            }
        }
        scalar => {
            out.push_str(&pad);
            out.push_str(&scalar.to_string());
            out.push('\n');
        }
    }
}

fn after_key(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push_str(":\n");
            write(value, depth + 1, out);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            out.push_str(":\n");
            write(value, depth, out);
        }
        // A list of words on one line, as people write rules.
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            out.push_str(&format!(": [{}]\n", items.join(", ")));
        }
        other => out.push_str(&format!(": {other}\n")),
    }
}

fn key_text(key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') && key.len() > 1 && !key.is_empty();
    if plain && !matches!(key, "yes" | "no" | "on" | "off" | "true" | "false" | "null") {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}
