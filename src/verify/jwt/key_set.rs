//! The keys of one issuer: a JWK Set, one JWK, or a PEM text; only those that the policy can use.

use super::algorithm::Algorithm;
use super::json::Json;
use super::key::VerificationKey;
use crate::base::limits::MAX_KEYS;
use crate::base::time::UnixTime;
use crate::scheme::KeyKind;
use crate::verify::error::VerifyError;
use crate::verify::public_key::{CertificateFlaw, CertificateRule, KeyFlaw, KeyText, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use std::fmt;
use std::sync::Arc;

/// The name that stands for every key of a set, where the sender does not say which one it used.
pub const ANY_KEY: &str = "*";

/// Keys that can check tokens; built whole, then put in the place of the former set.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
    /// Whether a token must say which key it means.
    by_kid: bool,
}

/// Where one key stands in a response that is about one `kid`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SingleKey {
    /// The members that lead to the JWK; none where the response is the JWK.
    pub at: Vec<String>,
}

impl SingleKey {
    fn find<'j>(&self, document: &'j Json) -> Option<&'j Json> {
        self.at.iter().try_fold(document, |value, name| value.get(name))
    }
}

/// Why there is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetFlaw {
    /// Not JSON, or JSON with a member twice.
    NotJson,
    /// JSON of another form than a JWK Set or JWK.
    NotAKeySet,
    /// No PEM block that holds a public key.
    NotPem,
    /// More than [`MAX_KEYS`] keys.
    TooManyKeys,
    /// There are no keys in it.
    Empty,
    /// None of its keys can be used; why the first one cannot.
    Unusable(KeyFlaw),
    /// The key that was asked for has another `kid`.
    OtherKid,
    /// The certificate is not believed.
    Certificate(CertificateFlaw),
}

impl fmt::Display for KeySetFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySetFlaw::NotJson => out.write_str("not JSON without repeated members"),
            KeySetFlaw::NotAKeySet => out.write_str("not a JWK or JWK Set"),
            KeySetFlaw::NotPem => out.write_str("no `BEGIN PUBLIC KEY` or `BEGIN CERTIFICATE` block"),
            KeySetFlaw::TooManyKeys => write!(out, "more than {MAX_KEYS} keys"),
            KeySetFlaw::Empty => out.write_str("a key set without keys"),
            KeySetFlaw::Unusable(flaw) => write!(out, "no usable key: {flaw}"),
            KeySetFlaw::Certificate(flaw) => flaw.fmt(out),
            KeySetFlaw::OtherKid => out.write_str("the key has another `kid` than was asked for"),
        }
    }
}

/// What a set says to a token.
pub(super) enum Found<'k> {
    /// These keys may have signed it; at least one.
    Keys(Vec<&'k VerificationKey>),
    /// No key of that `kid`.
    Unknown,
    /// The key of that `kid` is for other algorithms.
    Mismatch,
}

impl KeySet {
    /// A set that was fetched: `{"keys": [...]}`, from which keys that cannot be used are left out; or, at this place,
    /// one JWK or the text of keys without names. A document that is no JSON is such a text.
    ///
    /// # Errors
    /// See [`KeySetFlaw`]; a set in which nothing can be used is one.
    pub fn of_document(bytes: &[u8], place: &SingleKey, allowed: &[Algorithm]) -> Result<KeySet, KeySetFlaw> {
        if place.at.is_empty() && bytes.trim_ascii_start().starts_with(b"-----BEGIN ") {
            return KeySet::of_key_text(bytes, allowed);
        }
        let document = Json::parse(bytes).map_err(|_| KeySetFlaw::NotJson)?;
        let found = place.find(&document).ok_or(KeySetFlaw::NotAKeySet)?;
        if place.at.is_empty() || found.get("kty").is_none() && found.text().is_none() {
            return KeySet::of_jwks(found, allowed, false);
        }
        let key = KeySet::one(found, allowed)?;
        Ok(KeySet { keys: vec![key], by_kid: false })
    }

