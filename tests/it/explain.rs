//! `bonafide explain`: requests with one mistake each, as they stood on the wire, and the mistake that it names first.

use crate::commands::{Desk, json};
use crate::rig::request::{Request, post};
use crate::rig::sign::{self, hmac_sha1, hmac_sha256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::Write;

const NOW: &str = "1764051332";
const SECRET: &str = "the-secret-of-today-0123456789abcdef";
const OLDER: &str = "the-secret-of-yesterday-0123456789ab";
const LIVE: &str = "the-secret-of-live-mode-0123456789abc";
const BILLING: &str = "the-secret-of-billing-0123456789abcd";
const QUOTED: &str = "the-secret-in-quotes-0123456789abcdef";
const WHSEC: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const BODY: &str = "{\"id\": \"evt_1\", \"name\": \"caf\u{e9}/x\", \"n\": [1, 2.50]}";
const HUB: &str = "X-Hub-Signature-256";

/// A source for each kind of sender that the rows are about.
fn desk() -> Desk {
    let source = |name: &str, lines: &str, secrets: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\npath = \"/{name}\"\n{lines}\n{secrets}\npublic_url = \"https://hooks.example\"\n"
        )
    };
    let secret = |text: &str| format!("secret = {{ literal = '{text}' }}");
    let provider = |id: &str| format!("provider = \"{id}\"");
    let mut policy =
        "[server]\nlisten = \"127.0.0.1:2\"\nplaintext = true\n[upstream]\nurl = \"http://127.0.0.1:1\"\n"
            .to_owned();
    let of_two =
        format!("secrets = [{{ literal = \"{SECRET}\" }}, {{ literal = \"{OLDER}\", until = 2020-01-01 }}]");
    policy.push_str(&source("github", &provider("github"), &of_two));
    for id in ["shopify", "slack", "square", "twilio", "stripe", "gitlab-token", "sentry"] {
        policy.push_str(&source(id, &provider(id), &secret(SECRET)));
    }
    policy.push_str(&source("standard", &provider("standard-webhooks"), &secret(WHSEC)));
    policy.push_str(&source("billing", &provider("github"), &secret(BILLING)));
    policy.push_str(&source("quoted", &provider("github"), &secret(&format!("\"{QUOTED}\""))));
    policy.push_str(&source("blank", &provider("github"), &secret(&format!("{QUOTED} "))));
    let tenants = format!(
        "secrets = {{ by = \"tenant\", keys = {{ acme = {{ literal = \"{SECRET}\" }}, beta = {{ literal = \"{OLDER}\" }} }} }}"
    );
    policy.push_str(
        &source("tenants", &provider("github"), &tenants).replace("\"/tenants\"", "\"/tenants/{tenant}\""),
    );
    let desk = Desk::new();
    desk.write("bonafide.toml", policy);
    desk
}

/// The findings of `explain` for a request; no secret stands in them.
fn explained(desk: &Desk, source: &str, request: &Request) -> Vec<Value> {
    desk.write("dump", request.http1());
    let arguments = ["explain", "--source", source, "--raw", "dump", "--at", NOW, "--format", "json"];
    let answer = json(&desk.expect(1, &arguments).0);
    for secret in [SECRET, OLDER, LIVE, BILLING, QUOTED, &WHSEC[6..]] {
        assert!(!answer.to_string().contains(secret), "{secret} is shown: {answer}");
    }
    assert!(answer["expected"].is_null(), "{answer}");
    answer["findings"].as_array().expect("findings").clone()
}

