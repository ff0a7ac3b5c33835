//! What is sent, and the many ways in which an answer is none.

use super::super::*;
use super::rig::{Rig, ec, jwks, source};
use super::server::{Server, answer};
use crate::base::limits::MAX_KEY_DOCUMENT;
use crate::base::time::{Clock, UnixTime};
use crate::policy::KeyPlace;
use crate::verify::SingleKey;
use ipnet::IpNet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What comes of a server that answers this way, within a third of a second.
async fn fault(script: impl Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static) -> KeyFault {
    let rig = Rig::new(|server| {
        let mut source = source(KeyPlace::Document { url: server.url("/keys"), key: SingleKey::default() });
        source.timeout = Duration::from_millis(300);
        source
    });
    rig.server.script(script);
    let Err(KeyError::Unavailable(fault)) = rig.ask("a").await else { panic!("it was taken for an answer") };
    assert_eq!(rig.failures(fault.code()), 1);
    assert_eq!(rig.server.connections(), 1);
    fault
}

#[tokio::test]
async fn the_request_says_who_asks_and_what_for() {
    let rig = Rig::warm(&["a"]).await;
    let request = rig.server.request(0);
    let version = env!("CARGO_PKG_VERSION");
    let mut lines: Vec<&str> = request.trim_end().lines().collect();
    lines.sort();
    let host = format!("host: {}", rig.server.address);
    let agent = format!("user-agent: bonafide/{version}");
    assert_eq!(lines, ["GET /keys HTTP/1.1", "accept: application/json", &host, &agent]);
}

#[tokio::test]
async fn nothing_is_carried_from_one_request_to_the_next() {
    let rig = Rig::document(&[]);
    rig.give_with(
        &["a"],
        "set-cookie: session=1\r\netag: \"1\"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
    );
    assert!(rig.finds("a").await);
    rig.tick_at(3600).await;
    assert_eq!(rig.server.request(0), rig.server.request(1));
}

#[tokio::test]
async fn only_200_is_an_answer() {
    for status in [201, 204, 206, 400, 401, 404, 429, 500, 503] {
        let line = format!("{status} Whatever");
        let found = fault(move |_, out| answer(out, &line, "", "")).await;
        assert_eq!(found, KeyFault::Status(status));
    }
}

