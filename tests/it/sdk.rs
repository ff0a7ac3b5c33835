//! Other people's libraries on both ends: what they sign passes byte for byte, what is forged with them does
//! not, and they believe what `bonafide sign` prints.
//!
//! `tests/peers/install` puts the libraries below `target/peers`; without them the tests are skipped, or fail
//! with `BONAFIDE_REQUIRE_PEERS=1`.

use crate::rig::libraries::Program;
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::sign::unix_time;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Base64 with the prefix of Standard Webhooks, which the other senders take as it is.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WRONG_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";

/// A library that signs or verifies for one provider.
struct Library {
    provider: &'static str,
    /// Whether it works on an empty body; `@octokit/webhooks-methods` and Stripe's verifier for Node do not.
    empty: bool,
    timestamp: bool,
}

const fn library(provider: &'static str, empty: bool, timestamp: bool) -> Library {
    Library { provider, empty, timestamp }
}

/// A run-time with its libraries and HTTP clients; `+chunked` sends a body without its length.
struct Peer {
    program: Program,
    senders: &'static [Library],
    clients: &'static [&'static str],
    verifiers: &'static [Library],
}

const PYTHON: Peer = Peer {
    program: Program::Python("peer.py"),
    senders: &[
        library("shopify", true, false),
        library("slack", true, true),
        library("standard-webhooks", true, true),
        library("stripe", true, true),
        library("svix", true, true),
    ],
    clients: &["requests", "requests+chunked", "http1", "http1+chunked", "http2", "http2+chunked"],
    verifiers: &[
        library("slack", true, true),
        library("standard-webhooks", false, true),
        library("stripe", true, true),
        library("svix", true, true),
    ],
};

const NODE: Peer = Peer {
    program: Program::Node(include_str!("../peers/peer.mjs")),
    senders: &[
        library("github", false, false),
        library("standard-webhooks", true, true),
        library("stripe", true, true),
        library("svix", true, true),
    ],
    clients: &["https", "https+chunked", "http2"],
    verifiers: &[
        library("github", false, false),
        library("standard-webhooks", true, true),
        library("stripe", false, true),
        library("svix", false, true),
    ],
};

impl Peer {
    /// Has these jobs done; one result for each.
    fn run(&self, directory: &Path, order: &Value) -> Vec<Value> {
        let Value::Array(results) = self.program.run(directory, order) else { panic!("an array") };
        assert_eq!(results.len(), order["jobs"].as_array().map_or(0, Vec::len));
        results
    }
}

