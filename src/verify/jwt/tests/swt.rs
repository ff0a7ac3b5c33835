//! Secure Webhook Tokens: `swt.json`.

use super::*;
use crate::verify::sign::{Draft, SignError};
use serde_json::json;

/// Rows whose outcome both ways can be defended, and ours.
const PINNED: [(&str, bool); 12] = [
    ("ok-hash-sha3-256", false),
    ("ok-hash-sha3-384", false),
    ("ok-hash-sha3-512", false),
    ("typ-lower", false),
    ("typ-application", false),
    ("hash-null-empty-body", false),
    ("hash-upper-hex", false),
    ("hash-old-name", false),
    ("hash-upper-name", false),
    ("retry-float", false),
    ("lifetime-16m", false),
    ("legacy-go-head", false),
];

fn definition(profile: Profile) -> JwtDefinition {
    let legacy = profile == Profile::SwtLegacy;
    JwtDefinition {
        address_hash: None,
        place: TokenPlace::Header(AUTHORIZATION, "Bearer ".into()),
        algorithms: ["HS256", "HS384", "HS512", "RS256", "ES256"]
            .map(|name| Algorithm::parse(name).unwrap())
            .to_vec(),
        typ: vec![if legacy { "JWT" } else { "SWT" }.into()],
        kid: KidRule::Visible,
        claims: Claims {
            issuer: vec!["https://sender.example".into()],
            require: ["webhook", "iss", "exp", "nbf", "iat", "jti"].map(str::to_owned).to_vec(),
            leeway: 60,
            max_lifetime: Some(900),
            ..Claims::default()
        },
        body_hash: if legacy { None } else { BodyHash::swt() },
        profile,
    }
}

/// With the secret of one HS algorithm: each has its own.
fn verifier(file: &Value, profile: Profile, name: &str) -> Verifier {
    let keys = file["keys"]["jwks"].to_string();
    let keys =
        KeySet::of_document(keys.as_bytes(), &SingleKey::default(), &[Algorithm::Rs256, Algorithm::Es256])
            .unwrap();
    let form = KeyForm { encoding: KeyEncoding::Hex, ..utf8() };
    let secrets = vec![secret(name, file["keys"][format!("{name}_hex")].as_str().unwrap().as_bytes())];
    Verifier::jwt(definition(profile), JwtKeys::Fixed(keys), &form, secrets).unwrap()
}

/// The algorithm that a token names, where it is one of those with a secret.
fn named(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let name = header["alg"].as_str().unwrap_or_default();
    if name.starts_with("HS") { name.to_owned() } else { "HS256".to_owned() }
}

#[test]
fn published_rows() {
    let file = read("swt.json");
    let mut seen = 0;
    for case in file["cases"].as_array().unwrap() {
        let (id, method) = (case["id"].as_str().unwrap(), case["method"].as_str().unwrap());
        // The policy lists the methods; tests/it shows that.
        if method != "POST" {
            continue;
        }
        let accept = match case["expect"].as_str().unwrap() {
            "accept" | "reject-second" => true,
            "policy" => PINNED.iter().any(|(known, accept)| *known == id && *accept),
            _ => false,
        };
        let body = STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap();
        let now = UnixTime(case["now"].as_i64().unwrap());
        let token = case["token"].as_str().unwrap();
        let verifier = verifier(&file, Profile::Swt, &named(token));
        let outcome = run(&verifier, &KeySet::default(), &bearer(token), &body, now);
        assert_eq!(outcome.is_ok(), accept, "{id} ({}): {outcome:?}", case["why"]);
        seen += 1;
    }
    assert!(seen >= 71, "{seen} rows");
}

#[test]
fn the_first_generation() {
    let file = read("swt.json");
    let verifier = verifier(&file, Profile::SwtLegacy, "HS256");
    let cases = file["cases"].as_array().unwrap();
    for id in ["legacy-go-head", "legacy-go-post"] {
        let case = cases.iter().find(|case| case["id"] == id).unwrap();
        let body = STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap();
        let method: Method = case["method"].as_str().unwrap().parse().unwrap();
        let headers = [(AUTHORIZATION, format!("Bearer {}", case["token"].as_str().unwrap()))];
        let head = head(method, &headers);
        let now = UnixTime(case["now"].as_i64().unwrap());
        assert_eq!(code(&run(&verifier, &KeySet::default(), &head, &body, now)), "verified", "{id}");
        let other = [&body[..], b"x"].concat();
        assert_ne!(code(&run(&verifier, &KeySet::default(), &head, &other, now)), "verified", "{id}");
    }
    let modern = cases.iter().find(|case| case["id"] == "ok-hs256").unwrap();
    let body = STANDARD.decode(modern["body_b64"].as_str().unwrap()).unwrap();
    let outcome = run(
        &verifier,
        &KeySet::default(),
        &bearer(modern["token"].as_str().unwrap()),
        &body,
        UnixTime(modern["now"].as_i64().unwrap()),
    );
    assert_eq!(code(&outcome), "token_type_mismatch");
}

#[test]
fn what_is_made_is_accepted() {
    let now = UnixTime(1_778_760_000);
    let secrets = || vec![secret("s", &[b'k'; 64])];
    for profile in [Profile::Swt, Profile::SwtLegacy] {
        let verifier = Verifier::jwt(
            JwtDefinition { algorithms: vec![Algorithm::Hs384], ..definition(profile) },
            JwtKeys::None,
            &utf8(),
            secrets(),
        )
        .unwrap();
        let mut draft = Draft::new(Method::POST, "/", "{\"a\":1}");
        assert_eq!(verifier.sign(&mut draft, now), Err(SignError::Parameter("event")));
        for (name, value) in
            [("event", "order.paid"), ("retry_count", "2"), ("subject", "shop"), ("lifetime", "120")]
        {
            draft.params.insert(name.into(), value.into());
        }
        verifier.sign(&mut draft, now).unwrap();
        let mut head = bearer("x");
        head.headers = draft.headers.clone();
        let sender = run(&verifier, &KeySet::default(), &head, b"{\"a\":1}", now).unwrap();
        assert_eq!(sender.scheme(), "swt");
        assert_eq!(sender.valid_until(), Some(UnixTime(now.0 + 179)));
        let token = draft.headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!((&payload["sub"], &payload["webhook"]["retry_count"]), (&json!("shop"), &json!(2)));
        draft.params.insert("retry_count".into(), "-1".into());
        assert_eq!(verifier.sign(&mut draft, now), Err(SignError::Parameter("retry_count")));
    }
}
