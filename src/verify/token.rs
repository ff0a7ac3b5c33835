//! A static token in a header: who sent it, nothing of what was sent.

use super::error::VerifyError;
use super::proof::{Proof, Sender};
use super::setup::{Keys, NamedSecret, SetupFlaw};
use super::step::{AwaitBody, Step};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::headers::single;
use crate::http::{Body, Head};
use crate::scheme::{Content, Fault, Place, Reading, SecretFlaw};
use http::HeaderName;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// The table `[source.token]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDefinition {
    /// Where the token stands: one header, a query parameter, or a value in the body.
    pub place: Place,
    /// Literal text before the token, such as `Bearer `; of any case in `Authorization` (RFC 9110 11.1).
    pub prefix: Option<String>,
}

/// SHA-256 of a credential: both sides have one length, so a comparison tells nothing of it.
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a credential.
    pub fn new(bytes: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(bytes).into())
    }

    /// Whether two credentials are equal, in constant time.
    pub fn matches(&self, other: &Fingerprint) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[fingerprint]")
    }
}

/// A place compared with tokens.
#[derive(Debug)]
pub(super) struct TokenVerifier {
    pub(super) place: Place,
    pub(super) prefix: String,
    label: Arc<str>,
    pub(super) headers: Vec<HeaderName>,
    pub(super) keys: Keys<(Fingerprint, Secret)>,
}

/// A token that stands in the body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyToken<'v>(&'v TokenVerifier);

impl TokenVerifier {
    /// The name of this kind of proof.
    pub const NAME: &'static str = "token";

    /// Takes the tokens.
    pub fn new(definition: TokenDefinition, secrets: Vec<NamedSecret>) -> Result<TokenVerifier, SetupFlaw> {
        let keys = Keys::prepare(secrets, |secret| {
            let bytes = secret.expose();
            let printable = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
            let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            match bytes {
                [] => Err(SecretFlaw::Empty),
                _ if !bytes.iter().all(printable) || blank(bytes.first()) || blank(bytes.last()) => {
                    Err(SecretFlaw::NotAHeaderValue)
                }
                _ => Ok((Fingerprint::new(bytes), secret.clone())),
            }
        })?;
        let TokenDefinition { place, prefix } = definition;
        let (label, headers) = match &place {
            Place::Header(names) | Place::Family(names) => {
                let texts: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
                (format!("header {}", texts.join(" or ")), names.clone())
            }
            Place::Query(name) => (format!("query parameter {name}"), Vec::new()),
            Place::Form(name) => (format!("form field {name}"), Vec::new()),
            Place::Json(pointer) => (format!("JSON /{}", pointer.tokens().join("/")), Vec::new()),
            Place::Path(name) | Place::Param(name) => (name.clone(), Vec::new()),
            Place::Item(_) => ("item".to_owned(), Vec::new()),
        };
        Ok(TokenVerifier { place, prefix: prefix.unwrap_or_default(), label: label.into(), headers, keys })
    }

    /// Compares the token with every live secret, now or when the body is there.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        if self.place.is_in_body() {
            return Ok(Step::Body(AwaitBody::for_static_token(BodyToken(self))));
        }
        let field = || Arc::clone(&self.label);
        let Place::Header(names) = &self.place else {
            let reading = Reading { head, content: None, item: None, params: &BTreeMap::new() };
            return self.read(&reading, now).map(Step::Done);
        };
        let mut value = None;
        for name in names {
            let found = single(&head.headers, name);
            value = value.or(found.map_err(|_| VerifyError::FieldRepeated { field: field() })?);
        }
        let value = value.ok_or_else(|| VerifyError::CredentialMissing { field: field() })?;
        self.compare(value, now).map(Step::Done)
    }

    fn read(&self, reading: &Reading<'_>, now: UnixTime) -> Result<Proof, VerifyError> {
        let field = Arc::clone(&self.label);
        let text = reading.text(&self.place).map_err(|fault| match fault {
            Fault::Missing => VerifyError::CredentialMissing { field },
            Fault::Repeated => VerifyError::FieldRepeated { field },
            Fault::Malformed => VerifyError::CredentialMalformed { field },
        })?;
        self.compare(text.meant.as_bytes(), now)
    }

    fn compare(&self, value: &[u8], now: UnixTime) -> Result<Proof, VerifyError> {
        let field = || Arc::clone(&self.label);
        let token = self.strip(value).filter(|token| !token.is_empty());
        let offered =
            Fingerprint::new(token.ok_or_else(|| VerifyError::CredentialMalformed { field: field() })?);
        let (mut matched, mut secrets) = (None, 0);
        for key in self.keys.live(now) {
            secrets += 1;
            let hit = bool::from(key.ready.0.matches(&offered));
            matched = if hit { matched.or(Some(&key.name)) } else { matched };
        }
        match matched {
            Some(name) => Ok(Proof::new(Sender::by_credential(Self::NAME, Arc::clone(name)))),
            None if secrets == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::CredentialMismatch { secrets }),
        }
    }

    fn strip<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        let (start, rest) = value.split_at_checked(self.prefix.len())?;
        let prefix = self.prefix.as_bytes();
        let any_case = self.headers.contains(&AUTHORIZATION);
        let same = if any_case { start.eq_ignore_ascii_case(prefix) } else { start == prefix };
        same.then_some(rest)
    }
}

impl BodyToken<'_> {
    /// Compares the token in the body with every live secret.
    pub fn end(self, head: &Head, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
        let content = Content::new(head, body);
        let reading = Reading { head, content: Some(&content), item: None, params: &BTreeMap::new() };
        self.0.read(&reading, now)
    }
}
