//! R: routing and request target.

use super::*;
use crate::rig::request::{Request, post};
use crate::rig::response::Answer;

#[test]
fn routing() {
    let mut cases = Vec::new();
    targets(&mut cases);
    odd_start_lines(&mut cases);
    hosts(&mut cases);
    methods(&mut cases);
    lengths(&mut cases);
    Bench::new().run(cases);
}

fn targets(cases: &mut Vec<Case>) {
    cases.push(Case::both("R01", signed("/nope", BODY)).answers(&[404]));
    let refused = [
        ("R02", "//hooks/github"),
        ("R03", "/hooks//github"),
        ("R04", "/hooks/./github"),
        ("R05", "/hooks/open/../jwt"),
        ("R06", "/hooks/open/%2e%2e/jwt"),
        ("R06", "/hooks/open/%2E%2e/jwt"),
        ("R06", "/hooks/open/.%2e/jwt"),
        ("R06", "/hooks/open/..;/jwt"),
        ("R07", "/hooks/open%2f..%2fjwt"),
        ("R08", "/hooks%5cgithub"),
        ("R08", "/hooks\\github"),
        ("R13", "/hooks/open/x%00"),
        ("R13", "/hooks/open/x%0a"),
        ("R13", "/hooks/open/x%0d%0a"),
        ("R13", "/hooks/open/x%09"),
        ("R14", "/hooks/open/git%zzhub"),
        ("R14", "/hooks/open/%"),
        ("R14", "/hooks/open/%1"),
        ("R25", "/hooks/open/é"),
    ];
    for (number, target) in refused {
        cases.push(Case::both(number, signed(target, BODY)).answers(&[400]).or_close());
    }
    for (number, target) in [("R10", "/hooks/github/"), ("R11", "/HOOKS/GITHUB"), ("R11", "/hooks/case")] {
        cases.push(Case::both(number, signed(target, BODY)).answers(&[404]));
    }
    cases.push(Case::both("R11", signed("/Hooks/Case", BODY)).answers(&[200]));
    cases.push(Case::both("R12", signed("/hooks/github;jsessionid=1", BODY)).answers(&[400, 404]));
    for (number, target) in [
        ("R09", "/hooks/open/%252e%252e/jwt"),
        ("R16", "/hooks/open/%23a"),
        ("R17", "/hooks/open/a?x=/hooks/open/../jwt"),
        ("R25", "/hooks/open/%c0%af"),
    ] {
        cases.push(verbatim(Case::both(number, post(target).body(BODY)).answers(&[200, 400, 404]), target));
    }
    for (number, target) in [
        ("R17", "/hooks/github?x=/hooks/open/"),
        ("R17", "/hooks/github?/../open"),
        ("R18", "/hooks/github?"),
        ("R18", "/hooks/github??"),
        ("R18", "/hooks/github?a=1&a=2&b=%2F%2f&c=//"),
    ] {
        cases.push(verbatim(Case::both(number, signed(target, BODY)).answers(&[200]), target));
    }
}

/// What is forwarded, if anything, has the target as it was sent.
fn verbatim(case: Case, target: &'static str) -> Case {
    case.checking(move |seen| {
        let odd = seen.forwarded.iter().find(|request| request.target != target.as_bytes());
        ensure(odd.is_none(), format!("target changed: {odd:?}"))
    })
}

fn odd_start_lines(cases: &mut Vec<Case>) {
    let raw = |line: &str, host: &str| {
        let sign = hub_line(BODY);
        format!("{line}\r\nHost: {host}\r\n{sign}Content-Length: {}\r\n\r\nHello, World!", BODY.len())
    };
    let fragment = |target: &str| format!("POST {target} HTTP/1.1");
    // hyper drops a fragment before it can be seen: one well-formed request upstream counts as well
    cases.push(
        Case::bytes("R15", raw(&fragment("/hooks/open/x#/../../jwt"), "hooks.example"))
            .answers(&[400, 200])
            .or_close()
            .at_most_once(),
    );
    cases.push(
        Case::bytes("R19", raw(&fragment("https://evil.example/hooks/github"), "hooks.example"))
            .answers(&[400, 421])
            .or_close(),
    );
    cases.push(
        Case::bytes("R19", raw(&fragment("https://hooks.example/hooks/github"), "evil.example"))
            .answers(&[400, 421])
            .or_close(),
    );
    cases.push(
        Case::bytes("R41", raw(&fragment("https://hooks.example/hooks/github"), "hooks.example"))
            .answers(&[200]),
    );
    cases.push(
        Case::bytes("R21", raw(&fragment("https://hooks.example"), "hooks.example"))
            .answers(&[404, 400])
            .or_close(),
    );
    for line in ["POST hooks/github HTTP/1.1", "POST * HTTP/1.1", "OPTIONS * HTTP/1.1", "POST ?x=1 HTTP/1.1"]
    {
        cases.push(Case::bytes("R22-R24", raw(line, "hooks.example")).answers(&[400, 404, 405]).or_close());
    }
}

