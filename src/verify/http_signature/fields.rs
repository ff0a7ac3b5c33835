//! `Signature-Input` and `Signature` (RFC 9421 section 4): dictionaries in which every name stands once.

use crate::base::limits::{MAX_COMPONENTS, MAX_SIGNATURE_FIELD, MAX_SIGNATURES};
use crate::http::headers::trim;
use http::{HeaderMap, HeaderName};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};
use std::fmt;

/// What a signature says of itself. Nothing in it counts before the signature is checked.
#[derive(Debug)]
pub(super) struct UnverifiedInput {
    pub label: String,
    /// Names and parameters of what it covers, in order.
    pub components: Vec<(String, Vec<Argument>)>,
    pub arguments: Vec<Argument>,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub name: String,
    pub value: Value,
}

/// The types that parameters here have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Integer(i64),
    Text(String),
    Flag(bool),
    Other,
}

/// Not the dictionary that it must be, or a name stands twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldFlaw;

impl fmt::Display for FieldFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("not a dictionary of its form")
    }
}

impl std::error::Error for FieldFlaw {}

/// All lines of a field as one, which is how a structured field is read (RFC 9651 section 4.2). Nothing where there
/// is no line.
pub(super) fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, FieldFlaw> {
    let mut text = String::new();
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    for line in lines {
        let line = std::str::from_utf8(trim(line.as_bytes())).map_err(|_| FieldFlaw)?;
        if text.len() + line.len() > MAX_SIGNATURE_FIELD {
            return Err(FieldFlaw);
        }
        if !text.is_empty() && !line.is_empty() {
            text.push_str(", ");
        }
        text.push_str(line);
    }
    Ok(Some(text))
}

/// Reads `Signature-Input`.
pub(super) fn inputs(text: &str) -> Result<Vec<UnverifiedInput>, FieldFlaw> {
    Parser::new(text).parse_dictionary_with_visitor(Inputs(Vec::new())).map_err(|_| FieldFlaw)
}

/// Reads a dictionary of byte sequences: names and bytes. `base64url`: both alphabets are taken.
pub(super) fn byte_sequences(text: &str, base64url: bool) -> Result<Vec<(String, Vec<u8>)>, FieldFlaw> {
    let respelled = if base64url { Some(in_standard_alphabet(text).ok_or(FieldFlaw)?) } else { None };
    let text = respelled.as_deref().unwrap_or(text);
    Parser::new(text).parse_dictionary_with_visitor(Sequences(Vec::new())).map_err(|_| FieldFlaw)
}

/// With every byte sequence in the alphabet of RFC 4648 section 4. Nothing where one mixes both alphabets.
fn in_standard_alphabet(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for (number, piece) in text.split(':').enumerate() {
        if number > 0 {
            out.push(':');
        }
        if number % 2 == 0 {
            out.push_str(piece);
        } else if piece.contains(['-', '_']) && piece.contains(['+', '/']) {
            return None;
        } else {
            out.push_str(&piece.replace('-', "+").replace('_', "/"));
        }
    }
    Some(out)
}

struct Inputs(Vec<UnverifiedInput>);

impl<'de> DictionaryVisitor<'de> for Inputs {
    type Out = Vec<UnverifiedInput>;
    type Error = FieldFlaw;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, FieldFlaw> {
        let label = key.as_str().to_owned();
        if self.0.len() >= MAX_SIGNATURES || self.0.iter().any(|known| known.label == label) {
            return Err(FieldFlaw);
        }
        self.0.push(UnverifiedInput { label, components: Vec::new(), arguments: Vec::new() });
        self.0.last_mut().map(InputOf).ok_or(FieldFlaw)
    }

    fn finish(self) -> Result<Vec<UnverifiedInput>, FieldFlaw> {
        Ok(self.0)
    }
}

struct InputOf<'i>(&'i mut UnverifiedInput);

