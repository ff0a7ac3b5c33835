//! What a key server may answer, and where a fetch may go.

use super::*;
use crate::rig::certificate::{pair, pair_for};
use crate::rig::proxy::Proxy;
use rustls::pki_types::PrivateKeyDer;
use std::net::{IpAddr, ToSocketAddrs};

/// Answers that are of no use, and the fault that the operator is told.
fn useless() -> Vec<(Reply, &'static str)> {
    let json = |text: &str| Reply::Json(text.to_owned());
    let many: Vec<String> = (0..101).map(|number| format!("k{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let weak = json!({ "kty": "RSA", "kid": "a", "n": token::encode([0xff; 128]), "e": "AQAB" });
    vec![
        (Reply::Status(200, "<html>It works!</html>".into()), "parse"),
        (Reply::Status(204, String::new()), "status"),
        (Reply::Status(201, set(&["a"])), "status"),
        (Reply::Status(401, set(&["a"])), "status"),
        (Reply::Status(404, set(&["a"])), "status"),
        (Reply::Status(429, String::new()), "status"),
        (Reply::Status(500, set(&["a"])), "status"),
        (json(""), "parse"),
        (json("null"), "parse"),
        (json("[]"), "parse"),
        (json("{}"), "parse"),
        (json("{\"keys\":null}"), "parse"),
        (json("{\"keys\":{}}"), "parse"),
        (json("{\"keys\":[]}"), "no_usable_key"),
        (json("{\"keys\":[null,1,\"x\",{}]}"), "no_usable_key"),
        (json(&token::set(&[weak])), "no_usable_key"),
        (json(&token::set(&[token::jwk("ed", "a")])), "no_usable_key"),
        (json(&format!("\u{feff}{}", set(&["a"]))), "parse"),
        (json(&format!("{} x", set(&["a"]))), "parse"),
        (json(&set(&["a"]).replace("{\"keys\"", "{\"keys\":[],\"keys\"")), "parse"),
        (json(&set(&["a"])[1..]), "parse"),
        (json(&format!("{{\"keys\":{}", "[".repeat(100_000))), "parse"),
        (json(&set(&many)), "size"),
        (json(&format!("{}{}", " ".repeat(300_000), set(&["a"]))), "size"),
        (Reply::Huge(1 << 30), "size"),
        (Reply::Endless, "size"),
        (Reply::Trickle(set(&["a"]), Duration::from_millis(50)), "timeout"),
        (Reply::Never, "timeout"),
        (Reply::Close, "broken"),
        (Reply::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), "broken"),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{\"keys\":".to_vec()), "timeout"),
    ]
}

/// K04, K05, K07: without keys nothing can be checked; with keys a bad answer changes nothing. The orders of the
/// operator stand in for time.
#[test]
fn useless_answers_are_503_without_keys_and_harmless_with_them() {
    let server = KeyServer::start(Reply::Close);
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ", timeout = \"400ms\""));
    let (fine, mut asked) = (Reply::Json(set(&["a"])), 0);
    let mut refusals = Vec::new();
    for (number, (reply, fault)) in useless().into_iter().enumerate() {
        server.answer(reply.clone());
        refusals.push((bench.ask(&good("/in", "a")), fault));
        asked += 1;
        assert_eq!((server.count(), bench.recorder.connections()), (asked, 0), "row {number}");
        order(&bench, "purge");
    }
    for (number, (response, fault)) in refusals.iter().enumerate() {
        let line = bench.refusal(response, 503);
        let told = (&line["reason"], &line["detail"], &line["verdict"], &line["blame"]);
        let expected = (
            "keys_unavailable".into(),
            format!("no keys: {fault}").into(),
            "undecided".into(),
            "ours".into(),
        );
        assert_eq!(told, (&expected.0, &expected.1, &expected.2, &expected.3), "row {number}");
    }
    server.answer(fine);
    bench.passes(&good("/in", "a"));
    for (reply, fault) in useless() {
        server.answer(reply);
        refreshed(&bench, "in", fault);
        assert_eq!(bench.ask(&good("/in", "a")).status, 200, "{fault}");
    }
    let told = bench.proxy.find_line(|line| line["message"] == "keys could not be fetched").expect("a line");
    assert_eq!((&told["level"], &told["source"]), (&"WARN".into(), &"in".into()), "{told}");
    let response = bench.ask(&good("/in", "a"));
    assert_eq!(bench.line(&response)["key"], "a");
}

