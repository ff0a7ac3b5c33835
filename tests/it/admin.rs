//! The operator's port, and the command that asks it.

use crate::abuse::{BODY, HUB, SECRET};
use crate::process::free_port;
use crate::rig::client::{Client, connect, once};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::{Behaviour, Recorder};
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::sign;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";
const OPEN: &str = "[[source]]\nname = \"open\"\npath = \"/open/*\"\nscheme = \"none\"\n";
const TOKEN: &str = "token-of-the-operator";

fn sources() -> String {
    format!(
        "{OPEN}[[source]]\nname = \"github\"\npath = \"/github\"\nprovider = \"github\"\nsecret = {{ literal = \"{SECRET}\" }}\n\
         [[source]]\nname = \"watched\"\npath = \"/watched\"\nprovider = \"github\"\nmode = \"report\"\nsecret = {{ literal = \"{SECRET}\" }}\n"
    )
}

fn start(recorder: &Recorder, admin: &str) -> Proxy {
    Proxy::start(Policy::plaintext().upstream(&recorder.url).add(admin).add(&sources()))
}

fn ask(address: SocketAddr, request: &Request) -> Response {
    once(Client::plain(address), request).expect("the admin port answers")
}

fn get(path: &str) -> Request {
    post(path).method("GET")
}

