//! Many copies at once, and an application that fails at random.

use super::*;
use crate::rig::random::Random;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;

const COPIES: usize = 200;

/// A proxy before an application that holds its answer.
fn holding() -> (KeyServer, Proxy) {
    let upstream = KeyServer::start(Reply::Held(Box::new(Reply::Json("{}".into()))));
    let policy = Policy::tls().timeouts("response = \"30s\"").upstream(&upstream.url("")).add(ADMIN);
    let proxy = Proxy::start(policy.add(&standard("in", "replay = { wait = \"30s\" }")));
    (upstream, proxy)
}

/// Waits until all copies but one wait, and lets the one go.
fn release(upstream: &KeyServer, proxy: &Proxy) {
    let all = wait_until(Duration::from_secs(20), || outcomes(proxy, "waited") == COPIES as u64 - 1);
    assert!(all, "{} wait", outcomes(proxy, "waited"));
    assert!(upstream.wait_for(1));
    assert_eq!(upstream.count(), 1);
    upstream.release();
}

/// P02: of two hundred copies at once one is forwarded; the others wait for it and are acknowledged with it.
#[test]
fn copies_at_once_over_http1() {
    let (upstream, proxy) = holding();
    let request = event("/in", "msg_1").http1();
    let mut clients: Vec<Client> = (0..COPIES).map(|_| Client::tls(proxy.address)).collect();
    for client in &mut clients {
        client.send(&request);
    }
    release(&upstream, &proxy);
    let answers: Vec<_> = clients.iter_mut().map(|client| client.answer().expect("an answer")).collect();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(
        answers.iter().filter(|answer| answer.text() == "{}").count(),
        1,
        "one has the application's answer"
    );
    assert_eq!((upstream.count(), outcomes(&proxy, "reserved"), outcomes(&proxy, "delivered")), (1, 1, 1));
}

#[test]
fn copies_at_once_over_http2() {
    let (upstream, proxy) = holding();
    let copies = vec![event("/in", "msg_1"); COPIES / 2];
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| at_once(proxy.address, &copies))).collect();
        release(&upstream, &proxy);
        for client in clients {
            assert_eq!(client.join().expect("a client"), vec![200; COPIES / 2]);
        }
    });
    assert_eq!((upstream.count(), outcomes(&proxy, "delivered")), (1, 1));
}

/// The one that was forwarded fails: exactly one of those that wait takes its place, and again, until one succeeds.
#[test]
fn copies_at_once_of_which_some_fail() {
    const FAILURES: usize = 3;
    let upstream = KeyServer::start(Reply::Held(Box::new(Reply::Json("{}".into()))));
    for _ in 0..FAILURES {
        upstream.next(Reply::Held(Box::new(Reply::Status(500, String::new()))));
    }
    let policy = Policy::tls().timeouts("response = \"30s\"").upstream(&upstream.url("")).add(ADMIN);
    let proxy = Proxy::start(policy.add(&standard("in", "replay = { wait = \"30s\" }")));
    let copies = vec![event("/in", "msg_1"); COPIES / 2];
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| at_once(proxy.address, &copies))).collect();
        release(&upstream, &proxy);
        let statuses: Vec<u16> =
            clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
        let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(500), count(200)), (FAILURES, COPIES - FAILURES));
    });
    assert_eq!(upstream.count(), FAILURES + 1);
    assert_eq!((outcomes(&proxy, "released"), outcomes(&proxy, "delivered")), (FAILURES as u64, 1));
}

