//! Keys come and go, and their server with them.

use super::*;

fn listed(bench: &Bench, source: &str) -> Value {
    let all: Value = serde_json::from_slice(&bench.proxy.ask_admin("/keys").body).expect("JSON");
    let found = all.as_array().and_then(|rows| rows.iter().find(|row| row["source"] == source));
    found.cloned().unwrap_or_default()
}

/// K02: keys outlive their server, within their time.
#[test]
fn keys_serve_while_their_server_is_down() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    bench.passes(&good("/in", "a"));
    server.down();
    refresh_fails(&bench, "in");
    bench.passes(&good("/in", "a"));
    let row = listed(&bench, "in");
    let fault = row["last_failure"]["fault"].as_str().expect("a fault");
    assert_eq!(row["keys"][0]["kid"], "a");
    // What is not in memory can be neither proved nor refuted.
    let line = bench.refused(&good("/in", "b"), 503, "keys_unavailable");
    assert_eq!(line["detail"], format!("no keys: {fault}"));
    order(&bench, "purge");
    let line = bench.refused(&good("/in", "a"), 503, "keys_unavailable");
    assert_eq!(line["detail"], "no keys: connect");
    server.up();
    order(&bench, "purge");
    bench.passes(&good("/in", "a"));
}

/// A cold start without the server, and its coming back without anybody's help.
#[test]
fn a_server_that_comes_back_is_asked_again() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    server.down();
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ", cooldown = \"1s\""));
    bench.refused(&good("/in", "a"), 503, "keys_unavailable");
    assert_eq!(bench.recorder.connections(), 0);
    server.up();
    let back = wait_until(SOON, || bench.ask(&good("/in", "a")).status == 200);
    assert!(back, "{:#?}", bench.proxy.log());
    assert_eq!((server.count(), bench.recorder.served()), (1, 1));
}

/// K14, K15, K16, K21: what appears is found, what disappeared is gone, and a wrong "unknown" can be corrected.
#[test]
fn keys_are_rotated() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    bench.passes(&good("/in", "a"));
    server.answer(Reply::Json(set(&["a", "b"])));
    bench.passes(&good("/in", "b"));
    bench.passes(&good("/in", "a"));
    assert_eq!(server.count(), 2, "one fetch for the new name");

    server.answer(Reply::Json(set(&["b"])));
    refreshed(&bench, "in", "ok");
    let served = server.count();
    let response = bench.ask(&good("/in", "a"));
    assert!([401, 503].contains(&response.status));
    let line = bench.refusal(&response, response.status);
    assert!(line["reason"] == "key_unknown" || line["reason"] == "keys_cooling_down", "{line}");
    bench.passes(&good("/in", "b"));
    assert!(server.count() <= served + 1);

    order(&bench, "purge");
    assert_eq!(listed(&bench, "in")["keys"], json!([]));
    bench.refused(&good("/in", "a"), 401, "key_unknown");
    bench.passes(&good("/in", "b"));
    let served = server.count();
    server.answer(Reply::Json(set(&["a", "b"])));
    bench.refused(&good("/in", "a"), 401, "key_unknown");
    assert_eq!(server.count(), served, "it was asked a moment ago");
    refreshed(&bench, "in", "ok");
    bench.passes(&good("/in", "a"));
}

/// Keys that come one by one: what is unknown to the server is refused, what it could not say is not.
#[test]
fn keys_that_come_one_by_one() {
    let server = KeyServer::start(Reply::Close);
    let known = json!({ "k": token::jwk("es256", "a") }).to_string();
    let misnamed = json!({ "k": token::jwk("es256", "other") }).to_string();
    server.answer_by(move |asked| match asked.target.as_slice() {
        b"/keys/a" => Reply::Json(known.clone()),
        b"/keys/misnamed" => Reply::Json(misnamed.clone()),
        b"/keys/broken" => Reply::Status(500, String::new()),
        b"/keys/moved" => Reply::Redirect("/keys/a".into()),
        _ => Reply::Status(410, String::new()),
    });
    let keys = format!("keys = {{ url = \"{}\", at = \"/k\" }}", server.url("/keys/{kid}"));
    let bench = Bench::start(&source("in", "", &jwt("\"ES256\"", &keys)));
    let mut refusals = Vec::new();
    for (kid, status, reason, detail) in [
        ("gone", 401, "key_unknown", "the issuer has no key of this `kid`"),
        ("broken", 503, "keys_unavailable", "no keys: status"),
        ("moved", 503, "keys_unavailable", "no keys: redirect"),
        ("misnamed", 503, "keys_unavailable", "no keys: no_usable_key"),
    ] {
        order(&bench, "purge");
        refusals.push((bench.ask(&good("/in", kid)), status, reason, detail));
    }
    for (response, status, reason, detail) in &refusals {
        let line = bench.refusal(response, *status);
        assert_eq!((&line["reason"], &line["detail"]), (&(*reason).into(), &(*detail).into()));
    }
    let asked = server.count();
    bench.refuses([".", "..", "a/../b", "a%2fb"].map(|kid| (good("/in", kid), 401, "kid_malformed")));
    assert_eq!((server.count(), bench.recorder.connections()), (asked, 0));
    order(&bench, "purge");
    bench.passes(&good("/in", "a"));
    server.answer(Reply::Status(404, String::new()));
    refreshed(&bench, "in", "ok");
    let gone = wait_until(SOON, || bench.ask(&good("/in", "a")).status == 401);
    assert!(gone, "a key that its server disowns: {:#?}", bench.proxy.log().last());
}