    /// A JWK, or the text of one public key.
    fn one(value: &Json, allowed: &[Algorithm]) -> Result<VerificationKey, KeySetFlaw> {
        match value.text() {
            None => VerificationKey::of_jwk(value, allowed, false).map_err(KeySetFlaw::Unusable),
            Some(text) => {
                let set = KeySet::of_key_text(text.as_bytes(), allowed)?;
                set.keys.into_iter().next().ok_or(KeySetFlaw::Empty)
            }
        }
    }

    /// Keys without names: PEM, hex or base64.
    fn of_key_text(text: &[u8], allowed: &[Algorithm]) -> Result<KeySet, KeySetFlaw> {
        let kinds: Vec<KeyKind> = allowed.iter().filter_map(|algorithm| algorithm.family().kind()).collect();
        let keys = KeyText(text).keys(&kinds).map_err(KeySetFlaw::Unusable)?;
        let keys = keys.into_iter().map(|key| VerificationKey::of_public_key(key, allowed));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(KeySetFlaw::Unusable)?;
        Ok(KeySet { keys, by_kid: false })
    }

    /// The one key of a response about `kid`, and when it expires by its own word (`expired_at`).
    ///
    /// # Errors
    /// See [`KeySetFlaw`]; a key that calls itself by another `kid`, or that has expired at `now`, is one.
    pub fn of_response(
        bytes: &[u8],
        place: &SingleKey,
        kid: &str,
        allowed: &[Algorithm],
        now: UnixTime,
    ) -> Result<(KeySet, Option<UnixTime>), KeySetFlaw> {
        let document = Json::parse(bytes).map_err(|_| KeySetFlaw::NotJson)?;
        let jwk = place.find(&document);
        let is_key = |value: &&Json| value.get("kty").is_some() || value.text().is_some();
        let jwk = jwk.filter(is_key).ok_or(KeySetFlaw::NotAKeySet)?;
        let expired_at = expired_at(jwk).map_err(KeySetFlaw::Unusable)?;
        if expired_at.is_some_and(|at| at <= now) {
            return Err(KeySetFlaw::Unusable(KeyFlaw::Expired));
        }
        let mut key = KeySet::one(jwk, allowed)?;
        if key.kid.as_ref().is_some_and(|own| own != kid) {
            return Err(KeySetFlaw::OtherKid);
        }
        key.kid = Some(kid.to_owned());
        Ok((KeySet { keys: vec![key], by_kid: true }, expired_at))
    }

    /// One key without a name.
    ///
    /// # Errors
    /// It fits none of the algorithms.
    pub(super) fn of_public_key(key: PublicKey, allowed: &[Algorithm]) -> Result<KeySet, KeyFlaw> {
        let key = VerificationKey::of_public_key(key, allowed)?;
        Ok(KeySet { keys: vec![key], by_kid: false })
    }

    /// The key of a certificate that is called `kid`, and when the certificate ends.
    ///
    /// # Errors
    /// It is not believed, or its key fits none of the algorithms.
    pub fn of_certificate(
        pem: &[u8],
        rule: &CertificateRule,
        kid: &str,
        allowed: &[Algorithm],
        now: UnixTime,
    ) -> Result<(KeySet, Option<UnixTime>), KeySetFlaw> {
        let (key, until) = rule.key(pem, now).map_err(KeySetFlaw::Certificate)?;
        let mut key = VerificationKey::of_public_key(key, allowed).map_err(KeySetFlaw::Unusable)?;
        key.kid = Some(kid.to_owned());
        Ok((KeySet { keys: vec![key], by_kid: true }, Some(until)))
    }

