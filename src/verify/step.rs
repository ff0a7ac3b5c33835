//! What verification needs next.

use super::error::VerifyError;
use super::http_signature::{AwaitingHttpKey, PendingHttpBody};
use super::jwt::{AwaitingKey, JwtVerifier, KeySet, PendingBody};
use super::proof::Proof;
use super::signature::{AwaitingKeys, Pending, Whole};
use super::token::BodyToken;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};

/// The next step of a verification.
#[derive(Debug)]
pub enum Step<'v> {
    /// A key must be found.
    Key(AwaitKey<'v>),
    /// The body must be read and fed.
    Body(AwaitBody<'v>),
    /// Nothing more: the sender is proved.
    Done(Proof),
}

/// A verification that waits for a key. In boxes, so that futures stay small.
#[derive(Debug)]
pub struct AwaitKey<'v>(WaitingKey<'v>);

#[derive(Debug)]
enum WaitingKey<'v> {
    Token(Box<AwaitingKey<'v>>),
    Signature(Box<AwaitingKeys<'v>>),
    HttpSignature(Box<AwaitingHttpKey<'v>>),
}

impl<'v> AwaitKey<'v> {
    pub(super) fn new(waiting: AwaitingKey<'v>) -> AwaitKey<'v> {
        AwaitKey(WaitingKey::Token(Box::new(waiting)))
    }

    pub(super) fn for_signature(waiting: AwaitingKeys<'v>) -> AwaitKey<'v> {
        AwaitKey(WaitingKey::Signature(Box::new(waiting)))
    }

    pub(super) fn for_http_signature(waiting: AwaitingHttpKey<'v>) -> AwaitKey<'v> {
        AwaitKey(WaitingKey::HttpSignature(Box::new(waiting)))
    }

    /// The name of the key, of the form that the source's rule for `kid` allows.
    pub fn kid(&self) -> &str {
        match &self.0 {
            WaitingKey::Token(waiting) => waiting.kid(),
            WaitingKey::Signature(waiting) => &waiting.kid,
            WaitingKey::HttpSignature(waiting) => waiting.kid(),
        }
    }

    /// Goes on with what was found; an empty set says that there is no such key. `now` counts again.
    ///
    /// # Errors
    /// No key, a key for something else, a wrong signature, or what the token says.
    pub fn key(self, keys: &KeySet, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        match self.0 {
            WaitingKey::Token(waiting) => waiting.with_keys(keys, now),
            WaitingKey::Signature(waiting) => waiting.with_keys(keys),
            WaitingKey::HttpSignature(waiting) => waiting.with_keys(keys, now),
        }
    }
}

/// A verification that waits for the body. In boxes, so that futures stay small.
#[derive(Debug)]
pub struct AwaitBody<'v>(Waiting<'v>);

#[derive(Debug)]
enum Waiting<'v> {
    Signature(Box<Pending<'v>>),
    /// A signature that needs the whole body.
    Whole(Whole<'v>),
    /// A static token that stands in the body.
    StaticToken(BodyToken<'v>),
    /// A proved token; the body is compared with its digest.
    Digest(Box<PendingBody>),
    /// The token stands in the body.
    Token(&'v JwtVerifier),
    /// A proved HTTP message signature; the body is compared with its digest.
    HttpSignature(Box<PendingHttpBody>),
}

impl<'v> AwaitBody<'v> {
    pub(super) fn new(pending: Pending<'v>) -> AwaitBody<'v> {
        AwaitBody(Waiting::Signature(Box::new(pending)))
    }

    pub(super) fn for_whole(whole: Whole<'v>) -> AwaitBody<'v> {
        AwaitBody(Waiting::Whole(whole))
    }

    pub(super) fn for_static_token(token: BodyToken<'v>) -> AwaitBody<'v> {
        AwaitBody(Waiting::StaticToken(token))
    }

    pub(super) fn for_digest(pending: PendingBody) -> AwaitBody<'v> {
        AwaitBody(Waiting::Digest(Box::new(pending)))
    }

    pub(super) fn for_token(verifier: &'v JwtVerifier) -> AwaitBody<'v> {
        AwaitBody(Waiting::Token(verifier))
    }

    pub(super) fn for_http_signature(pending: PendingHttpBody) -> AwaitBody<'v> {
        AwaitBody(Waiting::HttpSignature(Box::new(pending)))
    }

    /// Feeds the next bytes of the body, in order, each once.
    pub fn chunk(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Waiting::Signature(pending) => pending.chunk(bytes),
            Waiting::Digest(pending) => pending.chunk(bytes),
            Waiting::HttpSignature(pending) => pending.chunk(bytes),
            Waiting::Token(_) | Waiting::Whole(_) | Waiting::StaticToken(_) => {}
        }
    }

    /// Ends the body. `head` is the one that was given to `start`; `body` holds all that was fed. `now`
    /// counts again, so that a body sent slowly cannot outlive its timestamp.
    ///
    /// # Errors
    /// When no signature matches, or the message is too old by now.
    pub fn end(self, head: &Head, body: &Body, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        match self.0 {
            Waiting::Signature(pending) => pending.end(head, body, now).map(Step::Done),
            Waiting::Whole(whole) => whole.end(head, body, now),
            Waiting::StaticToken(token) => token.end(head, body, now).map(Step::Done),
            Waiting::Digest(pending) => pending.end(body, now).map(Step::Done),
            Waiting::HttpSignature(pending) => pending.end(body, now).map(Step::Done),
            Waiting::Token(verifier) => verifier.in_body(head, body, now),
        }
    }
}
