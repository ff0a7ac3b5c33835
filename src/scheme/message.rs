//! The signed message of one source: a template with the source's own values put in, run per request.

use super::content::pairs;
use super::field::{Fault, FieldFault};
use super::filter::Value;
use super::reading::{Reading, header_text};
use super::template::{Group, Origin, Part, Placeholder, Sorted, Template};
use super::{Field, Filter, Place};
use http::HeaderName;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is signed, in order.
#[derive(Clone, Debug)]
pub struct Message {
    pieces: Vec<Piece>,
    /// The piece that is the body, where it is the only one that needs it.
    stream: Option<usize>,
}

/// A piece of the signed text.
#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    Value(Placeholder, Option<Boundary>),
    Optional(Vec<Piece>),
    /// A text of its own, as one value for the filters.
    Group(Message, Vec<Filter>, Arc<str>),
}

/// The literal next to a piece, which the piece must not be able to imitate: otherwise two different
/// requests would have one signed message.
#[derive(Clone, Debug)]
enum Boundary {
    /// Read from the left, the piece ends where this text begins.
    Before(String),
    /// Read from the right, the piece begins where this text ends.
    After(String),
}

/// A value that the template needs and the source does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// `{url}` without `public_url`.
    PublicUrl,
    /// `{param:name}` without a value in `params`.
    Param(String),
}

impl fmt::Display for Unbound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unbound::PublicUrl => out.write_str("the scheme signs `{url}`, so `public_url` must be set"),
            Unbound::Param(name) => {
                write!(out, "the scheme needs `{{param:{name}}}`, so `params.{name}` must be set")
            }
        }
    }
}

/// What a message is made of beside the request.
#[derive(Clone, Copy)]
pub struct Source<'s> {
    /// The fields that the template names.
    pub fields: &'s [Field],
    /// The secret in bytes, where it is at hand.
    pub secret: Option<&'s [u8]>,
}

/// The form of an address that a sender signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlForm {
    /// As `public_url` says it.
    AsGiven,
    /// Without the port.
    WithoutPort,
    /// With the port, 443 or 80 where none is given.
    WithPort,
    /// Without the query.
    WithoutQuery,
}

impl UrlForm {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["as_given", "without_port", "with_port", "without_query"];

    /// The form of that name.
    pub fn parse(name: &str) -> Option<UrlForm> {
        match name {
            "as_given" => Some(UrlForm::AsGiven),
            "without_port" => Some(UrlForm::WithoutPort),
            "with_port" => Some(UrlForm::WithPort),
            "without_query" => Some(UrlForm::WithoutQuery),
            _ => None,
        }
    }

    /// Scheme, host and port as this form writes them.
    fn base(self, public_url: &str) -> String {
        let url = public_url.trim_end_matches('/');
        let host = url.find("://").map_or(0, |at| at + 3);
        // Behind the bracket of an IPv6 address.
        let name_end = url.rfind(']').unwrap_or(host);
        let port = url.get(name_end..).and_then(|rest| rest.find(':')).map(|at| name_end + at);
        match (self, port) {
            (UrlForm::WithoutPort, Some(port)) => url.get(..port).unwrap_or(url).to_owned(),
            (UrlForm::WithPort, None) if url.starts_with("http:") => format!("{url}:80"),
            (UrlForm::WithPort, None) => format!("{url}:443"),
            _ => url.to_owned(),
        }
    }
}

impl Message {
    /// Puts the source's values into the template. `bounded`: what stands before a separator may not hold it.
    ///
    /// # Errors
    /// When the template needs a value that is absent or empty.
    pub fn bind(
        template: &Template,
        fields: &[Field],
        public_url: Option<(&str, UrlForm)>,
        params: &BTreeMap<String, String>,
        bounded: bool,
    ) -> Result<Message, Unbound> {
        let binding = Binding { fields, public_url, params, bounded };
        let mut pieces = binding.parts(&template.parts)?;
        let stream = stream(&pieces, fields);
        if bounded {
            let body = pieces.iter().position(is_body);
            let end = body.unwrap_or(pieces.len());
            let (before, after) = pieces.split_at_mut(end);
            left_to_right(before, fields, body.is_some());
            right_to_left(after, fields);
        }
        Ok(Message { pieces, stream })
    }

