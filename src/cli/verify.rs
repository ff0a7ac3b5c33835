//! `bonafide verify`: the verdict on a captured request, without a network.

use super::Failure;
use super::format::Format;
use super::message::{print, tell};
use super::request::RequestArguments;
use super::subject::{Subject, SubjectArguments};
use crate::base::names::exit;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::verify::{Sender, Step, Verifier, VerifyError};
use serde_json::json;

/// Options of `bonafide verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    #[command(flatten)]
    request: RequestArguments,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Verifies the request: 0 when it is genuine, 1 when it is not.
///
/// # Errors
/// What keeps it from being verified at all.
pub fn verify(arguments: &VerifyArguments) -> Result<u8, Failure> {
    let VerifyArguments { subject, request, format } = arguments;
    request.one_stdin(subject.files())?;
    if request.headers.is_none() {
        return Err(Failure::usage("--headers FILE is missing: the fields of the request".to_owned()));
    }
    let subject = subject.subject(request.origin()?)?;
    let now = request.now();
    let request = request.request(subject.path())?;
    let host = request.host()?;
    let body = Body::from_bytes(subject.body(request.body)?);
    let captures = subject.captures(&request.address.target);
    let (method, target, headers) = (request.method, request.address.target, request.headers);
    let head = Head { method, target, host, headers, nominated: Vec::new(), captures };
    answer(&subject, &prove(&subject.verifier, &head, &body, now), *format)
}

/// Runs the verifier to its end.
fn prove(verifier: &Verifier, head: &Head, body: &Body, now: UnixTime) -> Result<Sender, VerifyError> {
    let mut step = verifier.start(head, now)?;
    loop {
        match step {
            Step::Done(proof) => return Ok(proof.sender().clone()),
            Step::Body(mut awaited) => {
                body.chunks().iter().for_each(|chunk| awaited.chunk(chunk));
                step = awaited.end(head, body, now)?;
            }
        }
    }
}

fn answer(subject: &Subject, verdict: &Result<Sender, VerifyError>, format: Format) -> Result<u8, Failure> {
    match (format, verdict) {
        (Format::Human, Ok(sender)) => print(&sentence(subject, sender))?,
        (Format::Human, Err(error)) => tell(&format!("{}: {error}\n", error.reason().code())),
        (Format::Json, _) => print(&format!("{}\n", row(subject, verdict)))?,
    }
    Ok(if verdict.is_ok() { exit::OK } else { exit::NEGATIVE })
}

fn sentence(subject: &Subject, sender: &Sender) -> String {
    let mut text = format!("genuine: {subject}, key {}", sender.key());
    if let Some(id) = sender.event_id() {
        let mark = if id.signed { "" } else { " (not signed)" };
        text.push_str(&format!(", event id {}{mark}", id.value));
    }
    if let Some(timestamp) = sender.timestamp() {
        text.push_str(&format!(", signed at {timestamp}"));
    }
    text.push('\n');
    text
}

fn row(subject: &Subject, verdict: &Result<Sender, VerifyError>) -> serde_json::Value {
    let (sender, error) = (verdict.as_ref().ok(), verdict.as_ref().err());
    json!({
        "genuine": sender.is_some(),
        "reason": error.map(|error| error.reason().code()),
        "detail": error.map(VerifyError::to_string),
        "provider": subject.provider(),
        "source": subject.source(),
        "key": sender.map(|sender| &**sender.key()),
        "event_id": sender.and_then(Sender::event_id).map(|id| id.value.as_str()),
        "timestamp": sender.and_then(Sender::timestamp).map(|at| at.0),
    })
}
