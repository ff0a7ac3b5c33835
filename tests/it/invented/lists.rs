//! Where signatures stand: lists in groups, documents in fields, families, queries, alternatives.

use super::*;
use crate::rig::request::post;
use crate::rig::sign::{hmac_sha256, unix_time};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

fn tag(secret: &str, text: &str) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), &[text.as_bytes()]))
}

#[test]
fn lists_in_groups_with_versions() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{t}.{body}\"\n[provider.acme.signature.fields]\n\
         t = { header = \"Acme\", group = \" \", list = \",\", key = \"t\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
         v2 = { header = \"Acme\", group = \" \", list = \",\", key = \"v2\", role = \"signature\", encoding = \"hex\", many = 3 }\n",
        "",
    );
    let (now, old) = (unix_time(0), unix_time(-400));
    let v2 = |secret: &str, time: &str| tag(secret, &format!("{time}.{BODY}"));
    let (good, bad) = (v2(SECRET, &now), v2(OTHER, &now));
    let of = |value: String| post("/in").header("Acme", value).body(BODY);
    let genuine = of(format!("t={now},v1=00,v2={bad} t={now},v2={good}"));
    stage.passes("the second list", &genuine);
    stage.passes("one list", &of(format!("t={now},v2={good}")));
    stage.passes("versions that are passed over", &of(format!("v3=x,t={now},v2={good},v1={bad} v9=1")));
    stage.refuses("body", &body(&genuine, format!("{BODY} ")), "signature_mismatch");
    stage.refuses("other secret", &of(format!("t={now},v2={bad}")), "signature_mismatch");
    stage.refuses("time", &of(format!("t={},v2={good}", unix_time(-7))), "signature_mismatch");
    stage.refuses("stale", &of(format!("t={old},v2={}", v2(SECRET, &old))), "timestamp_too_old");
    let ahead = unix_time(400);
    stage.refuses("future", &of(format!("t={ahead},v2={}", v2(SECRET, &ahead))), "timestamp_in_future");
    stage.refuses("old version alone", &of(format!("t={now},v1={good}")), "signature_missing");
    stage.refuses("a longer version", &of(format!("t={now},v22={good}")), "signature_missing");
    stage.refuses("no time", &of(format!("v2={good}")), "field_missing");
    stage.refuses("no field", &without(&genuine, "Acme"), "signature_missing");
    stage.refuses("two times", &of(format!("t={old},v2={bad} t={now},v2={good}")), "field_repeated");
    stage.refuses(
        "four signatures",
        &of(format!("t={now}{},v2={good}", format!(",v2={bad}").repeat(3))),
        "too_many_signatures",
    );
    stage.refuses("two fields", &twice(&genuine, "Acme"), "field_repeated");
    stage.refuses(
        "another encoding",
        &of(format!("t={now},v2={}", STANDARD.encode(hex::decode(&good).unwrap()))),
        "signature_malformed",
    );
}

