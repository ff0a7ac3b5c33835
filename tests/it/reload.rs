//! A changed policy: what is new holds at once, what was begun ends as it began, and mistakes change nothing.

use crate::abuse::{BODY, HUB, OTHER_SECRET, SECRET};
use crate::process::wait_until;
use crate::rig::certificate::{pair, pair_for};
use crate::rig::client::{Client, once, shown};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{HOST, Request, post};
use crate::rig::sign;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";
const OPEN: &str = "[[source]]\nname = \"open\"\npath = \"/open/*\"\nscheme = \"none\"\n";
const DONE: &str = "configuration reloaded";
const NOT_DONE: &str = "the configuration was not reloaded; the old one stays in force";
const SUCCESSFUL: &str = "bonafide_config_last_reload_successful";
/// Files are looked at every 5 s.
const LOOK: Duration = Duration::from_secs(12);

fn github(secret: &str) -> String {
    format!("[[source]]\nname = \"github\"\npath = \"/github\"\nprovider = \"github\"\nsecret = {secret}\n")
}

fn signed(secret: &str) -> Request {
    post("/github").header(HUB, sign::github(secret, BODY)).body(BODY)
}

fn literal(secret: &str) -> String {
    format!("{{ literal = \"{secret}\" }}")
}

fn status(proxy: &Proxy, request: &Request) -> u16 {
    once(Client::plain(proxy.address), request).expect("an answer").status
}

fn lines(proxy: &Proxy, message: &str) -> usize {
    proxy.log().iter().filter(|line| line.contains(message)).count()
}

/// Puts another text in the place of the policy file, sends SIGHUP and waits for this message.
fn reload(proxy: &Proxy, text: &str, message: &str) {
    let before = lines(proxy, message);
    proxy.policy.file("bonafide.toml", text.as_bytes());
    proxy.signal("HUP");
    let came = wait_until(Duration::from_secs(5), || lines(proxy, message) > before);
    assert!(came, "no \"{message}\" in {:#?}", proxy.log());
}

#[test]
fn a_new_policy_holds_at_once_and_requests_in_flight_end_under_the_old_one() {
    let recorder = Recorder::start();
    let policy = Policy::plaintext().upstream(&recorder.url).add(ADMIN).add(&github(&literal(SECRET)));
    let proxy = Proxy::start(policy);
    assert_eq!(status(&proxy, &signed(SECRET)), 200);
    assert_eq!(status(&proxy, &post("/open/x")), 404);
    let whole = signed(SECRET).http1();
    let (start, rest) = whole.split_at(whole.len() - 5);
    let mut half = Client::plain(proxy.address);
    half.send(start);
    thread::sleep(Duration::from_millis(200));

    let text = format!("{}{OPEN}", proxy.policy.text().replace(SECRET, OTHER_SECRET));
    reload(&proxy, &text, DONE);
    assert_eq!(status(&proxy, &post("/open/x")), 200, "the new route");
    assert_eq!(status(&proxy, &signed(SECRET)), 401, "the old secret");
    assert_eq!(status(&proxy, &signed(OTHER_SECRET)), 200, "the new secret");
    assert_eq!(half.send(rest).answer().expect("an answer").status, 200, "begun under the old secret");
    assert_eq!(half.send(&whole).answer().expect("an answer").status, 401, "the next on the same connection");
    assert_eq!(proxy.metric(SUCCESSFUL), Some(1));
    assert_eq!(proxy.metric("bonafide_waivers{source=\"open\",kind=\"none\"}"), Some(1));
}

#[test]
fn a_policy_with_mistakes_changes_nothing_and_is_told() {
    let recorder = Recorder::start();
    let policy = Policy::plaintext().upstream(&recorder.url).add(ADMIN).add(&github(&literal(SECRET)));
    let proxy = Proxy::start(policy);
    let good = proxy.policy.text();
    assert_eq!(proxy.metric(SUCCESSFUL), Some(1));
    for (bad, named) in [
        (good.replace("provider =", "provdier ="), "provdier"),
        (good.replace(SECRET, "changeme"), "placeholder"),
        (format!("{good}{OPEN}oops"), "bonafide.toml:"),
        (good.replace("plaintext = true", ""), "server.tls"),
        (String::new(), "server"),
    ] {
        reload(&proxy, &bad, NOT_DONE);
        let told = proxy.find_line(|line| line["message"] == NOT_DONE).expect("a line");
        let error = told["error"].as_str().expect("an error");
        assert!(error.contains(named) && !error.contains(SECRET), "{named}: {error}");
        assert_eq!(told["level"], "ERROR");
        assert_eq!(proxy.metric(SUCCESSFUL), Some(0), "{named}");
        assert_eq!(status(&proxy, &signed(SECRET)), 200, "{named}");
        assert_eq!(status(&proxy, &post("/open/x")), 404, "{named}");
    }
    fs::remove_file(proxy.policy.directory.path().join("bonafide.toml")).expect("removed");
    proxy.signal("HUP");
    assert!(wait_until(Duration::from_secs(5), || lines(&proxy, NOT_DONE) == 6));
    assert_eq!(status(&proxy, &signed(SECRET)), 200);
    reload(&proxy, &good, DONE);
    assert_eq!(proxy.metric(SUCCESSFUL), Some(1));
}