    /// Keys that the operator wrote down: PEM blocks, a JWK or a JWK Set, told apart by their beginning. Only here
    /// an `oct` key is a secret that may be used.
    ///
    /// # Errors
    /// See [`KeySetFlaw`].
    pub fn of_text(text: &[u8], allowed: &[Algorithm]) -> Result<KeySet, KeySetFlaw> {
        let text = text.trim_ascii();
        if !text.starts_with(b"{") {
            return KeySet::of_pem(text, allowed);
        }
        let document = Json::parse(text).map_err(|_| KeySetFlaw::NotJson)?;
        if document.get("keys").is_some() {
            return KeySet::of_jwks(&document, allowed, true);
        }
        if document.get("kty").is_none() {
            return Err(KeySetFlaw::NotAKeySet);
        }
        let key = VerificationKey::of_jwk(&document, allowed, true).map_err(KeySetFlaw::Unusable)?;
        Ok(KeySet { keys: vec![key], by_kid: false })
    }

    fn of_jwks(document: &Json, allowed: &[Algorithm], secrets: bool) -> Result<KeySet, KeySetFlaw> {
        let Some(Json::List(jwks)) = document.get("keys") else { return Err(KeySetFlaw::NotAKeySet) };
        if jwks.is_empty() {
            return Err(KeySetFlaw::Empty);
        }
        if jwks.len() > MAX_KEYS {
            return Err(KeySetFlaw::TooManyKeys);
        }
        let is_secret = |jwk: &Json| jwk.get("kty").and_then(Json::text) == Some("oct");
        // A set of both kinds is for confusing one with the other: its secrets are not used.
        let secrets = secrets && jwks.iter().all(is_secret);
        let (mut keys, mut flaw) = (Vec::<VerificationKey>::new(), None);
        for jwk in jwks {
            // A second key of the same name counts even where it cannot be used: one of the two is a mistake.
            let doubled = jwks.iter().any(|other| other != jwk && is_named_alike(jwk, other));
            match VerificationKey::of_jwk(jwk, allowed, secrets) {
                Ok(_) if doubled => flaw = flaw.or(Some(KeyFlaw::Ambiguous)),
                Ok(key) if keys.iter().any(|known| known.is_same_as(&key) && known.collides_with(&key)) => {}
                Ok(key) => keys.push(key),
                Err(why) => flaw = flaw.or(Some(why)),
            }
        }
        let collides =
            |key: &VerificationKey| keys.iter().filter(|known| key.collides_with(known)).count() > 1;
        let unique: Vec<bool> = keys.iter().map(|key| !collides(key)).collect();
        if unique.contains(&false) {
            flaw = flaw.or(Some(KeyFlaw::Ambiguous));
        }
        let keys: Vec<_> =
            keys.into_iter().zip(unique).filter_map(|(key, unique)| unique.then_some(key)).collect();
        match flaw {
            Some(flaw) if keys.is_empty() => Err(KeySetFlaw::Unusable(flaw)),
            _ => Ok(KeySet { keys, by_kid: true }),
        }
    }

    fn of_pem(text: &[u8], allowed: &[Algorithm]) -> Result<KeySet, KeySetFlaw> {
        // Within a policy file, blocks are indented.
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
        let text = &lines.join(&b'\n')[..];
        let private = <(SectionKind, Vec<u8>)>::pem_slice_iter(text).flatten().any(|(kind, _)| {
            matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
        });
        if private {
            return Err(KeySetFlaw::Unusable(KeyFlaw::Private));
        }
        let mut public = Vec::new();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(text) {
            public.push(PublicKey::of_spki(&der.map_err(|_| KeySetFlaw::NotPem)?));
        }
        for der in CertificateDer::pem_slice_iter(text) {
            public.push(PublicKey::of_certificate(&der.map_err(|_| KeySetFlaw::NotPem)?));
        }
        let keys = public.into_iter().map(|key| VerificationKey::of_public_key(key?, allowed));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(KeySetFlaw::Unusable)?;
        match keys.len() {
            0 => Err(KeySetFlaw::NotPem),
            1..=MAX_KEYS => Ok(KeySet { keys, by_kid: false }),
            _ => Err(KeySetFlaw::TooManyKeys),
        }
    }

