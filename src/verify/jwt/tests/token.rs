//! Tokens as a whole: `jwt_blackbox.json`, and rules that it does not reach.

use super::*;
use crate::verify::sign::Draft;
use serde_json::json;

/// Rows whose outcome both ways can be defended, and ours.
const PINNED: [(&str, bool); 11] = [
    ("either-typ-lower", false),
    ("either-typ-full", false),
    ("jku-header-valid-sig", true),
    ("crit-null", false),
    ("b64-true", false),
    ("dup-header-unknown", false),
    ("dup-claim-nested-unknown", false),
    ("claim-exp-huge", false),
    ("claim-exp-bigint", false),
    ("claim-bodyhash-upper", false),
    ("payload-lone-surrogate", false),
];

fn claims() -> Claims {
    Claims {
        issuer: vec!["https://issuer.example".into()],
        audience: vec!["https://hooks.example/ingest".into()],
        leeway: 60,
        ..Claims::default()
    }
}

fn definition(algorithms: &[Algorithm]) -> JwtDefinition {
    JwtDefinition {
        address_hash: None,
        place: TokenPlace::Header(AUTHORIZATION, "Bearer ".into()),
        algorithms: algorithms.to_vec(),
        typ: Vec::new(),
        kid: KidRule::Visible,
        claims: claims(),
        body_hash: None,
        profile: Profile::Jwt,
    }
}

fn blackbox() -> JwtDefinition {
    let require = ["exp", "iat", "jti", "request_body_sha256"];
    JwtDefinition {
        typ: vec!["JWT".into()],
        claims: Claims { require: require.map(str::to_owned).to_vec(), ..claims() },
        body_hash: Some(BodyHash {
            claim: ClaimPath::parse("request_body_sha256").unwrap(),
            form: HashForm::Hex(Hash::Sha256),
            empty: EmptyBody::Require,
        }),
        ..definition(&[Algorithm::Es256])
    }
}

#[test]
fn black_box_rows() {
    let file = read("jwt_blackbox.json");
    let body = STANDARD.decode(file["request"]["body_b64"].as_str().unwrap()).unwrap();
    let keys =
        KeySet::of_document(file["jwks"].to_string().as_bytes(), &SingleKey::default(), &[Algorithm::Es256])
            .unwrap();
    let fixed = Verifier::jwt(blackbox(), JwtKeys::Fixed(keys.clone()), &utf8(), Vec::new()).unwrap();
    let fetched = Verifier::jwt(blackbox(), JwtKeys::Fetched, &utf8(), Vec::new()).unwrap();
    let now = UnixTime(1_780_000_000);
    let mut seen = 0;
    for case in file["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let accept = match case["expect"].as_str().unwrap() {
            "accept" | "reject-second" => true,
            "policy" => PINNED.iter().find(|(known, _)| *known == id).unwrap_or_else(|| panic!("{id}")).1,
            _ => false,
        };
        let Ok(value) = HeaderValue::from_str(&format!("Bearer {}", case["token"].as_str().unwrap())) else {
            assert!(!accept, "{id}");
            continue;
        };
        let mut head = bearer("x");
        head.headers.insert(AUTHORIZATION, value);
        for verifier in [&fixed, &fetched] {
            let outcome = run(verifier, &keys, &head, &body, now);
            assert_eq!(outcome.is_ok(), accept, "{id} ({}): {outcome:?}", case["why"]);
            assert!(outcome.is_ok() || code(&outcome) != "internal");
        }
        seen += 1;
    }
    assert!(seen >= 170, "{seen} rows");
}

fn keyed(algorithm: Algorithm, claims: &Value) -> (Verifier, String) {
    keyed_by(definition(&[algorithm]), claims)
}

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn keyed_by(definition: JwtDefinition, claims: &Value) -> (Verifier, String) {
    let algorithm = definition.algorithms[0];
    let verifier = Verifier::jwt(definition, JwtKeys::None, &utf8(), vec![secret("s", SECRET)]).unwrap();
    let key = SigningKey::new(algorithm, &Secret::new(SECRET.to_vec()), None).unwrap();
    (verifier, key.token(serde_json::Map::new(), claims).unwrap())
}

