//! The part of JSON Schema 2020-12 that the provider's document uses, with `unevaluatedProperties` and `if`/`then`.
//! An unknown keyword is an error of the contract, found by a test, so nothing is passed over in silence.
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value};

/// Keywords that say nothing about a value.
const NOTES: [&str; 3] = ["default", "x-enum-varnames", "title"];

/// What was found wrong, and which properties some part of the schema knew.
#[derive(Default)]
struct Findings {
    wrong: Vec<String>,
    known: BTreeSet<String>,
}

/// What is wrong with `value`, in the provider's own style; empty when nothing is.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    look(document, schema, value, "$").wrong
}

fn look(document: &Value, schema: &Value, value: &Value, at: &str) -> Findings {
    let mut found = Findings::default();
    let Some(keywords) = schema.as_object() else { return found };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => found.join(look(document, resolve(document, rule), value, at)),
            "allOf" => {
                for part in rule.as_array().into_iter().flatten() {
                    found.join(look(document, part, value, at));
                }
            }
            "anyOf" => any_of(document, rule, value, at, &mut found),
            "not" if look(document, rule, value, at).wrong.is_empty() => {
                found.say(at, "matches what it must not");
            }
            "if" => {
                let holds = look(document, rule, value, at).wrong.is_empty();
                if let Some(then) = keywords.get("then").filter(|_| holds) {
                    found.join(look(document, then, value, at));
                }
            }
            "not" | "then" | "additionalProperties" | "unevaluatedProperties" => {}
            other if NOTES.contains(&other) => {}
            other => plain(document, other, rule, value, at, &mut found),
        }
    }
    if let Value::Object(fields) = value {
        closed(document, keywords, fields, at, &mut found);
    }
    found
}

fn any_of(document: &Value, rule: &Value, value: &Value, at: &str, found: &mut Findings) {
    let shapes: Vec<_> = rule.as_array().into_iter().flatten().map(|one| look(document, one, value, at)).collect();
    match shapes.into_iter().find(|one| one.wrong.is_empty()) {
        Some(fitting) => found.known.extend(fitting.known),
        None => found.say(at, "fits none of the allowed shapes"),
    }
}

fn plain(document: &Value, keyword: &str, rule: &Value, value: &Value, at: &str, found: &mut Findings) {
    let number = |limit: fn(f64, f64) -> bool| value.as_f64().zip(rule.as_f64()).is_none_or(|(v, r)| limit(v, r));
    let length = |len: Option<usize>, limit: fn(u64, u64) -> bool| {
        len.and_then(|len| u64::try_from(len).ok()).zip(rule.as_u64()).is_none_or(|(l, r)| limit(l, r))
    };
    let holds = match keyword {
        "type" => types(rule).any(|kind| is_of(kind, value)),
        "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
        "minimum" => number(|v, r| v >= r),
        "maximum" => number(|v, r| v <= r),
        "minLength" => length(value.as_str().map(|text| text.chars().count()), |l, r| l >= r),
        "maxItems" => length(value.as_array().map(Vec::len), |l, r| l <= r),
        "minProperties" => length(value.as_object().map(Map::len), |l, r| l >= r),
        "pattern" => value
            .as_str()
            .zip(rule.as_str())
            .is_none_or(|(text, rule)| Regex::new(rule).is_ok_and(|pattern| pattern.is_match(text))),
        "format" => value.as_str().is_none_or(|text| rule != "date-time" || text.parse::<jiff::Timestamp>().is_ok()),
        "items" => {
            for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                found.wrong.extend(look(document, rule, item, &format!("{at}.{n}")).wrong);
            }
            true
        }
        "required" => {
            missing(rule, value, at, found);
            true
        }
        "properties" => {
            properties(document, rule, value, at, found);
            true
        }
        _ => false,
    };
    if !holds {
        found.say(at, &format!("{keyword} {rule} does not hold"));
    }
}

fn missing(rule: &Value, value: &Value, at: &str, found: &mut Findings) {
    let Some(fields) = value.as_object() else { return };
    for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.say(at, &format!("missing property '{name}'"));
        }
    }
}

fn properties(document: &Value, rule: &Value, value: &Value, at: &str, found: &mut Findings) {
    let (Some(rules), Some(fields)) = (rule.as_object(), value.as_object()) else { return };
    for (name, rule) in rules {
        if let Some(field) = fields.get(name) {
            found.known.insert(name.clone());
            found.wrong.extend(look(document, rule, field, &format!("{at}.{name}")).wrong);
        }
    }
}

/// Properties nobody described: `additionalProperties` sees its own neighbours, `unevaluatedProperties` all parts.
fn closed(document: &Value, rules: &Map<String, Value>, fields: &Map<String, Value>, at: &str, found: &mut Findings) {
    let own = |name: &String| rules.get("properties").and_then(|all| all.get(name)).is_some();
    match rules.get("additionalProperties") {
        Some(Value::Bool(false)) => {
            for name in fields.keys().filter(|name| !own(name)) {
                found.say(at, &format!("additional properties '{name}' not allowed"));
            }
        }
        Some(rule @ Value::Object(_)) => {
            for (name, field) in fields.iter().filter(|(name, _)| !own(name)) {
                found.known.insert(name.clone());
                found.wrong.extend(look(document, rule, field, &format!("{at}.{name}")).wrong);
            }
        }
        _ => {}
    }
    if rules.get("unevaluatedProperties") == Some(&Value::Bool(false)) {
        for name in fields.keys().filter(|name| !found.known.contains(*name)).cloned().collect::<Vec<_>>() {
            found.say(at, &format!("additional properties '{name}' not allowed"));
        }
    }
}

fn resolve<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap_or_default().trim_start_matches('#');
    document.pointer(pointer).unwrap_or(&Value::Null)
}

fn types(rule: &Value) -> impl Iterator<Item = &str> {
    let many = rule.as_array().into_iter().flatten();
    rule.as_str().into_iter().chain(many.filter_map(Value::as_str))
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

// === impl Findings ===

impl Findings {
    fn say(&mut self, at: &str, text: &str) {
        self.wrong.push(format!("{at}: {text}"));
    }

    fn join(&mut self, other: Self) {
        self.wrong.extend(other.wrong);
        self.known.extend(other.known);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_of_all_parts_count_as_known() {
        let document = json!({"a": {"type": "object", "properties": {"x": {"type": "integer"}}}});
        let schema = json!({"allOf": [{"$ref": "#/a"}, {"properties": {"y": {"type": "string"}}, "required": ["y"]}],
            "unevaluatedProperties": false});
        assert!(check(&document, &schema, &json!({"x": 1, "y": "a"})).is_empty());
        assert_eq!(check(&document, &schema, &json!({"x": 1})), ["$: missing property 'y'"]);
        let extra = check(&document, &schema, &json!({"y": "a", "cmd": []}));
        assert_eq!(extra, ["$: additional properties 'cmd' not allowed"]);
        assert_eq!(check(&document, &schema, &json!({"x": "1", "y": "a"})).len(), 1);
    }

    #[test]
    fn a_condition_asks_for_a_field() {
        let schema = json!({"if": {"not": {"required": ["templateId"]}}, "then": {"required": ["image"]}});
        assert_eq!(check(&Value::Null, &schema, &json!({})), ["$: missing property 'image'"]);
        assert!(check(&Value::Null, &schema, &json!({"templateId": "t"})).is_empty());
    }

    #[test]
    fn an_unknown_keyword_never_passes() {
        assert!(!check(&Value::Null, &json!({"multipleOf": 2}), &json!(4)).is_empty());
    }
}
