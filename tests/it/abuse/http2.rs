//! H: requests that only HTTP/2 can express.

use super::*;
use crate::rig::client::{Client, Wire, tls};
use crate::rig::frames::{DATA, END_HEADERS, END_STREAM, Field, Frames, GOAWAY, HEADERS, block};
use crate::rig::request::{Request, post};
use crate::rig::response::Answer;
use crate::rig::sign;
use std::time::Duration;

const METHOD: Field<'static> = (b":method", b"POST");
const SCHEME: Field<'static> = (b":scheme", b"https");
const PATH: Field<'static> = (b":path", b"/hooks/github");
const AUTHORITY: Field<'static> = (b":authority", b"hooks.example");

/// Genuine but for its fields: these fields, the signature, the body.
fn with_fields(number: &'static str, fields: &'static [Field<'static>]) -> Case {
    Case::frames(number, move |frames| {
        let signature = sign::github(SECRET, BODY);
        let mut all = fields.to_vec();
        all.push((b"x-hub-signature-256", signature.as_bytes()));
        frames.headers(1, &all, false);
        frames.data(1, BODY);
        frames.end(1)
    })
}

#[test]
fn pseudo_headers() {
    const REFUSED: &[&[Field<'static>]] = &[
        &[METHOD, SCHEME, PATH, PATH, AUTHORITY],
        &[METHOD, SCHEME, AUTHORITY, (b"x-a", b"1"), PATH],
        &[METHOD, SCHEME, AUTHORITY],
        &[METHOD, SCHEME, (b":path", b""), AUTHORITY],
        &[METHOD, SCHEME, (b":path", b"hooks/github"), AUTHORITY],
        &[METHOD, SCHEME, (b":path", b"https://hooks.example/hooks/github"), AUTHORITY],
        &[METHOD, SCHEME, (b":path", b"/hooks/git hub"), AUTHORITY],
        &[METHOD, SCHEME, (b":path", b"/hooks/github\r\nX: y"), AUTHORITY],
        &[(b":method", b"POST / HTTP/1.1\r\n"), SCHEME, PATH, AUTHORITY],
        &[METHOD, (b":scheme", b"http://evil/?"), PATH, AUTHORITY],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"X-Upper", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"x:a", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"x a", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"x-a", b"a\r\nb")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"x-a", b"a\0b")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b":unknown", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"connection", b"close")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"transfer-encoding", b"chunked")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"upgrade", b"h2c")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"keep-alive", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"proxy-connection", b"1")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"te", b"gzip")],
        &[METHOD, SCHEME, PATH, (b":authority", b"u:p@hooks.example")],
        &[METHOD, SCHEME, PATH],
        &[METHOD, SCHEME, PATH, (b":authority", b"")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"content-length", b"12")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"content-length", b"14")],
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"content-length", b"13"), (b"content-length", b"12")],
    ];
    let mut cases: Vec<Case> = REFUSED
        .iter()
        .map(|fields| with_fields("H02-H03,H06-H12", fields).answers(&[400]).or_close())
        .collect();
    // h2 drops a fragment: one well-formed request counts as well
    const FRAGMENT: &[Field<'static>] = &[METHOD, SCHEME, (b":path", b"/hooks/github#y"), AUTHORITY];
    cases.push(with_fields("H04", FRAGMENT).answers(&[400, 200]).or_close().at_most_once());
    const DISAGREE: &[Field<'static>] = &[METHOD, SCHEME, PATH, AUTHORITY, (b"host", b"evil.example")];
    cases.push(with_fields("H05", DISAGREE).answers(&[400, 421]).or_close());
    cases.push(Case::http2("H08", genuine().host("other.example")).answers(&[421]));
    const HTTP: &[Field<'static>] = &[METHOD, (b":scheme", b"http"), PATH, AUTHORITY];
    cases.push(with_fields("H09", HTTP).answers(&[200, 400]).or_close().at_most_once().checking(|seen| {
        let proto: Vec<String> =
            seen.forwarded.iter().map(|request| request.one("x-forwarded-proto")).collect();
        ensure(proto.iter().all(|proto| proto == "https"), format!("{proto:?}"))
    }));
    const TWICE: &[Field<'static>] =
        &[METHOD, SCHEME, PATH, AUTHORITY, (b"content-length", b"13"), (b"content-length", b"13")];
    cases.push(with_fields("H13", TWICE).answers(&[200, 400]).or_close().at_most_once());
    const HOST_TOO: &[Field<'static>] = &[METHOD, SCHEME, PATH, AUTHORITY, (b"host", b"hooks.example")];
    cases.push(with_fields("H05", HOST_TOO).answers(&[200, 400]).at_most_once());
    const HOST_ONLY: &[Field<'static>] = &[METHOD, SCHEME, PATH, (b"host", b"hooks.example")];
    cases.push(with_fields("H06", HOST_ONLY).answers(&[200, 400]).at_most_once());
    Bench::new().run(cases);
}

#[test]
fn fields_and_bodies() {
    let mut cases = Vec::new();
    let signature = |pad: &str| format!("{pad}{}{pad}", sign::github(SECRET, BODY));
    let padded = post("/hooks/github").header(HUB, signature(" ")).body(BODY);
    cases.push(Case::http2("H14", padded).answers(&[401, 200]).or_close().at_most_once());
    let cookies = genuine().header("cookie", "a=1").header("cookie", "b=2");
    cases.push(Case::http2("H15", cookies).answers(&[200]).checking(|seen| {
        let cookie = seen.forwarded.first().map(|request| request.all("cookie"));
        ensure(cookie == Some(vec!["a=1; b=2".into()]), format!("cookie {cookie:?}"))
    }));
    cases.push(
        trailers("H16", None, vec![("x-hub-signature-256", sign::github(SECRET, BODY))])
            .answers(&[401])
            .or_close(),
    );
    for name in ["content-length", "x-evil", "bonafide-source", "host"] {
        let evil = trailers("H16", Some(sign::github(SECRET, BODY)), vec![(name, "evil".into())]);
        cases.push(evil.answers(&[200, 400]).or_close().at_most_once().checking(|seen| {
            ensure(!format!("{:?}", seen.forwarded).contains("evil"), "a trailer was forwarded")
        }));
    }
    let inner = b"GET /admin HTTP/1.1\r\nHost: hooks.example\r\nContent-Length: 0\r\n\r\n";
    cases.push(Case::http2("H17", signed("/hooks/github", inner)).answers(&[200]).checking(move |seen| {
        ensure(
            seen.forwarded.iter().all(|request| request.body == inner && request.target == b"/hooks/github"),
            "not as body",
        )
    }));
    cases.push(
        Case::frames("H18", |frames| {
            frames.headers(1, &[(b":method", b"CONNECT"), (b":authority", b"hooks.example:443")], false);
            frames.end(1)
        })
        .answers(&[405, 400])
        .or_close(),
    );
    cases.push(
        Case::frames("H18", |frames| {
            let websocket = [
                (b":method".as_slice(), b"CONNECT".as_slice()),
                (b":protocol", b"websocket"),
                SCHEME,
                PATH,
                AUTHORITY,
            ];
            frames.headers(1, &websocket, false);
            frames.end(1)
        })
        .answers(&[405, 400])
        .or_close(),
    );
    cases.push(
        Case::frames("H29", |frames| {
            frames.send(GOAWAY, 0, 0, &[0; 8]);
            frames.request(1, &genuine());
            frames.end(1)
        })
        .answers(&[200])
        .or_close()
        .at_most_once(),
    );
    cases.push(Case::frames("H29", half_a_body).answers(&[400, 408]).or_close());
    cases.push(preface(b"h2-over-http/1.1", &[b"http/1.1"]));
    Bench::new().run(cases);
}

/// The body, then a HEADERS frame with trailers.
fn trailers(number: &'static str, signature: Option<String>, fields: Vec<(&'static str, String)>) -> Case {
    Case::frames(number, move |frames| {
        let mut head = vec![METHOD, SCHEME, PATH, AUTHORITY];
        if let Some(signature) = &signature {
            head.push((b"x-hub-signature-256", signature.as_bytes()));
        }
        frames.headers(1, &head, false);
        frames.send(DATA, 0, 1, BODY);
        let fields: Vec<Field<'_>> =
            fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields));
        frames.end(1)
    })
}

/// Declares a body, sends a part and stalls.
fn half_a_body(frames: &mut Frames) -> crate::rig::frames::End {
    let signature = sign::github(SECRET, BODY);
    let head = [METHOD, SCHEME, PATH, AUTHORITY, (b"x-hub-signature-256".as_slice(), signature.as_bytes())];
    frames.headers(1, &head, false);
    frames.send(DATA, 0, 1, &BODY[..4]);
    frames.end(1)
}

/// An HTTP/2 preface where ALPN said otherwise.
fn preface(_what: &[u8], alpn: &'static [&'static [u8]]) -> Case {
    Case::free("H30", move |proxy| {
        let wire: Wire = tls(proxy.address, alpn, Some("hooks.example")).expect("TLS");
        let mut client = Client::over(wire);
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        client.answer_within(Duration::from_secs(4))
    })
    .answers(&[400, 405, 505])
    .or_close()
}

/// R41: the same decision whatever the form of the request.
#[test]
fn every_form_of_a_request_gets_the_same_decision() {
    let bench = Bench::new();
    let mut random = crate::rig::random::Random::new(41);
    let pieces = [
        "/", "hooks", "github", "open", "jwt", ".", "..", "%2e", "%2f", "%41", ";", "a", "?x=/", "//", "~",
        "%", "*",
    ];
    for _ in 0..150 {
        let count = 1 + random.below(6);
        let tail: String = (0..count).map(|_| pieces[random.below(pieces.len())]).collect();
        let target = format!("/{tail}");
        let request: Request = signed(&target, BODY);
        let absolute = signed(&format!("https://hooks.example{target}"), BODY);
        let status = |answer: Answer| answer.response().map_or(400, |response| response.status);
        let one = status(crate::rig::client::once(Client::tls(bench.proxy.address), &request));
        let two = status(crate::rig::client::once(Client::tls(bench.proxy.address), &absolute));
        let three =
            status(answer_of(crate::rig::frames::once(bench.proxy.address, Some("hooks.example"), &request)));
        assert!(
            one == two && one == three,
            "{target}: origin-form {one}, absolute-form {two}, HTTP/2 {three}"
        );
    }
    assert!(bench.recorder.requests().is_ok());
}