const NOW: UnixTime = UnixTime(1_800_000_000);

fn outcome_of(change: impl FnOnce(&mut Value)) -> &'static str {
    outcome_with(definition(&[Algorithm::Hs256]), change)
}

fn outcome_with(definition: JwtDefinition, change: impl FnOnce(&mut Value)) -> &'static str {
    let mut claims = json!({
        "iss": "https://issuer.example",
        "aud": "https://hooks.example/ingest",
        "exp": NOW.0 + 300,
        "nbf": NOW.0,
        "iat": NOW.0,
    });
    change(&mut claims);
    let (verifier, token) = keyed_by(definition, &claims);
    code(&run(&verifier, &KeySet::default(), &bearer(&token), b"", NOW))
}

#[test]
fn times_are_compared_to_the_second() {
    for (claim, at, want) in [
        ("exp", NOW.0 - 59, "verified"),
        ("exp", NOW.0 - 60, "token_expired"),
        ("nbf", NOW.0 + 60, "verified"),
        ("nbf", NOW.0 + 61, "token_not_yet_valid"),
        ("iat", NOW.0 + 60, "verified"),
        ("iat", NOW.0 + 61, "token_not_yet_valid"),
        ("iat", -1, "claim_malformed"),
        ("exp", 0, "token_expired"),
    ] {
        let got = outcome_of(|claims| {
            if claim == "exp" {
                claims.as_object_mut().unwrap().retain(|name, _| name != "iat" && name != "nbf");
            }
            claims[claim] = at.into();
        });
        assert_eq!(got, want, "{claim} {}", at - NOW.0);
    }
    assert_eq!(outcome_of(|claims| claims["exp"] = json!(NOW.0 as f64 + 100.7)), "verified");
    for (ahead, want) in [(60.0, "verified"), (60.5, "token_not_yet_valid")] {
        for claim in ["iat", "nbf"] {
            assert_eq!(outcome_of(|claims| claims[claim] = json!(NOW.0 as f64 + ahead)), want, "{claim}");
        }
    }
    assert_eq!(outcome_of(|claims| claims["exp"] = (NOW.0 - 1).into()), "token_malformed");
    assert_eq!(outcome_of(|claims| claims["nbf"] = (NOW.0 + 300).into()), "token_malformed");
    for odd in [json!("1"), json!(null), json!(true), json!([1]), json!(1e300), json!(u64::MAX)] {
        for claim in ["exp", "nbf", "iat"] {
            assert_eq!(outcome_of(|claims| claims[claim] = odd.clone()), "claim_malformed", "{claim} {odd}");
        }
    }
}

#[test]
fn a_token_is_bounded_in_time() {
    let without_exp = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove("exp"));
    assert_eq!(outcome_of(without_exp), "claim_missing");
    let aged = || {
        let mut definition = definition(&[Algorithm::Hs256]);
        definition.claims.max_age = Some(180);
        definition
    };
    assert_eq!(outcome_with(aged(), without_exp), "verified");
    let issued = |at: i64| move |claims: &mut Value| claims["iat"] = (NOW.0 + at).into();
    assert_eq!(outcome_with(aged(), issued(-180)), "verified");
    assert_eq!(outcome_with(aged(), issued(-181)), "token_too_old");
    assert_eq!(
        outcome_with(aged(), |claims| drop(claims.as_object_mut().unwrap().remove("iat"))),
        "claim_missing"
    );
    let short = || {
        let mut definition = definition(&[Algorithm::Hs256]);
        definition.claims.max_lifetime = Some(300);
        definition
    };
    let lives = |seconds: i64| move |claims: &mut Value| claims["exp"] = (NOW.0 + seconds).into();
    assert_eq!(outcome_with(short(), lives(300)), "verified");
    assert_eq!(outcome_with(short(), lives(301)), "lifetime_too_long");
    let year = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("iat");
        claims["exp"] = (NOW.0 + 31_536_000).into();
    };
    assert_eq!(outcome_with(short(), year), "lifetime_too_long");
}