/// K04: a slow server costs its own source a while, and nobody else anything.
#[test]
fn a_slow_server_delays_its_own_source_only() {
    let held = KeyServer::start(Reply::Held(Box::new(Reply::Json(set(&["a"])))));
    let (silent, quick) = (KeyServer::start(Reply::Never), KeyServer::start(Reply::Json(set(&["a"]))));
    let sources = [
        fetched("held", &held.url("/jwks"), ", timeout = \"20s\""),
        fetched("silent", &silent.url("/jwks"), ", timeout = \"500ms\""),
        fetched("quick", &quick.url("/jwks"), ""),
    ];
    let bench = Bench::start(&sources.concat());
    let address = bench.proxy.address;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || once(Client::tls(address), &good("/held", "a")));
        assert!(held.wait_for(1));
        let began = Instant::now();
        let line = bench.refused(&good("/silent", "a"), 503, "keys_unavailable");
        assert_eq!(line["detail"], "no keys: timeout");
        assert!((Duration::from_millis(400)..Duration::from_secs(3)).contains(&began.elapsed()), "{line}");
        // What the token itself settles is settled without a key.
        let expired = token::es256("a", json!({ "exp": token::now() - 100, "iat": null, "nbf": null }));
        bench.refused(&bearer("/held", &expired), 401, "token_expired");
        bench.refused(&bearer("/held", "a.b.c"), 401, "token_malformed");
        assert_eq!(bench.recorder.connections(), 0);
        bench.passes(&good("/quick", "a"));
        assert!(!waiting.is_finished(), "it still waits for its key");
        held.release();
        assert_eq!(waiting.join().expect("a client").expect("an answer").status, 200);
    });
    assert_eq!((held.count(), silent.count(), quick.count()), (1, 1, 1));
}

