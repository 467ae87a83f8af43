//! Reads a value as a type, for bodies: serde's derived readers take a list for a struct, its fields in their order, at
//! every depth; here only an object is one. What does not fit is named by its place.

use std::fmt;
use std::vec;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

/// Why a value is not of its type.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Which part: `deployment.env[0].name`; empty for the whole.
    pub at: String,
    /// What serde says of it.
    pub text: String,
}

/// Reads a whole value.
///
/// # Errors
/// What does not fit first.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Unfit> {
    T::deserialize(Strict(value))
}

struct Strict(Value);

struct Items {
    rest: vec::IntoIter<Value>,
    count: usize,
}

struct Fields {
    rest: map::IntoIter,
    last: String,
    value: Value,
}

// === impl Unfit ===

impl Unfit {
    /// Seen from one step further out. Only a failure gets a path: with one for each value, a body of long names would
    /// cost the square of its length.
    fn inside(self, step: &str) -> Self {
        let dot = if self.at.is_empty() || self.at.starts_with('[') { "" } else { "." };
        Self { at: format!("{step}{dot}{}", self.at), ..self }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Unfit {}

impl serde::de::Error for Unfit {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { at: String::new(), text: text.to_string() }
    }
}

// === impl Strict ===

impl<'de> Deserializer<'de> for Strict {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(yes) => visitor.visit_bool(yes),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => list(items, visitor),
            Value::Object(fields) => object(fields, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        match self.0 {
            Value::Array(_) => Err(Unfit::invalid_type(Unexpected::Seq, &visitor)),
            value => Self(value).deserialize_any(visitor),
        }
    }

    /// The words of bodies hold nothing, so that there is nothing inside to be strict with.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.0.deserialize_enum(name, variants, visitor).map_err(Unfit::custom)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, Unfit> {
    let mut items = Items { rest: items.into_iter(), count: 0 };
    let read = visitor.visit_seq(&mut items)?;
    // A reader of so many items leaves what is too much.
    if items.rest.as_slice().is_empty() { Ok(read) } else { Err(Unfit::custom("too many items")) }
}

fn object<'de, V: Visitor<'de>>(fields: Map<String, Value>, visitor: V) -> Result<V::Value, Unfit> {
    visitor.visit_map(Fields { rest: fields.into_iter(), last: String::new(), value: Value::Null })
}

// === impl Items ===

impl<'de> SeqAccess<'de> for Items {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unfit> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let place = self.count;
        self.count += 1;
        seed.deserialize(Strict(value)).map(Some).map_err(|unfit| unfit.inside(&format!("[{place}]")))
    }
}

// === impl Fields ===

impl<'de> MapAccess<'de> for Fields {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unfit> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        (self.last, self.value) = (name.clone(), value);
        let name: StringDeserializer<Unfit> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unfit> {
        seed.deserialize(Strict(self.value.take())).map_err(|unfit| unfit.inside(&self.last))
    }
}

#[cfg(test)]
mod tests {
    use domain::deployment::AdmissionCheck;
    use domain::manifest::Manifest;
    use serde_json::json;

    use super::*;

    fn plan(more: Value) -> Value {
        let mut plan = json!({"name": "a", "sku_code": "b", "image": "c"});
        for (name, value) in more.as_object().unwrap() {
            plan[name] = value.clone();
        }
        json!({"deployment": plan})
    }

    #[test]
    fn a_list_is_no_struct_at_any_depth() {
        assert!(read::<AdmissionCheck>(plan(json!({"env": [{"name": "A", "value": "1"}]}))).is_ok());
        let listed = read::<AdmissionCheck>(plan(json!({"env": [["A", "1"]]}))).unwrap_err();
        assert_eq!(listed.at, "deployment.env[0]");
        assert!(listed.text.starts_with("invalid type: sequence"), "{}", listed.text);
        let listed = read::<AdmissionCheck>(json!({"deployment": ["deployment", "a", "b", 1, "c"]})).unwrap_err();
        assert_eq!(listed.at, "deployment");
        assert!(read::<AdmissionCheck>(json!([])).is_err());
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_place() {
        for (more, place) in [
            (json!({"image": null}), "deployment.image"),
            (json!({"ports": [80, "x"]}), "deployment.ports[1]"),
            (json!({"ports": [65536]}), "deployment.ports[0]"),
            (json!({"labels": {"a": 7}}), "deployment.labels.a"),
            (json!({"kind": "ship"}), "deployment.kind"),
            (json!({"env": [{"name": "A"}]}), "deployment.env[0]"),
        ] {
            assert_eq!(read::<AdmissionCheck>(plan(more.clone())).unwrap_err().at, place, "{more}");
        }
    }

    #[test]
    fn free_json_stays_as_it_was_sent() {
        let object = json!({"a": [1, -2, 0.5, 1e300, u64::MAX, null, true, "x", [], {}], "b": {"c": [["d"]]}});
        let manifest: Manifest = read(json!({"object": object, "version": "1"})).unwrap();
        assert_eq!(manifest.object, object);
    }

    #[test]
    fn a_reader_of_two_items_takes_no_third() {
        assert_eq!(read::<(u8, u8)>(json!([1, 2])), Ok((1, 2)));
        assert!(read::<(u8, u8)>(json!([1])).is_err());
        assert!(read::<(u8, u8)>(json!([1, 2, 3])).is_err());
    }
}
