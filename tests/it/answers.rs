//! What a sender is told instead of our own answers; what was refused stays refused.

use crate::rig::policy::Policy;
use crate::rig::recorder::Behaviour;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::sign;
use crate::tokens::{Bench, source};
use serde_json::Value;
use std::time::Duration;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn sender(name: &str, lines: &str) -> String {
    source(
        name,
        &format!("provider = \"standard-webhooks\"\nsecret = {{ literal = \"{SECRET}\" }}\n{lines}"),
        "",
    )
}

fn event(path: &str, id: &str, body: &str) -> Request {
    let time = sign::unix_time(0);
    let signature = sign::standard(KEY, id, &time, body.as_bytes());
    let head = post(path).header("webhook-id", id).header("webhook-timestamp", time);
    head.header("webhook-signature", signature).body(body)
}

/// An answer of ours to what the upstream must not see, and its line, which keeps our reason.
fn told(bench: &Bench, request: &Request, reason: &str) -> (Response, Value) {
    let before = (bench.recorder.served(), bench.recorder.connections());
    let response = bench.ask(request);
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), before, "the upstream saw it");
    let line = bench.line(&response);
    assert_eq!((&line["reason"], &line["status"]), (&reason.into(), &response.status.into()), "{line}");
    (response, line)
}

fn fields(response: &Response) -> [Option<String>; 4] {
    ["content-type", "www-authenticate", "retry-after", "allow"].map(|name| response.header(name))
}

const PROBLEM: &str = "application/problem+json";
const CHALLENGE: &str = "Signature realm=\"bonafide\"";

/// The status alone: our body says the status that is sent, and only fields of that status go with it.
#[test]
fn a_status_takes_the_place_of_another() {
    let mapped = sender(
        "mapped",
        "allow_from = [\"127.0.0.1\"]\nanswers = { 401 = { status = 403 }, 405 = { status = 404 } }",
    );
    let asks = sender("asks", "max_body = \"8B\"\nanswers = { 413 = { status = 401 } }");
    let bench = Bench::with(Policy::tls(), &[mapped, asks, sender("plain", "")].concat(), &[]);
    for (path, status, challenge) in [("/mapped", 403, None), ("/plain", 401, Some(CHALLENGE))] {
        let (response, line) = told(&bench, &post(path).body("{}"), "signature_missing");
        assert_eq!((response.status, &line["blame"]), (status, &"caller".into()));
        let expected = [Some(PROBLEM), challenge, None, None].map(|value| value.map(str::to_owned));
        assert_eq!(fields(&response), expected, "{path}");
        let problem: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], response.header("x-request-id").expect("an id"));
    }
    for (path, status, allow) in [("/mapped", 404, None), ("/plain", 405, Some("POST"))] {
        let (response, _) = told(&bench, &post(path).method("PUT").body("{}"), "method_not_allowed");
        assert_eq!((response.status, response.header("allow").as_deref()), (status, allow));
    }
    let (response, _) = told(&bench, &event("/asks", "one", "more than eight"), "body_too_large");
    assert_eq!((response.status, response.header("www-authenticate").as_deref()), (401, Some(CHALLENGE)));
    bench.passes(&event("/mapped", "one", "{}"));
}

/// A body of the operator's, or none.
#[test]
fn a_body_takes_the_place_of_ours() {
    let lines = "answers = { 401 = { body = \"\" }, 409 = { status = 400, type = \"application/json\", body = \"{}\" }, 405 = { body = \"no\" } }";
    let bench = Bench::with(Policy::tls(), &sender("in", lines), &[]);
    let (response, _) = told(&bench, &post("/in").body("{}"), "signature_missing");
    assert_eq!((response.status, response.body.len()), (401, 0));
    assert_eq!(response.header("content-length").as_deref(), Some("0"));
    assert_eq!(fields(&response), [None, Some(CHALLENGE.to_owned()), None, None]);
    bench.passes(&event("/in", "one", "{}"));
    let (response, _) = told(&bench, &event("/in", "one", "{ }"), "event_conflict");
    assert_eq!((response.status, response.text().as_str()), (400, "{}"));
    assert_eq!(response.header("content-type").as_deref(), Some("application/json"));
    let (response, _) = told(&bench, &post("/in").method("GET"), "method_not_allowed");
    assert_eq!((response.text().as_str(), response.header("allow").as_deref()), ("no", Some("POST")));
    assert_eq!(response.header("content-type").as_deref(), Some("text/plain; charset=utf-8"));
}

