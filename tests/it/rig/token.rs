//! Tokens as their senders make them, genuine and otherwise, written apart from the product's own code: header and
//! payload are texts, so that they may be as wrong as they like.

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The issuer and the audience that tests write into tokens.
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://hooks.example/ingest";

/// What signs a token.
#[derive(Clone, Copy)]
pub enum Signer<'k> {
    /// A private key of `jwt_blackbox.json`: es256, es384, rs256, ed, attacker_es or attacker_rs.
    Private(&'k str),
    /// A secret.
    Secret(&'k [u8]),
}

/// A file of `tests/vectors`.
pub fn vectors(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("the vectors")).expect("JSON")
}

/// `jwt_blackbox.json`.
pub fn black_box() -> &'static Value {
    static FILE: OnceLock<Value> = OnceLock::new();
    FILE.get_or_init(|| vectors("jwt_blackbox.json"))
}

/// The private key of this name, PEM.
pub fn private_key(name: &str) -> &'static str {
    let pem = black_box()["private_keys_test_only"][name].as_str();
    pem.unwrap_or_else(|| panic!("no key {name}"))
}

/// Header and payload, signed with this algorithm whatever the header says.
pub fn signed(signer: Signer<'_>, algorithm: &str, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = signature(signer, algorithm, message.as_bytes());
    format!("{message}.{signature}")
}

/// The signature of these bytes, base64url.
pub fn signature(signer: Signer<'_>, algorithm: &str, message: &[u8]) -> String {
    let algorithm: Algorithm = algorithm.parse().expect("an algorithm");
    let key = match signer {
        Signer::Secret(secret) => EncodingKey::from_secret(secret),
        Signer::Private(name) => {
            let pem = private_key(name).as_bytes();
            match algorithm {
                Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem),
                Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
                _ => EncodingKey::from_rsa_pem(pem),
            }
            .expect("a private key")
        }
    };
    crypto::sign(message, &key, algorithm).expect("a signature")
}

/// One part of a token.
pub fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A part of a token (0 the header, 1 the payload) as JSON, where it is.
pub fn part(token: &str, number: usize) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number)?).ok()?).ok()
}

/// The usual header.
pub fn header(algorithm: &str, kid: &str) -> String {
    json!({ "alg": algorithm, "typ": "JWT", "kid": kid }).to_string()
}

/// The usual claims: ours, fresh, with an id of their own.
pub fn claims() -> Value {
    let now = now();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, "jti": unique("id") })
}

/// The usual claims with these in addition or in their place; null takes one away.
pub fn claims_with(changes: Value) -> String {
    let mut claims = claims();
    let object = claims.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        if value.is_null() {
            object.remove(&name)
        } else {
            object.insert(name, value)
        };
    }
    claims.to_string()
}

/// A genuine token of this key, as its algorithm and `kid`.
pub fn genuine(key: &str, algorithm: &str, kid: &str) -> String {
    signed(Signer::Private(key), algorithm, &header(algorithm, kid), &claims().to_string())
}

/// A genuine ES256 token with these claims in addition.
pub fn es256(kid: &str, changes: Value) -> String {
    signed(Signer::Private("es256"), "ES256", &header("ES256", kid), &claims_with(changes))
}

/// A text that no other call in this process gave.
pub fn unique(word: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{word}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

/// The public key that belongs to a private one, as a JWK without `alg`.
pub fn jwk(key: &str, kid: &str) -> Value {
    let der = PrivatePkcs8KeyDer::from_pem_slice(private_key(key).as_bytes()).expect("PEM");
    let der = der.secret_pkcs8_der();
    let mut jwk = match key {
        "es256" | "attacker_es" => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).expect("a key");
            point("P-256", pair.public_key().as_ref())
        }
        "es384" => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).expect("a key");
            point("P-384", pair.public_key().as_ref())
        }
        "ed" => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).expect("a key");
            json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
        }
        _ => {
            let pair = rsa::KeyPair::from_pkcs8(der).expect("a key");
            let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
            let bytes = |number: &[u8]| encode(number);
            let (n, e) =
                (bytes(n.big_endian_without_leading_zero()), bytes(e.big_endian_without_leading_zero()));
            json!({ "kty": "RSA", "n": n, "e": e })
        }
    };
    jwk["kid"] = kid.into();
    jwk["use"] = "sig".into();
    jwk
}

fn point(curve: &str, uncompressed: &[u8]) -> Value {
    let (x, y) = uncompressed[1..].split_at(uncompressed.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}

/// A JWK Set of these.
pub fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A JWK with further members.
pub fn with(mut jwk: Value, members: Value) -> Value {
    let object: &mut Map<String, Value> = jwk.as_object_mut().expect("a key");
    object.extend(members.as_object().cloned().unwrap_or_default());
    jwk
}

/// The same JWK set in any test: one key of each kind.
pub fn every_key() -> String {
    set(&[jwk("es256", "es"), jwk("es384", "es-384"), jwk("rs256", "rs"), jwk("ed", "ed")])
}

/// A P-256 key as SubjectPublicKeyInfo, PEM (RFC 5480).
pub fn public_pem(key: &str) -> String {
    use base64::engine::general_purpose::STANDARD;
    let jwk = jwk(key, "k");
    let number =
        |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("a number")).expect("base64url");
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d03010703420004").expect("hex");
    let der = [prefix, number("x"), number("y")].concat();
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// The published key belongs to the published private one.
#[test]
fn public_keys_are_those_of_the_vectors() {
    let published = black_box()["jwks"]["keys"].as_array().expect("keys");
    for (key, kid) in [("es256", "es-1"), ("rs256", "rs-1"), ("ed", "ed-1")] {
        let found = published.iter().find(|jwk| jwk["kid"] == kid).expect("a key");
        assert_eq!(with(jwk(key, kid), json!({ "alg": found["alg"] })), *found);
    }
}
