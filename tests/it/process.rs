//! The process: start, exit codes, draining, sockets.

use crate::abuse::{BODY, ENVIRONMENT, HUB, OTHER_SECRET, SECRET, genuine, start};
use crate::rig::certificate::pair;
use crate::rig::client::{Client, Wire, connect, once};
use crate::rig::frames::Frames;
use crate::rig::http2::Http2;
use crate::rig::policy::Policy;
use crate::rig::proxy::{Failed, Proxy};
use crate::rig::recorder::{Behaviour, Recorder};
use crate::rig::request::{HOST, post};
use crate::rig::sign;
use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

const OPEN: &str = "[[source]]\nname = \"open\"\npath = \"/open/*\"\nscheme = \"none\"\n";

fn failed(policy: Policy) -> Failed {
    match Proxy::try_start(policy, &ENVIRONMENT) {
        Ok(_) => panic!("it started"),
        Err(failed) => failed,
    }
}

/// L01: SIGTERM with requests in flight completes them; the exit code is 0.
#[test]
fn requests_in_flight_complete_on_sigterm() {
    let recorder = Recorder::start();
    let mut proxy = start(&recorder);
    let address = proxy.address;
    recorder.by_default(Behaviour::Delayed(Duration::from_millis(500)));
    let clients: Vec<_> = (0..20)
        .map(|_| {
            thread::spawn(move || {
                once(Client::tls(address), &genuine()).response().map(|response| response.status)
            })
        })
        .collect();
    let streams: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                Http2::connect(address, HOST).send(&genuine(), &[]).ok().map(|response| response.status)
            })
        })
        .collect();
    assert!(recorder.wait_for(24), "{} of 24 arrived", recorder.served());
    proxy.signal("TERM");
    let refused = wait_until(Duration::from_secs(2), || connect(address).is_err());
    for client in clients.into_iter().chain(streams) {
        assert_eq!(client.join().expect("a client"), Some(200));
    }
    let status = proxy.exited_within(Duration::from_secs(5)).expect("it exits");
    assert_eq!(status.code(), Some(0));
    assert!(refused, "new connections were accepted while draining");
    assert_eq!(proxy.request_lines().len(), 24, "every request has its log line");
}

/// Opens a connection that is then held.
type Open = fn(SocketAddr) -> Box<dyn Any>;

/// L02: idle connections and those that never sent a byte do not hold the exit, each kind by itself.
#[test]
fn idle_connections_do_not_hold_the_exit() {
    let kinds: [(&str, Open); 6] = [
        ("no handshake", |address| Box::new(connect(address).expect("a connection"))),
        ("half a handshake", |address| {
            let mut client = Client::over(Wire::Plain(connect(address).expect("a connection")));
            client.send(&[22, 3, 1, 2, 0, 1, 0]);
            Box::new(client)
        }),
        ("TLS without a byte", |address| Box::new(Client::tls(address))),
        ("idle after an answer", |address| {
            let mut client = Client::tls(address);
            assert_eq!(client.send(&genuine().http1()).answer().expect("an answer").status, 200);
            Box::new(client)
        }),
        ("HTTP/2 without a stream", |address| Box::new(Frames::connect(address, Some(HOST)))),
        ("idle HTTP/2 after an answer", |address| {
            let mut client = Http2::connect(address, HOST);
            assert_eq!(client.send(&genuine(), &[]).expect("an answer").status, 200);
            Box::new(client)
        }),
    ];
    let mut slow = Vec::new();
    for (kind, open) in kinds {
        let recorder = Recorder::start();
        let mut proxy = start(&recorder);
        let _held = open(proxy.address);
        // a later connection has been answered: the one before is accepted and known to a worker
        assert_eq!(once(Client::tls(proxy.address), &genuine()).expect("an answer").status, 200);
        let started = Instant::now();
        assert_eq!(proxy.stop(), Some(0), "{kind}");
        if started.elapsed() > Duration::from_millis(1500) {
            slow.push((kind, started.elapsed()));
        }
    }
    assert!(slow.is_empty(), "head = 2s, drain = 3s, and the exit waited for {slow:?}");
}

/// Warnings about the policy file are log lines as well: a collector reads JSON from the first byte on.
#[test]
fn every_line_of_the_log_is_json() {
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let odd: Vec<String> = proxy
        .log()
        .into_iter()
        .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err())
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

/// L04: one stuck upstream ends at the drain limit.
#[test]
fn the_drain_limit_ends_a_stuck_request() {
    let recorder = Recorder::start();
    recorder.by_default(Behaviour::NeverAnswer);
    let policy =
        Policy::tls().timeouts("drain = \"700ms\"\nresponse = \"20s\"\n").upstream(&recorder.url).add(OPEN);
    let mut proxy = Proxy::start(policy);
    let mut client = Client::tls(proxy.address);
    client.send(&post("/open/x").body(BODY).http1());
    assert!(recorder.wait_for(1));
    let started = Instant::now();
    proxy.signal("TERM");
    let status = proxy.exited_within(Duration::from_secs(5)).expect("it exits at the limit");
    assert!(started.elapsed() >= Duration::from_millis(600), "it did not wait: {:?}", started.elapsed());
    assert_ne!(status.code(), Some(0), "a cut request is not a clean exit");
}

