//! Wycheproof, and every algorithm with keys that are made for the test.

use super::*;
use crate::scheme::{KeyKind, PublicAlgorithm};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::Value;

fn wycheproof(file: &str, algorithm: &str) {
    let path = format!("{}/tests/vectors/wycheproof/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let algorithm = PublicAlgorithm::parse(algorithm).unwrap();
    let mut seen = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let pem = group["publicKeyPem"].as_str().unwrap();
        let der = group["publicKeyDer"].as_str().unwrap();
        let keys = [pem, der].map(|text| KeyText(text.as_bytes()).keys(&[algorithm.kind()]));
        for case in group["tests"].as_array().unwrap() {
            let of = |name: &str| hex::decode(case[name].as_str().unwrap()).unwrap();
            for key in &keys {
                let verified = key.as_ref().is_ok_and(|keys| {
                    CheckingKey::new(&keys[0], algorithm).unwrap().verify(&of("msg"), &of("sig"))
                });
                match case["result"].as_str().unwrap() {
                    "valid" => assert!(verified, "{case}"),
                    "invalid" => assert!(!verified, "{case}"),
                    _ => {}
                }
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} rows");
}

#[test]
fn wycheproof_holds() {
    wycheproof("ed25519_test", "ed25519");
    wycheproof("ecdsa_secp256r1_sha256_test", "ecdsa-p256-sha256-der");
    wycheproof("ecdsa_secp256r1_sha256_p1363_test", "ecdsa-p256-sha256");
    wycheproof("rsa_signature_2048_sha256_test", "rsa-sha256");
}

#[test]
fn a_signature_goes_both_ways_and_is_for_one_algorithm() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pkcs8.as_ref())
    );
    let kind = PublicAlgorithm::parse("ecdsa-p256-sha256").unwrap().kind();
    let private = PrivateKey::new(kind, pem.as_bytes()).unwrap();
    let public = PublicKey::of_spki(der.as_ref()).unwrap();
    assert_eq!(
        PublicKey::of_spki(der.as_ref()),
        Ok(PublicKey::ec(crate::scheme::Curve::P256, pair.public_key().as_ref()).unwrap())
    );
    let names =
        ["ecdsa-p256-sha256", "ecdsa-p256-sha256-der"].map(|name| PublicAlgorithm::parse(name).unwrap());
    for made in names {
        let signature = private.sign(made, b"text").unwrap();
        for asked in names {
            let key = CheckingKey::new(&public, asked).unwrap();
            assert_eq!(key.verify(b"text", &signature), made == asked, "{made:?} as {asked:?}");
            assert!(!key.verify(b"texT", &signature));
        }
    }
    let sha1 = PublicAlgorithm::parse("ecdsa-p256-sha1-der").unwrap();
    assert!(private.sign(sha1, b"text").is_none(), "nobody signs with SHA-1 here");
    assert!(private.sign(PublicAlgorithm::Ed25519, b"text").is_none());
    assert_eq!(PrivateKey::new(KeyKind::Ed25519, pem.as_bytes()).unwrap_err(), PrivateKeyFlaw);
    assert_eq!(CheckingKey::new(&public, PublicAlgorithm::Ed25519).unwrap_err(), KeyFlaw::Algorithm);
}
