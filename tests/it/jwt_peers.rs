//! Other people's JWT libraries: what they issue passes, and no changed token passes that one of them refuses.
//!
//! PyJWT, Authlib and joserfc in Python, jose in Node; `tests/peers/install` puts them below `target/peers`. Without
//! them the tests are skipped, or fail with `BONAFIDE_REQUIRE_PEERS=1`. `BONAFIDE_MUTATIONS=50000` makes the long run,
//! `BONAFIDE_SEED` another one.

use crate::rig::client::Client;
use crate::rig::libraries::Program;
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::sign::unix_time;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example/hooks";

/// Fewest tokens in which every change occurs.
const FEWEST: usize = 1000;

/// What is accepted here although a library refuses it.
struct Exception {
    library: &'static str,
    /// A part of its error.
    error: &'static str,
    reason: &'static str,
}

const fn exception(library: &'static str, error: &'static str, reason: &'static str) -> Exception {
    Exception { library, error, reason }
}

const UNREAD: &str = "it looks at the form of parameters that say where keys are; keys come from the policy alone, \
    and parameters that are not used are ignored, whatever they hold (RFC 7515 section 4)";

const EXCEPTIONS: &[Exception] = &[
    exception("joserfc", "'jku' in header", UNREAD),
    exception("joserfc", "'jwk' in header", UNREAD),
    exception("joserfc", "'x5c' in header", UNREAD),
    exception("joserfc", "'x5t' in header", UNREAD),
    exception("joserfc", "'x5t#S256' in header", UNREAD),
    exception("joserfc", "'x5u' in header", UNREAD),
];

const PYTHON: Program = Program::Python("tokens.py");
const NODE: Program = Program::Node(include_str!("../peers/tokens.mjs"));

/// Has the libraries of a language carry out an order, where they are installed.
fn run(program: &Program, order: &Value) -> Option<Value> {
    program.directory().map(|directory| program.run(&directory, order))
}

fn now() -> i64 {
    unix_time(0).parse().expect("a number")
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).expect("base64")
}

/// A connection that is used until the proxy closes it.
struct Sender<'p> {
    proxy: &'p Proxy,
    client: Client,
}

impl<'p> Sender<'p> {
    fn new(proxy: &'p Proxy) -> Sender<'p> {
        Sender { proxy, client: Client::plain(proxy.address) }
    }

    fn send(&mut self, request: &Request) -> Response {
        let answer = self.client.send(&request.http1()).answer().expect("an answer");
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.client = Client::plain(self.proxy.address);
        }
        answer
    }
}

/// A source with the keys that a library exported; `lines` belong to `[source.jwt]`.
fn source(policy: Policy, name: &str, keys: &Value, replay: &str, lines: &str) -> Policy {
    let file = policy.file(&format!("{name}.keys"), text(&keys["file"]).as_bytes());
    let file = format!("{{ file = \"{}\" }}", file.display());
    let (secret, keys) = match text(&keys["form"]) {
        "secret" => (format!("secret = {file}"), "key = { encoding = \"base64\" }".to_owned()),
        _ => (String::new(), format!("keys = {file}")),
    };
    policy.add(&format!(
        "[[source]]\nname = \"{name}\"\npath = \"/{name}\"\nreplay = \"{replay}\"\n{secret}\n[source.jwt]\n{keys}\n\
         issuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n{lines}\n"
    ))
}

