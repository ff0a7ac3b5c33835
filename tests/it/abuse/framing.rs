//! F: HTTP/1 framing and smuggling.

use super::*;
use crate::rig::client::{Client, PATIENCE, once};
use crate::rig::request::post;
use crate::rig::response::Answer;
use std::io::Write;
use std::time::Duration;

#[test]
fn lengths_and_codings() {
    let sign = |body: &[u8]| hub_line(body);
    let mut cases = Vec::new();
    let chunked = b"3\r\nabc\r\n0\r\n\r\n";
    // hyper settles these by RFC 9112 before they can be seen: one well-formed request counts as well
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        let bytes = raw(&format!("{}{lines}", sign(b"abc")), chunked);
        cases.push(Case::bytes("F01-F02", bytes).answers(&[400, 200]).or_close().at_most_once());
        let hidden = raw(lines, b"0\r\n\r\nGET /admin HTTP/1.1\r\nHost: hooks.example\r\n\r\n");
        cases.push(Case::bytes("F03", hidden).answers(&[400, 401]).or_close().forwards(Forwards::Exactly(0)));
    }
    for lengths in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: \r\n",
        "Content-Length: 3 3\r\n",
        "Content-Length: 1e1\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer_Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content_Length: 7\r\nContent-Length: 3\r\n",
    ] {
        let bytes = raw(
            &format!("{}{lengths}", sign(b"abc")),
            if lengths.contains("Transfer-") { chunked } else { b"abc" },
        );
        cases.push(Case::bytes("F04-F13", bytes).answers(&[400]).or_close());
    }
    for lengths in ["Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 003\r\n"] {
        let bytes = raw(&format!("{}{lengths}", sign(b"abc")), b"abc");
        cases.push(Case::bytes("F05-F07", bytes).answers(&[400, 200]).or_close().at_most_once());
    }
    for coding in ["\tchunked", "Chunked", ", chunked", "chunked,"] {
        let bytes = raw(&format!("{}Transfer-Encoding:{coding}\r\n", sign(b"abc")), chunked);
        cases.push(Case::bytes("F12", bytes).answers(&[400, 200]).or_close().at_most_once());
    }
    http10(&mut cases);
    Bench::new().run(cases);
}

fn http10(cases: &mut Vec<Case>) {
    let old = |lines: &str, rest: &[u8]| {
        let text = format!("POST /hooks/github HTTP/1.0\r\nHost: hooks.example\r\n{lines}\r\n");
        [text.as_bytes(), rest].concat()
    };
    let chunked =
        old(&format!("{}Transfer-Encoding: chunked\r\n", hub_line(b"abc")), b"3\r\nabc\r\n0\r\n\r\n");
    cases.push(Case::bytes("F14", chunked).answers(&[400]).or_close());
    let none = old(&hub_line(b"abc"), b"abc");
    cases.push(Case::bytes("F15", none).answers(&[400, 401, 411]).or_close());
    let one = old(&format!("{}Connection: keep-alive\r\nContent-Length: 3\r\n", hub_line(b"abc")), b"abc");
    cases.push(Case::bytes("F16", one).answers(&[200]));
}

#[test]
fn chunks_and_trailers() {
    let mut cases = Vec::new();
    let chunked = |rest: &[u8]| raw(&format!("{}Transfer-Encoding: chunked\r\n", hub_line(b"abc")), rest);
    for rest in [b"3;ext=1\r\nabc\r\n0\r\n\r\n".as_slice(), b"3 \r\nabc\r\n0\r\n\r\n"] {
        cases.push(Case::bytes("F17,F20", chunked(rest)).answers(&[200, 400]).or_close().at_most_once());
    }
    let huge = [b"3;".as_slice(), &[b'a'; 64 * 1024], b"\r\nabc\r\n0\r\n\r\n"].concat();
    for rest in [
        b"3;a\nabc\r\n0\r\n\r\n".as_slice(),
        &huge,
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"3\r\nabcXX0\r\n\r\n",
    ] {
        cases.push(Case::bytes("F18-F22", chunked(rest)).answers(&[400, 413]).or_close());
    }
    let short = raw(&format!("{}Content-Length: 30\r\n", hub_line(b"abc")), b"abc");
    cases.push(Case::new("F25", Stimulus::BytesThenEnd(short)).answers(&[400]).or_close());
    let trailing = format!("d\r\nHello, World!\r\n0\r\n{}\r\n", hub_line(BODY));
    let unsigned = raw("Transfer-Encoding: chunked\r\nTrailer: X-Hub-Signature-256\r\n", trailing.as_bytes());
    cases.push(Case::bytes("F26", unsigned).answers(&[401]).or_close());
    let evil = b"3\r\nabc\r\n0\r\nContent-Length: 9\r\nHost: evil\r\nAuthorization: evil\r\nBonafide-Source: evil\r\n\r\n";
    cases.push(Case::bytes("F27", chunked(evil)).answers(&[200, 400]).or_close().at_most_once().checking(
        |seen| ensure(!format!("{:?}", seen.forwarded).contains("evil"), "a trailer was forwarded"),
    ));
    Bench::new().run(cases);
}

