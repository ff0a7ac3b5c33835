//! Rows and the rules that hold for each of them.

use super::fixture::{NEVER_SHOWN, genuine, start};
use crate::rig::client::{Client, once};
use crate::rig::frames::{End, Frames};
use crate::rig::parse::Read;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::{Behaviour, Recorder};
use crate::rig::request::{HOST, Request};
use crate::rig::response::{Answer, Response};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// What is sent.
pub enum Stimulus {
    /// The same request over HTTP/1.1, HTTP/2 or both.
    Request(Request, Over),
    /// Bytes over TLS as HTTP/1.1; that many answers are awaited.
    Bytes(Vec<u8>, usize),
    /// Bytes, then FIN.
    BytesThenEnd(Vec<u8>),
    /// HTTP/2 frames; the closure returns how its stream ended.
    Frames(Box<dyn Fn(&mut Frames) -> End>),
    /// Anything else; the closure has the address.
    Free(Box<dyn Fn(&Proxy) -> Answer>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Http1,
    Http2,
    Both,
}

/// How many requests the upstream may see.
#[derive(Clone, Copy, Debug)]
pub enum Forwards {
    Exactly(usize),
    AtMost(usize),
}

/// What a row's own check looks at.
pub struct Seen<'s> {
    pub answers: &'s [Answer],
    pub forwarded: &'s [Read],
}

