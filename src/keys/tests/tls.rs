//! Certificates that hold, and those that do not.

use super::super::*;
use super::rig::{START, jwks, source};
use super::server::{Server, answer};
use crate::base::time::{Clock, UnixTime};
use crate::policy::KeyPlace;
use crate::verify::SingleKey;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn server(signer: &Authority, params: CertificateParams) -> Server {
    let config = Arc::new(config(signer, params));
    Server::launch(|_, out| answer(out, "200 OK", "", &jwks(&["a"])), Some(config))
}

fn config(signer: &Authority, params: CertificateParams) -> rustls::ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate: CertificateDer<'static> = params.signed_by(&key, signer).unwrap().into();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

fn for_localhost() -> CertificateParams {
    CertificateParams::new(["localhost".to_owned()]).unwrap()
}

/// Asks `https://localhost`, trusting one authority.
async fn ask(port: u16, trusted: &Authority) -> Result<bool, (KeyFault, String)> {
    let clock = Clock::fixed(UnixTime(START));
    let now = clock.now();
    let fetching = Fetching::with_ticks(Arc::new(clock), false).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(trusted.pem().as_bytes()).unwrap();
    let mut source =
        source(KeyPlace::Document { url: format!("https://localhost:{port}/"), key: SingleKey::default() });
    source.ca = Some(file.path().to_owned());
    let cache = KeyCache::new(source, &fetching).unwrap();
    let found = cache.find("a", now).await;
    found.map(|set| set.is_some()).map_err(|_| {
        let failure = cache.last_failure().unwrap();
        (failure.fault, failure.detail)
    })
}

#[tokio::test]
async fn a_certificate_of_the_named_authority_holds() {
    let trusted = authority("trusted");
    assert_eq!(ask(server(&trusted, for_localhost()).address.port(), &trusted).await, Ok(true));
}

#[tokio::test]
async fn a_server_that_prefers_http2_is_spoken_to_in_it() {
    let trusted = authority("trusted");
    let mut config = config(&trusted, for_localhost());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let service = service_fn(async |request: Request<Incoming>| {
            assert_eq!((request.uri().path(), request.version()), ("/", Version::HTTP_2));
            Ok::<_, Infallible>(Response::new(jwks(&["a"])))
        });
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
    });
    assert_eq!(ask(port, &trusted).await, Ok(true));
}

#[tokio::test]
async fn others_do_not() {
    let trusted = authority("trusted");
    let stranger = server(&authority("stranger"), for_localhost());
    let other_name = server(&trusted, CertificateParams::new(["keys.example".to_owned()]).unwrap());
    let mut params = for_localhost();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let expired = server(&trusted, params);
    for (server, word) in
        [(stranger, "UnknownIssuer"), (other_name, "not valid for name"), (expired, "expired")]
    {
        let (fault, detail) = ask(server.address.port(), &trusted).await.unwrap_err();
        assert_eq!(fault, KeyFault::Tls);
        assert!(detail.contains(word), "{detail}");
        assert_eq!(server.hits(), 0);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_as_such() {
    let plain = Server::start(|_, out| answer(out, "200 OK", "", &jwks(&["a"])));
    assert_eq!(ask(plain.address.port(), &authority("trusted")).await.unwrap_err().0, KeyFault::Tls);
}
