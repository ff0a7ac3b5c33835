//! The leaf types of the policy file: texts, numbers, durations, sizes, moments, lists and maps.

use super::problem::Problem;
use super::raw::{RawChoice, RawHandshake, RawPublicChoice, RawSecret};
use super::read::{Raw, Reader, Shown, in_order};
use super::span::{Files, Located, Span};
use super::units::{parse_duration, parse_size, to_unix};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::verify::Json;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::de::DeValue;

/// Any text.
pub type Text = String;
/// Yes or no.
pub type Flag = bool;
/// A whole number, not negative.
pub type Number = u64;
/// A list; arrays override as a whole.
pub type List<T> = Vec<Located<T>>;

/// A text that is never printed: a secret written into the file.
#[derive(Clone, Debug)]
pub struct Hidden(pub Secret);

/// A length of time, written `"5m"`, `"250ms"` or `"1h30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(pub Duration);

/// A number of bytes, written `"64KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A TOML date (midnight UTC) or a date-time with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub UnixTime);

/// One value, or an array of them.
#[derive(Clone, Debug)]
pub struct OneOrMany<T>(pub List<T>);

/// A table whose keys are names of the operator's choice; overridden key by key.
#[derive(Clone, Debug)]
pub struct Map<T>(pub BTreeMap<String, Named<T>>);

/// An entry of a [`Map`]: the place of its key beside the value.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// The place of the key.
    pub key_at: Span,
    /// The value.
    pub entry: Box<Located<T>>,
}

/// `"on"`, `"off"`, or a table that says more.
#[derive(Clone, Debug)]
pub enum Switch<T> {
    /// `"off"`.
    Off,
    /// `"on"`, or a table.
    On(T),
}

/// A value that a claim must have, or an array of such values: texts, whole numbers, `true` and `false`.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact(pub Vec<Json>);

/// The secrets of a source: any of several, or those that a field of the request chooses.
#[derive(Clone, Debug)]
pub enum Secrets {
    /// Any of them proves.
    Any(List<RawSecret>),
    /// The request chooses.
    Chosen(Box<RawChoice>),
}

/// A public key: its text, or where that is kept.
#[derive(Clone, Debug, Default)]
pub struct PublicKeyText(pub RawSecret);

/// The public keys of a source: any of several, or those that a field of the request chooses.
#[derive(Clone, Debug)]
pub enum PublicKeys {
    /// Any of them proves.
    Any(List<PublicKeyText>),
    /// The request chooses.
    Chosen(Box<RawPublicChoice>),
}

/// The handshakes of a source, where it does not take those of its provider.
#[derive(Clone, Debug)]
pub enum Handshakes {
    /// `"off"`.
    Off,
    /// These.
    Own(List<RawHandshake>),
}

/// The number of an element of a list, or `"1.."`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub String);

impl<T> Default for Map<T> {
    fn default() -> Map<T> {
        Map(BTreeMap::new())
    }
}

impl Raw for Text {
    const EXAMPLE: &'static str = "\"...\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Text> {
        text(value, at, reader, "a string", Self::EXAMPLE).map(str::to_owned)
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Raw for Hidden {
    const EXAMPLE: &'static str = "\"...\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Hidden> {
        text(value, at, reader, "a string", Self::EXAMPLE).map(|text| Hidden(Secret::new(text.into())))
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }

    fn shown(&self, _at: Span, _files: &Files) -> Shown {
        Shown::Value("\"***\"".into())
    }
}

