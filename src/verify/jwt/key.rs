//! One key that can check signatures, and what makes a key unfit to.

use super::algorithm::{Algorithm, Family};
use super::json::Json;
use crate::base::limits::MAX_KID;
use crate::scheme::{Curve, Digest, Encoding, Form, Mac, PublicAlgorithm};
use crate::verify::public_key::{CheckingKey, KeyFlaw, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;

/// A key that fits at least one allowed algorithm.
#[derive(Clone)]
pub(super) struct VerificationKey {
    pub kid: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
    /// What its JWK says beside the key itself: what it is for.
    said: BTreeMap<String, Json>,
}

#[derive(Clone)]
enum Material {
    Public(PublicKey, Box<DecodingKey>),
    /// A point, read once: jsonwebtoken would read it for each token.
    Point(PublicKey, Box<CheckingKey>),
    /// Keyed with each of the algorithms that it is long enough for.
    Secret(Vec<(Algorithm, Mac)>),
}

/// Shortest modulus of an RSA key (RFC 7518 section 3.3), bits.
const MODULUS_BITS: usize = 2048;

impl VerificationKey {
    /// The key of a JWK (RFC 7517) for some of the allowed algorithms; `secrets` where an `oct` key may be one.
    pub fn of_jwk(jwk: &Json, allowed: &[Algorithm], secrets: bool) -> Result<VerificationKey, KeyFlaw> {
        purpose(jwk)?;
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.text().filter(|kid| is_kid(kid)).ok_or(KeyFlaw::Kid)?.to_owned()),
        };
        let named = match jwk.get("alg") {
            None => None,
            Some(name) => Some(name.text().and_then(Algorithm::parse).ok_or(KeyFlaw::Algorithm)?),
        };
        let allowed: Vec<Algorithm> = allowed
            .iter()
            .copied()
            .filter(|algorithm| named.is_none_or(|named| same(named, *algorithm)))
            .collect();
        if jwk.get("kty").and_then(Json::text) == Some("oct") && secrets {
            return VerificationKey::secret(kid, &bytes(jwk, "k")?, &allowed);
        }
        let key = VerificationKey::public(kid, PublicKey::of_jwk(jwk)?, &allowed)?;
        Ok(VerificationKey { said: said(jwk), ..key })
    }

    /// A public key without a name.
    pub fn of_public_key(key: PublicKey, allowed: &[Algorithm]) -> Result<VerificationKey, KeyFlaw> {
        VerificationKey::public(None, key, allowed)
    }

    fn secret(kid: Option<String>, secret: &[u8], allowed: &[Algorithm]) -> Result<VerificationKey, KeyFlaw> {
        let mut keyed = Vec::new();
        for algorithm in allowed {
            let long_enough =
                matches!(algorithm.family(), Family::Secret { min_bytes } if secret.len() >= min_bytes);
            if let Some(mac) = algorithm.mac().filter(|_| long_enough) {
                keyed.push((*algorithm, Mac::new(mac, secret).map_err(|_| KeyFlaw::Secret)?));
            }
        }
        let algorithms: Vec<Algorithm> = keyed.iter().map(|(algorithm, _)| *algorithm).collect();
        if algorithms.is_empty() {
            return Err(KeyFlaw::Secret);
        }
        Ok(VerificationKey { kid, algorithms, material: Material::Secret(keyed), said: BTreeMap::new() })
    }

    fn public(
        kid: Option<String>,
        key: PublicKey,
        allowed: &[Algorithm],
    ) -> Result<VerificationKey, KeyFlaw> {
        if !key.has_bits(MODULUS_BITS) {
            return Err(KeyFlaw::WeakRsa);
        }
        let (family, material) = match &key {
            PublicKey::Rsa { n, e } => (
                Family::Rsa,
                Material::Public(key.clone(), Box::new(DecodingKey::from_rsa_raw_components(n, e))),
            ),
            PublicKey::Ed25519(point) => {
                (Family::Ed25519, Material::Public(key.clone(), Box::new(DecodingKey::from_ed_der(point))))
            }
            PublicKey::Ec(curve, _) => {
                let (family, digest) = match curve {
                    Curve::P256 => (Family::P256, Digest::Sha256),
                    Curve::P384 => (Family::P384, Digest::Sha384),
                    Curve::P521 | Curve::K256 => return Err(KeyFlaw::Type),
                };
                let checking = CheckingKey::new(&key, PublicAlgorithm::Ecdsa(*curve, digest, Form::Raw))?;
                (family, Material::Point(key.clone(), Box::new(checking)))
            }
        };
        let fits = |algorithm: &Algorithm| algorithm.family() == family;
        let algorithms: Vec<Algorithm> = allowed.iter().copied().filter(fits).collect();
        if algorithms.is_empty() {
            return Err(KeyFlaw::Algorithm);
        }
        Ok(VerificationKey { kid, algorithms, material, said: BTreeMap::new() })
    }

    /// Whether it may check signatures of this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// A member of its JWK that is not the key itself.
    pub fn says(&self, member: &str) -> Option<&Json> {
        self.said.get(member)
    }

    /// Whether it is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// The public key; nothing where it is a secret.
    pub fn public_key(&self) -> Option<&PublicKey> {
        match &self.material {
            Material::Public(key, _) | Material::Point(key, _) => Some(key),
            Material::Secret(_) => None,
        }
    }

    /// Whether both are the same public key.
    pub fn is_same_as(&self, other: &VerificationKey) -> bool {
        self.public_key().is_some_and(|key| other.public_key() == Some(key))
    }

    /// Whether a token could name either of them.
    pub fn collides_with(&self, other: &VerificationKey) -> bool {
        self.kid.is_some()
            && self.kid == other.kid
            && self.algorithms.iter().any(|algorithm| other.algorithms.contains(algorithm))
    }

    /// Whether `signature`, base64url, is that of `message`.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        match &self.material {
            Material::Public(_, key) => {
                self.fits(algorithm)
                    && crypto::verify(signature, message, key, algorithm.library()).unwrap_or(false)
            }
            Material::Point(_, key) => {
                let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|_| self.fits(algorithm));
                signature.is_some_and(|signature| key.verify(message, &signature))
            }
            Material::Secret(keyed) => {
                let Some((_, mac)) = keyed.iter().find(|(known, _)| *known == algorithm) else {
                    return false;
                };
                let mut mac = mac.clone();
                mac.update(message);
                let tag = mac.finish();
                let sent = Encoding::Base64Url.decode(signature, tag.as_bytes().len());
                sent.is_some_and(|sent| tag.ct_eq(&sent).into())
            }
        }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "VerificationKey({:?}, {:?})", self.kid, self.algorithms)
    }
}

