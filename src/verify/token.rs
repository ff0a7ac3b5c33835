//! A static token in a header: who sent it, nothing of what was sent.

use super::error::VerifyError;
use super::proof::{Proof, Sender};
use super::setup::{Keys, NamedSecret, SetupFlaw};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::Head;
use crate::http::headers::single;
use crate::scheme::SecretFlaw;
use http::HeaderName;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// The table `[source.token]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDefinition {
    /// The header that carries the token.
    pub header: HeaderName,
    /// Literal text before the token, such as `Bearer `; of any case in `Authorization` (RFC 9110 11.1).
    pub prefix: Option<String>,
}

/// SHA-256 of a credential: both sides have one length, so a comparison tells nothing of it.
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a credential.
    pub fn new(bytes: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(bytes).into())
    }

    /// Whether two credentials are equal, in constant time.
    pub fn matches(&self, other: &Fingerprint) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[fingerprint]")
    }
}

/// A header compared with tokens.
#[derive(Debug)]
pub(super) struct TokenVerifier {
    pub(super) header: HeaderName,
    pub(super) prefix: String,
    label: Arc<str>,
    pub(super) keys: Keys<(Fingerprint, Secret)>,
}

impl TokenVerifier {
    /// The name of this kind of proof.
    pub const NAME: &'static str = "token";

    /// Takes the tokens.
    pub fn new(definition: TokenDefinition, secrets: Vec<NamedSecret>) -> Result<TokenVerifier, SetupFlaw> {
        let keys = Keys::prepare(secrets, |secret| {
            let bytes = secret.expose();
            let printable = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
            let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            match bytes {
                [] => Err(SecretFlaw::Empty),
                _ if !bytes.iter().all(printable) || blank(bytes.first()) || blank(bytes.last()) => {
                    Err(SecretFlaw::NotAHeaderValue)
                }
                _ => Ok((Fingerprint::new(bytes), secret.clone())),
            }
        })?;
        let TokenDefinition { header, prefix } = definition;
        let label = format!("header {header}").into();
        Ok(TokenVerifier { header, prefix: prefix.unwrap_or_default(), label, keys })
    }

    /// Compares the header with every live token.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Proof, VerifyError> {
        let field = || Arc::clone(&self.label);
        let value = single(&head.headers, &self.header);
        let value = value.map_err(|_| VerifyError::FieldRepeated { field: field() })?;
        let value = value.ok_or_else(|| VerifyError::CredentialMissing { field: field() })?;
        let token = self.strip(value).filter(|token| !token.is_empty());
        let offered =
            Fingerprint::new(token.ok_or_else(|| VerifyError::CredentialMalformed { field: field() })?);
        let (mut matched, mut secrets) = (None, 0);
        for key in self.keys.live(now) {
            secrets += 1;
            let hit = bool::from(key.ready.0.matches(&offered));
            matched = if hit { matched.or(Some(&key.name)) } else { matched };
        }
        match matched {
            Some(name) => Ok(Proof::new(Sender::by_credential(Self::NAME, Arc::clone(name)))),
            None if secrets == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::CredentialMismatch { secrets }),
        }
    }

    fn strip<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        let (start, rest) = value.split_at_checked(self.prefix.len())?;
        let prefix = self.prefix.as_bytes();
        let same =
            if self.header == AUTHORIZATION { start.eq_ignore_ascii_case(prefix) } else { start == prefix };
        same.then_some(rest)
    }
}
