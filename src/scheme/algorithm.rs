//! The MAC algorithms: HMAC (RFC 2104) over SHA-1 and SHA-2.

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// A MAC algorithm. It is policy: nothing in a request chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-1, 20 bytes; for senders that have nothing better.
    HmacSha1,
    /// HMAC with SHA-256, 32 bytes.
    HmacSha256,
    /// HMAC with SHA-384, 48 bytes.
    HmacSha384,
    /// HMAC with SHA-512, 64 bytes.
    HmacSha512,
}

impl Algorithm {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Option<Algorithm> {
        match name {
            "hmac-sha1" => Some(Algorithm::HmacSha1),
            "hmac-sha256" => Some(Algorithm::HmacSha256),
            "hmac-sha384" => Some(Algorithm::HmacSha384),
            "hmac-sha512" => Some(Algorithm::HmacSha512),
            _ => None,
        }
    }

    /// Length of the MAC, bytes. Never truncated.
    pub fn tag_bytes(self) -> usize {
        match self {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha384 => 48,
            Algorithm::HmacSha512 => 64,
        }
    }
}

/// A keyed, possibly half-fed MAC. Cloning it saves the work of keying.
#[derive(Clone)]
pub enum Mac {
    /// HMAC-SHA1.
    Sha1(Hmac<Sha1>),
    /// HMAC-SHA256.
    Sha256(Hmac<Sha256>),
    /// HMAC-SHA384.
    Sha384(Hmac<Sha384>),
    /// HMAC-SHA512.
    Sha512(Hmac<Sha512>),
}

impl Mac {
    /// Keys a MAC.
    ///
    /// # Errors
    /// When the algorithm does not take a key of this length; HMAC takes every length.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Result<Mac, InvalidLength> {
        Ok(match algorithm {
            Algorithm::HmacSha1 => Mac::Sha1(Hmac::new_from_slice(key)?),
            Algorithm::HmacSha256 => Mac::Sha256(Hmac::new_from_slice(key)?),
            Algorithm::HmacSha384 => Mac::Sha384(Hmac::new_from_slice(key)?),
            Algorithm::HmacSha512 => Mac::Sha512(Hmac::new_from_slice(key)?),
        })
    }

    /// Feeds the next bytes of the message.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Mac::Sha1(mac) => mac.update(bytes),
            Mac::Sha256(mac) => mac.update(bytes),
            Mac::Sha384(mac) => mac.update(bytes),
            Mac::Sha512(mac) => mac.update(bytes),
        }
    }

    /// The MAC of everything fed.
    pub fn finish(self) -> Tag {
        match self {
            Mac::Sha1(mac) => Tag::new(&mac.finalize().into_bytes()),
            Mac::Sha256(mac) => Tag::new(&mac.finalize().into_bytes()),
            Mac::Sha384(mac) => Tag::new(&mac.finalize().into_bytes()),
            Mac::Sha512(mac) => Tag::new(&mac.finalize().into_bytes()),
        }
    }
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
            Algorithm::NAMES.iter().map(|name| Algorithm::parse(name).unwrap().tag_bytes()).collect();
        assert_eq!(lengths, [20, 32, 48, 64]);
        assert!(Algorithm::parse("HMAC-SHA256").is_none());
    }
}