/// Tokens of every algorithm, under keys that the libraries made and exported in every form.
fn issued_tokens_pass(peer: &Program) {
    let bodies = [&b"{\"id\":\"evt_1\"}"[..], b"", b"\0\xff\r\n"].map(|body| STANDARD.encode(body));
    let order =
        json!({ "do": "issue", "now": now(), "issuer": ISSUER, "audience": AUDIENCE, "bodies": bodies });
    let Some(issued) = run(peer, &order) else { return };
    let recorder = Recorder::start();
    let mut policy = Policy::plaintext().upstream(&recorder.url);
    let mut messages = Vec::new();
    for set in rows(&issued) {
        let name = ["library", "algorithm", "form"].map(|key| text(&set[key]).to_lowercase()).join("-");
        let lines = format!(
            "algorithms = [{}]\nrequire = [\"exp\", \"nbf\", \"iat\", \"jti\"]\nclaims = {{ scope = \"webhook\" }}\n\
             body_hash = {{ claim = \"body_sha256\" }}",
            set["algorithm"]
        );
        policy = source(policy, &name, set, "on", &lines);
        messages.push((name, set));
    }
    let proxy = Proxy::start(policy);
    let mut sender = Sender::new(&proxy);
    let mut send = |name: &str, message: &Value| {
        let request = post(format!("/{name}"))
            .header("Authorization", format!("Bearer {}", text(&message["token"])))
            .body(bytes(&message["body"]));
        sender.send(&request).status
    };

    let mut expected = Vec::new();
    for (name, set) in &messages {
        for message in rows(&set["forged"]) {
            assert_eq!(send(name, message), 401, "{name}: {message} {:?}", proxy.request_lines().last());
            expected.push((name.clone(), text(&message["reason"]).to_owned()));
        }
    }
    assert!(proxy.wait_for_requests(expected.len()));
    let of = |line: &Value, key: &str| text(&line[key]).to_owned();
    let mut logged: Vec<_> =
        proxy.request_lines().iter().map(|line| (of(line, "source"), of(line, "reason"))).collect();
    logged.sort();
    expected.sort();
    assert_eq!(logged, expected);
    assert_eq!(recorder.connections(), 0);

    let mut sent = Vec::new();
    for (name, set) in &messages {
        for message in rows(&set["genuine"]) {
            assert_eq!(send(name, message), 200, "{name}: {message} {:?}", proxy.request_lines().last());
            sent.push((format!("/{name}").into_bytes(), bytes(&message["body"])));
        }
    }
    let got = recorder.requests().expect("well-formed");
    let got: Vec<_> = got.into_iter().map(|request| (request.target, request.body)).collect();
    assert!(sent == got, "{}: the upstream got other bodies", peer.language());
}

#[test]
fn what_pyjwt_joserfc_and_authlib_issue_passes() {
    issued_tokens_pass(&PYTHON);
}

#[test]
fn what_jose_issues_passes() {
    issued_tokens_pass(&NODE);
}

fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Two sources for each that the tokens are for: in a header, and as the body, which can be any bytes.
fn start(recorder: &Recorder, sources: &Value) -> Proxy {
    let mut policy = Policy::plaintext().upstream(&recorder.url);
    for keys in rows(sources) {
        let typ = if keys["form"] == "jwks" { "typ = \"JWT\"\n" } else { "" };
        let lines = format!("algorithms = {}\n{typ}", keys["algorithms"]);
        let name = text(&keys["name"]);
        policy = source(policy, &format!("{name}-header"), keys, "off", &lines);
        policy = source(policy, &format!("{name}-body"), keys, "off", &format!("{lines}body = true"));
    }
    Proxy::start(policy)
}

/// The reason for which the proxy refuses each token; every row gets the seconds in which it was judged.
fn measure(sources: &Value, tokens: &mut [Value]) -> Vec<Option<String>> {
    let recorder = Recorder::start();
    let proxy = start(&recorder, sources);
    let mut sender = Sender::new(&proxy);
    let mut accepted = Vec::new();
    for (number, row) in tokens.iter_mut().enumerate() {
        let (name, token) = (text(&row["source"]), bytes(&row["token"]));
        let fits = !token.is_empty() && token.len() < 8000 && token.iter().all(u8::is_ascii_graphic);
        let request = if fits && number % 2 == 0 {
            post(format!("/{name}-header")).header("Authorization", [b"Bearer ", &token[..]].concat())
        } else {
            post(format!("/{name}-body")).body(&token)
        };
        let before = now();
        let status = sender.send(&request).status;
        let after = now();
        assert!(matches!(status, 200 | 401), "{status}: {}", decoded(row));
        accepted.push(status == 200);
        row["times"] = if before == after { json!([before]) } else { json!([before, after]) };
    }
    assert!(proxy.wait_for_requests(tokens.len()));
    let lines = proxy.request_lines();
    let reason = |(line, accepted): (&Value, bool)| (!accepted).then(|| text(&line["reason"]).to_owned());
    lines.iter().zip(accepted).map(reason).collect()
}

