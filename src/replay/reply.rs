//! What the upstream answered to a delivery, for senders that read it: a copy gets the same again.

use super::memory::{Memory, Spot};
use super::room::Room;
use super::shard::Claim;
use crate::base::limits::{MAX_REPLY, MAX_REPLY_FIELDS, REPLY_TIME};
use crate::base::time::Stopwatch;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::fmt;
use std::sync::Arc;

/// What a reply costs beside its text, bytes; a little more than it is.
const OVERHEAD: usize = 320;

/// The upstream's reply to a delivery, as far as it is remembered.
pub struct Reply {
    /// Its status, a 2xx.
    pub status: StatusCode,
    /// Content-Type, and Content-Encoding, without which the body is not what it was.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// Its whole body; empty where there is a flaw.
    pub body: Bytes,
    /// Why the body is not remembered.
    pub flaw: Option<ReplyFlaw>,
    share: Share,
}

/// Why the body of a reply is not remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyFlaw {
    /// More than [`MAX_REPLY`] bytes, or fields of more than [`MAX_REPLY_FIELDS`].
    TooLarge,
    /// The upstream broke it off.
    BrokenOff,
    /// It took longer than [`REPLY_TIME`].
    TooSlow,
    /// All replies together take as much room as they may.
    NoRoom,
}

impl fmt::Display for ReplyFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplyFlaw::TooLarge => {
                write!(out, "the reply has more than {MAX_REPLY} bytes and is not remembered")
            }
            ReplyFlaw::BrokenOff => out.write_str("the reply was broken off and is not remembered"),
            ReplyFlaw::TooSlow => {
                write!(out, "the reply took more than {} s and is not remembered", REPLY_TIME.as_secs())
            }
            ReplyFlaw::NoRoom => out.write_str("there is no room to remember the reply"),
        }
    }
}

impl fmt::Debug for Reply {
    /// Without the body.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reply({}, {} bytes, {:?})", self.status.as_u16(), self.body.len(), self.flaw)
    }
}

/// Room that a reply takes, given back when dropped.
struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> bool {
        let fits = self.room.take(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

/// A reply that is written down while it passes. The delivery is remembered already; dropped before the end,
/// the body counts as broken off.
pub struct Transcript {
    writing: Option<Writing>,
    flaw: Option<ReplyFlaw>,
}

struct Writing {
    memory: Arc<Memory>,
    spot: Spot,
    claim: Claim,
    reply: Reply,
    body: Vec<u8>,
    watch: Stopwatch,
}

impl Reply {
    /// What the head says of it. Nothing where there is no room even for that.
    pub(super) fn begin(room: &Arc<Room>, status: StatusCode, headers: &HeaderMap) -> Option<Reply> {
        let mut share = Share { room: room.clone(), bytes: 0 };
        let fields = fields(headers);
        let flaw = fields.is_none().then_some(ReplyFlaw::TooLarge);
        let fields = fields.unwrap_or_default();
        let length: usize = fields.iter().map(|(_, value)| value.len()).sum();
        share.grow(OVERHEAD + length).then(|| Reply { status, fields, body: Bytes::new(), flaw, share })
    }
}

impl Transcript {
    /// The delivery of `claim` is remembered, and waits for its reply.
    pub(super) fn begin(memory: Arc<Memory>, spot: Spot, claim: Claim, reply: Reply) -> Transcript {
        let flaw = reply.flaw;
        let writing = Writing { memory, spot, claim, reply, body: Vec::new(), watch: Stopwatch::start() };
        let mut transcript = Transcript { writing: Some(writing), flaw };
        if flaw.is_some() {
            transcript.close(flaw);
        }
        transcript
    }

    /// A transcript of which nothing is kept.
    pub(super) fn without_room() -> Transcript {
        Transcript { writing: None, flaw: Some(ReplyFlaw::NoRoom) }
    }

    /// The next piece of the body, as it came from the upstream.
    pub fn add(&mut self, piece: &[u8]) {
        let Some(writing) = &mut self.writing else { return };
        if writing.body.len() + piece.len() > MAX_REPLY {
            self.close(Some(ReplyFlaw::TooLarge));
        } else if writing.watch.elapsed() > REPLY_TIME {
            self.close(Some(ReplyFlaw::TooSlow));
        } else if !writing.reply.share.grow(piece.len()) {
            self.close(Some(ReplyFlaw::NoRoom));
        } else {
            writing.body.extend_from_slice(piece);
        }
    }

    /// The body is whole. From now on a copy gets it.
    pub fn end(&mut self) {
        self.close(None);
    }

    /// The rest of the body will not come.
    pub fn break_off(&mut self) {
        self.close(Some(ReplyFlaw::BrokenOff));
    }

    /// Whether the body is still on its way, and may be remembered.
    pub fn is_open(&self) -> bool {
        self.writing.is_some()
    }

    /// Why the body is not remembered.
    pub fn flaw(&self) -> Option<ReplyFlaw> {
        self.flaw
    }

    fn close(&mut self, flaw: Option<ReplyFlaw>) {
        let Some(Writing { memory, spot, claim, mut reply, body, .. }) = self.writing.take() else { return };
        self.flaw = flaw;
        reply.flaw = flaw;
        if flaw.is_none() {
            reply.body = Bytes::from(body.into_boxed_slice());
        }
        memory.answered(spot, claim, Arc::new(reply));
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.break_off();
    }
}

impl fmt::Debug for Transcript {
    /// Without what identifies the message, and without the body.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Transcript(..)")
    }
}

/// What says how to read the body, copied: a part of the head would keep the upstream's whole read buffer. Nothing
/// where it is too long.
fn fields(headers: &HeaderMap) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let names = [CONTENT_TYPE, CONTENT_ENCODING];
    let found = || names.iter().flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)));
    let length: usize = found().map(|(_, value)| value.len()).sum();
    let copied = |(name, value): (&HeaderName, &HeaderValue)| {
        HeaderValue::from_bytes(value.as_bytes()).ok().map(|value| (name.clone(), value))
    };
    (length <= MAX_REPLY_FIELDS).then(|| found().filter_map(copied).collect())
}
