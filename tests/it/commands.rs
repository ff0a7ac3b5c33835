//! The commands `check`, `verify` and `sign` of the built binary.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const PROVIDERS: [&str; 7] = ["fluid", "github", "shopify", "slack", "standard-webhooks", "stripe", "svix"];
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: &str = "1614265330";

/// A directory with files, in which the binary runs.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.args(arguments).current_dir(self.0.path()).env_remove("BONAFIDE_CONFIG");
        command.env("DESK_SECRET", "hunter2hunter2hunter2").output().unwrap()
    }

    /// Runs, and asserts the exit code; standard output and standard error.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        (out, err)
    }
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn body_of(message: &Value) -> Vec<u8> {
    use base64::Engine;
    match message["body_base64"].as_str() {
        Some(text) => base64::engine::general_purpose::STANDARD.decode(text).unwrap(),
        None => message["body"].as_str().unwrap().as_bytes().to_vec(),
    }
}

/// The head of a message as a file; nothing where a value cannot stand in one.
fn head_of(message: &Value) -> Option<String> {
    let mut head = String::from("POST /hooks HTTP/1.1\r\n");
    for row in message["headers"].as_array().unwrap() {
        let (name, value) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        if value.contains(['\r', '\n', '\0']) {
            return None;
        }
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    Some(head)
}

/// Runs `verify` over one published or changed message; whether it could be run.
fn verdict_agrees(desk: &Desk, provider: &str, message: &Value) -> bool {
    let Some(head) = head_of(message) else { return false };
    desk.write("head", head);
    desk.write("body", body_of(message));
    let now = message["now"].to_string();
    let mut arguments =
        vec!["verify", "--provider", provider, "--headers", "head", "--body", "body", "--at", &now];
    let secrets: Vec<&str> =
        message["secrets"].as_array().unwrap().iter().map(|secret| secret.as_str().unwrap()).collect();
    let names: Vec<String> = (0..secrets.len()).map(|index| format!("secret{index}")).collect();
    for (name, secret) in names.iter().zip(&secrets) {
        desk.write(name, format!("{secret}\n"));
        arguments.extend(["--secret-file", name]);
    }
    let expected = message["expect"].as_str().unwrap();
    let (out, err) = desk.expect(i32::from(expected != "verified"), &arguments);
    if expected == "verified" {
        assert!(out.starts_with(&format!("genuine: provider {provider}, key secret-")), "{out}");
        assert_eq!(err, "");
        if let Some(id) = message["event_id"].as_str() {
            assert!(out.contains(&format!("event id {id}")), "{out}");
        }
    } else {
        assert!(err.starts_with(&format!("{expected}: ")), "{provider}, {}: {err}", message["why"]);
        assert_eq!(out, "");
    }
    assert_eq!(raw_verdict(desk, message, &arguments), (out.clone(), err.clone()), "as it stood on the wire");
    for secret in secrets.iter().filter(|secret| secret.len() > 6) {
        assert!(!out.contains(secret) && !err.contains(secret));
    }
    true
}

/// What `verify` says of the same request in one file, when it is given with these options in two.
fn raw_verdict(desk: &Desk, message: &Value, arguments: &[&str]) -> (String, String) {
    let (mut raw, body) = (head_of(message).unwrap_or_default(), body_of(message));
    if !raw.to_ascii_lowercase().contains("\r\ncontent-length:") {
        raw.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    desk.write("raw", [raw.as_bytes(), b"\r\n", &body].concat());
    let parts = ["--headers", "head", "--body", "body"];
    let rest = arguments.iter().copied().filter(|option| !parts.contains(option));
    let output = desk.run(&rest.chain(["--raw", "raw"]).collect::<Vec<_>>());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn published_messages_and_their_changes_get_their_verdict() {
    let desk = Desk::new();
    for (provider, fewest) in
        [("fluid", 40), ("github", 7), ("slack", 5), ("standard-webhooks", 40), ("stripe", 30)]
    {
        let file = json(&fs::read_to_string(root(&format!("tests/vectors/{provider}.json"))).unwrap());
        let messages = file["messages"].as_array().unwrap();
        let run = messages.iter().filter(|message| verdict_agrees(&desk, provider, message)).count();
        assert!(run >= fewest, "{provider}: {run} of {}", messages.len());
    }
}

#[test]
fn what_sign_writes_verify_believes() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("body", "{\"id\": \"evt_1\", \"event_id\": \"Ev1\"}");
    desk.write("other", "{\"id\": \"evt_2\"}");
    desk.write("extra", "X-Extra: 1\nContent-Type: application/json\n");
    for provider in PROVIDERS {
        let common = ["--provider", provider, "--secret-file", "secret", "--at", NOW];
        let sign = [&["sign", "--headers", "extra", "--body", "body"][..], &common].concat();
        let (headers, err) = desk.expect(0, &sign);
        assert!(headers.contains("x-extra: 1\n"), "{headers}");
        assert!(err.is_empty() && !headers.contains(SECRET));
        desk.write("headers", &headers);
        let verify = |body| [&["verify", "--headers", "headers", "--body", body][..], &common].concat();
        let (out, _) = desk.expect(0, &verify("body"));
        assert!(out.starts_with(&format!("genuine: provider {provider}, key secret-1")), "{out}");
        let (_, err) = desk.expect(1, &verify("other"));
        assert!(err.starts_with("signature_mismatch: "), "{err}");
    }
}

#[test]
fn json_answers_have_their_keys() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("body", "{}");
    let common =
        ["--provider", "standard-webhooks", "--secret-file", "secret", "--body", "body", "--at", NOW];
    let url = "https://h.example/hooks?a=b";
    let sign = [&["sign", "--format", "json", "--url", url][..], &common].concat();
    let signed = json(&desk.expect(0, &sign).0);
    assert_eq!((signed["method"].as_str(), signed["url"].as_str()), (Some("POST"), Some(url)));
    let rows = signed["headers"].as_array().unwrap();
    let lines: String = rows
        .iter()
        .map(|row| format!("{}: {}\n", row[0].as_str().unwrap(), row[1].as_str().unwrap()))
        .collect();
    desk.write("headers", &lines);
    let verify = [&["verify", "--format", "json", "--headers", "headers"][..], &common].concat();
    let answer = json(&desk.expect(0, &verify).0);
    assert_eq!(answer["genuine"], true);
    assert_eq!(answer["provider"], "standard-webhooks");
    assert_eq!(answer["source"], Value::Null);
    assert_eq!(answer["reason"], Value::Null);
    assert_eq!(answer["key"], "secret-1");
    assert_eq!(answer["timestamp"], 1_614_265_330);
    assert!(answer["event_id"].as_str().unwrap().starts_with("msg"));
    desk.write("headers", "a: b\n");
    let answer = json(&desk.expect(1, &verify).0);
    assert_eq!(
        (&answer["genuine"], answer["reason"].as_str()),
        (&Value::Bool(false), Some("signature_missing"))
    );
    assert!(answer["detail"].as_str().unwrap().contains("absent"));
}

#[test]
fn standard_input_is_one_file() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    let both = ["sign", "--provider", "github", "--secret-file", "-", "--body", "-"];
    assert!(desk.expect(2, &both).1.contains("standard input"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    let arguments = ["sign", "--provider", "github", "--secret-file", "secret", "--body", "-"];
    command.args(arguments).current_dir(desk.0.path()).stdin(std::process::Stdio::null());
    let piped = command.output().unwrap();
    desk.write("empty", "");
    let named = desk.run(&["sign", "--provider", "github", "--secret-file", "secret", "--body", "empty"]);
    assert!(piped.status.success() && !piped.stdout.is_empty());
    // The id differs: two deliveries with the same body are two events.
    let signature = |output: &[u8]| {
        let text = String::from_utf8_lossy(output).into_owned();
        text.lines().find(|line| line.starts_with("x-hub-signature-256")).map(str::to_owned)
    };
    assert_eq!(signature(&piped.stdout), signature(&named.stdout));
}

#[test]
fn a_short_key_will_do_without_a_policy_and_rotation_takes_several() {
    let desk = Desk::new();
    desk.write("short", "whsec_c2hvcnQ=\r\n");
    desk.write("bare", "c2hvcnQ=");
    desk.write("secret", SECRET);
    desk.write("body", "{}");
    let common = ["--provider", "svix", "--body", "body", "--at", NOW];
    let (headers, _) = desk.expect(0, &[&["sign", "--secret-file", "short"][..], &common].concat());
    desk.write("headers", headers);
    let verify = |files: &[&'static str]| [&["verify", "--headers", "headers"][..], files, &common].concat();
    let (out, _) = desk.expect(0, &verify(&["--secret-file", "secret", "--secret-file", "bare"]));
    assert!(out.contains("key secret-2"), "{out}");
    desk.expect(1, &verify(&["--secret-file", "secret"]));
}

#[test]
fn a_curl_line_means_the_same_to_a_shell() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("it's", "{}");
    desk.write("extra", "X-Odd: a'b $(c) `d` \\ \"e\"\n");
    let url = "https://h.example/hooks?a='$x'";
    let base =
        ["sign", "--provider", "github", "--secret-file", "secret", "--body", "it's", "--headers", "extra"];
    let (line, _) = desk.expect(0, &[&base[..], &["--curl", "--url", url]].concat());
    assert!(line.starts_with("curl ") && line.lines().count() == 1, "{line}");
    assert!(!line.contains(" -k") && !line.contains("--insecure"));
    let script = line.replacen("curl", "printf '%s\\n'", 1);
    let words = Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
    let words = String::from_utf8(words).unwrap();
    for word in ["x-odd: a'b $(c) `d` \\ \"e\"", "@it's", url, "--data-binary"] {
        assert!(words.lines().any(|line| line == word), "{word} in {words}");
    }
    let (_, err) = desk.expect(2, &[&base[..], &["--curl", "--url", "/hooks"]].concat());
    assert!(err.contains("--url"), "{err}");
}

#[test]
fn mistakes_on_the_command_line_have_their_codes() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("body", "{}");
    desk.write("folded", "A: hunter2\n hunter3\n");
    let github = |rest: &[&'static str]| {
        [&["verify", "--provider", "github", "--secret-file", "secret"][..], rest].concat()
    };
    for (code, arguments, word) in [
        (2, vec!["verify"], "--provider"),
        (2, vec!["verify", "--provider", "github", "--headers", "/dev/null"], "--secret-file"),
        (2, vec!["verify", "--provider", "githup", "--secret-file", "secret", "--headers", "x"], "`github`"),
        (2, github(&[]), "--headers"),
        (2, github(&["--headers", "folded", "--body", "body"]), "line 2"),
        (2, github(&["--headers", "body", "--body", "body"]), "line 1"),
        (2, github(&["--headers", "/dev/null"]), "--body"),
        (2, github(&["--headers", "/dev/null", "--body", "body", "--url", "/a/../b"]), "target_not_normal"),
        (2, github(&["--headers", "/dev/null", "--body", "body", "--at", "-5"]), "'-5'"),
        (4, github(&["--headers", "nowhere", "--body", "body"]), "nowhere"),
        (4, github(&["--headers", "/dev/null", "--body", "nowhere"]), "nowhere"),
        (4, vec!["sign", "--provider", "github", "--secret-file", "nowhere", "--body", "body"], "nowhere"),
        (2, vec!["sign", "--provider", "svix", "--secret-file", "body", "--body", "body"], "base64"),
    ] {
        let (out, err) = desk.expect(code, &arguments);
        assert!(err.contains(word), "{arguments:?}: {err}");
        assert!(out.is_empty() && !err.contains("hunter") && !err.contains(SECRET));
    }
}

const GOOD: &str = r#"
[server]
listen = "127.0.0.1:8443"
plaintext = true
[upstream]
url = "http://127.0.0.1:3000"

[[source]]
name = "wide"
path = "/hooks/{tenant}/token"
secret = { env = "DESK_SECRET" }
[source.token]
header = "X-Token"

[[source]]
name = "git"
path = "/hooks/git"
host = "hooks.example"
provider = "github"
secret = { file = "secret" }

[[source]]
name = "login"
path = "/hooks/login"
mode = "report"
secret = { env = "DESK_SECRET" }
[source.basic]
username = "me"

[[source]]
name = "open"
path = "/open/*"
upstream_path = "/o/*"
scheme = "none"
"#;

#[test]
fn a_good_file_is_shown_most_specific_first_with_its_waivers() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("bonafide.toml", GOOD);
    let (out, err) = desk.expect(0, &["check"]);
    let first: Vec<&str> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first, ["HOST", "hooks.example", "*", "*", "*", "WAIVER:", "WAIVER:", "ok:"], "{out}");
    assert!(out.lines().last().unwrap().starts_with("ok: 4 sources"));
    assert!(out.contains("UNVERIFIED") && out.contains("REPORT ONLY"));
    assert!(err.contains("waiver"));
    let (text, _) = desk.expect(0, &["validate", "--format", "json", "--config", "bonafide.toml"]);
    let report = json(&text);
    assert_eq!(report["ok"], true);
    let routes = report["routes"].as_array().unwrap();
    let of = |key: &str| routes.iter().map(|route| route[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("source"), ["git", "login", "wide", "open"]);
    assert_eq!(of("scheme"), ["signature", "basic", "token", "none"]);
    assert_eq!(of("covers"), ["body", "origin", "origin", "nothing"]);
    assert_eq!(of("mode"), ["enforce", "report", "enforce", "none"]);
    assert_eq!(of("waiver"), [Value::Null, "report".into(), Value::Null, "none".into()]);
    assert_eq!((&routes[0]["provider"], &routes[0]["event_id"]), (&"github".into(), &"unsigned".into()));
    assert_eq!(routes[3]["upstream"], "http://127.0.0.1:3000 /o/*");
    for key in ["host", "path", "methods", "timestamp", "max_body"] {
        assert!(routes[0].get(key).is_some(), "{key}");
    }
    for text in [out, err, text] {
        assert!(!text.contains("hunter2") && !text.contains(SECRET));
    }
}

