//! The signature layer alone: Wycheproof, RFC 7515, RFC 8037 and the JOSE cookbook, whose payloads are no claims.

use super::super::key::VerificationKey;
use super::super::key_set::Found;
use super::super::unverified::Envelope;
use super::*;
use crate::verify::public_key::{KeyFlaw, PublicKey};

/// Wycheproof rows that we answer otherwise, and why.
const GAPS: [(u64, &str); 8] = [
    (346, "a PS384 token under a key whose `alg` is PS256: refused, rightly"),
    (350, "a PS384 token under a key whose `alg` is PS256: refused, rightly"),
    (347, "ES512 is not supported"),
    (351, "ES512 is not supported"),
    (367, "byte for byte the valid row 357: its padding got lost in the data"),
    (370, "byte for byte the valid row 357: its padding got lost in the data"),
    (372, "marked valid although it holds `?`"),
    (373, "marked valid although it holds `?`"),
];

/// Whether a JWS is right under one of the keys, whatever its payload.
fn is_right(jws: &str, keys: &KeySet) -> bool {
    let Ok(Envelope { header, signed, .. }) = Envelope::parse(jws) else { return false };
    let Some(algorithm) = header.get("alg").and_then(Json::text).and_then(Algorithm::parse) else {
        return false;
    };
    let kid = match header.get("kid") {
        None => None,
        Some(kid) => match kid.text() {
            Some(kid) => Some(kid),
            None => return false,
        },
    };
    let (message, signature) = (&jws.as_bytes()[..signed], &jws[signed + 1..]);
    match keys.find(kid, algorithm) {
        Found::Keys(keys) => keys.iter().any(|key| key.verify(algorithm, message, signature)),
        Found::Unknown | Found::Mismatch => false,
    }
}

fn keys_of(group: &Value) -> KeySet {
    let written = group.get("public").or_else(|| group.get("private")).unwrap();
    let text = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
    KeySet::of_text(text.as_bytes(), &every()).unwrap_or_default()
}

fn wycheproof_jws(file: &str, at_least: usize, gaps: &[(u64, &str)]) {
    let file = read(&format!("wycheproof/{file}.json"));
    let (mut seen, mut open) = (0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let keys = keys_of(group);
        for case in group["tests"].as_array().unwrap() {
            let (id, jws) = (case["tcId"].as_u64().unwrap(), case["jws"].as_str().unwrap_or_default());
            let right = case["result"] == "valid";
            if is_right(jws, &keys) != right {
                open.push(id);
            }
            seen += 1;
        }
    }
    let known: Vec<u64> = gaps.iter().map(|(id, _)| *id).collect();
    let mut expected = known.clone();
    expected.sort_unstable();
    open.sort_unstable();
    assert_eq!(open, expected, "a gap that closed has to leave the list, too");
    assert!(seen >= at_least, "{seen} rows");
}

#[test]
fn wycheproof_json_web_signature() {
    wycheproof_jws("json_web_signature_test", 401, &GAPS);
}

#[test]
fn wycheproof_json_web_key() {
    wycheproof_jws("json_web_key_test", 26, &[]);
}

