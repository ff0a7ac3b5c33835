//! The one question that the proxy asks: is this request from its sender?

use super::basic::{BasicDefinition, BasicVerifier};
use super::error::VerifyError;
use super::http_signature::{self, HttpSignatureDefinition, HttpSignatureVerifier};
use super::jwt::{self, Algorithm, JwtDefinition, JwtKeys, JwtVerifier};
use super::setup::{Keys, NamedSecret, Remember, SetupFlaw, Surroundings};
use super::sign::{self, Draft, SignError};
use super::signature::{Ring, SignatureVerifier};
use super::step::Step;
use super::token::{TokenDefinition, TokenVerifier};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::Head;
use crate::scheme::{Covers, Handshake, KeyForm, Place, PublicAlgorithm, Reading, Schemes};
use http::HeaderName;
use http::header::AUTHORIZATION;

/// How the sender of one source is proved.
#[derive(Debug)]
pub struct Verifier(Kind);

static BASIC_HEADERS: [HeaderName; 1] = [AUTHORIZATION];

#[derive(Debug)]
enum Kind {
    Signature(Box<SignatureVerifier>),
    Jwt(Box<JwtVerifier>),
    HttpSignature(Box<HttpSignatureVerifier>),
    Token(TokenVerifier),
    Basic(BasicVerifier),
}

impl Verifier {
    /// A signature of `schemes` under any of the secrets, or under those that a field chooses.
    ///
    /// # Errors
    /// When a secret is not of the scheme's form, or a value that the message needs is not there.
    pub fn signature(
        schemes: impl Into<Schemes>,
        secrets: Vec<NamedSecret>,
        surroundings: Surroundings,
    ) -> Result<Verifier, SetupFlaw> {
        let verifier = SignatureVerifier::new(schemes.into(), &secrets, &surroundings)?;
        Ok(Verifier(Kind::Signature(Box::new(verifier))))
    }

    /// A JSON Web Token, signed with one of the keys or MACed with one of the secrets, whose text has this form.
    ///
    /// # Errors
    /// When a secret is not of its form or too short for every algorithm, or when there is neither key nor secret.
    pub fn jwt(
        definition: JwtDefinition,
        keys: JwtKeys,
        form: &KeyForm,
        secrets: Vec<NamedSecret>,
    ) -> Result<Verifier, SetupFlaw> {
        JwtVerifier::new(definition, keys, form, secrets)
            .map(|verifier| Verifier(Kind::Jwt(Box::new(verifier))))
    }

    /// An HTTP message signature under one of the keys or secrets, whose text has this form. `public_url` is the
    /// address that senders sign, without path; without it that is the host of the request.
    ///
    /// # Errors
    /// When a secret is not of its form or not used, or when there is neither key nor secret.
    pub fn http_signature(
        definition: HttpSignatureDefinition,
        public_url: Option<&str>,
        keys: JwtKeys,
        form: &KeyForm,
        secrets: Vec<NamedSecret>,
    ) -> Result<Verifier, SetupFlaw> {
        HttpSignatureVerifier::new(definition, public_url, keys, form, secrets)
            .map(|verifier| Verifier(Kind::HttpSignature(Box::new(verifier))))
    }

    /// A static token in a header.
    ///
    /// # Errors
    /// When a token is empty or cannot stand in a header.
    pub fn token(definition: TokenDefinition, secrets: Vec<NamedSecret>) -> Result<Verifier, SetupFlaw> {
        TokenVerifier::new(definition, secrets).map(Kind::Token).map(Verifier)
    }

    /// HTTP Basic; the secrets are passwords.
    ///
    /// # Errors
    /// When a password is empty or the user name holds a colon.
    pub fn basic(definition: BasicDefinition, secrets: Vec<NamedSecret>) -> Result<Verifier, SetupFlaw> {
        BasicVerifier::new(definition, secrets).map(Kind::Basic).map(Verifier)
    }

    /// Has every proof carry the mark that the message is remembered by.
    pub fn remembering(mut self, remember: Remember) -> Verifier {
        match &mut self.0 {
            Kind::Signature(verifier) => verifier.remember = remember,
            Kind::Jwt(verifier) => verifier.remember = remember,
            Kind::HttpSignature(verifier) => verifier.remember = remember,
            // Their proof says nothing of the message, so there is nothing to mark it by.
            Kind::Token(_) | Kind::Basic(_) => {}
        }
        self
    }

    /// Has nothing pass whose signed text one of the handshakes would sign for anyone.
    pub fn beside(mut self, handshakes: &[Handshake]) -> Verifier {
        if let Kind::Signature(verifier) = &mut self.0 {
            verifier.oracle = handshakes.iter().flat_map(|handshake| handshake.oracle()).copied().collect();
        }
        self
    }

