//! Every quantity a stranger can multiply, by name.
//!
//! What an operator may change stands in `[server.limits]` and `[server.timeouts]`; these are the
//! defaults and the bounds that are not configurable.

use std::time::Duration;

/// Bytes of one KiB.
pub const KIB: u64 = 1024;
/// Bytes of one MiB.
pub const MIB: u64 = 1024 * KIB;

/// Values in one header that hold a signature (`many` may lower it).
pub const MAX_SIGNATURES: usize = 10;
/// Longest text of a signature with a private key, bytes: RSA with 8192 bits in hex.
pub const MAX_SIGNATURE_TEXT: usize = 2048;
/// Most times that a public key is tried on one request: keys, texts and signatures multiplied.
pub const MAX_KEY_TRIALS: usize = 32;
/// Longest `Signature-Input`, `Signature` or `Content-Digest`, all lines together, bytes.
pub const MAX_SIGNATURE_FIELD: usize = 8 * KIB as usize;
/// Components that one HTTP message signature covers.
pub const MAX_COMPONENTS: usize = 64;
/// Elements looked at in one list field before the field counts as malformed.
pub const MAX_LIST_ELEMENTS: usize = 100;
/// Fields of one form, parameters of one query.
pub const MAX_FORM_FIELDS: usize = 1000;
/// Elements of an array that are each signed.
pub const MAX_ITEMS: usize = 100;
/// Secrets among which a field of the request chooses.
pub const MAX_CHOICES: usize = 10_000;
/// Largest answer to a handshake, bytes.
pub const MAX_HANDSHAKE_REPLY: usize = 4 * KIB as usize;
/// Largest body that is read for the sake of a handshake which its sender does not sign, bytes.
pub const MAX_HANDSHAKE_BODY: u64 = 16 * KIB;
/// Longest event id that is kept, in bytes.
pub const MAX_EVENT_ID: usize = 256;
/// Secrets of one source.
pub const MAX_SECRETS: usize = 10;
/// Longest token in a header, bytes.
pub const MAX_TOKEN: usize = 8 * KIB as usize;
/// Longest `kid`, bytes.
pub const MAX_KID: usize = 256;
/// Most keys of one key set.
pub const MAX_KEYS: usize = 100;
/// Largest answer of a key server, bytes.
pub const MAX_KEY_DOCUMENT: usize = 256 * KIB as usize;
/// Keys that are kept of a source that asks for each `kid`.
pub const MAX_CACHED_KEYS: u64 = 1000;
/// Unknown `kid`s that are remembered as such, per source.
pub const MAX_UNKNOWN_KIDS: u64 = 10_000;
/// Keys of one source that are asked for at one time.
pub const MAX_KEY_FETCHES: usize = 4;
/// A refusal reads at most this much of an unread body, so that the client, which may only listen when it has
/// sent everything, gets the answer instead of a reset connection.
pub const DRAIN_BYTES: u64 = MIB;
/// ... and for at most this long.
pub const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Largest body that the policy puts in the place of one of our answers, bytes.
pub const MAX_ANSWER: usize = KIB as usize;
/// Largest body of an upstream's reply that is remembered for copies of its delivery, bytes.
pub const MAX_REPLY: usize = 4 * KIB as usize;
/// Longest Content-Type and Content-Encoding together of a reply that is remembered, bytes.
pub const MAX_REPLY_FIELDS: usize = 512;
/// Bytes of all replies that are remembered, what each costs beside its text included.
pub const HELD_REPLIES: usize = 64 * MIB as usize;
/// How long a reply may take behind its head to be remembered.
pub const REPLY_TIME: Duration = Duration::from_secs(30);
/// Most refused requests that are kept for the operator.
pub const MAX_CAPTURES: usize = 1000;
/// Bytes that all of them take; the oldest goes for the newest.
pub const CAPTURE_BYTES: usize = 64 * MIB as usize;
/// Body chunks below this size are copied together; larger ones are kept as they came.
pub const SMALL_CHUNK: usize = 2048;

/// `[server.limits]`: sizes in bytes, counts as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request target (path and query), bytes. Over it: 414.
    pub target: usize,
    /// Largest request head (start line and header fields), bytes. Over it: 431.
    pub head: usize,
    /// Most header fields. Over it: 431.
    pub header_count: usize,
    /// Largest request body where the source sets no `max_body`, bytes. Over it: 413.
    pub body: u64,
    /// Bytes of request bodies held in memory by all requests together. Over it: 503.
    pub held_bytes: u64,
    /// Open connections of all listeners. Over it: closed at once.
    pub connections: usize,
    /// Concurrent streams of one HTTP/2 connection.
    pub http2_streams: u32,
    /// Idle upstream connections kept open by each worker, per upstream.
    pub upstream_idle: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            target: 8 * KIB as usize,
            head: 32 * KIB as usize,
            header_count: 100,
            body: MIB,
            held_bytes: 256 * MIB,
            connections: 8192,
            http2_streams: 100,
            upstream_idle: 256,
        }
    }
}

/// `[server.timeouts]`: how long each phase may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TLS handshake, from accept.
    pub handshake: Duration,
    /// From accept, or the end of the previous answer, to a complete request head; so it also ends
    /// idle keep-alive connections.
    pub head: Duration,
    /// Longest pause between two pieces of a request body. Over it: 408.
    pub body_idle: Duration,
    /// A whole request body. Over it: 408.
    pub body: Duration,
    /// Slowest request body after its first `body_idle`, bytes a second. Below it: 408.
    pub body_min_rate: u64,
    /// A client that takes no byte of its answer for this long is disconnected.
    pub write: Duration,
    /// Connecting to the upstream, TLS included. Over it: 504.
    pub connect: Duration,
    /// From the request sent to the head of the upstream's response. Over it: 504.
    pub response: Duration,
    /// Longest pause inside the upstream's response body.
    pub response_idle: Duration,
    /// An idle upstream connection is closed after this long.
    pub upstream_idle: Duration,
    /// On SIGTERM: how long requests in flight may take to finish.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts {
            handshake: seconds(10),
            head: seconds(30),
            body_idle: seconds(10),
            body: seconds(60),
            body_min_rate: 256,
            write: seconds(30),
            connect: seconds(5),
            response: seconds(30),
            response_idle: seconds(60),
            upstream_idle: seconds(30),
            drain: seconds(30),
        }
    }
}
