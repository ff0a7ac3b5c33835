//! Senders that sign with a private key: written by the operator, fetched, and the attacks on both.

use crate::rig::client::{Client, once};
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::sign::unix_time;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const BODY: &[u8] = b"{\"id\":\"evt_1\",\"n\":[1,2,3]}";

struct Bench {
    proxy: Proxy,
    recorder: Recorder,
}

impl Bench {
    fn start(sources: &str) -> Bench {
        let recorder = Recorder::start();
        let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(sources));
        Bench { proxy, recorder }
    }

    fn line(&self, request: &Request) -> (u16, Value) {
        let response = once(Client::tls(self.proxy.address), request).expect("an answer");
        let id = response.header("x-request-id").expect("a request id");
        (response.status, self.proxy.log_line(&id).expect("a log line"))
    }

    fn passes(&self, what: &str, request: &Request) -> Value {
        let served = self.recorder.served();
        let (status, line) = self.line(request);
        assert_eq!((status, &line["verdict"]), (200, &"verified".into()), "{what}: {line}");
        let got = self.recorder.requests_from(served).expect("well-formed");
        assert!(matches!(got.as_slice(), [got] if got.body == request.body), "{what}: {got:?}");
        line
    }

    fn refused(&self, what: &str, request: &Request, status: u16, reason: &str) {
        let before = (self.recorder.served(), self.recorder.connections());
        let (got, line) = self.line(request);
        assert_eq!((got, &line["reason"]), (status, &reason.into()), "{what}: {line}");
        assert_eq!((self.recorder.served(), self.recorder.connections()), before, "{what}: forwarded");
    }
}

fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key")
}

/// As Discord signs.
fn interaction(key: &Ed25519KeyPair, time: &str, body: &[u8]) -> Request {
    let signature = hex::encode(key.sign(&[time.as_bytes(), body].concat()));
    post("/discord")
        .header("X-Signature-Timestamp", time)
        .header("X-Signature-Ed25519", signature)
        .header("Content-Type", "application/json")
        .body(body)
}

fn discord(key: &Ed25519KeyPair) -> String {
    format!(
        "[[source]]\nname = \"discord\"\npath = \"/discord\"\nprovider = \"discord\"\npublic_key = \"{}\"\n",
        hex::encode(key.public_key())
    )
}

/// With the header of this name replaced.
fn with(request: &Request, name: &str, value: &str) -> Request {
    let mut changed = request.clone();
    changed.headers.retain(|(header, _)| header != name);
    changed.header(name, value)
}

#[test]
fn a_key_that_the_operator_wrote_down() {
    let (own, other) = (ed25519(7), ed25519(8));
    let bench = Bench::start(&discord(&own));
    let now = unix_time(0);
    let genuine = interaction(&own, &now, BODY);
    bench.passes("genuine", &genuine);
    let ping = interaction(&own, &now, b"{\"type\":1}");
    let answer = once(Client::tls(bench.proxy.address), &ping).expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"type\":1}"));
    let mut forged = ping.clone();
    forged.body = b"{\"type\":1 }".to_vec();
    bench.refused("a forged ping", &forged, 401, "signature_mismatch");

    let mut changed = genuine.clone();
    changed.body[1] ^= 1;
    bench.refused("another body", &changed, 401, "signature_mismatch");
    bench.refused("another key", &interaction(&other, &now, BODY), 401, "signature_mismatch");
    let later = with(&genuine, "X-Signature-Timestamp", &unix_time(1));
    bench.refused("another time", &later, 401, "signature_mismatch");
    bench.refused("old", &interaction(&own, &unix_time(-301), BODY), 401, "timestamp_too_old");
    bench.refused("early", &interaction(&own, &unix_time(310), BODY), 401, "timestamp_in_future");
    for (what, signature, reason) in [
        ("all zeros", "00".repeat(64), "signature_mismatch"),
        ("half", "00".repeat(32), "signature_mismatch"),
        ("empty", String::new(), "signature_malformed"),
        ("endless", "00".repeat(4000), "signature_malformed"),
        ("no hex", "zz".repeat(64), "signature_malformed"),
    ] {
        bench.refused(what, &with(&genuine, "X-Signature-Ed25519", &signature), 401, reason);
    }
    // S and S + L are both solutions; only the smaller one is a signature (RFC 8032 section 5.1.7).
    let mut malleable = genuine.clone();
    let sent = malleable.headers.iter().find(|(name, _)| name == "X-Signature-Ed25519").expect("it");
    let mut bytes = hex::decode(&sent.1).expect("hex");
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").expect("hex");
    let mut carry = 0;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    malleable = with(&malleable, "X-Signature-Ed25519", &hex::encode(bytes));
    bench.refused("S + L", &malleable, 401, "signature_mismatch");
    let twice = genuine.clone().header("X-Signature-Ed25519", "00".repeat(64));
    bench.refused("two signatures", &twice, 401, "field_repeated");
}

