//! What is signed of a body: elements of an array, forms, multipart forms, a digest in a field.

use super::*;
use crate::rig::request::post;
use crate::rig::sign::{hmac_sha1, hmac_sha256, hmac_sha512, sha256_hex, unix_time};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn tag(secret: &str, text: &str) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), &[text.as_bytes()]))
}

#[test]
fn each_element_of_an_array() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{item:/id}:{item:/amount}:{t}\"\n\
         each = \"/events\"\ncovers = \"part\"\n[provider.acme.signature.fields]\n\
         t = { item = \"/at\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
         sig = { item = \"/sig\", role = \"signature\", encoding = \"hex\" }\n",
        "",
    );
    let now = unix_time(0);
    let element = |secret: &str, id: &str, amount: &str, at: &str| {
        let sig = tag(secret, &format!("{id}:{amount}:{at}"));
        format!("{{\"id\":\"{id}\",\"amount\":{amount},\"at\":{at},\"sig\":\"{sig}\"}}")
    };
    let of =
        |elements: &[String]| post("/in").body(format!("{{\"n\":1,\"events\":[{}]}}", elements.join(", ")));
    let (one, two) = (element(SECRET, "e1", "10", &now), element(SECRET, "e2", "2.50", &now));
    stage.passes("one", &of(std::slice::from_ref(&one)));
    stage.passes("two", &of(&[one.clone(), two.clone()]));
    stage.passes("the rest is not covered", &post("/in").body(format!("{{\"events\":[{one}],\"n\":2}}")));
    let bad = |what: &str, bad: String, reason: &str| {
        stage.refuses(what, &of(&[one.clone(), bad.clone()]), reason);
        stage.refuses(what, &of(&[bad, one.clone()]), reason);
    };
    bad("amount", two.replace("2.50", "2.5"), "signature_mismatch");
    bad("id", two.replace("e2", "e3"), "signature_mismatch");
    bad("moved", two.replace("\"e2\"", "\"e2:2.50\""), "field_malformed");
    bad("other secret", element(OTHER, "e2", "1", &now), "signature_mismatch");
    bad("stale", element(SECRET, "e2", "1", &unix_time(-400)), "timestamp_too_old");
    bad("future", element(SECRET, "e2", "1", &unix_time(400)), "timestamp_in_future");
    bad("no signature", two.replace("\"sig\"", "\"gis\""), "signature_missing");
    bad("no time", two.replace("\"at\"", "\"ta\""), "field_missing");
    bad("no amount", two.replace("\"amount\"", "\"count\""), "field_missing");
    bad("amount twice", two.replace("\"amount\"", "\"amount\":1,\"amount\""), "field_malformed");
    bad("no object", "1".to_owned(), "signature_missing");
    bad("null", "null".to_owned(), "signature_missing");
    stage.refuses("no element", &of(&[]), "signature_missing");
    stage.refuses("no array", &post("/in").body("{\"events\":{}}"), "signature_malformed");
    stage.refuses("nothing there", &post("/in").body("{}"), "signature_missing");
    stage.refuses("no JSON", &post("/in").body("events"), "signature_malformed");
    stage.refuses("no body", &post("/in"), "signature_malformed");
    stage.refuses(
        "two arrays",
        &post("/in").body(format!("{{\"events\":[{one}],\"events\":[]}}")),
        "signature_malformed",
    );
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn a_form_and_the_public_address() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha1\"\nmessage = \"{url}{form|sort|concat}\"\nambiguous = true\n\
         [provider.acme.signature.fields]\nsig = { header = \"X-Sig\", role = \"signature\", encoding = \"base64\" }\n",
        "public_url = \"https://public.example\"",
    );
    let of = |secret: &str, url: &str, text: &str| {
        STANDARD.encode(hmac_sha1(secret.as_bytes(), &[url.as_bytes(), text.as_bytes()]))
    };
    let url = "https://public.example/in?x=1";
    let good = of(SECRET, url, "Ab2bodyhello world & more");
    let genuine = post("/in?x=1")
        .header("Content-Type", FORM)
        .header("X-Sig", &good)
        .body("b=2&body=hello+world+%26+more&A=");
    stage.passes("genuine", &genuine);
    stage.passes("in another order", &body(&genuine, "A=&body=hello%20world%20%26%20more&b=2"));
    stage.passes("with a charset", &with(&genuine, "Content-Type", &format!("{FORM}; charset=UTF-8")));
    // The order is that of names: what the sender signs differently is another text.
    let mixed = of(SECRET, url, "b2bodyhello world & moreA");
    stage.refuses("unsorted", &with(&genuine, "X-Sig", &mixed), "signature_mismatch");
    for (what, text) in [
        ("a value", "b=3&body=hello+world+%26+more&A="),
        ("one more", "b=2&body=hello+world+%26+more&A=&c=1"),
        ("one less", "b=2&body=hello+world+%26+more"),
        ("one twice", "b=2&b=2&body=hello+world+%26+more&A="),
        ("empty", ""),
    ] {
        stage.refuses(what, &body(&genuine, text), "signature_mismatch");
    }
    stage.refuses(
        "other secret",
        &with(&genuine, "X-Sig", &of(OTHER, url, "Ab2bodyhello world & more")),
        "signature_mismatch",
    );
    stage.refuses("another query", &target(&genuine, "/in?x=2"), "signature_mismatch");
    stage.refuses("no query", &target(&genuine, "/in"), "signature_mismatch");
    let own = of(SECRET, "https://hooks.example/in?x=1", "Ab2bodyhello world & more");
    stage.refuses("of the Host field", &with(&genuine, "X-Sig", &own), "signature_mismatch");
    let forwarded = with(&genuine, "X-Sig", &own).header("X-Forwarded-Host", "hooks.example");
    stage.refuses("of a forwarded host", &forwarded.host("hooks.example"), "signature_mismatch");
    stage.refuses("no signature", &without(&genuine, "X-Sig"), "signature_missing");
    stage.refuses("two signatures", &twice(&genuine, "X-Sig"), "field_repeated");
    for kind in ["application/json", "text/plain", "multipart/form-data"] {
        stage.refuses(kind, &with(&genuine, "Content-Type", kind), "field_malformed");
    }
    stage.refuses("no type", &without(&genuine, "Content-Type"), "field_malformed");
    stage.refuses("a broken escape", &body(&genuine, "b=2&body=%zz&A="), "field_malformed");
}