/// Every request is accounted for, and each event is delivered exactly once, whatever the application does.
#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    const SEED: u64 = 20_261_125;
    const EVENTS: usize = 60;
    const SENDERS: usize = 4;
    /// What the application did with each event: status 0 where it did not answer.
    type Deliveries = Arc<Mutex<HashMap<String, Vec<u16>>>>;
    let deliveries = Deliveries::default();
    let upstream = KeyServer::start(Reply::Close);
    let (random, seen) = (Mutex::new(Random::new(SEED)), deliveries.clone());
    upstream.answer_by(move |request| {
        let (status, reply) = match random.lock().unwrap().below(10) {
            0..=3 => (200, Reply::Json("{}".into())),
            4 => (204, Reply::Status(204, String::new())),
            5 => (500, Reply::Status(500, "<html>".into())),
            6 => (302, Reply::Redirect("/elsewhere".into())),
            7 => (404, Reply::Status(404, String::new())),
            8 => (0, Reply::Raw(b"HTTP/9 nonsense\r\n\r\n".to_vec())),
            _ => (0, Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n".to_vec())),
        };
        seen.lock().unwrap().entry(request.one("webhook-id")).or_default().push(status);
        reply
    });
    let policy = Policy::tls().timeouts("connect = \"5s\"\nresponse = \"1s\"\n").upstream(&upstream.url(""));
    let proxy = Proxy::start(policy.add(ADMIN).add(&standard("in", "")));
    // Each sender sends every event until it is acknowledged, in an order of its own, and once more after that.
    let sender = |number: usize| {
        let (mut random, mut sent, mut refused) = (Random::new(SEED + number as u64), 0_u64, 0_u64);
        let mut client = Client::tls(proxy.address);
        let mut open: Vec<(usize, bool)> = (0..EVENTS).flat_map(|id| [(id, false), (id, true)]).collect();
        while !open.is_empty() {
            let at = random.below(open.len());
            let (id, forged) = open[at];
            let mut request = event("/in", &format!("msg_{id}"));
            if forged {
                request.body.push(b'x');
            }
            sent += 1;
            let answer = client.send(&request.http1()).answer().expect("an answer");
            if answer.header("connection").is_some() {
                client = Client::tls(proxy.address);
            }
            refused += u64::from(answer.status == 401);
            assert_eq!(answer.status == 401, forged);
            if forged || (200..300).contains(&answer.status) {
                open.swap_remove(at);
            }
        }
        (sent, refused)
    };
    let (mut sent, mut refused) = (0, 0);
    thread::scope(|scope| {
        let sender = &sender;
        let senders: Vec<_> = (0..SENDERS).map(|number| scope.spawn(move || sender(number))).collect();
        for sender in senders {
            let (more, bad) = sender.join().expect("a sender");
            (sent, refused) = (sent + more, refused + bad);
        }
    });
    let deliveries = deliveries.lock().unwrap();
    assert_eq!(deliveries.len(), EVENTS);
    for (id, statuses) in deliveries.iter() {
        let taken = statuses.iter().filter(|status| (200..300).contains(*status)).count();
        assert_eq!(
            (taken, statuses.last().is_some_and(|last| *last / 100 == 2)),
            (1, true),
            "{id}: {statuses:?}"
        );
    }
    let forwarded: u64 = deliveries.values().map(|statuses| statuses.len() as u64).sum();
    let requests = |verdict: &str| {
        let page = proxy.ask_admin("/metrics").text();
        let series = format!("bonafide_requests_total{{source=\"in\",verdict=\"{verdict}\",");
        let lines = page.lines().filter(|line| line.starts_with(&series));
        lines
            .map(|line| {
                line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a number")
            })
            .sum::<u64>()
    };
    assert!(wait_until(Duration::from_secs(5), || {
        ["verified", "refused", "duplicate", "undecided"].map(requests).iter().sum::<u64>() >= sent
    }));
    // A forward that fails was verified all the same.
    let duplicate = requests("duplicate");
    assert_eq!((requests("verified"), requests("refused"), requests("undecided")), (forwarded, refused, 0));
    assert_eq!(forwarded + refused + duplicate, sent);
    let outcome = |name: &str| outcomes(&proxy, name);
    assert_eq!((outcome("delivered"), outcome("duplicate")), (EVENTS as u64, duplicate));
    assert_eq!(outcome("reserved"), outcome("delivered") + outcome("released") + outcome("taken_over"));
    assert_eq!((outcome("reserved"), outcome("taken_over")), (forwarded, 0));
}
