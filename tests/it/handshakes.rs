//! Handshakes: what the proxy answers by itself, also while the application is down, and what only looks like one.

use crate::rig::client::{Client, once};
use crate::rig::policy::Policy;
use crate::rig::provider::{Source, file};
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::{sign, signer};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Bodies above this are no handshakes.
const MOST: usize = 16 * 1024;

/// A proxy over TLS, and the upstream that must see nothing of a handshake.
struct Bench {
    proxy: Proxy,
    recorder: Recorder,
}

impl Bench {
    fn start(sources: &str) -> Bench {
        let recorder = Recorder::start();
        let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(sources));
        Bench { proxy, recorder }
    }

    fn ask(&self, request: &Request) -> Response {
        once(Client::tls(self.proxy.address), request).expect("an answer")
    }

    /// The answer to what the upstream must not see, and its line in the log.
    fn told(&self, what: &str, request: &Request) -> (Response, Value) {
        self.kept_back(what, || self.ask(request))
    }

    fn kept_back(&self, what: &str, ask: impl FnOnce() -> Response) -> (Response, Value) {
        let before = (self.recorder.served(), self.recorder.connections());
        let response = ask();
        let line = line(&self.proxy, &response);
        assert_eq!((self.recorder.served(), self.recorder.connections()), before, "{what}: forwarded");
        (response, line)
    }

    /// It is answered as a handshake with this body.
    fn answered(&self, what: &str, request: &Request, body: &str) {
        let (response, line) = self.told(what, request);
        is_handshake(what, &response, &line);
        assert_eq!(response.text(), body, "{what}");
    }

    /// It is refused with this status for this reason.
    fn refused(&self, what: &str, request: &Request, status: u16, reason: &str) {
        let (response, line) = self.told(what, request);
        assert_eq!((response.status, &line["reason"]), (status, &reason.into()), "{what}: {line}");
        assert_eq!(line["verdict"], "refused", "{what}");
    }

    /// It is forwarded as it is.
    fn passes(&self, what: &str, request: &Request) {
        let served = self.recorder.served();
        let response = self.ask(request);
        let line = line(&self.proxy, &response);
        assert_eq!((response.status, &line["verdict"]), (200, &"verified".into()), "{what}: {line}");
        let got = self.recorder.requests_from(served).expect("well-formed");
        let [got] = got.as_slice() else { panic!("{what}: {got:?}") };
        assert_eq!((&got.body, &got.target), (&request.body, &request.target), "{what}");
    }
}

fn line(proxy: &Proxy, response: &Response) -> Value {
    proxy.log_line(&response.header("x-request-id").expect("a request id")).expect("a log line")
}

/// What every answer to a handshake has.
fn is_handshake(what: &str, response: &Response, line: &Value) {
    assert_eq!(
        (&line["verdict"], &line["reason"]),
        (&"answered".into(), &"handshake".into()),
        "{what}: {line}"
    );
    assert_eq!(line["status"], response.status, "{what}");
    assert!(line["detail"].as_str().is_some_and(|name| !name.is_empty()), "{what}: {line}");
    assert!(line["upstream_status"].is_null(), "{what}: {line}");
    assert_eq!(response.header("x-content-type-options").as_deref(), Some("nosniff"), "{what}");
    assert_eq!(response.header("cache-control").as_deref(), Some("no-store"), "{what}");
}

struct Row {
    name: String,
    provider: String,
    source: String,
    request: Request,
    expected: Value,
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().expect("an array").iter().map(|text| text.as_str().expect("text")).collect()
}

/// The published and computed handshakes, each for a source of its own, signed anew where a time is signed.
fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/handshakes.json");
    let rows: Value = serde_json::from_str(&fs::read_to_string(path).expect("the rows")).expect("JSON");
    let rows = rows.as_array().expect("rows").iter().enumerate();
    rows.map(|(number, row)| row_of(number, row)).collect()
}

