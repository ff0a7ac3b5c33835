//! What the policy says of signatures, parameters and coverage, and what a request says.

use super::*;
use crate::verify::jwt::Json;
use crate::verify::jwt::SingleKey;
use crate::verify::{Draft, SetupFlaw};

const NOW: i64 = 1_700_000_000;

/// What becomes of a request whose `Signature-Input` is this.
fn verdict(definition: &HttpSignatureDefinition, input: &str) -> &'static str {
    let head = mac_signed(input, "GET", "/p?q=1", &[("x-a", "1"), ("repr-digest", "sha-256=:AAAA:")]);
    code(&run(&hmac(definition.clone()), &head, b"", NOW))
}

#[test]
fn the_signature_that_counts_is_named_or_alone() {
    let free = anything(&["hmac-sha256"]);
    let labelled = HttpSignatureDefinition { label: Some("a".to_owned()), ..free.clone() };
    let tagged = HttpSignatureDefinition { tag: Some("t".to_owned()), ..free.clone() };
    let both = HttpSignatureDefinition { label: Some("a".to_owned()), ..tagged.clone() };
    let one = format!("a=();created={NOW};tag=\"t\"");
    for (policy, input, expected) in [
        (&free, one.clone(), "verified"),
        (&labelled, one.clone(), "verified"),
        (&tagged, one.clone(), "verified"),
        (&both, one.clone(), "verified"),
        (&labelled, format!("b=();created={NOW};tag=\"t\""), "signature_missing"),
        (&tagged, format!("a=();created={NOW};tag=\"T\""), "tag_mismatch"),
        (&tagged, format!("a=();created={NOW}"), "tag_mismatch"),
        (&tagged, format!("a=();created={NOW};tag=t"), "tag_mismatch"),
        (&both, format!("a=();created={NOW};tag=\"u\""), "tag_mismatch"),
    ] {
        assert_eq!(verdict(policy, &input), expected, "{input}");
    }
    // The first one is genuine, the second says the same of itself, or something else.
    let signed = mac_signed(&one, "GET", "/", &[]);
    for (policy, more, expected) in [
        (&free, format!("b=();created={NOW}"), "signature_ambiguous"),
        (&labelled, format!("b=();created={NOW}"), "verified"),
        (&tagged, format!("b=();created={NOW};tag=\"u\""), "verified"),
        (&tagged, format!("b=();created={NOW};tag=\"t\""), "signature_ambiguous"),
        (&both, format!("b=();created={NOW};tag=\"t\""), "verified"),
        (&labelled, format!("a=();created={NOW}"), "signature_malformed"),
        (&labelled, "b=1".to_owned(), "signature_malformed"),
        (&labelled, "b".to_owned(), "signature_malformed"),
    ] {
        for signature in [None, Some("b=:AAAA:")] {
            let mut headers = signed.headers.clone();
            headers.append("signature-input", HeaderValue::from_str(&more).unwrap());
            if let Some(signature) = signature.filter(|_| more.starts_with("b=(")) {
                headers.append("signature", HeaderValue::from_static(signature));
            }
            let head = head("GET", "hooks.example", "/", headers);
            assert_eq!(code(&run(&hmac(policy.clone()), &head, b"", NOW)), expected, "{more} {signature:?}");
        }
    }
}

#[test]
fn one_field_without_the_other_proves_nothing() {
    let verifier = hmac(anything(&["hmac-sha256"]));
    let signed = mac_signed(&format!("a=();created={NOW}"), "GET", "/", &[]);
    for (name, value, expected) in [
        ("signature-input", None, "signature_missing"),
        ("signature", None, "signature_missing"),
        ("signature", Some("b=:AAAA:"), "signature_malformed"),
        ("signature", Some("a=AAAA"), "signature_malformed"),
        ("signature", Some(""), "signature_missing"),
        ("signature-input", Some(""), "signature_malformed"),
        ("signature-input", Some("a=(\t)"), "signature_malformed"),
        ("signature", Some("a=::"), "signature_mismatch"),
    ] {
        let mut headers = signed.headers.clone();
        headers.remove(name);
        headers.extend(value.map(|value| (HeaderName::from_static(name), HeaderValue::from_static(value))));
        let head = head("GET", "hooks.example", "/", headers);
        assert_eq!(code(&run(&verifier, &head, b"", NOW)), expected, "{name} {value:?}");
    }
    let mut headers = signed.headers.clone();
    headers.insert("signature", HeaderValue::from_str(&format!("a=:{}:", "A".repeat(8192))).unwrap());
    assert_eq!(
        code(&run(&verifier, &head("GET", "hooks.example", "/", headers), b"", NOW)),
        "signature_malformed"
    );
}