/// L05: a second signal ends at once.
#[test]
fn a_second_signal_exits_at_once() {
    for second in ["TERM", "INT"] {
        let recorder = Recorder::start();
        recorder.by_default(Behaviour::NeverAnswer);
        let policy =
            Policy::tls().timeouts("drain = \"20s\"\nresponse = \"20s\"\n").upstream(&recorder.url).add(OPEN);
        let mut proxy = Proxy::start(policy);
        let mut client = Client::tls(proxy.address);
        client.send(&post("/open/x").body(BODY).http1());
        assert!(recorder.wait_for(1));
        proxy.signal("TERM");
        assert!(proxy.exited_within(Duration::from_millis(300)).is_none(), "the first signal drains");
        proxy.signal(second);
        assert!(proxy.exited_within(Duration::from_secs(1)).is_some(), "SIGTERM, SIG{second}");
    }
}

/// L09, L10: a bad policy file is exit 3, names the place, and opens no listener.
#[test]
fn a_bad_policy_is_exit_3() {
    let port = free_port();
    let rows = [
        ("requried = true", "requried"),
        ("[[source]]\nname = \"a\"\npath = \"/a\"\nscheme = \"nine\"", "nine"),
        ("[[source]]\nname = \"a\"\npath = \"/a\"", "a"),
        ("[[source]]\nname = \"a\"\npath = \"/a\"\nscheme = \"none\"\nmax_body = 5", "max_body"),
        ("[[source]]\nname = \"a\"\npath = \"/a\"\n[source.token]\nheader = \"X\"", "secret"),
        (
            "[[source]]\nname = \"a\"\npath = \"/a\"\nsecret = { env = \"RIG_ABSENT\" }\n[source.token]\nheader = \"X\"",
            "RIG_ABSENT",
        ),
        (
            "[[source]]\nname = \"a\"\npath = \"/a\"\nsecret = { literal = \"changeme\" }\n[source.token]\nheader = \"X\"",
            "a",
        ),
        ("not toml", "not"),
    ];
    for (tables, named) in rows {
        let policy = Policy::plaintext_on(&port.to_string()).upstream("http://127.0.0.1:1").add(tables);
        let failed = failed(policy);
        assert_eq!(failed.code, Some(3), "{tables}\n{}", failed.log);
        assert!(failed.log.contains("bonafide.toml:"), "no place in:\n{}", failed.log);
        assert!(failed.log.contains(named), "{named} is not named in:\n{}", failed.log);
        assert!(!failed.log.contains("\"listening\""), "a listener was opened");
    }
    assert!(connect(port).is_err());
}

/// An absent policy file is exit 3 as well; an unknown flag is exit 2.
#[test]
fn command_line_mistakes() {
    let run = |arguments: &[&str]| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_bonafide")).args(arguments).env_clear().output();
        output.expect("the binary runs").status.code()
    };
    assert_eq!(run(&["run", "--config", "/nonexistent/bonafide.toml"]), Some(3));
    assert_eq!(run(&["run", "--no-such-flag"]), Some(2));
    assert_eq!(run(&["--version"]), Some(0));
}

/// L19: a busy port is exit 4, also when the other process is one of ours.
#[test]
fn a_busy_port_is_exit_4() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address");
    let policy = |address: SocketAddr| {
        Policy::plaintext_on(&address.to_string()).upstream("http://127.0.0.1:1").add(OPEN)
    };
    let busy = failed(policy(address));
    assert_eq!(busy.code, Some(4), "{}", busy.log);
    assert!(busy.log.contains(&address.port().to_string()), "{}", busy.log);
    let first = Proxy::start(policy("127.0.0.1:0".parse().expect("an address")));
    let second = failed(policy(first.address));
    assert_eq!(second.code, Some(4), "{}", second.log);
    let mut client = Client::plain(first.address);
    client.send(&post("/open/x").http1());
    assert_eq!(client.answer().expect("the first still serves").status, 502);
}

/// A certificate that cannot be read stops the start.
#[test]
fn an_unreadable_certificate_stops_the_start() {
    let policy = Policy::tls().upstream("http://127.0.0.1:1").add(OPEN);
    std::fs::write(policy.directory.path().join("key.pem"), "nothing").expect("key overwritten");
    let failed = failed(policy);
    assert!(matches!(failed.code, Some(3 | 4)), "{:?}\n{}", failed.code, failed.log);
    assert!(failed.log.contains("key.pem"), "{}", failed.log);
}

