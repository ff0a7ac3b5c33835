//! Verification of a token: what the head settles, what a key settles, what the body settles.

use super::algorithm::Algorithm;
use super::body_hash::{Digest, Hash, Promise};
use super::claims::{self, Times};
use super::definition::{JwtDefinition, KidRule, Profile, TokenPlace};
use super::key_set::{Found, KeySet};
use super::unverified::UnverifiedToken;
use super::{json::Json, swt};
use crate::base::limits::{MAX_EVENT_ID, MAX_TOKEN};
use crate::base::time::UnixTime;
use crate::http::headers::single;
use crate::http::{Body, Head};
use crate::scheme::{Encoding, KeyForm, Mac, SecretFlaw, Tag};
use crate::verify::error::VerifyError;
use crate::verify::proof::{EventId, Mark, Proof, Sender};
use crate::verify::public_key::ChainRule;
use crate::verify::setup::{Keys, NamedSecret, Remember, SetupFlaw};
use crate::verify::step::{AwaitBody, AwaitKey, Step};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, Method};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Longest token of the first SWT generation in a header, bytes: it carries up to 6 KiB of data.
const MAX_LEGACY_TOKEN: usize = 2 * MAX_TOKEN;

/// Where the public keys come from.
#[derive(Clone, Debug)]
pub enum JwtKeys {
    /// There are none: only secrets.
    None,
    /// The operator wrote them down.
    Fixed(KeySet),
    /// They are fetched when a token names one.
    Fetched,
    /// Every token brings its certificates, which lead to a pinned authority.
    Chain(ChainRule),
}

/// A definition with the secrets and keys of one source.
#[derive(Debug)]
pub(crate) struct JwtVerifier {
    pub(crate) definition: JwtDefinition,
    pub(super) secrets: Keys<Secret>,
    keys: JwtKeys,
    label: Arc<str>,
    pub(crate) headers_read: Vec<HeaderName>,
    /// What the replay guard knows a message by.
    pub(crate) remember: Remember,
}

/// A secret, keyed for every HS algorithm that it is long enough for.
#[derive(Debug)]
pub(super) struct Secret(pub(super) Vec<(Algorithm, Mac)>);

impl JwtVerifier {
    /// Keys the MACs; the form says how a secret is written.
    pub fn new(
        definition: JwtDefinition,
        keys: JwtKeys,
        form: &KeyForm,
        secrets: Vec<NamedSecret>,
    ) -> Result<JwtVerifier, SetupFlaw> {
        let secrets = match (secrets.is_empty(), &keys) {
            (true, JwtKeys::Fixed(_) | JwtKeys::Fetched | JwtKeys::Chain(_)) => Keys::none(),
            _ => Keys::prepare(secrets, |secret| Secret::new(&definition, form.decode(secret)?.expose()))?,
        };
        let (label, headers_read) = match &definition.place {
            TokenPlace::Header(name, _) => (format!("header {name}").into(), vec![name.clone()]),
            TokenPlace::Body => ("the body".into(), Vec::new()),
            TokenPlace::Json(_) => ("the token in the body".into(), Vec::new()),
        };
        Ok(JwtVerifier { definition, secrets, keys, label, headers_read, remember: Remember::Nothing })
    }