    /// The key for an answer that is computed with it: of the secret that proved the request, `proved`, or the first
    /// live one of those that the request chooses among. Nothing where there are only tokens.
    ///
    /// # Errors
    /// When the request chooses no secret, or no secret is live.
    pub fn key(
        &self,
        reading: &Reading<'_>,
        now: UnixTime,
        proved: Option<&str>,
    ) -> Result<Option<&Secret>, VerifyError> {
        match &self.0 {
            Kind::Signature(verifier) => {
                let main = verifier.main().ok_or(VerifyError::NoLiveSecret)?;
                let keys = main.ring.of(&main.scheme, reading)?;
                // Anybody may know a public key, so nothing is computed with it.
                one(keys, now, proved).map(|ready| ready.mac().map(|_| &ready.secret))
            }
            Kind::Token(verifier) => one(&verifier.keys, now, proved).map(|ready| Some(&ready.1)),
            Kind::Basic(verifier) => one(&verifier.keys, now, proved).map(|ready| Some(&ready.1)),
            Kind::Jwt(_) | Kind::HttpSignature(_) => Ok(None),
        }
    }

    /// The verifier of signatures, where it is one.
    pub(super) fn signature_verifier(&self) -> Option<&SignatureVerifier> {
        match &self.0 {
            Kind::Signature(verifier) => Some(verifier),
            Kind::Jwt(_) | Kind::HttpSignature(_) | Kind::Token(_) | Kind::Basic(_) => None,
        }
    }

    /// Where a static token stands.
    pub(super) fn credential_place(&self) -> Option<Place> {
        match &self.0 {
            Kind::Token(verifier) => Some(verifier.place.clone()),
            Kind::Signature(_) | Kind::Jwt(_) | Kind::HttpSignature(_) | Kind::Basic(_) => None,
        }
    }

    /// Static tokens and passwords.
    pub(super) fn credential_secrets(&self) -> Vec<Secret> {
        match &self.0 {
            Kind::Token(verifier) => verifier.keys.every().map(|key| key.ready.1.clone()).collect(),
            Kind::Basic(verifier) => verifier.keys.every().map(|key| key.ready.1.clone()).collect(),
            Kind::Signature(_) | Kind::Jwt(_) | Kind::HttpSignature(_) => Vec::new(),
        }
    }