    /// Whether everything but the body itself is known from the head, and the body is signed as it is.
    pub fn streams(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether nothing of the body is in it.
    pub fn is_of_head(&self, fields: &[Field]) -> bool {
        self.pieces.iter().all(|piece| !needs_body(piece, fields))
    }

    /// Feeds what stands before the body; only where the message streams, or is of the head.
    ///
    /// # Errors
    /// As [`Message::write`].
    pub fn before(
        &self,
        source: Source<'_>,
        reading: &Reading<'_>,
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), FieldFault> {
        write(
            self.pieces.get(..self.stream.unwrap_or(self.pieces.len())).unwrap_or_default(),
            source,
            reading,
            &mut out,
        )
    }

    /// Feeds what stands behind the body; only where the message streams.
    ///
    /// # Errors
    /// As [`Message::write`].
    pub fn after(
        &self,
        source: Source<'_>,
        reading: &Reading<'_>,
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), FieldFault> {
        let from = self.stream.map_or(self.pieces.len(), |body| body + 1);
        write(self.pieces.get(from..).unwrap_or_default(), source, reading, &mut out)
    }

    /// Feeds the whole message.
    ///
    /// # Errors
    /// When a value is absent, repeated or not of its form, or could be read with another boundary to its neighbour.
    pub fn write(
        &self,
        source: Source<'_>,
        reading: &Reading<'_>,
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), FieldFault> {
        write(&self.pieces, source, reading, &mut out)
    }

    /// The whole message.
    ///
    /// # Errors
    /// As [`Message::write`].
    pub fn bytes(&self, source: Source<'_>, reading: &Reading<'_>) -> Result<Vec<u8>, FieldFault> {
        let mut bytes = Vec::new();
        self.write(source, reading, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }
}

/// What a template is bound with.
#[derive(Clone, Copy)]
struct Binding<'b> {
    fields: &'b [Field],
    public_url: Option<(&'b str, UrlForm)>,
    params: &'b BTreeMap<String, String>,
    bounded: bool,
}

impl Binding<'_> {
    fn parts(self, parts: &[Part]) -> Result<Vec<Piece>, Unbound> {
        let Binding { fields, public_url, params, bounded } = self;
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                Part::Literal(text) => push_literal(&mut pieces, text),
                Part::Optional(inner) => pieces.push(Piece::Optional(self.parts(inner)?)),
                Part::Value(value) => bind_value(&mut pieces, value, public_url, params)?,
                Part::Group(Group { template, filters, label }) => {
                    let inner = Message::bind(template, fields, public_url, params, bounded)?;
                    pieces.push(Piece::Group(inner, filters.clone(), Arc::clone(label)));
                }
            }
        }
        Ok(pieces)
    }
}

fn bind_value(
    pieces: &mut Vec<Piece>,
    value: &Placeholder,
    public_url: Option<(&str, UrlForm)>,
    params: &BTreeMap<String, String>,
) -> Result<(), Unbound> {
    let with = |origin: Origin| Piece::Value(Placeholder { origin, ..value.clone() }, None);
    match &value.origin {
        Origin::Url => {
            let (url, form) = public_url.ok_or(Unbound::PublicUrl)?;
            let rest = if form == UrlForm::WithoutQuery { Origin::Path } else { Origin::Target };
            if value.filters.is_empty() {
                push_literal(pieces, &form.base(url));
                pieces.push(with(rest));
            } else {
                let (base, query) = (form.base(url), form != UrlForm::WithoutQuery);
                pieces.push(with(Origin::Address { base, query }));
            }
        }
        Origin::Param(name) => {
            let text = params.get(name).filter(|text| !text.is_empty());
            match text {
                Some(text) if value.filters.is_empty() => push_literal(pieces, text),
                Some(text) => pieces.push(with(Origin::Text(text.clone()))),
                None if value.optional => {}
                None => return Err(Unbound::Param(name.clone())),
            }
        }
        _ => pieces.push(Piece::Value(value.clone(), None)),
    }
    Ok(())
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Literal(literal)) => literal.push_str(text),
        _ => pieces.push(Piece::Literal(text.to_owned())),
    }
}

