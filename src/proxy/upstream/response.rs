//! The upstream's response on its way back to the client.

use super::connect::Connection;
use super::forward::ForwardError;
use super::pool::Pool;
use crate::base::limits::REPLY_TIME;
use crate::http::headers;
use crate::replay::{ReplyFlaw, Transcript};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Response, StatusCode, response};
use hyper::body::{Body, Incoming, SizeHint};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes of a response that are passed on at once. The upstream may give more in one piece; a client on a slow
/// line could then take steadily and seem to take nothing for the whole time-out.
const PART: usize = 16 * 1024;

/// A response body that is streamed as it comes; at its end the connection returns to the pool.
pub struct Relay {
    incoming: Incoming,
    /// What came in one piece and is not yet passed on.
    rest: Bytes,
    lease: Option<(Connection, Arc<Pool>)>,
    idle_limit: Duration,
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// For senders that read the reply; in a box, because most do not.
    transcript: Option<Box<Transcript>>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Relay({:?})", self.incoming.size_hint())
    }
}

/// Refuses a response that could be read in two ways, and removes what belongs to the upstream's hop.
///
/// # Errors
/// [`ForwardError::Broken`]; the connection is not used again.
pub fn check(
    response: Response<Incoming>,
    connection: Connection,
    pool: Arc<Pool>,
    idle_limit: Duration,
) -> Result<(response::Parts, Relay), ForwardError> {
    let (mut parts, incoming) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ForwardError::Broken("101 without an upgrade"));
    }
    let lengths = parts.headers.get_all(CONTENT_LENGTH).iter().count();
    if lengths > 1 || (lengths == 1 && parts.headers.contains_key(TRANSFER_ENCODING)) {
        return Err(ForwardError::Broken("the response has two lengths"));
    }
    let nominated = nominated(&parts.headers);
    headers::strip_hop_by_hop(&mut parts.headers, &nominated);
    headers::strip_bonafide(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    parts.extensions.clear();
    let lease = Some((connection, pool));
    let last = Instant::now();
    let mut relay =
        Relay { incoming, rest: Bytes::new(), lease, idle_limit, last, timer: None, transcript: None };
    if relay.incoming.is_end_stream() {
        relay.ended();
    }
    Ok((parts, relay))
}

fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(http::header::CONNECTION).iter();
    let tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok()).collect()
}

impl Relay {
    /// The next piece; an error ends the client's connection, so that a cut response is never taken for whole.
    pub fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_part())));
        }
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(None) => {
                    self.ended();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(_))) => {
                    self.broken();
                    return Poll::Ready(Some(Err(io::Error::other("the upstream broke off its response"))));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.last = Instant::now();
                    if let Ok(piece) = frame.into_data() {
                        if let Some(transcript) = &mut self.transcript {
                            transcript.add(&piece);
                        }
                        if self.incoming.is_end_stream() {
                            self.ended();
                        }
                        self.rest = piece;
                        return Poll::Ready(Some(Ok(self.next_part())));
                    }
                }
                Poll::Pending => return self.poll_idle(context).map(|error| Some(Err(error))),
            }
        }
    }

    fn next_part(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len().min(PART))
    }

    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self.last + self.idle_limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        while timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                self.broken();
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the upstream fell silent"));
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn ended(&mut self) {
        if let Some((connection, pool)) = self.lease.take() {
            pool.put(connection);
        }
        if let Some(transcript) = &mut self.transcript {
            transcript.end();
        }
    }

    fn broken(&mut self) {
        self.lease = None;
        if let Some(transcript) = &mut self.transcript {
            transcript.break_off();
        }
    }

    /// From now on the body is written down while it passes.
    pub fn write_down(&mut self, mut transcript: Transcript) {
        if self.is_end() {
            transcript.end();
        }
        self.transcript = Some(Box::new(transcript));
    }

    /// Whether there is more to be written down.
    pub fn is_written_down(&self) -> bool {
        self.transcript.as_ref().is_some_and(|transcript| transcript.is_open())
    }

    /// Why the body could not be remembered.
    pub fn flaw(&self) -> Option<ReplyFlaw> {
        self.transcript.as_ref().and_then(|transcript| transcript.flaw())
    }

    /// Writes down what is left, for nobody else.
    pub async fn write_down_rest(&mut self) {
        let reading = async {
            while self.is_written_down()
                && matches!(poll_fn(|context| self.poll_piece(context)).await, Some(Ok(_)))
            {}
        };
        let _ = tokio::time::timeout(REPLY_TIME, reading).await;
    }

    /// Whether all of it was passed on.
    pub fn is_end(&self) -> bool {
        self.rest.is_empty() && self.incoming.is_end_stream()
    }

    /// What is left by what the upstream said of its length.
    pub fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.incoming.size_hint(), self.rest.len() as u64);
        let mut left = SizeHint::new();
        if let Some(upper) = hint.upper() {
            left.set_upper(upper + rest);
        }
        left.set_lower(hint.lower() + rest);
        left
    }
}