    /// Settles what the head can settle, before a byte of the body is read.
    ///
    /// # Errors
    /// Whatever is wrong with the head, or with a credential in it.
    pub fn start<'v>(&'v self, head: &Head, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        match &self.0 {
            Kind::Signature(verifier) => verifier.start(head, now),
            Kind::Jwt(verifier) => verifier.start(head, now),
            Kind::HttpSignature(verifier) => verifier.start(head, now),
            Kind::Token(verifier) => verifier.start(head, now),
            Kind::Basic(verifier) => verifier.start(head, now).map(Step::Done),
        }
    }

    /// `signature`, `jwt`, `swt`, `http_signature`, `token` or `basic`.
    pub fn scheme_name(&self) -> &'static str {
        match &self.0 {
            Kind::Signature(_) => SignatureVerifier::NAME,
            Kind::Jwt(verifier) => jwt::scheme_name(verifier.definition.profile),
            Kind::HttpSignature(_) => HttpSignatureVerifier::NAME,
            Kind::Token(_) => TokenVerifier::NAME,
            Kind::Basic(_) => BasicVerifier::NAME,
        }
    }

    /// What of the request the proof covers.
    pub fn covers(&self) -> Covers {
        match &self.0 {
            Kind::Signature(verifier) => verifier.covers(),
            Kind::Jwt(verifier) if verifier.binds_body() => Covers::Body,
            Kind::Jwt(_) => Covers::Origin,
            Kind::HttpSignature(verifier) => verifier.covers(),
            Kind::Token(_) | Kind::Basic(_) => Covers::Origin,
        }
    }

    /// Whether the proof covers a timestamp.
    pub fn has_timestamp(&self) -> bool {
        self.tolerance().is_some_and(|(_, signed)| signed)
    }

    /// Whether any request of the sender says when it was made, proved or not.
    pub fn reads_time(&self) -> bool {
        match &self.0 {
            Kind::Signature(verifier) => verifier.cases.iter().any(|case| case.scheme.timestamp.is_some()),
            Kind::Jwt(_) | Kind::HttpSignature(_) => true,
            Kind::Token(_) | Kind::Basic(_) => false,
        }
    }

    /// Whether the proof covers an event id.
    pub fn has_event_id(&self) -> bool {
        self.event_id() == Some(true)
    }

    /// How far a timestamp may lie from now, seconds, and whether the proof covers it.
    pub fn tolerance(&self) -> Option<(i64, bool)> {
        match &self.0 {
            // Of several kinds, the one that says least.
            Kind::Signature(verifier) => {
                let mut found = None;
                for case in &verifier.cases {
                    let timestamp = case.scheme.timestamp?;
                    let (tolerance, signed) = found.unwrap_or((0, true));
                    found = Some((timestamp.tolerance.max(tolerance), timestamp.signed && signed));
                }
                found
            }
            Kind::Jwt(verifier) => {
                let claims = &verifier.definition.claims;
                Some((claims.max_age.unwrap_or(claims.leeway), true))
            }
            Kind::HttpSignature(verifier) => verifier.tolerance().map(|seconds| (seconds, true)),
            Kind::Token(_) | Kind::Basic(_) => None,
        }
    }

    /// Whether the proof covers the event id; nothing where no id is read.
    pub fn event_id(&self) -> Option<bool> {
        match &self.0 {
            Kind::Signature(verifier) => {
                let mut found = None;
                for case in &verifier.cases {
                    found = Some(case.scheme.id?.signed && found.unwrap_or(true));
                }
                found
            }
            Kind::Jwt(verifier) => verifier.demands_id().then_some(true),
            Kind::HttpSignature(verifier) => verifier.demands_nonce().then_some(true),
            Kind::Token(_) | Kind::Basic(_) => None,
        }
    }

    /// Every header field that the verdict depends on; `Connection` may not name one.
    pub fn headers_read(&self) -> &[HeaderName] {
        match &self.0 {
            Kind::Signature(verifier) => &verifier.headers_read,
            Kind::Jwt(verifier) => &verifier.headers_read,
            Kind::HttpSignature(verifier) => &verifier.headers_read,
            Kind::Token(_) | Kind::Basic(_) => self.credentials(),
        }
    }

    /// Header fields that hold a reusable credential; they are not forwarded.
    pub fn credentials(&self) -> &[HeaderName] {
        match &self.0 {
            Kind::Signature(_) | Kind::Jwt(_) | Kind::HttpSignature(_) => &[],
            Kind::Token(verifier) => &verifier.headers,
            Kind::Basic(_) => &BASIC_HEADERS,
        }
    }

    /// The algorithms that may sign for it, as key sets call them.
    pub fn algorithms(&self) -> &[Algorithm] {
        match &self.0 {
            Kind::Jwt(verifier) => &verifier.definition.algorithms,
            Kind::HttpSignature(verifier) => &verifier.jose,
            Kind::Signature(_) | Kind::Token(_) | Kind::Basic(_) => &[],
        }
    }

    /// The algorithms of private keys that may sign a message.
    pub fn public_algorithms(&self) -> Vec<PublicAlgorithm> {
        match &self.0 {
            Kind::Signature(verifier) => verifier.public_algorithms().collect(),
            Kind::HttpSignature(_) | Kind::Jwt(_) | Kind::Token(_) | Kind::Basic(_) => Vec::new(),
        }
    }

    /// Whether a proof needs keys that are fetched.
    pub fn fetches_keys(&self) -> bool {
        match &self.0 {
            Kind::Signature(verifier) => verifier.cases.iter().any(|case| matches!(case.ring, Ring::Fetched)),
            Kind::Jwt(verifier) => verifier.fetches().is_some(),
            Kind::HttpSignature(verifier) => verifier.fetches(),
            Kind::Token(_) | Kind::Basic(_) => false,
        }
    }

    /// Whether a form in the body is read.
    pub fn reads_form(&self) -> bool {
        match &self.0 {
            Kind::Signature(verifier) => verifier.main().is_some_and(|case| case.scheme.reads_form()),
            Kind::Token(verifier) => matches!(verifier.place, Place::Form(_)),
            Kind::Jwt(_) | Kind::HttpSignature(_) | Kind::Basic(_) => false,
        }
    }

    /// Whether what is proved can also be signed here: with a secret, not with somebody's private key.
    pub fn can_sign(&self) -> bool {
        match &self.0 {
            Kind::Jwt(verifier) => verifier.can_sign(),
            Kind::Signature(verifier) => verifier.public_algorithms().next().is_none(),
            Kind::HttpSignature(verifier) => verifier.can_sign(),
            Kind::Token(_) | Kind::Basic(_) => true,
        }
    }

    /// Writes what a genuine sender would send at `now`, with the first live secret. What the draft
    /// already says of the scheme's fields is replaced, but for ids and plain fields.
    ///
    /// # Errors
    /// When the draft cannot carry it, or lacks a field that only the sender knows.
    pub fn sign(&self, draft: &mut Draft, now: UnixTime) -> Result<(), SignError> {
        match &self.0 {
            Kind::Signature(verifier) => sign::signature(verifier, draft, now),
            Kind::Jwt(verifier) => jwt::sign(verifier, draft, now),
            Kind::HttpSignature(verifier) => http_signature::sign(verifier, draft, now),
            Kind::Token(verifier) => sign::token(verifier, draft, now),
            Kind::Basic(verifier) => sign::basic(verifier, draft, now),
        }
    }
}

/// The live secret of this name, or the first.
fn one<'k, K>(keys: &'k Keys<K>, now: UnixTime, name: Option<&str>) -> Result<&'k K, VerifyError> {
    let named = keys.live(now).find(|key| name.is_some_and(|name| *key.name == *name));
    let key = named.or_else(|| keys.live(now).next());
    key.map(|key| &key.ready).ok_or(VerifyError::NoLiveSecret)
}
