//! `answers`: what a sender is told instead of one of our answers.

use super::Context;
use crate::base::limits::MAX_ANSWER;
use crate::config::problem::Problem;
use crate::config::raw::RawAnswer;
use crate::config::span::Located;
use crate::config::value::{Map, Named};
use crate::policy::{ANSWER_STATUSES, AnswerContent, Answers, Substitute};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use std::sync::Arc;

/// Statuses of refusals, and of acknowledgements.
const REFUSALS: std::ops::RangeInclusive<u16> = 400..=599;
const ACKNOWLEDGEMENTS: std::ops::RangeInclusive<u16> = 200..=299;
/// Of a body whose type nobody wrote.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The answers of a source or a provider; nothing where it has none.
pub fn answers(context: &mut Context<'_>, raw: Option<&Located<Map<RawAnswer>>>) -> Option<Arc<Answers>> {
    let rows = &raw?.value.0;
    let substitutes: Vec<_> =
        rows.iter().filter_map(|(key, named)| substitute(context, key, named)).collect();
    Some(Arc::new(Answers(substitutes)))
}

fn substitute(context: &mut Context<'_>, key: &str, named: &Named<RawAnswer>) -> Option<Substitute> {
    let ours = ANSWER_STATUSES.into_iter().find(|status| status.to_string() == *key);
    let Some(ours) = ours.and_then(|status| StatusCode::from_u16(status).ok()) else {
        let message = format!("\"{}\" is no status that a source answers with by itself", key.escape_debug());
        let known = ANSWER_STATUSES.map(|status| status.to_string()).join(", ");
        context.push(Problem::error("bad_value", named.key_at, message).help(format!("one of {known}")));
        return None;
    };
    let raw = &named.entry.value;
    if raw.status.is_none() && raw.body.is_none() && !raw.flawed {
        let problem = Problem::error("missing_key", named.entry.at, "this changes nothing of the answer");
        context.push(problem.help("add `status = 403`, or `body = \"\"` for an empty body"));
    }
    let status = status(context, ours, raw)?;
    let content = content(context, raw, status);
    Some(Substitute { ours, status, content })
}

/// A refusal stays a refusal, and an acknowledgement one.
fn status(context: &mut Context<'_>, ours: StatusCode, raw: &RawAnswer) -> Option<StatusCode> {
    let Some(written) = &raw.status else { return Some(ours) };
    let (range, message) = if ours.is_success() {
        (ACKNOWLEDGEMENTS, "a copy of what was delivered is acknowledged: the status is one of 200 to 299")
    } else {
        (REFUSALS, "what is refused is told so: the status is one of 400 to 599")
    };
    let number = u16::try_from(written.value).ok().filter(|number| range.contains(number));
    let status = number.and_then(|number| StatusCode::from_u16(number).ok());
    if status.is_none() {
        let problem = Problem::error("bad_value", written.at, message);
        context
            .push(problem.help("no answer can make a sender take a refusal for a delivery, or the reverse"));
    }
    status
}

fn content(context: &mut Context<'_>, raw: &RawAnswer, status: StatusCode) -> Option<AnswerContent> {
    let media_type = raw.media_type.as_ref().map(|written| media_type(context, written));
    let Some(written) = &raw.body else {
        if let Some(written) = &raw.media_type {
            let problem = Problem::error("unused_key", written.at, "`type` without `body` says nothing");
            context.push(problem.help("add `body`, or remove `type`"));
        }
        return None;
    };
    let body = Bytes::copy_from_slice(written.value.as_bytes());
    if body.len() > MAX_ANSWER {
        let message = format!("{} bytes: the body of an answer has at most {MAX_ANSWER}", body.len());
        context.error("bad_value", written.at, message);
    }
    if !body.is_empty() && matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        let message = format!("an answer with status {} has no body", status.as_u16());
        context.push(Problem::error("bad_value", written.at, message).help("write `body = \"\"`"));
    }
    let media_type = media_type.unwrap_or(Some(TEXT)).filter(|_| !body.is_empty());
    Some(AnswerContent { media_type, body })
}

/// RFC 9110 section 8.3.1, as far as a wrong one would do harm.
fn media_type(context: &mut Context<'_>, written: &Located<String>) -> Option<HeaderValue> {
    let is_token = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        !part.is_empty() && part.bytes().all(plain)
    };
    let name = written.value.split(';').next().unwrap_or_default().trim_end();
    let is_name = name.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let visible = written.value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let value = HeaderValue::from_str(&written.value).ok().filter(|_| is_name && visible);
    if value.is_none() {
        let message = format!("\"{}\" is not a media type", written.value.escape_debug());
        let problem = Problem::error("bad_value", written.at, message);
        context.push(problem.help("for example \"application/json\""));
    }
    value
}
