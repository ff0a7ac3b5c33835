//! One self-signed certificate per test process and the TLS client that pins it.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, OnceLock};

/// The names that the certificate is for.
pub const NAMES: [&str; 5] = ["hooks.example", "other.example", "localhost", "127.0.0.1", "good.example"];

/// Certificate and key of the proxy (and of an https upstream).
pub struct Pair {
    pub certificate_pem: String,
    pub key_pem: String,
    pub certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Pair {
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.clone()).expect("a PKCS#8 key")
    }
}

/// The pair, made once.
pub fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| pair_for(&NAMES))
}

/// Another pair.
pub fn pair_for(names: &[&str]) -> Pair {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    Pair {
        certificate_pem: made.cert.pem(),
        key_pem: made.signing_key.serialize_pem(),
        certificate: made.cert.der().clone(),
        key: made.signing_key.serialize_der(),
    }
}

/// X25519 alone: a post-quantum exchange costs an unoptimised build most of a handshake.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make =
        || CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
    PROVIDER.get_or_init(|| Arc::new(make())).clone()
}

/// A client that accepts our certificate under any name; `sni` false sends no server name.
pub fn client_config(alpn: &[&[u8]], sni: bool) -> Arc<ClientConfig> {
    accepting(Some(pair().certificate.clone()), alpn, sni)
}

/// A client that accepts this certificate, or any, under any name.
pub fn accepting(only: Option<CertificateDer<'static>>, alpn: &[&[u8]], sni: bool) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(only)))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.enable_sni = sni;
    Arc::new(config)
}

/// Accepts exactly this certificate or, without one, any; whatever name was asked for.
#[derive(Debug)]
struct Pinned(Option<CertificateDer<'static>>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.0.as_ref().is_none_or(|only| only == certificate) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("not the certificate of the test".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
