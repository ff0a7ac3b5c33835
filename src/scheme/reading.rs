//! What of a request is at hand when a field is read.

use super::content::Content;
use super::field::{Fault, Text};
use super::pointer;
use super::{Place, Pointer};
use crate::http::Head;
use crate::http::headers::{Repeated, single};
use http::{HeaderMap, HeaderName};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A request as far as it has been received.
#[derive(Clone, Copy)]
pub struct Reading<'r> {
    /// The head.
    pub head: &'r Head,
    /// The body, once it is whole.
    pub content: Option<&'r Content<'r>>,
    /// The element of the array that is being looked at.
    pub item: Option<&'r RawValue>,
    /// Configuration that is not secret.
    pub params: &'r BTreeMap<String, String>,
}

impl<'r> Reading<'r> {
    /// The text at a place.
    ///
    /// # Errors
    /// When it is absent, stands more than once, or is no text.
    pub fn text(&self, place: &Place) -> Result<Text<'r>, Fault> {
        match place {
            Place::Header(names) => alternatives(&self.head.headers, names).map(Text::as_sent),
            // Numbered from one; who asks for one value of a family gets the first.
            Place::Family(names) => {
                let first = names.first().ok_or(Fault::Missing)?;
                header_text(&self.head.headers, first).map(Text::as_sent)
            }
            Place::Query(name) => parameter(self.head.target.query().unwrap_or_default(), name),
            Place::Path(name) => {
                let capture = self.head.captures.iter().find(|(capture, _)| **capture == **name);
                capture.map(|(_, value)| Text::as_sent(value)).ok_or(Fault::Missing)
            }
            Place::Json(pointer) => self.json(pointer).map(Text::owned),
            Place::Item(pointer) => self.item(pointer).map(Text::owned),
            Place::Form(name) => self.form(name),
            Place::Param(name) => {
                let value = self.params.get(name).filter(|value| !value.is_empty());
                value.map(|value| Text::owned(value.clone())).ok_or(Fault::Missing)
            }
        }
    }

    /// The text of a JSON value in the body.
    fn json(&self, pointer: &Pointer) -> Result<String, Fault> {
        let raw = self.raw_json(pointer)?;
        pointer::text(raw.get()).ok_or(if raw.get() == "null" { Fault::Missing } else { Fault::Malformed })
    }

    /// A JSON value of the body as it stands there.
    pub fn raw_json(&self, pointer: &Pointer) -> Result<&'r RawValue, Fault> {
        let content = self.content.ok_or(Fault::Missing)?;
        pointer.locate(content.bytes()).map_err(|_| Fault::Malformed)?.ok_or(Fault::Missing)
    }

    fn item(&self, pointer: &Pointer) -> Result<String, Fault> {
        let item = self.item.ok_or(Fault::Missing)?;
        let found = pointer.locate(item.get().as_bytes()).map_err(|_| Fault::Malformed)?;
        let raw = found.ok_or(Fault::Missing)?;
        pointer::text(raw.get()).ok_or(if raw.get() == "null" { Fault::Missing } else { Fault::Malformed })
    }

    fn form(&self, name: &str) -> Result<Text<'r>, Fault> {
        let fields = self.content.ok_or(Fault::Missing)?.form().ok_or(Fault::Malformed)?;
        let mut values = fields.iter().filter(|(field, _)| field == name.as_bytes());
        match (values.next(), values.next()) {
            (None, _) => Err(Fault::Missing),
            (Some(_), Some(_)) => Err(Fault::Repeated),
            (Some((_, value)), None) => match std::str::from_utf8(value) {
                Ok(text) => Ok(Text::as_sent(text)),
                Err(_) => Err(Fault::Malformed),
            },
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
    Ok(Text { sent: Cow::Borrowed(sent), meant: unescape(sent).ok_or(Fault::Malformed)? })
}

/// Decodes percent-escapes; `None` for a broken escape or text that is not UTF-8.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(super::content::unescape(text.as_bytes(), false)?).ok().map(Cow::Owned)
}