#[test]
fn a_bad_file_is_refused_with_every_problem() {
    let desk = Desk::new();
    let bad = GOOD.replace("mode = \"report\"", "mode = \"repotr\"").replace("\"github\"", "\"githup\"");
    desk.write("bonafide.toml", bad.replace("{ env = \"DESK_SECRET\" }", "{ literal = \"hunter2hunter2\" }"));
    let (out, err) = desk.expect(3, &["check"]);
    assert!(out.is_empty() && err.contains("bonafide.toml:") && err.contains("github"), "{err}");
    let (text, _) = desk.expect(3, &["check", "--format", "json"]);
    let report = json(&text);
    assert_eq!(report["ok"], false);
    assert_eq!(report["routes"], Value::Array(Vec::new()));
    let problems = report["problems"].as_array().unwrap();
    assert!(problems.len() >= 3, "{text}");
    for key in ["file", "line", "column", "severity", "code", "message", "help"] {
        assert!(problems.iter().all(|problem| problem.get(key).is_some()), "{key}");
    }
    let (_, missing) = desk.expect(3, &["check", "--config", "nowhere.toml"]);
    assert!(missing.contains("nowhere.toml"));
    let common = ["--headers", "/dev/null", "--body", "/dev/null"];
    desk.expect(3, &[&["verify", "--source", "git"][..], &common].concat());
    for text in [err, text] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn certificates_are_tried_unless_secrets_are_left_out() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("chain.pem", "no certificate\n");
    desk.write("key.pem", "no key\n");
    desk.write("ca.pem", "");
    let tls = "[server.tls]\ncertificate = \"chain.pem\"\nprivate_key = \"key.pem\"";
    let toml = GOOD.replace("plaintext = true", tls);
    let toml =
        toml.replace("url = \"http://127.0.0.1:3000\"", "url = \"https://app.example\"\nca = \"ca.pem\"");
    desk.write("bonafide.toml", toml);
    let (_, err) = desk.expect(3, &["check"]);
    assert!(err.contains("certificate_unusable") && err.contains("authorities_unusable"), "{err}");
    desk.expect(0, &["check", "--no-secrets"]);
}