#[test]
fn parameters_have_their_types_and_are_known() {
    let policy = HttpSignatureDefinition {
        require: [Parameter::Created, Parameter::Nonce, Parameter::Keyid].to_vec(),
        nonce: 4..=8,
        kid: KidRule::Plain,
        revoked: vec!["old".to_owned()],
        max_lifetime: Some(100),
        ..anything(&["hmac-sha256"])
    };
    for (more, expected) in [
        (";nonce=\"1234\";keyid=\"k\"", "verified"),
        (";nonce=\"1234\";keyid=\"k\";alg=\"hmac-sha256\"", "verified"),
        (";keyid=\"k\"", "parameter_missing"),
        (";nonce=\"1234\"", "parameter_missing"),
        (";nonce=\"123\";keyid=\"k\"", "parameter_malformed"),
        (";nonce=\"123456789\";keyid=\"k\"", "parameter_malformed"),
        (";nonce=1234;keyid=\"k\"", "parameter_malformed"),
        (";nonce=\"1234\";keyid=k", "parameter_malformed"),
        (";nonce=\"1234\";keyid=\"k\";alg=hmac-sha256", "parameter_malformed"),
        (";nonce=\"1234\";keyid=\"k\";tag=1", "parameter_malformed"),
        (";nonce=\"1234\";keyid=\"k\";more=\"1\"", "parameter_malformed"),
        (";nonce=\"1234\";keyid=\"k\";expires=\"1\"", "parameter_malformed"),
        (";nonce=\"1234\";keyid=\"../k\"", "kid_malformed"),
        (";nonce=\"1234\";keyid=\"\"", "kid_malformed"),
        (";nonce=\"1234\";keyid=\"old\"", "key_revoked"),
        (";nonce=\"1234\";keyid=\"k\";alg=\"ed25519\"", "algorithm_not_allowed"),
        (";nonce=\"1234\";keyid=\"k\";alg=\"HMAC-SHA256\"", "algorithm_not_allowed"),
        (";nonce=\"1234\";keyid=\"k\";expires=1700000100", "verified"),
        (";nonce=\"1234\";keyid=\"k\";expires=1700000101", "lifetime_too_long"),
        (";nonce=\"1234\";keyid=\"k\";expires=1700000000", "parameter_malformed"),
        (";nonce=\"1234\";keyid=\"k\";expires=-1", "parameter_malformed"),
    ] {
        assert_eq!(verdict(&policy, &format!("a=();created={NOW}{more}")), expected, "{more}");
    }
    for created in ["\"1700000000\"", "1700000000.0", "@1700000000", "-1", "?1"] {
        let input = format!("a=();created={created};nonce=\"1234\";keyid=\"k\"");
        assert_eq!(verdict(&policy, &input), "parameter_malformed", "{created}");
    }
    assert_eq!(verdict(&policy, "a=();nonce=\"1234\";keyid=\"k\""), "parameter_missing");
}

