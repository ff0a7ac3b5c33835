//! What is found, and what it is found from.

use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::scheme::Schemes;
use crate::verify::error::VerifyError;
use crate::verify::verifier::Verifier;
use http::HeaderName;

/// A mistake that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its stable name, snake_case.
    pub code: &'static str,
    /// What is wrong, one sentence. Never holds a secret or a signature.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Finding {
    /// A mistake.
    pub fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding { code, message: message.into(), help: help.into() }
    }
}

/// A request that was refused, and what else may throw light on it.
#[derive(Clone, Copy)]
pub struct Evidence<'e> {
    /// The head.
    pub head: &'e Head,
    /// The body, where it was received.
    pub body: Option<&'e Body>,
    /// When it came.
    pub now: UnixTime,
    /// The other sources of the policy.
    pub others: &'e [Other<'e>],
    /// The senders that are known.
    pub known: &'e [Known<'e>],
    /// The headers in which known senders sign, and their ids.
    pub headers: &'e [(HeaderName, &'e str)],
}

/// Another source.
#[derive(Clone, Copy)]
pub struct Other<'e> {
    /// Its name.
    pub name: &'e str,
    /// What it checks.
    pub verifier: &'e Verifier,
}

/// A known sender.
#[derive(Clone, Copy)]
pub struct Known<'e> {
    /// Its id.
    pub id: &'e str,
    /// How it signs.
    pub schemes: &'e Schemes,
}

impl Verifier {
    /// The mistakes that fit a request which was refused with `error`, the most likely first; never empty.
    pub fn explain(&self, error: &VerifyError, evidence: &Evidence<'_>) -> Vec<Finding> {
        let mut findings = match self.signature_verifier() {
            Some(verifier) => super::signature::explain(verifier, error, evidence),
            None => super::credential::explain(self, error, evidence),
        };
        findings.dedup_by(|later, earlier| later.code == earlier.code);
        if findings.is_empty() {
            findings.push(of_error(error));
        }
        findings
    }

    /// The signature that a request should have had, as it stands in its place; for those who may see it.
    pub fn expected(&self, head: &Head, body: &Body) -> Option<String> {
        super::signature::expected(self.signature_verifier()?, head, body)
    }

    /// The secrets as they were configured, those of the past included.
    pub(super) fn given(&self) -> Vec<Secret> {
        match self.signature_verifier() {
            Some(verifier) => {
                let cases = verifier.cases.first().into_iter();
                cases
                    .flat_map(|case| case.ring.every())
                    .flat_map(|keys| keys.every())
                    .map(|key| key.ready.given.clone())
                    .collect()
            }
            None => self.credential_secrets(),
        }
    }
}

/// What the error itself says, where no known mistake fits.
pub fn of_error(error: &VerifyError) -> Finding {
    let help = match error {
        VerifyError::SignatureMismatch { .. } => {
            "none of the known mistakes fits: the secret is another one than the sender's (test and live mode, and each endpoint, have their own), or the body was changed on the way"
        }
        VerifyError::CredentialMismatch { .. } => {
            "compare the secret with the one at the sender, character by character"
        }
        VerifyError::SignatureMissing { .. } | VerifyError::CredentialMissing { .. } => {
            "the sender did not sign: switch signing on at the sender, or look whether something on the way removes the header"
        }
        VerifyError::FieldMissing { .. } => {
            "look whether something on the way removes it, or whether the provider is the right one"
        }
        VerifyError::TimestampTooOld { .. }
        | VerifyError::TokenExpired { .. }
        | VerifyError::TokenTooOld { .. } => {
            "the request was held up or sent again, or a clock is wrong: compare `date` on both sides"
        }
        VerifyError::TimestampInFuture { .. } | VerifyError::TokenNotYetValid { .. } => {
            "a clock is wrong: compare `date` on both sides"
        }
        VerifyError::NoLiveSecret => "set a new secret, or a later `until`",
        VerifyError::KeyUnknown => {
            "the issuer does not publish this key (yet), or the token is of another issuer"
        }
        VerifyError::KeysUnavailable { .. } | VerifyError::KeysCoolingDown => {
            "ask the key server: `bonafide keys list` says how its last fetch ended"
        }
        VerifyError::AudienceMismatch | VerifyError::IssuerMismatch => {
            "compare the claim with the policy, character by character"
        }
        VerifyError::SecretUnknown { .. } => "add a secret for this value, or correct `by`",
        _ => "see docs/signature-does-not-match.md",
    };
    Finding::new(error.reason().code(), error.to_string(), help)
}