/// JSON that every library takes, each with an id; most of it a serialiser would write differently.
fn events() -> Vec<Vec<u8>> {
    let long = "Grüße, 🌍!\\r\\n".repeat(200 * 1024 / 16);
    [
        r#"{"id":"evt_1","object":"event"}"#,
        "{\"id\":\"evt_2\",\"text\":\"Straße, 日本語, עברית, e\u{301} ≠ \u{e9}, \u{2028}, \u{fffd}, \u{10ffff}\"}",
        r#"{"id":"evt_3","text":"👩‍👩‍👧‍👦 🇨🇭 \ud83d\ude00 \u0000 \/ \u003c<"}"#,
        "\n{ \"id\" :\"evt_4\",\t\"a\":1.0e+2, \"a\": [ ], \"n\":12345678901234567890, \"f\":0.10 }\n\n",
        "{\r\n  \"id\": \"evt_5\",\r\n\r\n  \"b\": \"<>&\"\r\n}\r\n",
        &format!(r#"{{"id":"evt_6","text":"{long}"}}"#),
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// What only has to be text; libraries sign text, so bytes that are not UTF-8 are left to `bytes`.
fn bodies(library: &Library) -> Vec<Vec<u8>> {
    let mut bodies = events();
    bodies.extend(
        ["a=1&text=%20+%C3%A4&b=", "\u{feff}{}", "one\r\ntwo\rthree\n\r\n\r\n", "nul \0 nul", " ", "0"]
            .map(|text| text.as_bytes().to_vec()),
    );
    if library.empty {
        bodies.push(Vec::new());
    }
    bodies
}

/// The proxy with one source for each provider. One message is sent in several ways, and each has to arrive.
fn start(recorder: &Recorder) -> Proxy {
    let mut policy = Policy::tls().upstream(&recorder.url);
    let secret = policy.file("secret", SECRET.as_bytes());
    for provider in ["github", "shopify", "slack", "standard-webhooks", "stripe", "svix"] {
        policy = policy.add(&format!(
            "[[source]]\nname = \"{provider}\"\npath = \"/hooks/{provider}\"\nprovider = \"{provider}\"\n\
             replay = \"off\"\nsecret = {{ file = \"{}\" }}\n",
            secret.display()
        ));
    }
    Proxy::start(policy)
}

/// What is sent and what has to come of it.
struct Job {
    provider: &'static str,
    client: &'static str,
    secret: &'static str,
    signed: Vec<u8>,
    sent: Vec<u8>,
    /// Seconds from now.
    age: i64,
    reason: &'static str,
}

impl Job {
    fn to_json(&self, proxy: &Proxy) -> Value {
        json!({
            "provider": self.provider,
            "client": self.client,
            "secret": self.secret,
            "url": format!("https://localhost:{}{}", proxy.address.port(), self.path()),
            "body": STANDARD.encode(&self.signed),
            "sent": STANDARD.encode(&self.sent),
            "time": unix_time(-self.age).parse::<i64>().expect("a number"),
        })
    }

    fn path(&self) -> String {
        format!("/hooks/{}", self.provider)
    }
}

/// Sends them all; the answers have to be of this status and of the HTTP version that the client speaks.
fn send(peer: &Peer, directory: &Path, proxy: &Proxy, jobs: &[Job], status: u16) {
    let ca = proxy.policy.directory.path().join("certificate.pem");
    let rows: Vec<Value> = jobs.iter().map(|job| job.to_json(proxy)).collect();
    let results = peer.run(directory, &json!({ "do": "send", "ca": ca, "jobs": rows }));
    for (job, result) in jobs.iter().zip(&results) {
        let version = if job.client.starts_with("http2") { "HTTP/2" } else { "HTTP/1.1" };
        let expected = json!({ "status": status, "version": version });
        let what = format!("{}, {} by {}, {} bytes", job.reason, job.provider, job.client, job.sent.len());
        assert_eq!(*result, expected, "{what}: {:?}", proxy.request_lines().last());
    }
}

/// Everything that the libraries sign, over every client.
fn genuine(peer: &Peer) -> Vec<Job> {
    let mut jobs = Vec::new();
    for library in peer.senders {
        for client in peer.clients {
            let made = bodies(library).into_iter().map(|body| Job {
                provider: library.provider,
                client,
                secret: SECRET,
                signed: body.clone(),
                sent: body,
                age: 0,
                reason: "verified",
            });
            jobs.extend(made);
        }
    }
    jobs
}

fn genuine_messages_arrive_unchanged(peer: &Peer) {
    let Some(directory) = peer.program.directory() else { return };
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let jobs = genuine(peer);
    send(peer, &directory, &proxy, &jobs, 200);
    let mut sent: Vec<_> = jobs.iter().map(|job| (job.path().into_bytes(), job.sent.clone())).collect();
    let got = recorder.requests().expect("well-formed");
    let mut got: Vec<_> = got.into_iter().map(|request| (request.target, request.body)).collect();
    // Node sends all at once, in no order
    sent.sort();
    got.sort();
    assert!(sent == got, "{}: the upstream got other bodies", peer.program.language());
}

/// Every event with a wrong secret, every kind of small change, and stale or early timestamps.
fn forged(peer: &Peer) -> Vec<Job> {
    let mut jobs = Vec::new();
    for library in peer.senders {
        for client in peer.clients {
            let mut push = |secret, signed: &[u8], sent: Vec<u8>, age, reason| {
                let (provider, signed) = (library.provider, signed.to_vec());
                jobs.push(Job { provider, client, secret, signed, sent, age, reason });
            };
            for body in events() {
                push(WRONG_SECRET, &body, body.clone(), 0, "signature_mismatch");
                for change in changes(&body) {
                    push(SECRET, &body, change, 0, "signature_mismatch");
                }
                // refused by the head: over HTTP/1 a long rest is cut off, and most clients do not see the answer
                if library.timestamp && (body.len() < 60_000 || client.starts_with("http2")) {
                    push(SECRET, &body, body.clone(), 330, "timestamp_too_old");
                    push(SECRET, &body, body.clone(), -3600, "timestamp_in_future");
                }
            }
        }
    }
    jobs
}

/// One bit of one byte, one byte less, one more, none at all.
fn changes(body: &[u8]) -> [Vec<u8>; 4] {
    [changed(body), body[..body.len() - 1].to_vec(), [body, b"\n"].concat(), Vec::new()]
}

/// Another id; still UTF-8 and still JSON.
fn changed(body: &[u8]) -> Vec<u8> {
    let mut other = body.to_vec();
    let id = body.windows(4).position(|bytes| bytes == b"evt_").expect("an id");
    other[id] ^= 1;
    other
}

fn forged_messages_leave_no_trace(peer: &Peer) {
    let Some(directory) = peer.program.directory() else { return };
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let jobs = forged(peer);
    send(peer, &directory, &proxy, &jobs, 401);
    assert_eq!(recorder.connections(), 0, "{}", peer.program.language());
    assert!(proxy.wait_for_requests(jobs.len()));
    let lines = proxy.request_lines();
    let of = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let mut logged: Vec<_> = lines.iter().map(|line| (of(line, "source"), of(line, "reason"))).collect();
    let mut expected: Vec<_> =
        jobs.iter().map(|job| (job.provider.to_owned(), job.reason.to_owned())).collect();
    logged.sort();
    expected.sort();
    assert_eq!(logged, expected, "{}", peer.program.language());
}

/// What `bonafide sign` prints for this body, `age` seconds ago, as an object of header fields.
fn headers(policy: &Policy, provider: &str, body: &[u8], age: i64) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_bonafide"))
        .args(["sign", "--format", "json", "--provider", provider, "--at", &unix_time(-age), "--secret-file"])
        .arg(policy.file("secret", SECRET.as_bytes()))
        .arg("--body")
        .arg(policy.file("body", body))
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let signed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = signed["headers"].as_array().expect("headers").iter();
    rows.map(|row| (row[0].as_str().expect("a name").to_owned(), row[1].clone())).collect()
}

/// Signs with the binary; each row says whether the libraries have to believe it.
fn signed(peer: &Peer) -> (Vec<Value>, Vec<bool>) {
    let policy = Policy::tls();
    let (mut jobs, mut expected) = (Vec::new(), Vec::new());
    for library in peer.verifiers {
        let provider = library.provider;
        let mut push = |secret: &str, headers: &Value, body: &[u8], accepted: bool| {
            let body = STANDARD.encode(body);
            jobs.push(json!({ "provider": provider, "secret": secret, "headers": headers, "body": body }));
            expected.push(accepted);
        };
        for body in events() {
            let headers = headers(&policy, provider, &body, 0);
            push(SECRET, &headers, &body, true);
            push(SECRET, &headers, &changed(&body), false);
            push(WRONG_SECRET, &headers, &body, false);
        }
        if library.empty {
            push(SECRET, &headers(&policy, provider, b"", 0), b"", true);
            push(SECRET, &headers(&policy, provider, b"", 0), b" ", false);
        }
        if library.timestamp {
            push(SECRET, &headers(&policy, provider, b"{}", 200), b"{}", true);
            push(SECRET, &headers(&policy, provider, b"{}", 330), b"{}", false);
        }
    }
    (jobs, expected)
}

fn signed_messages_are_believed(peer: &Peer) {
    let Some(directory) = peer.program.directory() else { return };
    let (jobs, expected) = signed(peer);
    let results = peer.run(&directory, &json!({ "do": "verify", "jobs": jobs }));
    for ((job, expected), result) in jobs.iter().zip(expected).zip(results) {
        assert_eq!(result, json!({ "accepted": expected }), "{} {}", peer.program.language(), job["headers"]);
    }
}

#[test]
fn python_signs_and_the_application_gets_it() {
    genuine_messages_arrive_unchanged(&PYTHON);
}

#[test]
fn node_signs_and_the_application_gets_it() {
    genuine_messages_arrive_unchanged(&NODE);
}

#[test]
fn python_forges_and_nothing_goes_upstream() {
    forged_messages_leave_no_trace(&PYTHON);
}

#[test]
fn node_forges_and_nothing_goes_upstream() {
    forged_messages_leave_no_trace(&NODE);
}

#[test]
fn python_believes_what_sign_prints() {
    signed_messages_are_believed(&PYTHON);
}

#[test]
fn node_believes_what_sign_prints() {
    signed_messages_are_believed(&NODE);
}