fn row_of(number: usize, row: &Value) -> Row {
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    let (provider, name) = (text("provider").to_owned(), format!("row-{number}"));
    let source = Source {
        name: &name,
        provider: &provider,
        secrets: &strings(&row["secrets"]),
        params: &row["params"],
        overrides: text("overrides"),
    };
    let source = source.text();
    let query = text("target").split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
    let mut request = post(format!("/{name}{query}")).method(text("method")).body(text("body"));
    for pair in row["headers"].as_array().expect("fields") {
        request = request.header(pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
    }
    let signed = file(&provider).contains("signed = true");
    if signed && file(&provider).contains("role = \"timestamp\"") {
        request = signer::sign(&source, &name, &request, &[]).expect("a signed request");
    }
    Row { name, provider, source, request, expected: row.clone() }
}

impl Row {
    fn check(&self, proxy: &Proxy) {
        let response = once(Client::tls(proxy.address), &self.request).expect("an answer");
        let (what, line) = (format!("{} {}", self.name, self.provider), line(proxy, &response));
        is_handshake(&what, &response, &line);
        assert_eq!(response.status, self.expected["expect_status"], "{what}");
        assert_eq!(response.text(), self.expected["expect_body"].as_str().expect("a body"), "{what}");
        let body = !response.body.is_empty();
        let expected = self.expected["expect_type"].as_str().filter(|_| body);
        assert_eq!(response.header("content-type").as_deref(), expected, "{what}");
        for (name, value) in self.expected["expect_headers"].as_object().into_iter().flatten() {
            assert_eq!(response.header(name).as_deref(), value.as_str(), "{what}: {name}");
        }
        assert_eq!((&line["source"], line["detail"].is_string()), (&self.name.as_str().into(), true));
    }
}

/// The secret and the token of no row are in the log.
fn assert_secrets_kept(rows: &[Row], proxy: &Proxy) {
    let log = proxy.log().join("\n");
    for row in rows {
        let params = row.expected["params"].as_object().into_iter().flatten();
        let params =
            params.filter(|(name, _)| *name == "verify_token").filter_map(|(_, value)| value.as_str());
        for secret in strings(&row.expected["secrets"]).into_iter().chain(params) {
            assert!(secret.len() < 8 || !log.contains(secret), "{}: {secret} is in the log", row.provider);
        }
    }
}

/// Promise 4: an address can be entered at the sender's before the application exists.
#[test]
fn every_handshake_is_answered_whether_the_application_is_up_or_down() {
    let rows = rows();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    let sources: String = rows.iter().map(|row| row.source.as_str()).collect();
    let up = Bench::start(&sources);
    let down = Proxy::start(Policy::tls().upstream("http://127.0.0.1:1").add(&sources));
    for row in &rows {
        row.check(&up.proxy);
        row.check(&down);
    }
    assert_eq!((up.recorder.served(), up.recorder.connections()), (0, 0));
    assert_secrets_kept(&rows, &up.proxy);
    assert_secrets_kept(&rows, &down);
}

const TOKEN: &str = "a-token-that-was-entered";
const SECRET: &str = "a-secret-of-the-senders-0123456789abcdef";
const CRC: &str = "crc-secret-of-the-senders-0123456789abcd";

fn source(name: &str, provider: &str, overrides: &str) -> String {
    let params = match provider {
        "facebook" => serde_json::json!({ "verify_token": TOKEN }),
        _ => Value::Null,
    };
    let secret = if provider == "twitter" { CRC } else { SECRET };
    Source { name, provider, secrets: &[secret], params: &params, overrides }.text()
}

fn bench() -> Bench {
    let monday = "[source.jwt]\naudience = \"https://hooks.example/monday\"\n";
    let mut sources = String::new();
    for provider in ["facebook", "twitter", "zoom", "slack", "twitch", "okta", "trello", "asana", "github"] {
        sources.push_str(&source(provider, provider, ""));
    }
    for provider in ["dropbox", "microsoft-graph"] {
        sources.push_str(&source(provider, provider, ""));
    }
    sources.push_str(&source("monday", "monday", monday));
    sources.push_str(&source("facebook-off", "facebook", "handshake = \"off\"\n"));
    sources.push_str(&source("monday-off", "monday", &format!("handshake = \"off\"\n{monday}")));
    sources.push_str(&source("zoom-off", "zoom", "handshake = \"off\"\n"));
    Bench::start(&sources)
}

fn get(target: &str) -> Request {
    post(target).method("GET")
}

fn subscribe(rest: &str) -> Request {
    get(&format!("/facebook?hub.mode=subscribe&{rest}"))
}

fn challenge(body: &str) -> Request {
    post("/monday").header("Content-Type", "application/json").body(body)
}

/// What is asked for in another way than the sender does is no handshake, and nothing of it comes back.
#[test]
fn what_only_looks_like_an_unsigned_handshake_is_refused() {
    let bench = bench();
    let token = format!("hub.verify_token={TOKEN}");
    bench.answered("genuine", &subscribe(&format!("{token}&hub.challenge=115")), "115");
    let escaped = format!("hub%2Emode=subscribe&{token}&hub.challenge=11%35");
    bench.answered("escaped", &get(&format!("/facebook?{escaped}")), "115");
    for (what, rest) in [
        ("another token", "hub.verify_token=another-token-of-mine&hub.challenge=115".to_owned()),
        ("a token in other case", format!("{}&hub.challenge=115", token.to_uppercase())),
        ("half of the token", format!("{}&hub.challenge=115", &token[..token.len() - 1])),
        ("no token", "hub.challenge=115".to_owned()),
        ("an empty token", "hub.verify_token=&hub.challenge=115".to_owned()),
        ("no challenge", token.clone()),
        ("an empty challenge", format!("{token}&hub.challenge=")),
        ("a long challenge", format!("{token}&hub.challenge={}", "1".repeat(65))),
        ("a page", format!("{token}&hub.challenge=%3Cscript%3E")),
        ("a line", format!("{token}&hub.challenge=1%0d%0aX-Evil:%201")),
        ("two tokens", format!("{token}&hub.verify_token=x&hub.challenge=115")),
        ("two tokens, the other way", format!("hub.verify_token=x&{token}&hub.challenge=115")),
        ("the same token twice", format!("{token}&{token}&hub.challenge=115")),
        ("two challenges", format!("{token}&hub.challenge=115&hub.challenge=116")),
        ("two modes", format!("hub.mode=subscribe&{token}&hub.challenge=115")),
        ("a mode in other case", format!("hub.Mode=subscribe&hub.verify_Token={TOKEN}&hub.challenge=115")),
    ] {
        bench.refused(what, &subscribe(&rest), 405, "method_not_allowed");
    }
    let genuine = format!("hub.mode=subscribe&{token}&hub.challenge=115");
    for method in ["HEAD", "PUT", "OPTIONS", "DELETE"] {
        let request = post(format!("/facebook?{genuine}")).method(method);
        bench.refused(method, &request, 405, "method_not_allowed");
    }
    bench.refused("POST", &post(format!("/facebook?{genuine}")), 401, "signature_missing");
    bench.refused("elsewhere", &get(&format!("/github?{genuine}")), 405, "method_not_allowed");
    bench.refused("off", &get(&format!("/facebook-off?{genuine}")), 405, "method_not_allowed");
    bench.refused("below", &get(&format!("/facebook/x?{genuine}")), 404, "no_route");
    for value in [format!("<script>{}", "a".repeat(8)), "a".repeat(257), "a b".into(), String::new()] {
        let request = get("/okta").header("x-okta-verification-challenge", value);
        bench.refused("okta", &request, 405, "method_not_allowed");
    }
    let twice = get("/okta").header("x-okta-verification-challenge", "a");
    let twice = twice.header("x-okta-verification-challenge", "b");
    bench.refused("a field twice", &twice, 405, "method_not_allowed");
    for target in ["/dropbox?challenge=a%22b", "/dropbox", "/dropbox?challenge=a&challenge=b"] {
        bench.refused(target, &get(target), 405, "method_not_allowed");
    }
    // Whatever is visible may be asked for, and comes back as text that is not guessed at.
    let page = post("/microsoft-graph?validationToken=%3Cscript%3Ealert(1)%3C/script%3E");
    let (response, _) = bench.told("visible", &page);
    assert_eq!(response.text(), "<script>alert(1)</script>");
    let kind = ["content-type", "x-content-type-options"].map(|name| response.header(name));
    assert_eq!(kind, [Some("text/plain".to_owned()), Some("nosniff".to_owned())]);
    for long in ["a".repeat(1025), "a%20b".into(), "a%0ab".into()] {
        let request = post(format!("/microsoft-graph?validationToken={long}"));
        let (response, line) = bench.told("graph", &request);
        assert_eq!((response.status, &line["verdict"]), (401, &"refused".into()), "{line}");
    }
}

/// A body that asks is read within its bounds, whatever the proof before it lacks.
#[test]
fn a_handshake_in_the_body_has_bounds() {
    let bench = bench();
    let body = "{\"challenge\":\"abc-123\"}";
    let answer = body;
    bench.answered("genuine", &challenge(body), answer);
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    bench.answered("16 KiB", &challenge(&padded(MOST)), answer);
    let chunked = |body: &str| {
        let bytes = challenge(body).http1_chunked(&[7, 3000]);
        bench.kept_back("chunked", || {
            Client::tls(bench.proxy.address).send(&bytes).answer().expect("an answer")
        })
    };
    for (length, status) in [(body.len(), 200), (MOST, 200), (MOST + 1, 401), (3 * MOST, 401)] {
        let (response, line) = chunked(&padded(length));
        assert_eq!(response.status, status, "{length} bytes in chunks: {line}");
        assert_eq!(&line["reason"], if status == 200 { "handshake" } else { "credential_missing" });
    }
    for (what, body) in [
        ("more than 16 KiB", padded(MOST + 1)),
        ("no object", "[\"abc\"]".into()),
        ("no JSON", "challenge=abc".into()),
        ("half of it", "{\"challenge\":\"abc\"".into()),
        ("more behind it", "{\"challenge\":\"abc\"}{}".into()),
        ("nothing", String::new()),
        ("a number of objects", "{\"challenge\":{\"a\":1}}".into()),
        ("two of them", "{\"challenge\":\"abc\",\"challenge\":\"def\"}".into()),
        ("two, one escaped", "{\"challenge\":\"abc\",\"ch\\u0061llenge\":\"def\"}".into()),
        ("an event as well", "{\"challenge\":\"abc\",\"event\":{}}".into()),
        ("a page", "{\"challenge\":\"<script>\"}".into()),
        ("a quote", "{\"challenge\":\"a\\\"b\"}".into()),
        ("a control", "{\"challenge\":\"a\\nb\"}".into()),
        ("too long", format!("{{\"challenge\":\"{}\"}}", "a".repeat(257))),
        ("empty", "{\"challenge\":\"\"}".into()),
    ] {
        bench.refused(what, &challenge(&body), 401, "credential_missing");
    }
    let off = post("/monday-off").header("Content-Type", "application/json").body(body);
    bench.refused("off", &off, 401, "credential_missing");
    let secret = |request: Request| request.header("X-Hook-Secret", "b537207f");
    let (response, _) = bench.told("asana", &secret(post("/asana")));
    assert_eq!((response.status, response.header("x-hook-secret").as_deref()), (200, Some("b537207f")));
    for (what, request) in [
        ("with a body", secret(post("/asana")).body("{}")),
        ("with a signature", secret(post("/asana")).header("X-Hook-Signature", "00")),
        ("with two secrets", secret(secret(post("/asana")))),
        ("with a secret of many", post("/asana").header("X-Hook-Secret", "a, b")),
    ] {
        let (response, line) = bench.told(what, &request);
        assert_eq!((response.status, &line["verdict"]), (401, &"refused".into()), "{what}: {line}");
        assert_eq!(response.header("x-hook-secret"), None, "{what}");
    }
    // Nothing says when a body ends that does not come.
    let head = b"POST /monday HTTP/1.1\r\nHost: hooks.example\r\nContent-Length: 99999\r\n\r\n";
    let (response, line) = bench.kept_back("a long body", || {
        Client::tls(bench.proxy.address).send(head).answer().expect("an answer before the body")
    });
    assert_eq!((response.status, &line["reason"]), (401, &"credential_missing".into()));
}

#[test]
fn heads_are_enough_for_checks_and_a_client_that_waits_is_answered() {
    let bench = bench();
    let (response, line) = bench.told("HEAD", &post("/trello").method("HEAD"));
    is_handshake("HEAD", &response, &line);
    assert_eq!((response.status, response.body.len()), (200, 0));
    bench.refused("HEAD of a source without", &post("/github").method("HEAD"), 405, "method_not_allowed");
    // A head settles it: the body is not asked for.
    let head = format!(
        "GET /facebook?hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=7 HTTP/1.1\r\n\
         Host: hooks.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    );
    let (response, line) = bench.kept_back("a head that waits", || {
        Client::tls(bench.proxy.address).send(head.as_bytes()).answer().expect("an answer")
    });
    is_handshake("a head that waits", &response, &line);
    assert_eq!((response.interim.as_slice(), response.text().as_str()), (&[][..], "7"));
    let body = b"{\"challenge\":\"abc\"}";
    let head = format!(
        "POST /monday HTTP/1.1\r\nHost: hooks.example\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let (response, line) = bench.kept_back("a body that waits", || {
        let mut client = Client::tls(bench.proxy.address);
        client.send(head.as_bytes()).send(body);
        client.answer().expect("an answer")
    });
    is_handshake("a body that waits", &response, &line);
    assert_eq!((response.interim.as_slice(), response.body.as_slice()), (&[100][..], &body[..]));
    // A kept connection goes on behind a handshake.
    let mut client = Client::tls(bench.proxy.address);
    for _ in 0..2 {
        assert_eq!(
            client.send(&challenge("{\"challenge\":\"abc\"}").http1()).answer().expect("one").status,
            200
        );
        let event = post("/github").header("X-Hub-Signature-256", sign::github(SECRET, b"{}")).body("{}");
        assert_eq!(client.send(&event.http1()).answer().expect("one").status, 200);
    }
}

fn zoom(time: &str, secret: &str, body: &str) -> Request {
    let request = post("/zoom").header("x-zm-request-timestamp", time);
    request.header("x-zm-signature", sign::slack(secret, time, body.as_bytes())).body(body)
}

const PLAIN: &str =
    "{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\"}}";

/// V07: who can sign a handshake must.
#[test]
fn a_signed_handshake_is_answered_to_its_sender_alone() {
    let bench = bench();
    let now = sign::unix_time(0);
    let keyed = hex::encode(sign::hmac_sha256(SECRET.as_bytes(), &[b"qgg8vlvZRS6UYooatFL8Aw"]));
    let answer = format!("{{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\",\"encryptedToken\":\"{keyed}\"}}");
    bench.answered("zoom", &zoom(&now, SECRET, PLAIN), &answer);
    let unsigned = post("/zoom").body(PLAIN);
    bench.refused("zoom, unsigned", &unsigned, 401, "signature_missing");
    let unsigned = unsigned.header("x-zm-request-timestamp", &now);
    bench.refused("zoom, without signature", &unsigned, 401, "signature_missing");
    bench.refused("zoom, forged", &zoom(&now, "another", PLAIN), 401, "signature_mismatch");
    bench.refused(
        "zoom, of yesterday",
        &zoom(&sign::unix_time(-3600), SECRET, PLAIN),
        401,
        "timestamp_too_old",
    );
    // Off, or not of the form that can be answered, it is an event as any other.
    let off = Request { target: b"/zoom-off".to_vec(), ..zoom(&now, SECRET, PLAIN) };
    bench.passes("zoom, off", &off);
    bench.passes("zoom, too long", &zoom(&now, SECRET, &PLAIN.replace("qgg8", &"a".repeat(129))));
    bench.passes(
        "zoom, an event",
        &zoom(&now, SECRET, &PLAIN.replace("endpoint.url_validation", "meeting.ended")),
    );

    let challenge = "{\"type\":\"url_verification\",\"challenge\":\"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\"}";
    bench.refused("slack, unsigned", &post("/slack").body(challenge), 401, "signature_missing");
    let signed = post("/slack").header("X-Slack-Request-Timestamp", &now).body(challenge);
    bench.refused("slack, without signature", &signed, 401, "signature_missing");
    let signed = signed.header("X-Slack-Signature", sign::slack(SECRET, &now, challenge.as_bytes()));
    bench.passes("slack: the application answers", &signed);

    let body = "{\"challenge\":\"pogchamp-kappa-360noscope-vohiyo\",\"subscription\":{}}";
    let time = sign::rfc3339(0);
    let twitch = |id: &str, kind: &str, secret: &str| {
        let tag = sign::hmac_sha256(secret.as_bytes(), &[id.as_bytes(), time.as_bytes(), body.as_bytes()]);
        let request = post("/twitch").header("Twitch-Eventsub-Message-Id", id);
        let request = request.header("Twitch-Eventsub-Message-Timestamp", &time);
        let request = request.header("Twitch-Eventsub-Message-Type", kind).body(body);
        request.header("Twitch-Eventsub-Message-Signature", format!("sha256={}", hex::encode(tag)))
    };
    let check = "webhook_callback_verification";
    bench.answered("twitch", &twitch("e1", check, SECRET), "pogchamp-kappa-360noscope-vohiyo");
    bench.answered("twitch, again", &twitch("e1", check, SECRET), "pogchamp-kappa-360noscope-vohiyo");
    bench.refused("twitch, forged", &twitch("e1", check, "another"), 401, "signature_mismatch");
    let mut bare = twitch("e1", check, SECRET);
    bare.headers.retain(|(name, _)| !name.ends_with("Signature"));
    bench.refused("twitch, without signature", &bare, 401, "signature_missing");
    bench.passes("twitch, an event with a challenge in it", &twitch("e2", "notification", SECRET));
}

fn twitter(body: impl AsRef<[u8]>, signature: &str) -> Request {
    post("/twitter").header("x-twitter-webhooks-signature", signature).body(body)
}

/// Anyone can have a short token signed: it must never be the signature of an event.
#[test]
fn an_answer_is_no_signature_of_an_event() {
    let bench = bench();
    let ask = |token: &str| {
        let (response, line) = bench.told(token, &get(&format!("/twitter?crc_token={token}")));
        is_handshake(token, &response, &line);
        let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
        answer["response_token"].as_str().expect("a signature").to_owned()
    };
    for token in ["a", "1", "true", "forged-event_1", &"z".repeat(128)] {
        let signature = ask(token);
        let computed = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            sign::hmac_sha256(CRC.as_bytes(), &[token.as_bytes()]),
        );
        assert_eq!(signature, format!("sha256={computed}"), "the oracle is what the sender documents");
        bench.refused(token, &twitter(token, &signature), 401, "handshake_text");
        bench.refused("changed", &twitter(format!("{token} "), &signature), 401, "signature_mismatch");
    }
    for token in ["%7B%22id%22%3A1%7D", "a%20b", "", &"z".repeat(129), "a&crc_token=b", "%00"] {
        let request = get(&format!("/twitter?crc_token={token}"));
        bench.refused(token, &request, 405, "method_not_allowed");
    }
    let event = "{\"for_user_id\":\"1\",\"tweet_create_events\":[]}";
    let signature = sign::hmac_sha256(CRC.as_bytes(), &[event.as_bytes()]);
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature);
    bench.passes("an event", &twitter(event, &format!("sha256={signature}")));
}

