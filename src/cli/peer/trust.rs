//! Which certificates are taken from the proxy.

use crate::base::tls::client_config;
use crate::proxy::upstream::trust_roots;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::Arc;

/// Whose certificates are taken.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'p> {
    /// Those of the authorities that the system trusts.
    System,
    /// Those of the authorities in this PEM file, and those that stand in it themselves.
    File(&'p Path),
    /// Anybody's.
    Everybody,
}

impl Trust<'_> {
    /// TLS for HTTP/1.1 with such servers.
    ///
    /// # Errors
    /// A sentence: a file that cannot be read or holds no certificate, a system without authorities.
    pub fn client_config(self) -> Result<ClientConfig, String> {
        let (roots, listed) = match self {
            Trust::System => (trust_roots(None)?, None),
            Trust::File(file) => (trust_roots(Some(file))?, Some(certificates(file)?)),
            Trust::Everybody => (RootCertStore::empty(), None),
        };
        let mut config = client_config(roots.clone(), &["http/1.1"]).map_err(|error| error.to_string())?;
        let provider = aws_lc_rs::default_provider();
        let verifier = match (self, listed) {
            (Trust::Everybody, _) => Judge::Anybody(provider),
            (_, Some(listed)) => {
                let chains =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), provider.into()).build();
                Judge::Listed(listed, chains.map_err(|error| error.to_string())?)
            }
            (_, None) => return Ok(config),
        };
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        Ok(config)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(|certificates| certificates.collect());
    read.map_err(|error| format!("{}: {error}", file.display()))
}

#[derive(Debug)]
enum Judge {
    /// Exactly one of these under its own name, or else by the usual rules. A certificate that was made to try something
    /// is its own authority, which those rules do not take from a server.
    Listed(Vec<CertificateDer<'static>>, Arc<WebPkiServerVerifier>),
    Anybody(CryptoProvider),
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self {
            Judge::Anybody(_) => Ok(ServerCertVerified::assertion()),
            Judge::Listed(listed, _) if listed.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Judge::Listed(_, chains) => {
                chains.verify_server_cert(certificate, intermediates, name, ocsp, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Judge::Anybody(provider) => verify_tls12_signature(
                message,
                certificate,
                signed,
                &provider.signature_verification_algorithms,
            ),
            Judge::Listed(_, chains) => chains.verify_tls12_signature(message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Judge::Anybody(provider) => verify_tls13_signature(
                message,
                certificate,
                signed,
                &provider.signature_verification_algorithms,
            ),
            Judge::Listed(_, chains) => chains.verify_tls13_signature(message, certificate, signed),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Judge::Anybody(provider) => provider.signature_verification_algorithms.supported_schemes(),
            Judge::Listed(_, chains) => chains.supported_verify_schemes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    /// As `openssl req -x509` makes it: a certificate for `localhost` that is an authority, too.
    fn authority() -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_certificate_of_the_file_is_taken_under_its_own_name_only() {
        let (listed, other) = (authority(), authority());
        let mut roots = RootCertStore::empty();
        roots.add(listed.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chains = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let judge = Judge::Listed(vec![listed.der().clone()], chains);
        let takes = |certificate: &rcgen::Certificate, name: &'static str| {
            let name = ServerName::try_from(name).unwrap();
            judge.verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now()).is_ok()
        };
        assert!(takes(&listed, "localhost"));
        assert!(!takes(&listed, "elsewhere.example"));
        assert!(!takes(&other, "localhost"));
    }
}
