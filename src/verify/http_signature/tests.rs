mod arbitrary;
mod components;
mod digests;
mod policy;
mod rfc9421;
mod round_trip;

use super::value::{Address, Message};
use super::*;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::http::{Authority, Body, Captures, Head, Target};
use crate::scheme::{self, KeyForm};
use crate::verify::jwt::SingleKey;
use crate::verify::jwt::{JwtKeys, KeySet, KidRule};
use crate::verify::{NamedSecret, Sender, Step, Verifier, VerifyError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use std::path::Path;

const MAC_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Anything goes that these algorithms signed.
fn anything(algorithms: &[&str]) -> HttpSignatureDefinition {
    HttpSignatureDefinition {
        label: None,
        tag: None,
        algorithms: algorithms.iter().map(|name| HttpAlgorithm::parse(name).unwrap()).collect(),
        components: Some(Vec::new()),
        when_present: Vec::new(),
        allow: None,
        forbid: Vec::new(),
        digest: DigestRule::Either,
        require: vec![Parameter::Created],
        leeway: 60,
        max_age: 300,
        max_lifetime: None,
        nonce: 1..=256,
        kid: KidRule::Visible,
        key_members: Vec::new(),
        revoked: Vec::new(),
        base64url: false,
        normalize: false,
        structured: Default::default(),
    }
}

/// What a policy file has where it says nothing.
fn usual(algorithms: &[&str]) -> HttpSignatureDefinition {
    HttpSignatureDefinition { components: None, digest: DigestRule::Body, ..anything(algorithms) }
}

fn list(components: &[&str]) -> Vec<Component> {
    components.iter().map(|text| Component::parse(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

fn secret(name: &str, bytes: &[u8]) -> NamedSecret {
    NamedSecret { name: name.into(), secret: Secret::new(bytes.to_vec()), until: None, choice: None }
}

fn hmac(definition: HttpSignatureDefinition) -> Verifier {
    let secrets = vec![secret("one", MAC_KEY)];
    Verifier::http_signature(
        definition,
        Some("https://hooks.example"),
        JwtKeys::None,
        &KeyForm::default(),
        secrets,
    )
    .unwrap()
}

/// With these keys, and the address of the request.
fn public(definition: HttpSignatureDefinition, jwks: &Value) -> Verifier {
    let jose: Vec<_> = definition.algorithms.iter().map(|algorithm| algorithm.jose()).collect();
    let keys = KeySet::of_document(jwks.to_string().as_bytes(), &SingleKey::default(), &jose).unwrap();
    let keys = JwtKeys::Fixed(keys);
    Verifier::http_signature(definition, None, keys, &KeyForm::default(), Vec::new()).unwrap()
}

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

fn head(method: &str, host: &str, target: &str, headers: HeaderMap) -> Head {
    Head {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        target: Target::parse(target, 8192).unwrap(),
        host: Authority::parse(host.as_bytes()).unwrap(),
        headers,
        nominated: Vec::new(),
        captures: Captures::new(),
    }
}

/// A request to `https://hooks.example` with this `Signature-Input`, whose first signature is the MAC that it promises,
/// whatever it covers: a component without value stands for nothing.
fn mac_signed(input: &str, method: &str, target: &str, headers: &[(&str, &str)]) -> Head {
    let mut head = head(method, "hooks.example", target, map(headers));
    let parsed = fields::inputs(input).unwrap().remove(0);
    let named = parsed.components.iter().map(|(name, arguments)| Component::new(name, arguments));
    let components: Vec<Component> = named.filter_map(Result::ok).collect();
    let parameters = input.split_once('=').unwrap().1;
    let definition = anything(&["hmac-sha256"]);
    let address = Address::of_url("https://hooks.example");
    let message = Message { head: &head, address: address.as_ref(), definition: &definition };
    let base = message.base(&components, parameters).unwrap_or_default();
    let hmac = scheme::Algorithm::Hmac(scheme::HashName::Sha256);
    let mut mac = scheme::Mac::new(hmac, MAC_KEY).unwrap();
    mac.update(base.as_bytes());
    let signature = format!("{}=:{}:", parsed.label, STANDARD.encode(mac.finish().as_bytes()));
    head.headers.insert("signature-input", HeaderValue::from_str(input).unwrap());
    head.headers.insert("signature", HeaderValue::from_str(&signature).unwrap());
    head
}

/// Runs a verification to its end.
fn run(verifier: &Verifier, head: &Head, body: &[u8], now: i64) -> Result<Sender, VerifyError> {
    let (body, now) = (Body::from_bytes(body.to_vec()), UnixTime(now));
    let mut step = verifier.start(head, now)?;
    loop {
        step = match step {
            Step::Done(proof) => return Ok(proof.sender().clone()),
            Step::Key(_) => panic!("keys are fetched"),
            Step::Body(mut waiting) => {
                body.chunks().iter().for_each(|chunk| waiting.chunk(chunk));
                waiting.end(head, &body, now)?
            }
        };
    }
}

fn code(outcome: &Result<Sender, VerifyError>) -> &'static str {
    outcome.as_ref().map_or_else(|error| error.reason().code(), |_| "verified")
}

/// Pairs of a vector file: an array of arrays, or an object.
fn pairs(value: &Value) -> HeaderMap {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs: Vec<(String, String)> = match value {
        Value::Array(rows) => rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect(),
        Value::Object(rows) => rows.iter().map(|(name, row)| (name.clone(), text(row))).collect(),
        _ => Vec::new(),
    };
    map(&pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
}