impl Raw for Flag {
    const EXAMPLE: &'static str = "true";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Flag> {
        if value.as_bool().is_none() {
            reader.wrong_type(value, at, "`true` or `false`", Self::EXAMPLE);
        }
        value.as_bool()
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Raw for Number {
    const EXAMPLE: &'static str = "100";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Number> {
        let Some(number) = value.as_integer() else {
            reader.wrong_type(value, at, "a whole number", Self::EXAMPLE);
            return None;
        };
        let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
        if parsed.is_none() {
            reader.bad_value(
                at,
                "the number is negative or too large",
                format!("for example {}", Self::EXAMPLE),
            );
        }
        parsed
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Raw for Period {
    const EXAMPLE: &'static str = "\"30s\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Period> {
        let written = with_unit(value, at, reader, "a duration with its unit", "s", Self::EXAMPLE)?;
        let parsed = parse_duration(written);
        if parsed.is_none() {
            let message = format!("\"{}\" is not a duration", written.escape_debug());
            reader.bad_value(
                at,
                message,
                "write a number and ms, s, m, h or d: \"250ms\", \"30s\", \"5m\", \"1h30m\"",
            );
        }
        parsed.map(Period)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$" })
    }
}

impl Raw for Size {
    const EXAMPLE: &'static str = "\"1MiB\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Size> {
        let written = with_unit(value, at, reader, "a size with its unit", "B", Self::EXAMPLE)?;
        let parsed = parse_size(written);
        if parsed.is_none() {
            let message = format!("\"{}\" is not a size", written.escape_debug());
            reader.bad_value(
                at,
                message,
                "write a number and B, KB, MB, GB, KiB, MiB or GiB: \"256B\", \"64KiB\", \"1MiB\"",
            );
        }
        parsed.map(Size)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)$" })
    }
}

impl Raw for Moment {
    const EXAMPLE: &'static str = "2036-12-24";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Moment> {
        let Some(written) = value.as_datetime() else {
            reader.wrong_type(value, at, "a date without quotes", Self::EXAMPLE);
            return None;
        };
        let moment = to_unix(written);
        if moment.is_none() {
            let message = "expected a date, or a date and time with its offset from UTC";
            reader.bad_value(at, message, "for example 2036-12-24 (midnight UTC) or 2036-12-24T18:00:00Z");
        }
        moment.map(Moment)
    }

    fn schema() -> Value {
        json!({ "type": "string", "anyOf": [{ "format": "date" }, { "format": "date-time" }] })
    }
}

impl<T: Raw> Raw for List<T> {
    const EXAMPLE: &'static str = "[...]";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        let Some(items) = value.as_array() else {
            // the title of an array of tables has its brackets
            let section = T::EXAMPLE.starts_with("[[");
            let example = if section { T::EXAMPLE.to_owned() } else { format!("[{}]", T::EXAMPLE) };
            reader.wrong_type(value, at, "an array", &example);
            return None;
        };
        Some(items.iter().filter_map(|item| reader.read(item)).collect())
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }

    fn shown(&self, _at: Span, files: &Files) -> Shown {
        let items = self.iter().map(|item| match item.value.shown(item.at, files) {
            Shown::Value(value) => value,
            Shown::Section(_) => files.slice(item.at).to_owned(),
        });
        Shown::Value(format!("[{}]", items.collect::<Vec<_>>().join(", ")))
    }

    fn locate(&self, path: &[String]) -> Option<Span> {
        let (index, below) = path.split_first()?;
        let item = self.get(index.parse::<usize>().ok()?)?;
        Some(item.value.locate(below).unwrap_or(item.at))
    }
}

impl<T: Raw> Raw for OneOrMany<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        if value.is_array() {
            return List::<T>::read(value, at, reader).map(OneOrMany);
        }
        let value = T::read(value, at, reader)?;
        Some(OneOrMany(vec![Located { value, at }]))
    }

    fn schema() -> Value {
        json!({ "oneOf": [T::schema(), List::<T>::schema()] })
    }
}

