//! Writing what verification reads: for tests, for the self-test at start, and for the command line.

use super::basic::BasicVerifier;
use super::error::VerifyError;
use super::jwt::SigningKey;
use super::setup::Key;
use super::signature::SignatureVerifier;
use super::token::TokenVerifier;
use crate::base::time::UnixTime;
use crate::http::authority::Authority;
use crate::http::target::Target;
use crate::http::{Captures, Head};
use crate::scheme::{Fault, Field, Place, Unit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
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
    /// The private key of a sender that has one.
    pub key: Option<SigningKey>,
    /// What makes ids that are made up differ from those of another draft.
    pub salt: Vec<u8>,
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
            salt: Vec::new(),
        }
    }

    /// The digest that ids are made of: the same for the same name, body, time and salt.
    fn seed(&self, name: &str, now: UnixTime) -> [u8; 32] {
        Sha256::digest([name.as_bytes(), &now.0.to_be_bytes(), &self.salt, &self.body].concat()).into()
    }

    /// Letters and digits.
    fn made_up(&self, name: &str, now: UnixTime) -> String {
        let digits = hex::encode(self.seed(name, now));
        format!("msg{}", digits.get(..24).unwrap_or_default())
    }

    /// A UUID.
    pub(super) fn made_up_uuid(&self, name: &str, now: UnixTime) -> String {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(self.seed(name, now)).for_each(|(to, from)| *to = from);
        uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string()
    }

    fn head(&self) -> Result<Head, SignError> {
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
    /// The token stands inside of a body that only the sender can write.
    TokenInBody,
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
            SignError::TokenInBody => {
                out.write_str("the token stands inside of the body, which only the sender can write")
            }
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
    let scheme = &verifier.scheme;
    let mut mac =
        verifier.keys.live(now).map(|key| key.ready.clone()).next().ok_or(SignError::NoLiveSecret)?;
    let values = values(verifier, draft, now)?;
    for field in scheme.fields().iter().chain([&scheme.signature.field]) {
        clear(field, draft);
    }
    for (field, value) in scheme.fields().iter().zip(&values) {
        write(field, value, draft)?;
    }
    let head = draft.head()?;
    for piece in &verifier.message.before {
        mac.update(verifier.text(piece, &head).map_err(SignError::Field)?.as_bytes());
    }
    if verifier.message.body {
        mac.update(&draft.body);
    }
    for piece in &verifier.message.after {
        mac.update(verifier.text(piece, &head).map_err(SignError::Field)?.as_bytes());
    }
    let value = scheme.signature.encoding.encode(&mac.finish());
    match &scheme.signature.field.place {
        Place::Query(_) => write(&scheme.signature.field, &escape(&value), draft),
        Place::Header(_) | Place::Path(_) => write(&scheme.signature.field, &value, draft),
    }
}

/// Writes the token.
pub(super) fn token(verifier: &TokenVerifier, draft: &mut Draft, now: UnixTime) -> Result<(), SignError> {
    let Key { ready: (_, secret), .. } = verifier.keys.live(now).next().ok_or(SignError::NoLiveSecret)?;
    insert(draft, &verifier.header, &[verifier.prefix.as_bytes(), secret.expose()].concat())
}

/// Writes user name and password.
pub(super) fn basic(verifier: &BasicVerifier, draft: &mut Draft, now: UnixTime) -> Result<(), SignError> {
    let Key { ready: (_, secret), .. } = verifier.keys.live(now).next().ok_or(SignError::NoLiveSecret)?;
    let pair = STANDARD.encode([verifier.username.as_bytes(), b":", secret.expose()].concat());
    insert(draft, &AUTHORIZATION, format!("Basic {pair}").as_bytes())
}

/// The text of every field: the timestamp from `now`, the others from the draft or made up.
fn values(verifier: &SignatureVerifier, draft: &Draft, now: UnixTime) -> Result<Vec<String>, SignError> {
    let head = draft.head()?;
    let timestamp = verifier.scheme.timestamp;
    let fields = verifier.scheme.fields().iter().enumerate();
    let values = fields.map(|(index, field)| {
        if let Some(timestamp) = timestamp.filter(|timestamp| timestamp.field == index) {
            return Ok(match timestamp.unit {
                Unit::Seconds => now.0.to_string(),
                Unit::Milliseconds => now.0.saturating_mul(1000).to_string(),
            });
        }
        match (field.text(&head), &field.place) {
            (Ok(text), _) => Ok(text.sent.to_owned()),
            (Err(error), Place::Header(_) | Place::Query(_)) if error.fault == Fault::Missing => {
                Ok(draft.made_up(&field.name, now))
            }
            (Err(error), _) => Err(SignError::Field(VerifyError::of_field(error))),
        }
    });
    values.collect()
}

fn clear(field: &Field, draft: &mut Draft) {
    match &field.place {
        Place::Header(names) => names.iter().for_each(|name| {
            draft.headers.remove(name);
        }),
        Place::Query(name) => {
            let (path, query) = split(&draft.target);
            let kept: Vec<_> = query.into_iter().filter(|pair| pair_name(pair) != name).collect();
            draft.target = join(path, &kept);
        }
        Place::Path(_) => {}
    }
}

fn write(field: &Field, value: &str, draft: &mut Draft) -> Result<(), SignError> {
    match &field.place {
        Place::Header(names) => {
            let Some(name) = names.first() else { return Ok(()) };
            let before = draft.headers.get(name).and_then(|value| value.to_str().ok());
            let text = field.shape.write(before, value);
            insert(draft, name, text.as_bytes())
        }
        Place::Query(name) => {
            let (path, query) = split(&draft.target);
            let before = query.iter().find(|pair| pair_name(pair) == name);
            let before = before.and_then(|pair| pair.split_once('=')).map(|(_, value)| value);
            let pair = format!("{name}={}", field.shape.write(before, value));
            let others = query.iter().copied().filter(|pair| pair_name(pair) != name);
            let pairs: Vec<_> = others.chain([pair.as_str()]).collect();
            draft.target = join(path, &pairs);
            Ok(())
        }
        Place::Path(_) => Ok(()),
    }
}

fn insert(draft: &mut Draft, name: &HeaderName, value: &[u8]) -> Result<(), SignError> {
    let value = HeaderValue::from_bytes(value).map_err(|_| SignError::HeaderValue)?;
    draft.headers.insert(name, value);
    Ok(())
}

fn split(target: &str) -> (&str, Vec<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, query.split('&').collect()),
        None => (target, Vec::new()),
    }
}

fn join(path: &str, pairs: &[&str]) -> String {
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn pair_name(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

/// Percent-escapes all but the unreserved characters of RFC 3986 section 2.3.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