impl<'de> EntryVisitor<'de> for InputOf<'_> {
    type Error = FieldFlaw;

    fn item(self) -> Result<impl ItemVisitor<'de>, FieldFlaw> {
        Err::<Never, _>(FieldFlaw)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, FieldFlaw> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for InputOf<'_> {
    type Error = FieldFlaw;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, FieldFlaw> {
        if self.0.components.len() >= MAX_COMPONENTS {
            return Err(FieldFlaw);
        }
        Ok(ComponentOf(&mut self.0.components))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, FieldFlaw> {
        Ok(ArgumentsOf(&mut self.0.arguments))
    }
}

struct ComponentOf<'i>(&'i mut Vec<(String, Vec<Argument>)>);

impl<'de> ItemVisitor<'de> for ComponentOf<'_> {
    type Out = ();
    type Error = FieldFlaw;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, FieldFlaw> {
        let BareItemFromInput::String(name) = item else { return Err(FieldFlaw) };
        self.0.push((name.as_str().to_owned(), Vec::new()));
        self.0.last_mut().map(|(_, arguments)| ArgumentsOf(arguments)).ok_or(FieldFlaw)
    }
}

struct ArgumentsOf<'i>(&'i mut Vec<Argument>);

/// Most parameters of one signature or component; six are known.
const MAX_ARGUMENTS: usize = 16;

impl<'de> ParameterVisitor<'de> for ArgumentsOf<'_> {
    type Out = ();
    type Error = FieldFlaw;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), FieldFlaw> {
        let name = key.as_str().to_owned();
        if self.0.len() >= MAX_ARGUMENTS || self.0.iter().any(|known| known.name == name) {
            return Err(FieldFlaw);
        }
        let value = match value {
            BareItemFromInput::Integer(number) => Value::Integer(number.into()),
            BareItemFromInput::String(text) => Value::Text(text.as_str().to_owned()),
            BareItemFromInput::Boolean(flag) => Value::Flag(flag),
            _ => Value::Other,
        };
        self.0.push(Argument { name, value });
        Ok(())
    }

    fn finish(self) -> Result<(), FieldFlaw> {
        Ok(())
    }
}

struct Sequences(Vec<(String, Vec<u8>)>);

impl<'de> DictionaryVisitor<'de> for Sequences {
    type Out = Vec<(String, Vec<u8>)>;
    type Error = FieldFlaw;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, FieldFlaw> {
        let name = key.as_str().to_owned();
        if self.0.len() >= MAX_SIGNATURES || self.0.iter().any(|(known, _)| *known == name) {
            return Err(FieldFlaw);
        }
        self.0.push((name, Vec::new()));
        self.0.last_mut().map(|(_, bytes)| SequenceOf(bytes)).ok_or(FieldFlaw)
    }

    fn finish(self) -> Result<Vec<(String, Vec<u8>)>, FieldFlaw> {
        Ok(self.0)
    }
}

struct SequenceOf<'i>(&'i mut Vec<u8>);

impl<'de> EntryVisitor<'de> for SequenceOf<'_> {
    type Error = FieldFlaw;

    fn item(self) -> Result<impl ItemVisitor<'de>, FieldFlaw> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, FieldFlaw> {
        Err::<Never, _>(FieldFlaw)
    }
}

impl<'de> ItemVisitor<'de> for SequenceOf<'_> {
    type Out = ();
    type Error = FieldFlaw;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, FieldFlaw> {
        let BareItemFromInput::ByteSequence(bytes) = item else { return Err(FieldFlaw) };
        *self.0 = bytes;
        Ok(NoArguments)
    }
}

/// Nothing is known that a byte sequence here could be qualified by.
struct NoArguments;

impl<'de> ParameterVisitor<'de> for NoArguments {
    type Out = ();
    type Error = FieldFlaw;

    fn parameter(&mut self, _: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<(), FieldFlaw> {
        Err(FieldFlaw)
    }

    fn finish(self) -> Result<(), FieldFlaw> {
        Ok(())
    }
}
