//! Algorithms, keys, claims and times: what the policy says, and what the token says.

use super::*;

/// Algorithm, key and kid.
const ALGORITHMS: [(&str, &str, &str); 10] = [
    ("RS256", "rs256", "rs"),
    ("RS384", "rs256", "rs"),
    ("RS512", "rs256", "rs"),
    ("PS256", "rs256", "rs"),
    ("PS384", "rs256", "rs"),
    ("PS512", "rs256", "rs"),
    ("ES256", "es256", "es"),
    ("ES384", "es384", "es-384"),
    ("EdDSA", "ed", "ed"),
    ("Ed25519", "ed", "ed"),
];

/// The name by which the library signs.
fn signing(algorithm: &str) -> &str {
    if algorithm == "Ed25519" { "EdDSA" } else { algorithm }
}

/// J01.
#[test]
fn a_control_for_each_algorithm() {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::every_key());
    let mut sources = String::new();
    for (algorithm, ..) in ALGORITHMS {
        sources += &source(algorithm, "", &jwt(&format!("\"{algorithm}\""), &keys));
    }
    for algorithm in ["HS256", "HS384", "HS512"] {
        let secret = "secrets = [{ env = \"SHARED\", name = \"shared\" }]";
        sources += &source(algorithm, secret, &jwt(&format!("\"{algorithm}\""), ""));
    }
    let bench = Bench::with(policy, &sources, &[("SHARED", SECRET)]);
    let public = ALGORITHMS.map(|(algorithm, key, kid)| (algorithm, Signer::Private(key), kid));
    let secret = ["HS256", "HS384", "HS512"].map(|name| (name, Signer::Secret(SECRET.as_bytes()), "shared"));
    let all: Vec<_> = public.into_iter().chain(secret).collect();
    for (algorithm, signer, key) in &all {
        let claims = token::claims();
        let token =
            token::signed(*signer, signing(algorithm), &token::header(algorithm, key), &claims.to_string());
        let (got, line) = bench.passes(&bearer(&format!("/{algorithm}"), &token));
        let said =
            ["scheme", "key", "event-id", "timestamp"].map(|name| got.one(&format!("bonafide-{name}")));
        let told = ["jwt", key, claims["jti"].as_str().expect("text"), &claims["iat"].to_string()];
        assert_eq!(said, told.map(str::to_owned), "{algorithm}");
        assert_eq!((&line["key"], &line["event_id"]), (&(*key).into(), &claims["jti"]), "{line}");
        assert_eq!(got.one("authorization"), format!("Bearer {token}"), "a JWT is passed on");
        bench.kept_secret(&[&token, token.rsplit('.').next().expect("a signature"), SECRET]);
    }
    let mut rows = Vec::new();
    for (algorithm, signer, key) in &all {
        let header = token::header(algorithm, key);
        let token = token::signed(*signer, signing(algorithm), &header, &token::claims().to_string());
        // EdDSA and Ed25519 are two names of one algorithm.
        let others = all.iter().filter(|(other, ..)| signing(other) != signing(algorithm));
        let request = |other: &str| bearer(&format!("/{other}"), &token);
        rows.extend(others.map(|(other, ..)| (request(other), 401, "algorithm_not_allowed")));
    }
    bench.refuses(rows);
}