impl<T: Raw> Raw for Map<T> {
    const EXAMPLE: &'static str = "{ ... }";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        let Some(table) = value.as_table() else {
            reader.wrong_type(value, at, "a table", &format!("{{ name = {} }}", T::EXAMPLE));
            return None;
        };
        let mut entries = BTreeMap::new();
        for (key, value) in in_order(table) {
            let key_at = reader.span(key.span());
            if let Some(entry) = reader.read(value) {
                entries.insert(key.get_ref().to_string(), Named { key_at, entry: Box::new(entry) });
            }
        }
        Some(Map(entries))
    }

    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }

    fn merge(mut self, over: Self) -> Self {
        for (name, Named { key_at, entry: over }) in over.0 {
            let value = match self.0.remove(&name) {
                Some(base) => base.entry.value.merge(over.value),
                None => over.value,
            };
            self.0.insert(name, Named { key_at, entry: Box::new(Located { value, at: over.at }) });
        }
        self
    }

    fn shown(&self, _at: Span, files: &Files) -> Shown {
        let shown = |named: &Named<T>| named.entry.value.shown(named.entry.at, files);
        Shown::Section(self.0.iter().map(|(name, named)| (name.clone(), shown(named))).collect())
    }

    fn locate(&self, path: &[String]) -> Option<Span> {
        let (name, below) = path.split_first()?;
        let named = self.0.get(name)?;
        if below.is_empty() {
            Some(named.key_at)
        } else {
            named.entry.value.locate(below).or(Some(named.entry.at))
        }
    }
}

impl<T: Raw + Default> Raw for Switch<T> {
    const EXAMPLE: &'static str = "\"off\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        match value.as_str() {
            Some("on") => Some(Switch::On(T::default())),
            Some("off") => Some(Switch::Off),
            Some(word) => {
                let message = format!("unknown word \"{}\"", word.escape_debug());
                reader.bad_value(at, message, format!("\"on\", \"off\" or {}", T::EXAMPLE));
                None
            }
            None if value.is_table() => T::read(value, at, reader).map(Switch::On),
            None => {
                reader.wrong_type(value, at, "\"on\", \"off\" or a table", Self::EXAMPLE);
                None
            }
        }
    }

    fn schema() -> Value {
        json!({ "oneOf": [{ "type": "string", "enum": ["on", "off"] }, T::schema()] })
    }

    fn merge(self, over: Self) -> Self {
        match (self, over) {
            (Switch::On(base), Switch::On(over)) => Switch::On(base.merge(over)),
            (_, over) => over,
        }
    }

    fn shown(&self, at: Span, files: &Files) -> Shown {
        match self {
            Switch::Off => Shown::Value("\"off\"".into()),
            Switch::On(_) if files.slice(at) == "\"on\"" => Shown::Value("\"on\"".into()),
            Switch::On(table) => table.shown(at, files),
        }
    }
}

impl Raw for Secrets {
    const EXAMPLE: &'static str = "[{ env = \"NEW\" }, { env = \"OLD\" }]";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        if value.is_table() {
            return RawChoice::read(value, at, reader).map(|choice| Secrets::Chosen(Box::new(choice)));
        }
        List::<RawSecret>::read(value, at, reader).map(Secrets::Any)
    }

    fn schema() -> Value {
        json!({ "oneOf": [List::<RawSecret>::schema(), RawChoice::schema()] })
    }

    fn shown(&self, at: Span, files: &Files) -> Shown {
        match self {
            Secrets::Any(list) => list.shown(at, files),
            Secrets::Chosen(choice) => choice.shown(at, files),
        }
    }
}

impl Raw for PublicKeyText {
    const EXAMPLE: &'static str = "\"-----BEGIN PUBLIC KEY-----...\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        if value.is_table() {
            return RawSecret::read(value, at, reader).map(PublicKeyText);
        }
        let text =
            text(value, at, reader, "the text of a key, or a table that says where it is", Self::EXAMPLE)?;
        let literal = Some(Located { value: Hidden(Secret::new(text.into())), at });
        Some(PublicKeyText(RawSecret { literal, ..RawSecret::default() }))
    }

    fn schema() -> Value {
        json!({ "oneOf": [{ "type": "string" }, RawSecret::schema()] })
    }

    fn shown(&self, at: Span, files: &Files) -> Shown {
        match self.0.literal {
            Some(_) => Shown::Value(files.slice(at).to_owned()),
            None => self.0.shown(at, files),
        }
    }
}

