//! Keys that are fetched: K of the list of abuse cases, against a key server that misbehaves.

mod answers;
mod life;
mod many;
mod operator;
mod sets;

use crate::process::wait_until;
use crate::rig::client::{Client, once};
use crate::rig::key_server::{KeyServer, Reply};
use crate::rig::policy::Policy;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::token::{self, Signer};
use crate::tokens::{Bench, at_once, bearer, jwt, run, source};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(5);

/// A source of ES256 tokens whose key set is at this URL.
fn fetched(name: &str, url: &str, more: &str) -> String {
    source(name, "", &jwt("\"ES256\"", &format!("keys = {{ jwks = \"{url}\"{more} }}")))
}

/// A set with the usual key under these names.
fn set(kids: &[&str]) -> String {
    token::set(&kids.iter().map(|kid| token::jwk("es256", kid)).collect::<Vec<_>>())
}

/// A fresh token of the usual key under this name.
fn good(path: &str, kid: &str) -> Request {
    bearer(path, &token::genuine("es256", "ES256", kid))
}

/// A request to the admin port, under its own address.
fn admin(bench: &Bench, method: &str, target: &str) -> Request {
    let address = bench.proxy.admin().to_string();
    post(target).method(method).host(address.as_str())
}

fn tell(bench: &Bench, request: &Request) -> Response {
    once(Client::plain(bench.proxy.admin()), request).expect("the admin port answers")
}

/// Has the proxy fetch again, or forget.
fn order(bench: &Bench, order: &str) {
    assert_eq!(tell(bench, &admin(bench, "POST", &format!("/keys/{order}"))).status, 200);
}

fn lookups(bench: &Bench, source: &str, result: &str) -> u64 {
    let series = format!("bonafide_key_lookups_total{{source=\"{source}\",result=\"{result}\"}}");
    bench.proxy.metric(&series).expect("the metric")
}

fn fetches(bench: &Bench, source: &str, outcome: &str) -> u64 {
    let series = format!("bonafide_key_fetches_total{{source=\"{source}\",outcome=\"{outcome}\"}}");
    bench.proxy.metric(&series).expect("the metric")
}

/// Has the proxy fetch again from a server that is down, and waits until that failed. A connection that was kept may
/// have ended a moment ago.
fn refresh_fails(bench: &Bench, source: &str) {
    let failures = || fetches(bench, source, "connect") + fetches(bench, source, "broken");
    let before = failures();
    order(bench, "refresh");
    assert!(wait_until(SOON, || failures() > before), "{}", bench.proxy.ask_admin("/metrics").text());
}

/// Has the proxy fetch again, and waits until that came to this outcome.
fn refreshed(bench: &Bench, source: &str, outcome: &str) {
    let before = fetches(bench, source, outcome);
    order(bench, "refresh");
    let came = wait_until(SOON, || fetches(bench, source, outcome) > before);
    assert!(came, "{outcome}: {}", bench.proxy.ask_admin("/metrics").text());
}
