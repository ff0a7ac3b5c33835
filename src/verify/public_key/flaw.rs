//! Why a key is not used.

use std::fmt;

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
    /// Neither PEM nor a JWK, nor the key in hex or base64.
    NotAKey,
}

impl KeyFlaw {
    /// One clause that says it.
    pub fn text(self) -> &'static str {
        match self {
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
            KeyFlaw::NotAKey => {
                "not a public key: PEM, a certificate, a JWK, or the key itself in hex or base64"
            }
        }
    }
}

impl fmt::Display for KeyFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl std::error::Error for KeyFlaw {}