    /// Settles all that the head can settle.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        let TokenPlace::Header(name, prefix) = &self.definition.place else {
            return Ok(Step::Body(AwaitBody::for_token(self)));
        };
        let field = || Arc::clone(&self.label);
        let value = single(&head.headers, name).map_err(|_| VerifyError::FieldRepeated { field: field() })?;
        let value = value.ok_or_else(|| VerifyError::CredentialMissing { field: field() })?;
        let token =
            strip(name, prefix, value).ok_or_else(|| VerifyError::CredentialMalformed { field: field() })?;
        let limit = if self.definition.profile == Profile::SwtLegacy { MAX_LEGACY_TOKEN } else { MAX_TOKEN };
        if token.len() > limit {
            return Err(VerifyError::TokenMalformed { flaw: "it is longer than a header may hold" });
        }
        self.token(token, head, now)
    }

    /// The token that stands in a body which has arrived.
    pub fn in_body(&self, head: &Head, body: &Body, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        let missing = || VerifyError::CredentialMissing { field: Arc::clone(&self.label) };
        match &self.definition.place {
            TokenPlace::Json(pointer) => {
                let token = pointer.find(body.chunks()).ok_or_else(missing)?;
                self.token(token.as_bytes(), head, now)
            }
            TokenPlace::Body | TokenPlace::Header(..) if body.is_empty() => Err(missing()),
            TokenPlace::Body | TokenPlace::Header(..) => self.token(&body.chunks().concat(), head, now),
        }
    }

    /// Cheapest first: form, algorithm, type and `kid`, then what it says, then the signature.
    fn token(&self, token: &[u8], head: &Head, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        let text =
            std::str::from_utf8(token).map_err(|_| VerifyError::TokenMalformed { flaw: "it is not text" })?;
        let token = UnverifiedToken::parse(text)?;
        let algorithm = self.algorithm(&token)?;
        self.check_type(&token)?;
        let kid = self.kid(&token)?;
        let claims = token.claims();
        let times = Times::read(claims, &self.definition.claims)?;
        times.check(now)?;
        times.check_lifetime(now, self.definition.claims.max_lifetime)?;
        claims::check(claims, &self.definition.claims)?;
        swt::check(self.definition.profile, claims)?;
        claims::token_id(claims)?;
        if let Some(hash) = &self.definition.address_hash {
            hash.check(claims, head)?;
        }
        let promise = self.promise(claims, &head.method)?;
        let waiting = AwaitingKey { verifier: self, token, algorithm, kid, times, promise };
        match &self.keys {
            JwtKeys::Fixed(keys) if algorithm.is_symmetric() && self.secrets.is_empty() => {
                waiting.with_keys(keys, now)
            }
            _ if algorithm.is_symmetric() => waiting.with_secrets(now),
            JwtKeys::Fixed(keys) => waiting.with_keys(keys, now),
            JwtKeys::Chain(rule) => {
                let keys = self.brought(rule, &waiting.token, now)?;
                waiting.with_keys(&keys, now)
            }
            JwtKeys::Fetched if waiting.kid.is_none() => Err(VerifyError::KidMissing),
            JwtKeys::Fetched => Ok(Step::Key(AwaitKey::new(waiting))),
            JwtKeys::None => Err(VerifyError::AlgorithmNotAllowed),
        }
    }

    /// The key that a token brings, under the name that the token gives it.
    fn brought(
        &self,
        rule: &ChainRule,
        token: &UnverifiedToken,
        now: UnixTime,
    ) -> Result<KeySet, VerifyError> {
        let missing = VerifyError::TokenMalformed { flaw: "it brings no certificates (`x5c`)" };
        let Some(Json::List(chain)) = token.header("x5c") else { return Err(missing) };
        let chain = chain.iter().map(|one| one.text().and_then(|text| STANDARD.decode(text).ok()));
        let chain = chain.collect::<Option<Vec<_>>>().ok_or(missing)?;
        let refused = |flaw| VerifyError::CertificateRefused { flaw };
        let key = rule.key(&chain, now).map_err(refused)?;
        KeySet::of_public_key(key, &self.definition.algorithms).map_err(|_| VerifyError::KeyMismatch)
    }

    fn algorithm(&self, token: &UnverifiedToken) -> Result<Algorithm, VerifyError> {
        let named = token.header("alg").and_then(Json::text).and_then(Algorithm::parse);
        named
            .filter(|algorithm| self.definition.algorithms.contains(algorithm))
            .ok_or(VerifyError::AlgorithmNotAllowed)
    }

    fn check_type(&self, token: &UnverifiedToken) -> Result<(), VerifyError> {
        let allowed = &self.definition.typ;
        let fits = match token.header("typ") {
            None => allowed.is_empty(),
            Some(typ) => {
                typ.text().is_some_and(|typ| allowed.is_empty() || allowed.iter().any(|one| one == typ))
            }
        };
        if fits { Ok(()) } else { Err(VerifyError::TokenTypeMismatch) }
    }

    fn kid(&self, token: &UnverifiedToken) -> Result<Option<String>, VerifyError> {
        let Some(kid) = token.header("kid") else { return Ok(None) };
        let kid = kid.text().filter(|kid| self.definition.kid.allows(kid));
        kid.map(|kid| Some(kid.to_owned())).ok_or(VerifyError::KidMalformed)
    }

    fn promise(&self, claims: &Json, method: &Method) -> Result<Option<Promise>, VerifyError> {
        match (self.definition.profile, &self.definition.body_hash) {
            (Profile::SwtLegacy, _) => swt::legacy_promise(claims, method).map(Some),
            (_, Some(hash)) => hash.read(claims).map(Some),
            (_, None) => Ok(None),
        }
    }

    /// Whether the body is bound to the token.
    pub fn binds_body(&self) -> bool {
        self.definition.body_hash.is_some()
            || self.definition.profile != Profile::Jwt
            || self.definition.place == TokenPlace::Body
    }

    /// Whether every token has an id.
    pub fn demands_id(&self) -> bool {
        self.definition.profile != Profile::Jwt
            || self.definition.claims.require.iter().any(|name| name == "jti")
    }

    /// Whether there is a secret to sign with.
    pub fn can_sign(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Whether keys are fetched by `kid`, and which form it then has.
    pub fn fetches(&self) -> Option<KidRule> {
        matches!(self.keys, JwtKeys::Fetched).then_some(self.definition.kid)
    }
}

