//! Answers: the upstream's response on its way back, or a constant problem body.

use super::out_body::OutBody;
use super::record::Entry;
use super::reject::Rejection;
use super::upstream::Relay;
use crate::base::names::header;
use crate::policy::{AnswerContent, Answers};
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode, Version};

/// Type of our own bodies, RFC 9457.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
/// Seconds that a sender shall wait after a 503 or 429.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The upstream's response, with our request id.
pub fn pass_on(parts: http::response::Parts, relay: Relay, mut entry: Entry) -> Response<OutBody> {
    entry.note(|record| record.status = Some(parts.status.as_u16()));
    let request_id = entry.request_id();
    let mut response = Response::from_parts(parts, OutBody::relayed(relay, entry));
    response.headers_mut().insert(header::REQUEST_ID, request_id);
    response
}

/// The answer to a refusal: constant per status, or what the source says instead; the reason only in the log. Fields
/// that belong to a status go with the one that is sent.
pub fn refuse(
    rejection: &Rejection,
    mut entry: Entry,
    version: Version,
    answers: Option<&Answers>,
) -> Response<OutBody> {
    let request_id = entry.request_id();
    let (parts, text) = content(rejection, &request_id, answers).into_parts();
    let status = parts.status;
    entry.note(|record| {
        record.reason = rejection.reason();
        record.detail = rejection.detail();
        record.status = Some(status.as_u16());
    });
    let mut response = Response::from_parts(parts, OutBody::full(text, entry));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REQUEST_ID, request_id);
    match status {
        StatusCode::UNAUTHORIZED => {
            let scheme = if let Rejection::Verify(_, scheme) = rejection { *scheme } else { "" };
            headers.insert(WWW_AUTHENTICATE, challenge(scheme));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            let post = HeaderValue::from_static("POST");
            let allow = if let Rejection::Method(allow) = rejection { allow.clone() } else { post };
            headers.insert(ALLOW, allow);
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        _ => {}
    }
    if rejection.closes() && version < Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Status and body, with the fields that say how to read it.
fn content(rejection: &Rejection, request_id: &HeaderValue, answers: Option<&Answers>) -> Response<Bytes> {
    if let Rejection::Handshake(reply) = rejection {
        let mut response = Response::new(Bytes::from(reply.body.clone()));
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        headers.extend(reply.headers.iter().cloned());
        if !reply.body.is_empty() {
            headers.insert(CONTENT_TYPE, reply.content_type.clone());
        }
        return response;
    }
    if let Some(reply) = rejection.reply() {
        let mut response = Response::new(reply.body.clone());
        *response.status_mut() = reply.status;
        response.headers_mut().extend(reply.fields.iter().cloned());
        return response;
    }
    let ours = StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let substitute = answers.and_then(|answers| answers.instead_of(ours));
    let status = substitute.map_or(ours, |substitute| substitute.status);
    let (text, media_type) = match substitute.and_then(|substitute| substitute.content.as_ref()) {
        Some(AnswerContent { media_type, body }) => (body.clone(), media_type.clone()),
        // A copy of what was delivered is acknowledged, which is no problem.
        None if status.is_success() => (Bytes::new(), None),
        None => (problem(status, request_id), Some(PROBLEM)),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().extend(media_type.map(|media_type| (CONTENT_TYPE, media_type)));
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
