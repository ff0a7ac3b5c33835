//! G: header hygiene.

use super::*;
use crate::rig::recorder::Behaviour;
use crate::rig::request::post;
use crate::rig::response::{Answer, Fields};
use crate::rig::sign;

const OURS: [&str; 6] = [
    "Bonafide-Source",
    "Bonafide-Scheme",
    "Bonafide-Key",
    "Bonafide-Event-Id",
    "Bonafide-Timestamp",
    "Bonafide-Verdict",
];

/// Our fields are there once and say what is true; nothing forged is left.
fn ours_only(seen: &Seen<'_>) -> Result<(), String> {
    for request in seen.forwarded {
        ensure(!format!("{request:?}").contains("forged"), format!("forged fields: {request:?}"))?;
        let (source, scheme) = (request.one("bonafide-source"), request.one("bonafide-scheme"));
        let verdict = request.one("bonafide-verdict");
        let fine = source == "github" && scheme == "signature" && verdict == "verified";
        ensure(fine, format!("source {source:?}, scheme {scheme:?}, verdict {verdict:?}"))?;
        ensure(!request.one("x-request-id").is_empty(), "no X-Request-Id")?;
        ensure(!request.one("traceparent").is_empty(), "no traceparent")?;
        ensure(
            request.one("forwarded").contains("127.0.0.1"),
            format!("Forwarded {:?}", request.all("forwarded")),
        )?;
    }
    Ok(())
}

#[test]
fn forged_identity() {
    let mut cases = Vec::new();
    cases.push(Case::both("G01", genuine()).answers(&[200]).checking(ours_only));
    let forged = OURS.iter().fold(genuine(), |request, name| request.header(name, "forged"));
    cases.push(Case::both("G01", forged).answers(&[200]).checking(ours_only));
    for name in [
        "Bonafide_Source",
        "BONAFIDE-SOURCE",
        "bonafide_Source",
        "Bonafide_Event-Id",
        "Bonafide-Anything",
        "X_Forwarded_For",
    ] {
        let request = genuine().header(name, "forged");
        cases.push(Case::both("G02", request).answers(&[200, 400]).at_most_once().checking(ours_only));
    }
    for named in [
        "close, Bonafide-Source",
        "Bonafide-Verdict",
        "X-Forwarded-For, X-Request-Id",
        "keep-alive, forwarded",
    ] {
        cases.push(
            Case::http1("G03", genuine().header("Connection", named))
                .answers(&[200, 400])
                .at_most_once()
                .checking(ours_only),
        );
    }
    let trace = genuine().header("X-Request-Id", "forged").header("traceparent", "00-forged");
    cases.push(Case::both("G01", trace).answers(&[200]).checking(ours_only));
    let certificate = genuine().header("X-Client-Cert", "kept").header("X-SSL-Client-Verify", "kept");
    cases.push(Case::both("T12", certificate).answers(&[200]).checking(ours_only));
    cases.push(Case::both("G21", post("/hooks/open/x").body(BODY)).answers(&[200]).checking(|seen| {
        let request = seen.forwarded.first().ok_or("nothing forwarded")?;
        let kept = ["bonafide-key", "bonafide-event-id", "bonafide-timestamp"]
            .iter()
            .any(|name| !request.all(name).is_empty());
        ensure(request.one("bonafide-verdict") == "none" && !kept, format!("{request:?}"))
    }));
    cases.push(
        Case::both("G07", genuine().header("Proxy-Authorization", "forged"))
            .answers(&[200, 400])
            .at_most_once()
            .checking(ours_only),
    );
    let hop = genuine()
        .header("Keep-Alive", "forged")
        .header("TE", "trailers")
        .header("Trailer", "forged")
        .header("Proxy-Connection", "forged");
    cases.push(Case::http1("G07", hop).answers(&[200]).checking(ours_only));
    let named =
        genuine().header("Connection", "X-Private").header("X-Private", "forged").header("X-Public", "kept");
    cases.push(Case::http1("G07", named).answers(&[200]).checking(ours_only).checking(|seen| {
        ensure(seen.forwarded.iter().all(|request| request.one("x-public") == "kept"), "X-Public is gone")
    }));
    Bench::new().run(cases);
}

