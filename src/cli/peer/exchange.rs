//! One request and its answer over HTTP/1.1, byte for byte as it was signed.

use super::trust::Trust;
use crate::base::limits::MIB;
use crate::cli::Failure;
use crate::http::Authority;
use crate::verify::Draft;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// Longest answer, bytes.
const MAX_ANSWER: u64 = 16 * MIB;

type Fault = Box<dyn Error + Send + Sync>;

/// Who gets the requests, each over a connection of its own.
pub struct Server {
    runtime: Runtime,
    /// Where to connect: a host and a port.
    address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The version of HTTP.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Server {
    /// The server of a URL's scheme and host, or at `connect`, taken for that one.
    ///
    /// # Errors
    /// Authorities that cannot be read (4).
    pub fn new(
        origin: &str,
        host: &Authority,
        connect: Option<&str>,
        trust: &Trust<'_>,
    ) -> Result<Server, Failure> {
        let secure = origin.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let port = host.port().unwrap_or(if secure { 443 } else { 80 });
        let address = connect.map_or_else(|| format!("{}:{port}", host.name()), str::to_owned);
        let tls = if secure {
            let config = trust.client_config().map_err(Failure::start)?;
            let name = host.name().trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(name)
                .map_err(|_| Failure::usage("the host of the URL is no server name".to_owned()))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::start(error.to_string()))?;
        Ok(Server { runtime, address, tls })
    }

    /// Sends a request and waits for the whole answer, so long and no longer.
    ///
    /// # Errors
    /// No answer (5).
    pub fn send(&self, draft: &Draft, patience: Duration) -> Result<Answer, Failure> {
        let failed = |what: &dyn std::fmt::Display| Failure::peer(format!("{}: {what}", self.address));
        self.runtime.block_on(async {
            match tokio::time::timeout(patience, self.exchange(draft)).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(fault)) => Err(failed(&fault)),
                Err(_) => Err(failed(&format!("no answer within {} s", patience.as_secs()))),
            }
        })
    }

    async fn exchange(&self, draft: &Draft) -> Result<Answer, Fault> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some((connector, name)) => converse(connector.connect(name.clone(), stream).await?, draft).await,
            None => converse(stream, draft).await,
        }
    }
}

async fn converse<S>(stream: S, draft: &Draft) -> Result<Answer, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::new(Full::new(draft.body.clone()));
    *request.method_mut() = draft.method.clone();
    *request.uri_mut() = draft.target.parse()?;
    *request.headers_mut() = draft.headers.clone();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // How the connection ends says nothing that the answer does not say.
    tokio::spawn(async move { drop(connection.await) });
    let (head, body) = sender.send_request(request).await?.into_parts();
    let limit = usize::try_from(MAX_ANSWER).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).collect().await?.to_bytes();
    Ok(Answer { version: head.version, status: head.status, headers: head.headers, body })
}
