//! The client of the demo: HTTP/1.1 over TLS, trusting one certificate and no other.

use crate::base::tls::client_config;
use crate::verify::Draft;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Time for one request and its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The name that the client asks for; the certificate must hold it.
const SERVER: &str = "localhost";

/// Sends requests to one address, each over a connection of its own.
pub struct Client {
    address: SocketAddr,
    connector: TlsConnector,
}

type Fault = Box<dyn Error + Send + Sync>;

impl Client {
    /// A client of `address` that trusts the certificate of a PEM text.
    ///
    /// # Errors
    /// A text that holds no certificate.
    pub fn new(address: SocketAddr, certificate: &str) -> Result<Client, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
        let config = client_config(roots, &["http/1.1"])?;
        Ok(Client { address, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Where it sends to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request; the status of the answer.
    ///
    /// # Errors
    /// No answer, or none in time.
    pub async fn send(&self, draft: &Draft) -> Result<u16, Fault> {
        tokio::time::timeout(PATIENCE, self.exchange(draft)).await?
    }

    async fn exchange(&self, draft: &Draft) -> Result<u16, Fault> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::try_from(SERVER)?, stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How the connection ends says nothing that the answer does not say.
        tokio::spawn(async move { drop(connection.await) });
        let response = sender.send_request(self.request(draft)?).await?;
        let status = response.status().as_u16();
        response.into_body().collect().await?;
        Ok(status)
    }

    fn request(&self, draft: &Draft) -> Result<Request<Full<Bytes>>, Fault> {
        let mut request = Request::new(Full::new(draft.body.clone()));
        *request.method_mut() = draft.method.clone();
        *request.uri_mut() = draft.target.parse()?;
        *request.headers_mut() = draft.headers.clone();
        let host = HeaderValue::try_from(format!("{SERVER}:{}", self.address.port()))?;
        request.headers_mut().insert(HOST, host);
        Ok(request)
    }
}
