//! The algorithms of a signature that is made with a private key, which only the sender has.

/// An algorithm, by its name in the policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublicAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA; whether the signature is a DER sequence or, as in JOSE, r and s one after the other.
    Ecdsa(Curve, Digest, Form),
    /// RSA with PKCS#1 v1.5 padding (RFC 8017 section 8.2).
    Rsa(Digest),
    /// RSA PSS with a salt as long as the digest (RFC 8017 section 8.1).
    RsaPss(Digest),
}

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256, `secp256r1`.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// `secp256k1`.
    K256,
}

/// The hash of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1, for senders that have nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How the two numbers of an ECDSA signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// One after the other, each as long as the order of the curve (RFC 7518 section 3.4).
    Raw,
    /// As a DER sequence (RFC 3279 section 2.2.3).
    Der,
}

/// What kind of key an algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A key on Ed25519.
    Ed25519,
    /// A key on a curve of ECDSA.
    Ec(Curve),
    /// An RSA key.
    Rsa,
}

const TABLE: [(&str, PublicAlgorithm); 17] = {
    use PublicAlgorithm::{Ecdsa, Ed25519, Rsa, RsaPss};
    [
        ("ed25519", Ed25519),
        ("ecdsa-p256-sha256", Ecdsa(Curve::P256, Digest::Sha256, Form::Raw)),
        ("ecdsa-p256-sha256-der", Ecdsa(Curve::P256, Digest::Sha256, Form::Der)),
        ("ecdsa-p256-sha1-der", Ecdsa(Curve::P256, Digest::Sha1, Form::Der)),
        ("ecdsa-p384-sha384", Ecdsa(Curve::P384, Digest::Sha384, Form::Raw)),
        ("ecdsa-p384-sha384-der", Ecdsa(Curve::P384, Digest::Sha384, Form::Der)),
        ("ecdsa-p521-sha512", Ecdsa(Curve::P521, Digest::Sha512, Form::Raw)),
        ("ecdsa-p521-sha512-der", Ecdsa(Curve::P521, Digest::Sha512, Form::Der)),
        ("ecdsa-secp256k1-sha256", Ecdsa(Curve::K256, Digest::Sha256, Form::Raw)),
        ("ecdsa-secp256k1-sha256-der", Ecdsa(Curve::K256, Digest::Sha256, Form::Der)),
        ("rsa-sha1", Rsa(Digest::Sha1)),
        ("rsa-sha256", Rsa(Digest::Sha256)),
        ("rsa-sha384", Rsa(Digest::Sha384)),
        ("rsa-sha512", Rsa(Digest::Sha512)),
        ("rsa-pss-sha256", RsaPss(Digest::Sha256)),
        ("rsa-pss-sha384", RsaPss(Digest::Sha384)),
        ("rsa-pss-sha512", RsaPss(Digest::Sha512)),
    ]
};

impl PublicAlgorithm {
    /// Names in the policy file.
    pub const NAMES: [&'static str; TABLE.len()] = {
        let mut names = [""; TABLE.len()];
        let mut index = 0;
        while index < TABLE.len() {
            names[index] = TABLE[index].0;
            index += 1;
        }
        names
    };

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Option<PublicAlgorithm> {
        TABLE.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    /// The kind of key that it takes.
    pub fn kind(self) -> KeyKind {
        match self {
            PublicAlgorithm::Ed25519 => KeyKind::Ed25519,
            PublicAlgorithm::Ecdsa(curve, ..) => KeyKind::Ec(curve),
            PublicAlgorithm::Rsa(_) | PublicAlgorithm::RsaPss(_) => KeyKind::Rsa,
        }
    }

    /// Whether it uses a hash for which two texts with one digest can be made.
    pub fn is_weak(self) -> bool {
        matches!(self, PublicAlgorithm::Ecdsa(_, Digest::Sha1, _) | PublicAlgorithm::Rsa(Digest::Sha1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for name in PublicAlgorithm::NAMES {
            assert_eq!(PublicAlgorithm::parse(name).map(PublicAlgorithm::name), Some(name));
        }
        assert_eq!(PublicAlgorithm::parse("Ed25519"), None);
        let weak = PublicAlgorithm::NAMES.into_iter().filter(|name| name.contains("sha1"));
        assert!(weak.map(PublicAlgorithm::parse).all(|found| found.is_some_and(PublicAlgorithm::is_weak)));
    }
}
