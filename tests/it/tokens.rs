//! Tokens: what genuine senders of JWT and SWT get through, and everything else that looks like a token.

mod places;
mod rows;
mod rules;
mod senders;

use crate::rig::certificate::client_config;
use crate::rig::client::{Client, once};
use crate::rig::http2::Http2;
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::parse::Read;
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{HOST, Request, post};
use crate::rig::response::{Answer, Response};
use crate::rig::sign::sha256_hex;
use crate::rig::token::{self, AUDIENCE, ISSUER, Signer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::{Command, Output};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio_rustls::TlsConnector;

pub const BODY: &[u8] = b"{\"event\":\"invoice.paid\",\"amount\":1200}";
pub const SECRET: &str = "a-shared-secret-of-64-bytes-for-HS512-0123456789-abcdefghijklmno";
/// Of a source of Secure Webhook Tokens.
const SWT: &str = "[source.swt]\nissuer = \"https://sender.example\"\n";
pub const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";

/// A proxy over TLS and its upstream, and what holds for every answer.
pub struct Bench {
    pub proxy: Proxy,
    pub recorder: Recorder,
    /// The challenge of a 401.
    pub challenge: &'static str,
    client: RefCell<Option<Client>>,
}

impl Bench {
    /// With these sources.
    pub fn start(sources: &str) -> Bench {
        Bench::with(Policy::tls(), sources, &[])
    }

    /// With an admin port as well, unless the sources bring one.
    pub fn with(policy: Policy, sources: &str, environment: &[(&str, &str)]) -> Bench {
        let recorder = Recorder::start();
        let admin = if sources.contains("[admin]") { "" } else { ADMIN };
        let policy = policy.upstream(&recorder.url).add(admin).add(sources);
        let challenge = "Bearer realm=\"bonafide\"";
        Bench {
            proxy: Proxy::start_with(policy, environment),
            recorder,
            challenge,
            client: RefCell::default(),
        }
    }

    /// The answer, over a connection that is kept as long as the proxy keeps it.
    pub fn ask(&self, request: &Request) -> Response {
        let mut kept = self.client.borrow_mut();
        let client = kept.get_or_insert_with(|| Client::tls(self.proxy.address));
        client.send(&request.http1());
        let answer = if request.method == b"HEAD" { client.head_answer() } else { client.answer() };
        let response = answer.expect("an answer");
        if response.header("connection").is_some() {
            *kept = None;
        }
        response
    }

    /// It is forwarded as it is; what the upstream got, and the line of the log.
    pub fn passes(&self, request: &Request) -> (Read, Value) {
        let served = self.recorder.served();
        let response = self.ask(request);
        assert_eq!(response.status, 200, "{:#?}", self.proxy.log().last());
        assert_eq!(self.recorder.served(), served + 1);
        let got = self.recorder.requests_from(served).expect("well-formed").pop().expect("a request");
        assert!(got.body == request.body && got.target == request.target, "{got:?}");
        let line = self.line(&response);
        assert_eq!((&line["verdict"], &line["reason"]), (&"verified".into(), &"verified".into()), "{line}");
        (got, line)
    }

    /// It is refused with this status for this reason; the line of the log.
    pub fn refused(&self, request: &Request, status: u16, reason: &str) -> Value {
        let before = (self.recorder.served(), self.recorder.connections());
        let response = self.ask(request);
        let line = self.refusal(&response, status);
        assert_eq!(line["reason"], reason, "{line}");
        assert_eq!((self.recorder.served(), self.recorder.connections()), before, "the upstream saw it");
        line
    }

    /// The same of many, whose lines are looked for at the end: they are written some at a time.
    pub fn refuses<'r>(&self, rows: impl IntoIterator<Item = (Request, u16, &'r str)>) -> Vec<Value> {
        let before = (self.recorder.served(), self.recorder.connections());
        let asked: Vec<_> =
            rows.into_iter().map(|(request, status, reason)| (self.ask(&request), status, reason)).collect();
        assert_eq!(
            (self.recorder.served(), self.recorder.connections()),
            before,
            "the upstream saw something"
        );
        let line = |(number, (response, status, reason)): (usize, (Response, u16, &str))| {
            let line = self.refusal(&response, status);
            assert_eq!(line["reason"], reason, "row {number}: {line}");
            line
        };
        asked.into_iter().enumerate().map(line).collect()
    }

    /// It was delivered before: acknowledged, and not forwarded again.
    pub fn duplicate(&self, request: &Request) {
        let before = (self.recorder.served(), self.recorder.connections());
        let response = self.ask(request);
        assert_eq!((response.status, response.body.len()), (200, 0), "{:?}", self.proxy.log().last());
        let line = self.line(&response);
        assert_eq!((&line["verdict"], &line["reason"]), (&"duplicate".into(), &"duplicate".into()), "{line}");
        assert_eq!((self.recorder.served(), self.recorder.connections()), before, "the upstream saw it");
    }

    /// What every refusal has: a constant body, the fields of its status, and a line that tells more.
    pub fn refusal(&self, response: &Response, status: u16) -> Value {
        assert_eq!(response.status, status, "{:#?}", self.proxy.log().last());
        let title = match status {
            401 => "Unauthorized",
            403 => "Forbidden",
            405 => "Method Not Allowed",
            409 => "Conflict",
            503 => "Service Unavailable",
            _ => "Bad Request",
        };
        let id = response.request_id().expect("a request id");
        let body = json!({ "type": "about:blank", "title": title, "status": status, "request_id": id });
        assert_eq!(serde_json::from_slice::<Value>(&response.body).expect("JSON"), body);
        assert_eq!(response.header("retry-after").is_some(), status == 503, "{response:?}");
        let line = self.line(response);
        let of_signatures = ["signature", "timestamp", "field", "body_hash", "secret", "kind"];
        let signed = line["reason"]
            .as_str()
            .is_some_and(|reason| of_signatures.iter().any(|word| reason.starts_with(word)));
        let challenge = response.header("www-authenticate");
        let words = [self.challenge, "Signature realm=\"bonafide\""];
        let word = if signed { &words[..] } else { &words[..1] };
        assert_eq!(
            challenge.is_some_and(|challenge| word.contains(&challenge.as_str())),
            status == 401,
            "{line}"
        );
        assert_eq!((&line["status"], &line["verdict"] == "verified"), (&status.into(), false), "{line}");
        line
    }

    /// The log line of an answer.
    pub fn line(&self, response: &Response) -> Value {
        let id = response.header("x-request-id").expect("a request id");
        self.proxy.log_line(&id).expect("a log line")
    }

    /// Nothing of this is in the log.
    pub fn kept_secret(&self, secrets: &[&str]) {
        let log = self.proxy.log().join("\n");
        for secret in secrets {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(!secret.is_empty() && line.is_none(), "{secret} is shown in {line:?}");
        }
    }
}

