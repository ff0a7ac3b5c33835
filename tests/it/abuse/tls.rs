//! T: TLS.

use super::*;
use crate::rig::certificate::provider;
use crate::rig::client::{Client, PATIENCE, Wire, connect, once, tls};
use crate::rig::request::HOST;
use crate::rig::response::Answer;
use rustls::pki_types::ServerName;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn names() {
    let mut cases = Vec::new();
    // T05: without a name the default certificate serves
    cases.push(Case::both("T05", genuine()).sni(None).answers(&[200]));
    cases.push(Case::both("T05", genuine().host("localhost")).sni(Some("localhost")).answers(&[200]));
    // T06: server name and host are names and differ
    for (sni, host) in [
        ("hooks.example", "other.example"),
        ("other.example", "hooks.example"),
        ("localhost", "hooks.example"),
    ] {
        cases.push(Case::both("T06", genuine().host(host)).sni(Some(sni)).answers(&[421]));
    }
    cases.push(
        Case::both("T06", genuine().host("127.0.0.1"))
            .sni(Some("hooks.example"))
            .answers(&[200, 421])
            .at_most_once(),
    );
    Bench::new().run(cases);
}

#[test]
fn protocols() {
    let bench = Bench::new();
    let alpn = |names: &[&[u8]]| match tls(bench.proxy.address, names, Some(HOST)) {
        Ok(Wire::Tls(stream)) => Ok(stream.conn.alpn_protocol().map(<[u8]>::to_vec)),
        Ok(Wire::Plain(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(alpn(&[b"h2"]), Ok(Some(b"h2".to_vec())));
    assert_eq!(alpn(&[b"http/1.1"]), Ok(Some(b"http/1.1".to_vec())));
    assert_eq!(alpn(&[b"h2", b"http/1.1"]), Ok(Some(b"h2".to_vec())));
    assert_eq!(alpn(&[]), Ok(None));
    for names in [[b"h2c".as_slice()].as_slice(), &[b"spdy/3"]] {
        assert!(alpn(names).is_err(), "T15: {names:?} was accepted");
    }
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert!(handshake(&bench, version), "{version:?}");
    }
    let plain = tls(bench.proxy.address, &[], Some(HOST)).map(Client::over).expect("no ALPN");
    assert_eq!(once(plain, &genuine()).expect("an answer").status, 200);
}

/// A request over exactly this version of TLS.
fn handshake(bench: &Bench, version: &'static rustls::SupportedProtocolVersion) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(crate::rig::certificate::pair().certificate.clone()).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(HOST).expect("a name");
    let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).expect("a session");
    let socket = connect(bench.proxy.address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut stream = rustls::StreamOwned::new(session, socket);
    stream.write_all(&genuine().http1()).is_ok() && {
        let mut start = [0; 12];
        stream.read_exact(&mut start).is_ok() && start.ends_with(b"200")
    }
}

/// A ClientHello record that offers only this version (RFC 5246 section 7.4.1.2).
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0, 4, 0x00, 0x2f, 0xc0, 0x13, 1, 0]);
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![22, 3, minor.min(1), 0, message.len() as u8];
    record.extend(message);
    record
}

/// T01, T16, T18: what is not a modern handshake is closed and never forwarded.
#[test]
fn what_is_no_handshake_is_closed() {
    let bench = Bench::new();
    let rows: [Vec<u8>; 7] = [
        old_hello(0),
        old_hello(1),
        old_hello(2),
        genuine().http1(),
        vec![0; 64],
        vec![21, 3, 3, 0, 2, 1, 0],
        [0x16, 3, 1, 0xff, 0xff].repeat(20),
    ];
    for row in rows {
        let mut socket = connect(bench.proxy.address).expect("a connection");
        let _ = socket.write_all(&row);
        let started = Instant::now();
        let mut read = Vec::new();
        while started.elapsed() < Duration::from_secs(4) {
            let mut piece = [0; 4096];
            match socket.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => read.extend_from_slice(&piece[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) => {}
                Err(_) => break,
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(4),
            "still open after {:?}: {row:?}",
            started.elapsed()
        );
        let forbidden = read.starts_with(&[22, 3]) && !row.starts_with(&[22]);
        assert!(!forbidden, "a handshake for {row:?}");
    }
    assert_eq!(bench.recorder.connections(), 0);
    assert_eq!(once(Client::tls(bench.proxy.address), &genuine()).expect("still serving").status, 200);
}

/// T02 of the list's stalled peers: a handshake that never goes on ends at the handshake time-out.
#[test]
fn a_stalled_handshake_ends() {
    let bench = Bench::new();
    let mut silent = Client::over(Wire::Plain(connect(bench.proxy.address).expect("a connection")));
    let mut halfway = Client::over(Wire::Plain(connect(bench.proxy.address).expect("a connection")));
    halfway.send(&[22, 3, 1, 2, 0, 1, 0]);
    assert!(silent.closed_within(Duration::from_secs(4)), "handshake = 2s");
    assert!(halfway.closed_within(Duration::from_secs(4)), "handshake = 2s");
}

/// T17: a ClientHello cut into small pieces. T19: FIN without `close_notify` inside a body.
#[test]
fn pieces_and_truncation() {
    let mut cases = Vec::new();
    cases.push(
        Case::free("T17", |proxy| match in_pieces(proxy.address) {
            Ok(wire) => once(Client::over(wire), &genuine()),
            Err(_) => Answer::Closed,
        })
        .answers(&[200]),
    );
    let head = raw(&format!("{}Content-Length: 13\r\n", hub_line(BODY)), &BODY[..5]);
    cases.push(Case::new("T19", Stimulus::BytesThenEnd(head)).answers(&[400]).or_close());
    Bench::new().run(cases);
}

fn in_pieces(address: std::net::SocketAddr) -> std::io::Result<Wire> {
    let mut socket = connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from(HOST).map_err(std::io::Error::other)?;
    let config = crate::rig::certificate::client_config(&[b"http/1.1"], true);
    let mut session = rustls::ClientConnection::new(config, name).map_err(std::io::Error::other)?;
    let mut hello = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut hello)?;
    }
    // the handshake message in records of 100 bytes, each written byte by byte
    for piece in hello[5..].chunks(100) {
        for byte in [&[22, 3, 1, 0, piece.len() as u8], piece].concat() {
            socket.write_all(&[byte])?;
        }
    }
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok(Wire::Tls(Box::new(rustls::StreamOwned::new(session, socket))))
}

/// T21: no key log, whatever the environment says.
#[test]
fn no_key_log() {
    let recorder = crate::rig::recorder::Recorder::start();
    let policy = crate::rig::policy::Policy::tls();
    let file = policy.directory.path().join("keys.log");
    let path = file.display().to_string();
    let policy = policy
        .upstream(&recorder.url)
        .add("[[source]]\nname = \"open\"\npath = \"/open\"\nscheme = \"none\"\n");
    let proxy = crate::rig::proxy::Proxy::start_with(policy, &[("SSLKEYLOGFILE", &path)]);
    let answer = once(Client::tls(proxy.address), &crate::rig::request::post("/open").body(BODY));
    assert_eq!(answer.expect("an answer").status, 200);
    assert!(!file.exists(), "TLS keys were written to {path}");
}
