//! The part of JSON Schema that our API document uses: says what is wrong with a value, and makes up a right one.

use serde_json::{Value, json};

/// The schemas of one document.
#[derive(Clone, Copy)]
pub struct Schemas<'a>(pub &'a Value);

// === impl Schemas ===

impl<'a> Schemas<'a> {
    /// Follows a `$ref`.
    pub fn resolve(self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let found = self.0.pointer(reference.trim_start_matches('#'));
                self.resolve(found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => value,
        }
    }

    /// What is wrong with `value`, by place; empty when nothing is.
    pub fn wrong(self, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.look(schema, value, "", &mut found);
        found
    }

    fn look(self, schema: &'a Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.look(part, value, at, found);
        }
        if let Some(shapes) = schema["oneOf"].as_array() {
            let fitting = shapes.iter().filter(|shape| self.wrong(shape, value).is_empty()).count();
            if fitting != 1 {
                found.push(format!("{at}: fits {fitting} of {} shapes", shapes.len()));
            }
        }
        let mut say = |text: String| found.push(format!("{at}: {text}"));
        if !types(schema).is_empty() && !types(schema).iter().any(|kind| is_of(kind, value)) {
            say(format!("is not {}", schema["type"]));
            return;
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            say(format!("is none of {}", schema["enum"]));
        }
        if let (Some(number), Some(least)) = (value.as_f64(), schema["minimum"].as_f64())
            && number < least
        {
            say(format!("is less than {least}"));
        }
        if let (Some(text), Some(format)) = (value.as_str(), schema["format"].as_str())
            && !has_format(text, format)
        {
            say(format!("{text:?} is no {format}"));
        }
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            if schema["items"].is_object() {
                self.look(&schema["items"], item, &format!("{at}/{n}"), found);
            }
        }
        self.look_at_fields(schema, value, at, found);
    }

    fn look_at_fields(self, schema: &'a Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Some(fields) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                found.push(format!("{at}: {name} is missing"));
            }
        }
        let properties = schema["properties"].as_object();
        for (name, field) in fields {
            match properties.and_then(|known| known.get(name)) {
                Some(known) => self.look(known, field, &format!("{at}/{name}"), found),
                // A field that nobody described is one that nobody meant to show.
                None if properties.is_some() && !schema_is_part(self.0, schema) => {
                    found.push(format!("{at}: {name} is not described"));
                }
                None => {}
            }
        }
    }

    /// The least value that fits.
    ///
    /// # Panics
    /// For a text with a pattern and no example: give the field one.
    pub fn sample(self, schema: &'a Value) -> Value {
        let schema = self.resolve(schema);
        if let Some(example) = schema.get("example") {
            return example.clone();
        }
        if let Some(first) = schema["enum"].get(0).or_else(|| schema["examples"].get(0)) {
            return first.clone();
        }
        if let Some(first) = schema["oneOf"].get(0) {
            return self.sample(first);
        }
        match types(schema).first().copied() {
            Some("object") => crate::contract::object_of(schema, |_, field| self.sample(field)),
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                json!((0..least).map(|_| self.sample(&schema["items"])).collect::<Vec<_>>())
            }
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            Some("string") => json!(sample_text(schema)),
            _ => Value::Null,
        }
    }
}

/// Half of a flattened struct knows its own half of the fields only.
fn schema_is_part(document: &Value, schema: &Value) -> bool {
    let all = document["components"]["schemas"].as_object().into_iter().flatten();
    let parts = all.flat_map(|(_, whole)| whole["allOf"].as_array().into_iter().flatten());
    let resolved = |part: &&Value| {
        let reference = part["$ref"].as_str().map(|r| r.trim_start_matches('#'));
        reference.and_then(|r| document.pointer(r)).unwrap_or(part) == schema
    };
    parts.collect::<Vec<_>>().iter().any(resolved)
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}

fn has_format(text: &str, format: &str) -> bool {
    match format {
        "uuid" => text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]),
        "date-time" => text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
        _ => true,
    }
}

fn sample_text(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("uuid") => "019c1b2e-7f00-7abc-8def-0123456789ab".to_owned(),
        Some("date-time") => "2099-01-31T00:00:00Z".to_owned(),
        _ => {
            assert!(schema.get("pattern").is_none(), "a text with a pattern needs an example: {schema}");
            "x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1)).unwrap_or(1).max(1))
        }
    }
}