#[test]
fn what_needs_a_restart_is_told() {
    let recorder = Recorder::start();
    let proxy = Proxy::start(Policy::plaintext().upstream(&recorder.url).add(ADMIN).add(OPEN));
    let good = proxy.policy.text();
    let told = |text: &str| {
        let before = proxy.log().len();
        reload(&proxy, text, DONE);
        let lines = proxy.log().split_off(before);
        let told = lines.iter().filter(|line| line.contains("takes effect with the next start"));
        let keys =
            told.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["key"].clone());
        keys.map(|key| key.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(&good), [""; 0]);
    assert_eq!(told(&good.replace("plaintext = true", "plaintext = true\nworkers = 3")), ["server.workers"]);
    let token = "[admin]\ntoken = { literal = \"a-token-of-the-operator\" }";
    assert_eq!(told(&good.replace("[admin]", token)), ["admin"]);
    assert_eq!(told(&good.replace(ADMIN, "")), ["admin"]);
    assert_eq!(told(&format!("{good}[log]\nrequests = false\n")), ["log"]);
    let elsewhere = good.replacen("127.0.0.1:0", "127.0.0.2:0", 1);
    assert_eq!(told(&elsewhere), ["server.listen"]);
    assert_eq!(status(&proxy, &post("/open/x")), 200);
}

#[test]
fn a_replaced_secret_file_is_noticed() {
    let recorder = Recorder::start();
    let policy = Policy::plaintext().upstream(&recorder.url);
    let file = policy.file("secret", SECRET.as_bytes());
    let proxy = Proxy::start(policy.add(&github(&format!("{{ file = \"{}\" }}", file.display()))));
    assert_eq!(status(&proxy, &signed(SECRET)), 200);
    let other = proxy.policy.file("other", OTHER_SECRET.as_bytes());
    fs::rename(other, &file).expect("replaced");
    assert!(wait_until(LOOK, || status(&proxy, &signed(OTHER_SECRET)) == 200), "{:#?}", proxy.log());
    assert_eq!(status(&proxy, &signed(SECRET)), 401);
    fs::remove_file(file).expect("removed");
    reload(&proxy, &proxy.policy.text(), NOT_DONE);
    assert_eq!(status(&proxy, &signed(OTHER_SECRET)), 200, "L17: the loaded one is kept");
}

#[test]
fn a_replaced_authority_is_noticed() {
    let recorder = Recorder::https();
    let policy = Policy::plaintext();
    let ca = policy.file("ca.pem", pair_for(&["localhost"]).certificate_pem.as_bytes());
    let upstream = format!("[upstream]\nurl = \"{}\"\nca = \"{}\"\n", recorder.url, ca.display());
    let proxy = Proxy::start(policy.add(&upstream).add(OPEN));
    assert_eq!(status(&proxy, &post("/open/x")), 502);
    proxy.policy.file("ca.pem", pair().certificate_pem.as_bytes());
    assert!(wait_until(LOOK, || status(&proxy, &post("/open/x")) == 200), "{:#?}", proxy.log());
}

#[test]
fn a_replaced_certificate_is_shown_to_new_connections() {
    let recorder = Recorder::start();
    let proxy = Proxy::start(Policy::tls().upstream(&recorder.url).add(OPEN));
    let text = proxy.policy.text();
    let request = post("/open/x").http1();
    let mut old = Client::tls(proxy.address);
    assert_eq!(old.send(&request).answer().expect("an answer").status, 200);
    assert_eq!(shown(proxy.address, Some(HOST)), pair().certificate);
    let renewed = pair_for(&[HOST]);
    proxy.policy.file("certificate.pem", renewed.certificate_pem.as_bytes());
    reload(&proxy, &text, NOT_DONE);
    assert_eq!(shown(proxy.address, Some(HOST)), pair().certificate, "half of a pair is not taken");
    proxy.policy.file("key.pem", renewed.key_pem.as_bytes());
    reload(&proxy, &text, DONE);
    assert_eq!(shown(proxy.address, Some(HOST)), renewed.certificate);
    assert_eq!(old.send(&request).answer().expect("an answer").status, 200, "old connections go on");
}

#[test]
fn a_hundred_reloads_under_load_fail_no_request() {
    let recorder = Recorder::start();
    let policy = Policy::plaintext()
        .upstream(&recorder.url)
        .add(&github(&literal(SECRET)))
        .add(OPEN)
        .add("[log]\nrequests = false\n");
    let proxy = Proxy::start(policy);
    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let kept = |client: &mut Client| {
        client.send(&signed(SECRET).http1()).answer().response().map(|response| response.status)
    };
    let fresh =
        || once(Client::plain(proxy.address), &post("/open/x").body(BODY)).response().map(|r| r.status);
    let note = |status: Option<u16>| {
        assert_eq!(status, Some(200));
        served.fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = Client::plain(proxy.address);
                while !over.load(Ordering::Relaxed) {
                    note(kept(&mut client));
                }
            });
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    note(fresh());
                }
            });
        }
        let reloaded = (1..=100).all(|count| {
            proxy.signal("HUP");
            wait_until(Duration::from_secs(5), || lines(&proxy, DONE) >= count)
        });
        over.store(true, Ordering::Relaxed);
        assert!(reloaded, "{} reloads", lines(&proxy, DONE));
    });
    assert!(served.load(Ordering::Relaxed) > 100, "{served:?} requests");
}
