//! The six algorithms of RFC 9421 section 3.3.

use crate::verify::jwt::Algorithm;

/// An algorithm, by its name in the `alg` parameter. It is policy; one that a signature names must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpAlgorithm {
    /// RSA PSS with SHA-512 and a salt of 64 bytes (section 3.3.1).
    RsaPssSha512,
    /// RSA PKCS#1 v1.5 with SHA-256 (section 3.3.2).
    RsaV15Sha256,
    /// HMAC with SHA-256 (section 3.3.3).
    HmacSha256,
    /// ECDSA on P-256 with SHA-256, both numbers one after the other (section 3.3.4).
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384 (section 3.3.5).
    EcdsaP384Sha384,
    /// Ed25519 (section 3.3.6).
    Ed25519,
}

/// Name, and the algorithm of JSON Web Signatures (section 3.3.7) that does the same: keys are told apart by it.
const TABLE: [(HttpAlgorithm, &str, Algorithm); 6] = [
    (HttpAlgorithm::RsaPssSha512, "rsa-pss-sha512", Algorithm::Ps512),
    (HttpAlgorithm::RsaV15Sha256, "rsa-v1_5-sha256", Algorithm::Rs256),
    (HttpAlgorithm::HmacSha256, "hmac-sha256", Algorithm::Hs256),
    (HttpAlgorithm::EcdsaP256Sha256, "ecdsa-p256-sha256", Algorithm::Es256),
    (HttpAlgorithm::EcdsaP384Sha384, "ecdsa-p384-sha384", Algorithm::Es384),
    (HttpAlgorithm::Ed25519, "ed25519", Algorithm::EdDsa),
];

impl HttpAlgorithm {
    /// Names as signatures and policy files write them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|(_, name, _)| *name)
    }

    /// The algorithm of exactly this name.
    pub fn parse(name: &str) -> Option<HttpAlgorithm> {
        TABLE.iter().find(|(_, known, _)| *known == name).map(|(algorithm, ..)| *algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(known, ..)| *known == self).map_or("", |(_, name, _)| name)
    }

    /// Whether its key is a secret that sender and receiver share.
    pub fn is_symmetric(self) -> bool {
        self == HttpAlgorithm::HmacSha256
    }

    /// Its name in key sets.
    pub fn jose(self) -> Algorithm {
        TABLE.iter().find(|(known, ..)| *known == self).map_or(Algorithm::EdDsa, |(.., jose)| *jose)
    }

    /// The one that a private key of this kind signs with.
    pub(super) fn of_jose(jose: Algorithm) -> Option<HttpAlgorithm> {
        let jose = if jose == Algorithm::Ed25519 { Algorithm::EdDsa } else { jose };
        TABLE.iter().find(|(.., known)| *known == jose).map(|(algorithm, ..)| *algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_keys_are_not_shared() {
        for name in HttpAlgorithm::names() {
            let algorithm = HttpAlgorithm::parse(name).unwrap();
            assert_eq!(algorithm.name(), name);
            assert_eq!(HttpAlgorithm::of_jose(algorithm.jose()), Some(algorithm));
            assert_eq!(algorithm.is_symmetric(), algorithm.jose().is_symmetric());
        }
        assert_eq!(HttpAlgorithm::names().count(), 6);
        for other in ["", "Ed25519", "hs2019", "rsa-sha256", "none", "EdDSA"] {
            assert_eq!(HttpAlgorithm::parse(other), None, "{other}");
        }
    }
}
