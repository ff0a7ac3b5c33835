//! The application behind the proxy: remembers what reached it, and answers with a description of it.

use crate::base::names::header::OUR_PREFIX;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Requests that are remembered until they are asked for.
const MAX_SEEN: usize = 1000;
/// Largest body that the application takes, bytes.
const MAX_BODY: usize = 4 << 20;

/// A running application on a loopback port; it ends when this is dropped.
pub struct Application {
    address: SocketAddr,
    memory: Memory,
    _alive: oneshot::Sender<()>,
}

type Memory = Arc<Mutex<Vec<Seen>>>;

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
    /// Starts it in a thread of its own, on a port that the system chooses.
    ///
    /// # Errors
    /// No port, no thread.
    pub fn start() -> io::Result<Application> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let memory = Memory::default();
        let (alive, ended) = oneshot::channel();
        let kept = memory.clone();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    outcome = serve(listener, kept) => outcome,
                    _ = ended => Ok(()),
                }
            })
        };
        std::thread::Builder::new().name("application".to_owned()).spawn(run)?;
        Ok(Application { address, memory, _alive: alive })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has reached it since the last call.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(listener: std::net::TcpListener, memory: Memory) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let memory = memory.clone();
        let service = service_fn(move |request| answer(request, memory.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, memory: Memory) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let mut refusal = Response::new(Full::default());
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refusal);
    };
    let seen = Seen::new(&head, &body.to_bytes());
    let text = format!("{seen}\n");
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() < MAX_SEEN {
        memory.push(seen);
    }
    Ok(Response::new(Full::from(text)))
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