#[test]
fn health_and_readiness() {
    let recorder = Recorder::start();
    let proxy = start(&recorder, ADMIN);
    for (path, status, text) in [
        ("/healthz", 200, "ok\n"),
        ("/readyz", 200, "ready\n"),
        ("/readyz?verbose", 200, "ready\n"),
        ("/keys", 200, "[]\n"),
        ("/", 404, "/healthz, /readyz, /metrics, /keys, /refused\n"),
        ("/metrics/", 404, "/healthz, /readyz, /metrics, /keys, /refused\n"),
    ] {
        let answer = proxy.ask_admin(path);
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{path}");
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"), "{path}");
    }
    let head = ask(proxy.admin(), &get("/healthz").method("HEAD"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        for path in ["/healthz", "/metrics", "/nope"] {
            let answer = ask(proxy.admin(), &get(path).method(method));
            assert_eq!(
                (answer.status, answer.header("allow").as_deref()),
                (405, Some("GET, HEAD")),
                "{method} {path}"
            );
        }
    }
    assert_eq!(recorder.connections(), 0);
}

/// L18, A06: while requests in flight end, the process is alive and not ready.
#[test]
fn not_ready_while_draining() {
    let recorder = Recorder::start();
    recorder.by_default(Behaviour::Delayed(Duration::from_millis(1500)));
    let mut proxy = start(&recorder, ADMIN);
    let admin = proxy.admin();
    let mut client = Client::plain(proxy.address);
    client.send(&post("/open/x").body(BODY).http1());
    assert!(recorder.wait_for(1));
    proxy.signal("TERM");
    let stopping = proxy.find_line(|line| line["message"] == "stopping");
    assert!(stopping.is_some());
    let ready = ask(admin, &get("/readyz"));
    assert_eq!((ready.status, ready.text().as_str()), (503, "stopping\n"));
    assert_eq!(ask(admin, &get("/healthz")).status, 200);
    assert_eq!(healthcheck(&["--address", &admin.to_string()]), Some(1));
    assert_eq!(client.answer().expect("an answer").status, 200);
    assert_eq!(proxy.exited_within(Duration::from_secs(5)).and_then(|status| status.code()), Some(0));
    assert_eq!(healthcheck(&["--address", &admin.to_string()]), Some(5));
}

#[test]
fn metrics_count_requests_and_name_waivers() {
    let recorder = Recorder::start();
    let proxy = start(&recorder, ADMIN);
    let signed = |path: &str, secret: &str| post(path).header(HUB, sign::github(secret, BODY)).body(BODY);
    for (request, status, times) in [
        (signed("/github", SECRET), 200, 3),
        (signed("/github", "wrong"), 401, 2),
        (post("/github").body(BODY), 401, 1),
        (signed("/watched", SECRET), 200, 1),
        (signed("/watched", "wrong"), 200, 2),
        (post("/open/x").body(BODY), 200, 1),
        (post("/elsewhere").body(BODY), 404, 4),
    ] {
        for _ in 0..times {
            assert_eq!(once(Client::plain(proxy.address), &request).expect("an answer").status, status);
        }
    }
    assert!(proxy.wait_for_requests(14));
    for (source, verdict, reason, count) in [
        ("github", "verified", "verified", 3),
        ("github", "refused", "signature_mismatch", 2),
        ("github", "refused", "signature_missing", 1),
        ("watched", "verified", "verified", 1),
        ("watched", "waived", "signature_mismatch", 2),
        ("open", "waived", "waived", 1),
        ("", "refused", "no_route", 4),
    ] {
        let series = format!(
            "bonafide_requests_total{{source=\"{source}\",verdict=\"{verdict}\",reason=\"{reason}\"}}"
        );
        assert_eq!(proxy.metric(&series), Some(count), "{series}\n{}", proxy.ask_admin("/metrics").text());
    }
    for (series, value) in [
        ("bonafide_waivers{source=\"open\",kind=\"none\"}", Some(1)),
        ("bonafide_waivers{source=\"watched\",kind=\"report\"}", Some(1)),
        ("bonafide_waivers{source=\"github\",kind=\"none\"}", None),
        ("bonafide_config_last_reload_successful", Some(1)),
        ("bonafide_connections_refused_total", Some(0)),
        ("bonafide_held_bytes", Some(0)),
        ("bonafide_log_lines_dropped_total", Some(0)),
    ] {
        assert_eq!(proxy.metric(series), value, "{series}");
    }
    let version = format!("bonafide_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(proxy.metric(&version), Some(1));
    let _open: Vec<_> = (0..3).map(|_| connect(proxy.address).expect("a connection")).collect();
    assert!(crate::process::wait_until(Duration::from_secs(2), || {
        proxy.metric("bonafide_connections") == Some(3)
    }));
    well_formed(&proxy.ask_admin("/metrics"));
}

/// The text format of Prometheus: every sample belongs to the family that was announced last, once.
fn well_formed(page: &Response) {
    assert_eq!(page.header("content-type").as_deref(), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (text, mut family, mut series) = (page.text(), String::new(), std::collections::HashSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().expect("a name").to_owned();
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            assert_eq!(name.split('{').next(), Some(family.as_str()), "{line}");
            assert!(value.parse::<u64>().is_ok() && series.insert(name), "{line}");
        }
    }
    assert!(text.ends_with('\n') && !series.is_empty());
}

#[test]
fn metrics_want_the_token_and_probes_do_not() {
    let recorder = Recorder::start();
    let proxy = start(&recorder, &format!("{ADMIN}token = {{ literal = \"{TOKEN}\" }}\n"));
    let admin = proxy.admin();
    let with = |value: String| ask(admin, &get("/metrics").header("Authorization", value));
    assert_eq!(with(format!("Bearer {TOKEN}")).status, 200);
    let mut refusals =
        vec![ask(admin, &get("/metrics")), ask(admin, &get("/nope")), ask(admin, &post("/metrics"))];
    for value in [TOKEN.to_owned(), "Bearer ".into(), format!("Bearer {TOKEN}x"), format!("Basic {TOKEN}")] {
        refusals.push(with(value));
    }
    for answer in &mut refusals {
        assert_eq!((answer.status, answer.header("www-authenticate").as_deref()), (401, Some("Bearer")));
        answer.headers.retain(|(name, _)| name != "date");
        assert!(!answer.everything().contains(TOKEN));
    }
    refusals.dedup_by_key(|answer| answer.everything());
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(proxy.ask_admin(probe).status, 200, "{probe}");
    }
    assert!(!proxy.log().iter().any(|line| line.contains(TOKEN)), "{:#?}", proxy.log());
}

/// A04: clients that send nothing, or half a head, hold neither the port nor the proxy.
#[test]
fn slow_clients_do_not_hold_the_port() {
    let recorder = Recorder::start();
    let proxy = start(&recorder, ADMIN);
    let admin = proxy.admin();
    let _silent: Vec<_> = (0..30).map(|_| connect(admin).expect("a connection")).collect();
    let _halfway: Vec<_> = (0..30)
        .map(|_| {
            let mut client = Client::plain(admin);
            client.send(b"GET /metrics HTTP/1.1\r\nHo");
            client
        })
        .collect();
    let began = Instant::now();
    assert_eq!(proxy.ask_admin("/readyz").status, 200);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let _more: Vec<_> = (0..100).map(|_| connect(admin).expect("a connection")).collect();
    assert_eq!(once(Client::plain(proxy.address), &post("/open/x")).expect("an answer").status, 200);
}

fn healthcheck(arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    let output = command.arg("healthcheck").args(arguments).env_clear().output();
    output.expect("the binary runs").status.code()
}

#[test]
fn the_healthcheck_asks_the_admin_port_or_the_listener() {
    let recorder = Recorder::start();
    for admin in [None, Some(free_port())] {
        let mut policy = Policy::plaintext_on(&free_port().to_string()).upstream(&recorder.url);
        if let Some(admin) = admin {
            policy = policy.add(&format!("[admin]\nlisten = \"{admin}\"\n"));
        }
        let file = policy.add(OPEN);
        let path = file.write().display().to_string();
        assert_eq!(healthcheck(&["--config", &path]), Some(5), "nobody is there, {admin:?}");
        let mut proxy = Proxy::start(file);
        assert_eq!(healthcheck(&["--config", &path]), Some(0), "{admin:?}");
        assert_eq!(proxy.stop(), Some(0));
        assert_eq!(healthcheck(&["--config", &path]), Some(5), "{admin:?}");
        proxy.policy.file("bonafide.toml", b"not a policy");
        assert_eq!(healthcheck(&["--config", &path]), Some(3), "{admin:?}");
    }
}
