//! The application behind the proxy: remembers what reached it, and answers with a description of it. It fails when
//! it is told to.

use super::server::Server;
use crate::base::names::header::OUR_PREFIX;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests that are remembered until they are asked for.
const MAX_SEEN: usize = 1000;
/// Largest body that the application takes, bytes.
const MAX_BODY: usize = 4 << 20;

/// A running application on a loopback port; it ends when this is dropped.
pub struct Application {
    server: Server,
    memory: Memory,
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// It fails on the next request.
    failing: bool,
}

/// A request that reached the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
    /// Bytes of the body.
    pub length: usize,
    /// The `Bonafide-*` fields, names in lower case.
    pub ours: Vec<(String, String)>,
}

impl Application {
    /// Starts it.
    ///
    /// # Errors
    /// No port, no thread.
    pub fn start() -> io::Result<Application> {
        let memory = Memory::default();
        let kept = memory.clone();
        let server = Server::start("application", move |request| answer(request, kept.clone()))?;
        Ok(Application { server, memory })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Has it answer the next request with 500, unless [`Application::take`] comes first.
    pub fn fail_once(&self) {
        self.memory.state().failing = true;
    }

    /// What has reached it since the last call.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.memory.state()).seen
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a request; whether it is answered well.
    fn note(&self, seen: Seen) -> bool {
        let mut state = self.state();
        if state.seen.len() < MAX_SEEN {
            state.seen.push(seen);
        }
        !std::mem::take(&mut state.failing)
    }
}

async fn answer(request: Request<Incoming>, memory: Memory) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return response(StatusCode::BAD_REQUEST, String::new());
    };
    let seen = Seen::new(&head, &body.to_bytes());
    let text = format!("{seen}\n");
    match memory.note(seen) {
        true => response(StatusCode::OK, text),
        false => response(StatusCode::INTERNAL_SERVER_ERROR, format!("{text}and failed.\n")),
    }
}

fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}

impl Seen {
    fn new(head: &http::request::Parts, body: &[u8]) -> Seen {
        let ours = head.headers.iter().filter(|(name, _)| name.as_str().starts_with(OUR_PREFIX));
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Seen {
            method: head.method.clone(),
            target: head.uri.to_string(),
            digest: Sha256::digest(body).into(),
            length: body.len(),
            ours: ours.map(|(name, value)| (name.to_string(), text(value))).collect(),
        }
    }

    /// The value of one of our fields.
    pub fn our(&self, name: &str) -> Option<&str> {
        self.ours.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Seen {
    /// What a person with curl gets to read.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "The application saw {} {} with {} bytes,", self.method, self.target, self.length)?;
        write!(out, " SHA-256 {}", hex::encode(self.digest))?;
        self.ours.iter().try_for_each(|(name, value)| write!(out, "\n  {name}: {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen { method: Method::POST, target: "/a".to_owned(), digest: [0; 32], length: 0, ours: Vec::new() }
    }

    #[test]
    fn it_fails_once_and_remembers_all() {
        let memory = Memory::default();
        memory.state().failing = true;
        assert!(!memory.note(seen()) && memory.note(seen()));
        assert_eq!(memory.state().seen.len(), 2);
    }
}