#[test]
fn times_count_to_the_second() {
    let policy = anything(&["hmac-sha256"]);
    for (created, expires, expected) in [
        (NOW - 300, None, "verified"),
        (NOW - 301, None, "timestamp_too_old"),
        (NOW + 60, None, "verified"),
        (NOW + 61, None, "timestamp_in_future"),
        (NOW - 200, Some(NOW - 60), "verified"),
        (NOW - 200, Some(NOW - 61), "signature_expired"),
        (NOW, Some(NOW + 999_999_999), "verified"),
        (999_999_999_999_999, None, "timestamp_in_future"),
    ] {
        let expires = expires.map(|at| format!(";expires={at}")).unwrap_or_default();
        assert_eq!(
            verdict(&policy, &format!("a=();created={created}{expires}")),
            expected,
            "{created}{expires}"
        );
    }
    // The body may come late.
    let head = mac_signed(&format!("a=();created={}", NOW - 290), "GET", "/", &[]);
    let verifier = hmac(policy).remembering(crate::verify::Remember::Event);
    let Step::Body(waiting) = verifier.start(&head, UnixTime(NOW)).unwrap() else { panic!() };
    let late = waiting.end(&head, &Body::default(), UnixTime(NOW + 11));
    assert_eq!(late.unwrap_err().reason().code(), "timestamp_too_old");
    // Nobody says when: then only what is said counts.
    let timeless = HttpSignatureDefinition { require: Vec::new(), ..anything(&["hmac-sha256"]) };
    assert_eq!(verdict(&timeless, "a=()"), "verified");
    assert_eq!(verdict(&timeless, &format!("a=();expires={}", NOW - 61)), "signature_expired");
    assert_eq!(verdict(&timeless, &format!("a=();created={}", NOW - 301)), "timestamp_too_old");
}

#[test]
fn what_must_and_may_be_covered() {
    let free = anything(&["hmac-sha256"]);
    let of =
        |components: &[&str]| HttpSignatureDefinition { components: Some(list(components)), ..free.clone() };
    let present =
        HttpSignatureDefinition { when_present: list(&["@query", "x-a", "x-none"]), ..free.clone() };
    let closed = HttpSignatureDefinition { allow: Some(list(&["x-a"])), ..of(&["@method"]) };
    let forbids = HttpSignatureDefinition { forbid: list(&["x-a", "@path"]), ..free.clone() };
    let repr = HttpSignatureDefinition { allow: Some(list(&["repr-digest"])), ..free.clone() };
    let usual = usual(&["hmac-sha256"]);
    for (policy, covered, expected) in [
        (&usual, "\"@method\" \"@target-uri\"", "verified"),
        (&usual, "\"@method\" \"@authority\" \"@path\" \"@query\"", "verified"),
        (&usual, "\"@method\" \"@authority\" \"@request-target\" \"x-a\"", "verified"),
        (&usual, "\"@target-uri\"", "component_missing"),
        (&usual, "\"@method\" \"@authority\" \"@path\"", "component_missing"),
        (&usual, "\"@method\" \"@authority\" \"@path\" \"@query-param\";name=\"q\"", "component_missing"),
        (&usual, "\"@method\" \"@path\" \"@query\"", "component_missing"),
        (&usual, "\"@method\" \"@request-target\"", "component_missing"),
        (&of(&["@method", "x-a"]), "\"x-a\" \"@method\"", "verified"),
        (&of(&["@method", "x-a"]), "\"@method\"", "component_missing"),
        (&of(&["@method", "x-a"]), "\"@method\" \"x-a\";bs", "component_missing"),
        (&of(&["@query-param;name=\"q\""]), "\"@query-param\";name=\"q\"", "verified"),
        (&of(&["@query-param;name=\"q\""]), "\"@query-param\";name=\"r\"", "component_missing"),
        (&present, "\"@query\" \"x-a\"", "verified"),
        (&present, "\"@query\" \"x-a\";bs", "verified"),
        (&present, "\"x-a\"", "component_missing"),
        (&present, "\"@query\"", "component_missing"),
        (&closed, "\"@method\" \"x-a\"", "verified"),
        (&closed, "\"@method\" \"@path\"", "component_not_allowed"),
        (&closed, "\"@method\" \"x-b\"", "component_not_allowed"),
        (&forbids, "\"@method\"", "verified"),
        (&forbids, "\"x-a\";bs", "component_not_allowed"),
        (&forbids, "\"@path\"", "component_not_allowed"),
        (&free, "\"repr-digest\"", "component_not_allowed"),
        (&repr, "\"repr-digest\"", "verified"),
        (&free, "\"x-a\" \"x-a\"", "component_not_allowed"),
        (&free, "\"x-a\" \"x-a\";bs", "verified"),
        (&free, "\"@status\"", "component_not_allowed"),
        (&free, "\"@signature-params\"", "component_not_allowed"),
        (&free, "\"x-a\";req", "component_not_allowed"),
        (&free, "\"x-a\";sf", "component_not_allowed"),
        (&free, "\"x-b\"", "field_missing"),
    ] {
        assert_eq!(verdict(policy, &format!("a=({covered});created={NOW}")), expected, "{covered}");
    }
}

