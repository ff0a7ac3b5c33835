//! HTTP Basic (RFC 7617): who sent it, nothing of what was sent.

use super::error::VerifyError;
use super::proof::{Proof, Sender};
use super::setup::{Keys, NamedSecret, SetupFlaw};
use super::token::Fingerprint;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::Head;
use crate::http::headers::single;
use crate::scheme::SecretFlaw;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use std::sync::Arc;

/// The table `[source.basic]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicDefinition {
    /// The user name; the secrets are the passwords.
    pub username: String,
}

/// `Authorization: Basic` compared with a user name and passwords.
#[derive(Debug)]
pub(super) struct BasicVerifier {
    pub(super) username: String,
    user: Fingerprint,
    label: Arc<str>,
    pub(super) keys: Keys<(Fingerprint, Secret)>,
}

impl BasicVerifier {
    /// The name of this kind of proof.
    pub const NAME: &'static str = "basic";

    /// Takes the passwords.
    pub fn new(definition: BasicDefinition, secrets: Vec<NamedSecret>) -> Result<BasicVerifier, SetupFlaw> {
        let BasicDefinition { username } = definition;
        if username.contains(':') {
            return Err(SetupFlaw::UserNameHasColon);
        }
        let keys = Keys::prepare(secrets, |secret| match secret.expose() {
            [] => Err(SecretFlaw::Empty),
            password => Ok((Fingerprint::new(password), secret.clone())),
        })?;
        let user = Fingerprint::new(username.as_bytes());
        Ok(BasicVerifier { username, user, label: "header Authorization".into(), keys })
    }

    /// Compares user name and every live password, always both.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Proof, VerifyError> {
        let field = || Arc::clone(&self.label);
        let value = single(&head.headers, &AUTHORIZATION);
        let value = value.map_err(|_| VerifyError::FieldRepeated { field: field() })?;
        let value = value.ok_or_else(|| VerifyError::CredentialMissing { field: field() })?;
        let (user, password) =
            parse(value).ok_or_else(|| VerifyError::CredentialMalformed { field: field() })?;
        let right_user = self.user.matches(&user);
        let (mut matched, mut secrets) = (None, 0);
        for key in self.keys.live(now) {
            secrets += 1;
            let hit = bool::from(key.ready.0.matches(&password) & right_user);
            matched = if hit { matched.or(Some(&key.name)) } else { matched };
        }
        match matched {
            Some(name) => Ok(Proof::new(Sender::by_credential(Self::NAME, Arc::clone(name)))),
            None if secrets == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::CredentialMismatch { secrets }),
        }
    }
}

/// Fingerprints of user and password: the scheme in any case, one space, padded base64, the first colon.
fn parse(value: &[u8]) -> Option<(Fingerprint, Fingerprint)> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let pair = Secret::new(STANDARD.decode(encoded).ok()?);
    let pair = pair.expose();
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let (user, password) = pair.split_at_checked(colon)?;
    Some((Fingerprint::new(user), Fingerprint::new(password.get(1..)?)))
}
