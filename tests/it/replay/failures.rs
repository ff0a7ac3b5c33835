//! What the application did not take may come again, and comes again once.

use super::*;
use crate::process::free_port;

/// P03, P04, P06: whatever it was that failed, the sender's own retry is delivered, and nothing after it.
#[test]
fn a_failed_delivery_is_delivered_once_more() {
    let bench = start(&standard("in", ""));
    let rows = [
        ("500", Behaviour::status(500, "", ""), 500),
        ("503", Behaviour::status(503, "Retry-After: 1\r\n", ""), 503),
        ("302", Behaviour::status(302, "Location: /\r\n", ""), 302),
        ("304", Behaviour::Bytes(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()), 304),
        ("404", Behaviour::status(404, "", ""), 404),
        ("410", Behaviour::status(410, "", ""), 410),
        ("429", Behaviour::status(429, "", ""), 429),
        ("garbage", Behaviour::BytesThenClose(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), 502),
        ("half", Behaviour::BytesThenReset(b"HTTP/1.1 200 OK\r\nConte".to_vec()), 502),
        ("closed", Behaviour::BytesThenClose(Vec::new()), 502),
        ("silent", Behaviour::NeverAnswer, 504),
    ];
    for (id, behaviour, status) in rows {
        let (request, served) = (event("/in", id), bench.recorder.served());
        bench.recorder.next(behaviour);
        assert_eq!(bench.ask(&request).status, status, "{id}");
        assert_eq!(bench.recorder.served(), served + 1, "{id}");
        bench.passes(&request);
        bench.duplicate(&request);
        bench.duplicate(&request);
        assert_eq!(bench.recorder.served(), served + 2, "{id}");
    }
    assert_eq!((outcomes(&bench.proxy, "released"), outcomes(&bench.proxy, "delivered")), (11, 11));
}

/// Any 2xx is an acknowledgement, whatever becomes of its body.
#[test]
fn whatever_is_acknowledged_is_delivered() {
    let bench = start(&standard("in", ""));
    for (id, behaviour, status) in [
        ("201", Behaviour::status(201, "", ""), 201),
        ("202", Behaviour::status(202, "", "later"), 202),
        ("204", Behaviour::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()), 204),
        (
            "cut",
            Behaviour::BytesThenReset(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.".to_vec()),
            200,
        ),
    ] {
        bench.recorder.next(behaviour);
        let answer = once(Client::tls(bench.proxy.address), &event("/in", id));
        assert_eq!(answer.expect("an answer").status, status, "{id}");
        bench.duplicate(&event("/in", id));
    }
    assert_eq!(bench.recorder.served(), 4);
}

/// An application that is not there yet.
#[test]
fn a_refused_connection_releases_the_delivery() {
    let away = free_port();
    let policy = Policy::tls().timeouts(TIMEOUTS).upstream(&format!("http://{away}"));
    let proxy = Proxy::start(policy.add(ADMIN).add(&standard("in", "")));
    let send = || once(Client::tls(proxy.address), &event("/in", "msg_1")).expect("an answer").status;
    assert_eq!((send(), send()), (502, 502));
    let recorder = Recorder::start();
    let text = proxy.policy.text().replace(&format!("http://{away}"), &recorder.url);
    proxy.policy.file("bonafide.toml", text.as_bytes());
    proxy.signal("HUP");
    assert!(proxy.find_line(|line| line["message"] == "configuration reloaded").is_some());
    assert_eq!((send(), send(), send()), (200, 200, 200));
    assert_eq!((recorder.served(), outcomes(&proxy, "duplicate")), (1, 2));
}

