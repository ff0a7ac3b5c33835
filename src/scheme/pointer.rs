//! One value out of a JSON body, without building the document.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A JSON pointer (RFC 6901) to a value below the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Parses `/a/b~1c/0`; the pointer to the whole document is refused.
    pub fn parse(text: &str) -> Option<Pointer> {
        let tokens = text.strip_prefix('/')?;
        tokens.split('/').map(unescape).collect::<Option<Vec<_>>>().map(Pointer)
    }

    /// The names and indices that lead to the value.
    pub fn tokens(&self) -> &[String] {
        &self.0
    }

    /// The text at the pointer. `None` when the body is not JSON, when nothing or no string or integer
    /// stands there, or when an object on the way names the member twice.
    pub fn find(&self, chunks: &[bytes::Bytes]) -> Option<String> {
        let found = match chunks {
            [] => return None,
            [whole] => self.locate(whole).ok()??.get().to_owned(),
            // A slice is skipped many times faster than a stream, which makes up for the copy.
            pieces => self.locate(&pieces.concat()).ok()??.get().to_owned(),
        };
        let integer = |text: &str| {
            !text.is_empty() && text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
        };
        text(&found).filter(|_| found.starts_with('"') || integer(&found))
    }

    /// The value at the pointer as it stands in the document; `None` when nothing stands there.
    ///
    /// # Errors
    /// When it is no JSON document, or an object on the way names the member twice.
    pub fn locate<'d>(&self, document: &'d [u8]) -> Result<Option<&'d RawValue>, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(document);
        let found = Step { path: &self.0 }.deserialize(&mut json)?;
        json.end()?;
        Ok(found)
    }
}

/// The text of a JSON string, or a number, `true` or `false` as it is written; `None` for anything else.
pub fn text(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

/// `~1` is `/` and `~0` is `~`; any other `~` is an error.
fn unescape(token: &str) -> Option<String> {
    let mut plain = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(next) = rest.next() {
        plain.push(match next {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

/// Reads one value: follows the first token of the path, skips everything else.
struct Step<'p> {
    path: &'p [String],
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        if self.path.is_empty() {
            return <&RawValue>::deserialize(json).map(Some);
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let first = self.path.first().map(String::as_str);
        let (mut found, mut seen) = (None, false);
        while let Some(wanted) = members.next_key_seed(Wanted(first))? {
            if !wanted {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut seen, true) {
                return Err(M::Error::custom("repeated member"));
            }
            found = members.next_value_seed(Step { path: self.path.get(1..).unwrap_or_default() })?;
        }
        Ok(found)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
        let wanted = self.path.first().and_then(|token| index(token));
        let mut found = None;
        for at in 0usize.. {
            if Some(at) == wanted {
                let step = Step { path: self.path.get(1..).unwrap_or_default() };
                match elements.next_element_seed(step)? {
                    Some(value) => found = value,
                    None => break,
                }
            } else if elements.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// An array index of RFC 6901: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (token == "0" || !token.starts_with('0'))).then(|| token.parse().ok())?
}

/// Whether a member's name is the one that is wanted.
struct Wanted<'p>(Option<&'p str>);

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Wanted<'_> {
    type Value = bool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn find(pointer: &str, json: &str) -> Option<String> {
        let pointer = Pointer::parse(pointer).unwrap();
        let whole = pointer.find(&[Bytes::copy_from_slice(json.as_bytes())]);
        let pieces: Vec<_> = json.bytes().map(|byte| Bytes::copy_from_slice(&[byte])).collect();
        assert_eq!(whole, pointer.find(&pieces), "{json}");
        whole
    }

    #[test]
    fn strings_and_integers_are_found() {
        assert_eq!(find("/id", r#"{"a":[1,{"id":2}],"id":"evt_1","z":{"id":3}}"#).unwrap(), "evt_1");
        assert_eq!(find("/id", r#"{"\u0069d":"evt_1"}"#).unwrap(), "evt_1");
        assert_eq!(find("/data/1/id", r#"{"data":[{"id":1},{"id":-2}]}"#).unwrap(), "-2");
        assert_eq!(
            find("/a~1b/~0", r#"{"a/b":{"~":18446744073709551615}}"#).unwrap(),
            "18446744073709551615"
        );
        assert_eq!(find("/0", r#"["x"]"#).unwrap(), "x");
    }

    #[test]
    fn anything_odd_is_no_id() {
        for json in [
            "",
            "id=1",
            "{}",
            "[]",
            "1",
            r#"{"id":null}"#,
            r#"{"id":true}"#,
            r#"{"id":1.5}"#,
            r#"{"id":{}}"#,
            r#"{"id":["x"]}"#,
            r#"{"id":"a","id":"a"}"#,
            r#"{"id":"a","\u0069d":"b"}"#,
            r#"{"id":"a"} x"#,
            r#"{"id":"a""#,
        ] {
            assert_eq!(find("/id", json), None, "{json}");
        }
        assert_eq!(find("/01", r#"["x","y"]"#), None);
        assert_eq!(find("/id", &format!(r#"{{"id":"a","deep":{}}}"#, "[".repeat(10_000))), None);
    }

    #[test]
    fn pointers_are_checked() {
        assert!(Pointer::parse("/id").is_some());
        for bad in ["", "id", "/a~2", "/a~"] {
            assert!(Pointer::parse(bad).is_none(), "{bad}");
        }
    }
}
