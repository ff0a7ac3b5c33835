//! The operator's port: `/healthz`, `/readyz`, `/metrics`, `/keys` and `/refused`. All but the keys is only read.

use super::admin_keys;
use super::admin_refused;
use super::drain::Stopping;
use super::metrics::Gauges;
use crate::base::secret::Secret;
use crate::http::Authority;
use crate::proxy::{Captures, Live};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::net::IpAddr;
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
    /// Refused requests, where they are kept.
    pub captures: Option<Arc<Captures>>,
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
            let answer = self.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_header_size(16 * 1024);
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "admin connection ended");
        }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (path, headers) = (request.uri().path(), request.headers());
        let probe = matches!(path, "/healthz" | "/readyz");
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let changes = *request.method() == Method::POST && admin_keys::is_action(path);
        let refused = admin_refused::asked(path);
        let (status, body) = if !probe && !self.may(headers) {
            (StatusCode::UNAUTHORIZED, "the admin token is missing or wrong\n".to_owned())
        } else if (changes || refused.is_some()) && is_from_a_browser(headers) {
            (StatusCode::FORBIDDEN, "a web page may not do this\n".to_owned())
        } else if changes {
            admin_keys::act(&self.live.load(), path, request.uri().query())
        } else if !reads || admin_keys::is_action(path) {
            (StatusCode::METHOD_NOT_ALLOWED, "not with this method\n".to_owned())
        } else if let Some(id) = refused {
            admin_refused::page(self.captures.as_deref(), id)
        } else {
            self.page(path, request.uri().query())
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::METHOD_NOT_ALLOWED if admin_keys::is_action(path) => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"))
            }
            StatusCode::METHOD_NOT_ALLOWED => headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD")),
            StatusCode::OK if path == admin_keys::LIST || refused.is_some() => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            }
            _ => None,
        };
        response
    }

    fn page(&self, path: &str, query: Option<&str>) -> (StatusCode, String) {
        match path {
            "/healthz" => (StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.stopping.given() => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
            "/readyz" => (StatusCode::OK, "ready\n".to_owned()),
            "/metrics" => (StatusCode::OK, self.gauges.render(&self.live.load())),
            admin_keys::LIST => admin_keys::list(&self.live.load(), query, self.gauges.now()),
            _ => (StatusCode::NOT_FOUND, "/healthz, /readyz, /metrics, /keys, /refused\n".to_owned()),
        }
    }

    /// Whether the client knows the token, where there is one.
    fn may(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let digest = Sha256::digest(token.expose());
        sent.is_some_and(|sent| Sha256::digest(sent).ct_eq(&digest).into())
    }
}

/// A page in the operator's browser can send here, too, by our address or by a name that it has resolve to it. Its
/// requests carry `Origin` or `Sec-Fetch-Site`, or a host that is not an address.
fn is_from_a_browser(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| Authority::parse(host.as_bytes()).ok());
    let named = host.is_none_or(|host| {
        let name = host.name().trim_start_matches('[').trim_end_matches(']');
        name != "localhost" && name.parse::<IpAddr>().is_err()
    });
    named || headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}