/// P05: the client is gone before the answer, the application is not: it counts as delivered.
#[test]
fn a_client_that_leaves_takes_nothing_with_it() {
    let upstream = KeyServer::start(Reply::Held(Box::new(Reply::Json("{}".into()))));
    let policy = Policy::tls().timeouts("response = \"20s\"").upstream(&upstream.url(""));
    let proxy = Proxy::start(policy.add(ADMIN).add(&standard("in", "")));
    let mut client = Client::tls(proxy.address);
    client.send(&event("/in", "msg_1").http1());
    assert!(upstream.wait_for(1));
    drop(client);
    let mut second = Client::tls(proxy.address);
    second.send(&event("/in", "msg_1").http1());
    assert!(wait_until(Duration::from_secs(5), || outcomes(&proxy, "waited") == 1));
    upstream.release();
    let answer = second.answer().expect("an answer");
    assert_eq!((answer.status, answer.body.len(), upstream.count()), (200, 0, 1));
    assert_eq!((outcomes(&proxy, "delivered"), outcomes(&proxy, "released")), (1, 0));
}

/// The client is gone and the application failed: its retry is delivered once more and no more.
#[test]
fn a_client_that_leaves_a_failure_may_come_again() {
    let upstream = KeyServer::start(Reply::Json("{}".into()));
    upstream.next(Reply::Held(Box::new(Reply::Status(500, String::new()))));
    let policy = Policy::tls().timeouts("response = \"20s\"").upstream(&upstream.url(""));
    let proxy = Proxy::start(policy.add(ADMIN).add(&standard("in", "")));
    let mut client = Client::tls(proxy.address);
    client.send(&event("/in", "msg_1").http1());
    assert!(upstream.wait_for(1));
    drop(client);
    upstream.release();
    assert!(wait_until(Duration::from_secs(5), || outcomes(&proxy, "released") == 1));
    for number in 0..3 {
        let answer = once(Client::tls(proxy.address), &event("/in", "msg_1")).expect("an answer");
        assert_eq!((answer.status, answer.body.is_empty()), (200, number > 0));
    }
    assert_eq!(upstream.count(), 2);
}

/// P25: a delivery that hangs holds its place no longer than the application may take, and a copy that waits then
/// takes it.
#[test]
fn a_delivery_that_hangs_lets_the_next_one_pass() {
    let bench =
        start(&[standard("patient", ""), standard("hasty", "replay = { wait = \"200ms\" }")].concat());
    bench.recorder.next(Behaviour::NeverAnswer);
    let (mut first, mut second) = (Client::tls(bench.proxy.address), Client::tls(bench.proxy.address));
    first.send(&event("/patient", "msg_1").http1());
    assert!(bench.recorder.wait_for(1));
    second.send(&event("/patient", "msg_1").http1());
    assert_eq!(first.answer().expect("an answer").status, 504);
    let answer = second.answer().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "accepted"), "it took the place");
    bench.duplicate(&event("/patient", "msg_1"));
    assert_eq!(bench.recorder.served(), 2);

    bench.recorder.next(Behaviour::NeverAnswer);
    first.send(&event("/hasty", "msg_1").http1());
    assert!(bench.recorder.wait_for(3));
    let began = Instant::now();
    let line = bench.refused(&event("/hasty", "msg_1"), 503, "delivery_in_flight");
    assert!(began.elapsed() < Duration::from_secs(2) && line["detail"].is_string(), "{line}");
    assert_eq!(first.answer().expect("an answer").status, 504);
    bench.passes(&event("/hasty", "msg_1"));
    assert_eq!(bench.recorder.served(), 4);
}

/// A copy with another body does not wait: it is in conflict with what is on its way.
#[test]
fn a_conflict_does_not_wait() {
    let upstream = KeyServer::start(Reply::Held(Box::new(Reply::Json("{}".into()))));
    let policy = Policy::tls().timeouts("response = \"20s\"").upstream(&upstream.url(""));
    let proxy = Proxy::start(policy.add(&standard("in", "")));
    let mut first = Client::tls(proxy.address);
    first.send(&event("/in", "msg_1").http1());
    assert!(upstream.wait_for(1));
    let other = once(Client::tls(proxy.address), &event_at("/in", "msg_1", "{}", 0)).expect("an answer");
    assert_eq!((other.status, upstream.count()), (409, 1));
    upstream.release();
    assert_eq!(first.answer().expect("an answer").status, 200);
}
