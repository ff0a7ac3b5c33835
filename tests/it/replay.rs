//! Nothing twice, and nothing lost: P of the list of abuse cases.

mod failures;
mod many;
mod rules;

use crate::abuse::{HUB, SECRET};
use crate::process::wait_until;
use crate::rig::client::{Client, once};
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::{Behaviour, Recorder};
use crate::rig::request::{Request, post};
use crate::rig::sign;
use crate::rig::token::{self, Signer};
use crate::tokens::{ADMIN, Bench, at_once, bearer, jwt, source};
use serde_json::json;
use std::time::{Duration, Instant};

/// Secret and key of Standard Webhooks.
const STANDARD: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const TIMEOUTS: &str = "connect = \"1s\"\nresponse = \"800ms\"\n";

/// A source of Standard Webhooks with these lines.
fn standard(name: &str, lines: &str) -> String {
    let provider =
        format!("provider = \"standard-webhooks\"\nsecret = {{ literal = \"{STANDARD}\" }}\n{lines}");
    source(name, &provider, "")
}

/// A source that GitHub sends to.
fn github(name: &str, lines: &str) -> String {
    source(name, &format!("provider = \"github\"\nsecret = {{ literal = \"{SECRET}\" }}\n{lines}"), "")
}

/// A delivery of this event with this body, signed so many seconds from now.
fn event_at(path: &str, id: &str, body: &str, offset: i64) -> Request {
    let time = sign::unix_time(offset);
    let signature = sign::standard(KEY, id, &time, body.as_bytes());
    post(path)
        .header("webhook-id", id)
        .header("webhook-timestamp", time)
        .header("webhook-signature", signature)
        .body(body)
}

fn event(path: &str, id: &str) -> Request {
    event_at(path, id, &format!("{{\"of\":\"{id}\"}}"), 0)
}

fn outcomes(proxy: &Proxy, outcome: &str) -> u64 {
    proxy.metric(&format!("bonafide_replay_outcomes_total{{outcome=\"{outcome}\"}}")).expect("the metric")
}

/// Over TLS with short time-outs.
fn start(sources: &str) -> Bench {
    Bench::with(Policy::tls().timeouts(TIMEOUTS), sources, &[])
}