/// A copy is acknowledged with another 2xx; a refused copy stays refused.
#[test]
fn copies_are_acknowledged_in_the_words_of_the_policy() {
    let sources = [
        sender("accepted", "answers = { 200 = { status = 202 } }"),
        sender("nothing", "answers = { 200 = { status = 204 } }"),
        sender("words", "answers = { 200 = { body = \"OK\" } }"),
        sender(
            "rejected",
            "replay = { duplicate = \"reject\" }\nanswers = { 200 = { status = 202 }, 409 = { status = 422 } }",
        ),
    ];
    let bench = Bench::with(Policy::tls(), &sources.concat(), &[]);
    for (path, reason, status, text) in [
        ("/accepted", "duplicate", 202, ""),
        ("/nothing", "duplicate", 204, ""),
        ("/words", "duplicate", 200, "OK"),
    ] {
        bench.passes(&event(path, "one", "{}"));
        let (response, line) = told(&bench, &event(path, "one", "{}"), reason);
        assert_eq!((response.status, response.text().as_str()), (status, text), "{path}");
        assert_eq!(line["verdict"], "duplicate");
    }
    bench.passes(&event("/rejected", "one", "{}"));
    let (response, _) = told(&bench, &event("/rejected", "one", "{}"), "duplicate_rejected");
    assert_eq!(response.status, 422);
}

/// A reply that is remembered is the application's, not ours.
#[test]
fn the_application_speaks_for_itself() {
    let lines = "reply = \"matters\"\nanswers = { 200 = { status = 202 }, 401 = { status = 403 }, 502 = { status = 500 }, 504 = { status = 503 } }";
    let policy = Policy::tls().timeouts("response = \"300ms\"\n");
    let bench = Bench::with(policy, &sender("in", lines), &[]);
    for status in [401, 502, 504] {
        bench.recorder.next(Behaviour::status(status, "", "mine"));
        let response = bench.ask(&event("/in", "one", "{}"));
        assert_eq!((response.status, response.text().as_str()), (status, "mine"));
    }
    bench.passes(&event("/in", "one", "{}"));
    let (response, _) = told(&bench, &event("/in", "one", "{}"), "duplicate");
    assert_eq!((response.status, response.text().as_str()), (200, "accepted"));
    for (behaviour, status, reason, retry) in [
        (Behaviour::BytesThenClose(Vec::new()), 500, "upstream_broken", false),
        (Behaviour::Delayed(Duration::from_secs(1)), 503, "upstream_timeout", true),
    ] {
        bench.recorder.next(behaviour);
        let response = bench.ask(&event("/in", reason, "{}"));
        assert_eq!((response.status, response.header("retry-after").is_some()), (status, retry), "{reason}");
        assert_eq!(bench.line(&response)["reason"], reason);
    }
}

/// What belongs to no source is answered as always, and so is malformed HTTP.
#[test]
fn only_answers_of_the_source_are_mapped() {
    let lines = "answers = { 401 = { status = 403 }, 405 = { status = 403 } }";
    let bench = Bench::with(Policy::tls(), &[sender("in", lines), sender("other", "")].concat(), &[]);
    for (request, status, reason) in [
        (post("/elsewhere").body("{}"), 404, "no_route"),
        (post("/in").header("Webhook_Id", "1").body("{}"), 400, "header_lookalike"),
        (post("/other").body("{}"), 401, "signature_missing"),
        (post("/other").method("PUT"), 405, "method_not_allowed"),
    ] {
        assert_eq!(told(&bench, &request, reason).0.status, status, "{reason}");
    }
    let series = "bonafide_requests_total{source=\"in\",verdict=\"refused\",reason=\"signature_missing\"}";
    told(&bench, &post("/in").body("{}"), "signature_missing");
    assert_eq!(bench.proxy.metric(series), Some(1));
}
