//! The signed message: places, boundaries, what the head already settles.

use super::*;
use crate::base::names::Reason;
use crate::scheme::tests::{definition, provider, with_fields};
use crate::scheme::{Algorithm, HashName, Mac};
use std::collections::BTreeMap;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn hex_mac(message: &str) -> String {
    let mut mac = Mac::new(Algorithm::Hmac(HashName::Sha256), KEY.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    hex::encode(mac.finish().as_bytes())
}

/// Verifies a request whose signature in `X-Sig` is over `message`.
fn check(
    scheme: Scheme,
    message: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Sender, VerifyError> {
    let surroundings = Surroundings {
        by: None,
        fetched: false,
        public_url: Some("https://hooks.example.com/".into()),
        params: BTreeMap::from([("hook".into(), "WH-1".into())]),
    };
    let verifier = Verifier::signature(scheme, secrets(&[KEY]), surroundings).unwrap();
    let mac = hex_mac(message);
    let headers = headers.iter().copied().chain([("x-sig", mac.as_str())]);
    let headers: Vec<_> = headers.map(|(name, value)| (name, value.as_bytes())).collect();
    let mut head = head(target, &headers);
    head.captures = vec![("tenant".into(), "acme".into())];
    run(&verifier, &head, body.as_bytes(), NOW)
}

#[test]
fn every_placeholder_stands_for_what_was_sent() {
    let scheme = with_fields(
        "{{{method} {path} {query} {url} {header:X-B} {param:hook} {tenant} {q} {body}",
        "tenant = { path = 'tenant' }\nq = { query = 'q', role = 'id' }",
    )
    .unwrap();
    let target = "/a%20b?x=1&q=%41-1&y";
    let message =
        "{POST /a%20b x=1&q=%41-1&y https://hooks.example.com/a%20b?x=1&q=%41-1&y b:1 WH-1 acme %41-1 {}";
    let sender = check(scheme.clone(), message, target, &[("x-b", "b:1")], "{}").unwrap();
    assert_eq!(sender.event_id(), Some(&EventId { value: "A-1".into(), signed: true }));
    let absent = check(scheme.clone(), message, target, &[], "{}").unwrap_err();
    assert_eq!(absent, VerifyError::FieldMissing { field: "header X-B".into() });
    let twice = check(scheme.clone(), message, target, &[("x-b", "b:1"), ("x-b", "b:1")], "{}").unwrap_err();
    assert_eq!(twice, VerifyError::FieldRepeated { field: "header X-B".into() });
    let other = check(scheme, message, "/a%20b?x=1&q=%41-1&z", &[("x-b", "b:1")], "{}").unwrap_err();
    assert_eq!(other.reason(), Reason::SignatureMismatch);
}

#[test]
fn a_query_parameter_stands_once_however_it_is_spelt() {
    let scheme = || with_fields("{q}.{body}", "q = { query = 'q' }").unwrap();
    assert!(check(scheme(), "1.", "/?q=1", &[], "").is_ok());
    assert!(check(scheme(), "1.", "/?%71=1&qq=2", &[], "").is_ok());
    for target in ["/?q=1&q=1", "/?q=1&%71=2"] {
        let error = check(scheme(), "1.", target, &[], "").unwrap_err();
        assert_eq!(error, VerifyError::FieldRepeated { field: "query parameter q".into() });
    }
    for target in ["/", "/?", "/?Q=1"] {
        assert_eq!(check(scheme(), "1.", target, &[], "").unwrap_err().reason(), Reason::FieldMissing);
    }
    assert_eq!(check(scheme(), "%ff.", "/?q=%ff", &[], "").unwrap_err().reason(), Reason::FieldMalformed);
}

/// Abuse case M37: one signed message, two readings.
#[test]
fn a_boundary_cannot_be_moved() {
    let fields = "id = { header = 'X-Id', role = 'id' }\nn = { header = 'X-N' }";
    let scheme = || with_fields("{id}.{n}.{body}", fields).unwrap();
    assert!(check(scheme(), "a.1.x", "/", &[("x-id", "a"), ("x-n", "1")], "x").is_ok());
    for (id, n, body) in [("a.1", "x", ""), ("a", "1.x", "")] {
        let error = check(scheme(), "a.1.x.", "/", &[("x-id", id), ("x-n", n)], body).unwrap_err();
        assert_eq!(error.reason(), Reason::FieldMalformed, "{id}");
    }
    let behind = || with_fields("{body}.{n}", "n = { header = 'X-N' }").unwrap();
    assert!(check(behind(), "x.y.1", "/", &[("x-n", "1")], "x.y").is_ok());
    assert_eq!(
        check(behind(), "x.y.1", "/", &[("x-n", "y.1")], "x").unwrap_err().reason(),
        Reason::FieldMalformed
    );
}

#[test]
fn the_head_is_refused_before_the_body() {
    let verifier = verifier(provider("stripe"), &["whsec_test_secret"]);
    for headers in
        [&[][..], &[("stripe-signature", &b"t=1,v1=00"[..])], &[("stripe-signature", b"t=1700000000")]]
    {
        assert!(verifier.start(&head("/", headers), NOW).is_err());
    }
    let behind = self::verifier(with_fields("{body}.{n}", "n = { header = 'X-N' }").unwrap(), &[KEY]);
    let mac = hex_mac(".");
    for n in [&[][..], &[("x-n", &b"a.b"[..])]] {
        let headers: Vec<_> = n.iter().copied().chain([("x-sig", mac.as_bytes())]).collect();
        assert!(behind.start(&head("/", &headers), NOW).is_err());
    }
    assert_eq!(verifier.headers_read(), ["stripe-signature"]);
    assert!(verifier.credentials().is_empty());
    assert_eq!((verifier.covers(), verifier.scheme_name()), (Covers::Body, "signature"));
}

#[test]
fn a_scheme_without_the_body_is_done_at_the_head() {
    let text = "[signature]\nalgorithm = 'hmac-sha256'\nmessage = 'v0:{t}'\ncovers = 'origin'\n[signature.fields]\n\
                t = { header = 'X-T', role = 'timestamp', unit = 's' }\n\
                s = { header = 'X-Sig', role = 'signature', encoding = 'hex' }";
    let verifier = verifier(Scheme::build(&definition(text)).unwrap(), &[KEY]);
    let mut draft = Draft::new(Method::POST, "/", "anything");
    verifier.sign(&mut draft, NOW).unwrap();
    let head = head_of(&draft);
    assert!(matches!(verifier.start(&head, NOW).unwrap(), Step::Done(_)));
    assert_eq!(verifier.covers(), Covers::Origin);
}

#[test]
fn ids_that_are_not_signed_may_be_absent_but_not_odd() {
    let verifier = verifier(provider("github"), &["It's a Secret to Everybody"]);
    let mut draft = Draft::new(Method::POST, "/", "Hello, World!");
    verifier.sign(&mut draft, NOW).unwrap();
    let with = |id: Option<&[u8]>| {
        let mut head = head_of(&draft);
        head.headers.remove("x-github-delivery");
        if let Some(id) = id {
            head.headers.insert("x-github-delivery", HeaderValue::from_bytes(id).unwrap());
        }
        run(&verifier, &head, b"Hello, World!", NOW)
    };
    assert_eq!(with(None).unwrap().event_id(), None);
    assert_eq!(with(Some(b"72d3162e")).unwrap().event_id().map(|id| id.signed), Some(false));
    assert!(!verifier.has_event_id());
    for odd in [&b""[..], b"a b", b"\xff", &[b'a'; 257]] {
        assert_eq!(with(Some(odd)).unwrap_err().reason(), Reason::FieldMalformed);
    }
}

#[test]
fn setup_says_what_is_missing() {
    let make = |secrets, surroundings| {
        Verifier::signature(with_fields("{url}{body}", "").unwrap(), secrets, surroundings)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(make(Vec::new(), Surroundings::default()), "there is no secret");
    assert_eq!(make(secrets(&[""]), Surroundings::default()), "secret `0`: the secret is empty");
    assert!(make(secrets(&[KEY]), Surroundings::default()).contains("`public_url` must be set"));
    assert_eq!(make(secrets(&[KEY; 11]), Surroundings::default()), "there are too many secrets");
}
