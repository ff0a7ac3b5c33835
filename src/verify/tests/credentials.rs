//! Static tokens and Basic.

use super::*;
use crate::base::names::Reason;
use crate::scheme::Place;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;

const TOKEN: &str = "glpat-0123456789abcdef";

fn gitlab() -> Verifier {
    let definition = TokenDefinition {
        place: Place::Header(vec![HeaderName::from_static("x-gitlab-token")]),
        prefix: None,
    };
    Verifier::token(definition, secrets(&["another-token-0123", TOKEN])).unwrap()
}

fn reason(verifier: &Verifier, headers: &[(&str, &[u8])]) -> Reason {
    match run(verifier, &head("/", headers), b"", NOW) {
        Ok(_) => Reason::Verified,
        Err(error) => error.reason(),
    }
}

#[test]
fn a_token_is_compared_whole() {
    let verifier = gitlab();
    let sender = run(&verifier, &head("/", &[("x-gitlab-token", TOKEN.as_bytes())]), b"", NOW).unwrap();
    assert_eq!((sender.scheme(), &**sender.key()), ("token", "1"));
    for wrong in [&TOKEN[1..], &TOKEN[..21], &TOKEN.to_uppercase(), &format!("{TOKEN}0"), "x"] {
        let error =
            run(&verifier, &head("/", &[("x-gitlab-token", wrong.as_bytes())]), b"", NOW).unwrap_err();
        assert_eq!(error, VerifyError::CredentialMismatch { secrets: 2 });
    }
    assert_eq!(reason(&verifier, &[("x-gitlab-token", b"\xff\xfe")]), Reason::CredentialMismatch);
    assert_eq!(reason(&verifier, &[]), Reason::CredentialMissing);
    assert_eq!(reason(&verifier, &[("x-gitlab-token", b"")]), Reason::CredentialMalformed);
    let twice = [("x-gitlab-token", TOKEN.as_bytes()), ("x-gitlab-token", TOKEN.as_bytes())];
    assert_eq!(reason(&verifier, &twice), Reason::FieldRepeated);
    assert_eq!(verifier.credentials(), ["x-gitlab-token"]);
    assert_eq!((verifier.covers(), verifier.scheme_name()), (Covers::Origin, "token"));
}

#[test]
fn a_bearer_token_needs_its_prefix() {
    let definition =
        TokenDefinition { place: Place::Header(vec![AUTHORIZATION]), prefix: Some("Bearer ".into()) };
    let verifier = Verifier::token(definition, secrets(&[TOKEN])).unwrap();
    for good in ["Bearer ", "bearer ", "BEARER "] {
        assert_eq!(
            reason(&verifier, &[("authorization", format!("{good}{TOKEN}").as_bytes())]),
            Reason::Verified
        );
    }
    for bad in ["", "Basic ", "Bearer"] {
        let outcome = reason(&verifier, &[("authorization", format!("{bad}{TOKEN}").as_bytes())]);
        assert_eq!(outcome, Reason::CredentialMalformed, "{bad}");
    }
    assert_eq!(reason(&verifier, &[("authorization", b"Bearer")]), Reason::CredentialMalformed);
    let elsewhere = TokenDefinition {
        place: Place::Header(vec![HeaderName::from_static("x-key")]),
        prefix: Some("Key ".into()),
    };
    let verifier = Verifier::token(elsewhere, secrets(&[TOKEN])).unwrap();
    assert_eq!(
        reason(&verifier, &[("x-key", format!("key {TOKEN}").as_bytes())]),
        Reason::CredentialMalformed
    );
}

#[test]
fn tokens_that_no_header_can_carry_are_refused_at_setup() {
    for text in [" a", "a\t", "a\nb", "a\0"] {
        let definition = TokenDefinition { place: Place::Header(vec![AUTHORIZATION]), prefix: None };
        let flaw = Verifier::token(definition, secrets(&[text])).unwrap_err();
        assert_eq!(flaw, SetupFlaw::Secret { name: "0".into(), flaw: SecretFlaw::NotAHeaderValue });
    }
}

fn hooks() -> Verifier {
    Verifier::basic(BasicDefinition { username: "hooks".into() }, secrets(&["old pass", "pass:word"]))
        .unwrap()
}

fn basic(verifier: &Verifier, pair: &[u8]) -> Reason {
    reason(verifier, &[("authorization", format!("Basic {}", STANDARD.encode(pair)).as_bytes())])
}

#[test]
fn basic_compares_user_and_password() {
    let verifier = hooks();
    assert_eq!(basic(&verifier, b"hooks:pass:word"), Reason::Verified);
    assert_eq!(basic(&verifier, b"hooks:old pass"), Reason::Verified);
    for wrong in [
        &b"hooks:"[..],
        b":pass:word",
        b"hooks:pass",
        b"hook:pass:word",
        b"hooks:pass:word ",
        b":",
        b"hooks:\xff",
    ] {
        assert_eq!(basic(&verifier, wrong), Reason::CredentialMismatch);
    }
    assert_eq!(basic(&verifier, b"hooks"), Reason::CredentialMalformed);
    assert_eq!(verifier.credentials(), ["authorization"]);
}

#[test]
fn basic_is_read_strictly() {
    let verifier = hooks();
    let value = STANDARD.encode("hooks:pass:word");
    for (text, expected) in [
        (format!("basic {value}"), Reason::Verified),
        (format!("Basic  {value}"), Reason::CredentialMalformed),
        (
            format!("Basic {}", value.trim_end_matches('=')),
            if value.ends_with('=') { Reason::CredentialMalformed } else { Reason::Verified },
        ),
        (format!("Basic {value}="), Reason::CredentialMalformed),
        (format!("Bearer {value}"), Reason::CredentialMalformed),
        ("Basic".into(), Reason::CredentialMalformed),
        ("Basic !!!!".into(), Reason::CredentialMalformed),
        (String::new(), Reason::CredentialMalformed),
    ] {
        assert_eq!(reason(&verifier, &[("authorization", text.as_bytes())]), expected, "{text}");
    }
    let value = format!("Basic {value}");
    let twice = [("authorization", value.as_bytes()), ("authorization", value.as_bytes())];
    assert_eq!(reason(&verifier, &twice), Reason::FieldRepeated);
    let colon = BasicDefinition { username: "a:b".into() };
    assert_eq!(Verifier::basic(colon, secrets(&["x"])).unwrap_err(), SetupFlaw::UserNameHasColon);
}

#[test]
fn credentials_can_be_written() {
    for verifier in [gitlab(), hooks()] {
        let mut draft = Draft::new(Method::POST, "/", "");
        verifier.sign(&mut draft, NOW).unwrap();
        assert_eq!(&**run(&verifier, &head_of(&draft), b"", NOW).unwrap().key(), "0");
    }
}

#[test]
fn nothing_secret_is_printed() {
    for verifier in [gitlab(), hooks()] {
        let text = format!("{verifier:?}");
        assert!(!text.contains("glpat") && !text.contains("pass"), "{text}");
        assert!(text.contains("[secret]") && text.contains("[fingerprint]"), "{text}");
    }
}