#[test]
fn issuer_and_audience_are_exact() {
    for (claim, value, want) in [
        ("iss", json!("https://issuer.example/"), "issuer_mismatch"),
        ("iss", json!(["https://issuer.example"]), "claim_malformed"),
        ("iss", json!(1), "claim_malformed"),
        ("aud", json!(["x", "https://hooks.example/ingest"]), "verified"),
        ("aud", json!(["https://hooks.example/ingest", 5]), "claim_malformed"),
        ("aud", json!([]), "audience_mismatch"),
        ("aud", json!("https://hooks.example"), "audience_mismatch"),
        ("aud", json!({}), "claim_malformed"),
        ("sub", json!(["a"]), "claim_malformed"),
        ("sub", json!(null), "claim_malformed"),
        ("sub", json!(""), "verified"),
        ("jti", json!(""), "claim_malformed"),
        ("jti", json!("j".repeat(257)), "claim_malformed"),
        ("jti", json!("a\nb"), "claim_malformed"),
        ("jti", json!(7), "claim_malformed"),
        ("jti", json!("größe"), "verified"),
    ] {
        assert_eq!(outcome_of(|claims| claims[claim] = value.clone()), want, "{claim} {value}");
    }
    for claim in ["iss", "aud"] {
        let gone = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(claim));
        assert_eq!(outcome_of(gone), "claim_missing", "{claim}");
    }
}

#[test]
fn a_custom_claim_is_asked_of_a_proved_sender_only() {
    let scoped = || {
        let mut definition = definition(&[Algorithm::Hs256]);
        let webhook = vec![Json::Text("webhook".into())];
        definition.claims.exact = vec![(ClaimPath::parse("event_scope").unwrap(), webhook)];
        definition
    };
    let scope = |value: Value| move |claims: &mut Value| claims["event_scope"] = value;
    assert_eq!(outcome_with(scoped(), scope(json!("webhook"))), "verified");
    for other in [json!("webhooks"), json!("web"), json!(["webhook"]), json!(null), json!({})] {
        assert_eq!(outcome_with(scoped(), scope(other.clone())), "claim_not_allowed", "{other}");
    }
    assert_eq!(outcome_with(scoped(), |_| {}), "claim_not_allowed");
    let (verifier, token) = keyed_by(
        scoped(),
        &json!({ "exp": NOW.0 + 9, "iss": "https://issuer.example", "aud": "https://hooks.example/ingest" }),
    );
    let forged = format!("{}A", &token[..token.len() - 1]);
    assert_eq!(code(&run(&verifier, &KeySet::default(), &bearer(&forged), b"", NOW)), "signature_mismatch");
}

#[test]
fn a_secret_is_used_for_algorithms_that_it_is_long_enough_for() {
    let all = definition(&[Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512]);
    let make = |bytes: usize| {
        Verifier::jwt(all.clone(), JwtKeys::None, &utf8(), vec![secret("s", &SECRET[..bytes])])
    };
    assert!(make(31).is_err());
    let verifier = make(32).unwrap();
    let claims =
        json!({ "iss": "https://issuer.example", "aud": "https://hooks.example/ingest", "exp": NOW.0 + 60 });
    for (algorithm, want) in [(Algorithm::Hs256, "verified"), (Algorithm::Hs384, "signature_mismatch")] {
        let key = SigningKey::new(algorithm, &Secret::new(SECRET[..32].to_vec()), None).unwrap();
        let token = key.token(serde_json::Map::new(), &claims).unwrap();
        assert_eq!(code(&run(&verifier, &KeySet::default(), &bearer(&token), b"", NOW)), want);
    }
    let public = definition(&[Algorithm::Rs256]);
    assert!(Verifier::jwt(public, JwtKeys::None, &utf8(), vec![secret("s", SECRET)]).is_err());
}

