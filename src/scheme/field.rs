//! Where a field stands in a request, and how it is read.

use super::list::Shape;
use super::reading::Reading;
use super::{Pointer, Template, pointer};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderName;
use std::borrow::Cow;
use std::sync::Arc;

/// A named field of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the policy file.
    pub name: String,
    /// Where its text stands.
    pub place: Place,
    /// How the value stands in that text.
    pub shape: Shape,
    /// What the value is wrapped in.
    pub wrap: Wrap,
    /// Whether it may be absent.
    pub optional: bool,
    /// What it must say, if anything: one of these.
    pub is: Vec<String>,
    /// What it must be equal to, if anything.
    pub equals: Option<Template>,
    /// Whether it is the timestamp, which is read strictly.
    pub is_time: bool,
    /// Whether it is signed because the request lists it among the headers that are.
    pub listed: bool,
    /// How many characters it has, where that is fixed.
    pub length: Option<usize>,
    /// The place in words, for the operator: `header Stripe-Signature, element t`.
    pub label: Arc<str>,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header field. Several names are alternatives: those present must agree.
    Header(Vec<HeaderName>),
    /// Header fields that may each hold a value: those numbered from one, or those that are listed.
    Family(Vec<HeaderName>),
    /// A query parameter.
    Query(String),
    /// A capture of the source's path.
    Path(String),
    /// A JSON value in the body.
    Json(Pointer),
    /// A JSON value in the element of the array that is signed.
    Item(Pointer),
    /// A field of the form in the body.
    Form(String),
    /// Configuration that is not secret.
    Param(String),
}

/// What the text of a field is wrapped in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrap {
    /// Its text form.
    pub decode: Option<Decode>,
    /// Where in the JSON document that it is.
    pub inside: Option<Pointer>,
}

/// A text form of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decode {
    /// Base64, standard alphabet, padded.
    Base64,
    /// Base64, URL-safe alphabet, not padded.
    Base64Url,
    /// Hexadecimal.
    Hex,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'h> {
    /// As sent: what is signed.
    pub sent: Cow<'h, str>,
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
    pub fn text<'r>(&self, reading: &Reading<'r>) -> Result<Text<'r>, FieldFault> {
        self.read(reading).map_err(|fault| self.fault(fault))
    }

    /// Calls `take` with every value of the field, escapes decoded.
    ///
    /// # Errors
    /// When its place is absent, repeated, or not of its form.
    pub fn each(&self, reading: &Reading<'_>, mut take: impl FnMut(&str)) -> Result<(), FieldFault> {
        if self.wrap.is_plain() && !matches!(self.place, Place::Family(_)) {
            let whole = reading.text(&self.place).map_err(|fault| self.fault(fault))?;
            return self.shape.each(&whole.meant, take).map_err(|fault| self.fault(fault));
        }
        let mut found = Err(Fault::Missing);
        for place in self.places() {
            let whole = match reading.text(&place) {
                Err(Fault::Missing) if matches!(self.place, Place::Family(_)) => continue,
                whole => whole.map_err(|fault| self.fault(fault))?,
            };
            found = Ok(());
            // What is not of its form is counted, and is no value.
            let one = |value: &str| take(&self.wrap.open(value).unwrap_or_default());
            self.shape.each(&whole.meant, one).map_err(|fault| self.fault(fault))?;
        }
        found.map_err(|fault| self.fault(fault))
    }

    /// This field with a fault, for an error.
    pub fn fault(&self, fault: Fault) -> FieldFault {
        FieldFault { field: Arc::clone(&self.label), fault }
    }

    /// Whether only the body tells its value.
    pub fn is_in_body(&self) -> bool {
        self.place.is_in_body()
    }

    fn places(&self) -> Vec<Cow<'_, Place>> {
        match &self.place {
            Place::Family(names) => {
                names.iter().map(|name| Cow::Owned(Place::Header(vec![name.clone()]))).collect()
            }
            place => vec![Cow::Borrowed(place)],
        }
    }

    fn read<'r>(&self, reading: &Reading<'r>) -> Result<Text<'r>, Fault> {
        let whole = reading.text(&self.place)?;
        let text = if self.shape.is_plain() {
            whole
        } else if whole.meant != whole.sent {
            // Part of an escaped text has no one spelling "as sent".
            return Err(Fault::Malformed);
        } else {
            match whole.sent {
                Cow::Borrowed(sent) => Text::as_sent(self.shape.one(sent)?),
                Cow::Owned(sent) => Text::owned(self.shape.one(&sent)?.to_owned()),
            }
        };
        let text = if self.wrap.is_plain() { text } else { Text::owned(self.wrap.open(&text.meant)?) };
        match self.length {
            Some(length) if text.sent.chars().count() != length => Err(Fault::Malformed),
            _ => Ok(text),
        }
    }
}

impl Place {
    /// Whether only the body tells what stands there.
    pub fn is_in_body(&self) -> bool {
        matches!(self, Place::Json(_) | Place::Item(_) | Place::Form(_))
    }
}

impl Wrap {
    /// Whether the text is the value.
    pub fn is_plain(&self) -> bool {
        self.decode.is_none() && self.inside.is_none()
    }

    /// The value in a text.
    ///
    /// # Errors
    /// When the text is not of its form, or its document lacks the value.
    pub fn open(&self, text: &str) -> Result<String, Fault> {
        let decoded = match self.decode {
            None => Some(text.as_bytes().to_vec()),
            Some(Decode::Base64) => STANDARD.decode(text).ok(),
            Some(Decode::Base64Url) => URL_SAFE_NO_PAD.decode(text).ok(),
            Some(Decode::Hex) => hex::decode(text).ok(),
        };
        let decoded = decoded.ok_or(Fault::Malformed)?;
        match &self.inside {
            None => String::from_utf8(decoded).map_err(|_| Fault::Malformed),
            Some(inside) => {
                let found = inside.locate(&decoded).map_err(|_| Fault::Malformed)?;
                pointer::text(found.ok_or(Fault::Missing)?.get()).ok_or(Fault::Malformed)
            }
        }
    }

    /// The text around the bytes of a document or value.
    pub fn close(&self, value: &[u8]) -> String {
        match self.decode {
            None => String::from_utf8_lossy(value).into_owned(),
            Some(Decode::Base64) => STANDARD.encode(value),
            Some(Decode::Base64Url) => URL_SAFE_NO_PAD.encode(value),
            Some(Decode::Hex) => hex::encode(value),
        }
    }
}

impl Decode {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["base64", "base64url", "hex"];

    /// The text form of that name.
    pub fn parse(name: &str) -> Option<Decode> {
        match name {
            "base64" => Some(Decode::Base64),
            "base64url" => Some(Decode::Base64Url),
            "hex" => Some(Decode::Hex),
            _ => None,
        }
    }
}

impl<'h> Text<'h> {
    /// A text that is what was sent.
    pub fn as_sent(text: &'h str) -> Text<'h> {
        Text { sent: Cow::Borrowed(text), meant: Cow::Borrowed(text) }
    }

    /// A text that was taken out of something.
    pub fn owned(text: String) -> Text<'h> {
        Text { sent: Cow::Owned(text.clone()), meant: Cow::Owned(text) }
    }
}
