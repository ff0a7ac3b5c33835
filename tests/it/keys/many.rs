//! Many requests, and how few of them the key server hears of.

use super::*;
use std::collections::BTreeMap;
use std::thread;

fn count(statuses: impl IntoIterator<Item = u16>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    statuses.into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
    counts
}

/// K19, K20: whoever comes while a fetch is under way waits for it; that the first one leaves does not matter.
#[test]
fn a_cold_cache_asks_once_however_many_wait() {
    const STREAMS: u64 = 100;
    const CONNECTIONS: u64 = 3;
    let server = KeyServer::start(Reply::Held(Box::new(Reply::Json(set(&["a"])))));
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ", timeout = \"30s\""));
    let mut first = Client::tls(bench.proxy.address);
    first.send(&good("/in", "a").http1());
    assert!(server.wait_for(1));
    drop(first);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let requests: Vec<Request> = (0..STREAMS).map(|_| good("/in", "a")).collect();
                    at_once(bench.proxy.address, &requests)
                })
            })
            .collect();
        let all =
            wait_until(Duration::from_secs(20), || lookups(&bench, "in", "miss") > STREAMS * CONNECTIONS);
        assert!(all, "{} came", lookups(&bench, "in", "miss"));
        assert_eq!((server.count(), bench.recorder.connections()), (1, 0));
        server.release();
        for client in clients {
            assert_eq!(count(client.join().expect("a client")), BTreeMap::from([(200, STREAMS as usize)]));
        }
    });
    assert_eq!((server.count(), fetches(&bench, "in", "ok")), (1, 1));
    let served = bench.recorder.served() as u64;
    assert!((STREAMS * CONNECTIONS..=STREAMS * CONNECTIONS + 1).contains(&served), "{served} forwarded");
}

/// K17: names that nobody has cost the key server one question, and the others nothing.
#[test]
fn random_names_reach_the_server_once_in_a_while() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    flood(&bench, &server, 2);
}

/// K18: the same where each key has its own URL.
#[test]
fn random_names_of_single_keys_reach_the_server_once_in_a_while() {
    let server = KeyServer::start(Reply::Close);
    let known = token::jwk("es256", "a").to_string();
    server.answer_by(move |asked| match asked.target.as_slice() {
        b"/keys/a" => Reply::Json(known.clone()),
        _ => Reply::Status(404, String::new()),
    });
    let keys = format!("keys = {{ url = \"{}\" }}", server.url("/keys/{kid}"));
    let bench = Bench::start(&source("in", "", &jwt("\"ES256\"", &keys)));
    // Four at one time before the first "unknown" came back.
    flood(&bench, &server, 5);
}

fn flood(bench: &Bench, server: &KeyServer, most: usize) {
    bench.passes(&good("/in", "a"));
    let address = bench.proxy.address;
    let stranger = || good("/in", &token::unique("stranger"));
    thread::scope(|scope| {
        let flooding: Vec<_> = (0..2)
            .map(|_| scope.spawn(move || at_once(address, &(0..100).map(|_| stranger()).collect::<Vec<_>>())))
            .collect();
        for _ in 0..50 {
            assert_eq!(bench.ask(&good("/in", "a")).status, 200, "known keys are not affected");
        }
        let counts = count(flooding.into_iter().flat_map(|client| client.join().expect("a client")));
        // 401 is for those who came before the one fetch had begun.
        assert!(counts.keys().all(|status| [401, 503].contains(status)), "{counts:?}");
    });
    for _ in 0..100 {
        let response = bench.ask(&stranger());
        assert_eq!(response.status, 503, "inside the cooldown nobody can say that there is no such key");
    }
    assert!(server.count() <= most, "{} questions", server.count());
    assert_eq!(bench.recorder.served(), 51);
    assert!(lookups(bench, "in", "throttled") >= 100 && lookups(bench, "in", "hit") >= 50);
    let response = bench.ask(&good("/in", "a"));
    assert_eq!((response.status, &bench.line(&response)["key"]), (200, &"a".into()));
}
