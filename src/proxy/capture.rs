//! Refused requests, kept for whoever asks why: off unless the policy says how many, and in memory only.

use super::redact;
use crate::base::limits::CAPTURE_BYTES;
use crate::base::names::Reason;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::policy::Source;
use crate::verify::VerifyError;
use http::HeaderValue;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The latest requests that were not believed, within a count and within [`CAPTURE_BYTES`]; the oldest goes first.
pub struct Captures {
    most: usize,
    body: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The oldest first.
    requests: VecDeque<Arc<Captured>>,
    bytes: usize,
}

/// A refused request without its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Captured {
    /// The id that the client got.
    pub request_id: String,
    /// When it was judged.
    pub time: UnixTime,
    /// The source's name.
    pub source: Arc<str>,
    /// Why it was refused.
    pub reason: Reason,
    /// The same with names and numbers.
    pub detail: String,
    /// As sent.
    pub method: String,
    /// Path and query as sent, but for tokens.
    pub target: String,
    /// Names and values in their order, but for credentials; `host` first.
    pub headers: Vec<(String, String)>,
    /// The body, or its beginning; nothing where it was refused before its body was read.
    pub body: Option<Vec<u8>>,
    /// Whether the body was longer.
    pub body_truncated: bool,
}

impl Captures {
    /// Keeps `most` requests, of each at most `body` bytes of the body.
    pub fn new(most: usize, body: usize) -> Captures {
        Captures { most, body, kept: Mutex::default() }
    }

    /// Keeps a copy of a request to `source` that was refused for `error`.
    pub fn keep(
        &self,
        source: &Source,
        head: &Head,
        body: Option<&Body>,
        error: &VerifyError,
        (request_id, time): (&HeaderValue, UnixTime),
    ) {
        let credentials = source.check.verifier().map_or(&[][..], |verifier| verifier.credentials());
        let mut headers = redact::fields(&head.headers, credentials);
        headers.retain(|(name, _)| name != "host");
        headers.insert(0, ("host".to_owned(), head.host.as_str().to_owned()));
        let captured = Captured {
            request_id: request_id.to_str().unwrap_or_default().to_owned(),
            time,
            source: source.name.clone(),
            reason: error.reason(),
            detail: error.to_string(),
            method: head.method.to_string(),
            target: redact::tokens(head.target.as_str()),
            headers,
            body: body.map(|body| beginning(body, self.body)),
            body_truncated: body.is_some_and(|body| body.len() > self.body as u64),
        };
        self.push(Arc::new(captured));
    }

    fn push(&self, captured: Arc<Captured>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += captured.bytes();
        kept.requests.push_back(captured);
        while kept.requests.len() > self.most || kept.bytes > CAPTURE_BYTES {
            let Some(oldest) = kept.requests.pop_front() else { break };
            kept.bytes -= oldest.bytes();
        }
    }

    /// What is kept, the newest first.
    pub fn list(&self) -> Vec<Arc<Captured>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests.iter().rev().cloned().collect()
    }

    /// The newest request with this id.
    pub fn find(&self, request_id: &str) -> Option<Arc<Captured>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests.iter().rev().find(|captured| captured.request_id == request_id).cloned()
    }
}

impl fmt::Debug for Captures {
    /// How many, not which.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Captures({} at most)", self.most)
    }
}

impl Captured {
    /// What it takes, roughly.
    fn bytes(&self) -> usize {
        let fields: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.body.as_ref().map_or(0, Vec::len) + fields + self.target.len()
    }
}

/// The first `most` bytes.
fn beginning(body: &Body, most: usize) -> Vec<u8> {
    let length = usize::try_from(body.len()).unwrap_or(most).min(most);
    let mut bytes = Vec::with_capacity(length);
    for chunk in body.chunks() {
        let room = chunk.len().min(length - bytes.len());
        bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(id: usize, body: usize) -> Arc<Captured> {
        Arc::new(Captured {
            request_id: id.to_string(),
            time: UnixTime(0),
            source: "in".into(),
            reason: Reason::SignatureMismatch,
            detail: String::new(),
            method: "POST".to_owned(),
            target: "/in".to_owned(),
            headers: Vec::new(),
            body: Some(vec![b'x'; body]),
            body_truncated: false,
        })
    }

    fn ids(captures: &Captures) -> Vec<String> {
        captures.list().iter().map(|captured| captured.request_id.clone()).collect()
    }

    #[test]
    fn the_newest_are_kept() {
        let captures = Captures::new(3, 10);
        (0..5).for_each(|id| captures.push(captured(id, 10)));
        assert_eq!(ids(&captures), ["4", "3", "2"]);
        assert!(captures.find("3").is_some() && captures.find("1").is_none());
    }

    #[test]
    fn their_bytes_are_bounded() {
        let captures = Captures::new(1000, CAPTURE_BYTES);
        (0..3).for_each(|id| captures.push(captured(id, CAPTURE_BYTES / 2 - 100)));
        assert_eq!(ids(&captures), ["2", "1"]);
        captures.push(captured(3, CAPTURE_BYTES + 1));
        assert_eq!(ids(&captures), [] as [&str; 0]);
        captures.push(captured(4, 1));
        assert_eq!(ids(&captures), ["4"]);
    }

    #[test]
    fn a_body_is_cut_at_its_limit() {
        let mut body = Body::default();
        [vec![b'a'; 3000], vec![b'b'; 3000]].into_iter().for_each(|piece| body.push(piece.into()));
        body.finish();
        for (most, length) in [(0, 0), (1, 1), (3000, 3000), (3001, 3001), (6000, 6000), (9000, 6000)] {
            let bytes = beginning(&body, most);
            assert_eq!(bytes.len(), length);
            assert_eq!(bytes, body.chunks().concat()[..length]);
        }
    }
}
