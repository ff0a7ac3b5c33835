//! HTTP message signatures from outside: what genuine senders get through, and each way to abuse one.

mod peers;

use crate::rig::client::Client;
use crate::rig::http_signature::{BODY, Made, digest, made};
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::policy::Policy;
use crate::rig::request::{HOST, Request, post};
use crate::rig::signer::sign;
use crate::rig::token::{self, Signer, now, unique};
use crate::tokens::{ADMIN, Bench, SECRET, at_once, source};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

/// Name, what key sets call it, the key, and the name of the key.
const ALGORITHMS: [(&str, &str, Signer<'static>, &str); 6] = [
    ("rsa-pss-sha512", "PS512", Signer::Private("rs256"), "rs"),
    ("rsa-v1_5-sha256", "RS256", Signer::Private("rs256"), "rs"),
    ("hmac-sha256", "HS256", Signer::Secret(SECRET.as_bytes()), "shared"),
    ("ecdsa-p256-sha256", "ES256", Signer::Private("es256"), "es"),
    ("ecdsa-p384-sha384", "ES384", Signer::Private("es384"), "es-384"),
    ("ed25519", "EdDSA", Signer::Private("ed"), "ed"),
];

/// The request without these fields.
fn bare(mut request: Request, names: &[&str]) -> Request {
    request.headers.retain(|(name, _)| !names.iter().any(|other| name.eq_ignore_ascii_case(other)));
    request
}

/// With another value in the place of this field's.
fn with(request: Request, name: &str, value: impl AsRef<[u8]>) -> Request {
    bare(request, &[name]).header(name, value)
}

/// `[source.http_signature]` of a source at `/NAME`; keys of every kind.
fn table(policy: &Policy, algorithms: &str, more: &str) -> String {
    let keys = policy.file("keys.json", token::every_key().as_bytes());
    let keys = format!("keys = {{ file = \"{}\" }}", keys.display());
    format!("[source.http_signature]\nalgorithms = [{algorithms}]\n{keys}\n{more}\n")
}

const URL: &str = "public_url = \"https://hooks.example\"";

fn bench(policy: Policy, sources: &str) -> Bench {
    let mut bench = Bench::with(policy, sources, &[("SHARED", SECRET)]);
    bench.challenge = "Signature realm=\"bonafide\"";
    bench
}

/// One source `in` for Ed25519, with these lines in its table.
fn ed25519(more: &str) -> Bench {
    let policy = Policy::tls();
    let table = table(&policy, "\"ed25519\"", more);
    bench(policy, &source("in", URL, &table))
}

#[test]
fn a_control_for_each_algorithm() {
    let policy = Policy::tls();
    let mut sources = String::new();
    for (name, ..) in ALGORITHMS {
        let (lines, table) = match name {
            "hmac-sha256" => (
                format!("{URL}\nsecrets = [{{ env = \"SHARED\", name = \"shared\" }}]"),
                "[source.http_signature]\nalgorithms = [\"hmac-sha256\"]\n".to_owned(),
            ),
            _ => (URL.to_owned(), table(&policy, &format!("\"{name}\""), "")),
        };
        sources += &source(name, &lines, &table);
    }
    let bench = bench(policy, &sources);
    let of = |at: &str, name: &str, jose, signer, key: &str| {
        let created = now();
        let parameters = format!(";created={created};keyid=\"{key}\";alg=\"{name}\"");
        made(&format!("/{at}?b=2&a=%41")).parameters(parameters).by(signer, jose)
    };
    let mut rows = Vec::new();
    for (name, jose, signer, key) in ALGORITHMS {
        let request = of(name, name, jose, signer, key).done();
        let (got, line) = bench.passes(&request);
        assert_eq!(got.one("bonafide-scheme"), "http_signature");
        assert_eq!((got.one("bonafide-key"), line["key"].as_str()), (key.to_owned(), Some(key)));
        assert!(!got.one("bonafide-timestamp").is_empty() && got.all("bonafide-event-id").is_empty());
        let (_, signature) = &request.headers[3];
        assert_eq!(got.one("signature").as_bytes(), signature, "an application may check it again");
        bench.kept_secret(&[&String::from_utf8_lossy(signature), SECRET]);
        for (other, ..) in ALGORITHMS.iter().filter(|(other, ..)| *other != name) {
            let request = of(other, name, jose, signer, key).done();
            rows.push((request, 401, "algorithm_not_allowed"));
        }
        // Another key of the kind, or the same one by another name.
        if key == "es" {
            let forged = of(name, name, jose, Signer::Private("attacker_es"), key).done();
            rows.push((forged, 401, "signature_mismatch"));
            rows.push((of(name, name, jose, signer, "nobody").done(), 401, "key_unknown"));
        }
    }
    bench.refuses(rows);
}

#[test]
fn what_is_not_the_signed_request_is_refused() {
    let bench = ed25519("");
    bench.passes(&made("/in").done());
    let genuine = || made("/in?a=1&b=2").done();
    let old =
        |seconds: i64| made("/in").parameters(format!(";created={};keyid=\"ed\"", now() + seconds)).done();
    let twice = |name: &str| {
        let request = genuine();
        let (_, value) = request.headers.iter().find(|(known, _)| known == name).expect("a field").clone();
        request.header(name, value)
    };
    let mut rows = vec![
        (genuine().method("PUT"), 405, "method_not_allowed"),
        (made("/in").saying("\"@method\"", "PUT").done(), 401, "signature_mismatch"),
        (
            made("/in").saying("\"@target-uri\"", "https://hooks.example/other").done(),
            401,
            "signature_mismatch",
        ),
        (made("/in").saying("\"@target-uri\"", "http://hooks.example/in").done(), 401, "signature_mismatch"),
        (made("/in").saying("\"@target-uri\"", "https://other.example/in").done(), 401, "signature_mismatch"),
        (with(genuine(), "Content-Type", "text/plain"), 401, "signature_mismatch"),
        (genuine().body(b"{\"event\":\"invoice.paid\",\"amount\":9999}"), 401, "body_hash_mismatch"),
        (with(genuine(), "Content-Digest", digest(b"other")).body(b"other"), 401, "signature_mismatch"),
        (bare(genuine(), &["Content-Digest"]), 401, "field_missing"),
        (bare(genuine(), &["Content-Type"]), 401, "field_missing"),
        (bare(genuine(), &["Signature"]), 401, "signature_missing"),
        (bare(genuine(), &["Signature-Input"]), 401, "signature_missing"),
        (bare(genuine(), &["Signature", "Signature-Input"]), 401, "signature_missing"),
        (post("/in").body(BODY), 401, "signature_missing"),
        // Less is covered, and the signature over that is genuine.
        (made("/in").without("\"@method\"").done(), 401, "component_missing"),
        (made("/in").without("\"@target-uri\"").done(), 401, "component_missing"),
        (made("/in").without("\"content-digest\"").done(), 401, "component_missing"),
        (
            made("/in?x=1")
                .without("\"@target-uri\"")
                .cover("\"@authority\"", HOST)
                .cover("\"@path\"", "/in")
                .done(),
            401,
            "component_missing",
        ),
        (
            bare(made("/in").without("\"content-digest\"").done(), &["Content-Digest"]),
            401,
            "component_missing",
        ),
        // More than a request has.
        (made("/in").cover("\"@status\"", "200").done(), 401, "component_not_allowed"),
        (made("/in").cover("\"@speed\"", "fast").done(), 401, "component_not_allowed"),
        (made("/in").cover("\"content-type\"", "application/json").done(), 401, "component_not_allowed"),
        (made("/in").cover("\"content-type\";req", "application/json").done(), 401, "component_not_allowed"),
        (made("/in").cover("\"content-type\";tr", "application/json").done(), 401, "component_not_allowed"),
        (made("/in").cover("\"content-type\";new", "application/json").done(), 401, "component_not_allowed"),
        (made("/in").cover("\"x-absent\"", "").done(), 401, "field_missing"),
        // A line more, before and behind, and what two lines are for some.
        (twice("Content-Digest"), 401, "digest_unusable"),
        (twice("Content-Type"), 400, "header_malformed"),
        (twice("Signature"), 401, "signature_malformed"),
        (twice("Signature-Input"), 401, "signature_malformed"),
        (genuine().header("Signature", "sig2=:AAAA:"), 401, "signature_malformed"),
        (with(genuine(), "Content-Type", "application/json, text/plain"), 401, "field_repeated"),
        (
            with(genuine(), "Content-Digest", format!("{}, {}", digest(BODY), digest(b"x"))),
            401,
            "digest_unusable",
        ),
        // Times.
        (old(-301), 401, "timestamp_too_old"),
        (old(90), 401, "timestamp_in_future"),
        (
            made("/in")
                .parameters(format!(";created={};expires={};keyid=\"ed\"", now() - 200, now() - 90))
                .done(),
            401,
            "signature_expired",
        ),
        (made("/in").parameters(";keyid=\"ed\"").done(), 401, "parameter_missing"),
        (made("/in").parameters(";created=soon;keyid=\"ed\"").done(), 401, "parameter_malformed"),
        // Keys.
        (made("/in").parameters(format!(";created={};keyid=\"nobody\"", now())).done(), 401, "key_unknown"),
        (made("/in").parameters(format!(";created={};keyid=\"es\"", now())).done(), 401, "key_unknown"),
        (made("/in").parameters(format!(";created={}", now())).done(), 401, "kid_missing"),
        (
            made("/in").parameters(format!(";created={};keyid=\"ed\";alg=\"hmac-sha256\"", now())).done(),
            401,
            "algorithm_not_allowed",
        ),
        (
            made("/in").parameters(format!(";created={};keyid=\"ed\";alg=\"none\"", now())).done(),
            401,
            "algorithm_not_allowed",
        ),
        (
            made("/in")
                .parameters(format!(";created={};keyid=\"ed\"", now()))
                .by(Signer::Private("es256"), "ES256")
                .done(),
            401,
            "signature_mismatch",
        ),
        // What ends at this hop is not signed for the next one.
        (with(genuine(), "Connection", "content-digest"), 400, "connection_nominates"),
        (
            made("/in").cover("\"x-hop\"", "1").done().header("X-Hop", "1").header("Connection", "x-hop"),
            401,
            "component_not_allowed",
        ),
    ];
    // What was signed for one target, sent to another: parameters in another order, escaped, once more, dropped.
    for target in
        ["/in", "/in?", "/in?b=2&a=1", "/in?a=1&b=2&a=1", "/in?a=1&b=%32", "/in?a=1&b=2&", "/in?a=1;b=2"]
    {
        let mut moved = genuine();
        moved.target = target.into();
        rows.push((moved, 401, "signature_mismatch"));
    }
    bench.refuses(rows);
    bench.passes(&made("/in").done());
}

/// Lines and blanks that HTTP allows change nothing; what it does not allow is no request.
#[test]
fn lines_of_a_field_are_one_value() {
    let bench = ed25519("");
    let of = |value: &str| made("/in").cover("\"x-list\"", value);
    let two = of("a, b");
    let (input, signature) = two.fields();
    let signed = |request: Request| request.header("Signature-Input", &input).header("Signature", &signature);
    let base = two.request.clone();
    let (got, _) = bench.passes(&signed(base.clone().header("X-List", "  a ").header("X-List", "b\t")));
    assert_eq!(got.all("x-list").len(), 2);
    let nonce = || format!(";created={};nonce=\"{}\";keyid=\"ed\"", now(), unique("n"));
    bench.passes(&of("a, b").parameters(nonce()).done().header("X-List", "a, b"));
    for lines in [&["a", " b", "c"][..], &["b", "a"], &["a,b"], &["a"], &["a", "b", ""], &["a,  b"]] {
        let request = of("a, b").parameters(nonce()).done();
        let request = lines.iter().fold(request, |request, line| request.header("X-List", line));
        bench.refused(&request, 401, "signature_mismatch");
    }
    // Bytes: each line for itself.
    let bytes = ":YQ==:, :Yg==:";
    let of = || made("/in").cover("\"x-list\";bs", bytes).parameters(nonce()).done();
    bench.passes(&of().header("X-List", "a").header("X-List", "b"));
    bench.refused(&of().header("X-List", "a, b"), 401, "signature_mismatch");
    // `Signature-Input` over two lines, of which one is somebody else's.
    let tagged = ed25519("tag = \"ours\"");
    let ours = format!(";created={};nonce=\"{}\";keyid=\"ed\";tag=\"ours\"", now(), unique("n"));
    let request = made("/in").parameters(ours).done();
    tagged.passes(
        &request.header("Signature-Input", "other=();tag=\"theirs\"").header("Signature", "other=:AAAA:"),
    );
    // A folded line.
    let mut raw = made("/in").done().http1();
    let at = raw.windows(4).position(|window| window == b"\r\n\r\n").expect("an end");
    raw.splice(at..at, b"\r\nX-List: a\r\n b".iter().copied());
    let mut client = Client::tls(bench.proxy.address);
    assert_eq!(client.send(&raw).answer().expect("an answer").status, 400);
}

#[test]
fn one_signature_counts_and_the_policy_says_which() {
    let policy = Policy::tls();
    let sources = [
        source("any", URL, &table(&policy, "\"ed25519\"", "")),
        source("label", URL, &table(&policy, "\"ed25519\"", "label = \"sig1\"")),
        source("tag", URL, &table(&policy, "\"ed25519\"", "tag = \"ours\"")),
    ];
    let bench = bench(policy, &sources.concat());
    let parameters =
        |tag: &str| format!(";created={};nonce=\"{}\";keyid=\"ed\";tag=\"{tag}\"", now(), unique("n"));
    let and = |request: Request, other: &Made| {
        let (input, signature) = other.fields();
        request.header("Signature-Input", input).header("Signature", signature)
    };
    let one = |path: &str, tag: &str| made(path).parameters(parameters(tag));
    let weak = |path: &str, label, tag: &str| {
        let mut weak = one(path, tag).label(label);
        weak.covered.clear();
        weak
    };
    for path in ["/any", "/label", "/tag"] {
        bench.passes(&one(path, "ours").done());
    }
    bench.passes(&and(one("/label", "ours").done(), &weak("/label", "other", "ours")));
    bench.passes(&and(one("/tag", "ours").done(), &weak("/tag", "other", "theirs")));
    bench.refuses([
        (and(one("/any", "ours").done(), &weak("/any", "other", "theirs")), 401, "signature_ambiguous"),
        (and(one("/tag", "ours").done(), &weak("/tag", "other", "ours")), 401, "signature_ambiguous"),
        (and(one("/any", "ours").done(), &one("/any", "theirs").label("two")), 401, "signature_ambiguous"),
        (one("/tag", "theirs").done(), 401, "tag_mismatch"),
        (one("/label", "ours").label("sig2").done(), 401, "signature_missing"),
        // The label that counts is the one that covers nothing, beside a full one.
        (
            and(one("/label", "ours").label("full").done(), &weak("/label", "sig1", "ours")),
            401,
            "component_missing",
        ),
        (and(one("/tag", "theirs").done(), &weak("/tag", "two", "ours")), 401, "component_missing"),
        (and(one("/label", "ours").done(), &weak("/label", "sig1", "ours")), 401, "signature_malformed"),
    ]);
}

#[test]
fn what_was_delivered_is_not_delivered_again() {
    let policy = Policy::tls();
    let sources = [
        source(
            "nonce",
            URL,
            &table(&policy, "\"ed25519\", \"ecdsa-p256-sha256\"", "parameters = [\"nonce\"]"),
        ),
        source("time", URL, &table(&policy, "\"ecdsa-p256-sha256\"", "")),
        source(
            "reject",
            &format!("{URL}\nreplay = {{ duplicate = \"reject\" }}"),
            &table(&policy, "\"ed25519\"", ""),
        ),
    ];
    let bench = bench(policy, &sources.concat());
    let of = |path: &str, nonce: &str, created: i64| {
        made(path).parameters(format!(";created={created};nonce=\"{nonce}\";keyid=\"ed\""))
    };
    let first = of("/nonce", "n-1", now()).done();
    bench.passes(&first);
    bench.duplicate(&first);
    // Signed again with the same nonce, a second later.
    bench.duplicate(&of("/nonce", "n-1", now() - 1).done());
    bench.passes(&of("/nonce", "n-2", now()).done());
    // The same nonce of another key is another one; with another body it is a conflict.
    let other = of("/nonce", "n-1", now())
        .parameters(format!(";created={};nonce=\"n-1\";keyid=\"es\"", now()))
        .by(Signer::Private("es256"), "ES256");
    bench.passes(&other.done());
    let changed = of("/nonce", "n-1", now()).saying("\"content-digest\"", digest(b"{}")).done();
    let changed = with(changed, "Content-Digest", digest(b"{}")).body(b"{}");
    bench.refused(&changed, 409, "event_conflict");
    // Without nonce: another signature over the same text is the same message.
    let at = now();
    let same = || {
        let signed = made("/time").parameters(format!(";created={at};keyid=\"es\""));
        signed.by(Signer::Private("es256"), "ES256").done()
    };
    let (one, two) = (same(), same());
    assert_ne!(one.headers, two.headers, "ECDSA is randomized");
    bench.passes(&one);
    bench.duplicate(&two);
    let rejected = of("/reject", "n", now()).done();
    bench.passes(&rejected);
    bench.refused(&rejected, 409, "duplicate_rejected");
}

/// Nothing is fetched for a head that says enough against itself, and no body is read.
#[test]
fn keys_are_fetched_by_keyid_and_only_for_what_may_be_genuine() {
    let server = KeyServer::start(Reply::Json(token::every_key()));
    let table = format!(
        "[source.http_signature]\nalgorithms = [\"ed25519\"]\nkeys = {{ jwks = \"{}\" }}\nkey_members = {{ use = \"sig\" }}\n",
        server.url("/jwks")
    );
    let bench = bench(Policy::tls(), &source("in", URL, &table));
    let keyid = |keyid: &str| made("/in").parameters(format!(";created={};keyid=\"{keyid}\"", now())).done();
    bench.refuses([
        (made("/in").without("\"@method\"").done(), 401, "component_missing"),
        (made("/in").parameters(";created=1;keyid=\"ed\"").done(), 401, "timestamp_too_old"),
        (keyid("a b"), 401, "kid_malformed"),
        (with(made("/in").done(), "Content-Digest", "sha-256=:AAAA:"), 401, "digest_unusable"),
        (made("/in").parameters(format!(";created={}", now())).done(), 401, "kid_missing"),
    ]);
    assert_eq!(server.count(), 0);
    // The answer is there before the body is.
    let request = made("/in").without("\"content-digest\"").done();
    let mut head = request.http1_head();
    head.extend_from_slice(b"Content-Length: 1000\r\n\r\n");
    assert_eq!(Client::tls(bench.proxy.address).send(&head).answer().expect("an answer").status, 401);
    bench.passes(&keyid("ed"));
    assert_eq!(server.count(), 1);
    bench.refused(&keyid("nobody"), 401, "key_unknown");
    bench.passes(&made("/in").done());
    server.down();
    let line = bench.refused(&keyid("another"), 503, "keys_cooling_down");
    assert_eq!(line["verdict"], "undecided");
    bench.passes(&made("/in").done());
}

#[test]
fn a_key_server_that_is_down_is_503() {
    let server = KeyServer::start(Reply::Status(500, String::new()));
    let table = format!(
        "[source.http_signature]\nalgorithms = [\"ed25519\"]\nkeys = {{ jwks = \"{}\" }}\n",
        server.url("/jwks")
    );
    let bench = bench(Policy::tls(), &source("in", URL, &table));
    bench.refused(&made("/in").done(), 503, "keys_unavailable");
}

#[test]
fn a_public_key_is_no_secret() {
    let policy = Policy::tls();
    let both = table(&policy, "\"ed25519\", \"hmac-sha256\"", "");
    let bench = bench(policy, &source("in", &format!("{URL}\nsecret = {{ env = \"SHARED\" }}"), &both));
    let jwk = token::jwk("ed", "ed");
    let point = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("text")).expect("base64url");
    let mut rows = Vec::new();
    for material in [point, jwk["x"].to_string().into_bytes(), jwk.to_string().into_bytes(), Vec::new()] {
        let material: &'static [u8] = material.leak();
        for parameters in [
            ";keyid=\"ed\";alg=\"hmac-sha256\"",
            ";keyid=\"ed\"",
            ";alg=\"hmac-sha256\"",
            ";keyid=\"ed\";alg=\"ed25519\"",
        ] {
            let parameters = format!(";created={}{parameters}", now());
            let reason =
                if parameters.contains("alg") { "signature_mismatch" } else { "algorithm_not_allowed" };
            let request = made("/in").parameters(parameters).by(Signer::Secret(material), "HS256").done();
            rows.push((request, 401, reason));
        }
    }
    bench.refuses(rows);
    let parameters = format!(";created={};alg=\"hmac-sha256\"", now());
    bench.passes(&made("/in").parameters(parameters).by(Signer::Secret(SECRET.as_bytes()), "HS256").done());
    bench.passes(&made("/in").parameters(format!(";created={};keyid=\"ed\";alg=\"ed25519\"", now())).done());
}