impl Secret {
    fn new(definition: &JwtDefinition, secret: &[u8]) -> Result<Secret, SecretFlaw> {
        let mut keyed = Vec::new();
        let mut shortest = usize::MAX;
        for algorithm in &definition.algorithms {
            let (Some(mac), super::Family::Secret { min_bytes }) = (algorithm.mac(), algorithm.family())
            else {
                continue;
            };
            shortest = shortest.min(min_bytes);
            if secret.len() >= min_bytes {
                keyed.push((*algorithm, Mac::new(mac, secret).map_err(|_| SecretFlaw::Unusable)?));
            }
        }
        match shortest {
            usize::MAX => Err(SecretFlaw::NotUsed),
            min if keyed.is_empty() => Err(SecretFlaw::TooShort { got: secret.len(), min }),
            _ => Ok(Secret(keyed)),
        }
    }

    /// The MAC of `message`, where the secret is long enough for the algorithm.
    pub(super) fn mac(&self, algorithm: Algorithm, message: &[u8]) -> Option<Tag> {
        let (_, mac) = self.0.iter().find(|(known, _)| *known == algorithm)?;
        let mut mac = mac.clone();
        mac.update(message);
        Some(mac.finish())
    }
}

fn strip<'v>(header: &HeaderName, prefix: &str, value: &'v [u8]) -> Option<&'v [u8]> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    let prefix = prefix.as_bytes();
    let same = if *header == AUTHORIZATION { start.eq_ignore_ascii_case(prefix) } else { start == prefix };
    same.then_some(rest).filter(|rest| !rest.is_empty())
}

/// A token whose head is settled; its key decides.
#[derive(Debug)]
pub(crate) struct AwaitingKey<'v> {
    verifier: &'v JwtVerifier,
    token: UnverifiedToken,
    algorithm: Algorithm,
    kid: Option<String>,
    times: Times,
    promise: Option<Promise>,
}

impl<'v> AwaitingKey<'v> {
    /// The name of the key that is needed.
    pub fn kid(&self) -> &str {
        self.kid.as_deref().unwrap_or_default()
    }

    /// Checks the signature with the keys of its `kid`.
    pub fn with_keys(self, keys: &KeySet, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        // Waiting for keys takes time, too.
        self.times.check(now)?;
        let candidates = match keys.find(self.kid.as_deref(), self.algorithm) {
            Found::Keys(candidates) => candidates,
            Found::Unknown if self.kid.is_none() => return Err(VerifyError::KidMissing),
            Found::Unknown => return Err(VerifyError::KeyUnknown),
            Found::Mismatch => return Err(VerifyError::KeyMismatch),
        };
        let (message, signature) = (self.token.signed(), self.token.signature());
        let secrets = candidates.len();
        let hit = candidates.into_iter().find(|key| key.verify(self.algorithm, message, signature));
        let name = match hit {
            Some(key) => key.kid.as_deref().unwrap_or("key").into(),
            None => return Err(VerifyError::SignatureMismatch { signatures: 1, secrets }),
        };
        self.settle(name)
    }

