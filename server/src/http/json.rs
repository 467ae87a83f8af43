//! What a body may look like before its type is asked: nesting with an end, no name twice in one object.
//! Two readers of `{"role":"viewer","role":"owner"}` may see two different things; serde checks its own structs only.

mod read;

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

pub use read::Unfit;

// Deeper than any manifest, far from the parser's own limit of 128.
const DEPTH: usize = 64;

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// No JSON.
    Syntax,
    /// Nested deeper than [`DEPTH`].
    Depth,
    /// A name is there twice.
    Twice(String),
}

/// Looks through a whole text.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(bytes: &[u8]) -> Result<(), Wrong> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let looked = Look { depth: 0, found: &mut found }.deserialize(&mut reader).and_then(|()| reader.end());
    match (looked, found) {
        (Ok(()), None) => Ok(()),
        (_, Some(wrong)) => Err(wrong),
        (Err(_), None) => Err(Wrong::Syntax),
    }
}

/// Reads a text that [`check`] found right. Whole numbers may be written `2.0`: one number in JSON, two in Rust.
///
/// # Errors
/// What does not fit first.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unfit> {
    read::read(value(bytes)?).or_else(|unfit| {
        let mut value = value(bytes)?;
        whole_numbers(&mut value);
        read::read(value).map_err(|_| unfit)
    })
}

fn value(bytes: &[u8]) -> Result<Value, Unfit> {
    serde_json::from_slice(bytes).map_err(serde::de::Error::custom)
}

fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 1e15);
            if let Some(whole) = whole {
                // Exact: far below 2^53.
                *value = Value::from(whole as i64);
            }
        }
        _ => {}
    }
}

struct Look<'a> {
    depth: usize,
    found: &'a mut Option<Wrong>,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Look { depth, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut names = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            fields.next_value_seed(Look { depth, found: &mut *self.found })?;
            if let Some(name) = names.replace(name) {
                return Err(self.stop(Wrong::Twice(name)));
            }
        }
        Ok(())
    }
}

impl Look<'_> {
    fn deeper<E: serde::de::Error>(&mut self) -> Result<usize, E> {
        if self.depth >= DEPTH { Err(self.stop(Wrong::Depth)) } else { Ok(self.depth + 1) }
    }

    fn stop<E: serde::de::Error>(&mut self, wrong: Wrong) -> E {
        self.found.get_or_insert(wrong);
        E::custom("refused")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_in_two_objects_and_not_twice_in_one() {
        assert_eq!(check(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":null,"d":-1.5,"e":true}"#), Ok(()));
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(check(text.as_bytes()), Err(Wrong::Twice("a".into())), "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(nested(DEPTH).as_bytes()), Ok(()));
        assert_eq!(check(nested(DEPTH + 1).as_bytes()), Err(Wrong::Depth));
        assert_eq!(check("[".repeat(100_000).as_bytes()), Err(Wrong::Depth));
        assert_eq!(check("{\"a\":".repeat(100_000).as_bytes()), Err(Wrong::Depth));
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        assert_eq!(read::<Vec<u16>>(b"[80, 443.0]"), Ok(vec![80, 443]));
        for text in ["[80.5]", "[1e300]", "[-1.0]"] {
            assert!(read::<Vec<u16>>(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_no_json() {
        for text in ["", "{", "{} x", "{'a':1}", "nul", "\u{feff}{}"] {
            assert_eq!(check(text.as_bytes()), Err(Wrong::Syntax), "{text}");
        }
    }
}