/// The address of the policy counts, and nothing that a request says of itself.
#[test]
fn the_address_is_not_what_strangers_say() {
    let bench = ed25519("");
    let forwarded = |request: Request| {
        request
            .header("X-Forwarded-Host", "other.example")
            .header("X-Forwarded-Proto", "http")
            .header("Forwarded", "host=other.example;proto=http")
    };
    bench.passes(&forwarded(made("/in").done()));
    let other = || made("/in").saying("\"@target-uri\"", "https://other.example/in").done();
    bench.refuses([(forwarded(other()), 401, "signature_mismatch"), (other(), 401, "signature_mismatch")]);
    // Over HTTP/2, where the host is a pseudo field, and without Content-Length.
    let statuses = at_once(bench.proxy.address, &[made("/in").done(), other()]);
    assert_eq!(statuses, [200, 401]);
    // In chunks, so that the head says nothing of the length.
    for (request, status) in [
        (made("/in").done(), 200),
        (made("/in").done().body(b"other"), 401),
        (made("/in").without("\"content-digest\"").done(), 401),
    ] {
        let mut client = Client::tls(bench.proxy.address);
        let answer = client.send(&request.http1_chunked(&[1, 7])).answer().expect("an answer");
        assert_eq!(answer.status, status);
    }
    assert_eq!(bench.recorder.served(), 3);
}