#[test]
fn show_prints_a_source_without_secrets() {
    let desk = Desk::new();
    desk.write("bonafide.toml", GOOD);
    let (out, _) = desk.expect(0, &["check", "--show", "git"]);
    assert!(out.contains("X-Hub-Signature-256") && out.contains("secret"), "{out}");
    toml::from_str::<toml::Table>(&out).unwrap();
    let (_, err) = desk.expect(2, &["check", "--show", "gti"]);
    assert!(err.contains("`git`"), "{err}");
}

#[test]
fn samples_pass_without_secrets() {
    let desk = Desk::new();
    for (sample, sources) in [("config/bonafide.toml", 3), ("config/bonafide.full.toml", 5)] {
        let path = root(sample);
        let (out, _) = desk
            .expect(0, &["check", "--no-secrets", "--format", "json", "--config", path.to_str().unwrap()]);
        let routes = json(&out)["routes"].as_array().unwrap().len();
        assert!(routes >= sources, "{sample}: {routes}");
    }
}

/// A message that cannot be written is no reason to end in another way.
#[test]
fn exit_codes_hold_when_standard_error_is_full() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("head", "POST / HTTP/1.1\r\n");
    desk.write("body", "{}");
    let verify = "verify --provider github --secret-file secret --headers head --body body";
    for (arguments, code) in [("run --config absent.toml", 3), ("check --config absent.toml", 3), (verify, 1)]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        let command = command.args(arguments.split(' ')).current_dir(desk.0.path());
        assert_eq!(command.stderr(full).status().unwrap().code(), Some(code), "{arguments}");
    }
}