#[test]
fn the_header_field_is_read_strictly() {
    let claims =
        json!({ "iss": "https://issuer.example", "aud": "https://hooks.example/ingest", "exp": NOW.0 + 60 });
    let (verifier, token) = keyed(Algorithm::Hs256, &claims);
    let with = |values: &[String]| {
        let headers: Vec<_> = values.iter().map(|value| (AUTHORIZATION, value.clone())).collect();
        code(&run(&verifier, &KeySet::default(), &head(Method::POST, &headers), b"", NOW))
    };
    assert_eq!(with(&[format!("Bearer {token}")]), "verified");
    assert_eq!(with(&[format!("bEARER {token}")]), "verified");
    for (value, want) in [
        (String::new(), "credential_malformed"),
        ("Bearer ".into(), "credential_malformed"),
        (token.clone(), "credential_malformed"),
        (format!("Basic {token}"), "credential_malformed"),
        (format!("Bearer\t{token}"), "credential_malformed"),
        (format!("Bearer  {token}"), "token_malformed"),
        (format!("Bearer {token}, Bearer {token}"), "token_malformed"),
        (format!("Bearer {token}="), "token_malformed"),
        (format!("Bearer {}", ".".repeat(8192)), "token_malformed"),
        (format!("Bearer {}", "a".repeat(8193)), "token_malformed"),
    ] {
        assert_eq!(with(std::slice::from_ref(&value)), want, "{:.40}", value);
    }
    assert_eq!(with(&[]), "credential_missing");
    assert_eq!(with(&[format!("Bearer {token}"), format!("Bearer {token}")]), "field_repeated");
}

#[test]
fn a_token_stands_in_the_body_too() {
    let claims = json!({
        "iss": "https://issuer.example", "aud": "https://hooks.example/ingest", "exp": NOW.0 + 60, "jti": "a",
    });
    let whole = JwtDefinition { place: TokenPlace::Body, ..definition(&[Algorithm::Hs256]) };
    let (verifier, token) = keyed_by(whole, &claims);
    let verifier = verifier.remembering(crate::verify::Remember::Event);
    let empty = head(Method::POST, &[]);
    let sender = run(&verifier, &KeySet::default(), &empty, token.as_bytes(), NOW).unwrap();
    assert_eq!(sender.event_id().map(|id| (id.value.as_str(), id.signed)), Some(("a", true)));
    assert!(sender.mark().is_some());
    assert_eq!(code(&run(&verifier, &KeySet::default(), &empty, b"", NOW)), "credential_missing");
    assert_eq!(code(&run(&verifier, &KeySet::default(), &empty, b"x.y.z", NOW)), "token_malformed");
    let pointer = crate::scheme::Pointer::parse("/jwt").unwrap();
    let inside = JwtDefinition { place: TokenPlace::Json(pointer), ..definition(&[Algorithm::Hs256]) };
    let (verifier, token) = keyed_by(inside, &claims);
    let body = json!({ "jwt": token }).to_string();
    assert_eq!(code(&run(&verifier, &KeySet::default(), &empty, body.as_bytes(), NOW)), "verified");
    assert_eq!(code(&run(&verifier, &KeySet::default(), &empty, b"{}", NOW)), "credential_missing");
}

#[test]
fn marks_follow_the_id_and_the_body() {
    let marked = |change: fn(&mut Value), body: &[u8]| {
        let mut claims = json!({
            "iss": "https://issuer.example", "aud": "https://hooks.example/ingest", "exp": NOW.0 + 60,
        });
        change(&mut claims);
        let (verifier, token) = keyed(Algorithm::Hs256, &claims);
        let verifier = verifier.remembering(crate::verify::Remember::Event);
        run(&verifier, &KeySet::default(), &bearer(&token), body, NOW).unwrap().mark().cloned().unwrap()
    };
    let named = |claims: &mut Value| claims["jti"] = "one".into();
    let renewed = |claims: &mut Value| {
        claims["jti"] = "one".into();
        claims["exp"] = (NOW.0 + 90).into();
    };
    let (first, retry, other) = (marked(named, b"a"), marked(renewed, b"a"), marked(named, b"b"));
    assert_eq!(first, retry);
    assert_eq!(first.event(), other.event());
    assert_ne!(first.body(), other.body());
    assert_eq!(marked(|_| {}, b"a"), marked(|_| {}, b"a"));
    let later = |claims: &mut Value| claims["exp"] = (NOW.0 + 61).into();
    assert_ne!(marked(|_| {}, b"a").event(), marked(later, b"a").event());
}

