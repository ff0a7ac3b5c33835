mod jws;
mod key_set;
mod swt;
mod token;

use super::*;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::{Authority, Body, Captures, Head, Target};
use crate::scheme::{KeyEncoding, KeyForm};
use crate::verify::{NamedSecret, Sender, Step, Verifier, VerifyError};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::path::Path;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn every() -> Vec<Algorithm> {
    Algorithm::names().filter_map(Algorithm::parse).collect()
}

fn utf8() -> KeyForm {
    KeyForm::default()
}

fn secret(name: &str, bytes: &[u8]) -> NamedSecret {
    NamedSecret { name: name.into(), secret: Secret::new(bytes.to_vec()), until: None, choice: None }
}

fn head(method: Method, headers: &[(HeaderName, String)]) -> Head {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    Head {
        method,
        target: Target::parse("/ingest", 8192).unwrap(),
        host: Authority::parse(b"hooks.example").unwrap(),
        headers: map,
        nominated: Vec::new(),
        captures: Captures::new(),
    }
}

fn bearer(token: &str) -> Head {
    head(Method::POST, &[(AUTHORIZATION, format!("Bearer {token}"))])
}

/// Runs a verification to its end, with keys that answer every question.
fn run(
    verifier: &Verifier,
    keys: &KeySet,
    head: &Head,
    body: &[u8],
    now: UnixTime,
) -> Result<Sender, VerifyError> {
    let body = Body::from_bytes(body.to_vec());
    let mut step = verifier.start(head, now)?;
    loop {
        step = match step {
            Step::Done(proof) => return Ok(proof.sender().clone()),
            Step::Key(waiting) => waiting.key(keys, now)?,
            Step::Body(mut waiting) => {
                body.chunks().iter().for_each(|chunk| waiting.chunk(chunk));
                waiting.end(head, &body, now)?
            }
        };
    }
}

fn code(outcome: &Result<Sender, VerifyError>) -> &'static str {
    outcome.as_ref().map_or_else(|error| error.reason().code(), |_| "verified")
}