/// The first line of the samples names the file, for editors.
#[test]
fn the_schema_beside_the_samples_is_current() {
    let (out, _) = Desk::new().expect(0, &["schema"]);
    let kept = fs::read_to_string(root("config/bonafide.schema.json")).unwrap_or_default();
    let renew = "cargo run -- schema > config/bonafide.schema.json";
    assert!(
        out == kept,
        "config/bonafide.schema.json is not what `bonafide schema` prints; renew it: {renew}"
    );
    for sample in ["config/bonafide.toml", "config/bonafide.full.toml"] {
        let text = fs::read_to_string(root(sample)).unwrap();
        assert_eq!(text.lines().next(), Some("#:schema ./bonafide.schema.json"), "{sample}");
    }
}

#[test]
fn sources_of_a_policy_sign_and_verify() {
    let desk = Desk::new();
    desk.write("secret", SECRET);
    desk.write("bonafide.toml", GOOD);
    desk.write("body", "{}");
    for (source, header) in [("git", "x-hub-signature-256"), ("wide", "x-token"), ("login", "authorization")]
    {
        let common = ["--source", source, "--body", "body"];
        let (headers, _) = desk.expect(0, &[&["sign"][..], &common].concat());
        assert!(headers.contains(&format!("{header}: ")), "{headers}");
        desk.write("headers", &headers);
        let verify = |file| [&["verify", "--headers", file][..], &common].concat();
        let (out, err) = desk.expect(0, &verify("headers"));
        assert!(out.starts_with(&format!("genuine: source {source}, key ")), "{out}");
        assert!(!out.contains("hunter2") && !err.contains("hunter2"));
        desk.expect(1, &verify("/dev/null"));
    }
    for (source, word) in [("open", "proves nothing"), ("gti", "`git`")] {
        let (_, err) = desk.expect(2, &["sign", "--source", source, "--body", "body"]);
        assert!(err.contains(word), "{err}");
    }
}

