//! A well-behaved HTTP/2 client: hyper over TLS on a small runtime.

use super::certificate::client_config;
use super::request::Request;
use super::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;

/// One HTTP/2 connection.
pub struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Queue>,
}

impl Http2 {
    pub fn connect(address: SocketAddr, sni: &str) -> Http2 {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let name = ServerName::try_from(sni.to_owned()).expect("a server name");
        let sender = runtime.block_on(async {
            let socket = TcpStream::connect(address).await.expect("a connection");
            let tls =
                TlsConnector::from(client_config(&[b"h2"], true)).connect(name, socket).await.expect("TLS");
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.expect("an HTTP/2 handshake");
            tokio::spawn(connection);
            sender
        });
        Http2 { runtime, sender }
    }

    /// Sends with the body in pieces of these sizes, repeated as needed; no Content-Length when `sizes` has any.
    pub fn send(&mut self, request: &Request, sizes: &[usize]) -> Result<Response, String> {
        let authority = String::from_utf8_lossy(request.host.as_deref().unwrap_or_default()).into_owned();
        let target = String::from_utf8_lossy(&request.target).into_owned();
        let mut builder = http::Request::builder()
            .method(request.method.as_slice())
            .uri(format!("https://{authority}{target}"));
        for (name, value) in &request.headers {
            builder = builder.header(name, value.as_slice());
        }
        if sizes.is_empty() {
            builder = builder.header("content-length", request.body.len());
        }
        let message = builder.body(Queue::cut(&request.body, sizes)).map_err(|error| error.to_string())?;
        self.runtime.block_on(async {
            self.sender.ready().await.map_err(|error| error.to_string())?;
            let answer = self.sender.send_request(message).await.map_err(|error| error.to_string())?;
            let (parts, body) = answer.into_parts();
            let headers = parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes().to_vec();
            Ok(Response { interim: Vec::new(), status: parts.status.as_u16(), headers, body, complete: true })
        })
    }
}

/// The pieces of a body that are still to be sent.
struct Queue(VecDeque<Bytes>);

impl Queue {
    fn cut(body: &[u8], sizes: &[usize]) -> Queue {
        let mut rest = Bytes::copy_from_slice(body);
        let mut pieces = VecDeque::new();
        let whole = [rest.len()];
        for size in if sizes.is_empty() { &whole } else { sizes }.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            pieces.push_back(rest.split_to((*size).clamp(1, rest.len())));
        }
        Queue(pieces)
    }
}

impl Body for Queue {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}
