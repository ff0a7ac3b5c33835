//! Nothing that a stranger sends makes verification panic or succeed.

use super::*;
use crate::scheme::Place;
use crate::scheme::tests::{definition, provider, with_fields};
use proptest::prelude::*;

fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'\t'), 0x20..=0x7eu8, 0x80..=0xffu8];
    let shaped =
        "(t=|v1=|v1,|v0=|sha256=|Basic |[0-9a-f]{64}|[0-9]{1,20}|[,; =.]){0,12}".prop_map(String::into_bytes);
    prop_oneof![proptest::collection::vec(byte, 0..80), shaped]
}

fn verifiers() -> Vec<Verifier> {
    let texts = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    let ids = ["fluid", "github", "shopify", "stripe", "slack", "standard-webhooks", "svix"];
    let mut all: Vec<_> = ids.iter().map(|id| verifier(provider(id), &texts)).collect();
    let fields =
        "n = { header = 'X-N', prefix = 'n-' }\nt = { query = 't', role = 'timestamp', unit = 'ms' }";
    all.push(verifier(with_fields("{n}--{query}--{body}--{t}", fields).unwrap(), &texts));
    let token = TokenDefinition {
        place: Place::Header(vec![HeaderName::from_static("x-n")]),
        prefix: Some("Bearer ".into()),
    };
    all.push(Verifier::token(token, secrets(&texts)).unwrap());
    all.push(Verifier::basic(BasicDefinition { username: "u".into() }, secrets(&texts)).unwrap());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn strangers_are_refused(
        values in proptest::collection::vec((any::<prop::sample::Index>(), header_value()), 0..8),
        query in "[a-z0-9=&.+-]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..100),
        now in any::<i64>(),
    ) {
        for verifier in verifiers() {
            let names = verifier.headers_read();
            let headers: Vec<_> =
                values.iter().map(|(index, value)| (index.get(names).as_str(), value.as_slice())).collect();
            let head = head(&format!("/?{query}"), &headers);
            prop_assert!(run(&verifier, &head, &body, UnixTime(now)).is_err());
            prop_assert!(run(&verifier, &head, &body, NOW).is_err());
        }
    }

    #[test]
    fn genuine_bodies_pass(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for verifier in verifiers() {
            let mut draft = Draft::new(Method::POST, "/hook?x=1", body.clone());
            draft.headers.insert("x-n", HeaderValue::from_static("n-5"));
            verifier.sign(&mut draft, NOW).unwrap();
            prop_assert!(run(&verifier, &head_of(&draft), &body, NOW).is_ok());
        }
    }

    #[test]
    fn any_definition_is_answered(
        message in "(\\{|\\}|[a-z.:|]|\\{t\\}|\\{body\\}|\\{header:x\\}){0,12}",
        words in proptest::collection::vec("[a-z0-9=, ]{0,6}", 8),
        many in any::<u64>(),
    ) {
        let text = format!(
            "[signature]\nalgorithm = 'hmac-sha256'\nmessage = '{message}'\n[signature.fields]\n\
             s = {{ header = 'X-{}', list = '{}', key = '{}', role = 'signature', encoding = 'hex' }}\n\
             t = {{ query = '{}', prefix = '{}', role = 'timestamp', unit = 's', tolerance = '{}' }}",
            words[0], words[1], words[2], words[3], words[4], words[5]
        );
        let mut definition = definition(&text);
        if let Some(field) = definition.fields.get_mut("s") {
            field.many = Some(many);
        }
        let _ = Scheme::build(&definition);
    }
}