/// J03, J04, J05, J42.
#[test]
fn a_key_is_for_its_own_algorithms() {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::every_key());
    let names: Vec<String> = ALGORITHMS.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
    let bound = json!({ "alg": "RS256" });
    let bound =
        policy.file("bound.json", token::set(&[token::with(token::jwk("rs256", "rs"), bound)]).as_bytes());
    let sources = [
        source(
            "all",
            "secret = { env = \"SHARED\" }",
            &jwt(&format!("{},\"HS256\"", names.join(",")), &keys),
        ),
        source(
            "bound",
            "",
            &jwt("\"RS256\", \"RS512\", \"PS256\"", &format!("keys = {{ file = \"{}\" }}", bound.display())),
        ),
    ];
    let bench = Bench::with(policy, &sources.concat(), &[("SHARED", SECRET)]);
    let make = |signer: Signer<'_>, algorithm: &str, header: &str| {
        token::signed(signer, signing(algorithm), header, &token::claims().to_string())
    };
    let mut rows = Vec::new();
    for (algorithm, key, own) in ALGORITHMS {
        for kid in ["rs", "es", "es-384", "ed"].into_iter().filter(|kid| *kid != own) {
            let token = make(Signer::Private(key), algorithm, &token::header(algorithm, kid));
            rows.push((bearer("/all", &token), 401, "key_mismatch"));
        }
    }
    for (signer, algorithm, name) in [
        ("attacker_es", "ES256", "ES256"),
        ("attacker_rs", "RS256", "RS256"),
        ("rs256", "RS512", "RS256"),
        ("rs256", "PS256", "RS256"),
        ("rs256", "RS256", "PS256"),
        ("rs256", "RS256", "ES256"),
    ] {
        let kid = if name == "ES256" { "es" } else { "rs" };
        let token = make(Signer::Private(signer), algorithm, &token::header(name, kid));
        rows.push((bearer("/all", &token), 401, "signature_mismatch"));
    }
    let pem = token::public_pem("es256");
    let jwk = token::jwk("es256", "es");
    for material in [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        format!(" {pem}").as_bytes(),
        jwk.to_string().as_bytes(),
        jwk["x"].as_str().expect("text").as_bytes(),
        token::every_key().as_bytes(),
        b"",
    ] {
        for kid in ["es", "rs"] {
            let token = make(Signer::Secret(material), "HS256", &token::header("HS256", kid));
            rows.push((bearer("/all", &token), 401, "signature_mismatch"));
            rows.push((bearer("/bound", &token), 401, "algorithm_not_allowed"));
        }
    }
    for algorithm in ["RS512", "PS256"] {
        let token = make(Signer::Private("rs256"), algorithm, &token::header(algorithm, "rs"));
        rows.push((bearer("/bound", &token), 401, "key_mismatch"));
    }
    bench.refuses(rows);
    assert_eq!(bench.recorder.connections(), 0);
    bench.passes(&bearer("/bound", &token::genuine("rs256", "RS256", "rs")));
    bench.passes(&bearer(
        "/all",
        &make(Signer::Secret(SECRET.as_bytes()), "HS256", &token::header("HS256", "x")),
    ));
}

/// J48: a claim is asked of who is proved, and of nobody else.
#[test]
fn a_custom_claim_that_does_not_fit_is_forbidden() {
    let bench = es256("", "claims = { event_scope = \"webhook\", \"/sender/tier\" = [1, 2] }");
    let make = |scope: Value, tier: Value| {
        token::es256("es", json!({ "event_scope": scope, "sender": { "tier": tier } }))
    };
    let mut rows = Vec::new();
    for (scope, tier) in [
        (json!("webhooks"), json!(1)),
        (json!("web"), json!(1)),
        (json!("Webhook"), json!(1)),
        (json!(["webhook"]), json!(1)),
        (json!({ "webhook": true }), json!(1)),
        (Value::Null, json!(1)),
        (json!("webhook"), json!(3)),
        (json!("webhook"), json!("1")),
        (json!("webhook"), json!([1, 2])),
        (json!("webhook"), Value::Null),
    ] {
        let token = make(scope, tier);
        let forged = format!("{}{}", &token[..token.len() - 4], "AAAA");
        rows.push((bearer("/in", &token), 403, "claim_not_allowed"));
        rows.push((bearer("/in", &forged), 401, "signature_mismatch"));
    }
    for line in bench.refuses(rows).iter().step_by(2) {
        assert!(line["detail"].as_str().is_some_and(|detail| detail.starts_with("claim ")), "{line}");
    }
    assert_eq!(bench.recorder.connections(), 0);
    bench.passes(&bearer("/in", &make(json!("webhook"), json!(2))));
}

