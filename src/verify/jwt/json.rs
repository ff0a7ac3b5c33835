//! JSON (RFC 8259) without two readings: a member name occurs once in its object, and the depth is bounded.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 32;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number without fraction that fits.
    Integer(i64),
    /// Any other number; finite.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonFlaw;

impl Json {
    /// Reads one value and nothing behind it.
    ///
    /// # Errors
    /// Not JSON in UTF-8, a member name twice in one object, nested too deep.
    pub fn parse(bytes: &[u8]) -> Result<Json, JsonFlaw> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = Value { depth: 0 }.deserialize(&mut json).map_err(|_| JsonFlaw)?;
        json.end().map_err(|_| JsonFlaw)?;
        Ok(value)
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of `serde_json`, for writing.
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Json::Null => serde_json::Value::Null,
            Json::Flag(flag) => (*flag).into(),
            Json::Integer(number) => (*number).into(),
            Json::Float(number) => (*number).into(),
            Json::Text(text) => text.as_str().into(),
            Json::List(items) => items.iter().map(Json::to_value).collect(),
            Json::Object(members) => {
                members.iter().map(|(name, value)| (name.as_str(), value.to_value())).collect()
            }
        }
    }
}

/// Reads a value at a depth.
#[derive(Clone, Copy)]
struct Value {
    depth: usize,
}

impl Value {
    fn below<E: Error>(self) -> Result<Value, E> {
        if self.depth >= MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(Value { depth: self.depth + 1 }) }
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Json, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        // Beyond 64 bits the number is only compared with times, for which this is exact enough.
        Ok(i64::try_from(number).map_or(Json::Float(number as f64), Json::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        if number.is_finite() { Ok(Json::Float(number)) } else { Err(E::custom("not a number")) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Json, S::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Json, M::Error> {
        let below = self.below()?;
        let mut object = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below)?;
            if object.insert(name, value).is_some() {
                return Err(M::Error::custom("a member name twice"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are() {
        let json = Json::parse(br#" {"a":[1,-2,1.5,"\u0061",true,null],"i\u0073":{}} "#).unwrap();
        let list = vec![
            Json::Integer(1),
            Json::Integer(-2),
            Json::Float(1.5),
            Json::Text("a".into()),
            Json::Flag(true),
            Json::Null,
        ];
        assert_eq!(json.get("a"), Some(&Json::List(list)));
        assert_eq!(json.get("is"), Some(&Json::Object(BTreeMap::new())));
        assert_eq!(Json::parse(json.to_value().to_string().as_bytes()), Ok(json));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let deep = |depth: usize| [&"[".repeat(depth)[..], &"]".repeat(depth)].concat();
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"n":{"a":1,"b":2,"a":3}}"#,
            "",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{\"a\":1e400}",
            "{/**/}",
            "{\"a\":\"\\ud800\"}",
            "{'a':1}",
            "[1,]",
            &deep(MAX_DEPTH + 1),
            &deep(100_000),
        ] {
            assert_eq!(Json::parse(text.as_bytes()), Err(JsonFlaw), "{:.40}", text);
        }
        assert_eq!(Json::parse(b"\"\xff\""), Err(JsonFlaw));
        assert!(Json::parse(deep(MAX_DEPTH).as_bytes()).is_ok());
    }
}
