//! Making tokens, as a genuine sender does.

use super::algorithm::{Algorithm, Family};
use super::definition::{Claims, JwtDefinition, Profile, TokenPlace};
use super::json::Json;
use super::swt;
use super::verifier::JwtVerifier;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::scheme::{Encoding, Place};
use crate::verify::place;
use crate::verify::sign::{Draft, SignError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Who makes a Secure Webhook Token unless the policy or `issuer` says it: the claim must be there.
const ISSUER: &str = "webhook-service.example.com";
/// Seconds that a token lives unless `lifetime` says otherwise.
const LIFETIME: i64 = 300;

/// A private key, for senders that are played here.
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// A key that is not of the algorithm, or not PKCS#8 in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningKeyFlaw;

impl SigningKey {
    /// A private key in PEM (PKCS#8), or for the HS algorithms a secret.
    ///
    /// # Errors
    /// The key is none of this algorithm.
    pub fn new(
        algorithm: Algorithm,
        key: &Secret,
        kid: Option<String>,
    ) -> Result<SigningKey, SigningKeyFlaw> {
        let bytes = key.expose();
        let key = match algorithm.family() {
            Family::Secret { .. } => Ok(EncodingKey::from_secret(bytes)),
            Family::Rsa => EncodingKey::from_rsa_pem(bytes),
            Family::P256 | Family::P384 => EncodingKey::from_ec_pem(bytes),
            Family::Ed25519 => EncodingKey::from_ed_pem(bytes),
        };
        let key = SigningKey { key: key.map_err(|_| SigningKeyFlaw)?, algorithm, kid };
        key.sign(b"").map(|_| key.clone()).ok_or(SigningKeyFlaw)
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What tokens and signatures call it.
    pub(in crate::verify) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The bytes of a signature.
    pub(in crate::verify) fn signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.sign(message)?).ok()
    }

    /// A compact token of header and payload as they are given; `alg` and `kid` come from the key.
    pub fn token(&self, mut header: Map<String, Value>, payload: &Value) -> Option<String> {
        header.insert("alg".to_owned(), self.algorithm.name().into());
        if let Some(kid) = &self.kid {
            header.insert("kid".to_owned(), kid.as_str().into());
        }
        let message = compact(header, payload);
        let signature = self.sign(message.as_bytes())?;
        Some(format!("{message}.{signature}"))
    }

    fn sign(&self, message: &[u8]) -> Option<String> {
        crypto::sign(message, &self.key, self.algorithm.library()).ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({}, {:?})", self.algorithm.name(), self.kid)
    }
}

fn compact(header: Map<String, Value>, payload: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(&Value::Object(header)), part(payload))
}

/// Writes a token that the verifier accepts at `now`, signed with its first live secret that is long enough, or with
/// the key of the draft. `params` of the draft add to what it says: `event`, `issuer`, `subject`, `audience`,
/// `retry_count` and `lifetime` (seconds).
pub(crate) fn sign(verifier: &JwtVerifier, draft: &mut Draft, now: UnixTime) -> Result<(), SignError> {
    let definition = &verifier.definition;
    let payload = payload(definition, draft, now)?;
    let header = match definition.typ.first() {
        Some(typ) => Map::from_iter([("typ".to_owned(), Value::from(typ.as_str()))]),
        None => Map::new(),
    };
    let token = match &draft.key {
        Some(key) => key.token(header, &payload).ok_or(SignError::Key)?,
        None => with_secret(verifier, header, &payload, now)?,
    };
    match &definition.place {
        TokenPlace::Header(name, prefix) => {
            let value =
                HeaderValue::from_str(&format!("{prefix}{token}")).map_err(|_| SignError::HeaderValue)?;
            draft.headers.insert(name, value);
        }
        TokenPlace::Body => draft.body = token.into(),
        TokenPlace::Json(pointer) => {
            place::write(&place::plain(Place::Json(pointer.clone())), &token, draft, 0)?;
        }
    }
    Ok(())
}