    /// Whether it has a key of that name.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)) || kid == ANY_KEY && !self.is_empty()
    }

    /// The public keys of that name, or all of them for [`ANY_KEY`], with their names.
    pub(in crate::verify) fn public(&self, kid: &str) -> impl Iterator<Item = (Option<&str>, &PublicKey)> {
        let named = move |key: &&VerificationKey| match key.kid.as_deref() {
            Some(own) => own == kid || kid == ANY_KEY,
            None => !self.by_kid || kid == ANY_KEY,
        };
        let named = self.keys.iter().filter(named);
        named.filter_map(|key| Some((key.kid.as_deref(), key.public_key()?)))
    }

    /// The names of its keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether one of its keys is a secret.
    pub fn has_secret(&self) -> bool {
        self.keys.iter().any(VerificationKey::is_secret)
    }

    /// The keys that a token with this `kid` and algorithm may be signed with.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let named = |key: &&VerificationKey| match (key.kid.as_deref(), kid) {
            (Some(own), Some(kid)) => own == kid,
            (None, None) => true,
            _ => !self.by_kid,
        };
        let named: Vec<_> = self.keys.iter().filter(named).collect();
        if named.is_empty() {
            return Found::Unknown;
        }
        let fitting: Vec<_> = named.into_iter().filter(|key| key.fits(algorithm)).collect();
        if fitting.is_empty() { Found::Mismatch } else { Found::Keys(fitting) }
    }
}

impl KeySet {
    /// The name of the key that made `signature` with one of the algorithms: a key of this `kid` that says of itself
    /// what `members` demand.
    ///
    /// # Errors
    /// No such key, a key for something else, several algorithms that it could be, or another signature.
    pub(in crate::verify) fn prove(
        &self,
        kid: Option<&str>,
        algorithms: &[Algorithm],
        members: &[(String, Vec<Json>)],
        message: &[u8],
        signature: &[u8],
    ) -> Result<Arc<str>, VerifyError> {
        let mut candidates: Vec<(&VerificationKey, Algorithm)> = Vec::new();
        let mut unknown = false;
        for algorithm in algorithms {
            match self.find(kid, *algorithm) {
                Found::Keys(keys) => candidates.extend(keys.into_iter().map(|key| (key, *algorithm))),
                Found::Unknown => unknown = true,
                Found::Mismatch => {}
            }
        }
        match candidates.as_slice() {
            [] if unknown && kid.is_none() => return Err(VerifyError::KidMissing),
            [] if unknown => return Err(VerifyError::KeyUnknown),
            [] => return Err(VerifyError::KeyMismatch),
            // One key for two algorithms: which one it is must not be guessed.
            keys => {
                let twice = |key: &VerificationKey| {
                    keys.iter().filter(|(other, _)| std::ptr::eq(*other, key)).count() > 1
                };
                if keys.iter().any(|(key, _)| twice(key)) {
                    return Err(VerifyError::AlgorithmNotAllowed);
                }
            }
        }
        for (name, allowed) in members {
            candidates.retain(|(key, _)| key.says(name).is_some_and(|said| allowed.contains(said)));
            if candidates.is_empty() {
                return Err(VerifyError::KeyPurpose { member: name.as_str().into() });
            }
        }
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let secrets = candidates.len();
        let hit = candidates.into_iter().find(|(key, algorithm)| key.verify(*algorithm, message, &signature));
        match hit {
            Some((key, _)) => Ok(key.kid.as_deref().unwrap_or("key").into()),
            None => Err(VerifyError::SignatureMismatch { signatures: 1, secrets }),
        }
    }
}

/// Whether two keys have one name and are for the same thing.
fn is_named_alike(jwk: &Json, other: &Json) -> bool {
    let same = |name: &str| jwk.get(name) == other.get(name);
    jwk.get("kid").is_some() && ["kid", "kty", "alg", "use"].into_iter().all(same)
}

/// Seconds since 1970; `null` and absence mean never.
fn expired_at(jwk: &Json) -> Result<Option<UnixTime>, KeyFlaw> {
    match jwk.get("expired_at") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Integer(at)) => Ok(Some(UnixTime(*at))),
        Some(_) => Err(KeyFlaw::Expired),
    }
}
