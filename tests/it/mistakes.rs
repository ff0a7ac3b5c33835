//! Mistakes at the command line around `providers`, `init` and `send`: each has its exit code, and what helps on
//! standard error.

use crate::commands::{Desk, json};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use std::fs;

/// It ends with this code, prints nothing, and says this.
fn told(desk: &Desk, code: i32, arguments: &[&str], word: &str) {
    let (out, err) = desk.expect(code, arguments);
    assert!(out.is_empty() && err.contains(word), "{arguments:?}: {out}{err}");
    assert!(!err.contains("panicked") && err.lines().count() < 20, "{arguments:?}: {err}");
}

#[test]
fn a_provider_that_is_not_there_is_answered_with_the_nearest() {
    let desk = Desk::new();
    desk.write("x", "POST / HTTP/1.1\r\n\r\n");
    for (id, near) in [
        ("GitHub", "`github`"),
        ("githup", "`github`"),
        ("gihtub", "`github`"),
        ("shopfy", "`shopify`"),
        ("standard_webhooks", "`standard-webhooks`"),
        ("Stripe ", "`stripe`"),
        ("twillio", "`twilio`"),
    ] {
        told(&desk, 2, &["providers", "show", id], near);
        told(&desk, 2, &["init", "--provider", id], near);
        told(&desk, 2, &["init", "--provider", "stripe", "--provider", id], near);
        told(&desk, 2, &["verify", "--provider", id, "--secret-file", "x", "--raw", "x"], near);
    }
    for id in ["", "../github", "github.toml", "nobody-at-all-sends-so", "\u{1b}[31m", "%s"] {
        let (out, err) = desk.expect(2, &["providers", "show", id]);
        assert!(out.is_empty() && err.contains("there is no provider"), "{err}");
        assert!(!err.contains('\u{1b}'), "{err:?}");
    }
    desk.write("bonafide.toml", policy("githup"));
    let (_, err) = desk.expect(3, &["check"]);
    assert!(err.contains("unknown_provider") && err.contains("github"), "{err}");
    desk.write("bonafide.toml", policy("github"));
    desk.expect(0, &["check"]);
}

fn policy(provider: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:2\"\nplaintext = true\n[upstream]\nurl = \"http://127.0.0.1:1\"\n\
         [[source]]\nname = \"a\"\npath = \"/a\"\nprovider = \"{provider}\"\nsecret = {{ env = \"DESK_SECRET\" }}\n"
    )
}

#[test]
fn words_of_providers_are_checked() {
    let desk = Desk::new();
    told(&desk, 2, &["providers"], "Usage");
    told(&desk, 2, &["providers", "lst"], "list");
    told(&desk, 2, &["providers", "show"], "<ID>");
    told(&desk, 2, &["providers", "show", "stripe", "github"], "github");
    told(&desk, 2, &["providers", "list", "stripe"], "stripe");
    told(&desk, 2, &["providers", "list", "--format", "yaml"], "json");
    told(&desk, 2, &["providers", "show", "stripe", "--format", "markdown"], "json");
    let long = "a".repeat(65);
    for name in ["", "a b", "a.b", "a/b", "\"", "\u{e9}", "github", &long] {
        told(&desk, 2, &["providers", "show", "stripe", "--as", name], "--as");
    }
    desk.expect(0, &["providers", "show", "stripe", "--as", &long[1..]]);
}

