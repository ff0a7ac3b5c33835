//! Writing what verification reads: for tests, for the self-test at start, and for the command line.

use super::basic::BasicVerifier;
use super::error::VerifyError;
use super::jwt::SigningKey;
use super::place;
use super::public_key::PrivateKey;
use super::setup;
use super::signature::{Case, Ready, SignatureVerifier, write_moment};
use super::token::TokenVerifier;
use crate::base::time::UnixTime;
use crate::http::authority::Authority;
use crate::http::target::Target;
use crate::http::{Captures, Head};
use crate::scheme::{
    Condition, Content, Fault, Field, Filter, Origin, Place, Pointer, PublicAlgorithm, Reading, Sorted,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// A request that is to be signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The method.
    pub method: Method,
    /// Path and query as they will be sent.
    pub target: String,
    /// The fields so far.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What the path patterns of the source capture in `target`.
    pub captures: Captures,
    /// What a token shall say beside what the policy demands: `event`, `issuer`, `subject`, ...
    pub params: BTreeMap<String, String>,
    /// The private key of a sender of tokens that has one.
    pub key: Option<SigningKey>,
    /// The private key of a sender of signatures that has one.
    pub private_key: Option<PrivateKey>,
    /// Where it goes, without path: what a signature over the address says unless the source has its own.
    pub origin: Option<String>,
    /// What makes ids that are made up differ from those of another draft.
    pub salt: Vec<u8>,
    /// The array whose elements are each signed; known once it is signed.
    pub each: Option<Pointer>,
    /// Whether values that only the sender knows are made up as well.
    pub fill: bool,
}

impl Draft {
    /// A request without fields.
    pub fn new(method: Method, target: impl Into<String>, body: impl Into<Bytes>) -> Draft {
        let (target, body) = (target.into(), body.into());
        Draft {
            method,
            target,
            headers: HeaderMap::new(),
            body,
            captures: Captures::new(),
            params: BTreeMap::new(),
            key: None,
            private_key: None,
            origin: None,
            salt: Vec::new(),
            each: None,
            fill: false,
        }
    }

    /// The digest that ids are made of: the same for the same name, body, time and salt.
    fn seed(&self, name: &str, now: UnixTime) -> [u8; 32] {
        Sha256::digest([name.as_bytes(), &now.0.to_be_bytes(), &self.salt, &self.body].concat()).into()
    }

    /// Letters and digits, so many if it is known.
    fn made_up_of(&self, name: &str, length: Option<usize>, now: UnixTime) -> String {
        let digits = hex::encode(self.seed(name, now));
        match length {
            Some(length) => digits.chars().cycle().take(length).collect(),
            None => format!("msg{}", digits.get(..24).unwrap_or_default()),
        }
    }

    /// Puts a value into the captures of the path.
    fn choose(&mut self, choice: &str) {
        for (_, value) in &mut self.captures {
            *value = choice.into();
        }
    }

    /// A UUID.
    pub(super) fn made_up_uuid(&self, name: &str, now: UnixTime) -> String {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(self.seed(name, now)).for_each(|(to, from)| *to = from);
        uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string()
    }

    pub(super) fn head(&self) -> Result<Head, SignError> {
        Ok(Head {
            method: self.method.clone(),
            target: Target::parse(&self.target, usize::MAX).map_err(|_| SignError::Target)?,
            host: Authority::parse(b"localhost").map_err(|_| SignError::Target)?,
            headers: self.headers.clone(),
            nominated: Vec::new(),
            captures: self.captures.clone(),
        })
    }
}

/// Why a draft cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignError {
    /// Every secret has passed its `until`.
    NoLiveSecret,
    /// The target is not a path in normal form.
    Target,
    /// A header would hold a byte that it cannot carry.
    HeaderValue,
    /// A field that the draft must bring is absent or not of its form.
    Field(VerifyError),
    /// Only the sender has the key, or the key given is not of an algorithm that the policy lists.
    Key,
    /// A parameter that the scheme needs is absent, or not a number where it must be one.
    Parameter(&'static str),
    /// The body is not of the form that the scheme writes into.
    Body,
}

impl fmt::Display for SignError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignError::NoLiveSecret => VerifyError::NoLiveSecret.fmt(out),
            SignError::Target => out.write_str("the target is not a path in normal form"),
            SignError::HeaderValue => out.write_str("a header cannot carry the value"),
            SignError::Field(error) => error.fmt(out),
            SignError::Key => out.write_str("only the sender has the key"),
            SignError::Parameter(name) => write!(out, "--param {name}=VALUE is missing or not of its form"),
            SignError::Body => out.write_str("the body is not JSON, or not the form, that the scheme reads"),
        }
    }
}

impl std::error::Error for SignError {}

