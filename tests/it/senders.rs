//! Every built-in provider that is given a secret, as a sender: what `bonafide sign` makes for it passes as it is; the
//! same changed, or signed with the secret of somebody else, does not.

use crate::rig::client::{Client, once};
use crate::rig::policy::Policy;
use crate::rig::provider::{Source, algorithms, completed, file, ids, key_pairs, signs_tokens, table};
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::signer::sign;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Their senders are proved with keys that only they have.
const PUBLIC_KEYS: [&str; 6] = ["plaid", "vumi", "adcp", "adcp-request", "ucp", "web-bot-auth"];
/// The body of a provider without a published one.
const FALLBACK: &str = "{\"id\":\"evt_1\",\"n\":[1,2,3]}";

/// A provider's source and a request to it, not yet signed.
struct Sender {
    id: String,
    params: Value,
    overrides: String,
    request: Request,
    /// What it is told when it is refused.
    refused: u16,
}

impl Sender {
    fn new(id: String) -> Sender {
        let (mut params, mut overrides) = completed(&id);
        let row = published(&id);
        if let Some(object) = row["params"].as_object() {
            object.iter().for_each(|(name, value)| params[name] = value.clone());
        }
        if let Some(text) = row["overrides"].as_str() {
            text.clone_into(&mut overrides);
        }
        let request = request(&id, &row);
        let answers =
            table(&id).get("answers").and_then(|answers| answers.get("401")?.get("status")?.as_integer());
        let refused = answers.and_then(|status| u16::try_from(status).ok()).unwrap_or(401);
        assert!((400..500).contains(&refused), "{id}");
        Sender { id, params, overrides, request, refused }
    }

    /// Its table, with a secret of the form that the sender makes.
    fn source(&self, seed: u8) -> String {
        let key = table(&self.id);
        let key = key.get("signature").and_then(|signature| signature.get("key"));
        let encoding = key.and_then(|key| key.get("encoding")).and_then(|encoding| encoding.as_str());
        let secret = match encoding.unwrap_or_default() {
            name if name.starts_with("base64") => STANDARD.encode([seed; 32]),
            _ => hex::encode([seed; 32]),
        };
        let (params, overrides) = (&self.params, self.overrides.as_str());
        let (private, public) = key_pairs(&self.id, seed);
        if signs_tokens(&self.id) {
            let overrides = format!("{overrides}\n[source.jwt.keys]\ntext = '''\n{public}'''\n");
            return Source {
                name: &self.id,
                provider: &self.id,
                secrets: &[],
                params,
                overrides: &overrides,
            }
            .text();
        }
        let secret = if private.is_empty() { secret } else { public };
        Source { name: &self.id, provider: &self.id, secrets: &[&secret], params, overrides }.text()
    }

    fn signed(&self, seed: u8) -> Result<Request, String> {
        let swt = file(&self.id).lines().any(|line| line == "[swt]");
        let more: &[&str] = if swt { &["--param", "event=it"] } else { &[] };
        let (private, _) = key_pairs(&self.id, seed);
        let Some(key) = private.first() else {
            return sign(&self.source(seed), &self.id, &self.request, more);
        };
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), key).expect("a key");
        let path = file.path().to_str().expect("a path");
        sign(&self.source(seed), &self.id, &self.request, &["--private-key", path])
    }
}

/// Nobody should sign with SHA-1, so `sign` does not.
fn is_weak(id: &str) -> bool {
    algorithms(id).iter().any(|name| name.contains("sha1"))
}

/// A published message that proves a sender, or one of ours, if the provider's sources need nothing else.
fn published(id: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{id}.json"));
    let Ok(text) = fs::read_to_string(path) else { return Value::Null };
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let fits = |row: &&Value| {
        let overrides = row["overrides"].as_str().unwrap_or_default();
        let text = row.to_string();
        let handshake = text.contains("echostr") || text.contains("\\\"event\\\":\\\"webhook\\\"");
        row["expect"] == "verified"
            && !overrides.contains("secrets")
            && !overrides.contains("public_keys")
            && !overrides.contains(".keys]")
            && row["headers"].is_array()
            && !handshake
    };
    file["messages"].as_array().and_then(|rows| rows.iter().find(fits)).cloned().unwrap_or_default()
}