/// K09: nobody is asked but the server that the policy names.
#[test]
fn redirects_are_not_followed() {
    let trap = KeyServer::start(Reply::Json(set(&["a"])));
    let server = KeyServer::start(Reply::Close);
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    let places = [
        server.url("/other"),
        "/other".to_owned(),
        trap.url("/jwks"),
        trap.url("/jwks").replace("http:", ""),
        trap.url_as("localhost", "/jwks"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "data:application/json,{}".to_owned(),
        String::new(),
    ];
    let mut refusals = Vec::new();
    for place in &places {
        server.answer(Reply::Redirect(place.clone()));
        refusals.push(bench.ask(&good("/in", "a")));
        order(&bench, "purge");
    }
    for response in &refusals {
        assert_eq!(bench.refusal(response, 503)["detail"], "no keys: redirect");
    }
    assert_eq!(bench.recorder.connections(), 0);
    server.answer(Reply::Json(set(&["a"])));
    bench.passes(&good("/in", "a"));
    server.answer(Reply::Redirect(trap.url("/jwks")));
    refreshed(&bench, "in", "redirect");
    bench.passes(&good("/in", "a"));
    assert_eq!(trap.connections(), 0, "{:?}", trap.asked());
    assert!(server.asked().iter().all(|asked| asked.target == b"/jwks"), "{:?}", server.asked());
}

/// K10: what a policy may not name.
#[test]
fn a_policy_with_an_open_address_is_refused() {
    for (url, named) in [
        ("http://keys.example/jwks", "https only"),
        ("http://10.0.0.1/jwks", "https only"),
        ("https://10.0.0.1/jwks", "private address"),
        ("https://169.254.169.254/jwks", "private address"),
        ("https://[fd00::1]/jwks", "private address"),
        ("ftp://127.0.0.1/jwks", "https only"),
        ("file:///etc/keys.json", "no host"),
        ("https://user:secret-word@keys.example/jwks", "neither user nor fragment"),
        ("keys.example/jwks", "not a URL"),
    ] {
        let policy = Policy::tls().upstream("http://127.0.0.1:9").add(&fetched("in", url, ""));
        let Err(failed) = Proxy::try_start(policy, &[]) else { panic!("{url} was taken") };
        assert_eq!(failed.code, Some(3), "{url}: {}", failed.log);
        assert!(failed.log.contains("key_url") && failed.log.contains(named), "{url}: {}", failed.log);
    }
}

/// K11: names count by the addresses that they lead to.
#[test]
fn a_name_is_looked_up_and_may_not_lead_inside() {
    let (server, policy) = (KeyServer::start(Reply::Json(set(&["a"]))), Policy::tls());
    let ca = policy.file("ca.pem", pair().certificate_pem.as_bytes());
    let ca = format!(", ca = \"{}\"", ca.display());
    let nowhere = "https://keys.invalid/jwks"; // RFC 6761 section 6.4
    let mut sources = fetched("local", &server.url_as("localhost", "/jwks"), "");
    sources += &fetched("nowhere", nowhere, &format!("{ca}, timeout = \"2s\""));
    let inside = private_name();
    match &inside {
        Some(name) => {
            sources += &fetched("inside", &server.url_as(name, "/jwks").replace("http:", "https:"), &ca)
        }
        None => eprintln!("skipped: no name but localhost leads to a private address here"),
    }
    let bench = Bench::with(policy, &sources, &[]);
    let line = bench.refused(&good("/nowhere", "a"), 503, "keys_unavailable");
    // A resolver that does not answer is as good as none.
    assert!(line["detail"] == "no keys: dns" || line["detail"] == "no keys: timeout", "{line}");
    if inside.is_some() {
        let line = bench.refused(&good("/inside", "a"), 503, "keys_unavailable");
        assert_eq!(line["detail"], "no keys: address");
    }
    assert_eq!((server.connections(), bench.recorder.connections()), (0, 0));
    bench.passes(&good("/local", "a"));
}

/// A name of this machine, other than localhost, all of whose addresses are private.
fn private_name() -> Option<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").ok()?;
    let names =
        hosts.lines().flat_map(|line| line.split('#').next().unwrap_or("").split_whitespace().skip(1));
    let private = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    let leads_inside = |name: &&str| {
        let found: Vec<_> = (*name, 0).to_socket_addrs().into_iter().flatten().collect();
        !found.is_empty() && found.iter().all(|address| private(address.ip()))
    };
    names.filter(|name| *name != "localhost").find(leads_inside).map(str::to_owned)
}

/// K13: a certificate that does not hold, for whichever reason.
#[test]
fn a_key_server_shows_a_certificate_that_holds() {
    let policy = Policy::tls();
    let json = || Reply::Json(set(&["a"]));
    let (other, stranger) = (pair_for(&["other.example"]), pair_for(&["127.0.0.1"]));
    let mut old = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    old.not_before = rcgen::date_time_ymd(2019, 1, 1);
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let old = old.self_signed(&key).expect("a certificate");
    let (ours, theirs) = (pair(), PrivateKeyDer::try_from(key.serialize_der()).expect("a key"));
    let servers = [
        ("trusted", ours.certificate.clone(), ours.key(), ours.certificate_pem.clone()),
        ("misnamed", other.certificate.clone(), other.key(), other.certificate_pem.clone()),
        ("stranger", stranger.certificate.clone(), stranger.key(), ours.certificate_pem.clone()),
        ("expired", old.der().clone(), theirs, old.pem()),
    ]
    .map(|(name, certificate, key, ca)| (name, KeyServer::https(certificate, key, json()), ca));
    let source = |(name, server, ca): &(&str, KeyServer, String)| {
        let ca = policy.file(&format!("{name}.pem"), ca.as_bytes());
        fetched(name, &server.url("/jwks"), &format!(", ca = \"{}\"", ca.display()))
    };
    let sources: String = servers.iter().map(source).collect();
    let bench = Bench::with(policy, &sources, &[]);
    for (name, server, _) in &servers[1..] {
        let line = bench.refused(&good(&format!("/{name}"), "a"), 503, "keys_unavailable");
        assert_eq!(line["detail"], "no keys: tls", "{name}");
        assert_eq!(server.count(), 0, "{name}");
    }
    assert_eq!(bench.recorder.connections(), 0);
    bench.passes(&good("/trusted", "a"));
}

