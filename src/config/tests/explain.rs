//! One mistake each: the right one is named first.

use super::providers::{head_of, judge, policy, source};
use crate::base::time::UnixTime;
use crate::config::{known_headers, known_schemes};
use crate::http::Body;
use crate::policy::Source;
use crate::verify::{Draft, Evidence, Known, Other};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::io::Write;

const NOW: UnixTime = UnixTime(1_764_051_332);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = "{\"id\":\"evt_1\",\"name\":\"caf\u{e9}/x\",\"n\":[1,2.50]}";

fn of(provider: &str, secrets: &[&str], overrides: &str) -> Source {
    source(&policy(provider, "https://hooks.example.com", "/hook", secrets, &Value::Null, overrides))
}

fn signed(source: &Source, target: &str, content_type: &str, body: &[u8]) -> Draft {
    let mut draft = Draft::new(Method::POST, target, Bytes::copy_from_slice(body));
    draft.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    source.check.verifier().unwrap().sign(&mut draft, NOW).unwrap();
    draft
}

/// The codes of the findings for a request that the source refuses.
fn codes_at(source: &Source, draft: &Draft, others: &[(&str, &Source)], now: UnixTime) -> Vec<&'static str> {
    let head = head_of(source, draft.method.as_str(), &draft.target, &draft.headers);
    let verifier = source.check.verifier().unwrap();
    let error = judge(verifier, &head, &draft.body, now).expect_err("it must be refused");
    let body = Body::from_bytes(draft.body.clone());
    let known: Vec<Known<'_>> = known_schemes().iter().map(|(id, schemes)| Known { id, schemes }).collect();
    let others: Vec<Other<'_>> = others
        .iter()
        .map(|(name, source)| Other { name, verifier: source.check.verifier().unwrap() })
        .collect();
    let evidence = Evidence {
        head: &head,
        body: Some(&body),
        now,
        others: &others,
        known: &known,
        headers: known_headers(),
    };
    let findings = verifier.explain(&error, &evidence);
    for finding in &findings {
        let text = format!("{} {}", finding.message, finding.help);
        assert!(!text.contains(&SECRET[6..]) && !text.contains(&OTHER[6..]), "{text}");
    }
    findings.iter().map(|finding| finding.code).collect()
}

fn codes(source: &Source, draft: &Draft) -> Vec<&'static str> {
    codes_at(source, draft, &[], NOW)
}

fn with_body(draft: &Draft, body: impl Into<Bytes>) -> Draft {
    Draft { body: body.into(), ..draft.clone() }
}

fn with_header(draft: &Draft, name: &'static str, value: &str) -> Draft {
    let mut headers: HeaderMap = draft.headers.clone();
    headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    Draft { headers, ..draft.clone() }
}

fn header<'d>(draft: &'d Draft, name: &str) -> &'d str {
    draft.headers[name].to_str().unwrap()
}