fn is_body(piece: &Piece) -> bool {
    matches!(piece, Piece::Value(Placeholder { origin: Origin::Body, .. }, _))
}

fn needs_body(piece: &Piece, fields: &[Field]) -> bool {
    match piece {
        Piece::Literal(_) => false,
        Piece::Optional(inner) => inner.iter().any(|piece| needs_body(piece, fields)),
        Piece::Group(inner, ..) => !inner.is_of_head(fields),
        Piece::Value(value, _) => match &value.origin {
            Origin::Body
            | Origin::Json(_)
            | Origin::RawJson(_)
            | Origin::Item(_)
            | Origin::Form
            | Origin::FormField(_) => true,
            Origin::Field(index) => fields.get(*index).is_some_and(Field::is_in_body),
            Origin::Sorted(of) => of.iter().any(|one| match one {
                Sorted::Field(index) => fields.get(*index).is_some_and(Field::is_in_body),
                Sorted::Secret => false,
            }),
            _ => false,
        },
    }
}

fn stream(pieces: &[Piece], fields: &[Field]) -> Option<usize> {
    let mut bodies = pieces.iter().enumerate().filter(|(_, piece)| needs_body(piece, fields));
    match (bodies.next(), bodies.next()) {
        (Some((at, piece)), None) if is_body(piece) => match piece {
            Piece::Value(value, _) if value.filters.is_empty() => Some(at),
            _ => None,
        },
        _ => None,
    }
}

/// Before the body every piece is bounded by the literal behind it; without a body the last variable
/// piece needs no bound.
fn left_to_right(pieces: &mut [Piece], fields: &[Field], body: bool) {
    let mut next: Option<String> = None;
    let mut last = !body;
    for piece in flattened(pieces).into_iter().rev() {
        match piece {
            Piece::Literal(text) => next = Some(text.clone()),
            Piece::Value(value, boundary) => {
                if !std::mem::take(&mut last) && may_imitate(value, fields) {
                    *boundary = next.take().map(Boundary::Before);
                }
                next = None;
            }
            Piece::Group(..) => (next, last) = (None, false),
            Piece::Optional(_) => {}
        }
    }
}

/// Behind the body every piece is bounded by the literal before it.
fn right_to_left(pieces: &mut [Piece], fields: &[Field]) {
    let mut previous: Option<String> = None;
    for piece in flattened(pieces) {
        match piece {
            Piece::Literal(text) => previous = Some(text.clone()),
            Piece::Value(value, boundary) => {
                if value.origin != Origin::Body && may_imitate(value, fields) {
                    *boundary = previous.take().map(Boundary::After);
                }
                previous = None;
            }
            Piece::Group(..) => previous = None,
            Piece::Optional(_) => {}
        }
    }
}

fn flattened(pieces: &mut [Piece]) -> Vec<&mut Piece> {
    let mut flat = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Optional(inner) => flat.extend(flattened(inner)),
            piece => flat.push(piece),
        }
    }
    flat
}

/// Whether a separator could stand in the value. Digests have an alphabet of their own; times are read strictly.
fn may_imitate(value: &Placeholder, fields: &[Field]) -> bool {
    let plain = value.filters.last().is_some_and(Filter::is_plain_text);
    let fixed = match &value.origin {
        Origin::Field(index) => {
            fields.get(*index).is_some_and(|field| field.length.is_some() || field.is_time)
        }
        _ => false,
    };
    !plain && !fixed
}

