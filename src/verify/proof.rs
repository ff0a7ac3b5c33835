//! What a successful verification leaves behind.

use super::error::VerifyError;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A finished verification. Only this room makes one.
#[derive(Debug)]
pub struct Proof {
    sender: Sender,
}

impl Proof {
    pub(super) fn new(sender: Sender) -> Proof {
        Proof { sender }
    }

    /// Who was proved.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Joins the proof with the request that it is about.
    pub fn seal(self, head: Head, body: Body) -> Verified {
        Verified { head, body, sender: self.sender }
    }
}

/// A request whose sender is proved.
#[derive(Debug)]
pub struct Verified {
    head: Head,
    body: Body,
    sender: Sender,
}

impl Verified {
    /// Who sent it.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Gives the request away, to be forwarded.
    pub fn into_parts(self) -> (Head, Body, Sender) {
        (self.head, self.body, self.sender)
    }
}

/// Who was proved, and what the proof says of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    pub(super) scheme: &'static str,
    pub(super) key: Arc<str>,
    pub(super) event_id: Option<EventId>,
    pub(super) timestamp: Option<UnixTime>,
    pub(super) valid_until: Option<UnixTime>,
    pub(super) mark: Option<Mark>,
}

impl Sender {
    /// A sender proved by a static credential, which says nothing of the message.
    pub(super) fn by_credential(scheme: &'static str, key: Arc<str>) -> Sender {
        Sender { scheme, key, event_id: None, timestamp: None, valid_until: None, mark: None }
    }

    /// The kind of proof: `signature`, `jwt`, `swt`, `http_signature`, `token` or `basic`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The name of the secret that matched, or the `kid` of the key.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The sender's name of the event.
    pub fn event_id(&self) -> Option<&EventId> {
        self.event_id.as_ref()
    }

    /// When the sender signed; only if the signature covers it.
    pub fn timestamp(&self) -> Option<UnixTime> {
        self.timestamp
    }

    /// The last second at which the message is accepted; `None`: it never expires.
    pub fn valid_until(&self) -> Option<UnixTime> {
        self.valid_until
    }

    /// What the message is remembered by, where the source remembers what was delivered.
    pub fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }
}

/// The sender's name of an event: 1 to [`crate::base::limits::MAX_EVENT_ID`] visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The id.
    pub value: String,
    /// Whether the signature covers it.
    pub signed: bool,
}

/// What a message is remembered by: its event, and the body that the event came with. Both are SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    event: [u8; 32],
    body: [u8; 32],
}

impl Mark {
    /// The mark of an event that the sender names; the parts make the name together. Its body comes later.
    pub(super) fn of_event(name: &[&[u8]]) -> Mark {
        Mark { event: framed(b"event", name), body: [0; 32] }
    }

    /// The mark of a message that has no name: all that was signed.
    pub(super) fn of_message(parts: &[&[u8]]) -> Mark {
        Mark { event: framed(b"message", parts), body: [0; 32] }
    }

    /// The mark of a request whose proof says nothing of it: its body.
    pub fn of_body(body: &Body) -> Mark {
        let mut digest = Sha256::new();
        body.chunks().iter().for_each(|piece| digest.update(piece));
        let digest: [u8; 32] = digest.finalize().into();
        Mark { event: framed(b"body", &[&digest]), body: digest }
    }

    /// With the digest of the body, of which the first 32 bytes count.
    pub(super) fn with_body(mut self, digest: &[u8]) -> Mark {
        for (to, from) in self.body.iter_mut().zip(digest) {
            *to = *from;
        }
        self
    }

    /// What is equal for two copies of one delivery, and for a sender's retry of it.
    pub fn event(&self) -> &[u8; 32] {
        &self.event
    }

    /// What is equal for two messages with the same body.
    pub fn body(&self) -> &[u8; 32] {
        &self.body
    }
}

/// A digest of the parts that no other parts have.
fn framed(kind: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [kind].iter().chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// A timestamp of a message and how far it may lie from now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub at: UnixTime,
    /// Seconds, both ways, inclusive.
    pub tolerance: i64,
    pub signed: bool,
}

impl Moment {
    /// Refuses a moment outside the tolerance.
    pub fn check(self, now: UnixTime) -> Result<(), VerifyError> {
        let (age, tolerance) = (now.since(self.at), self.tolerance);
        if age > tolerance {
            return Err(VerifyError::TimestampTooOld { age, tolerance });
        }
        if age < -tolerance {
            return Err(VerifyError::TimestampInFuture { ahead: age.saturating_neg(), tolerance });
        }
        Ok(())
    }

    /// The last second at which [`Moment::check`] passes.
    pub fn valid_until(self) -> UnixTime {
        UnixTime(self.at.0.saturating_add(self.tolerance))
    }
}
