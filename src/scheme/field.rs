//! Where a field stands in a request, and how it is read.

use super::list::Shape;
use crate::http::Head;
use crate::http::headers::{Repeated, single};
use http::{HeaderMap, HeaderName};
use std::borrow::Cow;
use std::sync::Arc;

/// A named field of a scheme that stands in the request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the policy file.
    pub name: String,
    /// Where its text stands.
    pub place: Place,
    /// How the value stands in that text.
    pub shape: Shape,
    /// The place in words, for the operator: `header Stripe-Signature, element t`.
    pub label: Arc<str>,
}

/// A place in the request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header field. Several names are alternatives: those present must agree.
    Header(Vec<HeaderName>),
    /// A query parameter.
    Query(String),
    /// A capture of the source's path.
    Path(String),
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'h> {
    /// As sent: what is signed.
    pub sent: &'h str,
    /// As meant: percent-escapes of a query parameter decoded.
    pub meant: Cow<'h, str>,
}

/// What can be wrong with a field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is absent.
    Missing,
    /// It occurs more than once, or its alternatives differ.
    Repeated,
    /// It is not of the form that it must have.
    Malformed,
}

/// A [`Fault`] and the place that has it, in the policy's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// [`Field::label`].
    pub field: Arc<str>,
    /// What is wrong.
    pub fault: Fault,
}

impl Field {
    /// The one value of the field.
    ///
    /// # Errors
    /// When it is absent, repeated, or not of its form.
    pub fn text<'h>(&self, head: &'h Head) -> Result<Text<'h>, FieldFault> {
        self.read(head).map_err(|fault| self.fault(fault))
    }

    /// Calls `take` with every value of the field, escapes decoded.
    ///
    /// # Errors
    /// When its place is absent, repeated, or not of its form.
    pub fn each(&self, head: &Head, take: impl FnMut(&str)) -> Result<(), FieldFault> {
        let whole = self.place.text(head).map_err(|fault| self.fault(fault))?;
        self.shape.each(&whole.meant, take).map_err(|fault| self.fault(fault))
    }

    /// This field with a fault, for an error.
    pub fn fault(&self, fault: Fault) -> FieldFault {
        FieldFault { field: Arc::clone(&self.label), fault }
    }

    fn read<'h>(&self, head: &'h Head) -> Result<Text<'h>, Fault> {
        let whole = self.place.text(head)?;
        if self.shape.is_plain() {
            return Ok(whole);
        }
        // Part of an escaped text has no one spelling "as sent".
        if whole.meant != whole.sent {
            return Err(Fault::Malformed);
        }
        self.shape.one(whole.sent).map(Text::as_sent)
    }
}

impl<'h> Text<'h> {
    fn as_sent(text: &'h str) -> Text<'h> {
        Text { sent: text, meant: Cow::Borrowed(text) }
    }
}

impl Place {
    /// The whole text at this place.
    fn text<'h>(&self, head: &'h Head) -> Result<Text<'h>, Fault> {
        match self {
            Place::Header(names) => alternatives(&head.headers, names).map(Text::as_sent),
            Place::Query(name) => parameter(head.target.query().unwrap_or_default(), name),
            Place::Path(name) => {
                let capture = head.captures.iter().find(|(capture, _)| **capture == **name);
                capture.map(|(_, value)| Text::as_sent(value)).ok_or(Fault::Missing)
            }
        }
    }
}

/// The value of a header field that may stand once: ASCII, without the blanks around it.
///
/// # Errors
/// When it is absent, repeated, or holds other bytes.
pub fn header_text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Fault> {
    match single(headers, name) {
        Err(Repeated) => Err(Fault::Repeated),
        Ok(None) => Err(Fault::Missing),
        Ok(Some(value)) => match std::str::from_utf8(value) {
            Ok(text) if text.is_ascii() => Ok(text),
            _ => Err(Fault::Malformed),
        },
    }
}

fn alternatives<'h>(headers: &'h HeaderMap, names: &[HeaderName]) -> Result<&'h str, Fault> {
    let mut found = Err(Fault::Missing);
    for name in names {
        match (header_text(headers, name), found) {
            (Err(Fault::Missing), _) => {}
            (Ok(value), Ok(other)) if value != other => return Err(Fault::Repeated),
            (Ok(value), _) => found = Ok(value),
            (Err(fault), _) => return Err(fault),
        }
    }
    found
}

/// The parameter `name`, which stands once however its name is escaped. `+` means `+` (RFC 3986).
fn parameter<'h>(query: &'h str, name: &str) -> Result<Text<'h>, Fault> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if unescape(key).is_some_and(|key| key == name) && found.replace(value).is_some() {
            return Err(Fault::Repeated);
        }
    }
    let sent = found.ok_or(Fault::Missing)?;
    Ok(Text { sent, meant: unescape(sent).ok_or(Fault::Malformed)? })
}

/// Decodes percent-escapes; `None` for a broken escape or text that is not UTF-8.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    let Some((plain, _)) = text.split_once('%') else { return Some(Cow::Borrowed(text)) };
    let mut decoded = plain.as_bytes().to_vec();
    for escaped in text.split('%').skip(1) {
        let (digits, rest) = escaped.as_bytes().split_at_checked(2)?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).ok()?;
        decoded.extend_from_slice(&byte);
        decoded.extend_from_slice(rest);
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}