type Check = Box<dyn Fn(&Seen<'_>) -> Result<(), String>>;

/// One row.
pub struct Case {
    number: &'static str,
    stimulus: Stimulus,
    sni: Option<&'static str>,
    statuses: Vec<u16>,
    may_close: bool,
    forwards: Option<Forwards>,
    checks: Vec<Check>,
    behaviour: Option<Behaviour>,
    secrets: Vec<String>,
}

impl Case {
    pub fn new(number: &'static str, stimulus: Stimulus) -> Case {
        Case {
            number,
            stimulus,
            sni: Some(HOST),
            statuses: Vec::new(),
            may_close: false,
            forwards: None,
            checks: Vec::new(),
            behaviour: None,
            secrets: Vec::new(),
        }
    }

    /// A request over HTTP/1.1 and HTTP/2.
    pub fn both(number: &'static str, request: Request) -> Case {
        Case::new(number, Stimulus::Request(request, Over::Both))
    }

    pub fn http1(number: &'static str, request: Request) -> Case {
        Case::new(number, Stimulus::Request(request, Over::Http1))
    }

    pub fn http2(number: &'static str, request: Request) -> Case {
        Case::new(number, Stimulus::Request(request, Over::Http2))
    }

    pub fn bytes(number: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
        Case::new(number, Stimulus::Bytes(bytes.into(), 1))
    }

    pub fn frames(number: &'static str, send: impl Fn(&mut Frames) -> End + 'static) -> Case {
        Case::new(number, Stimulus::Frames(Box::new(send)))
    }

    pub fn free(number: &'static str, send: impl Fn(&Proxy) -> Answer + 'static) -> Case {
        Case::new(number, Stimulus::Free(Box::new(send)))
    }

    /// The statuses that pass, of every answer. Statuses of 400 and above forbid any upstream contact
    /// unless the row says otherwise.
    pub fn answers(mut self, statuses: &[u16]) -> Case {
        self.statuses = statuses.to_vec();
        self
    }

    /// A connection or stream that ends without an answer passes as well.
    pub fn or_close(mut self) -> Case {
        self.may_close = true;
        self
    }

    pub fn forwards(mut self, forwards: Forwards) -> Case {
        self.forwards = Some(forwards);
        self
    }

    /// One well-formed request upstream passes as well, whatever the answer.
    pub fn at_most_once(self) -> Case {
        self.forwards(Forwards::AtMost(1))
    }

    pub fn sni(mut self, sni: Option<&'static str>) -> Case {
        self.sni = sni;
        self
    }

    /// What the upstream does with it.
    pub fn upstream(mut self, behaviour: Behaviour) -> Case {
        self.behaviour = Some(behaviour);
        self
    }

    pub fn checking(mut self, check: impl Fn(&Seen<'_>) -> Result<(), String> + 'static) -> Case {
        self.checks.push(Box::new(check));
        self
    }

    /// Text that must not come back nor be logged.
    pub fn hiding(mut self, secret: impl Into<String>) -> Case {
        self.secrets.push(secret.into());
        self
    }

    fn transports(&self) -> &'static [Over] {
        match self.stimulus {
            Stimulus::Request(_, Over::Both) => &[Over::Http1, Over::Http2],
            Stimulus::Request(_, Over::Http2) | Stimulus::Frames(_) => &[Over::Http2],
            _ => &[Over::Http1],
        }
    }
}

/// A proxy and its upstream, used by one test for its rows in order.
pub struct Bench {
    pub proxy: Proxy,
    pub recorder: Recorder,
    faults: Vec<String>,
    hidden: Vec<String>,
}

impl Bench {
    pub fn new() -> Bench {
        let recorder = Recorder::start();
        Bench::with(start(&recorder), recorder)
    }

    pub fn with(proxy: Proxy, recorder: Recorder) -> Bench {
        Bench { proxy, recorder, faults: Vec::new(), hidden: NEVER_SHOWN.map(String::from).to_vec() }
    }

    /// Runs all rows and panics with every fault at the end. The rules for each row:
    ///
    /// - an answer of 400 and above that is ours comes without any new upstream connection or request;
    /// - a strict and a lenient reader of the upstream's bytes see the same requests;
    /// - a problem answer has its `request_id` in exactly one log line, with the same status;
    /// - no answer and no log line holds a secret, a signature that was sent, or a canary;
    /// - then a valid request on a new connection succeeds within a second.
    pub fn run(mut self, cases: Vec<Case>) {
        assert!(!cases.is_empty());
        for case in &cases {
            for over in case.transports() {
                let label = format!("{} ({})", case.number, if *over == Over::Http2 { "h2" } else { "h1" });
                self.row(case, *over, &label);
            }
        }
        self.log_is_clean();
        let count = self.faults.len();
        let list = self.faults.iter().fold(String::new(), |mut list, fault| {
            let _ = writeln!(list, "  {fault}");
            list
        });
        assert!(count == 0, "{count} faults:\n{list}");
    }

    fn row(&mut self, case: &Case, over: Over, label: &str) {
        self.hidden.extend(case.secrets.iter().cloned());
        let (served, connections) = (self.recorder.served(), self.recorder.connections());
        let known = self.recorder.seen();
        if let Some(behaviour) = &case.behaviour {
            self.recorder.next(behaviour.clone());
        }
        let answers = self.send(case, over);
        let refused =
            answers.iter().all(|answer| answer.response().is_none_or(|response| response.status >= 400));
        if refused && case.forwards.is_none() && self.recorder.connections() != connections {
            self.fault(label, "a refusal opened an upstream connection");
        }
        self.judge(case, &answers, label);
        self.is_logged(&answers, label);
        self.still_serves(label);
        let forwards = self.recorder.served().saturating_sub(served + 1);
        let fine = match case.forwards.unwrap_or(Forwards::Exactly(if refused { 0 } else { answers.len() })) {
            Forwards::Exactly(count) => forwards == count,
            Forwards::AtMost(count) => forwards <= count,
        };
        if !fine {
            self.fault(label, &format!("{forwards} forwarded"));
        }
        let mut forwarded = self.forwarded(known, label);
        forwarded.pop();
        let seen = Seen { answers: &answers, forwarded: &forwarded };
        for check in &case.checks {
            if let Err(fault) = check(&seen) {
                self.fault(label, &fault);
            }
        }
    }

    fn send(&self, case: &Case, over: Over) -> Vec<Answer> {
        let address = self.proxy.address;
        let client = || Client::tls_as(address, case.sni);
        match &case.stimulus {
            Stimulus::Request(request, _) if over == Over::Http2 => {
                let mut frames = Frames::connect(address, case.sni);
                frames.request(1, request);
                vec![answer_of(frames.end(1))]
            }
            Stimulus::Request(request, _) => vec![once(client(), request)],
            Stimulus::Bytes(bytes, count) => {
                let mut client = client();
                client.send(bytes);
                (0..*count).map(|_| client.answer()).collect()
            }
            Stimulus::BytesThenEnd(bytes) => {
                let mut client = client();
                client.send(bytes).half_close();
                vec![client.answer()]
            }
            Stimulus::Frames(send) => vec![answer_of(send(&mut Frames::connect(address, case.sni)))],
            Stimulus::Free(send) => vec![send(&self.proxy)],
        }
    }

    fn judge(&mut self, case: &Case, answers: &[Answer], label: &str) {
        for answer in answers {
            let fine = match answer {
                Answer::Response(response) => case.statuses.contains(&response.status),
                Answer::Closed => case.may_close,
                Answer::Silent => false,
            };
            if !fine {
                let got = match answer {
                    Answer::Response(response) => response.status.to_string(),
                    other => format!("{other:?}"),
                };
                self.fault(label, &format!("answer {got}, expected one of {:?}", case.statuses));
            }
            if let Some(response) = answer.response() {
                self.is_discreet(response, label);
            }
        }
    }

    fn is_discreet(&mut self, response: &Response, label: &str) {
        let shown = response.everything();
        for secret in self.hidden.clone() {
            if shown.contains(&secret) {
                self.fault(label, &format!("the answer shows {secret:?}"));
            }
        }
    }

    fn is_logged(&mut self, answers: &[Answer], label: &str) {
        for response in answers.iter().filter_map(Answer::response) {
            let Some(id) = response.request_id() else {
                let ours = response.header("content-type").is_some_and(|kind| kind.contains("problem+json"));
                if ours && !response.body.is_empty() {
                    self.fault(label, "a problem document without request_id");
                }
                continue;
            };
            let Some(line) = self.proxy.log_line(&id) else {
                self.fault(label, "no log line for the request_id of the answer");
                continue;
            };
            let count = self.proxy.count_lines(&id);
            if count != 1 || line["status"] != response.status || !line["reason"].is_string() {
                self.fault(label, &format!("{count} log lines, the first is {line}"));
            }
        }
    }

    fn still_serves(&mut self, label: &str) {
        if !self.proxy.is_alive() {
            panic!(
                "{label}: the process is gone\n{}\n{}",
                self.faults.join("\n"),
                self.proxy.log().join("\n")
            );
        }
        let started = Instant::now();
        let answer = once(Client::tls(self.proxy.address), &genuine());
        let fine = answer.response().is_some_and(|response| response.status == 200);
        if !fine || started.elapsed() > Duration::from_secs(2) {
            self.fault(label, &format!("the next valid request: {answer:?} after {:?}", started.elapsed()));
        }
    }

    /// What the upstream got after the first `known` requests, the valid one at the end included.
    fn forwarded(&mut self, known: usize, label: &str) -> Vec<Read> {
        match self.recorder.requests_from(known) {
            Ok(requests) => requests,
            Err(fault) => {
                self.fault(label, &fault);
                Vec::new()
            }
        }
    }

    fn log_is_clean(&mut self) {
        let log = self.proxy.log().join("\n");
        for secret in self.hidden.clone() {
            if log.contains(&secret) {
                let line = log.lines().find(|line| line.contains(&secret)).unwrap_or_default().to_owned();
                self.fault("log", &format!("{secret:?} is shown in {line}"));
            }
        }
        let mut running = log.lines().skip_while(|line| !line.contains("\"listening\""));
        if let Some(line) = running.find(|line| serde_json::from_str::<serde_json::Value>(line).is_err()) {
            self.fault("log", &format!("not JSON: {line:?}"));
        }
    }

    fn fault(&mut self, label: &str, text: &str) {
        let fault = format!("{label}: {text}");
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// How a stream ended, in the words of HTTP/1.
pub fn answer_of(end: End) -> Answer {
    match end {
        End::Response { status, body } => {
            Answer::Response(Response { status, body, complete: true, ..Response::default() })
        }
        End::Reset(_) | End::Gone(_) => Answer::Closed,
        End::Silent => Answer::Silent,
    }
}

/// A check that fails with what it found.
pub fn ensure(fine: bool, found: impl Into<String>) -> Result<(), String> {
    if fine { Ok(()) } else { Err(found.into()) }
}
