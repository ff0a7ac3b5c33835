//! A signature on its way to a proof: what its key settles, and what the body settles.

use super::algorithm::HttpAlgorithm;
use super::coverage::missing;
use super::digest::{Promise, Running};
use super::times::Times;
use super::verifier::HttpSignatureVerifier;
use crate::base::time::UnixTime;
use crate::http::Body;
use crate::verify::error::VerifyError;
use crate::verify::jwt::{Algorithm, KeySet};
use crate::verify::proof::{Mark, Proof, Sender};
use crate::verify::setup::Remember;
use crate::verify::step::{AwaitBody, Step};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// A signature whose head is settled; its key decides.
#[derive(Debug)]
pub(crate) struct AwaitingHttpKey<'v> {
    pub(super) verifier: &'v HttpSignatureVerifier,
    pub(super) algorithms: Vec<HttpAlgorithm>,
    pub(super) base: String,
    pub(super) signature: Vec<u8>,
    pub(super) keyid: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) times: Times,
    pub(super) promise: Option<Promise>,
}

impl<'v> AwaitingHttpKey<'v> {
    /// The name of the key that is needed.
    pub fn kid(&self) -> &str {
        self.keyid.as_deref().unwrap_or_default()
    }

    /// Checks the signature with the keys of its `keyid`.
    pub fn with_keys(self, keys: &KeySet, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        // Waiting for keys takes time, too.
        self.times.check(now)?;
        let jose: Vec<Algorithm> = self.algorithms.iter().map(|algorithm| algorithm.jose()).collect();
        let members = &self.verifier.definition.key_members;
        let key = keys.prove(self.keyid.as_deref(), &jose, members, self.base.as_bytes(), &self.signature)?;
        self.settle(key)
    }

    /// Compares with the MAC under every live secret, without early exit.
    pub(super) fn with_secrets(self, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        let (mut matched, mut secrets) = (None, 0);
        for key in self.verifier.secrets.live(now) {
            secrets += 1;
            let mut mac = key.ready.clone();
            mac.update(self.base.as_bytes());
            let hit = bool::from(mac.finish().as_bytes().ct_eq(&self.signature));
            matched = if hit { matched.or(Some(&key.name)) } else { matched };
        }
        match matched {
            Some(name) => {
                let name = Arc::clone(name);
                self.settle(name)
            }
            None if secrets == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::SignatureMismatch { signatures: 1, secrets }),
        }
    }

    /// The sender is proved; what is left is the body.
    fn settle(self, key: Arc<str>) -> Result<Step<'v>, VerifyError> {
        let AwaitingHttpKey { verifier, base, nonce, times, promise, .. } = self;
        let mark = (verifier.remember != Remember::Nothing).then(|| match &nonce {
            Some(nonce) if verifier.remember != Remember::Message => {
                Mark::of_event(&[key.as_bytes(), nonce.as_bytes()])
            }
            // Not the signature: of an ECDSA signature anybody can make a second one.
            _ => Mark::of_message(&[base.as_bytes()]),
        });
        let sender = Sender {
            scheme: HttpSignatureVerifier::NAME,
            key,
            event_id: None,
            timestamp: times.created(),
            valid_until: times.valid_until(),
            mark: None,
        };
        let digest = Running::new(promise);
        if !digest.is_bound() && mark.is_none() && !verifier.definition.binds_body() {
            return Ok(Step::Done(Proof::new(sender)));
        }
        let must_bind = verifier.definition.binds_body();
        let pending = PendingHttpBody { sender, mark, times, digest, must_bind };
        Ok(Step::Body(AwaitBody::for_http_signature(pending)))
    }
}

/// A proved signature whose body is on its way.
#[derive(Debug)]
pub(crate) struct PendingHttpBody {
    sender: Sender,
    mark: Option<Mark>,
    times: Times,
    digest: Running,
    /// Whether a body without signed digest is refused.
    must_bind: bool,
}

impl PendingHttpBody {
    /// Feeds the next bytes of the body.
    pub fn chunk(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Compares the body with what was signed of it.
    pub fn end(self, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
        self.times.check(now)?;
        if self.must_bind && !self.digest.is_bound() && !body.is_empty() {
            return Err(missing("\"content-digest\""));
        }
        let digest = self.digest.finish()?;
        let mark = self.mark.map(|mark| mark.with_body(&digest));
        Ok(Proof::new(Sender { mark, ..self.sender }))
    }
}
