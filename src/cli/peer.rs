//! Who gets the requests of `send` and `conformance`, and whom they trust there.

mod exchange;
mod trust;

use super::Failure;
use crate::http::Authority;
pub use exchange::{Answer, Server};
use std::path::{Path, PathBuf};
use std::time::Duration;
use trust::Trust;

/// Options for the connection.
#[derive(Debug, clap::Args)]
pub struct PeerArguments {
    /// A file with the authorities (PEM) that may have signed the certificate of the server, or with this certificate
    /// itself; the system's authorities unless given.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Take any certificate.
    #[arg(long)]
    pub insecure: bool,
    /// Connect to this address instead of the host of the URL.
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// Seconds for one request and its answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3600))]
    timeout: u16,
}

impl PeerArguments {
    /// The server of a URL's scheme and host.
    ///
    /// # Errors
    /// A host that is none (2); authorities that cannot be read (4).
    pub fn server(&self, origin: &str, host: &Authority) -> Result<Server, Failure> {
        let trust = match (self.insecure, self.ca()) {
            (true, _) => Trust::Everybody,
            (false, Some(file)) => Trust::File(file),
            (false, None) => Trust::System,
        };
        Server::new(origin, host, self.connect.as_deref(), &trust)
    }

    /// The file with authorities.
    pub fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// How long one request and its answer may take.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }
}