#[test]
fn keys_are_for_what_they_say() {
    let jwk = |kid: &str, more: Value| {
        let mut jwk = read("rfc9421_appendix_b.json")["keys"]["test-key-ed25519"]["jwk_public"].clone();
        let members = jwk.as_object_mut().unwrap();
        members.insert("kid".to_owned(), kid.into());
        members.extend(more.as_object().unwrap().clone());
        jwk
    };
    let file = read("rfc9421_appendix_b.json");
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["id"] == "B.2.6").unwrap();
    let mut headers = pairs(&file["messages"]["test-request"]["headers"]);
    headers.insert(
        "signature-input",
        HeaderValue::from_str(case["signature_input_header"].as_str().unwrap()).unwrap(),
    );
    headers.insert("signature", HeaderValue::from_str(case["signature_header"].as_str().unwrap()).unwrap());
    let head = head("POST", "example.com", "/foo?param=Value&Pet=dog", headers);
    let ask = |algorithms: &[&str], keys: Value| {
        let definition = HttpSignatureDefinition {
            key_members: vec![("purpose".to_owned(), vec![Json::Text("hooks".to_owned())])],
            ..anything(algorithms)
        };
        code(&run(&public(definition, &json!({ "keys": keys })), &head, b"", 1_618_884_480))
    };
    let own = "test-key-ed25519";
    let hooks = json!({ "purpose": "hooks" });
    let other = file["keys"]["test-key-ecc-p256"]["jwk_public"].clone();
    assert_eq!(ask(&["ed25519"], json!([jwk(own, hooks.clone())])), "verified");
    assert_eq!(ask(&["ed25519", "rsa-pss-sha512"], json!([jwk(own, hooks.clone())])), "verified");
    assert_eq!(ask(&["ed25519"], json!([jwk(own, json!({}))])), "key_purpose");
    assert_eq!(ask(&["ed25519"], json!([jwk(own, json!({ "purpose": ["hooks"] }))])), "key_purpose");
    assert_eq!(ask(&["ed25519"], json!([jwk("other", hooks.clone())])), "key_unknown");
    // The key of that name is of another kind; the policy has no other.
    let mut named = other.clone();
    named["kid"] = own.into();
    let both = json!([named, jwk("other", hooks.clone())]);
    assert_eq!(ask(&["ed25519", "ecdsa-p256-sha256"], both), "key_purpose");
    assert_eq!(ask(&["ecdsa-p256-sha256"], json!([named])), "key_purpose");
    assert_eq!(ask(&["ecdsa-p256-sha256"], json!([other])), "key_unknown");
    // Of a key for two algorithms, the signature or the key must say which.
    let rsa = |more: Value| {
        let mut key = file["keys"]["test-key-rsa-pss"]["jwk_public"].clone();
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key["kid"] = own.into();
        key
    };
    let two = ["rsa-pss-sha512", "rsa-v1_5-sha256"];
    assert_eq!(ask(&two, json!([rsa(hooks.clone())])), "algorithm_not_allowed");
    assert_eq!(ask(&two, json!([rsa(json!({ "purpose": "hooks", "alg": "PS512" }))])), "signature_mismatch");
}

