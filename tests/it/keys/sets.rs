//! What is in a key set, and whose it is.

use super::*;

const SECRET: &str = "a-secret-of-the-policy-0123456789abcdef";

/// One source of these algorithms, whose set this is.
fn served(algorithms: &str, set: String) -> (KeyServer, Bench) {
    let server = KeyServer::start(Reply::Json(set));
    let secret = if algorithms.contains("HS") {
        format!("secret = {{ literal = \"{SECRET}\" }}")
    } else {
        String::new()
    };
    let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/jwks"));
    let bench = Bench::start(&source("in", &secret, &jwt(algorithms, &keys)));
    (server, bench)
}

/// J06: a secret in a public place proves nothing, whatever the policy takes besides.
#[test]
fn a_secret_in_a_set_is_not_used() {
    let octets = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let secret = json!({ "kty": "oct", "kid": "s", "k": token::encode(octets) });
    let odd = token::with(secret.clone(), json!({ "kid": "t", "use": "enc", "alg": "HS512" }));
    for algorithms in ["\"ES256\"", "\"ES256\", \"HS256\", \"HS512\""] {
        let set = token::set(&[secret.clone(), odd.clone(), token::jwk("es256", "a")]);
        let (_server, bench) = served(algorithms, set);
        let reason = if algorithms.contains("HS") { "signature_mismatch" } else { "algorithm_not_allowed" };
        let mut rows = Vec::new();
        for (algorithm, kid) in [("HS256", "s"), ("HS512", "s"), ("HS512", "t"), ("HS256", "a")] {
            let header = token::header(algorithm, kid);
            let token =
                token::signed(Signer::Secret(octets), algorithm, &header, &token::claims().to_string());
            rows.push((bearer("/in", &token), 401, reason));
        }
        bench.refuses(rows);
        assert_eq!(bench.recorder.connections(), 0);
        bench.passes(&good("/in", "a"));
        let named = good("/in", "s");
        bench.refused(&named, 401, "key_unknown");
    }
}

/// J07, K08, J41, K25: what cannot be used is left out, and spoils nothing.
#[test]
fn one_bad_key_spoils_no_other() {
    let named = |kid: &str, members: Value| token::with(token::jwk("es256", kid), members);
    let long = token::encode([vec![0xff; 2047], vec![1]].concat());
    let short = token::encode([vec![0xff; 127], vec![1]].concat());
    let fair = token::encode([vec![0xff; 255], vec![1]].concat());
    let rsa = |kid: &str, n: &str, e: &str| json!({ "kty": "RSA", "kid": kid, "n": n, "e": e });
    let bad = [
        json!({ "kty": "AKP", "kid": "k", "alg": "ML-DSA-44", "pub": "AAAA" }),
        json!({ "kty": "OKP", "kid": "k", "crv": "X25519", "x": token::encode([9; 32]) }),
        json!({ "kty": "EC", "kid": "k", "crv": "P-999", "x": "AA", "y": "AA" }),
        json!({ "kty": "EC", "kid": "k", "crv": "P-256", "x": token::encode([0; 32]), "y": token::encode([0; 32]) }),
        json!({ "kty": "EC", "kid": "k", "crv": "P-256", "x": token::encode([1; 32]), "y": token::encode([1; 32]) }),
        named("k", json!({ "use": "enc" })),
        named("k", json!({ "use": 1 })),
        named("k", json!({ "key_ops": ["sign"] })),
        named("k", json!({ "key_ops": ["encrypt"] })),
        named("k", json!({ "key_ops": "verify" })),
        named("k", json!({ "alg": "ES384" })),
        named("k", json!({ "alg": 5 })),
        named("k", json!({ "d": "AAAA" })),
        named("k", json!({ "kty": "RSA" })),
        named("k", json!({ "x": "not base64url!" })),
        named("k", json!({ "x": null })),
        named("k", json!({ "kid": 7 })),
        named("k", json!({ "kid": "" })),
        named("k", json!({ "kid": "k".repeat(300) })),
        rsa("k", &short, "AQAB"),
        rsa("k", &long, "AQAB"),
        rsa("k", &fair, "AQ"),
        rsa("k", &fair, "AA"),
        json!("k"),
        json!(null),
        json!([]),
    ];
    let server = KeyServer::start(Reply::Close);
    let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/jwks"));
    let bench = Bench::start(&source("in", "", &jwt("\"ES256\", \"RS256\"", &keys)));
    let mut refusals = Vec::new();
    for (number, key) in bad.iter().enumerate() {
        server.answer(Reply::Json(token::set(&[key.clone(), token::jwk("es256", "a")])));
        order(&bench, "purge");
        refusals.push(bench.ask(&good("/in", "k")));
        assert_eq!(bench.ask(&good("/in", "a")).status, 200, "row {number}: {key}");
        assert_eq!(bench.recorder.served(), number + 1, "row {number}: {key}");
    }
    for (number, response) in refusals.iter().enumerate() {
        assert_eq!(bench.refusal(response, 401)["reason"], "key_unknown", "row {number}");
    }
    let most: Vec<Value> = (0..100).map(|number| token::jwk("es256", &format!("k{number}"))).collect();
    server.answer(Reply::Json(token::set(&most)));
    order(&bench, "purge");
    bench.passes(&good("/in", "k99"));
}

