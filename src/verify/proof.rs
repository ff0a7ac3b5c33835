//! What a successful verification leaves behind.

use super::error::VerifyError;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
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
}

impl Sender {
    /// A sender proved by a static credential, which says nothing of the message.
    pub(super) fn by_credential(scheme: &'static str, key: Arc<str>) -> Sender {
        Sender { scheme, key, event_id: None, timestamp: None, valid_until: None }
    }

    /// The kind of proof: `signature`, `token` or `basic`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The name of the secret that matched.
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
}

/// The sender's name of an event: 1 to [`crate::base::limits::MAX_EVENT_ID`] visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventId {
    /// The id.
    pub value: String,
    /// Whether the signature covers it.
    pub signed: bool,
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