const OWN: &str = r#"
[server]
listen = "127.0.0.1:8443"
plaintext = true
[upstream]
url = "http://127.0.0.1:3000"

[[source]]
name = "own"
path = "/hooks/{account}"
secret = { env = "DESK_SECRET" }
[source.signature]
algorithm = "hmac-sha256"
message = "{account}.{body}"
[source.signature.fields]
account = { path = "account" }
sig = { query = "sig", role = "signature", encoding = "base64url" }
"#;

#[test]
fn a_capture_is_signed_and_a_query_carries_the_signature() {
    let desk = Desk::new();
    desk.write("bonafide.toml", OWN);
    desk.write("body", "{}");
    let sign = ["sign", "--source", "own", "--body", "body", "--url", "https://h.example/hooks/acme?a=b"];
    let (head, _) = desk.expect(0, &sign);
    assert!(head.starts_with("POST /hooks/acme?a=b&sig="), "{head}");
    desk.write("head", &head);
    desk.write("forged", head.replace("/acme", "/evil"));
    let verify = |file| ["verify", "--source", "own", "--body", "body", "--headers", file];
    desk.expect(0, &verify("head"));
    let (_, err) = desk.expect(1, &verify("forged"));
    assert!(err.starts_with("signature_mismatch: "), "{err}");
    let (curl, _) = desk.expect(0, &[&sign[..], &["--curl"]].concat());
    assert!(curl.contains("'https://h.example/hooks/acme?a=b&sig="), "{curl}");
}