/// Raw messages and signatures under one key a group.
fn wycheproof_raw(file: &str, algorithm: Algorithm, key: &str, at_least: usize) {
    let file = read(&format!("wycheproof/{file}.json"));
    let mut seen = 0;
    for group in file["testGroups"].as_array().unwrap() {
        // A group without JWK is compared by its DER alone.
        let jwk = Json::parse(group[key].to_string().as_bytes()).unwrap();
        let key = VerificationKey::of_jwk(&jwk, &[algorithm], false);
        let der = hex::decode(group["publicKeyDer"].as_str().unwrap()).unwrap();
        let of_der =
            PublicKey::of_spki(&der).and_then(|key| VerificationKey::of_public_key(key, &[algorithm]));
        for case in group["tests"].as_array().unwrap() {
            let message = hex::decode(case["msg"].as_str().unwrap()).unwrap();
            let signature = URL_SAFE_NO_PAD.encode(hex::decode(case["sig"].as_str().unwrap()).unwrap());
            let accepts = |key: &Result<VerificationKey, KeyFlaw>| {
                key.as_ref().is_ok_and(|key| key.verify(algorithm, &message, &signature))
            };
            let (by_jwk, by_der) = (accepts(&key), accepts(&of_der));
            let what = format!("{} {}", case["tcId"], case["comment"]);
            // Some coordinates are written shorter than RFC 7518 section 6.2.1.2 demands; those keys are refused.
            let full = |name| jwk.get(name).and_then(Json::text).is_none_or(|text| text.len() == 43);
            assert_eq!(by_jwk, by_der && jwk != Json::Null && full("x") && full("y"), "{what}");
            match case["result"].as_str().unwrap() {
                "valid" => assert!(by_der, "{what}"),
                "invalid" => assert!(!by_der, "{what}"),
                _ => {}
            }
            seen += 1;
        }
    }
    assert!(seen >= at_least, "{seen} rows");
}

#[test]
fn wycheproof_ecdsa() {
    wycheproof_raw("ecdsa_secp256r1_sha256_p1363_test", Algorithm::Es256, "publicKeyJwk", 262);
}

#[test]
fn wycheproof_ed25519() {
    wycheproof_raw("ed25519_test", Algorithm::EdDsa, "publicKeyJwk", 150);
}

#[test]
fn wycheproof_rsa() {
    wycheproof_raw("rsa_signature_2048_sha256_test", Algorithm::Rs256, "keyJwk", 259);
}

#[test]
fn rfc7515_and_rfc8037() {
    for case in read("rfc7515_rfc8037.json")["cases"].as_array().unwrap() {
        let keys = case.get("jwk").map_or_else(KeySet::default, |jwk| {
            KeySet::of_text(jwk.to_string().as_bytes(), &every()).unwrap()
        });
        assert_eq!(
            is_right(case["jws"].as_str().unwrap(), &keys),
            case["expect"] != "reject",
            "{}",
            case["id"]
        );
    }
}

/// The public part of a JWK.
fn public(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    if jwk["kty"] != "oct" {
        jwk.as_object_mut().unwrap().remove("d");
    }
    jwk
}

#[test]
fn the_jose_cookbook() {
    for (name, right) in [
        ("jws/4_1.rsa_v15_signature", true),
        ("jws/4_2.rsa-pss_signature", true),
        // ES512 is not supported.
        ("jws/4_3.ecdsa_signature", false),
        ("jws/4_4.hmac-sha2_integrity_protection", true),
        ("curve25519/jws", true),
        // An unencoded payload changes what is signed: refused whatever the signature (RFC 7797 section 6).
        ("rfc7797/hmac-sha2_b64_false", false),
    ] {
        let file = read(&format!("jose-cookbook/{name}.json"));
        let key = public(&file["input"]["key"]).to_string();
        let keys = KeySet::of_text(key.as_bytes(), &every()).unwrap_or_default();
        let jws = file["output"]["compact"].as_str().unwrap();
        assert_eq!(is_right(jws, &keys), right, "{name}");
        let cut = &jws[..jws.len() - 1];
        assert!(!is_right(cut, &keys), "{name}");
    }
    let rsa = ["RS256", "PS384"].map(|name| Algorithm::parse(name).unwrap());
    for (name, usable) in [
        ("3_1.ec_public_key", false), // P-521
        ("3_2.ec_private_key", false),
        ("3_3.rsa_public_key", true),
        ("3_4.rsa_private_key", false),
        ("3_5.symmetric_key_mac_computation", false),
    ] {
        let jwk = read(&format!("jose-cookbook/jwk/{name}.json")).to_string();
        let jwk = Json::parse(jwk.as_bytes()).unwrap();
        assert_eq!(VerificationKey::of_jwk(&jwk, &rsa, false).is_ok(), usable, "{name}");
    }
}
