//! Senders that read the reply: a copy gets the first one's again.

use crate::process::wait_until;
use crate::rig::client::{Client, once};
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Behaviour;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::sign;
use crate::tokens::{ADMIN, Bench, source};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const MATTERS: &str = "reply = \"matters\"\n";
const JSON: &str = "Content-Type: application/json\r\nX-Other: 1\r\n";

/// A source at `/name` with these lines.
fn sender(name: &str, lines: &str) -> String {
    source(
        name,
        &format!("provider = \"standard-webhooks\"\nsecret = {{ literal = \"{SECRET}\" }}\n{lines}"),
        "",
    )
}

fn event(path: &str, id: &str) -> Request {
    let (time, body) = (sign::unix_time(0), format!("{{\"of\":\"{id}\"}}"));
    let signature = sign::standard(KEY, id, &time, body.as_bytes());
    let head = post(path).header("webhook-id", id).header("webhook-timestamp", time);
    head.header("webhook-signature", signature).body(body)
}

fn start(lines: &str) -> Bench {
    Bench::with(Policy::tls(), &sender("in", lines), &[])
}

/// A copy, which the upstream must not see; its answer and the line of the log.
fn copy(bench: &Bench, request: &Request) -> (Response, Value) {
    let before = (bench.recorder.served(), bench.recorder.connections());
    let response = bench.ask(request);
    assert_eq!((bench.recorder.served(), bench.recorder.connections()), before, "the upstream saw it");
    let line = bench.line(&response);
    assert_eq!((&line["verdict"], &line["reason"]), (&"duplicate".into(), &"duplicate".into()), "{line}");
    assert_eq!(line["status"], response.status, "{line}");
    (response, line)
}

fn said(response: &Response) -> (u16, Option<String>, String) {
    (response.status, response.header("content-type"), response.text())
}