#[test]
fn fields_of_a_multipart_form() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha256\"\nmessage = \"{t}{token}\"\ncovers = \"part\"\n\
         [provider.acme.signature.fields]\n\
         t = { form = \"timestamp\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
         token = { form = \"token\", length = 12, role = \"id\" }\n\
         sig = { form = \"signature\", role = \"signature\", encoding = \"hex\" }\n",
        "",
    );
    let part = |name: &str, value: &str| {
        format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "--b0\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n\0\u{1}--b1\r\n\r\n";
    let of = |parts: &[String]| {
        let request = post("/in").header("Content-Type", "multipart/form-data; boundary=b0");
        request.body(format!("{}{file}--b0--\r\n", parts.concat()))
    };
    let parts = |secret: &str, time: &str, token: &str| {
        let sig = tag(secret, &format!("{time}{token}"));
        vec![part("timestamp", time), part("token", token), part("signature", &sig)]
    };
    let now = unix_time(0);
    let genuine = parts(SECRET, &now, "token-000001");
    stage.passes("genuine", &of(&genuine));
    stage.passes("in another order", &of(&genuine.iter().rev().cloned().collect::<Vec<_>>()));
    let sig = tag(SECRET, &format!("{now}token-000001"));
    let urlencoded = post("/in").header("Content-Type", FORM);
    stage.passes(
        "as a plain form",
        &urlencoded.body(format!("timestamp={now}&token=token-000001&signature={sig}")),
    );
    let replaced = |at: usize, with: String| {
        let mut parts = genuine.clone();
        parts[at] = with;
        of(&parts)
    };
    stage.refuses("token", &replaced(1, part("token", "token-000002")), "signature_mismatch");
    stage.refuses("time", &replaced(0, part("timestamp", &unix_time(-7))), "signature_mismatch");
    stage.refuses("a longer token", &of(&parts(SECRET, &now, "token-0000001")), "field_malformed");
    stage.refuses("other secret", &of(&parts(OTHER, &now, "token-000001")), "signature_mismatch");
    stage.refuses("stale", &of(&parts(SECRET, &unix_time(-400), "token-000001")), "timestamp_too_old");
    stage.refuses("future", &of(&parts(SECRET, &unix_time(400), "token-000001")), "timestamp_in_future");
    stage.refuses("no time", &of(&genuine[1..]), "field_missing");
    stage.refuses("no token", &replaced(1, String::new()), "field_missing");
    stage.refuses("no signature", &of(&genuine[..2]), "signature_missing");
    for (at, reason) in [(0, "field_repeated"), (1, "field_repeated"), (2, "field_repeated")] {
        stage.refuses("twice", &replaced(at, genuine[at].repeat(2)), reason);
    }
    stage.refuses("case", &replaced(1, part("Token", "token-000001")), "field_missing");
    let boundary = with(&of(&genuine), "Content-Type", "multipart/form-data; boundary=b1");
    stage.refuses("another boundary", &boundary, "signature_malformed");
    let none = with(&of(&genuine), "Content-Type", "multipart/form-data");
    stage.refuses("no boundary", &none, "signature_malformed");
    let cut = of(&genuine);
    stage.refuses("cut off", &body(&cut, &cut.body[..cut.body.len() - 6]), "signature_malformed");
}