#[test]
fn a_document_in_a_field() {
    let place = "header = \"X-Envelope\", decode = \"base64\"";
    let stage = Stage::new(
        &format!(
            "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{{id}}.{{t}}.{{body}}\"\n[provider.acme.signature.fields]\n\
             id = {{ {place}, inside = \"/meta/id\", role = \"id\" }}\n\
             t = {{ {place}, inside = \"/ts\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }}\n\
             sig = {{ {place}, inside = \"/sig\", role = \"signature\", encoding = \"hex\" }}\n"
        ),
        "",
    );
    let of = |text: String| post("/in").header("X-Envelope", STANDARD.encode(text)).body(BODY);
    let signed = |secret: &str, time: &str, id: &str| tag(secret, &format!("{id}.{time}.{BODY}"));
    let document = |time: &str, id: &str, sig: &str| {
        of(format!("{{\"ts\":{time},\"meta\":{{\"id\":\"{id}\"}},\"sig\":\"{sig}\"}}"))
    };
    let (now, old) = (unix_time(0), unix_time(-400));
    let good = signed(SECRET, &now, "e1");
    let genuine = document(&now, "e1", &good);
    stage.passes("genuine", &genuine);
    stage.passes(
        "with blanks",
        &of(format!(" {{ \"sig\" : \"{good}\", \"ts\": \"{now}\", \"meta\":{{\"id\":\"e1\"}} }} ")),
    );
    stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
    stage.refuses("id", &document(&now, "e2", &good), "signature_mismatch");
    stage.refuses("time", &document(&unix_time(-7), "e1", &good), "signature_mismatch");
    stage.refuses("other secret", &document(&now, "e1", &signed(OTHER, &now, "e1")), "signature_mismatch");
    stage.refuses("stale", &document(&old, "e1", &signed(SECRET, &old, "e1")), "timestamp_too_old");
    stage.refuses("no field", &without(&genuine, "X-Envelope"), "signature_missing");
    stage.refuses("twice", &twice(&genuine, "X-Envelope"), "field_repeated");
    stage.refuses("not base64", &with(&genuine, "X-Envelope", "{}"), "signature_malformed");
    let url =
        URL_SAFE_NO_PAD.encode(format!("{{\"ts\":{now},\"meta\":{{\"id\":\"e1\"}},\"sig\":\"{good}\"}} "));
    stage.refuses("another base64", &with(&genuine, "X-Envelope", &url), "signature_malformed");
    stage.refuses("no JSON", &of("sig".to_owned()), "signature_malformed");
    let member_twice =
        |rest: &str| of(format!("{{{rest},\"ts\":{now},\"meta\":{{\"id\":\"e1\"}},\"sig\":\"{good}\"}}"));
    stage.refuses("two signatures", &member_twice("\"sig\":\"00\""), "signature_malformed");
    stage.refuses("two times", &member_twice("\"ts\":1"), "timestamp_malformed");
    stage.refuses("two ids", &member_twice("\"meta\":{\"id\":\"e0\"}"), "field_malformed");
    stage.refuses(
        "no time",
        &of(format!("{{\"meta\":{{\"id\":\"e1\"}},\"sig\":\"{good}\"}}")),
        "field_missing",
    );
    stage.refuses("no id", &of(format!("{{\"ts\":{now},\"sig\":\"{good}\"}}")), "field_missing");
}

#[test]
fn a_family_of_numbered_fields() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{body}\"\n[provider.acme.signature.fields]\n\
         sig = { family = \"X-Sig-{n}\", prefix = \"h=\", role = \"signature\", encoding = \"base64\", many = 3 }\n",
        "",
    );
    let of =
        |secret: &str| format!("h={}", STANDARD.encode(hmac_sha256(secret.as_bytes(), &[BODY.as_bytes()])));
    let plain = post("/in").body(BODY);
    let (good, bad) = (of(SECRET), of(OTHER));
    for number in 1..=3 {
        stage.passes("alone", &plain.clone().header(&format!("X-Sig-{number}"), &good));
    }
    let rotated = plain.clone().header("X-Sig-1", &bad).header("X-Sig-2", &good);
    stage.passes("the second", &rotated);
    stage.passes("a fourth is not looked at", &rotated.clone().header("X-Sig-4", "h=AAAA"));
    stage.refuses("the fourth alone", &plain.clone().header("X-Sig-4", &good), "signature_missing");
    for name in ["X-Sig-0", "X-Sig-01", "X-Sig-", "X-Sig-{n}", "X-Sig"] {
        let request = if name.contains('{') { plain.clone() } else { plain.clone().header(name, &good) };
        stage.refuses(name, &request, "signature_missing");
    }
    stage.refuses("body", &body(&rotated, "x"), "signature_mismatch");
    stage.refuses("other secret", &plain.clone().header("X-Sig-1", &bad), "signature_mismatch");
    stage.refuses("none", &plain, "signature_missing");
    stage.refuses("one of them twice", &twice(&rotated, "X-Sig-2"), "field_repeated");
    stage.refuses("without its prefix", &plain.clone().header("X-Sig-1", &good[2..]), "signature_malformed");
}

