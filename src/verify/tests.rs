mod arbitrary;
mod credentials;
mod message;
mod round_trip;
mod vectors;

use super::*;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::{Authority, Body, Captures, Head, Target};
use crate::scheme::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub(super) const NOW: UnixTime = UnixTime(1_700_000_000);

pub(super) fn secret(name: &str, text: &str) -> NamedSecret {
    NamedSecret { name: name.into(), secret: Secret::new(text.into()), until: None, choice: None }
}

/// Secrets named `0`, `1`, ...
pub(super) fn secrets(texts: &[&str]) -> Vec<NamedSecret> {
    texts.iter().enumerate().map(|(index, text)| secret(&index.to_string(), text)).collect()
}

pub(super) fn verifier(scheme: Scheme, texts: &[&str]) -> Verifier {
    Verifier::signature(scheme, secrets(texts), Surroundings::default()).unwrap()
}

pub(super) fn head(target: &str, headers: &[(&str, &[u8])]) -> Head {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    Head {
        method: Method::POST,
        target: Target::parse(target, 8192).unwrap(),
        host: Authority::parse(b"hooks.example.com").unwrap(),
        headers: map,
        nominated: Vec::new(),
        captures: Captures::new(),
    }
}

pub(super) fn head_of(draft: &Draft) -> Head {
    let mut head = head(&draft.target, &[]);
    head.method = draft.method.clone();
    head.headers = draft.headers.clone();
    head.captures = draft.captures.clone();
    head
}

/// Runs a verification to its end, the body in two pieces.
pub(super) fn run(
    verifier: &Verifier,
    head: &Head,
    body: &[u8],
    now: UnixTime,
) -> Result<Sender, VerifyError> {
    let whole = Body::from_bytes(body.to_vec());
    let mut step = verifier.start(head, now)?;
    loop {
        step = match step {
            Step::Key(_) => panic!("these schemes have secrets"),
            Step::Done(proof) => return Ok(proof.sender().clone()),
            Step::Body(mut wait) => {
                let (first, second) = body.split_at(body.len() / 3);
                wait.chunk(first);
                wait.chunk(second);
                wait.end(head, &whole, now)?
            }
        };
    }
}
