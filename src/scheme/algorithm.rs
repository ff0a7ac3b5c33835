//! The algorithms of a signature: HMAC (RFC 2104), plain hashes of a text that holds the secret, and those with a
//! private key.

use super::public::PublicAlgorithm;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashName {
    /// MD5, 16 bytes; for senders that have nothing better.
    Md5,
    /// SHA-1, 20 bytes; for senders that have nothing better.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashName {
    /// The hash of that name in the policy file.
    pub fn parse(name: &str) -> Option<HashName> {
        match name {
            "md5" => Some(HashName::Md5),
            "sha1" => Some(HashName::Sha1),
            "sha256" => Some(HashName::Sha256),
            "sha384" => Some(HashName::Sha384),
            "sha512" => Some(HashName::Sha512),
            _ => None,
        }
    }

    /// Length of the digest, bytes.
    pub fn bytes(self) -> usize {
        match self {
            HashName::Md5 => 16,
            HashName::Sha1 => 20,
            HashName::Sha256 => 32,
            HashName::Sha384 => 48,
            HashName::Sha512 => 64,
        }
    }

    /// The digest of a text.
    pub fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            HashName::Md5 => Md5::digest(text).to_vec(),
            HashName::Sha1 => Sha1::digest(text).to_vec(),
            HashName::Sha256 => Sha256::digest(text).to_vec(),
            HashName::Sha384 => Sha384::digest(text).to_vec(),
            HashName::Sha512 => Sha512::digest(text).to_vec(),
        }
    }
}

/// An algorithm of a signature. It is policy: nothing in a request chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with the secret as the key.
    Hmac(HashName),
    /// The hash of a text that holds the secret (`{secret}`).
    Plain(HashName),
    /// A signature that only the holder of a private key can make.
    Public(PublicAlgorithm),
}

const WITH_SECRETS: [&str; 10] = [
    "hmac-md5",
    "hmac-sha1",
    "hmac-sha256",
    "hmac-sha384",
    "hmac-sha512",
    "md5",
    "sha1",
    "sha256",
    "sha384",
    "sha512",
];

/// Those with secrets, then those with private keys.
const NAMES: [&str; WITH_SECRETS.len() + PublicAlgorithm::NAMES.len()] = {
    let mut names = [""; WITH_SECRETS.len() + PublicAlgorithm::NAMES.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = match index < WITH_SECRETS.len() {
            true => WITH_SECRETS[index],
            false => PublicAlgorithm::NAMES[index - WITH_SECRETS.len()],
        };
        index += 1;
    }
    names
};

impl Algorithm {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &NAMES;

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Option<Algorithm> {
        match name.strip_prefix("hmac-") {
            Some(hash) => HashName::parse(hash).map(Algorithm::Hmac),
            None => {
                let plain = HashName::parse(name).map(Algorithm::Plain);
                plain.or_else(|| PublicAlgorithm::parse(name).map(Algorithm::Public))
            }
        }
    }

    /// Length of the MAC or digest, bytes; never truncated. Nothing where it is none.
    pub fn tag_bytes(self) -> Option<usize> {
        match self {
            Algorithm::Hmac(hash) | Algorithm::Plain(hash) => Some(hash.bytes()),
            Algorithm::Public(_) => None,
        }
    }

    /// The algorithm of a private key, where it is one.
    pub fn public(self) -> Option<PublicAlgorithm> {
        match self {
            Algorithm::Public(algorithm) => Some(algorithm),
            Algorithm::Hmac(_) | Algorithm::Plain(_) => None,
        }
    }
}

/// Declares [`Mac`] and its functions: one variant for each keyed or plain hash.
macro_rules! macs {
    ($($hmac:ident $plain:ident $hash:ident,)+) => {
        /// A keyed, possibly half-fed MAC, or a half-fed hash. Cloning it saves the work of keying.
        #[derive(Clone)]
        pub enum Mac {
            $(
                #[doc = concat!("HMAC with ", stringify!($hash), ".")]
                $hmac(Hmac<$hash>),
                #[doc = concat!(stringify!($hash), " alone.")]
                $plain($hash),
            )+
        }

        impl Mac {
            /// Keys a MAC; a plain hash has no key.
            ///
            /// # Errors
            /// When the algorithm does not take a key of this length, or is none of a secret; HMAC takes every length.
            pub fn new(algorithm: Algorithm, key: &[u8]) -> Result<Mac, InvalidLength> {
                Ok(match algorithm {
                    $(
                        Algorithm::Hmac(HashName::$hash) => Mac::$hmac(Hmac::new_from_slice(key)?),
                        Algorithm::Plain(HashName::$hash) => Mac::$plain($hash::new()),
                    )+
                    Algorithm::Public(_) => return Err(InvalidLength),
                })
            }

            /// Feeds the next bytes of the message.
            pub fn update(&mut self, bytes: &[u8]) {
                match self {
                    $(
                        Mac::$hmac(mac) => mac.update(bytes),
                        Mac::$plain(hash) => Digest::update(hash, bytes),
                    )+
                }
            }

            /// The MAC of everything fed.
            pub fn finish(self) -> Tag {
                match self {
                    $(
                        Mac::$hmac(mac) => Tag::new(&mac.finalize().into_bytes()),
                        Mac::$plain(hash) => Tag::new(&hash.finalize()),
                    )+
                }
            }
        }
    };
}

macs! {
    HmacMd5 PlainMd5 Md5,
    HmacSha1 PlainSha1 Sha1,
    HmacSha256 PlainSha256 Sha256,
    HmacSha384 PlainSha384 Sha384,
    HmacSha512 PlainSha512 Sha512,
}

impl fmt::Debug for Mac {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[keyed mac]")
    }
}

/// A MAC value, computed or received. Compared in constant time only; it has no `PartialEq`.
#[derive(Clone, Copy)]
pub struct Tag {
    bytes: [u8; Tag::MAX],
    length: usize,
}

impl Tag {
    /// Longest MAC, bytes.
    pub const MAX: usize = 64;

    /// The first [`Tag::MAX`] bytes of `from`.
    pub fn new(from: &[u8]) -> Tag {
        let mut bytes = [0; Tag::MAX];
        for (to, from) in bytes.iter_mut().zip(from) {
            *to = *from;
        }
        Tag { bytes, length: from.len().min(Tag::MAX) }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[tag]")
    }
}

impl ConstantTimeEq for Tag {
    /// Always compares [`Tag::MAX`] bytes (unused ones are zero) and the length.
    fn ct_eq(&self, other: &Tag) -> Choice {
        self.bytes.ct_eq(&other.bytes) & self.length.ct_eq(&other.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_another_length_differ() {
        let same = |left: &[u8], right: &[u8]| bool::from(Tag::new(left).ct_eq(&Tag::new(right)));
        assert!(same(&[1, 0], &[1, 0]));
        assert!(!same(&[1, 0], &[1]) && !same(&[1], &[2]) && !same(&[], &[0]));
        assert_eq!(Tag::new(&[7; 65]).as_bytes(), [7; 64]);
    }

    #[test]
    fn every_name_is_an_algorithm() {
        let lengths: Vec<_> =
            Algorithm::NAMES.iter().filter_map(|name| Algorithm::parse(name).unwrap().tag_bytes()).collect();
        assert_eq!(lengths, [16, 20, 32, 48, 64, 16, 20, 32, 48, 64]);
        assert!(Algorithm::parse("HMAC-SHA256").is_none());
        for name in PublicAlgorithm::NAMES {
            assert!(Algorithm::NAMES.contains(&name), "{name}");
        }
    }
}