#[test]
fn a_copy_gets_the_reply_again() {
    let bench = start(MATTERS);
    let largest = "x".repeat(4096);
    for (id, behaviour) in [
        ("json", Behaviour::status(200, JSON, "{\"challenge\":\"abc\"}")),
        ("created", Behaviour::status(201, JSON, "{}")),
        ("untyped", Behaviour::status(202, "", "later")),
        ("empty", Behaviour::status(200, "", "")),
        ("nothing", Behaviour::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
        ("largest", Behaviour::status(200, "Content-Type: text/plain\r\n", &largest)),
        (
            "chunked",
            Behaviour::Bytes(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                    .to_vec(),
            ),
        ),
    ] {
        bench.recorder.next(behaviour);
        let first = bench.ask(&event("/in", id));
        for _ in 0..2 {
            let (again, line) = copy(&bench, &event("/in", id));
            assert_eq!(said(&again), said(&first), "{id}");
            assert_eq!((again.header("x-other"), &line["detail"]), (None, &Value::Null), "{id}");
        }
    }
    assert!(bench.proxy.metric("bonafide_replay_reply_bytes") > Some(4096));
}

/// The twin: nothing is said of the reply.
#[test]
fn without_the_word_a_copy_gets_a_plain_200() {
    for lines in ["", "reply = \"ignored\"\n"] {
        let bench = start(lines);
        bench.recorder.next(Behaviour::status(201, JSON, "{}"));
        assert_eq!(bench.ask(&event("/in", "one")).text(), "{}");
        bench.duplicate(&event("/in", "one"));
        assert_eq!(bench.proxy.metric("bonafide_replay_reply_bytes"), Some(0));
    }
}

/// What the application refused is not remembered, nor its reply.
#[test]
fn a_reply_that_is_no_success_is_not_given_again() {
    let bench = start(MATTERS);
    bench.recorder.next(Behaviour::status(500, JSON, "{\"no\":1}"));
    assert_eq!(bench.ask(&event("/in", "one")).status, 500);
    assert_eq!(bench.passes(&event("/in", "one")).1["detail"], Value::Null);
    assert_eq!(copy(&bench, &event("/in", "one")).0.text(), "accepted");
}

/// A body that is too large or was cut leaves the status, and both lines say why.
#[test]
fn what_cannot_be_remembered_is_said() {
    let bench = start(MATTERS);
    for (id, behaviour, word) in [
        ("large", Behaviour::status(201, JSON, &"x".repeat(4097)), "more than 4096 bytes"),
        ("stream", Behaviour::Stream { chunks: 2, pause: Duration::ZERO }, "more than 4096 bytes"),
        (
            "cut",
            Behaviour::BytesThenReset(b"HTTP/1.1 202 Yes\r\nContent-Length: 100\r\n\r\nten bytes.".to_vec()),
            "broken off",
        ),
    ] {
        bench.recorder.next(behaviour);
        let first = once(Client::tls(bench.proxy.address), &event("/in", id)).expect("an answer");
        let line = bench.line(&first);
        assert!(line["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{id}: {line}");
        let (again, line) = copy(&bench, &event("/in", id));
        assert_eq!((again.status, again.body.len()), (first.status, 0), "{id}");
        assert!(line["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{id}: {line}");
    }
}

/// Content-Encoding belongs to the body.
#[test]
fn an_encoded_reply_keeps_its_encoding() {
    let bench = start(MATTERS);
    bench.recorder.next(Behaviour::status(200, "Content-Encoding: br\r\n", "coded"));
    bench.ask(&event("/in", "one"));
    let (again, _) = copy(&bench, &event("/in", "one"));
    assert_eq!((again.header("content-encoding").as_deref(), again.text().as_str()), (Some("br"), "coded"));
}

/// The head says that it is delivered; a copy waits for the rest of the reply, as long as the source lets it.
#[test]
fn a_copy_waits_for_the_end_of_the_reply() {
    let lines =
        [sender("in", MATTERS), sender("hasty", "reply = \"matters\"\nreplay = { wait = \"100ms\" }\n")];
    let bench = Bench::with(Policy::tls(), &lines.concat(), &[]);
    // No chunk but the last one, which comes late.
    let slow = || Behaviour::Stream { chunks: 1, pause: Duration::from_millis(900) };
    for (path, waits) in [("/in", true), ("/hasty", false)] {
        bench.recorder.next(slow());
        let mut first = Client::tls(bench.proxy.address);
        let served = bench.recorder.served();
        first.send(&event(path, "one").http1());
        assert!(bench.recorder.wait_for(served + 1));
        let delivered = "bonafide_replay_outcomes_total{outcome=\"delivered\"}";
        assert!(wait_until(Duration::from_secs(2), || bench.proxy.metric(delivered)
            == Some(1 + u64::from(!waits))));
        let began = Instant::now();
        let answer = bench.ask(&event(path, "one"));
        assert_eq!(answer.status, if waits { 200 } else { 503 });
        assert_eq!(began.elapsed() > Duration::from_millis(400), waits, "{:?}", began.elapsed());
        assert_eq!(first.answer().expect("an answer").body.len(), 0x4000);
        assert_eq!(copy(&bench, &event(path, "one")).0.status, 200);
        assert_eq!(bench.recorder.served(), served + 1);
    }
}

/// A copy in flight gets the reply, and so does the sender that left before it came.
#[test]
fn who_waits_and_who_left_get_the_reply() {
    let reply = "{\"answer\":42}";
    let upstream = KeyServer::start(Reply::Held(Box::new(Reply::Json(reply.into()))));
    let policy = Policy::tls().timeouts("response = \"20s\"").upstream(&upstream.url(""));
    let proxy = Proxy::start(policy.add(ADMIN).add(&sender("in", MATTERS)));
    let mut left = Client::tls(proxy.address);
    left.send(&event("/in", "one").http1());
    assert!(upstream.wait_for(1));
    drop(left);
    let mut waiting = Client::tls(proxy.address);
    waiting.send(&event("/in", "one").http1());
    let waited = "bonafide_replay_outcomes_total{outcome=\"waited\"}";
    assert!(wait_until(Duration::from_secs(5), || proxy.metric(waited) == Some(1)));
    upstream.release();
    for client in [waiting, Client::tls(proxy.address)] {
        let mut client = client;
        client.send(&event("/in", "one").http1());
        assert_eq!(client.answer().expect("an answer").text(), reply);
    }
    assert_eq!(upstream.count(), 1);
}

/// It is reloaded with the policy; the word of a provider holds for its sources.
#[test]
fn a_provider_can_say_it() {
    let provider = "[provider.acme]\nreply = \"matters\"\nreplay = { window = \"10m\" }\n[provider.acme.token]\nheader = \"X-Token\"\n";
    let token = "provider = \"acme\"\nsecret = { literal = \"a-token-of-some-length-123456\" }\n";
    let sources = [source("in", token, ""), source("deaf", &format!("{token}reply = \"ignored\""), "")];
    let bench = Bench::with(Policy::tls(), &format!("{provider}{}", sources.concat()), &[]);
    let send = |path: &str| post(path).header("X-Token", "a-token-of-some-length-123456").body("{}");
    for (path, text) in [("/in", "accepted"), ("/deaf", "")] {
        assert_eq!(bench.ask(&send(path)).text(), "accepted");
        assert_eq!(copy(&bench, &send(path)).0.text(), text, "{path}");
    }
}

/// The sender leaves in the middle of the reply; its retry gets all of it.
#[test]
fn a_reply_is_read_to_its_end_for_a_sender_that_left() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (go_on, gate) = mpsc::channel();
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let upstream = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut piece = [0; 4096];
        let _ = socket.read(&mut piece);
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
        let _ = gate.recv_timeout(Duration::from_secs(5));
        let _ = socket.write_all(b"67890");
        // Nobody else comes.
        listener.set_nonblocking(true).expect("a socket");
        let _ = gate.recv_timeout(Duration::from_secs(5));
        listener.accept().is_err()
    });
    let proxy = Proxy::start(Policy::tls().upstream(&url).add(ADMIN).add(&sender("in", MATTERS)));
    let mut client = Client::tls(proxy.address);
    client.send(&event("/in", "one").http1());
    let half = client.answer_within(Duration::from_millis(500)).expect("a head");
    assert_eq!((half.status, half.complete), (200, false));
    drop(client);
    thread::sleep(Duration::from_millis(100));
    let mut second = Client::tls(proxy.address);
    second.send(&event("/in", "one").http1());
    let waited = "bonafide_replay_outcomes_total{outcome=\"waited\"}";
    assert!(wait_until(Duration::from_secs(5), || proxy.metric(waited) == Some(1)));
    go_on.send(()).expect("the upstream waits");
    assert_eq!(second.answer().expect("an answer").text(), "1234567890");
    go_on.send(()).expect("the upstream waits");
    assert!(upstream.join().expect("it ends"), "the upstream saw the copy");
}
