//! Opening a connection to an upstream.

use super::forward::ForwardError;
use super::request::Outgoing;
use crate::base::tls::client_config;
use crate::policy::UpstreamAddress;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

/// An open connection. Dropping it closes it, whatever is on its way: an upstream that has answered and does
/// not read the rest of the request would otherwise hold the body for ever.
pub struct Connection {
    /// Where requests go in.
    pub sender: SendRequest<Outgoing>,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Knows how to reach one upstream.
#[derive(Debug)]
pub struct Dialer {
    address: UpstreamAddress,
    tls: Option<Tls>,
}

/// The TLS side of an `https://` upstream.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Tls({:?})", self.name)
    }
}

impl Tls {
    /// TLS 1.2 or 1.3 to the server called `host`, whose certificate chains to `roots`.
    ///
    /// # Errors
    /// A host that no certificate can name.
    pub fn new(host: &str, roots: RootCertStore) -> Result<Tls, String> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| format!("`{host}` is no TLS server name"))?;
        let config = client_config(roots, &["http/1.1"]).map_err(|error| error.to_string())?;
        Ok(Tls { config: Arc::new(config), name })
    }
}

/// The certificates that an `https://` upstream may chain to: those of `file`, or the system's.
///
/// # Errors
/// A file that cannot be read or holds no certificate; a system without any.
pub fn trust_roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
                .map_err(|error| format!("{}: {error}", path.display()))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("no certificate authority found".to_owned());
    }
    Ok(roots)
}

impl Dialer {
    /// `tls` is needed for an `https://` address and unused for the others.
    pub fn new(address: UpstreamAddress, tls: Option<Tls>) -> Dialer {
        Dialer { address, tls }
    }

    /// Connects and starts the connection's own task.
    ///
    /// # Errors
    /// [`ForwardError::Unreachable`].
    pub async fn dial(&self) -> Result<Connection, ForwardError> {
        match &self.address {
            UpstreamAddress::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(unreachable)?;
                start(stream).await
            }
            UpstreamAddress::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                stream.set_nodelay(true).map_err(unreachable)?;
                match &self.tls {
                    Some(tls) => {
                        let connector = TlsConnector::from(tls.config.clone());
                        let stream = connector.connect(tls.name.clone(), stream).await;
                        start(stream.map_err(|_| ForwardError::Unreachable("TLS handshake failed"))?).await
                    }
                    None if *tls => Err(ForwardError::Unreachable("no TLS configuration")),
                    None => start(stream).await,
                }
            }
        }
    }
}

async fn start<T>(stream: T) -> Result<Connection, ForwardError>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = Builder::new().handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|_| ForwardError::Unreachable("connection failed"))?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "upstream connection ended");
        }
    });
    Ok(Connection { sender, task: task.abort_handle() })
}

fn unreachable(error: io::Error) -> ForwardError {
    ForwardError::Unreachable(match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::NotFound => "no such socket",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to host",
        io::ErrorKind::TimedOut => "connection timed out",
        _ => "name not found or connection failed",
    })
}
