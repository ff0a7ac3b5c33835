//! Senders that name the certificate of their key by its URL, with a certificate server that lies.

use crate::rig::certificate::pair;
use crate::rig::client::{Client, once};
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::sign::rfc3339;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use std::time::Duration;

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";
const FILE: &str = "/SimpleNotificationService-1.pem";
const NAME: &str = "sns.eu-central-1.amazonaws.com";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// The sender's key, and a certificate for it.
struct Signer {
    pair: KeyPair,
    key: RsaKeyPair,
}

impl Signer {
    fn new() -> Signer {
        let pair = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
        let key = RsaKeyPair::from_pkcs8(&pair.serialize_der()).expect("a key");
        Signer { pair, key }
    }

    fn params(name: &str, until: i32) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        params
    }

    fn certificate(&self, issuer: &Authority, name: &str, until: i32) -> String {
        Signer::params(name, until).signed_by(&self.pair, issuer).expect("a certificate").pem()
    }

    fn self_signed(&self) -> String {
        Signer::params(NAME, 2050).self_signed(&self.pair).expect("a certificate").pem()
    }

    /// A message as Amazon signs it, version 2.
    fn sign(&self, mut message: Value) -> Request {
        let names: &[&str] = match message["Type"].as_str() {
            Some("Notification") => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
            _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
        };
        let member = |name: &&str| message[*name].as_str().map(|text| format!("{name}\n{text}\n"));
        let text: String = names.iter().filter_map(member).collect();
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("it");
        message["Signature"] = STANDARD.encode(signature).into();
        request(&message)
    }
}

fn request(message: &Value) -> Request {
    post("/sns").header("Content-Type", "text/plain; charset=UTF-8").body(message.to_string())
}

fn notification(url: &str) -> Value {
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
        "Message": "Hello world!", "Timestamp": rfc3339(0), "SignatureVersion": "2", "SigningCertURL": url,
    })
}

struct Bench {
    server: KeyServer,
    proxy: Proxy,
    recorder: Recorder,
}

impl Bench {
    /// A proxy that believes `root`, or with none of them whoever answers at the pinned URL.
    fn start(reply: Reply, root: Option<&Authority>) -> Bench {
        let server = KeyServer::https(pair().certificate.clone(), pair().key(), reply);
        let recorder = Recorder::start();
        let authorities = if root.is_some() { ", authorities = \"root.pem\"" } else { "" };
        let source = format!(
            "[[source]]\nname = \"sns\"\npath = \"/sns\"\nprovider = \"aws-sns\"\nreplay = \"off\"\nparams = {{ topic_arn = \"{TOPIC}\" }}\n\
             [source.signature]\nkeys = {{ certificate = \"{}\", ca = \"ca.pem\", timeout = \"2s\"{authorities} }}\n",
            server.url_as("localhost", "/SimpleNotificationService-*.pem")
        );
        let policy = Policy::tls().upstream(&recorder.url).add(&source);
        policy.file("ca.pem", pair().certificate_pem.as_bytes());
        if let Some(root) = root {
            policy.file("root.pem", root.pem().as_bytes());
        }
        Bench { server, proxy: Proxy::start(policy), recorder }
    }

    fn url(&self) -> String {
        self.server.url_as("localhost", FILE)
    }

    fn line(&self, request: &Request) -> (u16, Value) {
        let response = once(Client::tls(self.proxy.address), request).expect("an answer");
        let id = response.header("x-request-id").expect("a request id");
        (response.status, self.proxy.log_line(&id).expect("a log line"))
    }

    fn passes(&self, what: &str, request: &Request) {
        let served = self.recorder.served();
        let (status, line) = self.line(request);
        assert_eq!((status, &line["verdict"]), (200, &"verified".into()), "{what}: {line}");
        let got = self.recorder.requests_from(served).expect("well-formed");
        assert!(matches!(got.as_slice(), [got] if got.body == request.body), "{what}: {got:?}");
    }

    fn refused(&self, what: &str, request: &Request, status: u16, reason: &str) {
        let before = (self.recorder.served(), self.recorder.connections());
        let (got, line) = self.line(request);
        assert_eq!((got, &line["reason"]), (status, &reason.into()), "{what}: {line}");
        assert_eq!((self.recorder.served(), self.recorder.connections()), before, "{what}: forwarded");
    }
}

