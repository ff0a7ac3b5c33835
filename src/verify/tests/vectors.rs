//! Published and computed messages under `tests/vectors`.

use super::*;
use crate::scheme::tests::provider;
use crate::scheme::{Algorithm, Mac, Tag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::Path;
use subtle::ConstantTimeEq;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn body_of(message: &Value) -> Vec<u8> {
    match message.get("body_base64") {
        Some(encoded) => STANDARD.decode(encoded.as_str().unwrap()).unwrap(),
        None => text(message, "body").as_bytes().to_vec(),
    }
}

fn run_file(id: &str, at_least: usize) {
    let file = read(&format!("{id}.json"));
    let messages = file["messages"].as_array().unwrap();
    assert!(messages.len() >= at_least, "{id}: {} messages", messages.len());
    for message in messages {
        let what = format!("{id}: {} ({})", text(message, "why"), text(message, "source"));
        let texts: Vec<_> =
            message["secrets"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let verifier = verifier(provider(id), &texts);
        let pairs = message["headers"].as_array().unwrap().iter();
        let pairs: Vec<_> =
            pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap().as_bytes())).collect();
        let now = UnixTime(message["now"].as_i64().unwrap());
        let outcome = run(&verifier, &head("/hook", &pairs), &body_of(message), now);
        let code = outcome.as_ref().map_or_else(|error| error.reason().code(), |_| "verified");
        assert_eq!(code, text(message, "expect"), "{what}: {outcome:?}");
        if let (Ok(sender), Some(id)) = (&outcome, message.get("event_id")) {
            assert_eq!(sender.event_id().map(|id| id.value.as_str()), id.as_str(), "{what}");
        }
    }
}

#[test]
fn fluid() {
    run_file("fluid", 45);
}

#[test]
fn github() {
    run_file("github", 7);
}

#[test]
fn shopify() {
    run_file("shopify", 12);
}

#[test]
fn stripe() {
    run_file("stripe", 30);
}

#[test]
fn slack() {
    run_file("slack", 5);
}

#[test]
fn standard_webhooks() {
    run_file("standard-webhooks", 44);
}

#[test]
fn svix() {
    run_file("svix", 8);
}

fn mac(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Tag {
    let mut mac = Mac::new(algorithm, key).unwrap();
    message.chunks(7).for_each(|piece| mac.update(piece));
    mac.finish()
}

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("sha1", Algorithm::HmacSha1),
    ("sha256", Algorithm::HmacSha256),
    ("sha384", Algorithm::HmacSha384),
    ("sha512", Algorithm::HmacSha512),
];

#[test]
fn rfc_4231() {
    let file = read("rfc4231.json");
    let mut count = 0;
    for case in file["cases"].as_array().unwrap() {
        let bytes = |key: &str| hex::decode(text(case, key)).unwrap();
        for (name, algorithm) in ALGORITHMS {
            let tag = mac(algorithm, &bytes("key_hex"), &bytes("msg_hex"));
            assert_eq!(hex::encode(tag.as_bytes()), text(&case["hmac"], name));
            assert_eq!(tag.as_bytes().len(), algorithm.tag_bytes());
            count += 1;
        }
    }
    assert_eq!(count, 24);
}

/// Truncated tags are never accepted, so those groups must all fail.
#[test]
fn wycheproof() {
    for (name, algorithm) in ALGORITHMS {
        let file = read(&format!("wycheproof/hmac_{name}_test.json"));
        let mut count = 0;
        for group in file["testGroups"].as_array().unwrap() {
            let whole = group["tagSize"].as_u64() == u64::try_from(algorithm.tag_bytes() * 8).ok();
            for case in group["tests"].as_array().unwrap() {
                let bytes = |key: &str| hex::decode(text(case, key)).unwrap();
                let tag = mac(algorithm, &bytes("key"), &bytes("msg"));
                let same = bool::from(tag.ct_eq(&Tag::new(&bytes("tag"))));
                assert_eq!(same, whole && text(case, "result") == "valid", "{name} {}", case["tcId"]);
                count += 1;
            }
        }
        assert_eq!(Some(count), file["numberOfTests"].as_u64());
    }
}