/// G02 for what the sender signs: some servers read `_` as `-`, and would see the forged field.
#[test]
fn imitations_of_verified_fields() {
    let mut cases = Vec::new();
    for name in ["X_Hub_Signature_256", "x-hub_signature-256", "X.Hub.Signature.256"] {
        cases.push(Case::both("G02", genuine().header(name, "forged")).answers(&[400]).or_close());
    }
    for name in ["X_Hub_Signature_255", "X_Public"] {
        cases.push(Case::both("G02", genuine().header(name, "kept")).answers(&[200]));
    }
    Bench::new().run(cases);
}

#[test]
fn nominations_and_repetitions() {
    let mut cases = Vec::new();
    for named in
        [HUB, "Content-Length", "Host", "Content-Type", "Transfer-Encoding", "close, x-hub-signature-256"]
    {
        cases.push(Case::http1("G04-G05", genuine().header("Connection", named)).answers(&[400]).or_close());
    }
    let many = vec!["keep-alive"; 1000].join(", ");
    cases.push(
        Case::http1("G06", genuine().header("Connection", many))
            .answers(&[400, 431, 200])
            .or_close()
            .at_most_once(),
    );
    let (good, bad) = (sign::github(SECRET, BODY), sign::github("wrong", BODY));
    for (one, two) in [(&good, &bad), (&bad, &good), (&good, &good)] {
        let request = post("/hooks/github").header(HUB, one).header(HUB, two).body(BODY);
        cases.push(Case::both("G08", request).answers(&[401]).hiding(good.clone()));
        let joined = post("/hooks/github").header(HUB, format!("{one}, {two}")).body(BODY);
        cases.push(Case::both("G09", joined).answers(&[401]));
    }
    let twice = post("/hooks/basic")
        .header("Authorization", sign::basic(format!("hook:{PASSWORD}").as_bytes()))
        .header("Authorization", "Bearer x")
        .body(BODY);
    cases.push(
        Case::both("G10", twice).answers(&[401]).hiding(sign::basic(format!("hook:{PASSWORD}").as_bytes())),
    );
    let query = post(format!("/hooks/token?access_token={TOKEN}&jwt={TOKEN}")).body(BODY);
    cases.push(Case::both("G12", query).answers(&[401]));
    for name in ["X-Slack-Request-Timestamp", "X-Slack-Signature"] {
        let time = sign::unix_time(0);
        let mut request = post("/hooks/slack")
            .header("X-Slack-Request-Timestamp", &time)
            .header("X-Slack-Signature", sign::slack(SECRET, &time, BODY))
            .body(BODY);
        let again = request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        request = request.header(name, again.unwrap_or_default());
        cases.push(Case::both("G14", request).answers(&[401]));
    }
    let types = genuine().header("Content-Type", "application/json").header("Content-Type", "text/plain");
    cases.push(Case::both("G14", types).answers(&[200, 400, 401]).at_most_once());
    cases.push(
        Case::both("G15", signed("/hooks/local", BODY).header("X-Forwarded-For", "192.0.2.7"))
            .answers(&[403]),
    );
    cases.push(
        Case::both("G15", signed("/hooks/local", BODY).header("Forwarded", "for=192.0.2.7")).answers(&[403]),
    );
    for pad in ["\x0b", "\u{a0}"] {
        let padded = post("/hooks/github").header(HUB, format!("{good}{pad}")).body(BODY);
        cases.push(Case::both("G17", padded).answers(&[401, 400]).or_close());
    }
    Bench::new().run(cases);
}