#[test]
fn heads() {
    let mut cases = Vec::new();
    let signed_with = |lines: &str| raw(&format!("{}Content-Length: 3\r\n{lines}", hub_line(b"abc")), b"abc");
    for lines in [
        "X-A: b\rc\r\n",
        "X-A: b\0c\r\n",
        "X-A: b\x7fc\r\n",
        "X-A: b\r\n folded\r\n",
        ": empty name\r\n",
        "no colon\r\n",
        "X-A : b\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n",
        "Upgrade: foo\r\nConnection: Upgrade\r\n",
    ] {
        cases.push(Case::bytes("F29-F31,F44", signed_with(lines)).answers(&[400, 426]).or_close());
    }
    let leading = b"POST /hooks/github HTTP/1.1\r\n Host: hooks.example\r\n\r\n".to_vec();
    cases.push(Case::bytes("F31", leading).answers(&[400]).or_close());
    let latin = [raw("X-A: ", b"")[..].strip_suffix(b"\r\n").unwrap_or_default(), b"\xe9\r\n"].concat();
    let latin = [latin, format!("{}Content-Length: 3\r\n\r\nabc", hub_line(b"abc")).into_bytes()].concat();
    cases.push(Case::bytes("F32", latin).answers(&[200, 400]).at_most_once().checking(|seen| {
        ensure(
            seen.forwarded.iter().all(|request| request.headers.contains(&("x-a".into(), b"\xe9".to_vec()))),
            "changed",
        )
    }));
    cases.push(
        Case::both("F32", post("/hooks/github").header(HUB, b"sha256=\xff\xfe").body(BODY))
            .answers(&[401, 400]),
    );
    cases.push(Case::http1("F33", genuine().header("Connection", b"\xff")).answers(&[400]).or_close());
    for line in [
        "POST  /hooks/github  HTTP/1.1",
        "POST /hooks/github",
        "POST /hooks/github HTTP/1.2",
        "POST /hooks/github HTTP/2.0",
    ] {
        let bytes = format!(
            "{line}\r\nHost: hooks.example\r\n{}Content-Length: 13\r\n\r\nHello, World!",
            hub_line(BODY)
        );
        cases.push(Case::bytes("F34-F35", bytes).answers(&[400, 505]).or_close());
    }
    cases.push(
        Case::bytes("F36", [b"\r\n\r\n".to_vec(), genuine().http1()].concat())
            .answers(&[200, 400])
            .or_close()
            .at_most_once(),
    );
    cases.push(Case::bytes("F36", b"\r\n".repeat(100_000)).answers(&[400, 408, 431]).or_close());
    for preamble in [
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".as_slice(),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02",
    ] {
        cases.push(Case::bytes("F54", [preamble, &genuine().http1()].concat()).answers(&[400]).or_close());
    }
    let upgrade = signed_with(
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    );
    cases.push(Case::bytes("F43", upgrade).answers(&[200]));
    sizes(&mut cases);
    Bench::new().run(cases);
}

fn sizes(cases: &mut Vec<Case>) {
    let with = |count: usize| {
        let filler: String = (0..count - 3).map(|number| format!("X-{number}: 1\r\n")).collect();
        raw(&format!("{}Content-Length: 13\r\n{filler}", hub_line(BODY)), BODY)
    };
    cases.push(Case::bytes("F48", with(100)).answers(&[200]));
    cases.push(Case::bytes("F48", with(101)).answers(&[431]).or_close());
    cases.push(
        Case::both("F49", genuine().header("X-Long", "a".repeat(32 * 1024))).answers(&[431]).or_close(),
    );
    cases.push(Case::both("F49", genuine().header("X-Long", "a".repeat(500_000))).answers(&[431]).or_close());
    cases.push(Case::both("F49", genuine().header("X-Long", "a".repeat(28 * 1024))).answers(&[200]));
    cases.push(Case::both("F50", genuine().header(&"N".repeat(33_000), "a")).answers(&[431, 400]).or_close());
    cases.push(
        Case::both("M42", post("/hooks/github").header(HUB, "a".repeat(2_000_000)).body(BODY))
            .answers(&[431])
            .or_close(),
    );
}

