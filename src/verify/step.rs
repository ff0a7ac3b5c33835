//! What verification needs next.

use super::error::VerifyError;
use super::proof::Proof;
use super::signature::Pending;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};

/// The next step of a verification.
#[derive(Debug)]
pub enum Step<'v> {
    /// The body must be read and fed.
    Body(AwaitBody<'v>),
    /// Nothing more: the sender is proved.
    Done(Proof),
}

/// A verification that waits for the body. One pointer wide, so that futures stay small.
#[derive(Debug)]
pub struct AwaitBody<'v>(Box<Pending<'v>>);

impl<'v> AwaitBody<'v> {
    pub(super) fn new(pending: Pending<'v>) -> AwaitBody<'v> {
        AwaitBody(Box::new(pending))
    }

    /// Feeds the next bytes of the body, in order, each once.
    pub fn chunk(&mut self, bytes: &[u8]) {
        self.0.chunk(bytes);
    }

    /// Ends the body. `head` is the one that was given to `start`; `body` holds all that was fed. `now`
    /// counts again, so that a body sent slowly cannot outlive its timestamp.
    ///
    /// # Errors
    /// When no signature matches, or the message is too old by now.
    pub fn end(self, head: &Head, body: &Body, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        self.0.end(head, body, now).map(Step::Done)
    }
}