    /// Compares with the MAC under every live secret that is long enough, without early exit.
    fn with_secrets(self, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        let length = self.algorithm.mac().and_then(|mac| mac.tag_bytes()).unwrap_or(0);
        let sent = Encoding::Base64Url.decode(self.token.signature(), length);
        let sent =
            sent.ok_or(VerifyError::TokenMalformed { flaw: "its signature is not base64url of a MAC" })?;
        let (mut matched, mut live, mut secrets) = (None, 0, 0);
        for key in self.verifier.secrets.live(now) {
            live += 1;
            let Some(tag) = key.ready.mac(self.algorithm, self.token.signed()) else { continue };
            secrets += 1;
            let hit = bool::from(tag.ct_eq(&sent));
            matched = if hit { matched.or(Some(&key.name)) } else { matched };
        }
        match matched {
            Some(name) => {
                let name = Arc::clone(name);
                self.settle(name)
            }
            None if live == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::SignatureMismatch { signatures: 1, secrets }),
        }
    }

    /// The sender is proved; what is left is whether it may send, and the body.
    fn settle(self, key: Arc<str>) -> Result<Step<'v>, VerifyError> {
        let AwaitingKey { verifier, token, times, promise, .. } = self;
        let claims = token.claims();
        claims::check_exact(claims, &verifier.definition.claims)?;
        let id = claims::token_id(claims)?;
        let mark = (verifier.remember != Remember::Nothing).then(|| match id {
            Some(id) if verifier.remember != Remember::Message => {
                let issuer = claims.get("iss").and_then(Json::text).unwrap_or_default();
                Mark::of_event(&[issuer.as_bytes(), id.as_bytes()])
            }
            _ => Mark::of_message(&[token.signed()]),
        });
        let is_plain = |id: &&str| id.len() <= MAX_EVENT_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
        let sender = Sender {
            scheme: scheme_name(verifier.definition.profile),
            key,
            event_id: id.filter(is_plain).map(|id| EventId { value: id.to_owned(), signed: true }),
            timestamp: times.issued(),
            valid_until: times.valid_until(),
            mark: None,
        };
        match (promise, mark) {
            (None, None) => Ok(Step::Done(Proof::new(sender))),
            (None, Some(mark)) if verifier.definition.place == TokenPlace::Body => {
                let body = Hash::Sha256.of(token.signed());
                Ok(Step::Done(Proof::new(Sender { mark: Some(mark.with_body(&body)), ..sender })))
            }
            (promise, mark) => {
                let digest = Digest::new(promise.as_ref().map_or(Hash::Sha256, Promise::hash));
                let pending = PendingBody { sender, promise, mark, times, digest };
                Ok(Step::Body(AwaitBody::for_digest(pending)))
            }
        }
    }
}

/// A proved token whose body is on its way.
#[derive(Debug)]
pub(crate) struct PendingBody {
    sender: Sender,
    promise: Option<Promise>,
    mark: Option<Mark>,
    times: Times,
    digest: Digest,
}

impl PendingBody {
    /// Feeds the next bytes of the body.
    pub fn chunk(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Compares the body with what the token says of it.
    pub fn end(self, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
        self.times.check(now)?;
        let digest = self.digest.finish();
        if let Some(promise) = &self.promise {
            promise.check(body.len(), &digest)?;
        }
        let mark = self.mark.map(|mark| mark.with_body(&digest));
        Ok(Proof::new(Sender { mark, ..self.sender }))
    }
}

/// `jwt` or `swt`.
pub(crate) fn scheme_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Jwt => "jwt",
        Profile::Swt | Profile::SwtLegacy => "swt",
    }
}
