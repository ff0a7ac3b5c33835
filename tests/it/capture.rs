//! Refused requests that are kept for the operator: which, how much of them, for whom, and what never is.

use crate::abuse::{HUB, SECRET};
use crate::rig::client::{Client, once};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::sign;
use crate::rig::token;
use crate::tokens::{Bench, bearer, jwt, source};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::process::Command;

const TOKEN: &str = "token-of-the-operator";

fn admin(lines: &str) -> String {
    format!("[admin]\nlisten = \"127.0.0.1:0\"\n{lines}\n")
}

fn github(name: &str, lines: &str) -> String {
    source(name, &format!("provider = \"github\"\nsecret = {{ literal = \"{SECRET}\" }}\n{lines}"), "")
}

fn static_token() -> String {
    source(
        "static",
        "secret = { literal = \"the-static-token-of-the-source\" }",
        "[source.token]\nheader = \"X-Api-Token\"",
    )
}

fn start(capture: &str, sources: &str) -> Bench {
    Bench::with(Policy::tls(), &format!("{}{sources}", admin(capture)), &[])
}

fn forged(path: &str, body: &str) -> Request {
    post(path).header(HUB, sign::github("wrong", body.as_bytes())).body(body)
}

/// The admin port's answer to who asks for it by its address.
fn ask(proxy: &Proxy, path: &str) -> Response {
    let request = post(path).method("GET").host("127.0.0.1");
    once(Client::plain(proxy.admin()), &request).expect("the admin port answers")
}

fn rows(proxy: &Proxy) -> Vec<Value> {
    let page = ask(proxy, "/refused");
    assert_eq!((page.status, page.header("content-type").as_deref()), (200, Some("application/json")));
    assert_eq!(page.header("cache-control").as_deref(), Some("no-store"));
    serde_json::from_slice(&page.body).expect("JSON")
}

fn body_of(row: &Value) -> Vec<u8> {
    STANDARD.decode(row["body_base64"].as_str().expect("a body")).expect("base64")
}

/// A refusal of which the upstream saw nothing; its id.
fn refused(bench: &Bench, request: &Request, status: u16) -> String {
    let before = (bench.recorder.served(), bench.recorder.connections());
    let response = bench.ask(request);
    assert_eq!(response.status, status);
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), before, "the upstream saw it");
    response.header("x-request-id").expect("a request id")
}

