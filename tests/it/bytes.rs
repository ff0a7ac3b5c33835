//! What was verified is what is forwarded: random bodies, compared by SHA-256 (M43).
//!
//! `BONAFIDE_BODIES=10000` makes the long run; the default is 300.

use crate::abuse::{HUB, SECRET, start_policy};
use crate::rig::client::Client;
use crate::rig::http2::Http2;
use crate::rig::policy::Policy;
use crate::rig::random::Random;
use crate::rig::recorder::Recorder;
use crate::rig::request::{HOST, Request, post};
use crate::rig::sign::{github, sha256_hex};

/// The largest body, which is the `body` limit of the policy.
const CAP: usize = 256 * 1024;

fn rounds() -> usize {
    std::env::var("BONAFIDE_BODIES").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

/// Mostly short, sometimes at or near the cap, some that look compressed, some of one byte only.
fn body(random: &mut Random) -> Vec<u8> {
    let length = match random.below(12) {
        0 => 0,
        1 => CAP,
        2 => CAP - random.below(3),
        3 => random.below(CAP),
        4..=6 => random.below(20_000),
        _ => random.below(600),
    };
    let mut bytes = random.bytes(length);
    if length > 20 && random.below(4) == 0 {
        bytes[..4].copy_from_slice(&[0x1f, 0x8b, 8, 0]);
    }
    if random.below(6) == 0 {
        let byte = [b'\n', b'\r', b'0', 0][random.below(4)];
        bytes.fill(byte);
    }
    bytes
}

fn sizes(random: &mut Random, length: usize) -> Vec<usize> {
    let smallest = length / 200 + 1;
    (0..1 + random.below(5)).map(|_| smallest + random.below(9_000)).collect()
}

fn message(random: &mut Random) -> (Request, Vec<usize>) {
    let body = body(random);
    let sizes = if random.below(2) == 0 { sizes(random, body.len()) } else { Vec::new() };
    let mut request = post("/hooks/github").header(HUB, github(SECRET, &body)).body(body);
    if random.below(3) == 0 {
        request = request.header("Content-Encoding", "gzip");
    }
    (request, sizes)
}

fn compare(seed: u64, send: impl FnMut(&Request, &[usize]) -> u16, recorder: &Recorder) {
    let mut send = send;
    let mut random = Random::new(seed);
    let mut sent = Vec::new();
    for round in 0..rounds() / 2 {
        let (request, sizes) = message(&mut random);
        assert_eq!(
            send(&request, &sizes),
            200,
            "seed {seed}, round {round}, {} bytes in pieces of {sizes:?}",
            request.body.len()
        );
        sent.push(sha256_hex(&[&request.body]));
    }
    let got: Vec<String> = recorder
        .requests()
        .expect("well-formed")
        .iter()
        .map(|request| sha256_hex(&[&request.body]))
        .collect();
    assert!(sent == got, "the upstream got other bodies");
}

#[test]
fn over_http1() {
    let recorder = Recorder::start();
    let proxy = start_policy(Policy::tls().add("[server.limits]\nbody = \"256KiB\"\n"), &recorder);
    let mut client = Client::tls(proxy.address);
    let send = |request: &Request, sizes: &[usize]| {
        let bytes = if sizes.is_empty() { request.http1() } else { request.http1_chunked(sizes) };
        client.send(&bytes);
        client.answer().response().map_or(0, |response| response.status)
    };
    compare(1, send, &recorder);
}

#[test]
fn over_http2() {
    let recorder = Recorder::start();
    let proxy = start_policy(Policy::tls().add("[server.limits]\nbody = \"256KiB\"\n"), &recorder);
    let mut client = Http2::connect(proxy.address, HOST);
    let send = |request: &Request, sizes: &[usize]| {
        client.send(request, sizes).map_or(0, |response| response.status)
    };
    compare(2, send, &recorder);
}
