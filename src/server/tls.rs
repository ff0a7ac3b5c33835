//! Certificates and the TLS side of the listeners.

use crate::config::CertificateFiles;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The certificates in use, chosen by server name; swapped as a whole on reload.
#[derive(Debug)]
pub struct Certificates(ArcSwap<Chosen>);

#[derive(Debug)]
struct Chosen {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl Certificates {
    /// Reads the files, the default certificate first.
    ///
    /// # Errors
    /// A sentence that names the file: unreadable, not PEM, or key and certificate do not belong together.
    pub fn load(files: &[CertificateFiles]) -> Result<Certificates, String> {
        Ok(Certificates(ArcSwap::from_pointee(choose(files)?)))
    }

    /// One certificate for every name.
    pub fn single(certificate: CertifiedKey) -> Certificates {
        let chosen = Chosen { by_name: HashMap::new(), default: Arc::new(certificate) };
        Certificates(ArcSwap::from_pointee(chosen))
    }

    /// Reads the files again; on an error the old certificates stay.
    ///
    /// # Errors
    /// As [`Certificates::load`].
    pub fn reload(&self, files: &[CertificateFiles]) -> Result<(), String> {
        self.0.store(Arc::new(choose(files)?));
        Ok(())
    }
}

fn choose(files: &[CertificateFiles]) -> Result<Chosen, String> {
    let (first, more) = files.split_first().ok_or("no certificate")?;
    let default = Arc::new(read(first)?);
    let mut by_name = HashMap::new();
    for files in more {
        let certified = Arc::new(read(files)?);
        for name in names(&certified)? {
            by_name.entry(name).or_insert_with(|| certified.clone());
        }
    }
    // The default's own names come last: a name in both belongs to the more special certificate.
    for name in names(&default)? {
        by_name.entry(name).or_insert_with(|| default.clone());
    }
    Ok(Chosen { by_name, default })
}

fn read(files: &CertificateFiles) -> Result<CertifiedKey, String> {
    let (certificate, private_key) = (&files.certificate.value, &files.private_key.value);
    let fault = |path: &Path, error: rustls_pki_types::pem::Error| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| fault(certificate, error))?;
    let key = PrivateKeyDer::from_pem_file(private_key).map_err(|error| fault(private_key, error))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| format!("{} and {}: {error}", certificate.display(), private_key.display()))
}

/// The DNS names of a certificate in lower case, wildcards included.
fn names(certified: &CertifiedKey) -> Result<Vec<String>, String> {
    let end_entity = certified.cert.first().ok_or("the chain is empty")?;
    let (_, certificate) =
        X509Certificate::from_der(end_entity).map_err(|_| "the certificate is no X.509".to_owned())?;
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let entries = alternative.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let name = |entry: &GeneralName<'_>| match entry {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    Ok(entries.iter().filter_map(name).collect())
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.0.load();
        let found = hello.server_name().and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard =
                || name.split_once('.').and_then(|(_, rest)| chosen.by_name.get(&format!("*.{rest}")));
            chosen.by_name.get(&name).or_else(wildcard)
        });
        Some(found.unwrap_or(&chosen.default).clone())
    }
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no early data, no client certificates.
///
/// # Errors
/// A fault of the crypto provider.
pub fn server_config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A certificate of our own for `names`, for the demonstration; with it, its PEM text for clients.
///
/// # Errors
/// A fault of the crypto provider.
pub fn self_signed(names: Vec<String>) -> Result<(CertifiedKey, String), String> {
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(str::to_owned)?;
    let certified =
        CertifiedKey::from_der(vec![made.cert.der().clone()], key, &aws_lc_rs::default_provider())
            .map_err(|error| error.to_string())?;
    Ok((certified, made.cert.pem()))
}
