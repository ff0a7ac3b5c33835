//! `bonafide send` to a running proxy: what is genuine arrives, what is changed leaves no trace.

use crate::commands::{Desk, json};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::{Behaviour, Recorder};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;

const BODY: &str = "{\"id\": \"evt_1\", \"amount\": 1200}";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A source for each kind of proof; `own` has its signature in the query.
const SOURCES: &str = r#"
[[source]]
name = "github"
path = "/github"
provider = "github"
secret = { file = "secret" }
[[source]]
name = "stripe"
path = "/stripe"
provider = "stripe"
replay = "off"
secret = { file = "secret" }
[[source]]
name = "svix"
path = "/svix"
provider = "svix"
secret = { file = "secret" }
[[source]]
name = "swt"
path = "/swt"
provider = "swt"
swt.issuer = "https://sender.example"
secret = { file = "secret" }
[[source]]
name = "own"
path = "/own"
secret = { file = "secret" }
[source.signature]
algorithm = "hmac-sha1"
message = "{body}"
fields = { sig = { query = "sig", role = "signature", encoding = "base64" } }
[[source]]
name = "orders"
path = "/orders"
[source.jwt]
algorithms = ["ES256"]
keys = { file = "public.pem" }
issuer = "https://sender.example"
audience = "shop"
body_hash = { claim = "sha256" }
[[source]]
name = "token"
path = "/token"
secret = { file = "secret" }
token = { header = "X-Token" }
[[source]]
name = "basic"
path = "/basic"
secret = { file = "secret" }
basic = { username = "me" }
"#;

/// A proxy over TLS, its upstream, and a directory from which is sent.
struct Bench {
    desk: Desk,
    proxy: Proxy,
    recorder: Recorder,
}

impl Bench {
    fn start() -> Bench {
        let (desk, recorder) = (Desk::new(), Recorder::start());
        let policy = Policy::tls().upstream(&recorder.url).add(SOURCES);
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        policy.file("secret", SECRET.as_bytes());
        policy.file("public.pem", pair.public_key_pem().as_bytes());
        desk.write("private.pem", pair.serialize_pem());
        desk.write("body", BODY);
        Bench { desk, proxy: Proxy::start(policy), recorder }
    }

    /// `send` for a source over TLS, with these further options.
    fn arguments(&self, source: &str, more: &[&str]) -> Vec<String> {
        let directory = self.proxy.policy.directory.path().display();
        let mut arguments = vec![
            "send".to_owned(),
            format!("--source={source}"),
            format!("--config={directory}/bonafide.toml"),
            format!("--url=https://hooks.example/{source}"),
            format!("--connect={}", self.proxy.address),
            "--body=body".to_owned(),
        ];
        if !more.contains(&"--insecure") && !more.iter().any(|option| option.starts_with("--ca")) {
            arguments.push(format!("--ca={directory}/certificate.pem"));
        }
        if source == "orders" {
            arguments.extend(["--private-key=private.pem", "--kid=one"].map(str::to_owned));
        }
        if source == "swt" {
            arguments.push("--param=event=order.paid".to_owned());
        }
        arguments.extend(more.iter().map(|option| (*option).to_owned()));
        arguments
    }

