//! The operator's port: `/healthz`, `/readyz` and `/metrics`. It only reads.

use super::drain::Stopping;
use super::metrics::Gauges;
use crate::base::secret::Secret;
use crate::proxy::Live;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections to the port at one time.
const CONNECTIONS: usize = 64;
/// Time for a request head, which is also how long a connection may idle.
const HEAD: Duration = Duration::from_secs(10);

/// What the port answers from.
pub struct Admin {
    /// The numbers.
    pub gauges: Arc<Gauges>,
    /// The policy in force.
    pub live: Arc<ArcSwap<Live>>,
    /// What clients must send as a bearer token.
    pub token: Option<Secret>,
    /// The end of the process.
    pub stopping: Stopping,
}

impl Admin {
    /// Serves until the task is dropped; through the drain as well, so that probes see it.
    pub async fn serve(self, listener: TcpListener) {
        let admin = Arc::new(self);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            if let Ok(place) = places.clone().try_acquire_owned() {
                let admin = admin.clone();
                tokio::spawn(async move {
                    admin.connection(stream).await;
                    drop(place);
                });
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = self.answer(request.method(), request.uri().path(), request.headers());
            async move { Ok::<_, Infallible>(answer) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_header_size(16 * 1024);
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "admin connection ended");
        }
    }

    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let probe = matches!(path, "/healthz" | "/readyz");
        let (status, body) = if !probe && !self.may(headers) {
            (StatusCode::UNAUTHORIZED, "the admin token is missing or wrong\n".to_owned())
        } else if method != Method::GET && method != Method::HEAD {
            (StatusCode::METHOD_NOT_ALLOWED, "the port only reads\n".to_owned())
        } else {
            self.page(path)
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::METHOD_NOT_ALLOWED => headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD")),
            _ => None,
        };
        response
    }

    fn page(&self, path: &str) -> (StatusCode, String) {
        match path {
            "/healthz" => (StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.stopping.given() => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
            "/readyz" => (StatusCode::OK, "ready\n".to_owned()),
            "/metrics" => (StatusCode::OK, self.gauges.render(&self.live.load())),
            _ => (StatusCode::NOT_FOUND, "/healthz, /readyz, /metrics\n".to_owned()),
        }
    }

    fn may(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let digest = Sha256::digest(token.expose());
        sent.is_some_and(|sent| Sha256::digest(sent).ct_eq(&digest).into())
    }
}
