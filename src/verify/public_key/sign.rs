//! Private keys, for senders that are played here.

use crate::base::secret::Secret;
use crate::scheme::{Curve, Digest, Form, KeyKind, PublicAlgorithm};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as lib;
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;

/// A private key of one kind.
#[derive(Clone)]
pub struct PrivateKey {
    kind: KeyKind,
    pkcs8: Secret,
}

/// A key that is not of the algorithm, or not PKCS#8 in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateKeyFlaw;

impl PrivateKey {
    /// A private key in PEM (PKCS#8, RFC 7468 section 10).
    ///
    /// # Errors
    /// It is none of this kind.
    pub fn new(kind: KeyKind, pem: &[u8]) -> Result<PrivateKey, PrivateKeyFlaw> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| PrivateKeyFlaw)?;
        let key = PrivateKey { kind, pkcs8: Secret::new(der.secret_pkcs8_der().to_vec()) };
        let usual = match kind {
            KeyKind::Ed25519 => PublicAlgorithm::Ed25519,
            KeyKind::Rsa => PublicAlgorithm::Rsa(Digest::Sha256),
            KeyKind::Ec(Curve::P384) => PublicAlgorithm::Ecdsa(Curve::P384, Digest::Sha384, Form::Raw),
            KeyKind::Ec(Curve::P521) => PublicAlgorithm::Ecdsa(Curve::P521, Digest::Sha512, Form::Raw),
            KeyKind::Ec(curve) => PublicAlgorithm::Ecdsa(curve, Digest::Sha256, Form::Raw),
        };
        key.sign(usual, b"").map(|_| key.clone()).ok_or(PrivateKeyFlaw)
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The signature of a message. Nothing where the key is of another kind, or the algorithm is only checked here:
    /// nobody should sign with SHA-1.
    pub fn sign(&self, algorithm: PublicAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
        if algorithm.kind() != self.kind {
            return None;
        }
        let (pkcs8, random) = (self.pkcs8.expose(), SystemRandom::new());
        match algorithm {
            PublicAlgorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?;
                Some(pair.sign(message).as_ref().to_vec())
            }
            PublicAlgorithm::Ecdsa(curve, digest, form) => {
                let pair = EcdsaKeyPair::from_pkcs8(ecdsa(curve, digest, form)?, pkcs8).ok()?;
                Some(pair.sign(&random, message).ok()?.as_ref().to_vec())
            }
            PublicAlgorithm::Rsa(digest) => rsa(pkcs8, pkcs1(digest)?, &random, message),
            PublicAlgorithm::RsaPss(digest) => rsa(pkcs8, pss(digest)?, &random, message),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PrivateKey({:?})", self.kind)
    }
}

fn rsa(
    pkcs8: &[u8],
    padding: &'static dyn RsaEncoding,
    random: &SystemRandom,
    message: &[u8],
) -> Option<Vec<u8>> {
    let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, random, message, &mut signature).ok()?;
    Some(signature)
}

fn ecdsa(curve: Curve, digest: Digest, form: Form) -> Option<&'static EcdsaSigningAlgorithm> {
    Some(match (curve, digest, form) {
        (Curve::P256, Digest::Sha256, Form::Raw) => &lib::ECDSA_P256_SHA256_FIXED_SIGNING,
        (Curve::P256, Digest::Sha256, Form::Der) => &lib::ECDSA_P256_SHA256_ASN1_SIGNING,
        (Curve::P384, Digest::Sha384, Form::Raw) => &lib::ECDSA_P384_SHA384_FIXED_SIGNING,
        (Curve::P384, Digest::Sha384, Form::Der) => &lib::ECDSA_P384_SHA384_ASN1_SIGNING,
        (Curve::P521, Digest::Sha512, Form::Raw) => &lib::ECDSA_P521_SHA512_FIXED_SIGNING,
        (Curve::P521, Digest::Sha512, Form::Der) => &lib::ECDSA_P521_SHA512_ASN1_SIGNING,
        (Curve::K256, Digest::Sha256, Form::Raw) => &lib::ECDSA_P256K1_SHA256_FIXED_SIGNING,
        (Curve::K256, Digest::Sha256, Form::Der) => &lib::ECDSA_P256K1_SHA256_ASN1_SIGNING,
        _ => return None,
    })
}

fn pkcs1(digest: Digest) -> Option<&'static dyn RsaEncoding> {
    Some(match digest {
        Digest::Sha256 => &lib::RSA_PKCS1_SHA256,
        Digest::Sha384 => &lib::RSA_PKCS1_SHA384,
        Digest::Sha512 => &lib::RSA_PKCS1_SHA512,
        Digest::Sha1 => return None,
    })
}

fn pss(digest: Digest) -> Option<&'static dyn RsaEncoding> {
    Some(match digest {
        Digest::Sha256 => &lib::RSA_PSS_SHA256,
        Digest::Sha384 => &lib::RSA_PSS_SHA384,
        Digest::Sha512 => &lib::RSA_PSS_SHA512,
        Digest::Sha1 => return None,
    })
}
