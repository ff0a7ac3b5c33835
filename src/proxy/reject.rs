//! The one type that refusals are made of, and the one place where they get their reason code.

use super::body::BodyError;
use super::guard::ReplayError;
use super::upstream::ForwardError;
use crate::base::names::{Blame, Reason, Verdict};
use crate::http::gate::GateError;
use crate::policy::OnDuplicate;
use crate::replay::Reply;
use crate::scheme;
use crate::verify::VerifyError;
use http::HeaderValue;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a request is answered by Bonafide and not by the upstream.
#[derive(Debug)]
pub enum Rejection {
    /// Malformed or ambiguous HTTP.
    Gate(GateError),
    /// No source has this host and path.
    NoRoute,
    /// The source does not take the method; its `Allow` value.
    Method(HeaderValue),
    /// The client's address may not send to the source.
    Address(IpAddr),
    /// The proof is missing or wrong; the scheme, for `WWW-Authenticate`.
    Verify(VerifyError, &'static str),
    /// A handshake of the sender, and the answer to it.
    Handshake(Box<scheme::Reply>),
    /// A handshake that asks for what cannot be answered; its name.
    HandshakeRefused(Arc<str>),
    /// It is proved, and not the first of its kind.
    Replay(ReplayError),
    /// The connection has too many requests in flight, those that it hung up on included; how many it may have.
    Busy(u32),
    /// The body could not be received.
    Body(BodyError),
    /// The upstream could not be reached or did not answer.
    Forward(ForwardError),
    /// A fault of ours.
    Internal,
}

impl Rejection {
    /// The reason code for logs and metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Rejection::Gate(error) => error.reason(),
            Rejection::NoRoute => Reason::NoRoute,
            Rejection::Method(_) => Reason::MethodNotAllowed,
            Rejection::Address(_) => Reason::AddressNotAllowed,
            Rejection::Verify(error, _) => error.reason(),
            Rejection::Handshake(_) => Reason::Handshake,
            Rejection::HandshakeRefused(_) => Reason::HandshakeRefused,
            Rejection::Replay(ReplayError::Duplicate(OnDuplicate::Accept) | ReplayError::Answered(_)) => {
                Reason::Duplicate
            }
            Rejection::Replay(ReplayError::Duplicate(OnDuplicate::Reject)) => Reason::DuplicateRejected,
            Rejection::Replay(ReplayError::Conflict) => Reason::EventConflict,
            Rejection::Replay(ReplayError::InFlight(_)) => Reason::DeliveryInFlight,
            Rejection::Replay(ReplayError::Full) => Reason::ReplayStoreFull,
            Rejection::Body(BodyError::TooLarge { .. }) => Reason::BodyTooLarge,
            Rejection::Body(BodyError::Timeout { .. }) => Reason::BodyTimeout,
            Rejection::Body(BodyError::TooSlow { .. }) => Reason::BodyTooSlow,
            Rejection::Body(BodyError::Broken { .. }) => Reason::BodyBroken,
            Rejection::Body(BodyError::OverCapacity) | Rejection::Busy(_) => Reason::OverCapacity,
            Rejection::Forward(ForwardError::Unreachable(_)) => Reason::UpstreamUnreachable,
            Rejection::Forward(ForwardError::Broken(_)) => Reason::UpstreamBroken,
            Rejection::Forward(ForwardError::ConnectTimeout) => Reason::UpstreamConnectTimeout,
            Rejection::Forward(ForwardError::Timeout) => Reason::UpstreamTimeout,
            Rejection::Internal => Reason::Internal,
        }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        self.reason().blame()
    }

    /// The status that the client gets, unless it gets a reply that is remembered.
    pub fn status(&self) -> u16 {
        self.reason().status()
    }

    /// What explains the reason to the operator; never text from the peer.
    pub fn detail(&self) -> Option<String> {
        match self {
            Rejection::Gate(error) => Some(error.detail()).filter(|detail| !detail.is_empty()),
            Rejection::NoRoute | Rejection::Method(_) | Rejection::Internal => None,
            Rejection::Replay(ReplayError::InFlight(waited)) => {
                Some(format!("waited {} s", waited.as_secs()))
            }
            Rejection::Replay(ReplayError::Full) => Some("replay.max_entries is used up".to_owned()),
            Rejection::Replay(ReplayError::Answered(None)) => Some("its reply is not remembered".to_owned()),
            Rejection::Replay(ReplayError::Answered(Some(reply))) => reply.flaw.map(|flaw| flaw.to_string()),
            Rejection::Replay(ReplayError::Duplicate(_) | ReplayError::Conflict) => None,
            Rejection::Address(address) => Some(format!("{address} is not in allow_from")),
            Rejection::Verify(error, _) => Some(error.to_string()),
            Rejection::Handshake(reply) => Some(reply.name.to_string()),
            Rejection::HandshakeRefused(name) => Some(name.to_string()),
            Rejection::Busy(limit) => Some(format!("more than {limit} requests in flight on one connection")),
            Rejection::Body(error) => Some(body_detail(error)),
            Rejection::Forward(ForwardError::Unreachable(cause) | ForwardError::Broken(cause)) => {
                Some((*cause).to_owned())
            }
            Rejection::Forward(ForwardError::ConnectTimeout | ForwardError::Timeout) => None,
        }
    }

    /// What the log and the metrics say of the request as a whole.
    pub fn verdict(&self) -> Verdict {
        match self.reason() {
            Reason::Duplicate | Reason::DuplicateRejected => Verdict::Duplicate,
            Reason::Handshake => Verdict::Answered,
            Reason::BodyBroken => Verdict::Undecided,
            reason if reason.status() == 503 => Verdict::Undecided,
            _ => Verdict::Refused,
        }
    }

    /// The reply that the client gets again.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Rejection::Replay(ReplayError::Answered(reply)) => reply.as_deref(),
            _ => None,
        }
    }

    /// Whether an HTTP/1 connection ends with the answer: after it, nobody knows where a request begins.
    pub fn closes(&self) -> bool {
        match self {
            Rejection::Gate(error) => error.closes(),
            Rejection::Body(BodyError::TooLarge { .. } | BodyError::OverCapacity) => false,
            Rejection::Body(_) => true,
            Rejection::NoRoute
            | Rejection::Method(_)
            | Rejection::Address(_)
            | Rejection::Busy(_)
            | Rejection::Verify(..)
            | Rejection::Handshake(_)
            | Rejection::HandshakeRefused(_)
            | Rejection::Replay(_)
            | Rejection::Forward(_)
            | Rejection::Internal => false,
        }
    }
}

fn body_detail(error: &BodyError) -> String {
    match error {
        BodyError::TooLarge { length, limit } => format!("{length} bytes, {limit} allowed"),
        BodyError::Timeout { received } => format!("{received} bytes received"),
        BodyError::TooSlow { received, seconds } => format!("{received} bytes in {seconds} s"),
        BodyError::Broken { received } => format!("{received} bytes received"),
        BodyError::OverCapacity => "server.limits.held_bytes is used up".to_owned(),
    }
}
