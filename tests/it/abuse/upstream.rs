//! U: upstream faults.

use super::*;
use crate::rig::client::{Client, once};
use crate::rig::policy::Policy;
use crate::rig::recorder::{Behaviour, Recorder};
use crate::rig::request::{Request, post};
use crate::rig::response::Answer;
use std::time::{Duration, Instant};

const ONE: Forwards = Forwards::Exactly(1);

fn broken(number: &'static str, behaviour: Behaviour) -> Case {
    Case::both(number, genuine()).upstream(behaviour).answers(&[502]).or_close().forwards(ONE)
}

#[test]
fn broken_answers() {
    let mut cases = Vec::new();
    let bytes = |text: &str| Behaviour::BytesThenClose(text.as_bytes().to_vec());
    let reset = |text: &str| Behaviour::BytesThenReset(text.as_bytes().to_vec());
    cases.push(broken("U04", reset("")));
    cases.push(broken("U04", bytes("")));
    cases.push(broken("U04", reset("HTTP/1.1 200 OK\r\nContent-")));
    cases.push(broken("U04", bytes("HTTP/1.1 200 OK\r\nContent-")));
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        "HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nhi",
        "hello",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi",
    ] {
        cases.push(broken("U10,F45", bytes(text)));
    }
    let both =
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    cases.push(
        Case::both("U10", genuine())
            .upstream(bytes(both))
            .answers(&[502, 200])
            .or_close()
            .forwards(ONE)
            .checking(|seen| {
                let response = seen.answers.first().and_then(Answer::response);
                ensure(
                    response.is_none_or(|response| response.status == 502 || response.body == b"hi"),
                    format!("{response:?}"),
                )
            }),
    );
    let wide = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\nContent-Length: 2\r\n\r\nhi", "a".repeat(10_000_000));
    cases.push(broken("U10", Behaviour::BytesThenClose(wide.into_bytes())));
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    ] {
        cases.push(truncated("U04", bytes(text)));
        cases.push(truncated("U04", reset(text)));
    }
    Bench::new().run(cases);
}

/// A body that breaks off: the client must be able to see that it did.
fn truncated(number: &'static str, behaviour: Behaviour) -> Case {
    Case::both(number, genuine()).upstream(behaviour).answers(&[502, 200]).or_close().forwards(ONE).checking(
        |seen| {
            let response = seen.answers.first().and_then(Answer::response);
            let whole = response.is_some_and(|response| response.status == 200 && response.complete);
            ensure(!whole || seen.answers.is_empty(), "a truncated answer looks whole")
        },
    )
}

#[test]
fn slow_and_early_answers() {
    let mut cases = Vec::new();
    cases.push(Case::both("U03", genuine()).upstream(Behaviour::NeverAnswer).answers(&[504]).forwards(ONE));
    cases.push(
        Case::both("U03", genuine()).upstream(Behaviour::Delayed(Duration::from_millis(200))).answers(&[200]),
    );
    let early = |status: u16| {
        Behaviour::EarlyThenReset(
            format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").into(),
        )
    };
    for status in [413, 401] {
        cases.push(
            Case::http1("U05", signed("/hooks/github", vec![b'a'; 900_000]))
                .upstream(early(status))
                .answers(&[status, 502])
                .at_most_once(),
        );
    }
    for status in [301, 302, 307, 308] {
        let redirect = Behaviour::status(status, "Location: http://127.0.0.1:1/x\r\n", "");
        cases.push(Case::both("U12", genuine()).upstream(redirect).answers(&[status]));
    }
    for status in [400, 401, 404, 409, 422, 429, 500, 503] {
        let trace = Behaviour::status(status, "", "stack trace of the application");
        cases.push(Case::both("U17", genuine()).upstream(trace).answers(&[status]).forwards(ONE).checking(
            |seen| {
                let text = seen.answers.first().and_then(Answer::response).map(|response| response.text());
                ensure(text.as_deref() == Some("stack trace of the application"), format!("{text:?}"))
            },
        ));
    }
    for status in [204, 304] {
        let extra = Behaviour::BytesThenClose(
            format!("HTTP/1.1 {status} Empty\r\n\r\nHTTP/1.1 200 OK\r\n\r\npoison").into(),
        );
        cases.push(Case::both("U18", genuine()).upstream(extra).answers(&[status, 502]).forwards(ONE));
    }
    let chunks = Behaviour::Stream { chunks: 64, pause: Duration::ZERO };
    cases.push(Case::http1("U09", genuine()).upstream(chunks).answers(&[200]).checking(|seen| {
        let response = seen.answers.first().and_then(Answer::response);
        ensure(
            response.is_some_and(|response| response.complete && response.body.len() == 64 * 0x4000),
            "not whole",
        )
    }));
    Bench::new().run(cases);
}

