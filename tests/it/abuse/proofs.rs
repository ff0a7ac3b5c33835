//! M: HMAC, token and Basic verification, over HTTP/1.1 and HTTP/2 alike.

use super::*;
use crate::rig::request::{Request, post};
use crate::rig::sign;

fn hub(signature: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Request {
    post("/hooks/github").header(HUB, signature).body(body)
}

fn valid() -> String {
    sign::github(SECRET, BODY)
}

fn digits() -> String {
    valid().split_off("sha256=".len())
}

#[test]
fn signatures() {
    let mut cases = Vec::new();
    let refuse = |number, request| Case::both(number, request).answers(&[401]);
    cases.push(Case::both("M01", hub(valid(), BODY)).answers(&[200]).hiding(digits()).checking(|seen| {
        ensure(seen.forwarded.iter().all(|request| request.body == BODY), "the body changed")
    }));
    cases.push(refuse("M02", post("/hooks/github").body(BODY)));
    for odd in ["", "sha256=", "=", "sha256", "sha256==", "sha256=="] {
        cases.push(refuse("M03", hub(odd, BODY)));
    }
    for length in [1, 2, 31, 32, 62, 63] {
        cases.push(refuse("M04", hub(format!("sha256={}", &digits()[..length]), BODY)));
    }
    for tail in ["00", "0", ",", "=", "; a=b"] {
        cases.push(refuse("M05", hub(format!("{}{tail}", valid()), BODY)));
    }
    cases.push(Case::http1("M05", hub(format!("{} \t", valid()), BODY)).answers(&[200, 401]).at_most_once());
    let upper = format!("sha256={}", digits().to_uppercase());
    cases.push(Case::both("M06", hub(upper, BODY)).answers(&[200, 401]).at_most_once());
    for prefix in ["", "sha1=", "md5=", "sha512=", "SHA256=", "sha256:", "sha256= "] {
        cases.push(refuse("M08", hub(format!("{prefix}{}", digits()), BODY)));
    }
    let sha1 = format!("sha1={}", sign::hmac_sha1_hex(SECRET.as_bytes(), BODY));
    cases.push(refuse("M09", post("/hooks/github").header("X-Hub-Signature", &sha1).body(BODY)));
    cases.push(refuse("M09", hub(&sha1, BODY)));
    let wrong = sign::github("wrong", BODY);
    cases.push(refuse("M10", hub(&wrong, BODY).header("X-Hub-Signature", &sha1)));
    let base64 = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        hex::decode(digits()).unwrap_or_default(),
    );
    for text in ["zz".repeat(32), "\u{ff11}".repeat(32), "%32".repeat(21), base64, " ".repeat(64)] {
        cases.push(Case::both("M11", hub(format!("sha256={text}"), BODY)).answers(&[401, 400]));
    }
    for plain in [
        sign::sha256_hex(&[BODY]),
        sign::sha256_hex(&[SECRET.as_bytes(), BODY]),
        sign::sha256_hex(&[BODY, SECRET.as_bytes()]),
    ] {
        cases.push(refuse("M12", hub(format!("sha256={plain}"), BODY)));
    }
    cases.push(Case::both("M17", signed("/hooks/github", b"")).answers(&[200]));
    cases.push(refuse("M18", hub(sign::github(SECRET, b"{}"), b"")));
    cases.push(refuse("M38", signed("/hooks/jwt", BODY)));
    cases.push(Case::both("M39", genuine().header("X-GitHub-Event", "altered")).answers(&[200]));
    Bench::new().run(cases);
}

