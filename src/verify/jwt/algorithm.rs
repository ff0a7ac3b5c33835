//! The signature algorithms of RFC 7518, RFC 8037 and RFC 9864 that a policy can allow.

use crate::scheme;
use crate::scheme::{Curve, KeyKind};
use jsonwebtoken::Algorithm as Library;

/// An algorithm, by its name in the `alg` header. It is policy; the one that a token names must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// RSA PSS with SHA-256.
    Ps256,
    /// RSA PSS with SHA-384.
    Ps384,
    /// RSA PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Edwards curves; of them, Ed25519.
    EdDsa,
    /// Ed25519 by its own name (RFC 9864).
    Ed25519,
}

/// What kind of key an algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A secret of at least this many bytes (RFC 7518 section 3.2).
    Secret {
        /// Fewest bytes.
        min_bytes: usize,
    },
    /// An RSA key.
    Rsa,
    /// A key on P-256.
    P256,
    /// A key on P-384.
    P384,
    /// A key on Ed25519.
    Ed25519,
}

impl Family {
    /// The kind of public key; nothing for a secret.
    pub fn kind(self) -> Option<KeyKind> {
        match self {
            Family::Secret { .. } => None,
            Family::Rsa => Some(KeyKind::Rsa),
            Family::P256 => Some(KeyKind::Ec(Curve::P256)),
            Family::P384 => Some(KeyKind::Ec(Curve::P384)),
            Family::Ed25519 => Some(KeyKind::Ed25519),
        }
    }
}

const TABLE: [(Algorithm, &str); 13] = [
    (Algorithm::Hs256, "HS256"),
    (Algorithm::Hs384, "HS384"),
    (Algorithm::Hs512, "HS512"),
    (Algorithm::Rs256, "RS256"),
    (Algorithm::Rs384, "RS384"),
    (Algorithm::Rs512, "RS512"),
    (Algorithm::Ps256, "PS256"),
    (Algorithm::Ps384, "PS384"),
    (Algorithm::Ps512, "PS512"),
    (Algorithm::Es256, "ES256"),
    (Algorithm::Es384, "ES384"),
    (Algorithm::EdDsa, "EdDSA"),
    (Algorithm::Ed25519, "Ed25519"),
];

impl Algorithm {
    /// Names as tokens and policy files write them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(_, name)| *name)
    }

    /// The algorithm of exactly this name.
    pub fn parse(name: &str) -> Option<Algorithm> {
        TABLE.iter().find(|(_, known)| *known == name).map(|(algorithm, _)| *algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(algorithm, _)| *algorithm == self).map_or("", |(_, name)| name)
    }

    /// The kind of key that it takes.
    pub fn family(self) -> Family {
        match self {
            Algorithm::Hs256 => Family::Secret { min_bytes: 32 },
            Algorithm::Hs384 => Family::Secret { min_bytes: 48 },
            Algorithm::Hs512 => Family::Secret { min_bytes: 64 },
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Family::Rsa,
            Algorithm::Es256 => Family::P256,
            Algorithm::Es384 => Family::P384,
            Algorithm::EdDsa | Algorithm::Ed25519 => Family::Ed25519,
        }
    }

    /// Whether its key is a secret that sender and receiver share.
    pub fn is_symmetric(self) -> bool {
        self.mac().is_some()
    }

    /// The MAC of the HS algorithms.
    pub(super) fn mac(self) -> Option<scheme::Algorithm> {
        match self {
            Algorithm::Hs256 => Some(scheme::Algorithm::Hmac(scheme::HashName::Sha256)),
            Algorithm::Hs384 => Some(scheme::Algorithm::Hmac(scheme::HashName::Sha384)),
            Algorithm::Hs512 => Some(scheme::Algorithm::Hmac(scheme::HashName::Sha512)),
            _ => None,
        }
    }

    /// The library's word for it.
    pub(super) fn library(self) -> Library {
        match self {
            Algorithm::Hs256 => Library::HS256,
            Algorithm::Hs384 => Library::HS384,
            Algorithm::Hs512 => Library::HS512,
            Algorithm::Rs256 => Library::RS256,
            Algorithm::Rs384 => Library::RS384,
            Algorithm::Rs512 => Library::RS512,
            Algorithm::Ps256 => Library::PS256,
            Algorithm::Ps384 => Library::PS384,
            Algorithm::Ps512 => Library::PS512,
            Algorithm::Es256 => Library::ES256,
            Algorithm::Es384 => Library::ES384,
            Algorithm::EdDsa | Algorithm::Ed25519 => Library::EdDSA,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_are_exact() {
        for name in Algorithm::names() {
            assert_eq!(Algorithm::parse(name).map(Algorithm::name), Some(name));
        }
        for other in ["none", "None", "", "rs256", "RS256 ", "ES512", "ES256K", "RS1", "ed25519"] {
            assert_eq!(Algorithm::parse(other), None, "{other}");
        }
    }
}