/// J22 to J27, J24 and S12 with seconds to spare: the clock goes on while a token is on its way.
#[test]
fn times_have_a_leeway_and_an_end() {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::every_key());
    let sources: String = [
        ("in", ""),
        ("aged", "max_age = \"3m\""),
        ("short", "max_lifetime = \"5m\""),
        ("exact", "leeway = \"0s\""),
    ]
    .map(|(name, more)| source(name, "", &jwt("\"ES256\"", &format!("{keys}\n{more}"))))
    .concat();
    let bench = Bench::with(policy, &sources, &[]);
    let at = |offset: i64| json!(token::now() + offset);
    let make = |path: &str, changes: Value| bearer(path, &token::es256("es", changes));
    let rows = [
        ("/in", json!({ "exp": at(-60), "iat": null, "nbf": null }), "token_expired"),
        ("/in", json!({ "exp": at(-3600), "iat": at(-7200), "nbf": null }), "token_expired"),
        ("/in", json!({ "exp": 0, "iat": null, "nbf": null }), "token_expired"),
        ("/in", json!({ "exp": null }), "claim_missing"),
        ("/in", json!({ "exp": at(300).to_string() }), "claim_malformed"),
        ("/in", json!({ "exp": -1 }), "claim_malformed"),
        ("/in", json!({ "exp": 1e300 }), "claim_malformed"),
        ("/in", json!({ "exp": u64::MAX }), "claim_malformed"),
        ("/in", json!({ "nbf": at(90) }), "token_not_yet_valid"),
        ("/in", json!({ "nbf": "0" }), "claim_malformed"),
        ("/in", json!({ "iat": at(90) }), "token_not_yet_valid"),
        ("/in", json!({ "iat": at(90), "exp": at(80) }), "token_malformed"),
        ("/in", json!({ "nbf": at(400), "exp": at(300) }), "token_malformed"),
        ("/exact", json!({ "exp": at(0), "iat": null, "nbf": null }), "token_expired"),
        ("/exact", json!({ "nbf": at(30) }), "token_not_yet_valid"),
        ("/aged", json!({ "iat": at(-181), "exp": null }), "token_too_old"),
        ("/aged", json!({ "iat": at(-181) }), "token_too_old"),
        ("/aged", json!({ "iat": null }), "claim_missing"),
        ("/aged", json!({ "iat": "1" }), "claim_malformed"),
        ("/short", json!({ "iat": at(0), "exp": at(301) }), "lifetime_too_long"),
        ("/short", json!({ "iat": null, "exp": at(315_360_000) }), "lifetime_too_long"),
    ];
    bench.refuses(rows.map(|(path, changes, reason)| (make(path, changes), 401, reason)));
    assert_eq!(bench.recorder.connections(), 0);
    for (path, changes) in [
        ("/in", json!({ "exp": at(-40), "iat": at(-100), "nbf": null })),
        ("/in", json!({ "exp": token::now() as f64 + 100.7 })),
        ("/in", json!({ "exp": at(315_360_000) })),
        ("/in", json!({ "nbf": at(60), "iat": at(60) })),
        ("/exact", json!({ "exp": at(30), "iat": at(0), "nbf": at(0) })),
        ("/aged", json!({ "iat": at(-160), "exp": null })),
        ("/short", json!({ "iat": at(-10), "exp": at(290) })),
    ] {
        bench.passes(&make(path, changes));
    }
}

/// J32, J33, K29: what a token says of where its key is, nobody asks.
#[test]
fn a_token_sends_nobody_anywhere() {
    let trap = KeyServer::start(Reply::Json(token::set(&[token::jwk("attacker_es", "evil")])));
    let server = KeyServer::start(Reply::Json(token::set(&[token::jwk("es256", "es")])));
    let keys = format!("keys = {{ jwks = \"{}\" }}", server.url("/keys"));
    let bench = Bench::start(&source("in", "", &jwt("\"ES256\"", &keys)));
    let (jwk, url) = (token::jwk("attacker_es", "evil"), trap.url("/keys"));
    let make = |signer: &str, kid: &str, member: &Value, claims: Value| {
        let header = token::with(json!({ "alg": "ES256", "kid": kid }), member.clone());
        token::signed(Signer::Private(signer), "ES256", &header.to_string(), &token::claims_with(claims))
    };
    let members =
        [json!({ "jku": url }), json!({ "x5u": url }), json!({ "jwk": jwk }), json!({ "x5c": ["MIIB"] })];
    for member in &members {
        bench.refused(
            &bearer("/in", &make("attacker_es", "es", member, json!({}))),
            401,
            "signature_mismatch",
        );
        let response = bench.ask(&bearer("/in", &make("attacker_es", "evil", member, json!({}))));
        assert!([401, 503].contains(&response.status));
        bench.refusal(&response, response.status);
    }
    let line = bench.refused(
        &bearer("/in", &make("es256", "es", &json!({}), json!({ "iss": trap.url("") }))),
        401,
        "issuer_mismatch",
    );
    assert!(!line.to_string().contains(&trap.url("")), "{line}");
    assert_eq!(bench.recorder.connections(), 0);
    for member in &members {
        bench.passes(&bearer("/in", &make("es256", "es", member, json!({}))));
    }
    assert_eq!(trap.connections(), 0, "{:?}", trap.asked());
}