#[test]
fn bodies() {
    let mut cases = Vec::new();
    let original = "{\"a\": 1.0, \"b\": \"\\u00e9\\/\", \"a\": 2}\r\n";
    let signature = sign::github(SECRET, original.as_bytes());
    let mut flipped = original.as_bytes().to_vec();
    flipped[5] ^= 1;
    let changed: [Vec<u8>; 7] = [
        flipped,
        original.replace(": ", ":").into(),
        original.replace("1.0", "1").into(),
        original.replace("\\u00e9", "é").into(),
        original.replace("\r\n", "\n").into(),
        format!("\u{feff}{original}").into(),
        original.trim_end().into(),
    ];
    for body in changed {
        cases.push(Case::both("M19", hub(&signature, body)).answers(&[401]));
    }
    let odd: [&[u8]; 8] = [
        original.as_bytes(),
        b"\t{\"a\"\t:\t1.0}\t",
        b"{\"a\":1,\"a\":2}",
        "{\"e\":\"😀\"}".as_bytes(),
        b"{\"s\":\"\\ud800\"}",
        b"\xff\xfe\x80",
        b"a\0b\0",
        b"POST / HTTP/1.1\r\n\r\n",
    ];
    for body in odd {
        cases.push(whole(Case::both("M20", signed("/hooks/github", body)), body.to_vec()));
        let chunked = post("/hooks/github")
            .header(HUB, sign::github(SECRET, body))
            .body(body)
            .http1_chunked(&[1, 3, 2]);
        cases.push(whole(Case::bytes("M24", chunked), body.to_vec()));
    }
    let gzip: &[u8] = &[
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0,
        0, 0,
    ];
    let encoded = Case::both("M21", signed("/hooks/github", gzip).header("Content-Encoding", "gzip"));
    cases.push(whole(encoded, gzip.to_vec()).checking(|seen| {
        ensure(
            seen.forwarded.iter().all(|request| request.one("content-encoding") == "gzip"),
            "Content-Encoding is gone",
        )
    }));
    let decoded = hub(sign::github(SECRET, b"hello"), gzip).header("Content-Encoding", "gzip");
    cases.push(Case::both("M22", decoded).answers(&[401]));
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "b=2&a=1&a=%2f+%20".as_bytes()),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
        ),
    ] {
        cases.push(whole(
            Case::both("M25", signed("/hooks/github", body).header("Content-Type", kind)),
            body.to_vec(),
        ));
    }
    cases.push(whole(Case::both("M26", signed("/hooks/small", vec![b'a'; SMALL])), vec![b'a'; SMALL]));
    cases.push(Case::both("M26", signed("/hooks/small", vec![b'a'; SMALL + 1])).answers(&[413]));
    let over = signed("/hooks/small", vec![b'a'; SMALL + 1]).http1_chunked(&[100]);
    cases.push(Case::bytes("M26", over).answers(&[413]).or_close());
    let exact = signed("/hooks/small", vec![b'a'; SMALL]).http1_chunked(&[100]);
    cases.push(whole(Case::bytes("M26", exact), vec![b'a'; SMALL]));
    let canary = "body-canary-51c0ffee";
    cases.push(Case::both("Z11", hub(valid(), canary)).answers(&[401]).hiding(canary));
    cases.push(Case::both("Z11", signed("/hooks/github", canary)).answers(&[200]).hiding(canary));
    Bench::new().run(cases);
}

/// Accepted, and the upstream got exactly this body.
fn whole(case: Case, body: Vec<u8>) -> Case {
    case.answers(&[200]).checking(move |seen| {
        ensure(seen.forwarded.iter().all(|request| request.body == body), "the body changed")
    })
}

