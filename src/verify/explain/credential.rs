//! Mistakes around tokens and passwords, and what a JSON Web Token says itself.

use super::finding::{Evidence, Finding, of_error};
use crate::base::secret::Secret;
use crate::scheme::{Content, Place, Reading};
use crate::verify::error::VerifyError;
use crate::verify::verifier::Verifier;
use http::header::AUTHORIZATION;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// The mistakes that fit, the most likely first.
pub fn explain(verifier: &Verifier, error: &VerifyError, evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = match error {
        VerifyError::CredentialMismatch { .. } | VerifyError::CredentialMalformed { .. } => {
            offered(verifier, evidence)
                .map(|offered| compared(verifier, &offered, evidence))
                .unwrap_or_default()
        }
        VerifyError::CredentialMissing { .. } => absent(evidence),
        VerifyError::TokenExpired { ago, .. } => vec![clock(format!("the token expired {ago} s ago"))],
        VerifyError::TokenTooOld { age, .. } => vec![clock(format!("the token was issued {age} s ago"))],
        VerifyError::TokenNotYetValid { ahead, .. } => {
            vec![clock(format!("the token is valid in {ahead} s only"))]
        }
        _ => Vec::new(),
    };
    if findings.is_empty() {
        findings.push(of_error(error));
    }
    findings
}

fn clock(message: String) -> Finding {
    let help = "compare the clocks of both sides; deliveries that are held up need a longer lifetime at the sender, or more `leeway`";
    Finding::new("clock_skew", message, help)
}

/// What was sent as the credential, with everything around it.
fn offered(verifier: &Verifier, evidence: &Evidence<'_>) -> Option<Vec<u8>> {
    let place = verifier.credential_place()?;
    if let Place::Header(names) = &place {
        let value = names.iter().find_map(|name| evidence.head.headers.get(name))?;
        return Some(value.as_bytes().to_vec());
    }
    let body = evidence.body.cloned().unwrap_or_default();
    let content = Content::new(evidence.head, &body);
    let params = BTreeMap::new();
    let reading = Reading { head: evidence.head, content: Some(&content), item: None, params: &params };
    reading.text(&place).ok().map(|text| text.meant.as_bytes().to_vec())
}

fn compared(verifier: &Verifier, offered: &[u8], evidence: &Evidence<'_>) -> Vec<Finding> {
    let own: Vec<Secret> = verifier.given();
    let equal = |text: &[u8]| own.iter().any(|secret| bool::from(secret.expose().ct_eq(text)));
    let equal_with = |change: fn(&[u8]) -> Vec<u8>| {
        own.iter().any(|secret| bool::from(change(secret.expose()).ct_eq(&change(offered))))
    };
    let behind = offered.iter().position(|byte| *byte == b' ').and_then(|at| offered.get(at + 1..));
    let mut findings = Vec::new();
    let mut note = |hit: bool, code: &'static str, message: String, help: &str| {
        if hit {
            findings.push(Finding::new(code, message, help));
        }
    };
    note(
        equal(offered) || behind.is_some_and(equal),
        "token_prefix",
        "the token is right, and stands behind another prefix than the policy says".to_owned(),
        "set `prefix` of the token to what the sender writes: \"Bearer \", or \"\" for none",
    );
    note(
        equal_with(|text| text.trim_ascii().to_vec()),
        "secret_white_space",
        "the token differs in white space at an end".to_owned(),
        "write the secret without it, here or at the sender",
    );
    note(
        equal_with(<[u8]>::to_ascii_lowercase),
        "token_case",
        "the token differs in upper and lower case".to_owned(),
        "copy the token from one side to the other",
    );
    for other in evidence.others {
        let theirs = other.verifier.given();
        let hit = theirs.iter().any(|secret| {
            bool::from(secret.expose().ct_eq(offered))
                || behind.is_some_and(|text| bool::from(secret.expose().ct_eq(text)))
        });
        note(
            hit,
            "secret_of_other_source",
            format!("this is the token of source `{}`", other.name),
            "the sender posts to another source's address, or the secrets were swapped",
        );
    }
    findings
}

/// A credential that is absent may have been sent in another scheme.
fn absent(evidence: &Evidence<'_>) -> Vec<Finding> {
    let authorization = evidence.head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme = authorization.and_then(|value| value.split(' ').next());
    let mut findings = Vec::new();
    if let Some(scheme @ ("Bearer" | "Basic")) = scheme {
        findings.push(Finding::new(
            "credential_elsewhere",
            format!(
                "the request has a credential in Authorization ({scheme}), and the policy looks elsewhere"
            ),
            "set `token.header = \"Authorization\"` with its prefix, or `[source.basic]`",
        ));
    }
    for (name, id) in evidence.headers {
        if evidence.head.headers.contains_key(name) {
            findings.push(Finding::new(
                "other_provider",
                format!("the request has {name}, the signature of provider `{id}`"),
                format!("if that is the sender, write `provider = \"{id}\"`: it proves the body as well"),
            ));
            break;
        }
    }
    findings.truncate(2);
    findings
}