#[test]
fn connections_and_expectations() {
    let mut cases = Vec::new();
    let pair = |first: Vec<u8>, second: Vec<u8>| Stimulus::Bytes([first, second].concat(), 2);
    cases.push(Case::new("F37", pair(genuine().http1(), genuine().http1())).answers(&[200]));
    let second = post("/hooks/github").body(BODY).http1();
    let mixed =
        Case::new("F38", pair(genuine().http1(), second)).answers(&[200, 401]).forwards(Forwards::Exactly(1));
    cases.push(mixed.checking(|seen| {
        let statuses: Vec<u16> =
            seen.answers.iter().filter_map(Answer::response).map(|response| response.status).collect();
        ensure(statuses == [200, 401], format!("{statuses:?}"))
    }));
    let expecting = |target: &str, length: usize| {
        let sign = hub_line(BODY);
        format!(
            "POST {target} HTTP/1.1\r\nHost: hooks.example\r\n{sign}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (target, length, status) in [
        ("/nope", 13, 404),
        ("/hooks/small", 4096, 413),
        ("/hooks/small", 10_737_418_240, 413),
        ("/hooks/jwt", 2_000_000, 413),
    ] {
        cases.push(Case::bytes("F40", expecting(target, length)).answers(&[status]).checking(|seen| {
            let interim =
                seen.answers.first().and_then(Answer::response).map(|response| response.interim.clone());
            ensure(interim == Some(vec![]), format!("interim {interim:?}"))
        }));
    }
    let unproved = "POST /hooks/github HTTP/1.1\r\nHost: hooks.example\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n";
    cases.push(Case::bytes("F40", unproved).answers(&[401]).checking(|seen| {
        let interim =
            seen.answers.first().and_then(Answer::response).map(|response| response.interim.clone());
        ensure(interim == Some(vec![]), format!("interim {interim:?}: invited a body that cannot be proved"))
    }));
    cases.push(Case::bytes("F41", expecting("/hooks/github", 13)).answers(&[408]).or_close());
    cases.push(
        Case::http1("F42", genuine().header("Expect", "200-maybe"))
            .answers(&[200, 417])
            .or_close()
            .at_most_once()
            .checking(|seen| {
                ensure(
                    seen.forwarded.iter().all(|request| request.all("expect").is_empty()),
                    "Expect was forwarded",
                )
            }),
    );
    cases.push(
        Case::bytes("F44", [upgrade_then(), genuine().http1()].concat()).answers(&[400, 426]).or_close(),
    );
    cases.push(Case::http1("F46", genuine().method("GET")).answers(&[405]));
    cases.push(
        Case::free("F51", |proxy| {
            let mut client = Client::plain(proxy.address);
            client.send(&genuine().http1());
            client.answer()
        })
        .answers(&[400])
        .or_close(),
    );
    cases.push(
        Case::free("F52", split_everywhere).answers(&[200]).forwards(Forwards::Exactly(split_points().len())),
    );
    cases.push(Case::free("F52", byte_by_byte).answers(&[200]));
    cases.push(slow("X05", b"1".as_slice()));
    cases.push(
        Case::bytes("X09", raw(&format!("{}Content-Length: 10737418240\r\n", hub_line(BODY)), BODY))
            .answers(&[413]),
    );
    let endless = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat().repeat(18);
    cases.push(
        Case::bytes("X10", raw(&format!("{}Transfer-Encoding: chunked\r\n", hub_line(BODY)), &endless))
            .answers(&[413])
            .or_close(),
    );
    Bench::new().run(cases);
}

fn upgrade_then() -> Vec<u8> {
    raw(&format!("{}Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 13\r\n", hub_line(BODY)), BODY)
}

/// A body that stops in the middle.
fn slow(number: &'static str, first: &'static [u8]) -> Case {
    let head = raw(&format!("{}Content-Length: 13\r\n", hub_line(BODY)), first);
    Case::bytes(number, head).answers(&[408]).or_close()
}

fn split_points() -> Vec<usize> {
    (1..genuine().http1().len()).step_by(3).collect()
}

/// Two writes, cut at each offset.
fn split_everywhere(proxy: &crate::rig::proxy::Proxy) -> Answer {
    let bytes = genuine().http1();
    let mut last = Answer::Silent;
    for point in split_points() {
        let mut client = Client::tls(proxy.address);
        client.send(&bytes[..point]).send(&bytes[point..]);
        last = client.answer();
        if last.response().is_none_or(|response| response.status != 200) {
            return last;
        }
    }
    last
}

/// One byte a TLS record.
fn byte_by_byte(proxy: &crate::rig::proxy::Proxy) -> Answer {
    let mut client = Client::tls(proxy.address);
    for byte in genuine().http1() {
        let _ = client.wire.write_all(&[byte]).and_then(|()| client.wire.flush());
    }
    client.answer()
}

#[test]
fn refusals_keep_or_close_the_connection() {
    let recorder = crate::rig::recorder::Recorder::start();
    let proxy = start(&recorder);
    let mut client = Client::tls(proxy.address);
    client.send(&post("/hooks/github").body(BODY).http1());
    assert_eq!(client.answer().expect("unsigned").status, 401);
    client.send(&genuine().http1());
    assert_eq!(client.answer().expect("the next request on the same connection").status, 200);
    client.send(&genuine().host("a,b").http1());
    assert_eq!(client.answer().expect("bad host").status, 400);
    assert!(client.closed_within(PATIENCE), "a Host fault closes");
    let mut idle = Client::tls(proxy.address);
    assert!(idle.closed_within(Duration::from_secs(4)), "no head within head time-out");
    assert!(matches!(once(Client::tls(proxy.address), &genuine()), Answer::Response(_)));
}
