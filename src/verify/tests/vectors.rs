//! Known answers of the algorithms, under `tests/vectors`.

use crate::scheme::{Algorithm, HashName, Mac, Tag};
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

fn mac(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Tag {
    let mut mac = Mac::new(algorithm, key).unwrap();
    message.chunks(7).for_each(|piece| mac.update(piece));
    mac.finish()
}

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("sha1", Algorithm::Hmac(HashName::Sha1)),
    ("sha256", Algorithm::Hmac(HashName::Sha256)),
    ("sha384", Algorithm::Hmac(HashName::Sha384)),
    ("sha512", Algorithm::Hmac(HashName::Sha512)),
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
            assert_eq!(Some(tag.as_bytes().len()), algorithm.tag_bytes());
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
            let whole = group["tagSize"].as_u64() == u64::try_from(algorithm.tag_bytes().unwrap() * 8).ok();
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
