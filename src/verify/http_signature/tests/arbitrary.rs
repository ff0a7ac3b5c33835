//! Nothing that a stranger sends makes verification panic or succeed.

use super::*;
use crate::verify::Draft;
use proptest::prelude::*;

const NOW: i64 = 1_700_000_000;

fn field() -> impl Strategy<Value = Vec<u8>> {
    let shaped = "(sig1=|, |\\(|\\)|\"@method\"|\"@target-uri\"|\"@query-param\";name=\"a\"|\"x\"|;sf|;bs|;key=\"a\"|;created=1700000000|\
                  ;expires=1700000100|;keyid=\"one\"|;alg=\"hmac-sha256\"|:AAAA:|sha-256=|[ -~]){0,14}";
    let byte = prop_oneof![Just(b'\t'), 0x20..=0x7eu8, 0x80..=0xffu8];
    prop_oneof![proptest::collection::vec(byte, 0..80), shaped.prop_map(String::into_bytes)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn strangers_are_refused(
        input in field(), signature in field(), digest in field(), x in field(),
        query in "[a-z0-9=&%.+-]{0,20}",
        now in prop_oneof![Just(NOW), any::<i64>()],
    ) {
        let verifier = hmac(usual(&["hmac-sha256"]));
        let free = hmac(HttpSignatureDefinition { base64url: true, normalize: true, ..anything(&["hmac-sha256"]) });
        let mut headers = HeaderMap::new();
        for (name, value) in [("signature-input", input), ("signature", signature), ("content-digest", digest), ("x", x)] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(&value).unwrap());
        }
        let head = head("POST", "hooks.example", &format!("/?{query}"), headers);
        prop_assert!(run(&verifier, &head, b"body", now).is_err());
        prop_assert!(run(&free, &head, b"body", now).is_err());
    }

    #[test]
    fn genuine_bodies_pass(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        query in "[a-z0-9=&.+-]{0,20}",
    ) {
        let verifier = hmac(usual(&["hmac-sha256"]));
        let mut draft = Draft::new(Method::POST, format!("/hook?{query}"), body.clone());
        verifier.sign(&mut draft, UnixTime(NOW)).unwrap();
        let head = head("POST", "other.example", &draft.target, draft.headers.clone());
        prop_assert!(run(&verifier, &head, &body, NOW).is_ok());
    }
}