fn write(
    pieces: &[Piece],
    source: Source<'_>,
    reading: &Reading<'_>,
    out: &mut impl FnMut(&[u8]),
) -> Result<(), FieldFault> {
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out(text.as_bytes()),
            Piece::Value(value, boundary) => match evaluate(value, boundary.as_ref(), source, reading) {
                Ok(text) => out(&text),
                Err(fault) if value.optional && fault.fault == Fault::Missing => {}
                Err(fault) => return Err(fault),
            },
            Piece::Group(inner, filters, label) => {
                out(&grouped(inner, filters, label, source, reading)?);
            }
            Piece::Optional(inner) => {
                let mut text = Vec::new();
                let written = write_inner(inner, source, reading, &mut text);
                match written {
                    Ok(()) => out(&text),
                    Err(fault) if fault.fault == Fault::Missing => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
    }
    Ok(())
}

fn write_inner(
    pieces: &[Piece],
    source: Source<'_>,
    reading: &Reading<'_>,
    text: &mut Vec<u8>,
) -> Result<(), FieldFault> {
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
            Piece::Value(value, boundary) => {
                let found = evaluate(value, boundary.as_ref(), source, reading)?;
                // What stands for nothing leaves its part out: no query, no parameters, an absent optional field.
                let empty = matches!(value.origin, Origin::Query | Origin::Pairs | Origin::Form);
                if found.is_empty() && (empty || is_absent_field(value, source, reading)) {
                    return Err(FieldFault { field: Arc::clone(&value.label), fault: Fault::Missing });
                }
                text.extend_from_slice(&found);
            }
            Piece::Group(inner, filters, label) => {
                text.extend_from_slice(&grouped(inner, filters, label, source, reading)?);
            }
            Piece::Optional(_) => {}
        }
    }
    Ok(())
}

/// What a text of its own is behind its filters.
fn grouped(
    inner: &Message,
    filters: &[Filter],
    label: &Arc<str>,
    source: Source<'_>,
    reading: &Reading<'_>,
) -> Result<Vec<u8>, FieldFault> {
    let fault = |fault: Fault| FieldFault { field: Arc::clone(label), fault };
    let start = Value::Text(Cow::Owned(inner.bytes(source, reading)?));
    let headers = &reading.head.headers;
    let done = filters.iter().try_fold(start, |value, filter| filter.apply(value, headers, source.secret));
    match done.map_err(fault)? {
        Value::Text(text) => Ok(text.into_owned()),
        Value::Digest(_) | Value::Pairs(_) => Err(fault(Fault::Malformed)),
    }
}

fn is_absent_field(value: &Placeholder, source: Source<'_>, reading: &Reading<'_>) -> bool {
    let field = match value.origin {
        Origin::Field(index) => source.fields.get(index),
        _ => None,
    };
    field.is_some_and(|field| field.text(reading).is_err_and(|fault| fault.fault == Fault::Missing))
}

/// The bytes that are signed for one value.
fn evaluate<'r>(
    value: &'r Placeholder,
    boundary: Option<&Boundary>,
    source: Source<'r>,
    reading: &Reading<'r>,
) -> Result<Cow<'r, [u8]>, FieldFault> {
    let fault = |fault: Fault| FieldFault { field: Arc::clone(&value.label), fault };
    let start = match &value.origin {
        Origin::Form => Value::Pairs(
            reading
                .content
                .and_then(|content| content.form())
                .ok_or_else(|| fault(Fault::Malformed))?
                .clone(),
        ),
        Origin::Pairs => {
            let query = reading.head.target.query().unwrap_or_default();
            Value::Pairs(pairs(query.as_bytes()).ok_or_else(|| fault(Fault::Malformed))?)
        }
        _ => Value::Text(text(value, source, reading)?),
    };
    if let (Some(list), Value::Text(text)) =
        (value.filters.iter().find(|filter| filter.is_list_of_headers()), &start)
    {
        names_all(list, text, source.fields, reading)?;
    }
    let headers = &reading.head.headers;
    let done =
        value.filters.iter().try_fold(start, |value, filter| filter.apply(value, headers, source.secret));
    match done.map_err(fault)? {
        Value::Text(text) if boundary.is_some_and(|boundary| boundary.is_imitated_by(&text)) => {
            Err(named(value, source.fields, Fault::Malformed))
        }
        Value::Text(text) => Ok(text),
        Value::Digest(_) | Value::Pairs(_) => Err(fault(Fault::Malformed)),
    }
}

/// What is read from headers must be in the list of those that are signed.
fn names_all(list: &Filter, text: &[u8], fields: &[Field], reading: &Reading<'_>) -> Result<(), FieldFault> {
    for field in fields.iter().filter(|field| field.listed) {
        let Place::Header(names) = &field.place else { continue };
        let mut sent = names.iter().filter(|name| reading.head.headers.contains_key(*name));
        if !sent.all(|name| list.lists(text, name)) {
            return Err(field.fault(Fault::Missing));
        }
    }
    Ok(())
}