#[test]
fn credentials_and_answers() {
    let mut cases = Vec::new();
    let token = post("/hooks/token").header("X-Gitlab-Token", TOKEN).header("X-Other", "kept").body(BODY);
    cases.push(Case::both("G19", token).answers(&[200]).checking(|seen| {
        let request = seen.forwarded.first().ok_or("nothing forwarded")?;
        let gone = request.all("x-gitlab-token").is_empty() && request.one("x-other") == "kept";
        ensure(gone && request.one("bonafide-scheme") == "token", format!("{request:?}"))
    }));
    let basic = post("/hooks/basic")
        .header("Authorization", sign::basic(format!("hook:{PASSWORD}").as_bytes()))
        .body(BODY);
    cases.push(Case::both("G19", basic).answers(&[200]).checking(|seen| {
        let request = seen.forwarded.first().ok_or("nothing forwarded")?;
        ensure(
            request.all("authorization").is_empty() && request.one("bonafide-scheme") == "basic",
            format!("{request:?}"),
        )
    }));
    let kept = genuine().header("Authorization", "Bearer of-the-application");
    cases.push(Case::both("G19", kept).answers(&[200]).checking(|seen| {
        let request = seen.forwarded.first().ok_or("nothing forwarded")?;
        let signature = request.one("x-hub-signature-256");
        ensure(
            !signature.is_empty() && request.one("authorization") == "Bearer of-the-application",
            "not passed on",
        )
    }));
    let fields = "Bonafide-Verdict: forged\r\nServer: app/1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Gone: 1\r\nConnection: X-Gone\r\nProxy-Authenticate: Basic\r\n";
    cases.push(
        Case::http1("G18", genuine())
            .upstream(Behaviour::status(200, fields, "hi"))
            .answers(&[200])
            .checking(|seen| {
                let response = seen.answers.first().and_then(Answer::response).ok_or("no answer")?;
                let cookies = response
                    .headers
                    .iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
                    .count();
                let gone = ["x-gone", "keep-alive", "bonafide-verdict"]
                    .iter()
                    .all(|name| response.header(name).is_none());
                ensure(cookies == 2 && gone && response.body == b"hi", format!("{response:?}"))
            }),
    );
    let wide = (0..90)
        .fold(genuine(), |request, number| request.header(&format!("X-Wide-{number}"), "v".repeat(250)));
    cases.push(Case::both("G20", wide).answers(&[200, 431]));
    cases.push(
        Case::http1(
            "Z10",
            post("/hooks/open/x").header("User-Agent", "\"}\t{\"message\":\"listening\"").body(BODY),
        )
        .answers(&[200]),
    );
    Bench::new().run(cases);
}

/// Z12: an unknown sender, a wrong signature and a stale one get the same answer.
#[test]
fn every_401_is_the_same() {
    let bench = Bench::new();
    let old = sign::unix_time(-4000);
    let rows = [
        post("/hooks/github").body(BODY),
        post("/hooks/github").header(HUB, "sha256=00").body(BODY),
        post("/hooks/github").header(HUB, sign::github("wrong", BODY)).body(BODY),
        post("/hooks/stripe").header("Stripe-Signature", sign::stripe(SECRET, &old, BODY)).body(BODY),
        post("/hooks/rotating").header(HUB, sign::github(RETIRED_SECRET, BODY)).body(BODY),
    ];
    let mut answers: Vec<(String, Fields)> = Vec::new();
    for request in rows {
        let response =
            crate::rig::client::once(crate::rig::client::Client::tls(bench.proxy.address), &request)
                .expect("401");
        assert_eq!(response.status, 401);
        let id = response.request_id().expect("a request_id");
        let mut headers = response.headers.clone();
        assert!(response.header("www-authenticate").is_some(), "{headers:?}");
        assert_eq!(response.header("content-type").as_deref(), Some("application/problem+json"));
        headers.retain(|(name, value)| name != "date" && !String::from_utf8_lossy(value).contains(&id));
        answers.push((response.text().replace(&id, "ID"), headers));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}
