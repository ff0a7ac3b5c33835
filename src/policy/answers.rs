//! What a sender is told instead of one of our own answers.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

/// The statuses of our answers behind a route; others never reach a sender of a source.
pub const ANSWER_STATUSES: [u16; 11] = [200, 401, 403, 405, 408, 409, 413, 429, 502, 503, 504];

/// What a source says instead of some of our answers. It changes the words, never the verdict: what was refused is
/// told a 4xx or 5xx, and nothing of it is forwarded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(pub Vec<Substitute>);

/// What is said instead of one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitute {
    /// Our status.
    pub ours: StatusCode,
    /// The one that is sent: of the same kind, refusal or acknowledgement.
    pub status: StatusCode,
    /// The body that is sent; nothing: ours.
    pub content: Option<AnswerContent>,
}

/// A body that the operator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerContent {
    /// `Content-Type`; nothing where the body is empty.
    pub media_type: Option<HeaderValue>,
    /// At most [`MAX_ANSWER`](crate::base::limits::MAX_ANSWER) bytes.
    pub body: Bytes,
}

impl Answers {
    /// What is said instead of `status`.
    pub fn instead_of(&self, status: StatusCode) -> Option<&Substitute> {
        self.0.iter().find(|substitute| substitute.ours == status)
    }
}