/// A fault of a value, in the policy's words.
fn named(value: &Placeholder, fields: &[Field], fault: Fault) -> FieldFault {
    let field = match value.origin {
        Origin::Field(index) => fields.get(index).map(|field| Arc::clone(&field.label)),
        Origin::Path | Origin::Query | Origin::Target => Some("request target".into()),
        _ => None,
    };
    FieldFault { field: field.unwrap_or_else(|| Arc::clone(&value.label)), fault }
}

/// The text of a value before its filters.
fn text<'r>(
    value: &'r Placeholder,
    source: Source<'r>,
    reading: &Reading<'r>,
) -> Result<Cow<'r, [u8]>, FieldFault> {
    let fault = |fault: Fault| named(value, source.fields, fault);
    let at = |place: Place| match reading.text(&place).map_err(fault)?.meant {
        Cow::Borrowed(text) => Ok(Cow::Borrowed(text.as_bytes())),
        Cow::Owned(text) => Ok(Cow::Owned(text.into_bytes())),
    };
    let head = reading.head;
    Ok(match &value.origin {
        Origin::Method => Cow::Borrowed(head.method.as_str().as_bytes()),
        Origin::Path => Cow::Borrowed(head.target.path().as_bytes()),
        Origin::Query => Cow::Borrowed(head.target.query().unwrap_or_default().as_bytes()),
        Origin::Target | Origin::Url => Cow::Borrowed(head.target.as_str().as_bytes()),
        Origin::Address { base, query } => {
            let rest = if *query { head.target.as_str() } else { head.target.path() };
            Cow::Owned([base.as_bytes(), rest.as_bytes()].concat())
        }
        Origin::Header(name) => Cow::Borrowed(header_text(&head.headers, name).map_err(fault)?.as_bytes()),
        Origin::Field(index) => field_text(source.fields.get(*index), reading)?,
        Origin::Parameter(name) => at(Place::Query(name.clone()))?,
        Origin::FormParameter(name) => form_parameter(name, reading).map_err(fault)?,
        Origin::Json(pointer) => at(Place::Json(pointer.clone()))?,
        Origin::Item(pointer) => at(Place::Item(pointer.clone()))?,
        Origin::FormField(name) => at(Place::Form(name.clone()))?,
        Origin::Param(name) => at(Place::Param(name.clone()))?,
        Origin::RawJson(pointer) => Cow::Borrowed(reading.raw_json(pointer).map_err(fault)?.get().as_bytes()),
        Origin::Text(text) => Cow::Borrowed(text.as_bytes()),
        Origin::Secret => Cow::Borrowed(source.secret.ok_or_else(|| fault(Fault::Missing))?),
        Origin::Body => Cow::Borrowed(reading.content.ok_or_else(|| fault(Fault::Missing))?.bytes()),
        Origin::Sorted(of) => {
            let mut texts = Vec::new();
            for one in of {
                texts.push(match one {
                    Sorted::Field(index) => match source.fields.get(*index) {
                        // As meant: what is put in order was taken out of its place.
                        Some(field) => Cow::Owned(field.text(reading)?.meant.into_owned().into_bytes()),
                        None => continue,
                    },
                    Sorted::Secret => Cow::Borrowed(source.secret.ok_or_else(|| fault(Fault::Missing))?),
                });
            }
            texts.sort();
            Cow::Owned(texts.concat())
        }
        Origin::Form | Origin::Pairs => Cow::Borrowed(&[]),
    })
}

/// A query parameter that stands once, read as a form.
fn form_parameter<'r>(name: &str, reading: &Reading<'r>) -> Result<Cow<'r, [u8]>, Fault> {
    let query = pairs(reading.head.target.query().unwrap_or_default().as_bytes()).ok_or(Fault::Malformed)?;
    let mut values = query.into_iter().filter(|(known, _)| known == name.as_bytes()).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(Cow::Owned(value)),
        (None, _) => Err(Fault::Missing),
        (Some(_), Some(_)) => Err(Fault::Repeated),
    }
}