fn request(id: &str, row: &Value) -> Request {
    let query = row["url"].as_str().and_then(|url| url.split_once('?'));
    let query =
        query.map_or(String::new(), |(_, query)| format!("?{}", query.split('#').next().unwrap_or_default()));
    let methods = table(id);
    let method = methods.get("methods").and_then(|methods| methods[0].as_str()).unwrap_or("POST");
    let mut request = post(format!("/{id}{query}")).method(row["method"].as_str().unwrap_or(method));
    for pair in row["headers"].as_array().into_iter().flatten() {
        let (name, value) = (pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
        if !["host", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
            request = request.header(name, value);
        }
    }
    let encoded = ["body_base64", "body_b64"].into_iter().find_map(|key| row[key].as_str());
    match (encoded, row["body"].as_str()) {
        (Some(encoded), _) => request.body(STANDARD.decode(encoded).expect("base64")),
        (None, text) => request.body(text.unwrap_or(FALLBACK)),
    }
}

/// What `bonafide check` says that the proof of each source covers.
fn covers(proxy: &Proxy) -> HashMap<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    let command = command.args(["check", "--format", "json"]).current_dir(proxy.policy.directory.path());
    let report: Value =
        serde_json::from_slice(&command.output().expect("the binary runs").stdout).expect("JSON");
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = report["routes"].as_array().expect("routes").iter();
    rows.map(|row| (text(row, "source"), text(row, "covers"))).collect()
}

/// What came of a request.
struct Outcome {
    what: String,
    response: Response,
    forwarded: usize,
}

struct Bench {
    proxy: Proxy,
    recorder: Recorder,
    faults: Vec<String>,
    /// Those that were refused because the signature is another; their lines are looked for at the end.
    mismatches: Vec<Outcome>,
}

impl Bench {
    fn ask(&self, what: String, request: &Request) -> Outcome {
        let before = self.recorder.served();
        let response = once(Client::tls(self.proxy.address), request).expect("an answer");
        Outcome { what, response, forwarded: self.recorder.served() - before }
    }

    fn expect(&mut self, fine: bool, outcome: &Outcome) {
        if !fine {
            let id = outcome.response.header("x-request-id").expect("a request id");
            let line = self.proxy.log_line(&id).expect("a log line");
            self.faults
                .push(format!("{}: {} {} {}", outcome.what, line["status"], line["reason"], line["detail"]));
        }
    }

    fn run(&mut self, sender: &Sender, covers: &str) {
        let id = &sender.id;
        let [own, other] = match (sender.signed(7), sender.signed(8)) {
            (Ok(own), Ok(other)) => [own, other],
            (Err(error), _) | (_, Err(error)) => return self.faults.push(format!("{id}: {error}")),
        };
        let served = self.recorder.served();
        let outcome = self.ask(id.clone(), &own);
        self.expect((outcome.response.status, outcome.forwarded) == (200, 1), &outcome);
        let got = self.recorder.requests_from(served).expect("well-formed");
        self.expect(got.iter().all(|got| got.body == own.body && got.target == own.target), &outcome);
        let last = own.body.len().saturating_sub(1);
        for at in [0, last / 2, last] {
            let mut changed = own.clone();
            match changed.body.get_mut(at) {
                Some(byte) => *byte ^= 1,
                None => changed.body.push(b'x'),
            }
            let outcome = self.ask(format!("{id}: byte {at} changed, covers {covers}"), &changed);
            let answer = (outcome.response.status, outcome.forwarded);
            let refused = answer == (sender.refused, 0);
            // A changed body with the id of the first is a conflict where ids are remembered.
            self.expect(refused || covers != "body" && (answer.0 == 200 || answer == (409, 0)), &outcome);
        }
        let outcome = self.ask(format!("{id}: another secret"), &other);
        self.expect((outcome.response.status, outcome.forwarded) == (sender.refused, 0), &outcome);
        self.mismatches.push(outcome);
    }

    fn end(mut self) {
        for outcome in std::mem::take(&mut self.mismatches) {
            let id = outcome.response.header("x-request-id").expect("a request id");
            let line = self.proxy.log_line(&id).expect("a log line");
            let reasons = ["signature_mismatch", "credential_mismatch"];
            self.expect(reasons.iter().any(|reason| line["reason"] == *reason), &outcome);
        }
        let log = self.proxy.log().join("\n");
        for secret in [hex::encode([7; 32]), STANDARD.encode([7; 32])] {
            assert!(!log.contains(&secret), "a secret is in the log");
        }
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

#[test]
fn what_is_signed_for_a_provider_passes_as_it_is_and_nothing_else() {
    let senders =
        ids().into_iter().filter(|id| !PUBLIC_KEYS.contains(&id.as_str()) && !is_weak(id)).map(Sender::new);
    let senders: Vec<Sender> = senders.collect();
    assert!(senders.len() > 180, "{} senders", senders.len());
    let sources: String = senders.iter().map(|sender| sender.source(7)).collect();
    let recorder = Recorder::start();
    let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(&sources));
    let covers = covers(&proxy);
    let mut bench = Bench { proxy, recorder, faults: Vec::new(), mismatches: Vec::new() };
    for sender in &senders {
        bench.run(sender, &covers[&sender.id]);
    }
    bench.end();
}