/// One mistake: the sender, what is sent, the first finding and a word of it.
struct Row(&'static str, Request, &'static str, &'static str);

fn check(rows: Vec<Row>) {
    let desk = desk();
    let mut faults = Vec::new();
    for (number, Row(source, request, code, word)) in rows.iter().enumerate() {
        let findings = explained(&desk, source, request);
        let text = findings.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let first = &findings[0];
        let told =
            ["message", "help"].iter().any(|key| first[key].as_str().is_some_and(|said| said.contains(word)));
        if first["code"] != *code || !told {
            faults.push(format!("row {number}, {code} {word}: {text}"));
        }
        // What would let the request pass is not told.
        for (_, value) in &request.headers {
            let value = String::from_utf8_lossy(value);
            if value.len() > 40 && text.contains(&*value) {
                faults.push(format!("row {number}: {value} is shown: {text}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn hub(secret: &str, body: impl AsRef<[u8]>) -> Request {
    post("/github").header(HUB, sign::github(secret, body.as_ref())).body(body)
}

/// Another body than the one that was signed.
fn arrived(signed: Request, body: impl AsRef<[u8]>) -> Request {
    signed.body(body)
}

fn gzip(body: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(body.as_bytes()).expect("packed");
    packed.finish().expect("packed")
}

#[test]
fn bodies_that_were_changed() {
    let compact = serde_json::to_string(&serde_json::from_str::<Value>(BODY).expect("JSON")).expect("JSON");
    let latin1: Vec<u8> = BODY.chars().map(|letter| u8::try_from(letter).expect("Latin-1")).collect();
    let utf8 = "caf\u{e9}";
    let mangled: String = utf8.bytes().map(char::from).collect();
    check(vec![
        Row("github", arrived(hub(SECRET, BODY), format!("{BODY}\n")), "body_trailing_newline", "newline"),
        Row(
            "github",
            arrived(hub(SECRET, format!("{BODY}\r\n")), BODY),
            "body_trailing_newline",
            "did not arrive",
        ),
        Row(
            "github",
            arrived(hub(SECRET, BODY), BODY.replace(": ", ":").replace(", ", ",")),
            "body_json_rewritten",
            "space",
        ),
        Row(
            "github",
            arrived(hub(SECRET, BODY), BODY.replace('\u{e9}', "\\u00e9")),
            "body_json_rewritten",
            "as they are",
        ),
        Row("github", arrived(hub(SECRET, BODY), BODY.replace('/', "\\/")), "body_json_rewritten", "slashes"),
        Row("github", arrived(hub(SECRET, &compact), BODY), "body_json_rewritten", "sorted members"),
        Row("github", arrived(hub(SECRET, "a\r\nb\r\n"), "a\nb\n"), "body_line_ends", "CRLF"),
        Row("github", arrived(hub(SECRET, "a\nb"), "a\r\nb"), "body_line_ends", "LF"),
        Row(
            "github",
            arrived(hub(SECRET, BODY), gzip(BODY)).header("Content-Encoding", "gzip"),
            "body_compressed",
            "compressed",
        ),
        Row(
            "github",
            arrived(hub(SECRET, gzip(BODY)), BODY).header("Content-Encoding", "gzip"),
            "body_unpacked",
            "gzip",
        ),
        Row("github", arrived(hub(SECRET, BODY), ""), "body_empty", "lost on the way"),
        Row("github", arrived(hub(SECRET, ""), BODY), "body_not_signed", "does not sign the body"),
        Row("github", arrived(hub(SECRET, &mangled), utf8), "body_charset", "Latin-1"),
        Row("github", arrived(hub(SECRET, BODY), &latin1), "body_charset", "UTF-8"),
        Row("github", arrived(hub(SECRET, &latin1), BODY), "body_charset", "Latin-1"),
        Row(
            "github",
            arrived(hub(SECRET, BODY), format!("\u{feff}{BODY}")),
            "body_byte_order_mark",
            "byte order mark",
        ),
        Row("github", arrived(hub(SECRET, "a=1+2&b=%2F"), "a=1%202&b=%2f"), "body_form_rewritten", "form"),
        Row("github", arrived(hub(SECRET, "a=%C3%A9&b=+"), "a=\u{e9}&b=%20"), "body_form_rewritten", "form"),
        Row(
            "github",
            arrived(hub(SECRET, BODY), serde_json::to_string(BODY).expect("JSON")),
            "body_json_in_json",
            "a JSON text of its own",
        ),
    ]);
}

#[test]
fn secrets_that_differ() {
    let standard = |key: &[u8]| {
        let request =
            post("/standard").header("webhook-id", "m1").header("webhook-timestamp", NOW).body(BODY);
        request.header("webhook-signature", sign::standard(key, "m1", NOW, BODY.as_bytes()))
    };
    let at = |path: &str, secret: &str| Request { target: path.into(), ..hub(secret, BODY) };
    check(vec![
        Row("standard", standard(WHSEC.as_bytes()), "secret_not_decoded", "without decoding"),
        Row("standard", standard(&WHSEC.as_bytes()[6..]), "secret_not_decoded", "does not decode the rest"),
        Row("github", hub(OLDER, BODY), "secret_expired", "secret-2"),
        Row("github", hub(BILLING, BODY), "secret_of_other_source", "source `billing`"),
        Row("github", hub(LIVE, BODY), "signature_mismatch", "test and live mode"),
        Row("github", hub(&format!("{SECRET}\n"), BODY), "secret_trailing_newline", "newline"),
        Row("github", hub(&format!("{SECRET}\r\n"), BODY), "secret_trailing_newline", "CR and LF"),
        Row("quoted", at("/quoted", QUOTED), "secret_quotes", "quotes"),
        Row("github", hub(&format!("\"{SECRET}\""), BODY), "secret_quotes", "quotes"),
        Row("blank", at("/blank", QUOTED), "secret_white_space", "white space"),
        Row("github", hub(&format!(" {SECRET}"), BODY), "secret_white_space", "a blank"),
        Row("tenants", at("/tenants/acme", OLDER), "secret_of_other_choice", "`beta`"),
        Row("tenants", at("/tenants/gamma", OLDER), "secret_of_other_choice", "`beta`"),
        Row("tenants", at("/tenants/gamma", LIVE), "secret_unknown", "add a secret"),
        Row("tenants", at("/tenants/acme", LIVE), "signature_mismatch", "none of the known"),
        Row("tenants", at("/tenants/acme", BILLING), "secret_of_other_source", "source `billing`"),
        Row(
            "gitlab-token",
            post("/gitlab-token").header("X-Gitlab-Token", format!("{SECRET}\u{20}x")),
            "credential_mismatch",
            "character",
        ),
        Row(
            "gitlab-token",
            post("/gitlab-token").header("X-Gitlab-Token", SECRET.to_uppercase()),
            "token_case",
            "case",
        ),
        Row(
            "gitlab-token",
            post("/gitlab-token").header("X-Gitlab-Token", BILLING),
            "secret_of_other_source",
            "source `billing`",
        ),
    ]);
}

#[test]
fn signatures_that_are_written_otherwise() {
    let tag = hmac_sha256(SECRET.as_bytes(), &[BODY.as_bytes()]);
    // A body whose signature is written differently in the two alphabets.
    let of = |body: &String| hmac_sha256(SECRET.as_bytes(), &[body.as_bytes()]);
    let body =
        (0..).map(|n| format!("{{\"n\":{n}}}")).find(|body| STANDARD.encode(of(body)).contains(['+', '/']));
    let body = body.expect("one of many");
    let digest = of(&body);
    let shopify = |value: String| post("/shopify").header("X-Shopify-Hmac-SHA256", value).body(&body);
    let github = |value: String| post("/github").header(HUB, value).body(BODY);
    let sha1 = sign::hmac_sha1_hex(SECRET.as_bytes(), BODY.as_bytes());
    let slack = |time: &str, signed: &str| {
        post("/slack")
            .header("X-Slack-Request-Timestamp", time)
            .header("X-Slack-Signature", sign::slack(SECRET, signed, BODY.as_bytes()))
            .body(BODY)
    };
    let stripe = |value: String| post("/stripe").header("Stripe-Signature", value).body(BODY);
    let of_time = |text: &str| hex::encode(hmac_sha256(SECRET.as_bytes(), &[text.as_bytes()]));
    let text = |text: String| stripe(format!("t={NOW},v1={}", of_time(&text)));
    let hundred: i64 = NOW.parse::<i64>().expect("a number") - 1000;
    let ahead = hundred + 2000;
    check(vec![
        Row("shopify", shopify(hex::encode(&digest)), "signature_encoding", "hex"),
        Row("shopify", shopify(URL_SAFE.encode(&digest)), "signature_encoding", "base64url"),
        Row("shopify", shopify(URL_SAFE_NO_PAD.encode(&digest)), "signature_encoding", "base64url"),
        Row("shopify", shopify(STANDARD.encode(hex::encode(&digest))), "signature_encoding", "base64_hex"),
        Row("shopify", shopify(format!("sha256={}", STANDARD.encode(&digest))), "signature_form", "prefix"),
        Row("github", github(format!("sha256={}", STANDARD.encode(&tag))), "signature_encoding", "base64"),
        Row("github", github(hex::encode(&tag)), "signature_form", "prefix"),
        Row("github", github(format!("SHA256={}", hex::encode(&tag))), "signature_form", "prefix"),
        Row("github", github(format!("sha256=\"{}\"", hex::encode(&tag))), "signature_form", "prefix"),
        Row("github", github(format!("sha256={sha1}")), "algorithm_differs", "hmac-sha1"),
        Row("github", github(format!("sha1={sha1}")), "algorithm_differs", "hmac-sha1"),
        Row("github", shopify(STANDARD.encode(&tag)), "other_provider", "`shopify`"),
        Row(
            "github",
            post("/github").header("Stripe-Signature", "t=1,v1=00").body(BODY),
            "other_provider",
            "`stripe`",
        ),
        Row("slack", slack(&hundred.to_string(), &hundred.to_string()), "clock_skew", "1000 s ago"),
        Row("slack", slack(&ahead.to_string(), &ahead.to_string()), "clock_skew", "1000 s in the future"),
        Row("slack", slack(&format!("{NOW}000"), &format!("{NOW}000")), "timestamp_unit", "`ms`"),
        Row("slack", slack("2025-11-25T06:15:32Z", "2025-11-25T06:15:32Z"), "timestamp_unit", "`rfc3339`"),
        Row("stripe", text(BODY.to_owned()), "message_differs", "`{body}`"),
        Row("stripe", text(format!("{NOW}{BODY}")), "message_differs", "`{t}{body}`"),
        Row("stripe", text(format!("{NOW}\n{BODY}")), "message_differs", "`{t}\\n{body}`"),
        Row("stripe", text(format!("{BODY}.{NOW}")), "message_differs", "`{body}.{t}`"),
    ]);
}

#[test]
fn addresses_that_differ() {
    let square = |url: &str, target: &str| {
        let tag = hmac_sha256(SECRET.as_bytes(), &[url.as_bytes(), BODY.as_bytes()]);
        post(target).header("x-square-hmacsha256-signature", STANDARD.encode(tag)).body(BODY)
    };
    let twilio = |url: &str, signed: &str, body: &str| {
        let tag = hmac_sha1(SECRET.as_bytes(), &[url.as_bytes(), signed.as_bytes()]);
        let request = post("/twilio").header("Content-Type", "application/x-www-form-urlencoded");
        request.header("X-Twilio-Signature", STANDARD.encode(tag)).body(body)
    };
    let rows = [
        ("http://hooks.example/square", "/square"),
        ("https://hooks.example:443/square", "/square"),
        ("https://hooks.example/square/", "/square"),
        ("https://www.hooks.example/square", "/square"),
        ("https://hooks.example/", "/square"),
        ("https://hooks.example/square", "/square?utm=1"),
    ];
    let mut rows: Vec<Row> = rows
        .into_iter()
        .map(|(url, target)| Row("square", square(url, target), "url_differs", "public_url"))
        .collect();
    rows.push(Row(
        "square",
        square("https://hooks.example/square?a=1", "/square"),
        "signature_mismatch",
        "none of the known",
    ));
    rows.push(Row("twilio", twilio("http://hooks.example/twilio", "a1", "a=1"), "url_differs", "public_url"));
    rows.push(Row(
        "twilio",
        twilio("https://hooks.example/twilio", "a1", "a=2"),
        "signature_mismatch",
        "none of the known",
    ));
    let proxied =
        square("https://public.example/square", "/square").header("X-Forwarded-Host", "public.example");
    rows.push(Row("square", proxied, "url_differs", "https://public.example"));
    check(rows);
}

/// What would let a request pass is for those alone who ask for it.
#[test]
fn the_expected_signature_is_shown_on_request() {
    let desk = desk();
    let wanted = sign::github(SECRET, BODY.as_bytes());
    desk.write("dump", hub(LIVE, BODY).http1());
    let arguments = ["explain", "--source", "github", "--raw", "dump", "--at", NOW];
    let (out, err) = desk.expect(1, &arguments);
    assert!(!out.contains(&wanted[7..]) && err.is_empty(), "{out}{err}");
    assert!(out.starts_with("refused: signature_mismatch: none of 1 signature(s)"), "{out}");
    assert!(
        out.contains("    why: none of") && out.contains("    fix: none of the known mistakes fits"),
        "{out}"
    );
    let (out, _) = desk.expect(1, &[&arguments[..], &["--reveal"]].concat());
    assert!(out.contains(&format!("expected: {wanted}")), "{out}");
    assert!(!out.contains(SECRET), "{out}");
    let (out, _) = desk.expect(1, &[&arguments[..], &["--reveal", "--format", "json"]].concat());
    assert_eq!(json(&out)["expected"], wanted);
    // That of the one whom the request names.
    for (tenant, secret) in [("acme", SECRET), ("beta", OLDER)] {
        let request = Request { target: format!("/tenants/{tenant}").into(), ..hub(LIVE, BODY) };
        desk.write("other", request.http1());
        let (out, _) =
            desk.expect(1, &["explain", "--source", "tenants", "--raw", "other", "--at", NOW, "--reveal"]);
        assert!(out.contains(&format!("expected: {}", sign::github(secret, BODY.as_bytes()))), "{out}");
    }
    // The twin: what is right needs no explanation.
    desk.write("dump", hub(SECRET, BODY).http1());
    let (out, _) = desk.expect(0, &arguments);
    assert_eq!(out, "genuine: source github, key secret-1\n");
    let (out, _) = desk.expect(0, &[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(
        (&json(&out)["genuine"], json(&out)["findings"].as_array().map(Vec::len)),
        (&true.into(), Some(0))
    );
}

#[test]
fn what_cannot_be_explained_is_told_with_its_code() {
    let desk = desk();
    desk.write("dump", hub(SECRET, BODY).http1());
    desk.write("broken", "POST / HTTP/1.1\r\nHost");
    let explain = |code: i32, rest: &[&str], word: &str| {
        let (out, err) = desk.expect(code, &[&["explain"], rest].concat());
        assert!(out.is_empty() && err.contains(word), "{rest:?}: {err}");
        assert!(!err.contains(SECRET), "{err}");
    };
    explain(2, &["--source", "githup", "--raw", "dump"], "`github`");
    explain(2, &["--provider", "githup", "--secret-file", "dump", "--raw", "dump"], "`github`");
    explain(2, &["--provider", "github", "--raw", "dump"], "--secret-file");
    explain(2, &["--raw", "dump"], "--provider");
    explain(2, &["--source", "github"], "--raw");
    explain(2, &["--source", "github", "--raw", "broken"], "broken line 2");
    explain(4, &["--source", "github", "--raw", "nowhere"], "nowhere");
    explain(2, &["--source", "github", "--refused", "../x"], "request id");
    explain(2, &["--source", "github", "--refused", "x"], "[admin]");
    explain(2, &["--source", "github", "--refused", "x", "--raw", "dump"], "--raw");
    explain(3, &["--source", "github", "--raw", "dump", "--config", "nowhere.toml"], "nowhere.toml");
}

mod running {
    //! The same of a proxy that runs: what it kept, and its hints.

    use super::*;
    use crate::process::free_port;
    use crate::tokens::{Bench, run};

    fn bench() -> Bench {
        let admin = format!("[admin]\nlisten = \"{}\"\ncapture = 10\ncapture_body = \"1KiB\"\n", free_port());
        let source = |name: &str, secret: &str| {
            format!(
                "[[source]]\nname = \"{name}\"\npath = \"/{name}\"\nprovider = \"github\"\nsecret = {{ literal = \"{secret}\" }}\n"
            )
        };
        Bench::start(&format!("{admin}{}{}", source("github", SECRET), source("billing", BILLING)))
    }

    fn id(line: &Value) -> String {
        line["request_id"].as_str().expect("an id").to_owned()
    }

    #[test]
    fn a_refused_request_is_explained_by_its_id() {
        let bench = bench();
        let newline =
            id(&bench.refused(&arrived(hub(SECRET, BODY), format!("{BODY}\n")), 401, "signature_mismatch"));
        let swapped = id(&bench.refused(&hub(BILLING, BODY), 401, "signature_mismatch"));
        let absent = id(&bench.refused(&post("/github").body(BODY), 401, "signature_missing"));
        let large = id(&bench.refused(&hub(LIVE, "x".repeat(2000)), 401, "signature_mismatch"));
        let explain = |id: &str, more: &[&str]| {
            let output = run(&bench, &[&["explain", "--refused", id][..], more].concat());
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
            (output.status.code(), text(output.stdout), text(output.stderr))
        };
        for (id, word) in [
            (&newline, "[body_trailing_newline]"),
            (&swapped, "[secret_of_other_source]"),
            (&absent, "[signature_missing]"),
        ] {
            let (code, out, err) = explain(id, &["--source", "github"]);
            assert!(code == Some(1) && out.contains(word), "{word}: {out}{err}");
            assert!(!out.contains(SECRET) && !out.contains(BILLING), "{out}");
        }
        for (id, more, word) in [
            (newline.as_str(), ["--source", "billing"], "for source github"),
            (&large, ["--source", "github"], "capture_body"),
            ("01a21cee-0000-7000-8000-000000000000", ["--source", "github"], "no refused request"),
        ] {
            let (code, out, err) = explain(id, &more);
            assert!(code == Some(2) && out.is_empty() && err.contains(word), "{word}: {code:?} {out}{err}");
        }
        bench.passes(&hub(SECRET, BODY));
    }

    #[test]
    fn the_log_hints_at_what_is_wrong() {
        let bench = bench();
        for (request, word) in [
            (arrived(hub(SECRET, BODY), format!("{BODY}\n")), "body_trailing_newline: "),
            (hub(BILLING, BODY), "secret_of_other_source: signed with the secret of source `billing`"),
            (post("/github").header("X-Shopify-Hmac-SHA256", "x").body(BODY), "other_provider: "),
        ] {
            // Only some are explained in a second.
            let told = (0..8).find_map(|_| {
                let response = bench.ask(&request);
                assert_eq!(response.status, 401);
                let hint = bench.line(&response)["hint"].as_str().map(String::from);
                if hint.is_none() {
                    std::thread::sleep(std::time::Duration::from_millis(400));
                }
                hint
            });
            assert!(told.as_ref().is_some_and(|hint| hint.starts_with(word)), "{word}: {told:?}");
        }
        // Neither what passes has one, nor what nothing is known of.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(bench.refused(&hub(LIVE, BODY), 401, "signature_mismatch")["hint"].is_null());
        assert!(bench.passes(&hub(SECRET, BODY)).1["hint"].is_null());
        bench.kept_secret(&[SECRET, BILLING, LIVE]);
    }
}
