//! What is signed is verified, and any change of it is refused for the right reason.

use super::*;
use crate::base::names::Reason;
use crate::scheme::Encoding;
use crate::scheme::tests::{definition, provider, with_fields};

const BODY: &str = r#"{"id":"evt_1","event_id":"evt_1","x":[1,2,3]}"#;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn schemes() -> Vec<(String, Scheme)> {
    let providers = ["fluid", "github", "shopify", "stripe", "slack", "standard-webhooks", "svix"];
    let mut schemes: Vec<_> = providers.iter().map(|id| (String::from(*id), provider(id))).collect();
    let t = "t = { query = 't', role = 'timestamp', unit = 'ms', tolerance = '10s' }";
    schemes.push(("query and milliseconds".into(), with_fields("{method}|{path}|{t}|{body}", t).unwrap()));
    let nonce = "n = { header = 'X-N', list = ';', key = 'n' }\nt = { header = 'X-N', list = ';', key = 't', \
                 role = 'timestamp', unit = 's' }";
    schemes.push(("behind the body".into(), with_fields("{n}|{body}|{t}", nonce).unwrap()));
    for (algorithm, encoding) in [
        ("sha1", "hex"),
        ("sha256", "base64"),
        ("sha384", "base64url"),
        ("sha512", "base64"),
        ("sha512", "base64url"),
    ] {
        let text = format!(
            "[signature]\nalgorithm = 'hmac-{algorithm}'\nmessage = '{{body}}'\n[signature.fields]\n\
             s = {{ query = 'sig', role = 'signature', encoding = '{encoding}' }}"
        );
        schemes.push((format!("{algorithm} {encoding}"), Scheme::build(&definition(&text)).unwrap()));
    }
    schemes
}

fn signed(verifier: &Verifier) -> Draft {
    let mut draft = Draft::new(Method::POST, "/hook?a=1", BODY);
    verifier.sign(&mut draft, NOW).unwrap();
    draft
}

#[test]
fn signed_messages_verify() {
    for (name, scheme) in schemes() {
        let verifier = verifier(scheme, &[SECRET, OTHER]);
        let mut draft = signed(&verifier);
        let sender = run(&verifier, &head_of(&draft), BODY.as_bytes(), NOW)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((&**sender.key(), sender.scheme()), ("0", "signature"));
        assert_eq!(sender.timestamp(), verifier.has_timestamp().then_some(NOW), "{name}");
        assert_eq!(sender.valid_until().is_some(), verifier.has_timestamp());
        if verifier.has_event_id() {
            assert!(sender.event_id().unwrap().signed, "{name}");
        }
        let first = draft.clone();
        verifier.sign(&mut draft, NOW).unwrap();
        assert_eq!((draft.target, draft.headers), (first.target, first.headers), "{name}: signing again");
    }
}

#[test]
fn every_bit_of_the_body_counts() {
    for (name, scheme) in schemes() {
        let verifier = verifier(scheme, &[SECRET]);
        let head = head_of(&signed(&verifier));
        for bit in 0..BODY.len() * 8 {
            let mut body = BODY.as_bytes().to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            let error = run(&verifier, &head, &body, NOW).unwrap_err();
            assert_eq!(error.reason(), Reason::SignatureMismatch, "{name}");
        }
        for body in
            [&BODY.as_bytes()[1..], &BODY.as_bytes()[..BODY.len() - 1], b"", format!("{BODY} ").as_bytes()]
        {
            assert_eq!(run(&verifier, &head, body, NOW).unwrap_err().reason(), Reason::SignatureMismatch);
        }
    }
}

/// Each digit of a hex signature, changed to another digit.
#[test]
fn every_nibble_of_the_signature_counts() {
    for id in ["fluid", "stripe", "slack"] {
        let scheme = provider(id);
        assert_eq!(scheme.signature.encoding, Encoding::Hex);
        let verifier = verifier(scheme, &[SECRET]);
        let draft = signed(&verifier);
        let name =
            verifier.headers_read().iter().find(|name| name.as_str().contains("signature")).unwrap().clone();
        let value = draft.headers[&name].to_str().unwrap().to_owned();
        for position in value.len() - 64..value.len() {
            let mut changed = value.clone().into_bytes();
            changed[position] = if changed[position] == b'0' { b'1' } else { b'0' };
            let mut head = head_of(&draft);
            head.headers.insert(&name, HeaderValue::from_bytes(&changed).unwrap());
            let error = run(&verifier, &head, BODY.as_bytes(), NOW).unwrap_err();
            assert_eq!(error, VerifyError::SignatureMismatch { signatures: 1, secrets: 1 });
        }
    }
}