/// U11: bytes after an answer belong to nobody.
#[test]
fn extra_bytes_after_an_answer_poison_nobody() {
    let bench = Bench::new();
    let poison =
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    bench.recorder.next(Behaviour::Bytes(poison.to_vec()));
    let mut client = Client::tls(bench.proxy.address);
    client.send(&genuine().http1());
    let first = client.answer().expect("first");
    assert!(first.body == b"ok" || first.status == 502, "{first:?}");
    for _ in 0..5 {
        let next = once(Client::tls(bench.proxy.address), &genuine()).expect("next");
        assert_eq!((next.status, next.text().as_str()), (200, "accepted"));
    }
}

/// U02: an upstream that never reads.
#[test]
fn an_upstream_that_never_reads_times_out() {
    let recorder = Recorder::start();
    let proxy = start_policy(Policy::tls().add("[server.limits]\nbody = \"16MiB\"\n"), &recorder);
    recorder.next(Behaviour::NeverRead);
    let answer = once(Client::tls(proxy.address), &signed("/hooks/github", vec![b'a'; 12_000_000]))
        .expect("an answer");
    assert_eq!(answer.status, 504);
}

/// U05: an upstream that answers before it has read the body, and reads no more, does not hold the body for ever.
#[test]
fn an_upstream_that_answers_and_reads_no_more_lets_go_of_the_body() {
    let recorder = Recorder::start();
    let policy = Policy::tls()
        .timeouts("upstream_idle = \"1s\"\n")
        .add("[server.limits]\nbody = \"32MiB\"\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    let proxy = start_policy(policy, &recorder);
    recorder.next(Behaviour::EarlyThenHold(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()));
    let request = signed("/hooks/github", vec![b'a'; 20_000_000]);
    assert_eq!(once(Client::tls(proxy.address), &request).expect("the early answer").status, 200);
    let began = Instant::now();
    while proxy.metric("bonafide_held_bytes") != Some(0) {
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", proxy.metric("bonafide_held_bytes"));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// U07: an idle connection that the upstream closes as we write is never a lost or a doubled event.
#[test]
fn a_closed_idle_connection_is_not_a_doubled_event() {
    let bench = Bench::new();
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let mut accepted = 0;
    for _ in 0..40 {
        bench.recorder.next(Behaviour::BytesThenClose(answer.clone()));
        let response = once(Client::tls(bench.proxy.address), &genuine()).expect("an answer");
        assert!(matches!(response.status, 200 | 502), "{response:?}");
        accepted += usize::from(response.status == 200);
    }
    assert_eq!(bench.recorder.served(), accepted, "answers of 200 and requests served differ");
}

/// Nobody listens: 502, at once and again.
#[test]
fn an_upstream_that_is_down_is_502_and_comes_back() {
    let recorder = Recorder::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let gone = format!(
        "\n[[source]]\nname = \"gone\"\npath = \"/gone\"\nscheme = \"none\"\nupstream = \"http://{free}\"\n"
    );
    let proxy = start_policy(Policy::tls().add(&gone), &recorder);
    for _ in 0..3 {
        let response = once(Client::tls(proxy.address), &post("/gone").body(BODY)).expect("an answer");
        assert_eq!(response.status, 502);
        let line = proxy.log_line(&response.request_id().expect("a request_id")).expect("a log line");
        assert_eq!(line["reason"], "upstream_unreachable");
        assert_eq!(line["blame"], "upstream");
    }
    assert_eq!(recorder.connections(), 0);
}

/// U18: HEAD keeps its framing whatever the upstream sends.
#[test]
fn head_answers_have_no_body() {
    let recorder = Recorder::start();
    let head =
        "\n[[source]]\nname = \"head\"\npath = \"/head\"\nmethods = [\"GET\", \"HEAD\"]\nscheme = \"none\"\n";
    let proxy = start_policy(Policy::tls().add(head), &recorder);
    recorder.next(Behaviour::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec()));
    let mut client = Client::tls(proxy.address);
    let request: Request = post("/head").method("HEAD");
    client.send(&request.http1());
    let answer = client.head_answer().expect("HEAD");
    assert_eq!((answer.status, answer.header("content-length").as_deref()), (200, Some("5")));
    client.send(&post("/head").method("GET").http1());
    assert_eq!(client.answer().expect("GET on the same connection").text(), "accepted");
}

/// U19: the client leaves; the upstream call is finished and recorded.
#[test]
fn a_client_that_leaves_does_not_cut_the_upstream_call() {
    let bench = Bench::new();
    bench.recorder.next(Behaviour::Delayed(Duration::from_millis(300)));
    let mut client = Client::tls(bench.proxy.address);
    client.send(&genuine().http1());
    assert!(bench.recorder.wait_for(1));
    drop(client);
    let line = bench.proxy.find_line(|line| line["message"] == "request" && line["upstream_status"] == 200);
    assert!(line.is_some(), "{:?}", bench.proxy.log());
}