#[test]
fn a_digest_of_the_body_that_is_signed() {
    let stage = Stage::new(
        "[provider.acme.signature]\nalgorithm = \"hmac-sha512\"\nmessage = \"{method} {target}\\n{t}\\n{digest}\"\n\
         [provider.acme.signature.fields]\nt = { header = \"X-Time\", role = \"timestamp\", unit = \"s\", tolerance = \"5m\" }\n\
         digest = { header = \"X-Digest\", prefix = \"sha-256=\", equals = \"{body|sha256|hex}\" }\n\
         sig = { header = \"X-Sig\", role = \"signature\", encoding = \"hex\" }\n",
        "",
    );
    let of = |secret: &str, time: &str, target: &str, text: &str| {
        let digest = sha256_hex(&[text.as_bytes()]);
        let text_signed = format!("POST {target}\n{time}\n{digest}");
        let sig = hex::encode(hmac_sha512(secret.as_bytes(), &[text_signed.as_bytes()]));
        let request = post(target).header("X-Time", time).header("X-Digest", format!("sha-256={digest}"));
        request.header("X-Sig", sig).body(text)
    };
    let now = unix_time(0);
    let genuine = of(SECRET, &now, "/in?a=%20b", BODY);
    stage.passes("genuine", &genuine);
    stage.passes("no body", &of(SECRET, &now, "/in", ""));
    stage.refuses("body", &body(&genuine, format!("{BODY}\n")), "body_hash_mismatch");
    stage.refuses("body gone", &body(&genuine, ""), "body_hash_mismatch");
    let both = with(&body(&genuine, "x"), "X-Digest", &format!("sha-256={}", sha256_hex(&[b"x"])));
    stage.refuses("body and digest", &both, "signature_mismatch");
    stage.refuses("target", &target(&genuine, "/in?a=+b"), "signature_mismatch");
    stage.refuses("time", &with(&genuine, "X-Time", &unix_time(-7)), "signature_mismatch");
    stage.refuses("other secret", &of(OTHER, &now, "/in", BODY), "signature_mismatch");
    stage.refuses("stale", &of(SECRET, &unix_time(-400), "/in", BODY), "timestamp_too_old");
    stage.refuses("no digest", &without(&genuine, "X-Digest"), "field_missing");
    stage.refuses("two digests", &twice(&genuine, "X-Digest"), "field_repeated");
    let bare = sha256_hex(&[BODY.as_bytes()]);
    stage.refuses("without its prefix", &with(&genuine, "X-Digest", &bare), "field_malformed");
    let upper = format!("sha-256={}", bare.to_uppercase());
    stage.refuses("in upper case", &with(&genuine, "X-Digest", &upper), "signature_mismatch");
    stage.refuses("no signature", &without(&genuine, "X-Sig"), "signature_missing");
    stage.refuses("no time", &without(&genuine, "X-Time"), "field_missing");
}