#[test]
fn another_secret_is_refused() {
    for (name, scheme) in schemes() {
        let head = head_of(&signed(&verifier(scheme.clone(), &[SECRET])));
        let both = verifier(scheme.clone(), &[OTHER, SECRET]);
        assert_eq!(&**run(&both, &head, BODY.as_bytes(), NOW).unwrap().key(), "1", "{name}");
        let error = run(&verifier(scheme, &[OTHER]), &head, BODY.as_bytes(), NOW).unwrap_err();
        assert_eq!(error, VerifyError::SignatureMismatch { signatures: 1, secrets: 1 }, "{name}");
    }
}

#[test]
fn another_timestamp_is_refused() {
    for (name, header, changed) in [
        ("stripe", "stripe-signature", Some("t=")),
        ("slack", "x-slack-request-timestamp", None),
        ("standard-webhooks", "webhook-timestamp", None),
        ("svix", "svix-timestamp", None),
    ] {
        let verifier = verifier(provider(name), &[SECRET]);
        let draft = signed(&verifier);
        let value = draft.headers[header].to_str().unwrap();
        let later = value.replace(&NOW.0.to_string(), &(NOW.0 + 1).to_string());
        assert!(later != value && value.contains(changed.unwrap_or("")));
        let mut head = head_of(&draft);
        head.headers.insert(header, later.parse().unwrap());
        assert_eq!(
            run(&verifier, &head, BODY.as_bytes(), NOW).unwrap_err().reason(),
            Reason::SignatureMismatch
        );
    }
}

#[test]
fn the_window_is_inclusive_on_both_sides() {
    for (name, scheme) in schemes() {
        let Some(tolerance) = scheme.timestamp.map(|time| time.tolerance) else { continue };
        let verifier = verifier(scheme, &[SECRET]);
        let head = head_of(&signed(&verifier));
        let at = |offset: i64| run(&verifier, &head, BODY.as_bytes(), UnixTime(NOW.0 + offset));
        let sender = at(tolerance).unwrap();
        assert_eq!(sender.valid_until(), Some(UnixTime(NOW.0 + tolerance)), "{name}");
        at(-tolerance).unwrap();
        let age = tolerance + 1;
        assert_eq!(at(age).unwrap_err(), VerifyError::TimestampTooOld { age, tolerance });
        assert_eq!(at(-age).unwrap_err(), VerifyError::TimestampInFuture { ahead: age, tolerance });
        assert!(at(i64::MAX - NOW.0).is_err());
    }
}

#[test]
fn a_slow_body_does_not_outlive_its_timestamp() {
    let verifier = verifier(provider("stripe"), &[SECRET]);
    let head = head_of(&signed(&verifier));
    let Step::Body(mut wait) = verifier.start(&head, UnixTime(NOW.0 + 299)).unwrap() else { panic!() };
    wait.chunk(BODY.as_bytes());
    let late = wait.end(&head, &Body::from_bytes(BODY), UnixTime(NOW.0 + 301));
    assert_eq!(late.unwrap_err(), VerifyError::TimestampTooOld { age: 301, tolerance: 300 });
}

#[test]
fn secrets_end_at_their_time() {
    let with = |until: i64| {
        let old = NamedSecret { until: Some(UnixTime(until)), ..secret("old", OTHER) };
        Verifier::signature(provider("fluid"), vec![secret("new", SECRET), old], Surroundings::default())
            .unwrap()
    };
    let head = head_of(&signed(&verifier(provider("fluid"), &[OTHER])));
    assert_eq!(&**run(&with(NOW.0 + 1), &head, BODY.as_bytes(), NOW).unwrap().key(), "old");
    let retired = run(&with(NOW.0), &head, BODY.as_bytes(), NOW).unwrap_err();
    assert_eq!(retired, VerifyError::SignatureMismatch { signatures: 1, secrets: 1 });
    let only = NamedSecret { until: Some(NOW), ..secret("old", OTHER) };
    let ended = Verifier::signature(provider("fluid"), vec![only], Surroundings::default()).unwrap();
    assert_eq!(run(&ended, &head, BODY.as_bytes(), NOW).unwrap_err(), VerifyError::NoLiveSecret);
    assert_eq!(ended.sign(&mut Draft::new(Method::POST, "/", ""), NOW), Err(SignError::NoLiveSecret));
}
