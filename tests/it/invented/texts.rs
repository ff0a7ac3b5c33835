//! How the signed text and its key are made: optional parts, variants, plain hashes, times, forms of the secret.

use super::*;
use crate::rig::request::post;
use crate::rig::sign::{hmac_sha256, http_date, md5_hex, rfc3339, sha256_hex, unix_time};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

fn tag(secret: &str, text: &str) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), &[text.as_bytes()]))
}

const TIMED: &str = "t = { header = \"X-Time\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
    sig = { header = \"X-Sig\", role = \"signature\", encoding = \"hex\" }\n";

#[test]
fn parts_that_may_be_left_out() {
    let stage = Stage::new(
        &format!(
            "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"[id:{{id}};][user:{{user}};]ts:{{t}};{{body}}\"\n\
             [provider.acme.signature.fields]\nid = {{ header = \"X-Id\", role = \"id\", optional = true }}\n\
             user = {{ header = \"X-User\", optional = true }}\n{TIMED}"
        ),
        "",
    );
    let now = unix_time(0);
    let of = |secret: &str, time: &str, id: Option<&str>, user: Option<&str>| {
        let mut text = String::new();
        let mut request = post("/in").body(BODY).header("X-Time", time);
        if let Some(id) = id {
            text.push_str(&format!("id:{id};"));
            request = request.header("X-Id", id);
        }
        if let Some(user) = user {
            text.push_str(&format!("user:{user};"));
            request = request.header("X-User", user);
        }
        request.header("X-Sig", tag(secret, &format!("{text}ts:{time};{BODY}")))
    };
    for (id, user) in [(None, None), (Some("1"), None), (None, Some("u")), (Some("1"), Some("u"))] {
        let genuine = of(SECRET, &now, id, user);
        stage.passes("genuine", &genuine);
        stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
        stage.refuses("id", &with(&genuine, "X-Id", "2"), "signature_mismatch");
        stage.refuses("user", &with(&genuine, "X-User", "v"), "signature_mismatch");
        stage.refuses("time", &with(&genuine, "X-Time", &unix_time(-7)), "signature_mismatch");
        stage.refuses("other secret", &of(OTHER, &now, id, user), "signature_mismatch");
        stage.refuses("stale", &of(SECRET, &unix_time(-400), id, user), "timestamp_too_old");
        stage.refuses("no time", &without(&genuine, "X-Time"), "field_missing");
        for name in ["X-Id", "X-User"]
            .into_iter()
            .filter(|name| genuine.headers.iter().any(|(field, _)| field == name))
        {
            stage.refuses("left out", &without(&genuine, name), "signature_mismatch");
            stage.refuses("twice", &twice(&genuine, name), "field_repeated");
        }
    }
    // Nothing makes one value look like two.
    stage.refuses("a separator in a value", &of(SECRET, &now, Some("1;user:u"), None), "field_malformed");
    let split = without(&of(SECRET, &now, Some("1"), Some("u")), "X-User");
    stage.refuses("two values in one", &with(&split, "X-Id", "1;user:u"), "field_malformed");
    let user = of(SECRET, &now, None, Some("u;ts:1"));
    stage.refuses("a time in a value", &user, "field_malformed");
}

#[test]
fn a_request_of_the_newer_kind_is_not_taken_for_an_older_one() {
    let stage = Stage::new(
        &format!(
            "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{{t}}.{{body}}\"\n[provider.acme.signature.fields]\n{TIMED}\
             [[provider.acme.signature.variant]]\nwhen = [{{ header = \"X-Version\", is = \"2\" }}]\nmessage = \"v2:{{method}}:{{path}}:{{t}}.{{body}}\"\n"
        ),
        "",
    );
    let now = unix_time(0);
    let first = |secret: &str, time: &str| {
        post("/in").header("X-Time", time).header("X-Sig", tag(secret, &format!("{time}.{BODY}"))).body(BODY)
    };
    let second = |secret: &str, time: &str| {
        let sig = tag(secret, &format!("v2:POST:/in:{time}.{BODY}"));
        post("/in").header("X-Version", "2").header("X-Time", time).header("X-Sig", sig).body(BODY)
    };
    stage.passes("first", &first(SECRET, &now));
    stage.passes("second", &second(SECRET, &now));
    stage.passes("a version that is none of them", &first(SECRET, &now).header("X-Version", "1"));
    for genuine in [first(SECRET, &now), second(SECRET, &now)] {
        stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
        stage.refuses("time", &with(&genuine, "X-Time", &unix_time(-7)), "signature_mismatch");
        stage.refuses("no time", &without(&genuine, "X-Time"), "field_missing");
        stage.refuses("no signature", &without(&genuine, "X-Sig"), "signature_missing");
        stage.refuses("two signatures", &twice(&genuine, "X-Sig"), "field_repeated");
    }
    for (of, what) in [(&first as &dyn Fn(&str, &str) -> Request, "first"), (&second, "second")] {
        stage.refuses(what, &of(OTHER, &now), "signature_mismatch");
        stage.refuses(what, &of(SECRET, &unix_time(-400)), "timestamp_too_old");
    }
    // Downgrades and upgrades: the version decides, and is not in the older text.
    let genuine = second(SECRET, &now);
    stage.refuses("without its version", &without(&genuine, "X-Version"), "signature_mismatch");
    for version in ["1", "02", "2.0", "2, 1", ""] {
        stage.refuses(version, &with(&genuine, "X-Version", version), "signature_mismatch");
    }
    stage.refuses("two versions", &genuine.clone().header("X-Version", "1"), "signature_mismatch");
    stage.refuses(
        "the other way",
        &with(&genuine, "X-Version", "1").header("X-Version", "2"),
        "signature_mismatch",
    );
    stage.refuses("as a newer one", &first(SECRET, &now).header("X-Version", "2"), "signature_mismatch");
    // The newer text as time and body of the older kind.
    let moved = body(&without(&genuine, "X-Version"), format!("v2:POST:/in:{now}.{BODY}"));
    stage.refuses("moved", &moved, "signature_mismatch");
    let named = with(&without(&genuine, "X-Version"), "X-Time", &format!("v2:POST:/in:{now}"));
    stage.refuses("the text in the time", &named, "timestamp_malformed");
}

#[test]
fn a_plain_hash_with_the_secret_in_it() {
    let stage = Stage::new(
        &format!(
            "[provider.acme.signature]\nalgorithm = \"sha256\"\nmessage = \"{{t}}:{{body}}:{{secret}}\"\n[provider.acme.signature.fields]\n{TIMED}"
        ),
        "",
    );
    let of = |secret: &str, time: &str| {
        let sig = sha256_hex(&[time.as_bytes(), b":", BODY.as_bytes(), b":", secret.as_bytes()]);
        post("/in").header("X-Time", time).header("X-Sig", sig).body(BODY)
    };
    let now = unix_time(0);
    let genuine = of(SECRET, &now);
    stage.passes("genuine", &genuine);
    stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
    stage.refuses("time", &with(&genuine, "X-Time", &unix_time(-7)), "signature_mismatch");
    stage.refuses("other secret", &of(OTHER, &now), "signature_mismatch");
    stage.refuses("no secret", &of("", &now), "signature_mismatch");
    stage.refuses("its name", &of("{secret}", &now), "signature_mismatch");
    let keyed = tag(SECRET, &format!("{now}:{BODY}:{SECRET}"));
    stage.refuses("keyed as well", &with(&genuine, "X-Sig", &keyed), "signature_mismatch");
    let weak = md5_hex(format!("{now}:{BODY}:{SECRET}").as_bytes());
    stage.refuses("a shorter hash", &with(&genuine, "X-Sig", &weak), "signature_malformed");
    stage.refuses("stale", &of(SECRET, &unix_time(-400)), "timestamp_too_old");
    stage.refuses("no time", &without(&genuine, "X-Time"), "field_missing");
    stage.refuses("two times", &twice(&genuine, "X-Time"), "field_repeated");
    stage.refuses("no signature", &without(&genuine, "X-Sig"), "signature_missing");
}

#[test]
fn times_in_every_unit() {
    let milliseconds = |offset: i64| format!("{}123", unix_time(offset));
    let microseconds = |offset: i64| format!("{}123456", unix_time(offset));
    let zone = |offset: i64| rfc3339(offset).replace('Z', ".5+00:00");
    let units: [(&str, &dyn Fn(i64) -> String); 6] = [
        ("s", &unix_time),
        ("ms", &milliseconds),
        ("us", &microseconds),
        ("rfc3339", &rfc3339),
        ("rfc3339", &zone),
        ("http_date", &http_date),
    ];
    for (unit, write) in units {
        let stage = Stage::new(
            &format!(
                "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{{t}}\\n{{body}}\"\n[provider.acme.signature.fields]\n{}",
                TIMED.replace("\"s\"", &format!("\"{unit}\""))
            ),
            "",
        );
        let signed = |secret: &str, time: &str| {
            post("/in")
                .header("X-Time", time)
                .header("X-Sig", tag(secret, &format!("{time}\n{BODY}")))
                .body(BODY)
        };
        let genuine = signed(SECRET, &write(0));
        for offset in [0, -290, 290] {
            stage.passes(unit, &signed(SECRET, &write(offset)));
        }
        for (offset, reason) in [
            (-310, "timestamp_too_old"),
            (-86_400, "timestamp_too_old"),
            (320, "timestamp_in_future"),
            (86_400, "timestamp_in_future"),
        ] {
            stage.refuses(unit, &signed(SECRET, &write(offset)), reason);
        }
        stage.refuses("other secret", &signed(OTHER, &write(0)), "signature_mismatch");
        stage.refuses("time", &with(&genuine, "X-Time", &write(-60)), "signature_mismatch");
        stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
        stage.refuses("no time", &without(&genuine, "X-Time"), "field_missing");
        stage.refuses("two times", &twice(&genuine, "X-Time"), "field_repeated");
        for odd in
            ["", "now", "-1", "2026-02-30T00:00:00Z", "Tue, 31 Feb 2026 00:00:00 GMT", "0x5f5e100", "1e9"]
        {
            stage.refuses(odd, &signed(SECRET, odd), "timestamp_malformed");
        }
        for (other, write) in units.iter().filter(|(other, _)| *other != unit) {
            let numbers = ["s", "ms", "us"];
            // A number of another unit is a time, but none of today.
            let reason = match (numbers.contains(&unit), numbers.contains(other)) {
                (true, true)
                    if numbers.iter().position(|name| *name == unit)
                        < numbers.iter().position(|name| name == other) =>
                {
                    "timestamp_in_future"
                }
                (true, true) => "timestamp_too_old",
                _ => "timestamp_malformed",
            };
            stage.refuses(&format!("{other} for {unit}"), &signed(SECRET, &write(0)), reason);
        }
    }
}

#[test]
fn forms_of_the_secret() {
    let key = "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{t}.{body}\"\n\
        key = { encoding = \"base64_any\", prefix = [\"signkey-*-\", \"old:\"], hash = \"sha256\", min_bytes = 16 }\n";
    let provider = format!("{key}[provider.acme.signature.fields]\n{TIMED}");
    let raw: Vec<u8> = (0..31).map(|n| 0xf0 ^ (n * 7)).collect();
    let now = unix_time(0);
    let of = |key: &[u8]| {
        let sig = hex::encode(hmac_sha256(key, &[now.as_bytes(), b".", BODY.as_bytes()]));
        post("/in").header("X-Time", &now).header("X-Sig", sig).body(BODY)
    };
    let digest: [u8; 32] = Sha256::digest(&raw).into();
    let (text, other): (String, [u8; 32]) = (STANDARD.encode(&raw), Sha256::digest(OTHER).into());
    for secret in [
        format!("signkey-test1-{text}"),
        format!("signkey--{}", URL_SAFE.encode(&raw)),
        format!("old:{}", URL_SAFE_NO_PAD.encode(&raw)),
        STANDARD_NO_PAD.encode(&raw),
    ] {
        let stage = Stage::with_secret(&provider, "", &secret);
        let genuine = of(&digest);
        stage.passes(&secret, &genuine);
        stage.refuses("body", &body(&genuine, "x"), "signature_mismatch");
        stage.refuses("time", &with(&genuine, "X-Time", &unix_time(-7)), "signature_mismatch");
        stage.refuses("other secret", &of(&other), "signature_mismatch");
        stage.refuses("no hash", &of(&raw), "signature_mismatch");
        stage.refuses("the text", &of(secret.as_bytes()), "signature_mismatch");
        stage.refuses("hash of the text", &of(&Sha256::digest(text.as_bytes())), "signature_mismatch");
        stage.refuses("no signature", &without(&genuine, "X-Sig"), "signature_missing");
        stage.bench.kept_secret(&[&secret, &text]);
    }
}