/// The token for people.
fn decoded(row: &Value) -> String {
    let token = String::from_utf8_lossy(&bytes(&row["token"])).into_owned();
    let parts = token.split('.').take(2).map(|part| match URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => "not base64url".to_owned(),
    });
    let parts: Vec<String> = parts.collect();
    format!("{} at {} after {}: {} ({token})", row["source"], row["times"], row["changes"], parts.join("."))
}

/// The errors with which each library refuses the tokens; nothing where a library is not installed.
fn judge(sources: &Value, tokens: &[Value]) -> Option<Vec<(String, Vec<Option<String>>)>> {
    let order = json!({
        "do": "judge", "issuer": ISSUER, "audience": AUDIENCE, "sources": sources, "tokens": tokens
    });
    let judged = thread::scope(|scope| {
        let node = scope.spawn(|| run(&NODE, &order));
        [run(&PYTHON, &order), node.join().expect("the peer's thread")]
    });
    let mut libraries = Vec::new();
    for judged in judged {
        let verdicts: BTreeMap<_, Vec<_>> = serde_json::from_value(judged?).expect("errors by library");
        libraries.extend(verdicts);
    }
    assert!(libraries.len() == 4 && libraries.iter().all(|(_, errors)| errors.len() == tokens.len()));
    Some(libraries)
}

#[test]
fn what_is_accepted_is_accepted_by_every_library() {
    let (count, seed) = (number("BONAFIDE_MUTATIONS", 2000).max(FEWEST), number("BONAFIDE_SEED", 1));
    let order = json!({
        "do": "change", "now": now(), "issuer": ISSUER, "audience": AUDIENCE, "seed": seed, "count": count
    });
    let Some(mut made) = run(&PYTHON, &order) else { return };
    let mut tokens = rows(&made["tokens"].take()).to_vec();
    let ours = measure(&made["sources"], &mut tokens);
    let Some(theirs) = judge(&made["sources"], &tokens) else { return };

    let (mut faults, mut used) = (Vec::new(), [0; EXCEPTIONS.len()]);
    for (at, (row, refused)) in tokens.iter().zip(&ours).enumerate() {
        if let Some(reason) = refused {
            if row["harmless"] == true {
                faults.push(format!("harmless, and refused with {reason}: {}", decoded(row)));
            }
            continue;
        }
        for (library, errors) in &theirs {
            let Some(error) = &errors[at] else { continue };
            let fits = |known: &Exception| known.library == library && error.contains(known.error);
            match EXCEPTIONS.iter().position(fits) {
                Some(known) => used[known] += 1,
                None => faults.push(format!("accepted, but by {library}: {error}: {}", decoded(row))),
            }
        }
    }
    let accepted = |errors: &[Option<String>]| errors.iter().filter(|error| error.is_none()).count();
    let others = theirs.iter().map(|(library, errors)| format!(", {library} {}", accepted(errors)));
    let harmless = tokens.iter().filter(|row| row["harmless"] == true).count();
    eprintln!(
        "{count} tokens of seed {seed}, {harmless} of them harmless; accepted: here {}{}",
        accepted(&ours),
        others.collect::<String>()
    );
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    assert!(harmless * 5 > count, "{harmless} harmless tokens");
    for (Exception { library, error, reason }, used) in EXCEPTIONS.iter().zip(used) {
        assert!(used > 0, "not needed any more: {library} with \"{error}\", since {reason}");
    }
}