#[test]
fn a_secret_and_a_public_key_are_never_taken_for_each_other() {
    let file = read("rfc9421_appendix_b.json");
    let jwk = file["keys"]["test-key-ed25519"]["jwk_public"].clone();
    let definition = anything(&["ed25519", "hmac-sha256"]);
    let jose = [crate::verify::Algorithm::EdDsa, crate::verify::Algorithm::Hs256];
    let keys =
        KeySet::of_document(json!({ "keys": [jwk] }).to_string().as_bytes(), &SingleKey::default(), &jose)
            .unwrap();
    let secrets = vec![secret("one", MAC_KEY)];
    let url = Some("https://hooks.example");
    let verifier =
        Verifier::http_signature(definition, url, JwtKeys::Fixed(keys), &KeyForm::default(), secrets)
            .unwrap();
    for (more, expected) in [
        (";alg=\"hmac-sha256\"", "verified"),
        (";alg=\"hmac-sha256\";keyid=\"test-key-ed25519\"", "verified"),
        (";alg=\"ed25519\";keyid=\"test-key-ed25519\"", "signature_mismatch"),
        (";keyid=\"test-key-ed25519\"", "algorithm_not_allowed"),
        ("", "algorithm_not_allowed"),
        (";alg=\"ed25519\"", "kid_missing"),
    ] {
        let head = mac_signed(&format!("a=();created={NOW}{more}"), "GET", "/", &[]);
        assert_eq!(code(&run(&verifier, &head, b"", NOW)), expected, "{more}");
    }
}

#[test]
fn nothing_to_verify_with_is_no_verifier() {
    let make = |algorithms: &[&str], secrets| {
        Verifier::http_signature(anything(algorithms), None, JwtKeys::None, &KeyForm::default(), secrets)
    };
    assert_eq!(make(&["hmac-sha256"], Vec::new()).unwrap_err(), SetupFlaw::NoSecret);
    assert!(matches!(make(&["ed25519"], vec![secret("a", MAC_KEY)]).unwrap_err(), SetupFlaw::Secret { .. }));
    for url in ["https://", "https://a:0", "https://a b", "hooks.example"] {
        let (none, form, secrets) = (JwtKeys::None, KeyForm::default(), vec![secret("a", MAC_KEY)]);
        let made = Verifier::http_signature(anything(&["hmac-sha256"]), Some(url), none, &form, secrets);
        assert_eq!(made.unwrap_err(), SetupFlaw::Address, "{url}");
    }
    let verifier = make(&["hmac-sha256"], vec![secret("a", MAC_KEY)]).unwrap();
    let mut draft = Draft::new(Method::POST, "/", "");
    draft.origin = Some("https://own.example".to_owned());
    draft.headers.insert("x", HeaderValue::from_static("1"));
    verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
    assert_eq!(
        code(&run(&verifier, &head("POST", "own.example", "/", draft.headers.clone()), b"", NOW)),
        "verified"
    );
}

/// Without a public address the host of the request counts; with one it does not.
#[test]
fn the_address_is_that_of_the_policy() {
    let policy = usual(&["hmac-sha256"]);
    let secrets = || vec![secret("one", MAC_KEY)];
    let make = |url| {
        Verifier::http_signature(policy.clone(), url, JwtKeys::None, &KeyForm::default(), secrets()).unwrap()
    };
    let input = format!("a=(\"@method\" \"@target-uri\");created={NOW}");
    let signed = mac_signed(&input, "GET", "/p", &[]);
    for (url, host, expected) in [
        (None, "hooks.example", "verified"),
        (None, "HOOKS.example:443", "verified"),
        (None, "other.example", "signature_mismatch"),
        (None, "hooks.example:8443", "signature_mismatch"),
        (Some("https://hooks.example"), "other.example", "verified"),
        (Some("https://Hooks.Example:443/"), "other.example", "verified"),
        (Some("https://other.example"), "hooks.example", "signature_mismatch"),
        (Some("http://hooks.example"), "hooks.example", "signature_mismatch"),
    ] {
        let mut headers = signed.headers.clone();
        headers.insert("x-forwarded-host", HeaderValue::from_static("hooks.example"));
        headers.insert("forwarded", HeaderValue::from_static("host=hooks.example;proto=https"));
        let head = head("GET", host, "/p", headers);
        assert_eq!(code(&run(&make(url), &head, b"", NOW)), expected, "{url:?} {host}");
    }
}
