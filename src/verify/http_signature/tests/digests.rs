//! Content-Digest over a message that is signed with a secret.

use super::*;

const NOW: i64 = 1_700_000_000;
const BODY: &[u8] = b"{\"hello\": \"world\"}";

/// A request with this field, signed whatever it says.
fn signed(digest: &[(&str, &str)], covered: bool) -> Head {
    let name = if covered { " \"content-digest\"" } else { "" };
    mac_signed(&format!("s=(\"@method\" \"@target-uri\"{name});created={NOW}"), "POST", "/hook", digest)
}

#[test]
fn digests_are_taken_and_refused_as_the_rows_say() {
    let file = read("rfc9530_content_digest.json");
    let verifier = hmac(usual(&["hmac-sha256"]));
    let mut seen = 0;
    for row in file["cases"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let text = match row["content_digest"].as_str() {
            // Over the bytes as they come, whatever coding they have: which is what the other rows do.
            Some(text) if text.starts_with("over") => continue,
            text => text,
        };
        let digest: Vec<(&str, &str)> = text.into_iter().map(|text| ("content-digest", text)).collect();
        let head = signed(&digest, id != "present-but-not-covered");
        let expected = match id {
            "sha-256-ok" | "both-ok" | "unknown-alg-ignored" => "verified",
            // Without padding: RFC 9651 section 4.2.7 asks parsers to take it.
            "base64url-alphabet" => "verified",
            "one-good-one-bad" | "mismatch" => "body_hash_mismatch",
            "only-unknown" | "deprecated-md5-only" | "legacy-Digest-header-shape" | "duplicate-member" => {
                "digest_unusable"
            }
            "absent-but-covered" => "field_missing",
            "present-but-not-covered" => "component_missing",
            _ => panic!("{id}"),
        };
        assert_eq!(code(&run(&verifier, &head, BODY, NOW)), expected, "{id}");
        assert_eq!(row["expect"] == "accept" || row["expect"] == "policy", expected == "verified", "{id}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn the_rule_decides_what_an_empty_body_needs() {
    let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let whole = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    let rule = |digest| hmac(HttpSignatureDefinition { digest, ..usual(&["hmac-sha256"]) });
    for (digest, text, body, expected) in [
        (DigestRule::Body, None, &b""[..], "verified"),
        (DigestRule::Body, Some(empty), b"", "verified"),
        (DigestRule::Body, Some(whole), b"", "body_hash_mismatch"),
        (DigestRule::Body, None, BODY, "component_missing"),
        (DigestRule::Body, Some(whole), BODY, "verified"),
        (DigestRule::Required, None, b"", "component_missing"),
        (DigestRule::Required, Some(empty), b"", "verified"),
        (DigestRule::Either, None, BODY, "verified"),
        (DigestRule::Either, Some(whole), b"other", "body_hash_mismatch"),
        (DigestRule::Forbidden, None, BODY, "verified"),
        (DigestRule::Forbidden, Some(whole), BODY, "component_not_allowed"),
    ] {
        let verifier = rule(digest);
        let field: Vec<(&str, &str)> = text.into_iter().map(|text| ("content-digest", text)).collect();
        let head = signed(&field, text.is_some());
        assert_eq!(code(&run(&verifier, &head, body, NOW)), expected, "{digest:?} {text:?} {body:?}");
    }
    // What the head says of a body that is not bound is refused before it is read.
    let verifier = rule(DigestRule::Body);
    let mut head = signed(&[], false);
    head.headers.insert("content-length", HeaderValue::from_static("18"));
    assert_eq!(verifier.start(&head, UnixTime(NOW)).unwrap_err().reason().code(), "component_missing");
}

#[test]
fn a_digest_binds_in_whatever_form_it_is_covered() {
    let whole = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=:Sd/dVLAcvNLSq16eXua5uQ==:";
    for (form, bound) in
        [("", true), (";sf", true), (";bs", true), (";key=\"sha-256\"", true), (";key=\"md5\"", false)]
    {
        let input = format!("s=(\"@method\" \"@target-uri\" \"content-digest\"{form});created={NOW}");
        let head = mac_signed(&input, "POST", "/hook", &[("content-digest", whole)]);
        for digest in [DigestRule::Body, DigestRule::Required, DigestRule::Either] {
            let verifier = hmac(HttpSignatureDefinition { digest, ..usual(&["hmac-sha256"]) });
            let own = code(&run(&verifier, &head, BODY, NOW));
            let other = code(&run(&verifier, &head, b"other", NOW));
            match (bound, digest) {
                (true, _) => assert_eq!((own, other), ("verified", "body_hash_mismatch"), "{form}"),
                (false, DigestRule::Either) => assert_eq!((own, other), ("verified", "verified"), "{form}"),
                (false, _) => assert_eq!((own, other), ("component_missing", "component_missing"), "{form}"),
            }
        }
        let never = HttpSignatureDefinition { digest: DigestRule::Forbidden, ..usual(&["hmac-sha256"]) };
        assert_eq!(code(&run(&hmac(never), &head, BODY, NOW)), "component_not_allowed", "{form}");
    }
}