#[test]
fn keys_that_prove_nothing_refuse_the_start() {
    let start = |lines: &str| {
        let policy = format!("[[source]]\nname = \"it\"\npath = \"/it\"\nprovider = \"discord\"\n{lines}\n");
        Proxy::try_start(Policy::plaintext().upstream("http://127.0.0.1:1").add(&policy), &[])
            .map(|_| ())
            .map_err(|failed| failed.log)
    };
    let good = hex::encode(ed25519(7).public_key());
    start(&format!("public_key = \"{good}\"")).expect("a good key");
    for (lines, said) in [
        (format!("public_key = \"{}\"", "00".repeat(32)), "not a proper point"),
        ("public_key = \"nonsense\"".to_owned(), "not a public key"),
        (
            "public_key = \"-----BEGIN PRIVATE KEY-----\\nMC4=\\n-----END PRIVATE KEY-----\"".to_owned(),
            "private",
        ),
        (format!("secret = {{ literal = \"{good}\" }}"), "write `public_key`"),
        (String::new(), "no public key"),
        (format!("public_key = \"{good}\"\npublic_keys = [\"{good}\"]"), "exclude each other"),
    ] {
        let told = start(&lines).expect_err(&lines);
        assert!(told.contains(said), "{lines}: {told}");
    }
}

/// A sender of our own making that names its key.
fn fetched(keys: &str) -> String {
    format!(
        "[[source]]\nname = \"fetched\"\npath = \"/fetched\"\nreplay = \"off\"\n[source.signature]\nalgorithm = \"rsa-sha256\"\n\
         message = \"{{body}}\"\nkeys = {{ {keys} }}\n[source.signature.fields]\nkey = {{ header = \"X-Key-Id\", role = \"key_id\" }}\n\
         sig = {{ header = \"X-Sig\", role = \"signature\", encoding = \"base64\" }}\n"
    )
}

fn rsa() -> RsaKeyPair {
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    RsaKeyPair::from_pkcs8(&pem.serialize_der()).expect("a key")
}

fn jwk(key: &RsaKeyPair, kid: &str) -> Value {
    let public = key.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = public.modulus().big_endian_without_leading_zero().to_vec();
    let e = public.exponent().big_endian_without_leading_zero().to_vec();
    json!({ "kty": "RSA", "kid": kid, "n": number(&n), "e": number(&e) })
}

fn signed(key: &RsaKeyPair, kid: &str) -> Request {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), BODY, &mut signature).expect("a signature");
    post("/fetched").header("X-Key-Id", kid).header("X-Sig", STANDARD.encode(signature)).body(BODY)
}

#[test]
fn keys_of_a_set_that_is_fetched() {
    let (own, other) = (rsa(), rsa());
    let set = json!({ "keys": [jwk(&own, "one"), jwk(&other, "two")] }).to_string();
    let server = KeyServer::start(Reply::Json(set));
    let bench = Bench::start(&fetched(&format!("jwks = \"{}\", cooldown = \"1s\"", server.url("/jwks"))));
    let line = bench.passes("genuine", &signed(&own, "one"));
    assert_eq!(line["key"], "one");
    assert_eq!(bench.passes("the other key", &signed(&other, "two"))["key"], "two");
    assert_eq!(server.asked().len(), 1, "one fetch is enough");
    bench.refused("the key of another name", &signed(&own, "two"), 401, "signature_mismatch");
    let mut changed = signed(&own, "one");
    changed.body.push(b' ');
    bench.refused("another body", &changed, 401, "signature_mismatch");
    bench.refused("no name that a key can have", &signed(&own, "a b"), 401, "kid_malformed");
    bench.refused("the name of every key", &signed(&own, "*"), 401, "kid_malformed");
    let without = {
        let mut request = signed(&own, "one");
        request.headers.retain(|(name, _)| name != "X-Key-Id");
        request
    };
    bench.refused("no name", &without, 401, "field_missing");
    bench.refused("an unknown name", &signed(&own, "three"), 401, "key_unknown");
}

#[test]
fn a_key_that_is_fetched_by_its_name_as_text() {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
        aws_lc_rs::encoding::AsDer::as_der(key.public_key()).expect("DER");
    let text = STANDARD.encode(der.as_ref());
    let server = KeyServer::start(Reply::Status(404, String::new()));
    let answer = json!({ "data": { "publicKey": text } }).to_string();
    server.answer_by(move |asked| match &*asked.target {
        b"/keys/k1" => Reply::Json(answer.clone()),
        _ => Reply::Status(404, String::new()),
    });
    let keys = format!(
        "url = \"{}\", at = \"/data/publicKey\", headers = {{ Authorization = \"Bearer {{secret}}\" }}, secret = {{ literal = \"0123456789abcdef\" }}",
        server.url("/keys/{kid}")
    );
    let policy = fetched(&keys).replace("rsa-sha256", "ecdsa-p256-sha256-der");
    let bench = Bench::start(&policy);
    let sign = |kid: &str| {
        let signature = key.sign(&SystemRandom::new(), BODY).expect("a signature");
        post("/fetched").header("X-Key-Id", kid).header("X-Sig", STANDARD.encode(signature)).body(BODY)
    };
    bench.passes("genuine", &sign("k1"));
    bench.passes("again from memory", &sign("k1"));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].one("authorization"), "Bearer 0123456789abcdef");
    bench.refused("unknown", &sign("k2"), 401, "key_unknown");
    bench.refused("another place, a moment later", &sign("../k1"), 503, "keys_cooling_down");
    server.down();
    bench.passes("the server is down", &sign("k1"));
    assert!(server.asked().iter().all(|asked| asked.target.starts_with(b"/keys/k")));
}