/// A reload keeps the keys of the sources that ask as before, and only theirs.
#[test]
fn a_reload_keeps_the_keys() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let other = KeyServer::start(Reply::Json(set(&["a"])));
    let bench = Bench::start(
        &[fetched("in", &server.url("/jwks"), ""), fetched("moving", &other.url("/jwks"), "")].concat(),
    );
    bench.passes(&good("/in", "a"));
    bench.passes(&good("/moving", "a"));
    server.down();
    let text = bench.proxy.policy.text().replace(&other.url("/jwks"), &other.url("/new"));
    bench
        .proxy
        .policy
        .file("bonafide.toml", format!("{text}{}", fetched("more", &other.url("/more"), "")).as_bytes());
    bench.proxy.signal("HUP");
    assert!(bench.proxy.find_line(|line| line["message"] == "configuration reloaded").is_some());
    bench.passes(&good("/in", "a"));
    other.answer(Reply::Json(set(&["b"])));
    bench.refused(&good("/moving", "a"), 401, "key_unknown");
    bench.passes(&good("/more", "b"));
    assert_eq!(lookups(&bench, "in", "hit"), 1, "counts are kept as well");
    let targets: Vec<_> = other.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets, [&b"/jwks"[..], b"/new", b"/more"]);
}

/// L21: whoever waits for a key is answered before the end.
#[test]
fn the_end_does_not_wait_for_a_key_server() {
    let server = KeyServer::start(Reply::Never);
    let mut bench = Bench::start(&fetched("in", &server.url("/jwks"), ", timeout = \"1s\""));
    let mut client = Client::tls(bench.proxy.address);
    client.send(&good("/in", "a").http1());
    assert!(server.wait_for(1));
    let began = Instant::now();
    bench.proxy.signal("TERM");
    assert_eq!(client.answer().expect("an answer").status, 503);
    let code = bench.proxy.exited_within(SOON).and_then(|status| status.code());
    assert_eq!((code, bench.recorder.connections()), (Some(0), 0));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

/// A source that only reports forwards what it could not check, and says which it was.
#[test]
fn report_tells_the_unchecked_from_the_wrong() {
    let server = KeyServer::start(Reply::Status(500, String::new()));
    let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/jwks"));
    let bench = Bench::start(&source("in", "mode = \"report\"", &jwt("\"ES256\"", &keys)));
    let verdict = |request: &Request| {
        let served = bench.recorder.served();
        assert_eq!((bench.ask(request).status, bench.recorder.served()), (200, served + 1));
        bench.recorder.requests_from(served).expect("well-formed")[0].one("bonafide-verdict")
    };
    assert_eq!(verdict(&good("/in", "a")), "unchecked");
    assert_eq!(verdict(&bearer("/in", "a.b.c")), "rejected; reason=token_malformed");
    server.answer(Reply::Json(set(&["a"])));
    order(&bench, "purge");
    assert_eq!(verdict(&good("/in", "a")), "verified");
    assert_eq!(verdict(&good("/in", "b")), "rejected; reason=key_unknown");
}

/// K16: what was asked for before a purge is not used after it.
#[test]
fn a_purge_discards_what_is_under_way() {
    let server = KeyServer::start(Reply::Json(set(&["b"])));
    server.next(Reply::Held(Box::new(Reply::Json(set(&["a"])))));
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ", timeout = \"20s\""));
    let mut client = Client::tls(bench.proxy.address);
    client.send(&good("/in", "a").http1());
    assert!(server.wait_for(1));
    order(&bench, "purge");
    bench.passes(&good("/in", "b"));
    server.release();
    let answer = client.answer().expect("an answer");
    assert_eq!(bench.refusal(&answer, 503)["reason"], "keys_cooling_down");
    bench.refused(&good("/in", "a"), 401, "key_unknown");
    bench.passes(&good("/in", "b"));
    assert_eq!(bench.recorder.served(), 2);
}
