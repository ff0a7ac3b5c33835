//! Answers: the upstream's response on its way back, or a constant problem body.

use super::record::Entry;
use super::reject::Rejection;
use super::upstream::Relay;
use crate::base::names::header;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode, Version};
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Seconds that a sender shall wait after a 503.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The body of an answer. It carries the request's log entry, so the line is written when the last byte
/// was taken, or when the client left.
#[derive(Debug)]
pub struct OutBody {
    content: Content,
    entry: Entry,
    offered: bool,
}

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Upstream(Box<Relay>),
}

impl OutBody {
    fn new(content: Content, entry: Entry) -> OutBody {
        let mut body = OutBody { content, entry, offered: false };
        if !body.is_end_stream() {
            body.offer();
        }
        body
    }

    /// The client left before the answer was there: the record says so.
    pub fn nobody_waits(&mut self) {
        self.entry.note(|record| record.status = None);
    }

    fn offer(&mut self) {
        self.offered = true;
        self.entry.peer().activity.offer();
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.offered) {
            self.entry.peer().activity.taken();
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        this.taken();
        let piece = match &mut this.content {
            Content::Full(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Content::Full(bytes) => Ok(std::mem::take(bytes)),
            Content::Upstream(relay) => match std::task::ready!(relay.poll_piece(context)) {
                Some(piece) => piece,
                None => return Poll::Ready(None),
            },
        };
        if let Ok(piece) = &piece {
            this.entry.note(|record| record.bytes_out += piece.len() as u64);
            this.offer();
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Upstream(relay) => relay.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Upstream(relay) => relay.size_hint(),
        }
    }
}

impl Drop for OutBody {
    fn drop(&mut self) {
        self.taken();
    }
}

/// The upstream's response, with our request id.
pub fn pass_on(parts: http::response::Parts, relay: Relay, mut entry: Entry) -> Response<OutBody> {
    entry.note(|record| record.status = Some(parts.status.as_u16()));
    let request_id = entry.request_id();
    let mut response = Response::from_parts(parts, OutBody::new(Content::Upstream(Box::new(relay)), entry));
    response.headers_mut().insert(header::REQUEST_ID, request_id);
    response
}

/// The answer to a refusal: constant per status, the reason only in the log.
pub fn refuse(rejection: &Rejection, mut entry: Entry, version: Version) -> Response<OutBody> {
    let status = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let request_id = entry.request_id();
    entry.note(|record| {
        record.reason = rejection.reason();
        record.detail = rejection.detail();
        record.status = Some(status.as_u16());
    });
    // A copy of what was delivered is acknowledged, which is no problem.
    let text = if status.is_success() { Bytes::new() } else { problem(status, &request_id) };
    let is_problem = !text.is_empty();
    let mut response = Response::new(OutBody::new(Content::Full(text), entry));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if is_problem {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REQUEST_ID, request_id);
    match rejection {
        Rejection::Verify(_, scheme) if status == StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, challenge(scheme));
        }
        Rejection::Method(allow) => {
            headers.insert(ALLOW, allow.clone());
        }
        _ => {}
    }
    if status == StatusCode::METHOD_NOT_ALLOWED && !headers.contains_key(ALLOW) {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    if rejection.closes() && version < Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// RFC 9457; every member but the request id is constant per status.
fn problem(status: StatusCode, request_id: &HeaderValue) -> Bytes {
    let title = status.canonical_reason().unwrap_or("Error");
    let id = request_id.to_str().unwrap_or("");
    Bytes::from(format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"request_id\":\"{id}\"}}\n",
        status.as_u16()
    ))
}

/// RFC 9110 section 15.5.2 wants a challenge with every 401; one constant per scheme.
fn challenge(scheme: &'static str) -> HeaderValue {
    HeaderValue::from_static(match scheme {
        "basic" => "Basic realm=\"bonafide\", charset=\"UTF-8\"",
        "jwt" | "swt" => "Bearer realm=\"bonafide\"",
        "token" => "Token realm=\"bonafide\"",
        _ => "Signature realm=\"bonafide\"",
    })
}