fn first(found: &[&'static str]) -> &'static str {
    found.first().copied().unwrap_or("nothing")
}

#[test]
fn bodies() {
    let github = of("github", &[SECRET], "");
    let json = "application/json";
    let draft = signed(&github, "/hook", json, BODY.as_bytes());
    for (arrived, code) in [
        (format!("{BODY}\n"), "body_trailing_newline"),
        (format!("{BODY}\r\n"), "body_trailing_newline"),
        (BODY.replace(':', ": ").replace(',', ", "), "body_json_rewritten"),
        (BODY.replace('\u{e9}', "\\u00e9"), "body_json_rewritten"),
        (BODY.replace('/', "\\/"), "body_json_rewritten"),
        (
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(BODY).unwrap())
                .unwrap()
                .replace("2.5", "2.50"),
            "signature_mismatch",
        ),
        (format!("\u{feff}{BODY}"), "body_byte_order_mark"),
        (format!("  {BODY}"), "body_white_space"),
        (BODY.replace("evt_1", "evt_2"), "signature_mismatch"),
    ] {
        assert_eq!(first(&codes(&github, &with_body(&draft, arrived.clone()))), code, "{arrived}");
    }
    // What was signed with a newline that is not there.
    let longer = signed(&github, "/hook", json, format!("{BODY}\n").as_bytes());
    assert_eq!(first(&codes(&github, &with_body(&longer, BODY))), "body_trailing_newline");
    // Pretty on the sender's side, compact here.
    let pretty = "{\n  \"a\": 1,\n  \"b\": [\n    \"x\"\n  ]\n}";
    let draft = signed(&github, "/hook", json, pretty.as_bytes());
    assert_eq!(first(&codes(&github, &with_body(&draft, "{\"a\":1,\"b\":[\"x\"]}"))), "body_json_rewritten");
    // Members in another order than the sender's sorted ones.
    let draft = signed(&github, "/hook", json, b"{\"a\":1,\"b\":2}");
    assert_eq!(first(&codes(&github, &with_body(&draft, "{\"b\":2,\"a\":1}"))), "body_json_rewritten");
    let draft = signed(&github, "/hook", "text/plain", b"a\r\nb\r\n");
    assert_eq!(first(&codes(&github, &with_body(&draft, "a\nb\n"))), "body_line_ends");
    let draft = signed(&github, "/hook", "application/x-www-form-urlencoded", b"a=1+2&b=%2F");
    assert_eq!(first(&codes(&github, &with_body(&draft, "a=1%202&b=/"))), "body_form_rewritten");
    let draft = signed(&github, "/hook", json, b"");
    assert_eq!(first(&codes(&github, &with_body(&draft, BODY))), "body_not_signed");
    let draft = signed(&github, "/hook", json, BODY.as_bytes());
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(BODY.as_bytes()).unwrap();
    let compressed = with_header(&with_body(&draft, packed.finish().unwrap()), "content-encoding", "gzip");
    assert_eq!(first(&codes(&github, &compressed)), "body_compressed");
}

#[test]
fn secrets() {
    let draft_of = |provider: &str, secret: &str| {
        signed(&of(provider, &[secret], ""), "/hook", "application/json", BODY.as_bytes())
    };
    // A sender that decodes what GitHub would not, and the other way round.
    let raw = of(
        "standard-webhooks",
        &[SECRET],
        "[source.signature.key]\nencoding = \"utf8\"\nprefix = \"none\"\nmin_bytes = 1\n",
    );
    let draft = signed(&raw, "/hook", "application/json", BODY.as_bytes());
    assert_eq!(first(&codes(&of("standard-webhooks", &[SECRET], ""), &draft)), "secret_not_decoded");
    let decoding =
        of("github", &[SECRET], "[source.signature.key]\nencoding = \"base64\"\nprefix = \"whsec_\"\n");
    let draft = signed(&decoding, "/hook", "application/json", BODY.as_bytes());
    assert_eq!(first(&codes(&of("github", &[SECRET], ""), &draft)), "secret_decoded");
    let hex = "00112233445566778899aabbccddeeff00112233";
    let decoding = of("github", &[hex], "[source.signature.key]\nencoding = \"hex\"\n");
    let draft = signed(&decoding, "/hook", "application/json", BODY.as_bytes());
    assert_eq!(first(&codes(&of("github", &[hex], ""), &draft)), "secret_decoded");
    let newline = format!("{SECRET}\n");
    assert_eq!(
        first(&codes(&of("github", &[SECRET], ""), &draft_of("github", &newline))),
        "secret_trailing_newline"
    );
    assert_eq!(
        first(&codes(&of("github", &[&format!("{SECRET} ")], ""), &draft_of("github", SECRET))),
        "secret_white_space"
    );
    assert_eq!(
        first(&codes(&of("github", &[&format!("\"{SECRET}\"")], ""), &draft_of("github", SECRET))),
        "secret_quotes"
    );
    let (own, other) = (of("github", &[SECRET], ""), of("stripe", &[OTHER], ""));
    let found = codes_at(&own, &draft_of("github", OTHER), &[("billing", &other)], NOW);
    assert_eq!(first(&found), "secret_of_other_source");
    let old = of(
        "github",
        &[],
        &format!(
            "secrets = [{{ literal = \"{SECRET}\" }}, {{ literal = \"{OTHER}\", until = 2020-01-01 }}]\n"
        ),
    );
    assert_eq!(first(&codes(&old, &draft_of("github", OTHER))), "secret_expired");
}

#[test]
fn signatures_times_and_addresses() {
    let github = of("github", &[SECRET], "");
    let draft = signed(&github, "/hook", "application/json", BODY.as_bytes());
    let value = header(&draft, "x-hub-signature-256").to_owned();
    let bytes = hex::decode(&value[7..]).unwrap();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    let as_base64 = with_header(&draft, "x-hub-signature-256", &format!("sha256={base64}"));
    assert_eq!(first(&codes(&github, &as_base64)), "signature_encoding");
    let bare = with_header(&draft, "x-hub-signature-256", &value[7..]);
    assert_eq!(first(&codes(&github, &bare)), "signature_form");
    let sha1 = of("github", &[SECRET], "[source.signature]\nalgorithm = \"hmac-sha1\"\n");
    let weak = signed(&sha1, "/hook", "application/json", BODY.as_bytes());
    assert_eq!(first(&codes(&github, &weak)), "algorithm_differs");
    // The header of another sender.
    let shopify = of("shopify", &[SECRET], "");
    let theirs = signed(&shopify, "/hook", "application/json", BODY.as_bytes());
    assert_eq!(first(&codes(&github, &theirs)), "other_provider");
    // The same header, signed as another sender does.
    let slack = of("slack", &[SECRET], "");
    let draft = signed(&slack, "/hook", "application/json", BODY.as_bytes());
    for (seconds, code) in [(400, "clock_skew"), (-400, "clock_skew"), (7200, "clock_skew")] {
        assert_eq!(first(&codes_at(&slack, &draft, &[], UnixTime(NOW.0 + seconds))), code);
    }
    let milliseconds = with_header(&draft, "x-slack-request-timestamp", "1764051332000");
    assert_eq!(first(&codes(&slack, &milliseconds)), "timestamp_unit");
    let square = of("square", &[SECRET], "");
    let at = |url: &str, target: &str| {
        let source = source(&policy("square", url, "/hook", &[SECRET], &Value::Null, ""));
        signed(&source, target, "application/json", BODY.as_bytes())
    };
    for (url, target) in [
        ("http://hooks.example.com", "/hook"),
        ("https://hooks.example.com:443", "/hook"),
        ("https://www.hooks.example.com", "/hook"),
    ] {
        assert_eq!(first(&codes(&square, &at(url, target))), "url_differs", "{url}");
    }
    let mut queried = at("https://hooks.example.com", "/hook?a=1");
    queried.target = "/hook".to_owned();
    assert_eq!(first(&codes(&square, &queried)), "signature_mismatch");
    let mut bare = at("https://hooks.example.com", "/hook");
    bare.target = "/hook?utm=1".to_owned();
    assert_eq!(first(&codes(&square, &bare)), "url_differs");
}

#[test]
fn credentials() {
    let token = of("gitlab-token", &[SECRET], "");
    let draft = signed(&token, "/hook", "application/json", BODY.as_bytes());
    let with = |value: &str| with_header(&draft, "x-gitlab-token", value);
    assert_eq!(first(&codes(&token, &with(&format!("Bearer {SECRET}")))), "token_prefix");
    assert_eq!(first(&codes(&token, &with(&SECRET.to_lowercase()))), "token_case");
    let other = of("github", &[OTHER], "");
    assert_eq!(first(&codes_at(&token, &with(OTHER), &[("billing", &other)], NOW)), "secret_of_other_source");
    assert_eq!(first(&codes(&token, &with("something else"))), "credential_mismatch");
    let mut absent = draft.clone();
    absent.headers.remove("x-gitlab-token");
    absent.headers.insert("authorization", HeaderValue::from_static("Bearer x"));
    assert_eq!(first(&codes(&token, &absent)), "credential_elsewhere");
}
