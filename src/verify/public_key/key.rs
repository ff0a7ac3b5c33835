//! One public key, whatever it came as.

use super::flaw::KeyFlaw;
use super::rsa;
use crate::scheme::{Curve, KeyKind};
use crate::verify::jwt::Json;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256K1_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED,
    ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A key that is a proper point of its curve, or a modulus and exponent that are not trivially broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// 32 bytes (RFC 8032 section 5.1.5), not of small order.
    Ed25519([u8; 32]),
    /// An uncompressed point (SEC 1 section 2.3.3).
    Ec(Curve, Vec<u8>),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
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

impl PublicKey {
    /// The public key of a JWK (RFC 7517 section 4, RFC 8037, RFC 8812); `use` and `alg` are not looked at.
    ///
    /// # Errors
    /// A secret or private key, another type, a missing member, or a key that proves nothing.
    pub fn of_jwk(jwk: &Json) -> Result<PublicKey, KeyFlaw> {
        let kind = (text(jwk, "kty")?, jwk.get("crv").and_then(Json::text));
        match kind {
            ("oct", _) => return Err(KeyFlaw::Secret),
            _ if jwk.get("d").is_some() => return Err(KeyFlaw::Private),
            ("RSA", _) => return PublicKey::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
            ("OKP", Some("Ed25519")) => return PublicKey::ed25519(&bytes(jwk, "x")?),
            _ => {}
        }
        let (curve, length) = match kind {
            ("EC", Some("P-256")) => (Curve::P256, 32),
            ("EC", Some("P-384")) => (Curve::P384, 48),
            ("EC", Some("P-521")) => (Curve::P521, 66),
            ("EC", Some("secp256k1")) => (Curve::K256, 32),
            _ => return Err(KeyFlaw::Type),
        };
        let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
        if x.len() != length || y.len() != length {
            return Err(KeyFlaw::Point);
        }
        PublicKey::ec(curve, &[&[4][..], &x, &y].concat())
    }

    /// The key of a SubjectPublicKeyInfo (RFC 5280 section 4.1), DER.
    ///
    /// # Errors
    /// Not one, with nothing behind it, or a key of another kind or that proves nothing.
    pub fn of_spki(der: &[u8]) -> Result<PublicKey, KeyFlaw> {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], spki)) => PublicKey::of_parsed(&spki),
            _ => Err(KeyFlaw::Malformed),
        }
    }

    /// The key of a certificate, DER. Who issued it and whether it is valid is not looked at.
    ///
    /// # Errors
    /// As [`PublicKey::of_spki`].
    pub fn of_certificate(der: &[u8]) -> Result<PublicKey, KeyFlaw> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => PublicKey::of_parsed(certificate.public_key()),
            _ => Err(KeyFlaw::Malformed),
        }
    }

    fn of_parsed(spki: &SubjectPublicKeyInfo<'_>) -> Result<PublicKey, KeyFlaw> {
        let raw = &*spki.subject_public_key.data;
        if spki.algorithm.algorithm.to_id_string() == "1.3.101.112" {
            return PublicKey::ed25519(raw);
        }
        let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        match spki.parsed().map_err(|_| KeyFlaw::Malformed)? {
            Parsed::RSA(key) => PublicKey::rsa(key.modulus, key.exponent),
            Parsed::EC(_) => {
                let curve = match curve.map(|curve| curve.to_id_string()).as_deref() {
                    Some("1.2.840.10045.3.1.7") => Curve::P256,
                    Some("1.3.132.0.34") => Curve::P384,
                    Some("1.3.132.0.35") => Curve::P521,
                    Some("1.3.132.0.10") => Curve::K256,
                    _ => return Err(KeyFlaw::Type),
                };
                PublicKey::ec(curve, raw)
            }
            _ => Err(KeyFlaw::Type),
        }
    }

    /// The 32 bytes of an Ed25519 key.
    ///
    /// # Errors
    /// Another length, or a point of small order.
    pub fn ed25519(point: &[u8]) -> Result<PublicKey, KeyFlaw> {
        let point: [u8; 32] = point.try_into().map_err(|_| KeyFlaw::Point)?;
        let mut unsigned = point;
        if let Some(last) = unsigned.last_mut() {
            *last &= 0x7f;
        }
        if SMALL_ORDER.contains(&unsigned) { Err(KeyFlaw::Point) } else { Ok(PublicKey::Ed25519(point)) }
    }

    /// An uncompressed point, as every standard that names these keys writes them.
    ///
    /// # Errors
    /// It is not on the curve, or written in another form.
    pub fn ec(curve: Curve, point: &[u8]) -> Result<PublicKey, KeyFlaw> {
        let algorithm = match curve {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED,
            Curve::P521 => &ECDSA_P521_SHA512_FIXED,
            Curve::K256 => &ECDSA_P256K1_SHA256_FIXED,
        };
        let on_curve = point.first() == Some(&4) && ParsedPublicKey::new(algorithm, point).is_ok();
        if on_curve { Ok(PublicKey::Ec(curve, point.to_vec())) } else { Err(KeyFlaw::Point) }
    }

    /// Modulus and exponent, big-endian; DER keeps a zero before the first bit.
    ///
    /// # Errors
    /// A key that can be broken, whatever its length; how long it must be is asked with [`PublicKey::has_bits`].
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<PublicKey, KeyFlaw> {
        let (n, e) = (rsa::without_zeros(n), rsa::without_zeros(e));
        if rsa::is_fit(n, e) {
            Ok(PublicKey::Rsa { n: n.to_vec(), e: e.to_vec() })
        } else {
            Err(KeyFlaw::WeakRsa)
        }
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        match self {
            PublicKey::Ed25519(_) => KeyKind::Ed25519,
            PublicKey::Ec(curve, _) => KeyKind::Ec(*curve),
            PublicKey::Rsa { .. } => KeyKind::Rsa,
        }
    }

    /// Whether a modulus has at least so many bits; keys of other kinds have no choice.
    pub fn has_bits(&self, bits: usize) -> bool {
        match self {
            PublicKey::Rsa { n, .. } => rsa::bits(n) >= bits,
            PublicKey::Ed25519(_) | PublicKey::Ec(..) => true,
        }
    }
}

fn text<'j>(jwk: &'j Json, name: &str) -> Result<&'j str, KeyFlaw> {
    jwk.get(name).and_then(Json::text).ok_or(KeyFlaw::Malformed)
}

fn bytes(jwk: &Json, name: &str) -> Result<Vec<u8>, KeyFlaw> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?).map_err(|_| KeyFlaw::Malformed)
}