#[test]
fn a_signature_in_the_query() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\n\
         message = \"{method} {path}?{pairs|without:sig|sort|join:&}\\n{body}\"\n[provider.acme.signature.fields]\n\
         t = { query = \"t\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
         sig = { query = \"sig\", role = \"signature\", encoding = \"base64url\" }\n",
        "",
    );
    let of = |secret: &str, text: &str| {
        URL_SAFE_NO_PAD
            .encode(hmac_sha256(secret.as_bytes(), &[format!("POST /in?{text}\n{BODY}").as_bytes()]))
    };
    let now = unix_time(0);
    let signed = format!("a=1&b=x&t={now}");
    let good = of(SECRET, &signed);
    let genuine = post(format!("/in?b=x&t={now}&sig={good}&a=1")).body(BODY);
    stage.passes("genuine", &genuine);
    stage.passes("in another order", &target(&genuine, &format!("/in?{signed}&sig={good}")));
    let refuse = |what: &str, query: String, reason: &str| {
        stage.refuses(what, &target(&genuine, &format!("/in?{query}")), reason)
    };
    stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
    refuse("a value", format!("a=2&b=x&t={now}&sig={good}"), "signature_mismatch");
    refuse("one more", format!("{signed}&c=&sig={good}"), "signature_mismatch");
    refuse("one less", format!("a=1&t={now}&sig={good}"), "signature_mismatch");
    refuse("the same twice", format!("a=1&{signed}&sig={good}"), "signature_mismatch");
    refuse("time", format!("a=1&b=x&t={}&sig={good}", unix_time(-7)), "signature_mismatch");
    refuse("other secret", format!("{signed}&sig={}", of(OTHER, &signed)), "signature_mismatch");
    let old = format!("a=1&b=x&t={}", unix_time(-400));
    refuse("stale", format!("{old}&sig={}", of(SECRET, &old)), "timestamp_too_old");
    refuse("no signature", signed.clone(), "signature_missing");
    refuse("no time", format!("a=1&sig={}", of(SECRET, "a=1")), "field_missing");
    refuse("two signatures", format!("{signed}&sig={good}&sig={good}"), "field_repeated");
    refuse("a second one in escapes", format!("{signed}&sig={good}&%73ig=x"), "field_repeated");
    refuse("two times", format!("t={now}&{signed}&sig={good}"), "field_repeated");
}

#[test]
fn one_of_several_texts_may_be_signed() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = [\"{t}:{body}\", \"{t}|{method}|{body}\"]\n\
         [provider.acme.signature.fields]\nt = { header = \"X-Time\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
         sig = { header = \"X-Sig\", role = \"signature\", encoding = \"hex\" }\n",
        "",
    );
    let of = |secret: &str, between: &str, time: &str| {
        let sig = tag(secret, &format!("{time}{between}{BODY}"));
        post("/in").header("X-Time", time).header("X-Sig", sig).body(BODY)
    };
    let now = unix_time(0);
    for between in [":", "|POST|"] {
        let genuine = of(SECRET, between, &now);
        stage.passes(between, &genuine);
        stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
        stage.refuses("time", &with(&genuine, "X-Time", &unix_time(-7)), "signature_mismatch");
        stage.refuses("other secret", &of(OTHER, between, &now), "signature_mismatch");
        stage.refuses("stale", &of(SECRET, between, &unix_time(-400)), "timestamp_too_old");
        stage.refuses("no time", &without(&genuine, "X-Time"), "field_missing");
        stage.refuses("no signature", &without(&genuine, "X-Sig"), "signature_missing");
        stage.refuses("two times", &twice(&genuine, "X-Time"), "field_repeated");
        stage.refuses("two signatures", &twice(&genuine, "X-Sig"), "field_repeated");
    }
    for between in ["", "|PUT|", "|", "::"] {
        stage.refuses(between, &of(SECRET, between, &now), "signature_mismatch");
    }
    // The same bytes, cut elsewhere.
    let moved = body(&of(SECRET, "|POST|", &now), format!("POST|{BODY}"));
    stage.refuses("moved", &moved, "signature_mismatch");
}