/// All that tells why, and the signature, which is what there is to look at.
#[test]
fn a_refused_request_is_kept_as_it_came() {
    let bench = start("capture = 50", &github("in", ""));
    let request = forged("/in?a=%20b", "{\"n\":1}").header("X-Delivery", "7");
    let id = refused(&bench, &request, 401);
    let rows = rows(&bench.proxy);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(body_of(row), request.body);
    assert!(row["time"].as_i64().is_some_and(|time| (token::now() - time).abs() < 60), "{row}");
    assert!(row["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{row}");
    let mut expected = json!({
        "request_id": id, "source": "in", "reason": "signature_mismatch", "method": "POST", "target": "/in?a=%20b",
        "body_truncated": false,
    });
    for key in ["time", "detail", "headers", "body_base64"] {
        expected[key] = row[key].clone();
    }
    assert_eq!(*row, expected);
    let header = |name: &str, value: &str| {
        let found = row["headers"].as_array().expect("headers").contains(&json!([name, value]));
        assert!(found, "{name}: {row}");
    };
    header("host", "hooks.example");
    header(&HUB.to_ascii_lowercase(), &sign::github("wrong", &request.body));
    header("x-delivery", "7");
    let one = ask(&bench.proxy, &format!("/refused/{id}"));
    assert_eq!((one.status, serde_json::from_slice::<Value>(&one.body).expect("JSON")), (200, row.clone()));
    assert_eq!(ask(&bench.proxy, "/refused/another").status, 404);
    assert_eq!(ask(&bench.proxy, "/refused/").status, 404);
}

/// Only what a source did not believe: neither what it took, nor what was refused for another reason.
#[test]
fn only_what_is_not_believed_is_kept() {
    let sources = [
        github("in", "max_body = \"8B\""),
        github("report", "mode = \"report\""),
        github("closed", "allow_from = [\"192.0.2.1\"]"),
    ];
    let bench = start("capture = 50", &sources.concat());
    let genuine = |path: &str| post(path).header(HUB, sign::github(SECRET, b"{}")).body("{}");
    bench.passes(&genuine("/in"));
    assert_eq!(bench.ask(&forged("/report", "{}")).status, 200);
    refused(&bench, &forged("/elsewhere", "{}"), 404);
    refused(&bench, &forged("/in", "{}").method("PUT"), 405);
    refused(&bench, &forged("/closed", "{}"), 403);
    refused(&bench, &forged("/in", "more than eight"), 413);
    assert_eq!(rows(&bench.proxy), [] as [Value; 0]);
    refused(&bench, &forged("/in", "{}"), 401);
    assert_eq!(rows(&bench.proxy).len(), 1);
}

#[test]
fn the_oldest_goes_first_and_bodies_are_cut() {
    let bench = start("capture = 3\ncapture_body = \"4B\"", &github("in", ""));
    let ids: Vec<String> =
        (0..5).map(|number| refused(&bench, &forged("/in", &"12345"[..number + 1]), 401)).collect();
    let rows = rows(&bench.proxy);
    let kept: Vec<&str> = rows.iter().filter_map(|row| row["request_id"].as_str()).collect();
    assert_eq!(kept, [&ids[4], &ids[3], &ids[2]]);
    assert_eq!((body_of(&rows[0]), &rows[0]["body_truncated"]), (b"1234".to_vec(), &true.into()));
    assert_eq!((body_of(&rows[1]), &rows[1]["body_truncated"]), (b"1234".to_vec(), &false.into()));
    assert_eq!(ask(&bench.proxy, &format!("/refused/{}", ids[0])).status, 404);
}

/// What could be used again is not kept, in a field, in the query or in the path.
#[test]
fn credentials_are_not_kept() {
    let policy = Policy::tls();
    let keys = policy.file("keys.json", token::every_key().as_bytes());
    let tokens = source("jwt", "", &jwt("\"ES256\"", &format!("keys = {{ file = \"{}\" }}", keys.display())));
    let sources = [github("in", ""), static_token(), tokens].concat();
    let bench = Bench::with(policy, &format!("{}{sources}", admin("capture = 50")), &[]);
    let other = token::es256("es", json!({ "iss": "https://other.example" }));
    refused(&bench, &bearer("/jwt", &other), 401);
    refused(&bench, &post("/static").header("X-Api-Token", "almost-the-static-token").body("{}"), 401);
    let all = forged(&format!("/in?token={other}&x=1"), "{}")
        .header("Authorization", "Basic c2VuZGVyOmh1bnRlcjI=")
        .header("Cookie", "session=hunter2")
        .header("Proxy-Authorization", "hunter2")
        .header("X-Id-Token", format!("a {other} b"));
    refused(&bench, &all, 401);
    let page = ask(&bench.proxy, "/refused").text();
    let signature = other.rsplit('.').next().expect("a signature");
    for secret in [other.as_str(), signature, "almost", "hunter2", "c2VuZGVyOmh1bnRlcjI"] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    let rows = rows(&bench.proxy);
    assert_eq!(rows[0]["target"], "/in?token=[redacted]&x=1");
    let header = |row: &Value, name: &str, value: &str| {
        assert!(row["headers"].as_array().expect("headers").contains(&json!([name, value])), "{name}: {row}");
    };
    header(&rows[0], "authorization", "[redacted]");
    header(&rows[0], "x-id-token", "a [redacted] b");
    header(&rows[1], "x-api-token", "[redacted]");
    header(&rows[2], "authorization", "[redacted]");
    assert_eq!((&rows[2]["reason"], &rows[2]["source"]), (&"issuer_mismatch".into(), &"jwt".into()));
}

/// What the head settles is refused before a byte of the body is read, so there is none.
#[test]
fn a_head_that_is_refused_has_no_body() {
    let bench = start("capture = 50", &[github("in", ""), static_token()].concat());
    refused(&bench, &post("/static").header("X-Api-Token", "wrong").body("the body"), 401);
    refused(&bench, &post("/in").body("the body"), 401);
    let rows = rows(&bench.proxy);
    for row in &rows {
        assert_eq!((&row["body_base64"], &row["body_truncated"]), (&Value::Null, &false.into()), "{row}");
    }
    assert_eq!(rows[0]["reason"], "signature_missing");
}

/// The twin: nothing is kept unless the policy says so, and `check` warns when it does.
#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    for (lines, warned) in
        [("", false), ("capture = 0\ncapture_body = \"1MiB\"", false), ("capture = 1", true)]
    {
        let bench = start(lines, &github("in", ""));
        let id = refused(&bench, &forged("/in", "{}"), 401);
        for path in ["/refused".to_owned(), format!("/refused/{id}")] {
            let page = ask(&bench.proxy, &path);
            assert_eq!(page.status, if warned { 200 } else { 404 }, "{lines}");
            assert_eq!(page.text().contains("capture"), !warned, "{lines}");
        }
        let file = bench.proxy.policy.directory.path().join("bonafide.toml");
        let check =
            Command::new(env!("CARGO_BIN_EXE_bonafide")).arg("check").arg("--config").arg(file).output();
        let said = String::from_utf8_lossy(&check.expect("the binary runs").stderr).into_owned();
        assert_eq!(said.contains("warning[capture]"), warned, "{lines}: {said}");
    }
}

