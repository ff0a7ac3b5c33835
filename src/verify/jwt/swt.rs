//! What a Secure Webhook Token says beyond the claims of JWT: draft-knauer-secure-webhook-token-02, and the shape of
//! its first generation as the project's own SDK writes it.

use super::body_hash::{BodyHash, EmptyBody, Hash, HashForm, Promise, lower_hex};
use super::claims::{ClaimPath, malformed, missing};
use super::definition::Profile;
use super::json::Json;
use crate::verify::error::VerifyError;
use http::Method;

/// The claim that makes a token a webhook.
const WEBHOOK: &str = "webhook";

impl BodyHash {
    /// `webhook.hash`: with a body, and never without one.
    pub fn swt() -> Option<BodyHash> {
        let claim = ClaimPath::parse("/webhook/hash")?;
        Some(BodyHash { claim, form: HashForm::Tagged, empty: EmptyBody::Forbid })
    }
}

/// Refuses a token that is no SWT. Nothing to refuse in a plain JWT.
pub(super) fn check(profile: Profile, claims: &Json) -> Result<(), VerifyError> {
    if profile == Profile::Jwt {
        return Ok(());
    }
    let webhook = claims.get(WEBHOOK).ok_or_else(|| missing(WEBHOOK))?;
    if !matches!(webhook, Json::Object(_)) {
        return Err(malformed(WEBHOOK));
    }
    match webhook.get("event") {
        None => return Err(missing("/webhook/event")),
        Some(event) if event.text().is_none_or(str::is_empty) => return Err(malformed("/webhook/event")),
        Some(_) => {}
    }
    match webhook.get("retry_count") {
        None => Ok(()),
        Some(Json::Integer(count)) if *count >= 0 => Ok(()),
        Some(_) => Err(malformed("/webhook/retry_count")),
    }
}

/// What a token of the first generation says of the body. A HEAD carries its data in the token; with any other
/// method `webhook.data` has hash, name of the hash function and length of the body.
pub(super) fn legacy_promise(claims: &Json, method: &Method) -> Result<Promise, VerifyError> {
    let path = ClaimPath::parse("/webhook/data").ok_or_else(|| malformed(WEBHOOK))?;
    if *method == Method::HEAD {
        return Ok(Promise::new(None, None, EmptyBody::Allow, path));
    }
    let data = path.find(claims).ok_or_else(|| missing(path.label()))?;
    let bad = || malformed(path.label());
    let hash = match data.get("hashAlg") {
        None => Hash::Sha3_256,
        Some(name) => legacy_hash(name.text().ok_or_else(bad)?).ok_or_else(bad)?,
    };
    let digest = data.get("hash").and_then(Json::text).and_then(lower_hex);
    let digest = digest.filter(|digest| digest.len() == hash.length()).ok_or_else(bad)?;
    let length = match data.get("size") {
        Some(Json::Integer(size)) => u64::try_from(*size).map_err(|_| bad())?,
        _ => return Err(bad()),
    };
    Ok(Promise::new(Some((hash, digest)), Some(length), EmptyBody::Require, path))
}

/// Names of hash functions of the first generation, of any case; empty stands for SHA3-256.
fn legacy_hash(name: &str) -> Option<Hash> {
    match name.to_ascii_uppercase().as_str() {
        "" | "SHA3-256" => Some(Hash::Sha3_256),
        "SHA3-384" => Some(Hash::Sha3_384),
        "SHA3-512" => Some(Hash::Sha3_512),
        "SHA-256" => Some(Hash::Sha256),
        "SHA-384" => Some(Hash::Sha384),
        "SHA-512" => Some(Hash::Sha512),
        _ => None,
    }
}

/// `webhook` for a token of the first generation.
pub(super) fn legacy_data(body: &[u8]) -> serde_json::Value {
    serde_json::json!({ "hash": hex::encode(Hash::Sha3_256.of(body)), "size": body.len() })
}
