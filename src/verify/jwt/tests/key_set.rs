//! Which keys are used, and which never are.

use super::super::key_set::Found;
use super::*;
use crate::verify::public_key::KeyFlaw;
use serde_json::json;

fn jwks() -> Value {
    read("jwt_blackbox.json")["jwks"].clone()
}

fn key(index: usize, change: impl FnOnce(&mut Value)) -> Value {
    let mut jwk = jwks()["keys"][index].clone();
    change(&mut jwk);
    jwk
}

fn set(keys: Vec<Value>) -> Result<KeySet, KeySetFlaw> {
    KeySet::of_document(json!({ "keys": keys }).to_string().as_bytes(), &SingleKey::default(), &every())
}

#[test]
fn one_bad_key_does_not_spoil_the_set() {
    let odd = [
        json!({ "kty": "AKP", "kid": "pq", "alg": "ML-DSA-44" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": "x" }),
        json!({ "kty": "EC", "crv": "P-999", "kid": "p" }),
        json!({ "kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "hs" }),
        json!(null),
        json!("x"),
    ];
    for jwk in odd {
        let found = set(vec![jwk.clone(), key(0, |_| {})]).unwrap();
        assert_eq!(found.kids().collect::<Vec<_>>(), ["es-1"], "{jwk}");
        assert!(set(vec![jwk]).is_err());
    }
}

#[test]
fn what_a_key_says_of_itself_counts() {
    let flaw = |index, change: fn(&mut Value)| match set(vec![key(index, change)]) {
        Ok(_) => None,
        Err(KeySetFlaw::Unusable(flaw)) => Some(flaw),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(flaw(0, |_| {}), None);
    assert_eq!(flaw(0, |jwk| jwk["use"] = "enc".into()), Some(KeyFlaw::Purpose));
    assert_eq!(flaw(0, |jwk| jwk["key_ops"] = json!(["sign"])), Some(KeyFlaw::Purpose));
    assert_eq!(flaw(0, |jwk| jwk["key_ops"] = json!(["verify"])), None);
    assert_eq!(flaw(0, |jwk| jwk["alg"] = "ES384".into()), Some(KeyFlaw::Algorithm));
    assert_eq!(flaw(0, |jwk| jwk["alg"] = "RSA1_5".into()), Some(KeyFlaw::Algorithm));
    assert_eq!(flaw(0, |jwk| jwk["kid"] = 7.into()), Some(KeyFlaw::Kid));
    assert_eq!(flaw(0, |jwk| jwk["kid"] = "a b".into()), Some(KeyFlaw::Kid));
    assert_eq!(flaw(0, |jwk| jwk["d"] = jwk["x"].clone()), Some(KeyFlaw::Private));
    assert_eq!(flaw(0, |jwk| jwk["y"] = jwk["x"].clone()), Some(KeyFlaw::Point));
    assert_eq!(flaw(0, |jwk| jwk["x"] = "AAAA".into()), Some(KeyFlaw::Point));
    assert_eq!(flaw(0, |jwk| jwk["x"] = "!".into()), Some(KeyFlaw::Malformed));
    assert_eq!(flaw(1, |jwk| jwk["e"] = "AQ".into()), Some(KeyFlaw::WeakRsa));
    assert_eq!(flaw(1, |jwk| jwk["n"] = "AQAB".into()), Some(KeyFlaw::WeakRsa));
    assert_eq!(flaw(2, |jwk| jwk["alg"] = "Ed25519".into()), None);
    for small in [[0; 32], [&[1][..], &[0; 31]].concat().try_into().unwrap()] {
        let x = URL_SAFE_NO_PAD.encode(small);
        let jwk = key(2, |jwk| jwk["x"] = x.into());
        assert_eq!(set(vec![jwk]).unwrap_err(), KeySetFlaw::Unusable(KeyFlaw::Point));
    }
}

#[test]
fn two_keys_of_one_name_are_never_chosen_from_by_their_order() {
    // The key of RFC 7515 appendix A.3.
    let second = key(0, |jwk| {
        jwk["x"] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into();
        jwk["y"] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into();
    });
    assert_eq!(
        set(vec![key(0, |_| {}), second.clone()]).unwrap_err(),
        KeySetFlaw::Unusable(KeyFlaw::Ambiguous)
    );
    let found = set(vec![key(0, |_| {}), second, key(2, |_| {})]).unwrap();
    assert_eq!(found.kids().collect::<Vec<_>>(), ["ed-1"]);
    // The same key twice, and one name for keys of two kinds, leave no choice.
    assert_eq!(set(vec![key(0, |_| {}), key(0, |_| {})]).unwrap().len(), 1);
    let named = set(vec![key(0, |_| {}), key(1, |jwk| jwk["kid"] = "es-1".into())]).unwrap();
    assert!(matches!(named.find(Some("es-1"), Algorithm::Rs256), Found::Keys(keys) if keys.len() == 1));
}

#[test]
fn a_set_is_bounded_and_never_empty() {
    let many =
        |count: usize| set((0..count).map(|at| key(0, |jwk| jwk["kid"] = at.to_string().into())).collect());
    assert_eq!(many(100).unwrap().len(), 100);
    assert_eq!(many(101).unwrap_err(), KeySetFlaw::TooManyKeys);
    assert_eq!(many(0).unwrap_err(), KeySetFlaw::Empty);
    for (text, flaw) in [
        ("", KeySetFlaw::NotJson),
        ("<html>", KeySetFlaw::NotJson),
        ("\u{feff}{\"keys\":[]}", KeySetFlaw::NotJson),
        ("{\"keys\":[],\"keys\":[]}", KeySetFlaw::NotJson),
        ("{\"keys\":null}", KeySetFlaw::NotAKeySet),
        ("{}", KeySetFlaw::NotAKeySet),
        ("[]", KeySetFlaw::NotAKeySet),
    ] {
        assert_eq!(
            KeySet::of_document(text.as_bytes(), &SingleKey::default(), &every()).unwrap_err(),
            flaw,
            "{text}"
        );
    }
}

#[test]
fn a_token_names_its_key() {
    let set = set(vec![key(0, |_| {}), key(1, |_| {})]).unwrap();
    assert!(matches!(set.find(Some("es-1"), Algorithm::Es256), Found::Keys(_)));
    assert!(matches!(set.find(Some("ES-1"), Algorithm::Es256), Found::Unknown));
    assert!(matches!(set.find(None, Algorithm::Es256), Found::Unknown));
    assert!(matches!(set.find(Some("rs-1"), Algorithm::Es256), Found::Mismatch));
    let one = KeySet::of_text(key(0, |_| {}).to_string().as_bytes(), &every()).unwrap();
    assert!(matches!(one.find(None, Algorithm::Es256), Found::Keys(_)));
    assert!(matches!(one.find(Some("other"), Algorithm::Es256), Found::Unknown));
}

#[test]
fn one_key_for_each_kid() {
    let now = UnixTime(1000);
    let wrapped = |jwk: Value| json!({ "key": jwk, "request_id": "x" }).to_string();
    let place = SingleKey { at: vec!["key".into()] };
    let ask = |text: &str, kid: &str| KeySet::of_response(text.as_bytes(), &place, kid, &every(), now);
    let (found, expires) =
        ask(&wrapped(key(0, |jwk| drop(jwk.as_object_mut().unwrap().remove("kid")))), "a").unwrap();
    assert_eq!((found.kids().collect::<Vec<_>>(), expires), (vec!["a"], None));
    assert_eq!(ask(&wrapped(key(0, |_| {})), "a").unwrap_err(), KeySetFlaw::OtherKid);
    assert_eq!(ask(&key(0, |_| {}).to_string(), "es-1").unwrap_err(), KeySetFlaw::NotAKeySet);
    let expiring = |at: Value| ask(&wrapped(key(0, |jwk| jwk["expired_at"] = at)), "es-1");
    assert_eq!(expiring(json!(1001)).unwrap().1, Some(UnixTime(1001)));
    assert_eq!(expiring(json!(null)).unwrap().1, None);
    for gone in [json!(1000), json!("2020-01-01")] {
        assert_eq!(expiring(gone).unwrap_err(), KeySetFlaw::Unusable(KeyFlaw::Expired));
    }
}

#[test]
fn operators_write_keys_as_pem_jwk_or_jwks() {
    let file = read("jwt_blackbox.json");
    let private = file["private_keys_test_only"]["es256"].as_str().unwrap();
    assert_eq!(
        KeySet::of_text(private.as_bytes(), &every()).unwrap_err(),
        KeySetFlaw::Unusable(KeyFlaw::Private)
    );
    let wycheproof = read("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
    let pem = wycheproof["testGroups"][0]["publicKeyPem"].as_str().unwrap();
    let two = format!("{pem}\n{}", wycheproof["testGroups"][1]["publicKeyPem"].as_str().unwrap());
    assert_eq!(KeySet::of_text(pem.as_bytes(), &every()).unwrap().len(), 1);
    assert_eq!(KeySet::of_text(two.as_bytes(), &every()).unwrap().len(), 2);
    let flaw = KeySet::of_text(pem.as_bytes(), &[Algorithm::Rs256]).unwrap_err();
    assert_eq!(flaw, KeySetFlaw::Unusable(KeyFlaw::Algorithm));
    let certificate = rcgen::generate_simple_self_signed(vec!["issuer.example".into()]).unwrap().cert.pem();
    assert_eq!(KeySet::of_text(certificate.as_bytes(), &every()).unwrap().len(), 1);
    assert_eq!(KeySet::of_text(jwks().to_string().as_bytes(), &every()).unwrap().len(), 3);
    assert_eq!(KeySet::of_text(b"hello", &every()).unwrap_err(), KeySetFlaw::NotPem);
    let oct = json!({ "kty": "oct", "kid": "h", "k": URL_SAFE_NO_PAD.encode([7; 32]) });
    assert!(KeySet::of_text(oct.to_string().as_bytes(), &[Algorithm::Hs256]).unwrap().has_secret());
    let mixed = json!({ "keys": [oct, key(0, |_| {})] }).to_string();
    assert!(!KeySet::of_text(mixed.as_bytes(), &every()).unwrap().has_secret());
    assert!(!KeySet::of_document(mixed.as_bytes(), &SingleKey::default(), &every()).unwrap().has_secret());
}