/// The operator alone: with the token, and not from a web page.
#[test]
fn only_the_operator_sees_them() {
    let recorder = Recorder::start();
    let lines = format!("capture = 5\ntoken = {{ literal = \"{TOKEN}\" }}");
    let proxy =
        Proxy::start(Policy::plaintext().upstream(&recorder.url).add(&admin(&lines)).add(&github("in", "")));
    let response = once(Client::plain(proxy.address), &forged("/in", "{\"n\":1}")).expect("an answer");
    assert_eq!((response.status, recorder.connections()), (401, 0));
    let id = response.header("x-request-id").expect("an id");
    for path in ["/refused".to_owned(), format!("/refused/{id}")] {
        let ask = |request: Request| -> Response {
            once(Client::plain(proxy.admin()), &request.host("127.0.0.1")).expect("an answer")
        };
        let get = || post(&path).method("GET");
        let operator = || get().header("Authorization", format!("Bearer {TOKEN}"));
        assert_eq!(ask(operator()).status, 200);
        assert_eq!(ask(get()).status, 401);
        assert_eq!(ask(get().header("Authorization", "Bearer wrong")).status, 401);
        assert_eq!(ask(operator().header("Origin", "https://evil.example")).status, 403);
        assert_eq!(ask(operator().header("Sec-Fetch-Site", "cross-site")).status, 403);
        let named = once(Client::plain(proxy.admin()), &operator().host("rebound.example"));
        assert_eq!(named.expect("an answer").status, 403);
        assert_eq!(ask(operator().method("POST")).status, 405);
        let head = once(Client::plain(proxy.admin()), &operator().method("HEAD").host("127.0.0.1"));
        assert_eq!(head.expect("an answer").status, 200);
        // Not on the port that senders use.
        assert_eq!(once(Client::plain(proxy.address), &operator()).expect("an answer").status, 404);
    }
    assert!(!proxy.log().iter().any(|line| line.contains("{\\\"n\\\":1}")), "the body is in the log");
}