/// Writes timestamp, id, plain fields and the signature.
pub(super) fn signature(
    verifier: &SignatureVerifier,
    draft: &mut Draft,
    now: UnixTime,
) -> Result<(), SignError> {
    let chosen = read(verifier, draft, |reading| Ok(verifier.case(reading).ok().flatten()))?;
    let case = chosen.or_else(|| verifier.main()).ok_or(SignError::NoLiveSecret)?;
    demand(case, draft)?;
    let writer = Writer { verifier, case, now };
    let key = writer.key(draft)?;
    writer.fields(draft)?;
    let count = writer.items(draft)?;
    for item in 0..count {
        writer.item_fields(draft, item)?;
        writer.equalities(draft, item)?;
    }
    let field = &case.scheme.signature.field;
    // What is written into a body changes its blanks and its order, which may be signed: then once more.
    for item in (0..count).cycle().take(if field.is_in_body() { 2 * count } else { count }) {
        let signature = writer.read_item(draft, item, |reading| {
            let message = case.messages.first().ok_or(SignError::NoLiveSecret)?;
            match &key {
                Key::Secret(ready) => {
                    let tag = case.tag(message, ready, reading).map_err(SignError::Field)?;
                    Ok(tag.as_bytes().to_vec())
                }
                Key::Private(algorithm, key) => {
                    let text = case.signed_text(message, reading).map_err(SignError::Field)?;
                    key.sign(*algorithm, &text).ok_or(SignError::Key)
                }
            }
        })?;
        let value = case.scheme.signature.encoding.encode(&signature);
        place::write(field, &value, draft, item)?;
    }
    Ok(())
}

/// What the request must say to be of its kind.
fn demand(case: &Case, draft: &mut Draft) -> Result<(), SignError> {
    for (at, text) in case.when.iter().filter_map(Condition::example) {
        let lacks = |draft: &Draft| -> Result<bool, SignError> {
            let head = draft.head()?;
            let content = Content::of_chunks(&head.headers, std::slice::from_ref(&draft.body));
            let reading = Reading { head: &head, content: Some(&content), item: None, params: &draft.params };
            Ok(reading.text(at).is_err())
        };
        if lacks(draft)? {
            place::write(&place::plain(at.clone()), &text, draft, 0)?;
        }
    }
    Ok(())
}

/// Reads a draft as a verifier would.
fn read<T>(
    verifier: &SignatureVerifier,
    draft: &Draft,
    look: impl FnOnce(&Reading<'_>) -> Result<T, SignError>,
) -> Result<T, SignError> {
    let head = draft.head()?;
    let content = Content::of_chunks(&head.headers, std::slice::from_ref(&draft.body));
    look(&Reading { head: &head, content: Some(&content), item: None, params: &verifier.params })
}

/// One draft on its way to a signed one.
struct Writer<'w> {
    verifier: &'w SignatureVerifier,
    case: &'w Case,
    now: UnixTime,
}

/// What a message is signed with.
enum Key<'w> {
    Secret(&'w Ready),
    Private(PublicAlgorithm, PrivateKey),
}