#[test]
fn what_sign_writes_passes() {
    let policy = Policy::tls();
    let more = "tag = \"ours\"\nparameters = [\"expires\", \"nonce\", \"keyid\", \"alg\"]\nnonce_min = 40\n\
        components = [\"@method\", \"@authority\", \"@path\", '@query-param;name=\"id\"', \"content-type\"]";
    let public = source("public", URL, &table(&policy, "\"ed25519\", \"ecdsa-p256-sha256\"", more));
    let secret = source(
        "secret",
        &format!("{URL}\nsecret = {{ literal = \"{SECRET}\" }}"),
        &format!("[source.http_signature]\nalgorithms = [\"hmac-sha256\"]\n{more}\n"),
    );
    let key = policy.file("ed.pem", token::private_key("ed").as_bytes());
    let key = key.to_str().expect("a path").to_owned();
    let es = policy.file("es.pem", token::private_key("es256").as_bytes());
    let es = es.to_str().expect("a path").to_owned();
    let bench = bench(policy, &format!("{public}{secret}"));
    let request = |path: &str| post(path).header("Content-Type", "application/json").body(BODY);
    for (path, name, tables, more) in [
        ("/public?id=a%20b&x=1", "public", &public, &["--private-key", &key, "--kid", "ed"][..]),
        ("/public?id=a+b&x=1", "public", &public, &["--private-key", &es, "--kid", "es"]),
        ("/secret?id=", "secret", &secret, &[]),
    ] {
        let signed = sign(tables, name, &request(path), more).expect("signed");
        bench.passes(&signed);
        bench.duplicate(&signed);
        let other = sign(tables, name, &request(path), more).expect("signed");
        bench.refused(&with(other, "Content-Type", "text/plain"), 401, "signature_mismatch");
    }
    let refused = sign(&public, "public", &request("/public?id=1"), &[]).err().expect("a reason");
    assert!(refused.contains("only the sender has the key"), "{refused}");
    let refused =
        sign(&public, "public", &request("/public"), &["--private-key", &key]).err().expect("a reason");
    assert!(refused.contains("@query-param"), "{refused}");
}

