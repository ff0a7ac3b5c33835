//! The HTTP client of a source: TLS with known authorities, no redirects, no proxy, no private addresses.

use super::address::{Guard, Lookup, Resolver};
use crate::base::tls::client_config;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, retry};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection, TLS included, may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection is kept for a next request, such as the second one of a discovery. One that has died
/// unnoticed would fail every fetch that uses it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);
const AGENT: &str = concat!("bonafide/", env!("CARGO_PKG_VERSION"));

/// A client for the places that `guard` permits. It does not time a whole fetch, nor bound its size.
///
/// # Errors
/// A sentence of the library.
pub(super) fn client(guard: &Guard, lookup: Lookup, roots: Arc<RootCertStore>) -> Result<Client, String> {
    let tls = client_config(roots, &["h2", "http/1.1"]).map_err(|error| error.to_string())?;
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Resolver { guard: guard.clone(), lookup }))
        .redirect(Policy::none())
        .retry(retry::never())
        .no_proxy()
        .https_only(!guard.is_plain())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(AGENT)
        .default_headers(headers)
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// The authorities of a PEM file.
///
/// # Errors
/// A file that cannot be read or holds no certificate.
pub(super) fn roots_of_file(path: &Path) -> Result<RootCertStore, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| named(&error))? {
        let certificate = certificate.map_err(|error| named(&error))?;
        roots.add(certificate).map_err(|error| named(&error))?;
    }
    if roots.is_empty() { Err(named(&"no certificate in it")) } else { Ok(roots) }
}

/// The authorities that the system trusts.
///
/// # Errors
/// There are none.
pub(super) fn roots_of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err("the system has no certificate authorities".to_owned()) } else { Ok(roots) }
}