/// K23: two keys of one name are one too many, unless their kind tells them apart.
#[test]
fn a_name_that_two_keys_have_is_nobodys() {
    let (_server, bench) = served(
        "\"ES256\", \"RS256\"",
        token::set(&[
            token::jwk("es256", "two"),
            token::jwk("attacker_es", "two"),
            token::jwk("es256", "kinds"),
            token::jwk("rs256", "kinds"),
            token::jwk("es256", "same"),
            token::jwk("es256", "same"),
            token::jwk("es256", "a"),
        ]),
    );
    let of = |key: &str, algorithm: &str, kid: &str| bearer("/in", &token::genuine(key, algorithm, kid));
    bench.refuses([
        (of("es256", "ES256", "two"), 401, "key_unknown"),
        (of("attacker_es", "ES256", "two"), 401, "key_unknown"),
        (of("attacker_es", "ES256", "kinds"), 401, "signature_mismatch"),
        (of("attacker_rs", "RS256", "kinds"), 401, "signature_mismatch"),
    ]);
    assert_eq!(bench.recorder.connections(), 0);
    for (key, algorithm, kid) in [
        ("es256", "ES256", "kinds"),
        ("rs256", "RS256", "kinds"),
        ("es256", "ES256", "same"),
        ("es256", "ES256", "a"),
    ] {
        bench.passes(&of(key, algorithm, kid));
    }
}

/// K22, K27, K28: a key is that of its source, whatever its name and wherever it came from.
#[test]
fn keys_belong_to_their_source() {
    let ours =
        KeyServer::start(Reply::Json(token::set(&[token::jwk("es256", "k"), token::jwk("rs256", "k")])));
    let theirs = KeyServer::start(Reply::Json(token::set(&[token::jwk("attacker_es", "k")])));
    let table = |issuer: &str, algorithm: &str, server: &KeyServer| {
        let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/jwks"));
        format!(
            "[source.jwt]\nalgorithms = [\"{algorithm}\"]\nissuer = \"{issuer}\"\naudience = \"{issuer}/hook\"\n{keys}\n"
        )
    };
    let bench = Bench::start(
        &[
            source("ours", "", &table("https://ours.example", "ES256", &ours)),
            source("rsa", "", &table("https://ours.example", "RS256", &ours)),
            source("theirs", "", &table("https://theirs.example", "ES256", &theirs)),
        ]
        .concat(),
    );
    let make = |path: &str, key: &str, algorithm: &str, issuer: &str| {
        let claims = token::claims_with(json!({ "iss": issuer, "aud": format!("{issuer}/hook") }));
        let header = token::header(algorithm, "k");
        bearer(path, &token::signed(Signer::Private(key), algorithm, &header, &claims))
    };
    let (us, them) = ("https://ours.example", "https://theirs.example");
    for _ in 0..2 {
        // Once with no key fetched, once with all of them.
        bench.refuses([
            (make("/ours", "attacker_es", "ES256", us), 401, "signature_mismatch"),
            (make("/ours", "attacker_es", "ES256", them), 401, "issuer_mismatch"),
            (make("/theirs", "es256", "ES256", them), 401, "signature_mismatch"),
            (make("/theirs", "es256", "ES256", us), 401, "issuer_mismatch"),
            (make("/rsa", "es256", "ES256", us), 401, "algorithm_not_allowed"),
            (make("/ours", "rs256", "RS256", us), 401, "algorithm_not_allowed"),
        ]);
        bench.passes(&make("/ours", "es256", "ES256", us));
        bench.passes(&make("/theirs", "attacker_es", "ES256", them));
        bench.passes(&make("/rsa", "rs256", "RS256", us));
    }
    assert_eq!((ours.count(), theirs.count()), (2, 1), "each source fetches its own");
}