#[test]
fn a_message_is_proved_by_the_certificate_that_it_names() {
    let (root, signer) = (authority("root"), Signer::new());
    let bench = Bench::start(Reply::Json(signer.certificate(&root, NAME, 2050)), Some(&root));
    let genuine = notification(&bench.url());
    bench.passes("genuine", &signer.sign(genuine.clone()));
    let with = |name: &str, value: &str| {
        let mut message = genuine.clone();
        message[name] = value.into();
        message
    };
    bench.passes("with a subject", &signer.sign(with("Subject", "News")));
    let confirmation = json!({
        "Type": "SubscriptionConfirmation", "MessageId": "1", "Token": "t", "TopicArn": TOPIC, "Message": "m",
        "SubscribeURL": "http://169.254.169.254/latest/meta-data", "Timestamp": rfc3339(0),
        "SignatureVersion": "2", "SigningCertURL": bench.url(),
    });
    bench.passes("a confirmation is the application's business", &signer.sign(confirmation));
    assert_eq!(bench.server.count(), 1, "one certificate, and nothing else that a message names");

    let signed = signer.sign(genuine.clone());
    let signed: Value = serde_json::from_slice(&signed.body).expect("JSON");
    for (name, value) in [
        ("Message", "Hello World!"),
        ("Subject", "News"),
        ("MessageId", "another"),
        ("Timestamp", &*rfc3339(-30)),
    ] {
        let mut changed = signed.clone();
        changed[name] = value.into();
        bench.refused(name, &request(&changed), 401, "signature_mismatch");
    }
    let mut changed = signed.clone();
    changed["Type"] = "Else".into();
    bench.refused("an unknown type", &request(&changed), 401, "kind_unknown");
    let elsewhere = with("TopicArn", "arn:aws:sns:eu-central-1:666666666666:orders");
    bench.refused("another topic, rightly signed", &signer.sign(elsewhere), 401, "field_mismatch");
    bench.refused("another key", &Signer::new().sign(genuine.clone()), 401, "signature_mismatch");
    bench.refused("old", &signer.sign(with("Timestamp", &rfc3339(-3700))), 401, "timestamp_too_old");
    let moved = with("Message", "Hello\nMessageId\nmoved");
    bench.refused("a text with our separator", &signer.sign(moved), 401, "field_malformed");
    let text = signed.to_string();
    let twice = text.replacen("{\"", "{\"Message\":\"other\",\"", 1);
    let mut doubled = request(&signed);
    doubled.body = twice.into_bytes();
    let before = bench.recorder.served();
    assert_eq!(bench.line(&doubled).0, 401, "a member twice");
    assert_eq!(bench.recorder.served(), before);
}

#[test]
fn no_certificate_is_fetched_from_where_the_policy_does_not_say() {
    let (root, signer) = (authority("root"), Signer::new());
    let bench = Bench::start(Reply::Json(signer.certificate(&root, NAME, 2050)), Some(&root));
    let good = bench.url();
    let port = good.split(':').nth(2).and_then(|rest| rest.split('/').next()).expect("a port").to_owned();
    for url in [
        good.replace("https", "http"),
        good.replace("localhost", "127.0.0.1"),
        good.replace("localhost", "user@localhost"),
        good.replace("localhost", "LOCALHOST"),
        good.replace("localhost", "localhost.evil.example"),
        good.replace("/Simple", "//Simple"),
        good.replace("/Simple", "/x/../Simple"),
        good.replace("-1.pem", "-1.pem?x=.pem"),
        good.replace("-1.pem", "-%31.pem"),
        good.replace("-1.pem", "-..pem"),
        format!("https://localhost:{port}/other.pem"),
        format!("https://localhost:{port}@169.254.169.254{FILE}"),
        "file:///etc/passwd".to_owned(),
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem".to_owned(),
    ] {
        bench.refused(&url, &signer.sign(notification(&url)), 401, "key_unknown");
    }
    let long = good.replace("-1.pem", &format!("-{}.pem", "1".repeat(4000)));
    bench.refused("a long one", &signer.sign(notification(&long)), 401, "kid_malformed");
    assert_eq!(bench.server.connections(), 0);
    bench.passes("genuine all the same", &signer.sign(notification(&good)));
}

#[test]
fn a_server_that_lies_is_not_believed() {
    let (root, other, signer) = (authority("root"), authority("other"), Signer::new());
    let elsewhere = KeyServer::start(Reply::Json(signer.certificate(&root, NAME, 2050)));
    let lies = [
        ("expired", Reply::Json(signer.certificate(&root, NAME, 2021)), 503, "keys_unavailable"),
        ("self-signed", Reply::Json(signer.self_signed()), 503, "keys_unavailable"),
        (
            "another name",
            Reply::Json(signer.certificate(&root, "evil.example", 2050)),
            503,
            "keys_unavailable",
        ),
        ("another authority", Reply::Json(signer.certificate(&other, NAME, 2050)), 503, "keys_unavailable"),
        ("no PEM", Reply::Json("<html>".to_owned()), 503, "keys_unavailable"),
        ("a redirect", Reply::Redirect(elsewhere.url(FILE)), 503, "keys_unavailable"),
        ("2 MB", Reply::Huge(2_000_000), 503, "keys_unavailable"),
        ("slow", Reply::Trickle("x".repeat(100), Duration::from_millis(100)), 503, "keys_unavailable"),
        ("not there", Reply::Status(404, String::new()), 401, "key_unknown"),
        ("forbidden", Reply::Status(403, String::new()), 401, "key_unknown"),
    ];
    for (what, reply, status, reason) in lies {
        let bench = Bench::start(reply, Some(&root));
        bench.refused(what, &signer.sign(notification(&bench.url())), status, reason);
    }
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
    // Without authorities, TLS to the pinned host is what is believed: but never a certificate that vouches for itself.
    let bench = Bench::start(Reply::Json(signer.certificate(&other, NAME, 2050)), None);
    bench.passes("any authority", &signer.sign(notification(&bench.url())));
    for (what, certificate) in [
        ("self-signed", signer.self_signed()),
        ("expired", signer.certificate(&other, NAME, 2021)),
        ("another name", signer.certificate(&other, "evil.example", 2050)),
    ] {
        let bench = Bench::start(Reply::Json(certificate), None);
        bench.refused(what, &signer.sign(notification(&bench.url())), 503, "keys_unavailable");
    }
}
