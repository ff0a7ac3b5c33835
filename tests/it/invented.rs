//! Senders that nobody is, described in the language of `docs/providers.md`: each is a provider in the policy file
//! and a few lines that sign as that page says, and what is changed afterwards is refused for the right reason.

mod bodies;
mod lists;
mod texts;

use crate::rig::request::Request;
use crate::tokens::Bench;
use std::cell::RefCell;

const SECRET: &str = "the-secret-of-a-sender-0123456789abcdef";
const OTHER: &str = "another-secret-of-nobody-0123456789abcd";
const BODY: &str = "{\"event\":\"paid\",\"n\":[1, 2.50],\"name\":\"caf\u{e9}\"}";

/// A proxy with one source `in` at `/in`.
struct Stage {
    bench: Bench,
    faults: RefCell<Vec<String>>,
}

impl Stage {
    /// `provider` is what stands below `[provider.acme`; `lines` are further ones of the source.
    fn new(provider: &str, lines: &str) -> Stage {
        Stage::with_secret(provider, lines, SECRET)
    }

    fn with_secret(provider: &str, lines: &str, secret: &str) -> Stage {
        let source = format!(
            "[[source]]\nname = \"in\"\npath = \"/in\"\nprovider = \"acme\"\nreplay = \"off\"\nsecret = {{ literal = \"{secret}\" }}\n{lines}\n\
             [provider.acme]\ndocs = \"https://acme.example/\"\n{provider}"
        );
        Stage { bench: Bench::start(&source), faults: RefCell::default() }
    }

    /// It is forwarded as it is, byte for byte.
    fn passes(&self, what: &str, request: &Request) {
        let served = self.bench.recorder.served();
        let response = self.bench.ask(request);
        let got = self.bench.recorder.requests_from(served).expect("well-formed");
        let same =
            matches!(got.as_slice(), [got] if got.body == request.body && got.target == request.target);
        if response.status != 200 || !same {
            let line = self.bench.line(&response);
            self.faults.borrow_mut().push(format!("{what}: not forwarded as it is: {line}"));
        }
    }

    /// It is refused for this reason, and the upstream sees nothing of it.
    fn refuses(&self, what: &str, request: &Request, reason: &str) {
        let before = (self.bench.recorder.served(), self.bench.recorder.connections());
        let response = self.bench.ask(request);
        let line = self.bench.line(&response);
        if response.status != 401 || line["reason"] != reason {
            self.faults.borrow_mut().push(format!("{what}: {reason} expected: {line}"));
        }
        if (self.bench.recorder.served(), self.bench.recorder.connections()) != before {
            self.faults.borrow_mut().push(format!("{what}: the upstream saw it"));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.bench.kept_secret(&[SECRET, OTHER]);
            let faults = self.faults.borrow();
            assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
        }
    }
}

/// Without the fields of this name.
fn without(request: &Request, name: &str) -> Request {
    let mut request = request.clone();
    request.headers.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    request
}

/// With another value of this field.
fn with(request: &Request, name: &str, value: &str) -> Request {
    without(request, name).header(name, value)
}

/// With the field a second time.
fn twice(request: &Request, name: &str) -> Request {
    let value = value(request, name).to_owned();
    request.clone().header(name, value)
}

fn value<'r>(request: &'r Request, name: &str) -> &'r str {
    let found = request.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    std::str::from_utf8(&found.expect("the field").1).expect("text")
}

/// With another body.
fn body(request: &Request, body: impl AsRef<[u8]>) -> Request {
    request.clone().body(body)
}

fn target(request: &Request, target: &str) -> Request {
    Request { target: target.into(), ..request.clone() }
}