/// The profiles that are built in, with the keys of one sender.
#[test]
fn built_in_profiles_take_what_they_name() {
    let policy = Policy::tls();
    let purpose =
        |kid: &str, purpose: &str| token::with(token::jwk("ed", kid), json!({ "adcp_use": purpose }));
    let keys = token::set(&[
        purpose("ed", "webhook-signing"),
        token::jwk("ed", "none"),
        purpose("gov", "governance"),
    ]);
    let keys = policy.file("set.json", keys.as_bytes());
    let keys = format!("http_signature.keys = {{ file = \"{}\" }}", keys.display());
    let of = |name: &str| source(name, &format!("{URL}\nprovider = \"{name}\"\n{keys}"), "");
    let bench = bench(policy, &["adcp", "ucp", "web-bot-auth"].map(of).concat());
    let adcp = |keyid: &str, tag: &str| {
        let (created, nonce) = (now(), format!("{:0>22}", unique("n")));
        let parameters = format!(
            ";created={created};expires={};nonce=\"{nonce}\";keyid=\"{keyid}\";alg=\"ed25519\";tag=\"{tag}\"",
            created + 300
        );
        made("/adcp").cover("\"@authority\"", HOST).parameters(parameters).done()
    };
    let webhook = "adcp/webhook-signing/v1";
    bench.passes(&adcp("ed", webhook));
    let mut url_safe = adcp("ed", webhook);
    for (name, value) in &mut url_safe.headers {
        if name == "Signature" {
            let text = String::from_utf8(value.clone()).expect("text");
            *value = text
                .replace('+', "-")
                .replace('/', "_")
                .replace("=:", "\0")
                .replace('=', "")
                .replace('\0', "=:")
                .into_bytes();
            let end = value.len();
            if value[end - 2] == b'=' {
                value.remove(end - 2);
            }
        }
    }
    bench.passes(&url_safe);
    let ucp = || {
        let mut made = made("/ucp").parameters(";keyid=\"ed\"").without("\"@target-uri\"");
        made.request = made.request.header("Idempotency-Key", "\"k-1\"");
        made.cover("\"@authority\"", HOST).cover("\"@path\"", "/ucp")
    };
    let genuine = ucp().cover("\"idempotency-key\"", "\"k-1\"").done();
    bench.passes(&genuine);
    // Asked again: nothing says that it is the same.
    bench.passes(&genuine);
    let agent = || {
        let mut made = made("/web-bot-auth");
        made.covered.clear();
        made.request = made.request.header("Signature-Agent", "a=\"https://agent.example\"");
        let parameters =
            format!(";created={};expires={};keyid=\"ed\";tag=\"web-bot-auth\"", now(), now() + 60);
        made.cover("\"@authority\"", HOST).parameters(parameters)
    };
    bench.passes(&agent().cover("\"signature-agent\";key=\"a\"", "\"https://agent.example\"").done());
    bench.passes(&agent().cover("\"signature-agent\"", "a=\"https://agent.example\"").done());
    bench.refuses([
        (adcp("ed", "adcp/request-signing/v1"), 401, "tag_mismatch"),
        (adcp("none", webhook), 401, "key_purpose"),
        (adcp("gov", webhook), 401, "key_purpose"),
        (ucp().done(), 401, "component_missing"),
        (agent().done(), 401, "component_missing"),
    ]);
}
