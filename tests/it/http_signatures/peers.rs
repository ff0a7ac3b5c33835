//! Another library for RFC 9421: http-message-signatures. `tests/peers/install` puts it below `target/peers`.

use super::*;
use crate::rig::libraries::Program;
use serde_json::Value;

const PYTHON: Program = Program::Python("http_signatures.py");

/// What another library signs passes, what it changed does not, and it accepts what `bonafide sign` makes.
#[test]
fn another_library_signs_and_verifies() {
    let Some(directory) = PYTHON.directory() else { return };
    let policy = Policy::tls();
    let mut sources = String::new();
    let mut kept = Vec::new();
    for (name, ..) in ALGORITHMS {
        let table = match name {
            "hmac-sha256" => "[source.http_signature]\nalgorithms = [\"hmac-sha256\"]\n".to_owned(),
            _ => table(&policy, &format!("\"{name}\""), ""),
        };
        let secret = if name == "hmac-sha256" {
            format!("secret = {{ literal = \"{SECRET}\" }}")
        } else {
            String::new()
        };
        let text = source(name, &format!("{URL}\nreplay = \"off\"\n{secret}"), &table);
        sources += &text;
        kept.push(text);
    }
    let pem: Vec<(&str, std::path::PathBuf)> = ["rs256", "es256", "es384", "ed"]
        .map(|key| (key, policy.file(&format!("{key}.pem"), token::private_key(key).as_bytes())))
        .to_vec();
    let bench = bench(policy, &format!("{ADMIN}{sources}"));
    let key_of = |signer: Signer<'_>| match signer {
        Signer::Private(name) => token::private_key(name).to_owned(),
        Signer::Secret(secret) => STANDARD.encode(secret),
    };
    let rows: Vec<Value> = ALGORITHMS
        .iter()
        .map(|(name, _, signer, key)| json!({ "algorithm": name, "key": key_of(*signer), "keyid": key, "url": format!("https://{HOST}/{name}?a=1&b=%20x"), "body": STANDARD.encode(BODY) }))
        .collect();
    let signed = PYTHON.run(&directory, &json!({ "do": "sign", "rows": rows }));
    let signed = signed.as_array().expect("rows");
    assert_eq!(signed.len(), 6);
    for (row, (name, ..)) in signed.iter().zip(ALGORITHMS) {
        let mut request = post(format!("/{name}?a=1&b=%20x")).body(BODY);
        for pair in row["headers"].as_array().expect("fields") {
            let (field, value) = (pair[0].as_str().expect("text"), pair[1].as_str().expect("text"));
            if !["host", "content-length"].contains(&field.to_ascii_lowercase().as_str()) {
                request = request.header(field, value);
            }
        }
        bench.passes(&request);
        bench.refused(&request.clone().body(b"other"), 401, "body_hash_mismatch");
        let mut moved = request;
        moved.target.extend_from_slice(b"&c");
        bench.refused(&moved, 401, "signature_mismatch");
    }
    let mut rows = Vec::new();
    for ((name, _, signer, key), tables) in ALGORITHMS.iter().zip(&kept) {
        let request =
            post(format!("/{name}?a=1&b=%20x")).header("Content-Type", "application/json").body(BODY);
        let path = match signer {
            Signer::Private(name) => pem.iter().find(|(known, _)| known == name).map(|(_, path)| path),
            Signer::Secret(_) => None,
        };
        let path = path.map(|path| path.to_str().expect("a path"));
        let more = path.map(|path| vec!["--private-key", path, "--kid", key]).unwrap_or_default();
        let signed = sign(tables, name, &request, &more).expect("signed");
        let headers: Vec<_> = signed
            .headers
            .iter()
            .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]))
            .collect();
        rows.push(json!({ "algorithm": name, "key": key_of(*signer), "url": format!("https://{HOST}/{name}?a=1&b=%20x"), "headers": headers, "body": STANDARD.encode(BODY) }));
    }
    let verdicts = PYTHON.run(&directory, &json!({ "do": "verify", "rows": rows }));
    assert_eq!(verdicts, json!([null, null, null, null, null, null]));
}