/// Text that a key may be called by: 1 to [`MAX_KID`] visible ASCII characters.
pub fn is_kid(text: &str) -> bool {
    (1..=MAX_KID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `EdDSA` and `Ed25519` name the same algorithm.
fn same(a: Algorithm, b: Algorithm) -> bool {
    a == b || a.family() == Family::Ed25519 && b.family() == Family::Ed25519
}

/// Members with the key itself, or of no use for telling what it is for.
const MATERIAL: [&str; 9] = ["kty", "crv", "x", "y", "n", "e", "x5c", "x5t", "x5t#S256"];

fn said(jwk: &Json) -> BTreeMap<String, Json> {
    let Json::Object(members) = jwk else { return BTreeMap::new() };
    let kept = members.iter().filter(|(name, _)| !MATERIAL.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn purpose(jwk: &Json) -> Result<(), KeyFlaw> {
    let use_fits = jwk.get("use").is_none_or(|purpose| purpose.text() == Some("sig"));
    let operations_fit = match jwk.get("key_ops") {
        None => true,
        Some(Json::List(operations)) => operations.iter().any(|operation| operation.text() == Some("verify")),
        Some(_) => false,
    };
    if use_fits && operations_fit { Ok(()) } else { Err(KeyFlaw::Purpose) }
}

fn text<'j>(jwk: &'j Json, name: &str) -> Result<&'j str, KeyFlaw> {
    jwk.get(name).and_then(Json::text).ok_or(KeyFlaw::Malformed)
}

fn bytes(jwk: &Json, name: &str) -> Result<Vec<u8>, KeyFlaw> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?).map_err(|_| KeyFlaw::Malformed)
}