/// A source `name` at `/name`: its own lines, then its tables.
pub fn source(name: &str, lines: &str, tables: &str) -> String {
    format!("[[source]]\nname = \"{name}\"\npath = \"/{name}\"\n{lines}\n{tables}\n")
}

/// `[source.jwt]` for tokens of our issuer.
pub fn jwt(algorithms: &str, more: &str) -> String {
    format!(
        "[source.jwt]\nalgorithms = [{algorithms}]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n{more}\n"
    )
}

pub fn bearer(target: &str, token: &str) -> Request {
    post(target).header("Authorization", format!("Bearer {token}")).body(BODY)
}

/// A key file of the policy, as `keys` names it.
fn key_file(policy: &Policy, keys: &str) -> String {
    format!("keys = {{ file = \"{}\" }}", policy.file("keys.json", keys.as_bytes()).display())
}

/// A policy with the usual keys and one source of ES256 tokens.
fn es256(lines: &str, more: &str) -> Bench {
    let policy = Policy::tls();
    let keys = key_file(&policy, &token::every_key());
    Bench::with(policy, &source("in", lines, &jwt("\"ES256\"", &format!("{keys}\n{more}"))), &[])
}

/// Runs the binary in the directory of the policy.
pub fn run(bench: &Bench, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    let command = command.args(arguments).current_dir(bench.proxy.policy.directory.path()).env_clear();
    command.output().expect("the binary runs")
}

/// Sends all of them at once over one HTTP/2 connection; the statuses in the same order.
pub fn at_once(address: SocketAddr, requests: &[Request]) -> Vec<u16> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let name = ServerName::try_from(HOST).expect("a name");
    let one = |mut sender: http2::SendRequest<Full<Bytes>>, request: &Request| {
        let target = String::from_utf8_lossy(&request.target).into_owned();
        let mut message =
            http::Request::builder().method(request.method.as_slice()).uri(format!("https://{HOST}{target}"));
        for (name, value) in &request.headers {
            message = message.header(name, value.as_slice());
        }
        let message = message.body(Full::new(Bytes::from(request.body.clone()))).expect("a request");
        async move {
            sender.ready().await.expect("a stream");
            let answer = sender.send_request(message).await.expect("an answer");
            let status = answer.status().as_u16();
            answer.into_body().collect().await.expect("a body");
            status
        }
    };
    runtime.block_on(async {
        let socket = TcpStream::connect(address).await.expect("a connection");
        let tls = TlsConnector::from(client_config(&[b"h2"], true)).connect(name, socket).await.expect("TLS");
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.expect("an HTTP/2 handshake");
        tokio::spawn(connection);
        let tasks: Vec<_> =
            requests.iter().map(|request| tokio::spawn(one(sender.clone(), request))).collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.expect("an answer"));
        }
        statuses
    })
}