fn with_secret(
    verifier: &JwtVerifier,
    mut header: Map<String, Value>,
    payload: &Value,
    now: UnixTime,
) -> Result<String, SignError> {
    let mut any = false;
    for key in verifier.secrets.live(now) {
        any = true;
        let Some((algorithm, _)) = key.ready.0.first() else { continue };
        header.insert("alg".to_owned(), algorithm.name().into());
        let message = compact(header, payload);
        let tag = key.ready.mac(*algorithm, message.as_bytes()).ok_or(SignError::Key)?;
        return Ok(format!("{message}.{}", Encoding::Base64Url.encode(tag.as_bytes())));
    }
    Err(if any || verifier.secrets.is_empty() { SignError::Key } else { SignError::NoLiveSecret })
}

fn payload(definition: &JwtDefinition, draft: &Draft, now: UnixTime) -> Result<Value, SignError> {
    let params = &draft.params;
    let lifetime = number(params, "lifetime")?.unwrap_or(LIFETIME);
    let mut payload = Value::Object(Map::new());
    let mut set = |names: &[&str], value: Value| insert(&mut payload, names, value);
    set(&["iat"], now.0.into());
    set(&["nbf"], now.0.into());
    set(&["exp"], now.0.saturating_add(lifetime).into());
    set(&["jti"], draft.made_up_uuid("jti", now).into());
    let Claims { issuer, audience, exact, .. } = &definition.claims;
    match params.get("issuer").or(issuer.first()).map(String::as_str) {
        Some(issuer) => set(&["iss"], issuer.into()),
        None if definition.profile != Profile::Jwt => set(&["iss"], ISSUER.into()),
        None => {}
    }
    if let Some(audience) = params.get("audience").or(audience.first()) {
        set(&["aud"], audience.as_str().into());
    }
    if let Some(subject) = params.get("subject") {
        set(&["sub"], subject.as_str().into());
    }
    let is_swt = definition.profile != Profile::Jwt;
    if let Some(event) = params.get("event").filter(|_| is_swt) {
        set(&["webhook", "event"], event.as_str().into());
    }
    if let Some(count) = number(params, "retry_count")?.filter(|_| is_swt) {
        set(&["webhook", "retry_count"], count.into());
    }
    for (path, values) in exact {
        let names: Vec<&str> = path.names().iter().map(String::as_str).collect();
        let allowed = values.iter().map(Json::to_value).collect::<Vec<_>>();
        // What was asked for stays, where it may send.
        let said = names.iter().try_fold(&payload, |value, name| value.get(name));
        if !said.is_some_and(|said| allowed.contains(said)) {
            insert(&mut payload, &names, allowed.into_iter().next().unwrap_or_default());
        }
    }
    for name in &definition.claims.require {
        if payload.get(name).is_none() {
            insert(&mut payload, &[name], draft.made_up_uuid(name, now).into());
        }
    }
    if is_swt && payload["webhook"]["event"].is_null() {
        return Err(SignError::Parameter("event"));
    }
    let mut set = |names: &[&str], value: Value| insert(&mut payload, names, value);
    if definition.profile == Profile::SwtLegacy {
        set(&["webhook", "data"], swt::legacy_data(&draft.body));
    }
    if let Some(hash) = &definition.address_hash {
        let names: Vec<&str> = hash.claim.names().iter().map(String::as_str).collect();
        set(&names, hash.write(&draft.head()?).into());
    }
    if let Some(hash) = definition.body_hash.as_ref().filter(|_| definition.profile != Profile::SwtLegacy) {
        let names: Vec<&str> = hash.claim.names().iter().map(String::as_str).collect();
        if let Some(digest) = hash.write(&draft.body) {
            set(&names, digest.into());
        }
    }
    Ok(payload)
}

fn number(params: &BTreeMap<String, String>, name: &'static str) -> Result<Option<i64>, SignError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.map(Some).ok_or(SignError::Parameter(name))
}

/// Puts a value where the names lead, making objects on the way.
fn insert(into: &mut Value, names: &[&str], value: Value) {
    let Some((first, rest)) = names.split_first() else {
        *into = value;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    if let Some(members) = into.as_object_mut() {
        insert(members.entry(*first).or_insert(Value::Null), rest, value);
    }
}