    /// Runs it, and asserts the exit code.
    fn send(&self, code: i32, source: &str, more: &[&str]) -> (String, String) {
        let arguments = self.arguments(source, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (out, err) = self.desk.expect(code, &arguments);
        assert!(!out.contains(SECRET) && !err.contains(SECRET) || ["token", "basic"].contains(&source));
        (out, err)
    }

    /// Requests and connections of the upstream.
    fn seen(&self) -> (usize, usize) {
        (self.recorder.served(), self.recorder.connections())
    }
}

#[test]
fn what_is_genuine_arrives_as_it_was_signed() {
    let bench = Bench::start();
    for source in ["github", "stripe", "svix", "swt", "own", "orders", "token", "basic"] {
        let (out, err) = bench.send(0, source, &["--format=json"]);
        let row = json(&out);
        assert_eq!((&row["status"], &row["body"]), (&200.into(), &"accepted".into()), "{row}");
        assert!(row["headers"].as_array().unwrap().iter().any(|pair| pair[0] == "content-length"), "{row}");
        let sent = &row["sent"];
        assert_eq!(sent["method"], "POST");
        assert!(sent["url"].as_str().unwrap().starts_with(&format!("https://hooks.example/{source}")));
        assert!(sent["headers"].as_array().unwrap().contains(&serde_json::json!(["host", "hooks.example"])));
        assert_eq!(err, "");
        let got = bench.recorder.requests().unwrap().pop().unwrap();
        assert_eq!(got.body, BODY.as_bytes());
    }
    assert_eq!(bench.recorder.served(), 8);
    bench.recorder.next(Behaviour::status(500, "", "broken"));
    assert_eq!(bench.send(1, "github", &[]).0, "HTTP/1.1 500 Internal Server Error\nbroken\n");
}

#[test]
fn what_is_changed_leaves_no_trace() {
    let bench = Bench::start();
    let before = bench.seen();
    for source in ["github", "stripe", "svix", "swt", "own", "orders", "token", "basic"] {
        for tamper in ["body", "signature", "time", "key"] {
            let option = format!("--tamper={tamper}");
            let reason = match (source, tamper) {
                ("token" | "basic", "body") => continue,
                ("token" | "basic" | "github" | "own", "time") => {
                    let (_, err) = bench.send(2, source, &[&option]);
                    assert!(err.contains("proves no time"), "{err}");
                    continue;
                }
                ("token" | "basic", _) => "credential_mismatch",
                ("swt" | "orders", "body") => "body_hash_mismatch",
                ("swt" | "orders", "time") => "token_expired",
                (_, "time") => "timestamp_too_old",
                _ => "signature_mismatch",
            };
            let row = json(&bench.send(1, source, &[&option, "--format=json"]).0);
            assert_eq!(row["status"], 401, "{source} {tamper}: {row}");
            let id = row["headers"].as_array().unwrap().iter().find(|pair| pair[0] == "x-request-id");
            let line = bench.proxy.log_line(id.unwrap()[1].as_str().unwrap()).unwrap();
            assert_eq!(line["reason"], reason, "{source} {tamper}: {line}");
        }
    }
    assert_eq!(bench.seen(), before, "the upstream saw something");
    let (out, err) = bench.send(0, "token", &["--tamper=body"]);
    assert!(out.starts_with("HTTP/1.1 200 OK\n") && err.contains("does not cover"), "{out}{err}");
    bench.desk.write("body", "");
    assert!(bench.send(2, "github", &["--tamper=body"]).1.contains("no body"));
}

#[test]
fn each_request_is_an_event_of_its_own_unless_the_same_is_wanted() {
    let bench = Bench::start();
    let rows = |more: &[&str]| -> Vec<Value> {
        bench
            .send(0, "svix", &[&["--repeat=3", "--format=json"], more].concat())
            .0
            .lines()
            .map(json)
            .collect()
    };
    let of = |rows: &[Value], key: &str| {
        let mut found: Vec<String> = rows.iter().map(|row| row["sent"][key].to_string()).collect();
        found.dedup();
        found.len()
    };
    let different = rows(&[]);
    assert_eq!((different.len(), of(&different, "headers"), bench.recorder.served()), (3, 3, 3));
    let same = rows(&["--same"]);
    assert_eq!((same.len(), of(&same, "headers")), (3, 1));
    assert_eq!(bench.recorder.served(), 4, "a copy was forwarded");
    let (out, _) = bench.send(1, "svix", &["--repeat=2", "--tamper=key"]);
    assert_eq!(out.matches("HTTP/1.1 401 Unauthorized\n").count(), 2, "{out}");
    assert_eq!(bench.recorder.served(), 4);
}

#[test]
fn a_proxy_that_is_not_there_or_another_one_is_told() {
    let bench = Bench::start();
    let directory = bench.proxy.policy.directory.path().display().to_string();
    let other = crate::rig::certificate::pair_for(&["hooks.example"]);
    let other = bench.desk.write("other.pem", other.certificate_pem).display().to_string();
    let ca = format!("--ca={directory}/certificate.pem");
    bench.send(5, "github", &[&format!("--ca={other}")]);
    bench.send(4, "github", &["--ca=nowhere.pem"]);
    bench.send(2, "github", &["--insecure", &ca]);
    bench.send(2, "github", &["--timeout=0"]);
    assert!(bench.send(0, "github", &["--insecure"]).0.starts_with("HTTP/1.1 200 OK\n"));
    let swapped = |from: &str, to: &str, code: i32| {
        let arguments: Vec<String> =
            bench.arguments("github", &[]).iter().map(|option| option.replace(from, to)).collect();
        bench.desk.expect(code, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).1
    };
    swapped("https://hooks.example", "https://elsewhere.example", 5);
    swapped(&format!("--connect={}", bench.proxy.address), "--connect=127.0.0.1:1", 5);
    assert!(swapped("https://hooks.example", "", 2).contains("--url"));
    let served = bench.recorder.served();
    bench.recorder.next(Behaviour::NeverAnswer);
    let (_, err) = bench.send(5, "github", &["--timeout=1"]);
    assert!(err.contains("no answer within 1 s"), "{err}");
    assert_eq!(bench.recorder.served(), served + 1);
}

#[test]
fn without_tls_the_port_of_the_url_is_asked() {
    let (desk, recorder) = (Desk::new(), Recorder::start());
    let proxy = Proxy::start_with(
        Policy::plaintext().upstream(&recorder.url).add(
            "[[source]]\nname = \"a\"\npath = \"/a\"\nprovider = \"github\"\nsecret = { env = \"DESK_SECRET\" }\n",
        ),
        &[("DESK_SECRET", "hunter2hunter2hunter2")],
    );
    desk.write("body", BODY);
    desk.write("secret", "hunter2hunter2hunter2");
    let url = format!("http://{}/a", proxy.address);
    let send = ["send", "--provider", "github", "--secret-file", "secret", "--body", "body", "--url", &url];
    assert_eq!(desk.expect(0, &send).0, "HTTP/1.1 200 OK\naccepted\n");
    assert_eq!(recorder.served(), 1);
}

#[test]
fn a_command_is_printed_instead() {
    let bench = Bench::start();
    let (line, _) = bench.send(0, "github", &["--curl"]);
    for word in [" --cacert '", " --connect-to '::127.0.0.1:", " --data-binary '@body' "] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(!line.contains("host:") && line.lines().count() == 1, "{line}");
    let (line, _) = bench.send(0, "github", &["--curl", "--tamper=body", "--insecure"]);
    assert!(line.contains(" --insecure ") && line.contains(" --data-raw '{\"id"), "{line}");
    assert_eq!(bench.seen(), (0, 0));
}
