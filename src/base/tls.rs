//! TLS as a client.

use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// TLS 1.2 or 1.3 to servers whose certificates chain to `roots`, with these protocols (ALPN), the best first.
///
/// # Errors
/// A fault of the crypto provider.
pub fn client_config(
    roots: impl Into<Arc<RootCertStore>>,
    protocols: &[&str],
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(config)
}