/// K26: what a server says of the age of its answer shortens or lengthens nothing beyond the bounds.
#[test]
fn cache_control_is_clamped() {
    let server = KeyServer::start(Reply::Close);
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    for (number, (fields, life)) in [
        ("", 86_400),
        ("Cache-Control: max-age=0\r\n", 86_400),
        ("Cache-Control: max-age=99999999\r\n", 86_400),
        ("Cache-Control: max-age=99999999999999999999999\r\n", 86_400),
        ("Cache-Control: max-age=-1\r\nExpires: garbage\r\n", 86_400),
        ("Cache-Control: no-store\r\n", 60),
        ("Cache-Control: max-age=7200, must-revalidate\r\n", 7200),
        ("Cache-Control: max-age=1, must-revalidate\r\n", 60),
    ]
    .into_iter()
    .enumerate()
    {
        server.answer(Reply::JsonWith(fields, set(&["a"])));
        order(&bench, "purge");
        for _ in 0..2 {
            assert_eq!(bench.ask(&good("/in", "a")).status, 200, "{fields}");
        }
        let listed: Value = serde_json::from_slice(&bench.proxy.ask_admin("/keys").body).expect("JSON");
        let left = listed[0]["keys"][0]["expires_in"].as_i64().expect("seconds");
        assert!((life - 5..=life).contains(&left), "{fields}: {left}");
        assert_eq!(server.count(), number + 1, "{fields}: asked once");
    }
}

/// K32: a server that has another key each time.
#[test]
fn a_server_that_changes_its_mind_is_not_asked_without_end() {
    let server = KeyServer::start(Reply::Close);
    for number in 0..200 {
        server.next(Reply::Json(set(&[if number % 2 == 0 { "a" } else { "b" }])));
    }
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    let mut passed = 0;
    for number in 0..100 {
        let response = bench.ask(&good("/in", if number % 2 == 0 { "a" } else { "b" }));
        assert!([200, 401, 503].contains(&response.status), "{}", response.status);
        passed += usize::from(response.status == 200);
    }
    assert!(passed >= 49 && bench.recorder.served() == passed, "{passed} passed");
    assert!(server.count() <= 3, "{} fetches", server.count());
}

/// A token that stands in the body is proved by keys that are fetched then.
#[test]
fn keys_are_fetched_for_a_token_in_the_body() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/jwks"));
    let whole = source("whole", "", &jwt("\"ES256\"", &format!("{keys}\nbody = true")));
    let member = source(
        "member",
        "",
        &jwt("\"ES256\"", &format!("{keys}\njson = \"/t\"\nbody_hash = {{ claim = \"h\" }}")),
    );
    let bench = Bench::start(&format!("{whole}{member}"));
    let token = |key: &str| token::genuine(key, "ES256", "a");
    bench.refused(&post("/whole").body(token("attacker_es")), 401, "signature_mismatch");
    let body = json!({ "t": token("es256") }).to_string();
    bench.refused(&post("/member").body(&body), 401, "claim_missing");
    assert_eq!(bench.recorder.connections(), 0);
    bench.passes(&post("/whole").body(token("es256")));
    assert_eq!(lookups(&bench, "whole", "hit"), 1);
    assert!(server.count() <= 2, "one fetch for each source at most: {}", server.count());
}