/// Promise 4: nobody is to blame for a secret that its operator let expire.
#[test]
fn an_answer_that_needs_a_secret_needs_a_live_one() {
    let expired = source("twitter", "twitter", "").replace("\" }]", "\", until = 2020-01-01 }]");
    assert!(expired.contains("until"));
    let bench = Bench::start(&expired);
    let (response, line) = bench.told("expired", &get("/twitter?crc_token=abc"));
    assert_eq!((response.status, &line["reason"]), (503, &"no_live_secret".into()), "{line}");
    assert_eq!((&line["verdict"], &line["blame"]), (&"undecided".into(), &"ours".into()));
}

/// While one secret replaces another, the sender knows the one that it signed with.
#[test]
fn an_answer_is_computed_with_the_secret_that_proved_the_request() {
    let secrets = ["the-new-secret-of-the-rotation", "the-old-secret-of-the-rotation"];
    let source =
        Source { name: "zoom", provider: "zoom", secrets: &secrets, params: &Value::Null, overrides: "" };
    let bench = Bench::start(&source.text());
    for secret in secrets {
        let keyed = hex::encode(sign::hmac_sha256(secret.as_bytes(), &[b"qgg8vlvZRS6UYooatFL8Aw"]));
        let answer = format!("{{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\",\"encryptedToken\":\"{keyed}\"}}");
        bench.answered(secret, &zoom(&sign::unix_time(0), secret, PLAIN), &answer);
    }
}