#[test]
fn what_is_signed_here_is_accepted_here() {
    let mut bound = blackbox();
    bound.algorithms = vec![Algorithm::Hs512];
    bound.claims.require.retain(|name| name != "request_body_sha256");
    let verifier = Verifier::jwt(bound, JwtKeys::None, &utf8(), vec![secret("s", SECRET)]).unwrap();
    for body in [&b"{}"[..], b""] {
        let mut draft = Draft::new(Method::POST, "/ingest", body.to_vec());
        verifier.sign(&mut draft, NOW).unwrap();
        let mut head = bearer("x");
        head.headers = draft.headers.clone();
        let sender = run(&verifier, &KeySet::default(), &head, body, NOW).unwrap();
        assert_eq!(sender.valid_until(), Some(UnixTime(NOW.0 + 359)));
        assert_eq!(code(&run(&verifier, &KeySet::default(), &head, b"other", NOW)), "body_hash_mismatch");
    }
    let mut salted = Draft::new(Method::POST, "/ingest", "{}");
    salted.salt = vec![1];
    let mut plain = Draft::new(Method::POST, "/ingest", "{}");
    verifier.sign(&mut salted, NOW).unwrap();
    verifier.sign(&mut plain, NOW).unwrap();
    assert_ne!(salted.headers, plain.headers);
}

#[test]
fn what_the_head_settles_is_refused_there() {
    let body_hash = BodyHash {
        claim: ClaimPath::parse("h").unwrap(),
        form: HashForm::Hex(Hash::Sha256),
        empty: EmptyBody::Require,
    };
    let with_hash =
        || JwtDefinition { body_hash: Some(body_hash.clone()), ..definition(&[Algorithm::Hs256]) };
    let claims = json!({
        "iss": "https://issuer.example", "aud": "https://hooks.example/ingest", "exp": NOW.0 + 60
    });
    let (verifier, token) = keyed_by(with_hash(), &claims);
    let at_head = verifier.start(&bearer(&token), NOW);
    assert!(matches!(at_head, Err(VerifyError::ClaimMissing { .. })), "{at_head:?}");
    let keyless =
        Verifier::jwt(definition(&[Algorithm::Es256]), JwtKeys::Fetched, &utf8(), Vec::new()).unwrap();
    let token = format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        "AAA*"
    );
    let at_head = keyless.start(&bearer(&token), NOW);
    assert!(matches!(at_head, Err(VerifyError::TokenMalformed { .. })), "{at_head:?}");
}

#[test]
fn a_secret_from_a_key_file_checks_tokens() {
    let claims = json!({
        "iss": "https://issuer.example", "aud": "https://hooks.example/ingest", "exp": NOW.0 + 60
    });
    let (_, token) = keyed_by(definition(&[Algorithm::Hs256]), &claims);
    for (secret, want) in [(SECRET.to_vec(), "verified"), (vec![7; 64], "signature_mismatch")] {
        let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(secret) }).to_string();
        let keys = KeySet::of_text(jwk.as_bytes(), &[Algorithm::Hs256]).unwrap();
        let fixed = JwtKeys::Fixed(keys.clone());
        let verifier = Verifier::jwt(definition(&[Algorithm::Hs256]), fixed, &utf8(), Vec::new()).unwrap();
        assert_eq!(code(&run(&verifier, &keys, &bearer(&token), b"", NOW)), want);
    }
}