/// Without `ca` the system's authorities count, and they do not know ours.
#[test]
fn a_self_signed_certificate_needs_its_ca() {
    let server = KeyServer::https(pair().certificate.clone(), pair().key(), Reply::Json(set(&["a"])));
    let recorder = crate::rig::recorder::Recorder::start();
    let policy = Policy::tls().upstream(&recorder.url).add(&fetched("in", &server.url("/jwks"), ""));
    match Proxy::try_start(policy, &[]) {
        Ok(proxy) => {
            let answer = once(Client::tls(proxy.address), &good("/in", "a")).expect("an answer");
            let line = proxy.log_line(&answer.request_id().expect("an id")).expect("a line");
            assert_eq!((answer.status, &line["detail"]), (503, &"no keys: tls".into()));
        }
        // A system without any authorities.
        Err(failed) => assert!(failed.log.contains("authorities"), "{}", failed.log),
    }
    assert_eq!((server.count(), recorder.connections()), (0, 0));
}

/// OpenID Connect: the document is the issuer's own, and leads to nowhere else than a policy may.
#[test]
fn discovery() {
    let trap = KeyServer::start(Reply::Json(set(&["a"])));
    let server = KeyServer::start(Reply::Close);
    let issuer = server.url("");
    let keys = format!("keys = {{ discovery = \"{issuer}\", timeout = \"1s\" }}");
    let table =
        format!("[source.jwt]\nalgorithms = [\"ES256\"]\naudience = \"{}\"\n{keys}\n", token::AUDIENCE);
    let bench = Bench::start(&source("in", "", &table));
    let send = || bearer("/in", &token::es256("a", json!({ "iss": issuer })));
    let document = |issuer: &str, place: &str| json!({ "issuer": issuer, "jwks_uri": place }).to_string();
    let mut refusals = Vec::new();
    for (text, fault) in [
        (document(&format!("{issuer}/"), &server.url("/jwks")), "issuer"),
        (document("https://evil.example", &server.url("/jwks")), "issuer"),
        (json!({ "jwks_uri": server.url("/jwks") }).to_string(), "issuer"),
        (json!({ "issuer": issuer }).to_string(), "parse"),
        (json!({ "issuer": issuer, "jwks_uri": 5 }).to_string(), "parse"),
        (document(&issuer, "jwks"), "parse"),
        (document(&issuer, "https://10.0.0.1/jwks"), "address"),
        (document(&issuer, "http://169.254.169.254/jwks"), "address"),
        (document(&issuer, "http://192.0.2.1/jwks"), "address"),
        (document(&issuer, "file:///etc/passwd"), "address"),
        ("<html>".to_owned(), "parse"),
    ] {
        server.answer(Reply::Json(text));
        refusals.push((bench.ask(&send()), fault));
        order(&bench, "purge");
    }
    server.answer(Reply::Redirect(trap.url("/.well-known/openid-configuration")));
    refusals.push((bench.ask(&send()), "redirect"));
    order(&bench, "purge");
    for (number, (response, fault)) in refusals.iter().enumerate() {
        assert_eq!(bench.refusal(response, 503)["detail"], format!("no keys: {fault}"), "row {number}");
    }
    assert_eq!((trap.connections(), bench.recorder.connections()), (0, 0));
    assert!(server.asked().iter().all(|asked| asked.target == b"/.well-known/openid-configuration"));
    let (text, keys) = (document(&issuer, &server.url("/jwks?x=1")), set(&["a"]));
    server.answer_by(move |asked| {
        Reply::Json(if asked.target == b"/jwks?x=1" { keys.clone() } else { text.clone() })
    });
    bench.passes(&send());
    bench.refused(&good("/in", "a"), 401, "issuer_mismatch");
}
