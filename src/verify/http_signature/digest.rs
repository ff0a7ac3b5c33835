//! `Content-Digest` (RFC 9530 section 2): what the sender says of the body.

use super::fields::{byte_sequences, joined};
use crate::verify::error::VerifyError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;

/// The field.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Whether digests by this algorithm are compared.
pub(super) fn is_known(algorithm: &str) -> bool {
    matches!(algorithm, "sha-256" | "sha-512")
}

/// What the field says of the body: at least one digest.
#[derive(Debug)]
pub(super) struct Promise {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
}

impl Promise {
    /// Reads the field. Algorithms that are not known are passed over, those that can be forged among them.
    pub fn read(headers: &HeaderMap, base64url: bool) -> Result<Promise, VerifyError> {
        let text = joined(headers, &CONTENT_DIGEST).map_err(|_| VerifyError::DigestUnusable)?;
        let text = text.ok_or_else(|| VerifyError::FieldMissing { field: "header content-digest".into() })?;
        let digests = byte_sequences(&text, base64url).map_err(|_| VerifyError::DigestUnusable)?;
        let mut promise = Promise { sha256: None, sha512: None };
        for (name, digest) in digests {
            let (place, length) = match name.as_str() {
                "sha-256" => (&mut promise.sha256, 32),
                "sha-512" => (&mut promise.sha512, 64),
                _ => continue,
            };
            if digest.len() != length {
                return Err(VerifyError::DigestUnusable);
            }
            *place = Some(digest);
        }
        if promise.sha256.is_none() && promise.sha512.is_none() {
            return Err(VerifyError::DigestUnusable);
        }
        Ok(promise)
    }
}

/// The field for a body.
pub(super) fn write(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Digests of a body in the making: SHA-256, by which the body is remembered as well, and SHA-512 where it is said.
pub(super) struct Running {
    sha256: Sha256,
    sha512: Option<Sha512>,
    promise: Option<Promise>,
}

impl Running {
    pub fn new(promise: Option<Promise>) -> Running {
        let wanted = promise.as_ref().is_some_and(|promise| promise.sha512.is_some());
        Running { sha256: Sha256::new(), sha512: wanted.then(Sha512::new), promise }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    /// Whether a digest of the body was signed.
    pub fn is_bound(&self) -> bool {
        self.promise.is_some()
    }

    /// Compares every digest that was said, in constant time; the SHA-256 of the body.
    pub fn finish(self) -> Result<[u8; 32], VerifyError> {
        let sha256: [u8; 32] = self.sha256.finalize().into();
        let sha512 = self.sha512.map(|sha512| sha512.finalize().to_vec());
        let Some(promise) = self.promise else { return Ok(sha256) };
        let same = |said: &Option<Vec<u8>>, found: Option<&[u8]>| {
            said.as_ref()
                .is_none_or(|said| found.is_some_and(|found| bool::from(said.as_slice().ct_eq(found))))
        };
        if same(&promise.sha256, Some(&sha256)) && same(&promise.sha512, sha512.as_deref()) {
            Ok(sha256)
        } else {
            Err(VerifyError::BodyHashMismatch)
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[digest]")
    }
}
