//! `tests/vectors/http1_raw_requests.json` over plaintext and TLS, in front of a policy that accepts any body.

use crate::rig::client::{Client, once};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::post;
use crate::rig::response::{Answer, find};
use base64::Engine;
use serde_json::Value;
use std::time::Duration;

const VECTORS: &str = include_str!("../vectors/http1_raw_requests.json");
const ROWS: usize = 103;

/// Rows of class `reject` that hyper settles by RFC 9112 before they can be seen (DESIGN section 2): one
/// well-formed request upstream counts as well.
const SETTLED_BELOW: [&str; 3] = ["cl-te", "te-cl", "target-fragment"];

/// Rows of class `policy`: what we answer, pinned.
const PINNED: [(&str, &[u16]); 4] = [
    ("te-lf-only-lines", &[200, 400]),
    ("absolute-form-mismatch", &[400, 421]),
    // scheme = "none" verifies no header, so Connection may name this one
    ("connection-strips-signature", &[200]),
    ("expect-unknown", &[200, 417]),
];

const POLICY: &str = r#"
[server.timeouts]
head = "1s"
body_idle = "400ms"
body = "1s"
[[source]]
name = "ingest"
path = "/ingest"
scheme = "none"
[[source]]
name = "below"
path = "/ingest/*"
scheme = "none"
"#;

#[test]
fn every_row_over_plaintext() {
    run(Policy::plaintext(), Client::plain);
}

#[test]
fn every_row_over_tls() {
    run(Policy::tls(), Client::tls);
}

fn run(policy: Policy, client: impl Fn(std::net::SocketAddr) -> Client) {
    let recorder = Recorder::start();
    let proxy = Proxy::start(policy.upstream(&recorder.url).add(POLICY));
    let document: Value = serde_json::from_str(VECTORS).expect("JSON");
    let rows = document["cases"].as_array().expect("cases");
    assert_eq!(rows.len(), ROWS);
    let mut faults = Vec::new();
    for row in rows {
        let before = recorder.served();
        let answers = play(client(proxy.address), row);
        let valid = once(client(proxy.address), &post("/ingest").body("{}"));
        let forwarded = recorder.served() - before - 1;
        let id = row["id"].as_str().unwrap_or_default();
        if valid.response().is_none_or(|response| response.status != 200) {
            faults.push(format!("{id}: the next valid request got {valid:?}"));
        }
        if let Err(fault) = judge(id, row["expect"].as_str().unwrap_or_default(), &answers, forwarded) {
            faults.push(format!("{id}: {fault}"));
        }
        if let Err(fault) = recorder.requests() {
            faults.push(format!("{id}: {fault}"));
            break;
        }
    }
    for request in recorder.requests().unwrap_or_default() {
        let text = format!("{request:?}");
        if text.contains("forged") || text.contains("http2-settings") || text.contains("x-t:") {
            faults.push(format!("forwarded: {text}"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn play(mut client: Client, row: &Value) -> Vec<Answer> {
    let raw = row["raw_b64"].as_str().unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(raw).expect("base64");
    client.send(&ours(&bytes));
    if row["half_close"] == true {
        client.half_close();
    }
    let count = if row["expect"] == "two-requests" { 2 } else { 1 };
    (0..count).map(|_| client.answer_within(Duration::from_secs(4))).collect()
}

/// The rows forge `X-Verified-Source`; here that mark is called `Bonafide-Source`.
fn ours(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (theirs, ours) in [("X-Verified-Source", "Bonafide-Source"), ("X_Verified_Source", "Bonafide_Source")]
    {
        while let Some(position) = find(&bytes, theirs.as_bytes()) {
            bytes.splice(position..position + theirs.len(), ours.bytes());
        }
    }
    bytes
}

fn judge(id: &str, expect: &str, answers: &[Answer], forwarded: usize) -> Result<(), String> {
    let statuses: Vec<u16> =
        answers.iter().map(|answer| answer.response().map_or(0, |response| response.status)).collect();
    let silent = answers.iter().any(|answer| matches!(answer, Answer::Silent));
    let refused = !silent && forwarded == 0 && statuses.iter().all(|status| *status == 0 || *status >= 400);
    let one = forwarded == 1 && statuses == [200];
    let fine = match expect {
        "ok" | "strip" => one,
        "two-requests" => forwarded == 2 && statuses == [200, 200],
        // a stripped field or a refusal; the identity of what arrives is checked by both readers
        "reject-or-normalise" => refused || one,
        "reject" if SETTLED_BELOW.contains(&id) => refused || one,
        // other paths below /ingest/*, which are forwarded as they are
        "reject" if ["path-double-enc", "path-trailing-slash"].contains(&id) => refused || one,
        "reject" => refused,
        "policy" => {
            let pinned =
                PINNED.iter().find(|(row, _)| *row == id).map(|(_, statuses)| *statuses).unwrap_or_default();
            pinned.contains(&statuses[0]) && (one || refused)
        }
        other => return Err(format!("unknown expectation {other}")),
    };
    if fine {
        Ok(())
    } else {
        Err(format!("expected {expect}, got {statuses:?} ({forwarded} forwarded, silent {silent})"))
    }
}