impl<'w> Writer<'w> {
    /// The secret, or the private key of the draft.
    fn key(&self, draft: &mut Draft) -> Result<Key<'w>, SignError> {
        let Some(algorithm) = self.case.scheme.algorithm.public() else {
            return self.secret(draft).map(Key::Secret);
        };
        // Where a field chooses among public keys, the draft names one.
        match self.secret(draft) {
            Ok(_) | Err(SignError::NoLiveSecret) => {}
            Err(error) => return Err(error),
        }
        draft.private_key.clone().map(|key| Key::Private(algorithm, key)).ok_or(SignError::Key)
    }

    /// The first live secret; where a field chooses, that of the draft's choice or the first of all.
    fn secret(&self, draft: &mut Draft) -> Result<&'w Ready, SignError> {
        let (scheme, ring) = (&self.case.scheme, &self.case.ring);
        let chosen = match read(self.verifier, draft, |reading| Ok(ring.of(scheme, reading)))? {
            Ok(keys) => Some(keys),
            // Whom the draft names by mistake is not replaced by another one.
            Err(error @ VerifyError::SecretUnknown { .. }) if !draft.fill => {
                return Err(SignError::Field(error));
            }
            Err(_) => None,
        };
        let keys = match (chosen, ring.first()) {
            (Some(keys), _) => keys,
            (None, Some((choice, keys))) => {
                match ring.chooser(scheme) {
                    Some(field) => place::write(field, choice, draft, 0)?,
                    None => draft.choose(choice),
                }
                keys
            }
            (None, None) => return Err(SignError::NoLiveSecret),
        };
        keys.live(self.now).next().map(|key| &key.ready).ok_or(SignError::NoLiveSecret)
    }

    /// Writes every field but digests and the signature: the timestamp from `now`, the others from the draft
    /// or made up.
    fn fields(&self, draft: &mut Draft) -> Result<(), SignError> {
        let scheme = &self.case.scheme;
        let mut values = Vec::new();
        for (index, field) in scheme.fields().iter().enumerate() {
            values.push(self.value(index, field, draft)?);
        }
        for field in scheme.fields().iter().chain([&scheme.signature.field]) {
            place::clear(field, draft);
        }
        for (field, value) in scheme.fields().iter().zip(&values) {
            if let Some(value) = value.as_ref().filter(|_| !matches!(field.place, Place::Item(_))) {
                place::write(field, value, draft, 0)?;
            }
        }
        for (index, field) in scheme.fields().iter().enumerate() {
            if self.lists_headers(&Origin::Field(index)) {
                place::write(field, &self.header_list(draft)?, draft, 0)?;
            }
        }
        if draft.fill {
            for origin in self.unnamed() {
                self.fill(origin, draft)?;
            }
        }
        Ok(())
    }

    /// The text of one field; nothing where it is left out.
    fn value(&self, index: usize, field: &Field, draft: &Draft) -> Result<Option<String>, SignError> {
        if let Some(timestamp) = self.case.scheme.timestamp.filter(|timestamp| timestamp.field == index) {
            return Ok(Some(write_moment(timestamp.unit, self.now)));
        }
        if let Some(first) = field.is.first() {
            return Ok(Some(first.clone()));
        }
        if field.equals.is_some() || field.is_in_body() && !self.names(index) {
            return Ok(None);
        }
        if self.carries(field) || self.lists_headers(&Origin::Field(index)) {
            return Ok(None);
        }
        let found =
            read(self.verifier, draft, |reading| Ok(field.text(reading).map(|text| text.sent.into_owned())))?;
        match (found, &field.place) {
            // The body is left as it is where it says what it must.
            (Ok(text), _) => Ok(Some(text).filter(|_| !field.is_in_body())),
            (Err(error), Place::Path(_) | Place::Param(_)) if !field.optional => {
                Err(SignError::Field(VerifyError::of_field(error)))
            }
            (Err(_), _) if field.optional || matches!(field.place, Place::Item(_)) => Ok(None),
            (Err(error), _) if error.fault == Fault::Missing => {
                Ok(Some(draft.made_up_of(&field.name, field.length, self.now)))
            }
            (Err(error), _) => Err(SignError::Field(VerifyError::of_field(error))),
        }
    }

    /// Whether the message holds a field by its name, not only as part of the body.
    fn names(&self, index: usize) -> bool {
        let values = self.case.scheme.templates().iter().flat_map(|template| template.values());
        let named = |origin: &Origin| match origin {
            Origin::Field(named) => *named == index,
            Origin::Sorted(of) => of.contains(&Sorted::Field(index)),
            _ => false,
        };
        values.map(|value| &value.origin).any(named)
    }

    /// Whether other fields stand inside of this one, so that they make it.
    fn carries(&self, field: &Field) -> bool {
        let inside = |other: &Field| {
            let written = !other.is.is_empty() || other.equals.is_some() || other.is_time;
            written && !other.wrap.is_plain() && other.place == field.place && other.shape == field.shape
        };
        field.wrap.is_plain() && self.case.scheme.fields().iter().any(inside)
    }

    /// Whether a value says which headers are signed.
    fn lists_headers(&self, origin: &Origin) -> bool {
        let mut values = self.case.scheme.templates().iter().flat_map(|template| template.values());
        let lists = |filter: &Filter| filter.is_list_of_headers();
        values.any(|value| value.origin == *origin && value.filters.iter().any(lists))
    }

    /// The headers that the scheme reads, or one that is made up.
    fn header_list(&self, draft: &mut Draft) -> Result<String, SignError> {
        let scheme = &self.case.scheme;
        let signature = match &scheme.signature.field.place {
            Place::Header(names) | Place::Family(names) => names.as_slice(),
            _ => &[],
        };
        let fields = scheme.fields().iter().filter_map(|field| match &field.place {
            Place::Header(names) => names.first().filter(|name| !signature.contains(name)),
            _ => None,
        });
        let fields = fields.filter(|name| draft.headers.contains_key(*name));
        let mut names: Vec<&str> = fields.map(|name| name.as_str()).collect();
        names.dedup();
        if names.is_empty() {
            let name = HeaderName::from_static("x-signed");
            place::insert(draft, &name, b"self-test")?;
            names.push("x-signed");
        }
        Ok(names.join(self.list_separator()))
    }

    fn list_separator(&self) -> &str {
        let values = self.case.scheme.templates().iter().flat_map(|template| template.values());
        let mut separators = values.flat_map(|value| &value.filters).filter_map(Filter::list_separator);
        separators.next().unwrap_or(",")
    }

    /// Values that the message holds without naming a field.
    fn unnamed(&self) -> Vec<&'w Origin> {
        let values = self.case.scheme.templates().iter().flat_map(|template| template.values());
        values.filter(|value| !value.optional).map(|value| &value.origin).collect()
    }

    fn fill(&self, origin: &Origin, draft: &mut Draft) -> Result<(), SignError> {
        let at = match origin {
            Origin::Header(name) => Place::Header(vec![name.clone()]),
            Origin::Parameter(name) | Origin::FormParameter(name) => Place::Query(name.clone()),
            Origin::Json(pointer) | Origin::RawJson(pointer) => Place::Json(pointer.clone()),
            Origin::FormField(name) => Place::Form(name.clone()),
            _ => return Ok(()),
        };
        if read(self.verifier, draft, |reading| Ok(reading.text(&at).is_ok()))? {
            return Ok(());
        }
        let text = if self.lists_headers(origin) { self.header_list(draft)? } else { "self-test".to_owned() };
        place::write(&place::plain(at), &text, draft, 0)
    }

    /// How many elements are signed; where there is none, one is made.
    fn items(&self, draft: &mut Draft) -> Result<usize, SignError> {
        let Some(each) = &self.case.scheme.each else { return Ok(1) };
        draft.each = Some(each.clone());
        let found =
            read(self.verifier, draft, |reading| Ok(self.case.items(reading).map(|items| items.len())))?;
        match found {
            Ok(count) => Ok(count),
            Err(_) => {
                place::set_json(draft, each, serde_json::json!([{}]))?;
                Ok(1)
            }
        }
    }

    /// Writes the fields of one element: its time, and what it lacks.
    fn item_fields(&self, draft: &mut Draft, item: usize) -> Result<(), SignError> {
        let scheme = &self.case.scheme;
        let absent = |draft: &Draft, place: &Place| {
            self.read_item(draft, item, |reading| Ok(reading.text(place).is_err()))
        };
        for (index, field) in scheme.fields().iter().enumerate() {
            if !matches!(field.place, Place::Item(_)) || field.equals.is_some() {
                continue;
            }
            let time = scheme.timestamp.filter(|timestamp| timestamp.field == index);
            let value = match (time, field.is.first()) {
                (Some(time), _) => write_moment(time.unit, self.now),
                (None, Some(text)) => text.clone(),
                (None, None) if field.optional || !absent(draft, &field.place)? => continue,
                (None, None) => draft.made_up_of(&field.name, field.length, self.now),
            };
            place::write(field, &value, draft, item)?;
        }
        if draft.fill {
            for origin in self.unnamed() {
                let Origin::Item(pointer) = origin else { continue };
                let at = Place::Item(pointer.clone());
                if absent(draft, &at)? {
                    place::write(&place::plain(at), "self-test", draft, item)?;
                }
            }
        }
        Ok(())
    }

    fn equalities(&self, draft: &mut Draft, item: usize) -> Result<(), SignError> {
        for (index, message) in &self.case.equalities {
            let Some(field) = self.case.scheme.field(*index) else { continue };
            let source = self.case.scheme.source(None);
            let text = self.read_item(draft, item, |reading| {
                message.bytes(source, reading).map_err(|fault| SignError::Field(VerifyError::of_field(fault)))
            })?;
            place::write(field, &String::from_utf8_lossy(&text), draft, item)?;
        }
        Ok(())
    }

    fn read_item<T>(
        &self,
        draft: &Draft,
        item: usize,
        look: impl FnOnce(&Reading<'_>) -> Result<T, SignError>,
    ) -> Result<T, SignError> {
        read(self.verifier, draft, |reading| {
            let items = self.case.items(reading).map_err(SignError::Field)?;
            let item = items.get(item).copied().flatten();
            look(&Reading { item, ..*reading })
        })
    }
}

/// Writes the token.
pub(super) fn token(verifier: &TokenVerifier, draft: &mut Draft, now: UnixTime) -> Result<(), SignError> {
    let setup::Key { ready: (_, secret), .. } =
        verifier.keys.live(now).next().ok_or(SignError::NoLiveSecret)?;
    let value = [verifier.prefix.as_bytes(), secret.expose()].concat();
    match verifier.headers.first() {
        Some(name) => place::insert(draft, name, &value),
        None => {
            place::write(&place::plain(verifier.place.clone()), &String::from_utf8_lossy(&value), draft, 0)
        }
    }
}

/// Writes user name and password.
pub(super) fn basic(verifier: &BasicVerifier, draft: &mut Draft, now: UnixTime) -> Result<(), SignError> {
    let setup::Key { ready: (_, secret), .. } =
        verifier.keys.live(now).next().ok_or(SignError::NoLiveSecret)?;
    let pair = STANDARD.encode([verifier.username.as_bytes(), b":", secret.expose()].concat());
    place::insert(draft, &AUTHORIZATION, format!("Basic {pair}").as_bytes())
}