/// `plaintext = true` takes requests from loopback, and from nobody else on a public address.
#[test]
fn plaintext_is_for_loopback() {
    let recorder = Recorder::start();
    let policy = Policy::plaintext_on("0.0.0.0:0").upstream(&recorder.url).add(OPEN);
    let proxy = Proxy::start(policy);
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, proxy.address.port()));
    assert_eq!(once(Client::plain(local), &post("/open/x")).expect("loopback").status, 200);
    let Some(own) = own_address() else { return eprintln!("skipped: no address other than loopback") };
    let seen = recorder.served();
    if let Ok(socket) = connect(SocketAddr::new(own, proxy.address.port())) {
        let mut client = Client::over(Wire::Plain(socket));
        client.send(&post("/open/x").http1());
        let status = client.answer().response().map(|response| response.status);
        assert!(status.is_none_or(|status| status >= 400), "{status:?} for a peer that is not loopback");
    }
    assert_eq!(recorder.served(), seen);
}

/// An address of this machine that is not loopback; no packet is sent.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn an_upstream_on_a_unix_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let recorder = Recorder::unix(&directory.path().join("app.sock"));
    let proxy = start(&recorder);
    assert_eq!(once(Client::tls(proxy.address), &genuine()).expect("an answer").status, 200);
    assert_eq!(recorder.requests().expect("well-formed")[0].body, BODY);
}

#[test]
fn an_upstream_over_https() {
    let recorder = Recorder::https();
    let policy = Policy::tls();
    let ca = policy.file("ca.pem", pair().certificate_pem.as_bytes());
    let upstream = format!("[upstream]\nurl = \"{}\"\nca = \"{}\"\n", recorder.url, ca.display());
    let proxy = Proxy::start(policy.add(&upstream).add(OPEN));
    assert_eq!(once(Client::tls(proxy.address), &post("/open/x").body(BODY)).expect("an answer").status, 200);
    assert_eq!(recorder.requests().expect("well-formed")[0].body, BODY);
}

#[test]
fn an_https_upstream_with_an_unknown_certificate_is_502() {
    let recorder = Recorder::https();
    let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(OPEN));
    assert_eq!(once(Client::tls(proxy.address), &post("/open/x").body(BODY)).expect("an answer").status, 502);
    assert_eq!(recorder.served(), 0);
}

/// M15, M16: secrets from files, with one trailing newline dropped and everything else byte-exact.
#[test]
fn secrets_from_files_are_byte_exact() {
    let recorder = Recorder::start();
    let secret = " sp\u{e4}ce at both ends, 24+ bytes ";
    let mut policy = Policy::tls().upstream(&recorder.url);
    for (name, bytes) in [("plain", secret.to_owned()), ("newline", format!("{secret}\n"))] {
        let file = policy.file(name, bytes.as_bytes());
        policy = policy.add(&format!(
            "[[source]]\nname = \"{name}\"\npath = \"/{name}\"\nsecret = {{ file = \"{}\" }}\n[source.signature]\n\
             algorithm = \"hmac-sha256\"\nmessage = \"{{body}}\"\n[source.signature.fields]\n\
             sig = {{ header = \"{HUB}\", prefix = \"sha256=\", role = \"signature\", encoding = \"hex\" }}\n",
            file.display()
        ));
    }
    let proxy = Proxy::start(policy);
    for name in ["plain", "newline"] {
        let ask = |secret: &str| {
            let request = post(format!("/{name}")).header(HUB, sign::github(secret, BODY)).body(BODY);
            once(Client::tls(proxy.address), &request).expect("an answer").status
        };
        assert_eq!((ask(secret), ask(secret.trim())), (200, 401), "{name}");
    }
}

/// Z05: no secret on the command line; L24: what came is what was forwarded and refused.
#[test]
fn nothing_is_lost_under_mixed_load() {
    let recorder = Recorder::start();
    let proxy = start(&recorder);
    let line = std::fs::read(format!("/proc/{}/cmdline", proxy.pid())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&line).contains(SECRET));
    let address = proxy.address;
    let threads: Vec<_> = (0..4)
        .map(|number| {
            thread::spawn(move || {
                let mut client = Client::tls(address);
                for round in 0..50 {
                    let good = (round + number) % 5 != 0;
                    let secret = if good { SECRET } else { OTHER_SECRET };
                    let request = post("/hooks/github").header(HUB, sign::github(secret, BODY)).body(BODY);
                    client.send(&request.http1());
                    assert_eq!(client.answer().expect("an answer").status, if good { 200 } else { 401 });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a client");
    }
    assert_eq!(recorder.served(), 160);
    assert!(proxy.wait_for_requests(200));
    let lines = proxy.request_lines();
    let count = |verdict: &str| lines.iter().filter(|line| line["verdict"] == verdict).count();
    assert_eq!((count("verified"), count("refused")), (160, 40));
}

pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

pub fn wait_until(limit: Duration, done: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}
