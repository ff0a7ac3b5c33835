//! One key that can check signatures, and what makes a key unfit to.

use super::algorithm::{Algorithm, Family};
use super::json::Json;
use super::rsa;
use crate::base::limits::MAX_KID;
use crate::scheme::{Encoding, Mac};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use std::fmt;
use subtle::ConstantTimeEq;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A key that fits at least one allowed algorithm.
#[derive(Clone)]
pub(super) struct VerificationKey {
    pub kid: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Public(Box<DecodingKey>, Vec<u8>),
    /// A point, read once: jsonwebtoken would read it for each token.
    Point(Box<ParsedPublicKey>),
    /// Keyed with each of the algorithms that it is long enough for.
    Secret(Vec<(Algorithm, Mac)>),
}

/// Why a key is not used. Says nothing of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFlaw {
    /// Not an object with the members of its type, in base64url without padding.
    Malformed,
    /// A type or curve that no algorithm here takes.
    Type,
    /// `use` or `key_ops` say that it is for something else.
    Purpose,
    /// Its `alg`, type or curve fits none of the allowed algorithms.
    Algorithm,
    /// An RSA key that is too short, too long or of a form that can be broken.
    WeakRsa,
    /// A point that is not on the curve, or of small order.
    Point,
    /// A secret in a place that anybody may read, or shorter than its algorithm demands.
    Secret,
    /// A private key in the place of a public one.
    Private,
    /// Another key of the set has the same `kid` and the same algorithm.
    Ambiguous,
    /// Its `kid` is not text of 1 to 256 visible characters.
    Kid,
    /// It has expired by its own word.
    Expired,
}

impl fmt::Display for KeyFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            KeyFlaw::Malformed => "a member of the key is missing or not base64url",
            KeyFlaw::Type => "the key is of a type or curve that is not supported",
            KeyFlaw::Purpose => "the key is not meant for checking signatures (`use`, `key_ops`)",
            KeyFlaw::Algorithm => "the key fits none of the allowed algorithms",
            KeyFlaw::WeakRsa => {
                "the RSA key is weak: 2048 to 8192 bits and an odd exponent above 1 are needed"
            }
            KeyFlaw::Point => "the public key is not a proper point of its curve",
            KeyFlaw::Secret => "a secret key has no place here, or is too short for its algorithm",
            KeyFlaw::Private => "the key is a private one",
            KeyFlaw::Ambiguous => "two keys have the same `kid` and algorithm",
            KeyFlaw::Kid => "the `kid` of the key is not 1 to 256 visible characters",
            KeyFlaw::Expired => "the key has expired",
        })
    }
}

