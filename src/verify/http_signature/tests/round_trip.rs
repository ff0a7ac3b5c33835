//! What is signed here is verified here, and nothing else is.

use super::*;
use crate::verify::jwt::SigningKey;
use crate::verify::{Draft, Remember};

const NOW: i64 = 1_700_000_000;

fn pem(kind: &'static rcgen::SignatureAlgorithm) -> (Secret, Vec<u8>) {
    let pair = rcgen::KeyPair::generate_for(kind).unwrap();
    (Secret::new(pair.serialize_pem().into_bytes()), pair.public_key_pem().into_bytes())
}

#[test]
fn every_algorithm_signs_and_verifies() {
    let kinds = [
        ("rsa-pss-sha512", &rcgen::PKCS_RSA_SHA256),
        ("rsa-v1_5-sha256", &rcgen::PKCS_RSA_SHA256),
        ("ecdsa-p256-sha256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("ecdsa-p384-sha384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("ed25519", &rcgen::PKCS_ED25519),
    ];
    for (name, kind) in kinds {
        let (private, public) = pem(kind);
        let definition = HttpSignatureDefinition {
            require: [Parameter::Created, Parameter::Expires, Parameter::Nonce, Parameter::Alg].to_vec(),
            ..usual(&[name])
        };
        let jose = definition.algorithms[0].jose();
        let keys = JwtKeys::Fixed(KeySet::of_text(&public, &[jose]).unwrap());
        let url = Some("https://hooks.example:8443");
        let verifier =
            Verifier::http_signature(definition, url, keys, &KeyForm::default(), Vec::new()).unwrap();
        assert!(!verifier.can_sign());
        let mut draft = Draft::new(Method::PUT, "/hook/%41?b=1&a=2", "{}");
        assert!(verifier.sign(&mut draft, UnixTime(NOW)).is_err(), "only the sender has the key");
        draft.key = Some(SigningKey::new(jose, &private, Some("k1".to_owned())).unwrap());
        verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
        let good = head("PUT", "ignored.example", &draft.target, draft.headers.clone());
        let sender = run(&verifier, &good, b"{}", NOW).unwrap();
        assert_eq!(
            (sender.timestamp(), sender.valid_until()),
            (Some(UnixTime(NOW)), Some(UnixTime(NOW + 300)))
        );
        for (method, target, body, expected) in [
            ("POST", "/hook/%41?b=1&a=2", "{}", "signature_mismatch"),
            ("PUT", "/hook/A?b=1&a=2", "{}", "signature_mismatch"),
            ("PUT", "/hook/%41?a=2&b=1", "{}", "signature_mismatch"),
            ("PUT", "/hook/%41?b=1&a=2", "{ }", "body_hash_mismatch"),
            ("PUT", "/hook/%41?b=1&a=2", "", "body_hash_mismatch"),
        ] {
            let other = head(method, "hooks.example", target, draft.headers.clone());
            assert_eq!(
                code(&run(&verifier, &other, body.as_bytes(), NOW)),
                expected,
                "{method} {target} {body}"
            );
        }
        // Another key of the same kind.
        let (private, _) = pem(kind);
        draft.key = Some(SigningKey::new(jose, &private, None).unwrap());
        verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
        let forged = head("PUT", "hooks.example", &draft.target, draft.headers.clone());
        assert_eq!(code(&run(&verifier, &forged, b"{}", NOW)), "signature_mismatch");
    }
}

#[test]
fn a_secret_signs_what_the_policy_demands() {
    let definition = HttpSignatureDefinition {
        label: Some("webhook".to_owned()),
        tag: Some("app \"one\"".to_owned()),
        components: Some(list(&["@method", "@authority", "@path", "x-event", "@query-param;name=\"id\""])),
        when_present: list(&["content-type", "@query"]),
        require: vec![Parameter::Created, Parameter::Nonce, Parameter::Keyid],
        nonce: 40..=64,
        normalize: true,
        ..usual(&["hmac-sha256"])
    };
    let verifier = hmac(definition).remembering(Remember::Event);
    let mut draft = Draft::new(Method::POST, "/hook", "text");
    draft.headers.insert("content-type", HeaderValue::from_static("text/plain"));
    assert!(verifier.sign(&mut draft.clone(), UnixTime(NOW)).is_err(), "only the sender knows x-event");
    draft.fill = true;
    verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
    let input = draft.headers["signature-input"].to_str().unwrap().to_owned();
    assert!(input.starts_with("webhook=(\"@method\" \"@authority\" \"@path\" \"x-event\" \"@query-param\";name=\"id\" \"content-type\" \"@query\" \"content-digest\");created=1700000000;nonce="), "{input}");
    assert!(input.ends_with(";keyid=\"one\";tag=\"app \\\"one\\\"\""), "{input}");
    let good = head("POST", "hooks.example", &draft.target, draft.headers.clone());
    let sender = run(&verifier, &good, b"text", NOW).unwrap();
    assert_eq!(&**sender.key(), "one");
    let mark = sender.mark().unwrap().clone();
    // The nonce is what it is known by; the time may change.
    draft.params.insert("nonce".to_owned(), input.split("nonce=\"").nth(1).unwrap()[..40].to_owned());
    verifier.sign(&mut draft, UnixTime(NOW + 1)).unwrap();
    let again = head("POST", "hooks.example", &draft.target, draft.headers.clone());
    assert_eq!(run(&verifier, &again, b"text", NOW).unwrap().mark(), Some(&mark));
    // Over every header that is covered: another value, another line.
    for name in ["x-event", "content-type", "content-digest", "signature-input", "signature"] {
        let mut headers = draft.headers.clone();
        headers.append(name, HeaderValue::from_static("x"));
        let more = head("POST", "hooks.example", &draft.target, headers.clone());
        assert!(run(&verifier, &more, b"text", NOW).is_err(), "{name} twice");
        headers.remove(name);
        let less = head("POST", "hooks.example", &draft.target, headers);
        assert!(run(&verifier, &less, b"text", NOW).is_err(), "no {name}");
    }
}

#[test]
fn one_bit_of_anything_is_too_much() {
    let verifier = hmac(usual(&["hmac-sha256"]));
    let mut draft = Draft::new(Method::POST, "/hook?a=b", "{\"n\":1}");
    verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
    for name in ["signature-input", "signature", "content-digest"] {
        let text = draft.headers[name].as_bytes().to_vec();
        for at in 0..text.len() {
            let mut bytes = text.clone();
            bytes[at] ^= 1;
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { continue };
            let mut headers = draft.headers.clone();
            headers.insert(name, value);
            let head = head("POST", "hooks.example", &draft.target, headers);
            // The last letter before the padding has bits that nothing counts, and a space is as good as none.
            let idle = text.get(at + 1) == Some(&b'=')
                || bytes[at] == b' '
                || text[at] == b' '
                || bytes[at] == b'\t';
            let outcome = run(&verifier, &head, &draft.body, NOW);
            let label = name != "content-digest" && at < 4;
            assert!(outcome.is_err() || idle || label, "{name} at {at}: {}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn what_a_client_adds_by_itself_is_written_before_it_is_signed() {
    let definition = HttpSignatureDefinition {
        components: Some(list(&["@method", "content-length", "content-digest", "content-type"])),
        digest: DigestRule::Required,
        ..usual(&["hmac-sha256"])
    };
    let verifier = hmac(definition);
    let mut draft = Draft::new(Method::POST, "/", "12345");
    draft.headers.insert("content-type", HeaderValue::from_static("text/plain"));
    verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
    assert_eq!(draft.headers["content-length"], "5");
    let head = head("POST", "hooks.example", "/", draft.headers.clone());
    assert_eq!(code(&run(&verifier, &head, b"12345", NOW)), "verified");
    assert_eq!(code(&run(&verifier, &head, b"12346", NOW)), "body_hash_mismatch");
}
