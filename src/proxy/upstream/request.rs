//! The request for the upstream, built afresh from parts: one Host, one Content-Length, nothing of this hop.

use super::super::body::Held;
use super::super::live::Worker;
use crate::base::names::header;
use crate::http::{Body as ChunkList, Head, forwarded, headers};
use crate::policy::{Permit, Source, WaiverKind};
use crate::verify::{Sender, VerifyError};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What the request carries of its way here.
#[derive(Debug)]
pub struct Passport {
    /// The client by the trust rules.
    pub client: IpAddr,
    /// Its id.
    pub request_id: HeaderValue,
    /// Whether the client used https, by the trust rules.
    pub secure: bool,
    /// Whether a trusted proxy sent it, so that its `traceparent` counts.
    pub trusted: bool,
}

/// A request body on its way out: the received pieces, unjoined.
#[derive(Debug)]
pub struct Outgoing {
    pieces: std::vec::IntoIter<Bytes>,
    left: u64,
    _held: Held,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Fields that [`build`] adds at most.
const OUR_FIELDS: usize = 12;

/// Builds the request that the permit allows.
pub fn build(
    worker: &Worker,
    source: &Source,
    passport: &Passport,
    permit: Permit,
    held: Held,
) -> Request<Outgoing> {
    let (head, body, verdict) = open(permit);
    let uri = target(source, &head);
    let Head { method, host, mut headers, nominated, .. } = head;
    headers.reserve(OUR_FIELDS + source.set_headers.len());
    let trace = trace(worker, passport, &headers);
    headers::strip_hop_by_hop(&mut headers, &nominated);
    headers::strip_ours(&mut headers);
    for name in source.strip.iter().chain([&EXPECT]) {
        headers.remove(name);
    }
    headers.insert(HOST, host.to_value());
    join_cookies(&mut headers);
    if !body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    } else {
        headers.remove(CONTENT_LENGTH);
    }
    forwarded::write(&mut headers, passport.client, passport.secure, &host);
    headers.insert(header::REQUEST_ID, passport.request_id.clone());
    headers.insert(header::TRACEPARENT, trace);
    headers.insert(header::SOURCE, source.name_value.clone());
    headers.insert(header::SCHEME, HeaderValue::from_static(source.scheme_name()));
    verdict.write(&mut headers);
    for (name, value) in &source.set_headers {
        headers.insert(name.clone(), value.clone());
    }
    let left = body.len();
    let mut request = Request::new(Outgoing { pieces: body.into_chunks(), left, _held: held });
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// HTTP/2 may split the cookie field; HTTP/1 wants one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter();
    if values.next().is_none() || values.next().is_none() {
        return;
    }
    let parts: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// What `Bonafide-Verdict` and its companions say.
enum Said {
    Verified(Sender),
    Nothing,
    Rejected(VerifyError),
}

fn open(permit: Permit) -> (Head, ChunkList, Said) {
    match permit {
        Permit::Verified(verified) => {
            let (head, body, sender) = verified.into_parts();
            (head, body, Said::Verified(sender))
        }
        Permit::Waived { head, body, waiver, verdict } => match (waiver.kind(), verdict) {
            (WaiverKind::Report, Some(error)) => (head, body, Said::Rejected(error)),
            (WaiverKind::Report | WaiverKind::None, _) => (head, body, Said::Nothing),
        },
    }
}

impl Said {
    fn write(self, headers: &mut HeaderMap) {
        match self {
            Said::Nothing => {
                headers.insert(header::VERDICT, HeaderValue::from_static("none"));
            }
            Said::Rejected(error) if error.is_undecided() => {
                headers.insert(header::VERDICT, HeaderValue::from_static("unchecked"));
            }
            Said::Rejected(error) => {
                let text = format!("rejected; reason={}", error.reason().code());
                headers.extend(HeaderValue::try_from(text).ok().map(|value| (header::VERDICT, value)));
            }
            Said::Verified(sender) => {
                headers.insert(header::VERDICT, HeaderValue::from_static("verified"));
                let key = HeaderValue::from_str(sender.key()).ok();
                let signed_id = sender.event_id().filter(|id| id.signed);
                let event = signed_id.and_then(|id| HeaderValue::from_str(&id.value).ok());
                let timestamp = sender.timestamp().map(|time| HeaderValue::from(time.0));
                headers.extend(key.map(|value| (header::KEY, value)));
                headers.extend(event.map(|value| (header::EVENT_ID, value)));
                headers.extend(timestamp.map(|value| (header::TIMESTAMP, value)));
            }
        }
    }
}

/// Path and query as they were sent, or the source's own path with the query as sent.
fn target(source: &Source, head: &Head) -> Uri {
    let sent = head.target.to_path_and_query();
    let Some(template) = &source.upstream_path else {
        return Uri::from(sent);
    };
    let tail = source.path.tail_of(head.target.path());
    let mut target = template.fill(&head.captures, tail);
    if let Some(query) = head.target.query() {
        target.push('?');
        target.push_str(query);
    }
    Uri::from(PathAndQuery::try_from(target).unwrap_or(sent))
}

/// The `traceparent` of a trusted proxy where it is well-formed, else a new one.
fn trace(worker: &Worker, passport: &Passport, headers: &HeaderMap) -> HeaderValue {
    let sent = headers.get(header::TRACEPARENT).filter(|_| passport.trusted);
    sent.filter(|value| is_traceparent(value.as_bytes())).cloned().unwrap_or_else(|| worker.ids.traceparent())
}

/// W3C Trace Context section 3.2.2, version 00.
fn is_traceparent(value: &[u8]) -> bool {
    let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut parts = value.split(|byte| *byte == b'-');
    let mut part =
        |length: usize| parts.next().is_some_and(|part| part.len() == length && part.iter().all(hex));
    value.starts_with(b"00-") && value.len() == 55 && part(2) && part(32) && part(16) && part(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_trace_parents_are_kept() {
        assert!(is_traceparent(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        for odd in [
            &b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"[..],
            b"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            b"",
        ] {
            assert!(!is_traceparent(odd));
        }
    }
}