fn field_text<'r>(field: Option<&Field>, reading: &Reading<'r>) -> Result<Cow<'r, [u8]>, FieldFault> {
    let Some(field) = field else { return Ok(Cow::Borrowed(&[])) };
    match field.text(reading) {
        Ok(text) => Ok(match text.sent {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }),
        Err(fault) if field.optional && fault.fault == Fault::Missing => Ok(Cow::Borrowed(&[])),
        Err(fault) => Err(fault),
    }
}

impl Boundary {
    /// Whether the boundary occurs in `text` joined with it, other than where it belongs.
    fn is_imitated_by(&self, text: &[u8]) -> bool {
        let mark = self.mark().as_bytes();
        let inside = match mark {
            [single] => text.contains(single),
            _ => text.windows(mark.len()).any(|window| window == mark),
        };
        // A mark such as `--` also occurs one byte early behind a text that ends in `-`.
        inside
            || (1..mark.len()).any(|shift| {
                let (Some(head), Some(tail)) = (mark.get(..shift), mark.get(shift..)) else { return false };
                match self {
                    Boundary::Before(_) => mark.starts_with(tail) && text.ends_with(head),
                    Boundary::After(_) => mark.ends_with(head) && text.starts_with(tail),
                }
            })
    }

    fn mark(&self) -> &str {
        match self {
            Boundary::Before(text) | Boundary::After(text) => text,
        }
    }
}

/// The headers that the message holds by name.
pub fn headers(template: &Template) -> impl Iterator<Item = &HeaderName> {
    template.values().filter_map(|value| match &value.origin {
        Origin::Header(name) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_cannot_be_imitated() {
        let dot = Boundary::Before(".".into());
        assert!(!dot.is_imitated_by(b"msg_1"));
        assert!(dot.is_imitated_by(b"a.1"));
        let dashes = Boundary::Before("--".into());
        assert!(dashes.is_imitated_by(b"a--b") && dashes.is_imitated_by(b"a-"));
        assert!(!dashes.is_imitated_by(b"a-b") && !dashes.is_imitated_by(b"-a"));
        let behind = Boundary::After("--".into());
        assert!(behind.is_imitated_by(b"-a") && !behind.is_imitated_by(b"a-"));
    }

    #[test]
    fn values_of_the_source_become_literals() {
        let template = Template::parse("{param:id}|{url}|{body}", &[]).unwrap();
        let params = BTreeMap::from([("id".to_owned(), "WH-1".to_owned())]);
        let url = Some(("https://a.example/", UrlForm::AsGiven));
        let bound = Message::bind(&template, &[], url, &params, true).unwrap();
        assert!(matches!(&bound.pieces[0], Piece::Literal(text) if text == "WH-1|https://a.example"));
        assert!(matches!(&bound.pieces[1], Piece::Value(_, Some(Boundary::Before(text))) if text == "|"));
        assert!(bound.streams());
        assert_eq!(Message::bind(&template, &[], None, &params, true).unwrap_err(), Unbound::PublicUrl);
        assert_eq!(
            Message::bind(&template, &[], url, &BTreeMap::new(), true).unwrap_err(),
            Unbound::Param("id".into())
        );
    }

    #[test]
    fn forms_of_an_address() {
        for (form, url, base) in [
            (UrlForm::AsGiven, "https://a.example:8443/", "https://a.example:8443"),
            (UrlForm::WithoutPort, "https://a.example:8443", "https://a.example"),
            (UrlForm::WithoutPort, "https://a.example", "https://a.example"),
            (UrlForm::WithoutPort, "https://[::1]:8443", "https://[::1]"),
            (UrlForm::WithPort, "https://a.example", "https://a.example:443"),
            (UrlForm::WithPort, "http://[::1]", "http://[::1]:80"),
            (UrlForm::WithPort, "https://a.example:8443", "https://a.example:8443"),
        ] {
            assert_eq!(form.base(url), base);
        }
    }

    #[test]
    fn only_a_plain_body_streams() {
        let streams = |text: &str| {
            let template = Template::parse(text, &[]).unwrap();
            Message::bind(&template, &[], None, &BTreeMap::new(), true).unwrap().streams()
        };
        assert!(streams("{method}{body}.x") && streams("{body}"));
        for no in ["{path}", "{body|sha256|hex}", "{body}{body}", "{json:/a}{body}", "[{body}]"] {
            assert!(!streams(no), "{no}");
        }
    }
}