impl Raw for PublicKeys {
    const EXAMPLE: &'static str = "[\"-----BEGIN PUBLIC KEY-----...\", { file = \"old.pem\" }]";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        if value.is_table() {
            return RawPublicChoice::read(value, at, reader)
                .map(|choice| PublicKeys::Chosen(Box::new(choice)));
        }
        List::<PublicKeyText>::read(value, at, reader).map(PublicKeys::Any)
    }

    fn schema() -> Value {
        json!({ "oneOf": [List::<PublicKeyText>::schema(), RawPublicChoice::schema()] })
    }

    fn shown(&self, at: Span, files: &Files) -> Shown {
        match self {
            PublicKeys::Any(list) => list.shown(at, files),
            PublicKeys::Chosen(choice) => choice.shown(at, files),
        }
    }
}

impl Raw for Handshakes {
    const EXAMPLE: &'static str = "\"off\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        match value.as_str() {
            Some("off") => Some(Handshakes::Off),
            Some(word) => {
                let message = format!("unknown word \"{}\"", word.escape_debug());
                reader.bad_value(at, message, "\"off\", or `[[source.handshake]]` tables");
                None
            }
            None => List::<RawHandshake>::read(value, at, reader).map(Handshakes::Own),
        }
    }

    fn schema() -> Value {
        json!({ "oneOf": [{ "type": "string", "enum": ["off"] }, List::<RawHandshake>::schema()] })
    }
}

impl Raw for Position {
    const EXAMPLE: &'static str = "0";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        if let Some(number) = value.as_integer() {
            return Some(Position(number.as_str().to_owned()));
        }
        let expected = "a number, or a string such as \"1..\"";
        text(value, at, reader, expected, Self::EXAMPLE).map(|text| Position(text.to_owned()))
    }

    fn schema() -> Value {
        json!({ "type": ["integer", "string"] })
    }
}

impl Raw for Exact {
    const EXAMPLE: &'static str = "\"webhook\"";

    fn read(value: &DeValue<'_>, at: Span, reader: &mut Reader) -> Option<Self> {
        let values = match value.as_array() {
            Some(items) if !items.is_empty() => items.iter().map(|item| exact(item.get_ref())).collect(),
            Some(_) => None,
            None => exact(value).map(|value| vec![value]),
        };
        if values.is_none() {
            reader.wrong_type(
                value,
                at,
                "a text, a whole number, `true` or `false`, or an array of them",
                Self::EXAMPLE,
            );
        }
        values.map(Exact)
    }

    fn schema() -> Value {
        let one = json!({ "type": ["string", "integer", "boolean"] });
        json!({ "oneOf": [one, { "type": "array", "minItems": 1, "items": one }] })
    }
}

fn exact(value: &DeValue<'_>) -> Option<Json> {
    if let Some(number) = value.as_integer() {
        return i64::from_str_radix(number.as_str(), number.radix()).ok().map(Json::Integer);
    }
    value.as_str().map(|text| Json::Text(text.to_owned())).or(value.as_bool().map(Json::Flag))
}

fn text<'v>(
    value: &'v DeValue<'_>,
    at: Span,
    reader: &mut Reader,
    expected: &str,
    example: &str,
) -> Option<&'v str> {
    if value.as_str().is_none() {
        reader.wrong_type(value, at, expected, example);
    }
    value.as_str()
}

/// A string with a unit; a bare number is told how to write itself.
fn with_unit<'v>(
    value: &'v DeValue<'_>,
    at: Span,
    reader: &mut Reader,
    expected: &str,
    unit: &str,
    example: &str,
) -> Option<&'v str> {
    if let Some(number) = value.as_integer() {
        let message = format!("expected {expected}, found a bare number");
        reader.push(Problem::error("missing_unit", at, message).help(format!("write \"{number}{unit}\"")));
        return None;
    }
    text(value, at, reader, expected, example)
}