/// J19, J28, J29, V18: the right issuer signs for many.
#[test]
fn a_token_for_somebody_else_is_refused() {
    let bench = es256("", "typ = \"JWT\"\nclaims = { email = \"sender@project.example\" }");
    let make = |typ: &str, changes: Value| {
        let claims = token::with(json!({ "email": "sender@project.example" }), changes);
        let header = json!({ "alg": "ES256", "kid": "es", "typ": typ }).to_string();
        bearer("/in", &token::signed(Signer::Private("es256"), "ES256", &header, &token::claims_with(claims)))
    };
    let other = "https://other.example/hook";
    bench.refuses([
        (make("JWT", json!({ "aud": other })), 401, "audience_mismatch"),
        (make("JWT", json!({ "aud": [other] })), 401, "audience_mismatch"),
        (make("JWT", json!({ "aud": format!("{AUDIENCE}/") })), 401, "audience_mismatch"),
        (make("JWT", json!({ "aud": other, "azp": AUDIENCE })), 401, "audience_mismatch"),
        (make("JWT", json!({ "iss": format!("{ISSUER}/") })), 401, "issuer_mismatch"),
        (make("at+jwt", json!({})), 401, "token_type_mismatch"),
        (make("logout+jwt", json!({})), 401, "token_type_mismatch"),
        (make("jwt", json!({})), 401, "token_type_mismatch"),
        (make("JWT", json!({ "email": "other@project.example" })), 403, "claim_not_allowed"),
    ]);
    assert_eq!(bench.recorder.connections(), 0);
    bench.passes(&make("JWT", json!({ "aud": [other, AUDIENCE] })));
}

/// G22, J13, J35: no claim becomes more than the value of a field, and a token has a size.
#[test]
fn claims_do_not_leave_their_place() {
    let bench = es256("", "");
    let make = |id: Value| bearer("/in", &token::es256("es", json!({ "jti": id })));
    let malformed = ["a\r\nX-Evil: 1", "a\nb", "a\0b", "", &"j".repeat(257), &"j".repeat(3000)];
    let malformed = malformed.map(Value::from).into_iter().chain([json!(1), json!(["a"]), json!({ "a": 1 })]);
    bench.refuses(malformed.map(|id| (make(id), 401, "claim_malformed")));
    let twice = token::claims().to_string().replacen('{', "{\"jti\":\"other\",", 1);
    let twice = token::signed(Signer::Private("es256"), "ES256", &token::header("ES256", "es"), &twice);
    bench.refused(&bearer("/in", &twice), 401, "token_malformed");
    let long = |bytes: usize| token::es256("es", json!({ "x": "x".repeat(bytes) }));
    bench.refused(&bearer("/in", &long(8192)), 401, "token_malformed");
    let huge = once(Client::tls(bench.proxy.address), &bearer("/in", &long(40_000)));
    assert_eq!(huge.expect("an answer").status, 431);
    assert_eq!(bench.recorder.connections(), 0);
    for id in ["größe", "a b", "\u{202e}a"] {
        let (got, line) = bench.passes(&make(json!(id)));
        assert_eq!((got.all("bonafide-event-id"), &line["event_id"]), (Vec::new(), &Value::Null), "{id}");
        bench.duplicate(&make(json!(id)));
    }
    let (got, _) = bench.passes(&make(json!("j".repeat(256))));
    assert_eq!(got.one("bonafide-event-id").len(), 256);
}