/// The compressed y of the points of small order on Ed25519, without the sign bit, non-canonical forms included
/// (RFC 8032; "Taming the many EdDSAs", table 5). A signature under such a key proves nothing.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with_ends(1, 0, 0),
    with_ends(0xec, 0xff, 0x7f),
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn with_ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

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
        match (text(jwk, "kty")?, jwk.get("crv").and_then(Json::text)) {
            ("oct", _) if secrets => VerificationKey::secret(kid, &bytes(jwk, "k")?, &allowed),
            ("oct", _) => Err(KeyFlaw::Secret),
            _ if jwk.get("d").is_some() => Err(KeyFlaw::Private),
            ("RSA", _) => VerificationKey::rsa(kid, &bytes(jwk, "n")?, &bytes(jwk, "e")?, &allowed),
            ("EC", Some("P-256")) => VerificationKey::ec(kid, &point(jwk, 32)?, Family::P256, &allowed),
            ("EC", Some("P-384")) => VerificationKey::ec(kid, &point(jwk, 48)?, Family::P384, &allowed),
            ("OKP", Some("Ed25519")) => VerificationKey::ed25519(kid, &bytes(jwk, "x")?, &allowed),
            _ => Err(KeyFlaw::Type),
        }
    }

    /// The key of a SubjectPublicKeyInfo (RFC 5280 section 4.1), DER.
    pub fn of_spki(der: &[u8], allowed: &[Algorithm]) -> Result<VerificationKey, KeyFlaw> {
        use x509_parser::prelude::FromDer;
        let (rest, spki) = SubjectPublicKeyInfo::from_der(der).map_err(|_| KeyFlaw::Malformed)?;
        if !rest.is_empty() {
            return Err(KeyFlaw::Malformed);
        }
        VerificationKey::of_public_key(&spki, allowed)
    }

    /// The key of a parsed SubjectPublicKeyInfo, for example that of a certificate.
    pub fn of_public_key(
        spki: &SubjectPublicKeyInfo<'_>,
        allowed: &[Algorithm],
    ) -> Result<VerificationKey, KeyFlaw> {
        let raw = &*spki.subject_public_key.data;
        if spki.algorithm.algorithm.to_id_string() == "1.3.101.112" {
            return VerificationKey::ed25519(None, raw, allowed);
        }
        let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        match (
            spki.parsed().map_err(|_| KeyFlaw::Malformed)?,
            curve.map(|curve| curve.to_id_string()).as_deref(),
        ) {
            (PublicKey::RSA(key), _) => VerificationKey::rsa(None, key.modulus, key.exponent, allowed),
            (PublicKey::EC(_), Some("1.2.840.10045.3.1.7")) => {
                VerificationKey::ec(None, raw, Family::P256, allowed)
            }
            (PublicKey::EC(_), Some("1.3.132.0.34")) => VerificationKey::ec(None, raw, Family::P384, allowed),
            _ => Err(KeyFlaw::Type),
        }
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
        Ok(VerificationKey { kid, algorithms, material: Material::Secret(keyed) })
    }

    fn rsa(
        kid: Option<String>,
        n: &[u8],
        e: &[u8],
        allowed: &[Algorithm],
    ) -> Result<VerificationKey, KeyFlaw> {
        // DER keeps a zero before the first bit; the library takes none.
        let (n, e) = (rsa::without_zeros(n), rsa::without_zeros(e));
        if !rsa::is_fit(n, e) {
            return Err(KeyFlaw::WeakRsa);
        }
        let id = [n, e].concat();
        let key = Box::new(DecodingKey::from_rsa_raw_components(n, e));
        VerificationKey::new(kid, Material::Public(key, id), Family::Rsa, allowed)
    }

    fn ec(
        kid: Option<String>,
        point: &[u8],
        family: Family,
        allowed: &[Algorithm],
    ) -> Result<VerificationKey, KeyFlaw> {
        let parsed = match family {
            Family::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
            _ => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
        };
        // Uncompressed, as every standard that names these keys writes them.
        let parsed = parsed.ok().filter(|_| point.first() == Some(&4)).ok_or(KeyFlaw::Point)?;
        VerificationKey::new(kid, Material::Point(Box::new(parsed)), family, allowed)
    }

    fn ed25519(kid: Option<String>, point: &[u8], allowed: &[Algorithm]) -> Result<VerificationKey, KeyFlaw> {
        let mut unsigned: [u8; 32] = point.try_into().map_err(|_| KeyFlaw::Point)?;
        if let Some(last) = unsigned.last_mut() {
            *last &= 0x7f;
        }
        if SMALL_ORDER.contains(&unsigned) {
            return Err(KeyFlaw::Point);
        }
        let material = Material::Public(Box::new(DecodingKey::from_ed_der(point)), point.to_vec());
        VerificationKey::new(kid, material, Family::Ed25519, allowed)
    }

    fn new(
        kid: Option<String>,
        material: Material,
        family: Family,
        allowed: &[Algorithm],
    ) -> Result<VerificationKey, KeyFlaw> {
        let fits = |algorithm: &Algorithm| algorithm.family() == family;
        let algorithms: Vec<Algorithm> = allowed.iter().copied().filter(fits).collect();
        if algorithms.is_empty() {
            return Err(KeyFlaw::Algorithm);
        }
        Ok(VerificationKey { kid, algorithms, material })
    }

    /// Whether it may check signatures of this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether it is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// Whether both are the same public key.
    pub fn is_same_as(&self, other: &VerificationKey) -> bool {
        match (&self.material, &other.material) {
            (Material::Public(_, this), Material::Public(_, that)) => this == that,
            (Material::Point(this), Material::Point(that)) => (**this).as_ref() == (**that).as_ref(),
            _ => false,
        }
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
            Material::Public(key, _) => {
                self.fits(algorithm)
                    && crypto::verify(signature, message, key, algorithm.library()).unwrap_or(false)
            }
            Material::Point(key) => {
                let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|_| self.fits(algorithm));
                signature.is_some_and(|signature| key.verify_sig(message, &signature).is_ok())
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

/// The uncompressed point (SEC 1 section 2.3.3) of coordinates of this many bytes.
fn point(jwk: &Json, length: usize) -> Result<Vec<u8>, KeyFlaw> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err(KeyFlaw::Point);
    }
    Ok([&[4][..], &x, &y].concat())
}