/// Who only reports forwards what is not proved, and computes nothing for it.
#[test]
fn a_signed_handshake_without_proof_is_not_answered_where_proofs_are_only_reported() {
    let bench = Bench::start(&source("zoom", "zoom", "mode = \"report\"\n"));
    let now = sign::unix_time(0);
    for request in [post("/zoom").body(PLAIN), zoom(&now, "another", PLAIN)] {
        let response = bench.ask(&request);
        let line = line(&bench.proxy, &response);
        assert_eq!((response.text().as_str(), &line["verdict"]), ("accepted", &"waived".into()), "{line}");
    }
    assert_eq!(bench.recorder.served(), 2);
    let (response, line) = bench.told("genuine", &zoom(&now, SECRET, PLAIN));
    is_handshake("genuine", &response, &line);
}

/// Each tenant's check is answered with its own secret.
#[test]
fn an_answer_is_computed_with_the_secret_that_the_request_chooses() {
    let names = ["acme", "beta", "gamma"];
    let keys: Vec<_> =
        names.iter().map(|name| format!("{name} = {{ literal = \"{name}-{SECRET}\" }}")).collect();
    let secrets = format!("secrets = {{ by = \"tenant\", keys = {{ {} }} }}", keys.join(", "));
    let source =
        format!("[[source]]\nname = \"x\"\npath = \"/x/{{tenant}}\"\nprovider = \"twitter\"\n{secrets}\n");
    let bench = Bench::start(&source);
    for name in names {
        let tag = sign::hmac_sha256(format!("{name}-{SECRET}").as_bytes(), &[b"abc"]);
        let tag = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag);
        let request = get(&format!("/x/{name}?crc_token=abc"));
        bench.answered(name, &request, &format!("{{\"response_token\":\"sha256={tag}\"}}"));
    }
    bench.refused("nobody", &get("/x/nobody?crc_token=abc"), 401, "secret_unknown");
}
