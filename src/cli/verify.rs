//! `bonafide verify`: the verdict on a captured request. Only the keys of a source that fetches them need a network.

use super::Failure;
use super::captured::CapturedArguments;
use super::format::Format;
use super::message::{print, tell};
use super::subject::{Subject, SubjectArguments};
use crate::base::names::exit;
use crate::base::time::{Clock, UnixTime};
use crate::http::{Body, Head};
use crate::keys::{Fetching, KeyCache};
use crate::policy::KeySource;
use crate::verify::{KeySet, Sender, Step, Verifier, VerifyError};
use serde_json::json;
use std::sync::Arc;

/// Options of `bonafide verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    #[command(flatten)]
    request: CapturedArguments,
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
    let subject = subject.subject(&subject.secrets()?, request.origin()?)?;
    let now = request.now();
    let request = request.request(subject.path())?;
    let host = request.host()?;
    let body = Body::from_bytes(subject.body(request.body)?);
    let captures = subject.captures(&request.address.target);
    let (method, target, headers) = (request.method, request.address.target, request.headers);
    let head = Head { method, target, host, headers, nominated: Vec::new(), captures };
    let keys = Keys { file: arguments.subject.keys()?, source: subject.key_source.as_ref() };
    answer(&subject, &prove(&subject.verifier, &keys, &head, &body, now)?, *format)
}

/// Runs the verifier to its end.
pub(super) fn prove(
    verifier: &Verifier,
    keys: &Keys<'_>,
    head: &Head,
    body: &Body,
    now: UnixTime,
) -> Result<Result<Sender, VerifyError>, Failure> {
    let mut step = match verifier.start(head, now) {
        Ok(step) => step,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        let next = match step {
            Step::Done(proof) => return Ok(Ok(proof.sender().clone())),
            Step::Key(awaited) => {
                let found = keys.find(awaited.kid())?;
                awaited.key(&found, now)
            }
            Step::Body(mut awaited) => {
                body.chunks().iter().for_each(|chunk| awaited.chunk(chunk));
                awaited.end(head, body, now)
            }
        };
        step = match next {
            Ok(step) => step,
            Err(error) => return Ok(Err(error)),
        };
    }
}

/// Where the keys of a sender of tokens are.
pub(super) struct Keys<'k> {
    pub file: Option<KeySet>,
    pub source: Option<&'k Arc<KeySource>>,
}

impl Keys<'_> {
    /// Those of the file, or what the key server of the source answers; empty: there is no such key.
    fn find(&self, kid: &str) -> Result<KeySet, Failure> {
        if let Some(keys) = &self.file {
            return Ok(keys.clone());
        }
        let Some(source) = self.source else {
            return Err(Failure::usage(
                "--keys-file FILE is missing: the public keys of the sender".to_owned(),
            ));
        };
        let cannot = |error: String| Failure::peer(format!("{}: {error}", source.place.url()));
        let clock = Arc::new(Clock::system());
        let now = clock.now();
        let fetching = Fetching::start(clock).map_err(|error| Failure::start(error.to_string()))?;
        let cache = KeyCache::new(KeySource::clone(source), &fetching).map_err(cannot)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::start(error.to_string()))?;
        match runtime.block_on(cache.find(kid, now)) {
            Ok(found) => Ok(found.map(|keys| KeySet::clone(&keys)).unwrap_or_default()),
            Err(_) => Err(cannot(cache.last_failure().map_or_else(
                || "no answer".to_owned(),
                |failure| format!("{}: {}", failure.fault.code(), failure.detail),
            ))),
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