#[tokio::test]
async fn what_is_not_a_key_set_is_told_apart() {
    let html = "<!doctype html><title>Sign in</title>";
    let many = format!(r#"{{"keys":[{}]}}"#, vec![ec("a"); 101].join(","));
    let with_bom = format!("\u{feff}{}", jwks(&["a"]));
    for (body, expected) in [
        ("", KeyFault::Parse),
        (html, KeyFault::Parse),
        ("{", KeyFault::Parse),
        ("null", KeyFault::Parse),
        ("[]", KeyFault::Parse),
        (r#"{"keys":null}"#, KeyFault::Parse),
        (r#"{"keys":{}}"#, KeyFault::Parse),
        (r#"{"keys":[],"keys":[]}"#, KeyFault::Parse),
        (&ec("a"), KeyFault::Parse),
        (&with_bom, KeyFault::Parse),
        (r#"{"keys":[]}"#, KeyFault::NoUsableKey),
        (r#"{"keys":[null]}"#, KeyFault::NoUsableKey),
        (r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}"#, KeyFault::NoUsableKey),
        (&many, KeyFault::Size),
    ] {
        let sent = body.to_owned();
        assert_eq!(fault(move |_, out| answer(out, "200 OK", "", &sent)).await, expected, "{body:.60}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_, out| answer(out, "200 OK", "", &jwks(&["a"])));
    for (status, place) in [
        (301, "/other".to_owned()),
        (302, elsewhere.url("/keys")),
        (303, "http://169.254.169.254/".to_owned()),
        (307, "file:///etc/passwd".to_owned()),
        (308, elsewhere.url("/keys")),
    ] {
        let (line, field) = (format!("{status} Away"), format!("location: {place}\r\n"));
        assert_eq!(fault(move |_, out| answer(out, &line, &field, "")).await, KeyFault::Redirect);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn size_is_bounded_announced_or_not() {
    let announced = |_: &str, out: &mut dyn Write| {
        write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_KEY_DOCUMENT + 1)?;
        out.flush()?;
        std::thread::sleep(Duration::from_secs(1)); // no byte of the body is needed
        Ok(())
    };
    assert_eq!(fault(announced).await, KeyFault::Size);
    let endless = |_: &str, out: &mut dyn Write| {
        write!(out, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            write!(out, "1000\r\n{}\r\n", " ".repeat(0x1000))?;
        }
    };
    assert_eq!(fault(endless).await, KeyFault::Size);
    let rig = Rig::document(&[]);
    let body = jwks(&["a"]);
    let body = " ".repeat(MAX_KEY_DOCUMENT - body.len()) + &body;
    rig.server.script(move |_, out| answer(out, "200 OK", "", &body));
    assert!(rig.finds("a").await, "the largest that is read");
}

#[tokio::test]
async fn time_is_bounded_whatever_is_sent_meanwhile() {
    let silent = |_: &str, _: &mut dyn Write| {
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    };
    assert_eq!(fault(silent).await, KeyFault::Timeout);
    let drip = |_: &str, out: &mut dyn Write| {
        write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
        loop {
            out.write_all(b" ")?;
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    assert_eq!(fault(drip).await, KeyFault::Timeout);
}

#[tokio::test]
async fn what_breaks_off_or_is_not_http_is_broken() {
    assert_eq!(fault(|_, out| out.write_all(b"SSH-2.0-x\r\n\r\n")).await, KeyFault::Broken);
    assert_eq!(fault(|_, _| Ok(())).await, KeyFault::Broken);
    let short =
        |_: &str, out: &mut dyn Write| out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{");
    assert_eq!(fault(short).await, KeyFault::Broken);
    let chunk = |_: &str, out: &mut dyn Write| {
        out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
    };
    assert_eq!(fault(chunk).await, KeyFault::Broken);
}

#[tokio::test]
async fn one_slow_server_does_not_hold_up_another() {
    let rig = Rig::warm(&["a"]).await;
    let slow = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    });
    let mut source = source(KeyPlace::Document { url: slow.url("/"), key: SingleKey::default() });
    source.timeout = Duration::from_millis(500);
    let hanging = KeyCache::new(source, &rig.fetching).unwrap();
    hanging.refresh();
    slow.request(0);
    rig.give(&["b"]);
    assert!(rig.finds("b").await);
    assert_eq!(hanging.lock().flights.len(), 1, "it still waits");
}

/// A source by name, over plain HTTP as far as it gets.
async fn by_name(networks: &[&str], lookup: fn(&str) -> io::Result<Vec<IpAddr>>) -> KeyFault {
    let server = Server::start(|_, out| answer(out, "200 OK", "", &jwks(&["a"])));
    let clock = Arc::new(Clock::fixed(UnixTime(0)));
    let fetching = Fetching::with_ticks(clock.clone(), false).unwrap();
    let url = format!("https://keys.example:{}/", server.address.port());
    let mut source = source(KeyPlace::Document { url, key: SingleKey::default() });
    source.networks = networks.iter().map(|network| network.parse::<IpNet>().unwrap()).collect();
    let ca = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(ca.cert.pem().as_bytes()).unwrap();
    source.ca = Some(file.path().to_owned());
    let cache = KeyCache::with_lookup(source, &fetching, lookup).unwrap();
    let Err(KeyError::Unavailable(fault)) = cache.find("a", clock.now()).await else { panic!("an answer") };
    let reached = server.connections() > 0;
    assert_eq!(reached, fault == KeyFault::Tls, "{fault:?}");
    fault
}

#[tokio::test]
async fn a_name_must_lead_to_a_public_address_or_a_named_network() {
    let loopback = |_: &str| Ok(vec!["127.0.0.1".parse().unwrap(), "169.254.169.254".parse().unwrap()]);
    assert_eq!(by_name(&[], loopback).await, KeyFault::Address);
    assert_eq!(by_name(&["10.0.0.0/8"], loopback).await, KeyFault::Address);
    assert_eq!(by_name(&["127.0.0.0/8"], loopback).await, KeyFault::Tls, "the server speaks no TLS");
    let nowhere = |_: &str| Err(io::Error::other("no such host"));
    assert_eq!(by_name(&[], nowhere).await, KeyFault::Dns);
    assert_eq!(by_name(&[], |_| Ok(Vec::new())).await, KeyFault::Dns);
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_too() {
    let rig = Rig::new(|_| {
        let mut source =
            source(KeyPlace::Document { url: "https://10.0.0.1/".to_owned(), key: SingleKey::default() });
        source.timeout = Duration::from_millis(300);
        source
    });
    assert_eq!(rig.ask("a").await, Err(KeyError::Unavailable(KeyFault::Address)));
}