#[test]
fn several_secrets_and_signatures() {
    let mut cases = Vec::new();
    for (secret, name, status) in
        [(SECRET, "new", 200), (OLD_SECRET, "old", 200), (RETIRED_SECRET, "retired", 401)]
    {
        let request = post("/hooks/rotating").header(HUB, sign::github(secret, BODY)).body(BODY);
        cases.push(Case::both("M29", request).answers(&[status]).checking(move |seen| {
            let keys: Vec<String> =
                seen.forwarded.iter().map(|request| request.one("bonafide-key")).collect();
            ensure(keys.iter().all(|key| key == name), format!("Bonafide-Key {keys:?}, expected {name}"))
        }));
    }
    let time = sign::unix_time(0);
    let (good, bad) = (sign::stripe_value(SECRET, &time, BODY), sign::stripe_value("wrong", &time, BODY));
    let rows = [
        (format!("t={time},v1={good},v1={bad}"), vec![200]),
        (format!("t={time},v1={bad},v1={good}"), vec![200]),
        (format!("t={time},v0={bad},v1={good}"), vec![200]),
        (format!("v1={good},t={time}"), vec![200]),
        (format!("t={time},v1={bad},v1={bad}"), vec![401]),
        (format!("t={time},v0={good}"), vec![401]),
        (format!("t={time},v1a={good}"), vec![401]),
        (format!("t={time},v1="), vec![401]),
        (format!("t={time},v1"), vec![401]),
        (format!("t={time}"), vec![401]),
        (format!("v1={good}"), vec![401]),
        (format!("t={time}{},v1={good}", format!(",v1={bad}").repeat(9)), vec![200]),
        (format!("t={time}{},v1={good}", format!(",v1={bad}").repeat(300)), vec![401]),
        (format!("t={time},t={time},v1={good}"), vec![401]),
        (format!("t=1,t={time},v1={good}"), vec![401]),
        (format!("t={time},v1={good},"), vec![200, 401]),
        (",".repeat(500), vec![401]),
    ];
    for (value, statuses) in rows {
        let request = post("/hooks/stripe").header("Stripe-Signature", value).body(BODY);
        cases.push(Case::both("M27-M28,V04-V05", request).answers(&statuses).hiding(good.clone()));
    }
    Bench::new().run(cases);
}

#[test]
fn tokens_and_basic() {
    let mut cases = Vec::new();
    let token = |value: &str| post("/hooks/token").header("X-Gitlab-Token", value).body(BODY);
    cases.push(Case::both("M31", token(TOKEN)).answers(&[200]));
    let swapped = TOKEN.to_uppercase();
    for value in [
        &TOKEN[..TOKEN.len() - 1],
        &format!("{TOKEN}x"),
        &swapped,
        "",
        &format!("Bearer {TOKEN}"),
        &format!("{TOKEN},{TOKEN}"),
    ] {
        cases.push(Case::both("M32", token(value)).answers(&[401]));
    }
    cases.push(Case::both("M32", token(TOKEN).header("X-Gitlab-Token", TOKEN)).answers(&[401]));
    cases.push(
        Case::both("M32", post("/hooks/token").header("X_Gitlab_Token", TOKEN).body(BODY))
            .answers(&[401, 400]),
    );
    let basic = |pair: &[u8]| post("/hooks/basic").header("Authorization", sign::basic(pair)).body(BODY);
    let right = format!("hook:{PASSWORD}");
    cases.push(Case::both("M33", basic(right.as_bytes())).answers(&[200]));
    let wrong: [&[u8]; 8] =
        [b"hook:", b":", b"hook", b"", b"\xff\xfe:\xff", b"hook:a:b", b"Hook:x", b"hook:wrong"];
    for pair in wrong {
        cases.push(Case::both("M33", basic(pair)).answers(&[401]));
    }
    cases.push(Case::both("M33", basic(format!(":{PASSWORD}").as_bytes())).answers(&[401]));
    cases.push(Case::both("M33", basic(format!("{right}:more").as_bytes())).answers(&[401]));
    cases.push(Case::both("M33", basic(format!("Hook:{PASSWORD}").as_bytes())).answers(&[401]));
    for value in ["Basic", "Basic ", "Basic !!!!", "Bearer aG9vazp4", "basic"] {
        cases.push(
            Case::both("M33", post("/hooks/basic").header("Authorization", value).body(BODY)).answers(&[401]),
        );
    }
    let spelled = sign::basic(right.as_bytes()).replacen("Basic", "bASIC", 1);
    cases.push(
        Case::both("M33", post("/hooks/basic").header("Authorization", spelled).body(BODY))
            .answers(&[200, 401])
            .at_most_once(),
    );
    Bench::new().run(cases);
}
