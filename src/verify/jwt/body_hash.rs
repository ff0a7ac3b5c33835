//! The digest of the body that a token can hold.

use super::claims::{ClaimPath, malformed, missing};
use super::json::Json;
use crate::verify::error::VerifyError;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fmt;
use subtle::ConstantTimeEq;

/// The claim that binds the body to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyHash {
    /// Where it stands.
    pub claim: ClaimPath,
    /// How it is written.
    pub form: HashForm,
    /// What a request without body says.
    pub empty: EmptyBody,
}

/// How a digest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashForm {
    /// As lower-case hexadecimal.
    Hex(Hash),
    /// As base64, standard alphabet, padded.
    Base64(Hash),
    /// As base64url without padding.
    Base64Url(Hash),
    /// As name, colon and lower-case hexadecimal; the name is one of [`Hash::TAGGED`].
    Tagged,
    /// Not as a digest: the claim is the body itself, a text.
    Text,
}

/// What a request without body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyBody {
    /// The digest of nothing.
    Require,
    /// No digest.
    Forbid,
    /// Either.
    Allow,
}

impl EmptyBody {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["require", "forbid", "allow"];

    /// The rule of that name.
    pub fn parse(name: &str) -> Option<EmptyBody> {
        match name {
            "require" => Some(EmptyBody::Require),
            "forbid" => Some(EmptyBody::Forbid),
            "allow" => Some(EmptyBody::Allow),
            _ => None,
        }
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Hash {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["sha256", "sha384", "sha512"];
    /// Names in [`HashForm::Tagged`].
    pub const TAGGED: &'static [&'static str] = &["sha-256", "sha-384", "sha-512"];

    /// The function of that name in the policy file.
    pub fn parse(name: &str) -> Option<Hash> {
        match name {
            "sha256" => Some(Hash::Sha256),
            "sha384" => Some(Hash::Sha384),
            "sha512" => Some(Hash::Sha512),
            _ => None,
        }
    }

    fn tagged(name: &str) -> Option<Hash> {
        match name {
            "sha-256" => Some(Hash::Sha256),
            "sha-384" => Some(Hash::Sha384),
            "sha-512" => Some(Hash::Sha512),
            _ => None,
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Hash::Sha384 => "sha-384",
            Hash::Sha512 => "sha-512",
            _ => "sha-256",
        }
    }

    fn library(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
            Hash::Sha3_256 => &digest::SHA3_256,
            Hash::Sha3_384 => &digest::SHA3_384,
            Hash::Sha3_512 => &digest::SHA3_512,
        }
    }

    /// Length of the digest, bytes.
    pub(super) fn length(self) -> usize {
        self.library().output_len()
    }

    /// The digest of `bytes`.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.library(), bytes).as_ref().to_vec()
    }
}

/// A digest in the making.
#[derive(Clone)]
pub(super) struct Digest(digest::Context);

impl Digest {
    pub fn new(hash: Hash) -> Digest {
        Digest(digest::Context::new(hash.library()))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[digest]")
    }
}

/// What the token says of the body.
#[derive(Debug)]
pub(super) struct Promise {
    /// The digest and its function; nothing where the token has none.
    pub digest: Option<(Hash, Vec<u8>)>,
    /// The length of the body, where the token says it.
    pub length: Option<u64>,
    /// What a request without body must have.
    pub empty: EmptyBody,
    claim: ClaimPath,
}

impl BodyHash {
    /// Reads the claim.
    pub(super) fn read(&self, claims: &Json) -> Result<Promise, VerifyError> {
        let digest = match self.claim.find(claims) {
            None if self.empty == EmptyBody::Require => return Err(missing(self.claim.label())),
            None => None,
            Some(written) => {
                let digest = written.text().and_then(|text| self.form.decode(text));
                Some(digest.ok_or_else(|| malformed(self.claim.label()))?)
            }
        };
        Ok(Promise { digest, length: None, empty: self.empty, claim: self.claim.clone() })
    }

    /// The claim for a body; nothing where an empty body has none.
    pub(super) fn write(&self, body: &[u8]) -> Option<String> {
        if body.is_empty() && self.empty == EmptyBody::Forbid {
            return None;
        }
        Some(self.form.write(body))
    }
}

impl HashForm {
    /// The text for these bytes.
    pub(super) fn write(self, bytes: &[u8]) -> String {
        match self {
            HashForm::Hex(hash) => hex::encode(hash.of(bytes)),
            HashForm::Base64(hash) => STANDARD.encode(hash.of(bytes)),
            HashForm::Base64Url(hash) => URL_SAFE_NO_PAD.encode(hash.of(bytes)),
            HashForm::Tagged => format!("{}:{}", Hash::Sha256.tag(), hex::encode(Hash::Sha256.of(bytes))),
            HashForm::Text => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// The digest that a text says, and its function.
    pub(super) fn decode(self, text: &str) -> Option<(Hash, Vec<u8>)> {
        let (hash, digest) = match self {
            HashForm::Hex(hash) => (hash, lower_hex(text)?),
            HashForm::Base64(hash) => (hash, STANDARD.decode(text).ok()?),
            HashForm::Base64Url(hash) => (hash, URL_SAFE_NO_PAD.decode(text).ok()?),
            HashForm::Tagged => {
                let (name, digits) = text.split_once(':')?;
                (Hash::tagged(name)?, lower_hex(digits)?)
            }
            HashForm::Text => (Hash::Sha256, Hash::Sha256.of(text.as_bytes())),
        };
        (digest.len() == hash.length()).then_some((hash, digest))
    }
}

/// Lower case only: what could be written in two ways is written in one.
pub(super) fn lower_hex(text: &str) -> Option<Vec<u8>> {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    lower.then(|| hex::decode(text).ok())?
}

impl Promise {
    /// A promise by other names than those of a [`BodyHash`].
    pub fn new(
        digest: Option<(Hash, Vec<u8>)>,
        length: Option<u64>,
        empty: EmptyBody,
        claim: ClaimPath,
    ) -> Promise {
        Promise { digest, length, empty, claim }
    }

    /// The function to run over the body.
    pub fn hash(&self) -> Hash {
        self.digest.as_ref().map_or(Hash::Sha256, |(hash, _)| *hash)
    }

    /// Compares with a body of `length` bytes and this digest, in constant time.
    pub fn check(&self, length: u64, digest: &[u8]) -> Result<(), VerifyError> {
        let Some((_, promised)) = &self.digest else {
            let may_lack = length == 0 && self.empty != EmptyBody::Require;
            return if may_lack { Ok(()) } else { Err(missing(self.claim.label())) };
        };
        if length == 0 && self.empty == EmptyBody::Forbid {
            return Err(VerifyError::BodyHashUnexpected);
        }
        let same_length = self.length.is_none_or(|promised| promised == length);
        if bool::from(promised.ct_eq(digest)) && same_length {
            Ok(())
        } else {
            Err(VerifyError::BodyHashMismatch)
        }
    }
}
