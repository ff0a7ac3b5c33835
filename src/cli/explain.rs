//! `bonafide explain`: why a captured request is refused. It tries the known mistakes; it never prints a secret.

use super::Failure;
use super::captured::CapturedArguments;
use super::format::Format;
use super::keys::ask_admin;
use super::message::print;
use super::request::{Address, Request};
use super::subject::{Subject, SubjectArguments};
use super::verify::{Keys, prove};
use crate::base::names::exit;
use crate::base::time::UnixTime;
use crate::config::{known_headers, known_schemes};
use crate::http::{Body, Head};
use crate::verify::{Evidence, Finding, Known, Other, Sender, VerifyError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use std::path::Path;

/// Options of `bonafide explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    #[command(flatten)]
    request: CapturedArguments,
    /// A refused request that the running proxy has kept (`[admin] capture`), by the request id of its log line.
    #[arg(long, value_name = "REQUEST_ID", conflicts_with_all = ["raw", "headers", "body", "method", "url"])]
    refused: Option<String>,
    /// Print the signature that the request should have had. Whoever sees it can send this request.
    #[arg(long)]
    reveal: bool,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Explains: 0 when the request is genuine, 1 when it is not.
///
/// # Errors
/// What keeps it from being looked at.
pub fn explain(arguments: &ExplainArguments) -> Result<u8, Failure> {
    let ExplainArguments { subject: named, request: options, refused, reveal, format } = arguments;
    options.one_stdin(named.files())?;
    let subject = named.subject(&named.secrets()?, options.origin()?)?;
    let (request, now) = match refused {
        Some(id) => kept(named.config(), id, subject.source())?,
        None => (options.request(subject.path())?, options.now()),
    };
    let host = request.host()?;
    let Request { method, address, headers, body } = request;
    let captures = subject.captures(&address.target);
    let head = Head { method, target: address.target, host, headers, nominated: Vec::new(), captures };
    let body = body.map(Body::from_bytes);
    let keys = Keys { file: named.keys()?, source: subject.key_source.as_ref() };
    let empty = Body::default();
    let verdict = prove(&subject.verifier, &keys, &head, body.as_ref().unwrap_or(&empty), now)?;
    let findings = verdict.as_ref().err().map(|error| findings(&subject, error, &head, body.as_ref(), now));
    let expected =
        reveal.then(|| subject.verifier.expected(&head, body.as_ref().unwrap_or(&empty))).flatten();
    let answer =
        Answer { subject: &subject, verdict: &verdict, findings: findings.unwrap_or_default(), expected };
    print(&match format {
        Format::Human => answer.text(),
        Format::Json => format!("{}\n", answer.row()),
    })?;
    Ok(if verdict.is_ok() { exit::OK } else { exit::NEGATIVE })
}

fn findings(
    subject: &Subject,
    error: &VerifyError,
    head: &Head,
    body: Option<&Body>,
    now: UnixTime,
) -> Vec<Finding> {
    let schemes = known_schemes();
    let known: Vec<Known<'_>> = schemes
        .iter()
        .filter(|(id, _)| Some(*id) != subject.provider())
        .map(|(id, schemes)| Known { id, schemes })
        .collect();
    let others: Vec<Other<'_>> =
        subject.others.iter().map(|(name, verifier)| Other { name, verifier }).collect();
    subject.verifier.explain(
        error,
        &Evidence { head, body, now, others: &others, known: &known, headers: known_headers() },
    )
}

/// A request that the running proxy has kept, and when it came.
fn kept(config: &Path, id: &str, source: Option<&str>) -> Result<(Request, UnixTime), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if id.is_empty() || !id.bytes().all(plain) {
        return Err(Failure::usage("this is not a request id".to_owned()));
    }
    let (status, body) = ask_admin(config, "GET", &format!("/refused/{id}"))?;
    if status != 200 {
        return Err(Failure::usage(String::from_utf8_lossy(&body).trim().to_owned()));
    }
    let broken = || Failure::peer("the admin port answered what is no refused request".to_owned());
    let row: Value = serde_json::from_slice(&body).map_err(|_| broken())?;
    let text = |key: &str| row.get(key).and_then(Value::as_str);
    if let (Some(own), Some(theirs)) = (source, text("source"))
        && own != theirs
    {
        return Err(Failure::usage(format!("this request was for source {theirs}, not for {own}")));
    }
    if row.get("body_truncated").and_then(Value::as_bool) == Some(true) {
        return Err(Failure::usage("the body was larger than `capture_body` and is not kept".to_owned()));
    }
    let method =
        text("method").and_then(|name| Method::from_bytes(name.as_bytes()).ok()).ok_or_else(broken)?;
    let address = text("target").and_then(|target| Address::parse(target).ok()).ok_or_else(broken)?;
    let mut headers = HeaderMap::new();
    for pair in row.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let part = |at: usize| pair.get(at).and_then(Value::as_str);
        let name = part(0).and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        let value = part(1).and_then(|value| HeaderValue::from_str(value).ok());
        let (Some(name), Some(value)) = (name, value) else { return Err(broken()) };
        headers.append(name, value);
    }
    let body = text("body_base64").map(|body| STANDARD.decode(body).map(Bytes::from).map_err(|_| broken()));
    let at = row.get("time").and_then(Value::as_i64).ok_or_else(broken)?;
    Ok((Request { method, address, headers, body: body.transpose()? }, UnixTime(at)))
}

struct Answer<'a> {
    subject: &'a Subject,
    verdict: &'a Result<Sender, VerifyError>,
    findings: Vec<Finding>,
    expected: Option<String>,
}

impl Answer<'_> {
    fn text(&self) -> String {
        let mut text = match self.verdict {
            Ok(sender) => format!("genuine: {}, key {}\n", self.subject, sender.key()),
            Err(error) => format!("refused: {}: {error}\n", error.reason().code()),
        };
        for (number, finding) in self.findings.iter().enumerate() {
            let word = if number == 0 { "why" } else { "or " };
            text.push_str(&format!(
                "    {word}: {} [{}]\n    fix: {}\n",
                finding.message, finding.code, finding.help
            ));
        }
        if let Some(expected) = &self.expected {
            text.push_str(&format!("expected: {expected}\n"));
        }
        text
    }

    fn row(&self) -> Value {
        let error = self.verdict.as_ref().err();
        let findings = self.findings.iter();
        json!({
            "genuine": error.is_none(),
            "reason": error.map(|error| error.reason().code()),
            "detail": error.map(VerifyError::to_string),
            "provider": self.subject.provider(),
            "source": self.subject.source(),
            "findings": findings.map(|found| json!({ "code": found.code, "message": found.message, "help": found.help })).collect::<Vec<_>>(),
            "expected": self.expected,
        })
    }
}
