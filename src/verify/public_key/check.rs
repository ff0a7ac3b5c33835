//! A key that checks signatures of one algorithm.

use super::flaw::KeyFlaw;
use super::key::PublicKey;
use crate::scheme::{Curve, Digest, Form, PublicAlgorithm};
use aws_lc_rs::signature as lib;
use aws_lc_rs::signature::{ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm};
use std::fmt;

/// A key, read for one algorithm. Reading it once saves a third of the work of a signature.
#[derive(Clone)]
pub struct CheckingKey(ParsedPublicKey);

impl CheckingKey {
    /// The key for this algorithm.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn new(key: &PublicKey, algorithm: PublicAlgorithm) -> Result<CheckingKey, KeyFlaw> {
        if key.kind() != algorithm.kind() {
            return Err(KeyFlaw::Algorithm);
        }
        let parsed = match (key, library(algorithm).ok_or(KeyFlaw::Algorithm)?) {
            (PublicKey::Ed25519(point), Library::Point(library)) => ParsedPublicKey::new(library, point),
            (PublicKey::Ec(_, point), Library::Point(library)) => ParsedPublicKey::new(library, point),
            (PublicKey::Rsa { n, e }, Library::Rsa(library)) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(library)
            }
            _ => return Err(KeyFlaw::Algorithm),
        };
        parsed.map(CheckingKey).map_err(|_| KeyFlaw::Point)
    }

    /// Whether the signature is that of the message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for CheckingKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[public key]")
    }
}

/// The library's word for an algorithm.
enum Library {
    Point(&'static dyn VerificationAlgorithm),
    Rsa(&'static RsaParameters),
}

fn library(algorithm: PublicAlgorithm) -> Option<Library> {
    use PublicAlgorithm::{Ecdsa, Ed25519, Rsa, RsaPss};
    let ecdsa: &'static dyn VerificationAlgorithm = match algorithm {
        Ed25519 => &lib::ED25519,
        Ecdsa(Curve::P256, Digest::Sha1, Form::Der) => &lib::ECDSA_P256_SHA1_ASN1,
        Ecdsa(Curve::P256, Digest::Sha256, Form::Raw) => &lib::ECDSA_P256_SHA256_FIXED,
        Ecdsa(Curve::P256, Digest::Sha256, Form::Der) => &lib::ECDSA_P256_SHA256_ASN1,
        Ecdsa(Curve::P384, Digest::Sha384, Form::Raw) => &lib::ECDSA_P384_SHA384_FIXED,
        Ecdsa(Curve::P384, Digest::Sha384, Form::Der) => &lib::ECDSA_P384_SHA384_ASN1,
        Ecdsa(Curve::P521, Digest::Sha512, Form::Raw) => &lib::ECDSA_P521_SHA512_FIXED,
        Ecdsa(Curve::P521, Digest::Sha512, Form::Der) => &lib::ECDSA_P521_SHA512_ASN1,
        Ecdsa(Curve::K256, Digest::Sha256, Form::Raw) => &lib::ECDSA_P256K1_SHA256_FIXED,
        Ecdsa(Curve::K256, Digest::Sha256, Form::Der) => &lib::ECDSA_P256K1_SHA256_ASN1,
        Ecdsa(..) => return None,
        // How short a key may be is decided when it is read.
        Rsa(Digest::Sha1) => return Some(Library::Rsa(&lib::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY)),
        Rsa(Digest::Sha256) => {
            return Some(Library::Rsa(&lib::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY));
        }
        Rsa(Digest::Sha384) => return Some(Library::Rsa(&lib::RSA_PKCS1_2048_8192_SHA384)),
        Rsa(Digest::Sha512) => {
            return Some(Library::Rsa(&lib::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY));
        }
        RsaPss(Digest::Sha256) => return Some(Library::Rsa(&lib::RSA_PSS_2048_8192_SHA256)),
        RsaPss(Digest::Sha384) => return Some(Library::Rsa(&lib::RSA_PSS_2048_8192_SHA384)),
        RsaPss(Digest::Sha512) => return Some(Library::Rsa(&lib::RSA_PSS_2048_8192_SHA512)),
        RsaPss(Digest::Sha1) => return None,
    };
    Some(Library::Point(ecdsa))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_algorithm_of_the_library() {
        for name in PublicAlgorithm::NAMES {
            assert!(library(PublicAlgorithm::parse(name).unwrap()).is_some(), "{name}");
        }
    }
}
