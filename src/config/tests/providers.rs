//! Every built-in provider, as a source that uses it: its published messages, and messages that it signs itself.

use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::config::secrets::Environment;
use crate::config::{Options, load_text, provider};
use crate::config::{ProviderScheme, provider_scheme};
use crate::http::{Authority, Body, Head, Target};
use crate::policy::{Check, Source};
use crate::scheme::{Curve, KeyKind, PublicAlgorithm};
use crate::verify::{
    Algorithm, Covers, Draft, JwtKeys, NamedSecret, PrivateKey, Sender, SigningKey, Step, Surroundings,
    Verifier, VerifyError,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;

fn read(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    std::fs::read_to_string(path).ok().map(|text| serde_json::from_str(&text).unwrap())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// Scheme and host, path and query.
fn address(message: &Value) -> (String, String) {
    let url = message.get("url").and_then(Value::as_str).unwrap_or("https://hooks.example.com/hook");
    let host = url.find("://").unwrap() + 3;
    let path = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    let target = url[path..].split('#').next().unwrap();
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    (url[..path].to_owned(), target)
}

/// A policy with one source of this provider.
pub(super) fn policy(
    id: &str,
    url: &str,
    path: &str,
    secrets: &[&str],
    params: &Value,
    overrides: &str,
) -> String {
    let mut policy = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nplaintext = true\npublic_url = {url:?}\n[upstream]\nurl = \"http://127.0.0.1:1\"\n\
         [[source]]\nname = \"it\"\npath = {path:?}\nprovider = \"{id}\"\n"
    );
    let own_secrets = overrides.lines().any(|line| line.starts_with("secrets"));
    let file = provider::text(id).unwrap();
    if !secrets.is_empty() && !kinds(id).is_empty() {
        let _ = writeln!(policy, "public_keys = {}", Value::from(secrets.to_vec()));
    } else if !secrets.is_empty() && !own_secrets {
        let secrets: Vec<_> =
            secrets.iter().map(|secret| format!("{{ literal = {} }}", Value::from(*secret))).collect();
        let _ = writeln!(policy, "secrets = [{}]", secrets.join(", "));
    }
    let (keys, tables) = overrides.split_at(
        overrides
            .find('[')
            .filter(|at| !overrides[..*at].contains("= "))
            .unwrap_or(overrides.find("\n[").map_or(overrides.len(), |at| at + 1)),
    );
    let _ = writeln!(policy, "{keys}");
    if let Some(params) = params.as_object() {
        policy.push_str("[source.params]\n");
        for (name, value) in params {
            let _ = writeln!(policy, "{name} = {value}");
        }
    }
    policy.push_str(tables);
    if file.contains("min_bytes") && !tables.contains("min_bytes") {
        let table =
            ["signature", "jwt", "swt"].iter().find(|table| file.contains(&format!("[{table}]"))).unwrap();
        let _ = writeln!(policy, "\n[source.{table}.key]\nmin_bytes = 1");
    }
    policy
}

pub(super) fn source(policy: &str) -> Source {
    let environment = Environment::from_fn(|_| None);
    match load_text("bonafide.toml", policy, &Options { secrets: true, written: false }, &environment) {
        Ok(loaded) => loaded.configuration.policy.sources.into_iter().next().unwrap(),
        Err(problems) => {
            let texts: Vec<_> =
                problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect();
            panic!("{texts:#?}\n{policy}")
        }
    }
}

pub(super) fn head_of(source: &Source, method: &str, target: &str, headers: &HeaderMap) -> Head {
    let target = Target::parse(target, usize::MAX).unwrap_or_else(|error| panic!("{target}: {error:?}"));
    Head {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        captures: source.path.matches(target.path()).unwrap_or_default(),
        target,
        host: Authority::parse(b"hooks.example.com").unwrap(),
        headers: headers.clone(),
        nominated: Vec::new(),
    }
}

/// Runs a verification to its end, the body in two pieces.
pub(super) fn judge(
    verifier: &Verifier,
    head: &Head,
    body: &[u8],
    now: UnixTime,
) -> Result<Sender, VerifyError> {
    let mut whole = Body::default();
    let (first, second) = body.split_at(body.len() / 3);
    whole.push(Bytes::copy_from_slice(first));
    whole.push(Bytes::copy_from_slice(second));
    whole.finish();
    let mut step = verifier.start(head, now)?;
    loop {
        step = match step {
            Step::Key(_) => panic!("keys are fetched"),
            Step::Done(proof) => return Ok(proof.sender().clone()),
            Step::Body(mut wait) => {
                whole.chunks().iter().for_each(|piece| wait.chunk(piece));
                wait.end(head, &whole, now)?
            }
        };
    }
}

/// A secret that no policy may have: a placeholder, or the short one of a published example.
fn verifier_of(id: &str, secrets: &[&str], url: &str, params: &Value) -> Verifier {
    let scheme = provider_scheme(id, None).unwrap().unwrap();
    let secrets = secrets.iter().map(|text| NamedSecret {
        name: "it".into(),
        secret: Secret::new(text.as_bytes().to_vec()),
        until: None,
        choice: None,
    });
    let secrets = secrets.collect();
    let params = params.as_object().cloned().unwrap_or_default();
    let params = params.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect();
    match scheme {
        ProviderScheme::Signature(schemes, _) => {
            let surroundings =
                Surroundings { public_url: Some(url.to_owned()), params, by: None, fetched: false };
            Verifier::signature(*schemes, secrets, surroundings)
        }
        ProviderScheme::Jwt(definition, form, _) => Verifier::jwt(*definition, JwtKeys::None, &form, secrets),
        ProviderScheme::HttpSignature(definition, form, _) => {
            Verifier::http_signature(*definition, Some(url), JwtKeys::None, &form, secrets)
        }
        ProviderScheme::Token(definition) => Verifier::token(definition, secrets),
        ProviderScheme::Basic(definition) => Verifier::basic(definition, secrets),
    }
    .unwrap()
}

fn headers(message: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for pair in message["headers"].as_array().unwrap() {
        let name = HeaderName::from_bytes(pair[0].as_str().unwrap().as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap());
    }
    map
}

fn body(message: &Value) -> Vec<u8> {
    match message.get("body_base64").or(message.get("body_b64")) {
        Some(encoded) => STANDARD.decode(encoded.as_str().unwrap()).unwrap(),
        None => text(message, "body").as_bytes().to_vec(),
    }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The published messages of one provider; what went wrong.
fn published(id: &str, file: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for message in file["messages"].as_array().unwrap() {
        let what = format!("{id}: {} ({})", text(message, "why"), text(message, "source"));
        let (url, target) = address(message);
        let path = target.split('?').next().unwrap();
        let overrides = message.get("overrides").and_then(Value::as_str).unwrap_or_default();
        let params = message.get("params").unwrap_or(&Value::Null);
        let secrets = strings(&message["secrets"]);
        let placeholder = secrets.iter().any(|secret| PLACEHOLDERS.contains(secret));
        let used: &[&str] = if placeholder { &["0123456789abcdef0123456789abcdef"] } else { &secrets };
        let mut source = source(&policy(id, &url, path, used, params, overrides));
        if placeholder {
            source.check = Check::Enforce(verifier_of(id, &secrets, &url, params));
        }
        let method = message.get("method").and_then(Value::as_str).unwrap_or("POST");
        let head = head_of(&source, method, &target, &headers(message));
        let now = UnixTime(message["now"].as_i64().unwrap());
        let outcome = judge(source.check.verifier().unwrap(), &head, &body(message), now);
        let code = outcome.as_ref().map_or_else(|error| error.reason().code(), |_| "verified");
        if code != text(message, "expect") {
            faults.push(format!("{what}: {outcome:?}, expected {}", message["expect"]));
        }
        if let (Ok(sender), Some(id)) = (&outcome, message.get("event_id")) {
            let found = sender.event_id().map(|id| id.value.as_str());
            if found != id.as_str() {
                faults.push(format!("{what}: event id {found:?}, expected {id}"));
            }
        }
    }
    faults
}

/// Secrets of published examples that are refused in a policy.
const PLACEHOLDERS: [&str; 3] = ["secret", "password", "changeme"];

/// Providers whose senders are proved with keys that only they have; `tests/it` and `profiles` run them.
const PUBLIC_KEYS: [&str; 7] = ["plaid", "vumi", "swt-legacy", "adcp", "adcp-request", "ucp", "web-bot-auth"];

#[test]
fn published_messages() {
    let (mut faults, mut files) = (Vec::new(), 0);
    for id in provider::names().filter(|id| !PUBLIC_KEYS.contains(id) && *id != "swt") {
        match read(&format!("{id}.json")) {
            Some(file) => {
                files += 1;
                match std::panic::catch_unwind(|| published(id, &file)) {
                    Ok(found) => faults.extend(found),
                    Err(cause) => faults.push(format!("{id}: {:?}", cause.downcast_ref::<String>())),
                }
            }
            None => faults.push(format!("{id} has no tests/vectors/{id}.json")),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(files > 150, "{files} files");
}

/// What a source must bring beside the provider.
fn completed(id: &str) -> (Value, String) {
    let file = provider::text(id).unwrap();
    let mut params = serde_json::Map::new();
    for part in file.split("{param:").skip(1) {
        let name = part.split('}').next().unwrap();
        params.insert(name.to_owned(), format!("{name}1").into());
    }
    for part in file.split("param = \"").skip(1) {
        params.insert(part.split('"').next().unwrap().to_owned(), "value1".into());
    }
    let table: toml::Table = file.parse().unwrap();
    let has = |table: &toml::Value, key: &str| table.get(key).is_some();
    let mut overrides = String::new();
    for (name, keys, add) in [
        ("token", &["header", "query", "json", "form"][..], "header = \"X-Token\""),
        ("basic", &["username"], "username = \"hook\""),
        ("jwt", &["issuer", "keys"], "issuer = \"https://issuer.example.com\""),
        ("jwt", &["audience"], "audience = \"https://hooks.example.com/hook\""),
        ("swt", &["issuer"], "issuer = \"https://issuer.example.com\""),
    ] {
        let Some(found) = table.get(name) else { continue };
        let silent = found.get("without").map(toml::Value::to_string).unwrap_or_default();
        let claim = if add.starts_with("issuer") { "iss" } else { "aud" };
        if !keys.iter().any(|key| has(found, key)) && !silent.contains(&format!("\"{claim}\"")) {
            if overrides.is_empty() || name != "jwt" {
                overrides.push_str(&format!("\n[source.{name}]\n"));
            }
            overrides.push_str(&format!("{add}\n"));
        }
    }
    (Value::Object(params), overrides)
}

const NOW: UnixTime = UnixTime(1_764_051_332);

/// The kinds of keys with which a sender signs that has private ones; that of the table itself first.
fn kinds(id: &str) -> Vec<KeyKind> {
    let table: toml::Table = provider::text(id).unwrap().parse().unwrap();
    let signature = table.get("signature").cloned().unwrap_or(toml::Table::new().into());
    let variants = signature.get("variant").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let tables = [signature].into_iter().chain(variants);
    let names = tables.filter_map(|table| table.get("algorithm")?.as_str().map(str::to_owned));
    let mut kinds = Vec::new();
    for algorithm in names.filter_map(|name| PublicAlgorithm::parse(&name)) {
        if !kinds.contains(&algorithm.kind()) {
            kinds.push(algorithm.kind());
        }
    }
    kinds
}

/// A key pair in PEM; the same for the same seed, as those of RSA take long to make.
fn key_pair(kind: KeyKind, seed: u8) -> (PrivateKey, String) {
    let (private, public) = pem_pair(kind, seed);
    (PrivateKey::new(kind, private.as_bytes()).unwrap(), public)
}

fn pem_pair(kind: KeyKind, seed: u8) -> (String, String) {
    static MADE: Mutex<BTreeMap<(String, u8), (String, String)>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let (private, public) = made.entry((format!("{kind:?}"), seed)).or_insert_with(|| {
        let algorithm = match kind {
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
            KeyKind::Rsa => &rcgen::PKCS_RSA_SHA256,
            KeyKind::Ec(Curve::P256) => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::Ec(Curve::P384) => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyKind::Ec(Curve::P521) => &rcgen::PKCS_ECDSA_P521_SHA512,
            KeyKind::Ec(Curve::K256) => panic!("no key of secp256k1 can be made"),
        };
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        (pair.serialize_pem(), pair.public_key_pem())
    });
    (private.clone(), public.clone())
}

/// A source, and the private key of its sender where it has one.
struct Example {
    source: Source,
    key: Option<PrivateKey>,
    token: Option<SigningKey>,
}

/// The algorithm of a sender of tokens that has a private key, and the kind of that.
fn public_token(id: &str) -> Option<(Algorithm, KeyKind)> {
    let table: toml::Table = provider::text(id).unwrap().parse().unwrap();
    let name = table.get("jwt")?.get("algorithms")?[0].as_str()?.to_owned();
    let algorithm = Algorithm::parse(&name)?;
    Some((algorithm, algorithm.family().kind()?))
}

fn token_key((algorithm, kind): (Algorithm, KeyKind), seed: u8) -> SigningKey {
    let (pem, _) = pem_pair(kind, seed);
    SigningKey::new(algorithm, &Secret::new(pem.into_bytes()), None).unwrap()
}

/// A source of the provider with one secret of its form.
fn example(id: &str, seed: u8) -> Example {
    if let Some(algorithm) = public_token(id) {
        let (_, kind) = algorithm;
        let (_, public) = key_pair(kind, seed);
        let (params, overrides) = completed(id);
        let overrides = format!("{overrides}\n[source.jwt.keys]\ntext = '''\n{public}'''\n");
        let policy = policy(id, "https://hooks.example.com", "/hook", &[], &params, &overrides);
        return Example { source: source(&policy), key: None, token: Some(token_key(algorithm, seed)) };
    }
    let kinds = kinds(id);
    let pairs: Vec<_> = kinds.iter().map(|kind| key_pair(*kind, seed)).collect();
    if let Some((key, _)) = pairs.first() {
        let (params, overrides) = completed(id);
        let public: String = pairs.iter().map(|(_, public)| public.as_str()).collect();
        let policy = policy(id, "https://hooks.example.com", "/hook", &[&public], &params, &overrides);
        return Example { source: source(&policy), key: Some(key.clone()), token: None };
    }
    Example { source: shared(id, seed), key: None, token: None }
}

/// A source that shares a secret with its sender.
fn shared(id: &str, seed: u8) -> Source {
    let (params, overrides) = completed(id);
    let text = provider::text(id).unwrap();
    let secret = match text {
        _ if text.lines().any(|line| line.starts_with("key ") && line.contains("encoding = \"base64")) => {
            STANDARD.encode([seed; 32])
        }
        // Digits are text as well.
        _ => hex::encode([seed; 32]),
    };
    source(&policy(id, "https://hooks.example.com", "/hook", &[&secret], &params, &overrides))
}

fn signed(example: &Example) -> Draft {
    let source = &example.source;
    let verifier = source.check.verifier().unwrap();
    let body = if verifier.reads_form() { "id=evt_1&a=1&b=2" } else { "{\"id\":\"evt_1\",\"n\":[1,2,3]}" };
    let mut draft = Draft::new(source.methods.first().unwrap().clone(), "/hook", body);
    draft.fill = true;
    draft.private_key.clone_from(&example.key);
    draft.key.clone_from(&example.token);
    draft.params.insert("event".to_owned(), "it".to_owned());
    let content_type =
        if verifier.reads_form() { "application/x-www-form-urlencoded" } else { "application/json" };
    draft.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    verifier.sign(&mut draft, NOW).unwrap();
    draft
}

fn verdict(source: &Source, draft: &Draft, now: UnixTime) -> Result<Sender, VerifyError> {
    let head = head_of(source, draft.method.as_str(), &draft.target, &draft.headers);
    judge(source.check.verifier().unwrap(), &head, &draft.body, now)
}

/// Sign, verify; then another body, every header and the query changed, another time, another secret.
fn round_trip(id: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let example = example(id, 7);
    let source = &example.source;
    let verifier = source.check.verifier().unwrap();
    if verifier.public_algorithms().iter().any(|algorithm| algorithm.is_weak()) {
        return faults; // nothing here signs with SHA-1; the published messages have to do
    }
    let draft = signed(&example);
    let mut expect = |what: &str, outcome: Result<Sender, VerifyError>, reasons: &[&str]| {
        let code = outcome.as_ref().map_or_else(|error| error.reason().code(), |_| "verified");
        if !reasons.contains(&code) {
            faults.push(format!("{id}: {what}: {code}, expected {reasons:?}"));
        }
    };
    expect("as signed", verdict(source, &draft, NOW), &["verified"]);
    let refused = &[
        "signature_mismatch",
        "body_hash_mismatch",
        "signature_missing",
        "signature_malformed",
        "field_malformed",
        "field_missing",
        "token_malformed",
        "handshake_text",
        "timestamp_malformed",
        "timestamp_too_old",
        "timestamp_in_future",
        "credential_mismatch",
        "credential_malformed",
        "credential_missing",
        // A token that is the body says another thing with every byte.
        "algorithm_not_allowed",
        "claim_missing",
        "claim_malformed",
        "token_type_mismatch",
        "issuer_mismatch",
        "audience_mismatch",
        "token_expired",
        "token_not_yet_valid",
    ];
    if verifier.covers() == Covers::Body {
        for at in 0..draft.body.len() {
            let mut body = draft.body.to_vec();
            body[at] ^= 1;
            let changed = Draft { body: Bytes::from(body), ..draft.clone() };
            // A form ends where it ends: what a digit was may have been an escape.
            expect("body changed", verdict(source, &changed, NOW), refused);
        }
        let longer = Draft { body: Bytes::from([&draft.body[..], b"x"].concat()), ..draft.clone() };
        expect("body longer", verdict(source, &longer, NOW), refused);
    }
    let other = signed(&self::example(id, 8));
    expect("another secret", verdict(source, &other, NOW), &["signature_mismatch", "credential_mismatch"]);
    if let Some((tolerance, true)) = verifier.tolerance().filter(|_| verifier.scheme_name() == "signature") {
        let at = |seconds: i64| verdict(source, &draft, UnixTime(NOW.0 + seconds));
        expect("at the end of the tolerance", at(tolerance), &["verified"]);
        expect("too old", at(tolerance + 1), &["timestamp_too_old"]);
        expect("too early", at(-tolerance - 1), &["timestamp_in_future"]);
        let mut later = draft.clone();
        verifier.sign(&mut later, UnixTime(NOW.0 + 1)).unwrap();
        // The time of one with the signature of the other.
        for name in later
            .headers
            .keys()
            .filter(|name| name.as_str().contains("time") || name.as_str().contains("date"))
        {
            let mut mixed = draft.clone();
            mixed.headers.insert(name, later.headers[name].clone());
            if draft.headers.get(name) != later.headers.get(name) && name != "x-hub-signature" {
                // Some say their time twice, and both must agree.
                let refused = &["signature_mismatch", "field_mismatch"];
                expect("another time", verdict(source, &mixed, NOW), refused);
            }
        }
    }
    faults
}

#[test]
fn what_a_provider_signs_is_verified_and_changes_are_refused() {
    let mut faults = Vec::new();
    let mut count = 0;
    for id in provider::names().filter(|id| !PUBLIC_KEYS.contains(id)) {
        count += 1;
        match std::panic::catch_unwind(|| round_trip(id)) {
            Ok(found) => faults.extend(found),
            Err(cause) => faults.push(format!("{id}: {:?}", cause.downcast_ref::<String>())),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(count > 150, "{count} providers");
}