#[test]
fn a_search_finds_what_has_all_words_whatever_their_case() {
    let desk = Desk::new();
    let found = |words: &[&str]| {
        let (out, _) = desk.expect(0, &[&["providers", "search", "--format", "json"], words].concat());
        let rows = json(&out);
        rows.as_array()
            .expect("rows")
            .iter()
            .map(|row| row["id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&["GitHub"])[0], "github");
    assert_eq!(found(&["standard", "webhooks"])[0], "standard-webhooks");
    assert_eq!(found(&["stripe.com"])[0], "stripe");
    assert!(found(&["gitlab"]).iter().any(|id| id == "gitlab-token"));
    assert_eq!(found(&["shopfy"])[0], "shopify");
    assert_eq!(found(&["docs.stripe.com"])[0], "stripe");
    for words in [&["stripe", "nobody-at-all"][..], &["\u{1b}[31m"], &["zzzzzzzz"], &[".*"]] {
        let (out, err) = desk.expect(1, &[&["providers", "search"], words].concat());
        assert!(out.is_empty() && err.contains("no provider") && !err.contains('\u{1b}'), "{err:?}");
    }
}

/// What is shown to be pasted is a provider that checks, whatever its kind.
#[test]
fn what_is_shown_can_be_pasted() {
    let desk = Desk::new();
    for id in ["github", "slack", "svix", "twitch", "docusign", "mailgun", "adyen-standard", "shopify"] {
        let (text, _) = desk.expect(0, &["providers", "show", id, "--as", "mine"]);
        let key = "signature.key.min_bytes = 1
signature.key.encoding = \"utf8\"
";
        let policy = policy("mine").replace("provider = \"mine\"\n", &format!("provider = \"mine\"\n{key}"));
        desk.write("bonafide.toml", format!("{policy}public_url = \"https://h.example\"\n{text}"));
        let (out, _) = desk.expect(0, &["check", "--format", "json"]);
        assert_eq!(json(&out)["routes"][0]["source"], "a", "{id}");
    }
}

#[test]
fn a_policy_to_begin_with_says_what_is_left_to_fill_in() {
    let desk = Desk::new();
    told(&desk, 2, &["init", "--provider"], "--provider");
    told(&desk, 2, &["init", "github"], "github");
    told(&desk, 4, &["init", "--output", "nowhere/new.toml"], "nowhere/new.toml");
    told(&desk, 4, &["init", "--output", "."], ".");
    told(&desk, 0, &["init", "--provider", "github", "--output", "bonafide.toml"], "check --no-secrets");
    let path = desk.write("other", "");
    let file = path.with_file_name("bonafide.toml");
    let written = fs::read_to_string(&file).expect("a policy");
    // Once more, and it stays as it is; not even a link is followed.
    told(&desk, 4, &["init", "--provider", "stripe", "--output", "bonafide.toml"], "bonafide.toml");
    std::os::unix::fs::symlink("target.toml", path.with_file_name("link.toml")).expect("a link");
    told(&desk, 4, &["init", "--output", "link.toml"], "link.toml");
    assert!(!path.with_file_name("target.toml").exists());
    assert_eq!(fs::read_to_string(&file).expect("a policy"), written);
    // With secrets it is not yet a policy, and says which variable is missing.
    let (_, err) = desk.expect(3, &["check"]);
    assert!(err.contains("GITHUB_SECRET"), "{err}");
    desk.expect(3, &["run"]);
    desk.expect(0, &["check", "--no-secrets"]);
}

const SECRET: &str = "a-secret-of-a-sender-0123456789abcdef";
const OTHER: &str = "a-secret-of-another-0123456789abcdef";

/// Providers of one's own, in which the proof stands in many places.
const SOURCES: &str = r#"
[provider.groups.signature]
algorithm = "hmac-sha256"
message = "{t}.{body}"
[provider.groups.signature.fields]
t = { header = "Acme", group = " ", list = ",", key = "t", role = "timestamp", unit = "s" }
sig = { header = "Acme", group = " ", list = ",", key = "v1", role = "signature", encoding = "hex" }

[provider.envelope.signature]
algorithm = "hmac-sha512"
message = "{t}.{body}"
[provider.envelope.signature.fields]
t = { header = "X-Envelope", decode = "base64", inside = "/t", role = "timestamp", unit = "ms" }
sig = { header = "X-Envelope", decode = "base64", inside = "/sig", role = "signature", encoding = "base64" }

[provider.digest.signature]
algorithm = "hmac-sha256"
message = "{method} {target} {t} {digest}"
[provider.digest.signature.fields]
t = { header = "X-Date", role = "timestamp", unit = "http_date" }
digest = { header = "X-Digest", equals = "{body|sha256|base64}" }
sig = { family = "X-Sig-{n}", role = "signature", encoding = "base64url", many = 3 }

[provider.query.signature]
algorithm = "hmac-sha256"
message = "{path}?{pairs|without:sig|sort|join:&}|{body}"
[provider.query.signature.fields]
t = { query = "t", role = "timestamp", unit = "rfc3339" }
sig = { query = "sig", role = "signature", encoding = "hex" }

[provider.plain.signature]
algorithm = "sha256"
message = "{secret}:{t}:{body}:{secret}"
[provider.plain.signature.fields]
t = { header = "X-Time", role = "timestamp", unit = "us" }
sig = { header = "X-Sig", role = "signature", encoding = "base64_hex" }
"#;

#[test]
fn forged_requests_of_senders_of_ones_own_are_refused() {
    let (desk, recorder) = (Desk::new(), Recorder::start());
    let mut sources = String::new();
    let names = ["groups", "envelope", "digest", "query", "plain"];
    for name in names {
        sources.push_str(&format!(
            "[[source]]\nname = \"{name}\"\npath = \"/{name}\"\nprovider = \"{name}\"\nreplay = \"off\"\nsecret = {{ literal = \"{SECRET}\" }}\n"
        ));
    }
    sources.push_str(&format!(
        "[[source]]\nname = \"tenants\"\npath = \"/tenants/{{tenant}}\"\nprovider = \"groups\"\nreplay = \"off\"\n\
         secrets = {{ by = \"tenant\", keys = {{ acme = {{ literal = \"{SECRET}\" }}, beta = {{ literal = \"{OTHER}\" }} }} }}\n"
    ));
    let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(&sources).add(SOURCES));
    desk.write("body", "{\"id\":\"evt_1\"}");
    let directory = proxy.policy.directory.path().display().to_string();
    let send = |code: i32, source: &str, path: &str, more: &[&str]| {
        let arguments = [
            "send".to_owned(),
            format!("--source={source}"),
            format!("--config={directory}/bonafide.toml"),
            format!("--url=https://hooks.example/{path}"),
            format!("--connect={}", proxy.address),
            format!("--ca={directory}/certificate.pem"),
            "--body=body".to_owned(),
            "--format=json".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        desk.expect(code, &arguments)
    };
    let paths = names.map(|name| (name, name)).into_iter();
    for (source, path) in paths.chain([("tenants", "tenants/acme"), ("tenants", "tenants/beta")]) {
        let row = json(&send(0, source, path, &[]).0);
        assert_eq!(row["status"], 200, "{path}: {row}");
        let before = (recorder.served(), recorder.connections());
        for (tamper, reasons) in [
            ("body", &["signature_mismatch", "body_hash_mismatch"][..]),
            ("signature", &["signature_mismatch", "signature_malformed"]),
            ("time", &["timestamp_too_old"]),
            ("key", &["signature_mismatch"]),
        ] {
            let row = json(&send(1, source, path, &[&format!("--tamper={tamper}")]).0);
            let id = row["headers"].as_array().expect("fields").iter().find(|pair| pair[0] == "x-request-id");
            let line = proxy.log_line(id.expect("an id")[1].as_str().expect("text")).expect("a line");
            let reason = line["reason"].as_str().expect("a reason");
            assert!(row["status"] == 401 && reasons.contains(&reason), "{path} {tamper}: {line}");
        }
        assert_eq!((recorder.served(), recorder.connections()), before, "{path}: the upstream saw it");
    }
    for (what, code, more, word) in [
        ("an unknown word", 2, &["--tamper=bdy"][..], "body"),
        ("no word", 2, &["--tamper"], "--tamper"),
        ("no such source", 2, &["--source=grups"], "cannot be used multiple times"),
        ("no repetition", 2, &["--repeat=0"], "--repeat"),
    ] {
        let (out, err) = send(code, "groups", "groups", more);
        assert!(out.is_empty() && err.contains(word), "{what}: {err}");
    }
    let (out, err) = send(2, "grups", "groups", &[]);
    assert!(out.is_empty() && err.contains("`groups`"), "{err}");
    // A tenant that nobody is has no secret to sign with.
    let (out, err) = send(2, "tenants", "tenants/gamma", &[]);
    assert!(out.is_empty() && err.contains("names nobody"), "{err}");
    assert!(proxy.log().iter().all(|line| !line.contains(SECRET) && !line.contains(OTHER)));
}