fn hosts(cases: &mut Vec<Case>) {
    cases.push(Case::both("R26", genuine().host(None)).answers(&[400]).or_close());
    for host in [
        "hooks.example,evil",
        "hooks.example/evil",
        "u@hooks.example",
        "hooks.example:99999",
        "hooks.example x",
        "",
    ] {
        cases.push(Case::both("R28", genuine().host(host)).answers(&[400]).or_close());
    }
    cases.push(Case::http1("R28", genuine().header("Host", "hooks.example")).answers(&[400]).or_close());
    for host in ["HOOKS.example", "hooks.example.", "hooks.example:443"] {
        cases.push(Case::both("R30", genuine().host(host)).answers(&[200, 421]).at_most_once());
    }
    let spoofed = post("/hooks/jwt")
        .header("X-Forwarded-Uri", "/hooks/open/x")
        .header("X-Original-URL", "/hooks/open/x")
        .header("X-Rewrite-URL", "/hooks/open/x")
        .header("X-HTTP-Method-Override", "GET")
        .body(BODY);
    cases.push(Case::both("R31", spoofed).answers(&[401]));
    let forwarded = genuine()
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-For", "203.0.113.9")
        .header("Forwarded", "for=203.0.113.9;host=evil.example");
    cases.push(Case::both("R32", forwarded).answers(&[200]).checking(|seen| {
        let request = seen.forwarded.first().ok_or("nothing forwarded")?;
        let all: String = request
            .headers
            .iter()
            .filter(|(name, _)| name.contains("forwarded"))
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)))
            .collect();
        ensure(!all.contains("evil") && !all.contains("203.0.113.9"), format!("believed a stranger: {all}"))?;
        let plain = [
            request.one("x-forwarded-proto"),
            request.one("x-forwarded-host"),
            request.one("x-forwarded-for"),
        ];
        ensure(plain == ["https", "hooks.example", "127.0.0.1"], format!("{plain:?}"))
    }));
}

fn methods(cases: &mut Vec<Case>) {
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PATCH", "FOO", "post"] {
        let request = genuine().method(method).header("Authorization", "Bearer reflect-me-not");
        let case = Case::http1("R34", request.clone()).answers(&[405]).hiding("reflect-me-not");
        cases.push(case.checking(move |seen| {
            let allow =
                seen.answers.first().and_then(Answer::response).and_then(|response| response.header("allow"));
            ensure(method == "TRACE" || allow.as_deref() == Some("POST"), format!("Allow is {allow:?}"))
        }));
        cases.push(Case::http2("R34", request).answers(&[405]));
    }
    cases.push(Case::http1("R35", genuine().method(&"A".repeat(65))).answers(&[400, 405]).or_close());
    let connect = "CONNECT hooks.example:443 HTTP/1.1\r\nHost: hooks.example:443\r\n\r\n";
    cases.push(Case::bytes("R36", connect).answers(&[405, 400]).or_close());
}

fn lengths(cases: &mut Vec<Case>) {
    let long =
        |count: usize| -> Request { post(format!("/hooks/open/{}", "a".repeat(count - 12))).body(BODY) };
    cases.push(Case::both("R38", long(8192)).answers(&[200]));
    cases.push(Case::both("R38", long(8193)).answers(&[414]));
    cases.push(Case::http1("R38", long(65_540)).answers(&[414, 431]).or_close());
    let canary = "reflected-canary-7f3a";
    let reflecting = Case::both("G23", post(format!("/{canary}")).header("X-Canary", canary).body(canary));
    cases.push(reflecting.answers(&[404]).checking(move |seen| {
        let text = seen.answers.first().and_then(Answer::response).map(|response| response.text());
        ensure(!text.unwrap_or_default().contains(canary), "the path is reflected")
    }));
}
