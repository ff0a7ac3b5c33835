//! `bonafide conformance` against Bonafide itself and against receivers that are not what they should be.

use crate::commands::{Desk, json};
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::{Behaviour, Recorder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;

const VECTORS: &str = concat!("--vectors=", env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
/// What the receivers believe to be called by, whatever their port is.
const PUBLIC: &str = "--public-url=https://hooks.example";

fn run(desk: &Desk, code: i32, more: &[&str]) -> (String, String) {
    desk.expect(code, &[&["conformance", VECTORS], more].concat())
}

/// Bonafide with a source for each setup of these providers, or of all.
fn receivers(desk: &Desk, recorder: &Recorder, providers: &[&str]) -> Proxy {
    let target = "--target=http://127.0.0.1:8080/{provider}/{setup}";
    let (policy, _) = run(desk, 0, &[&["--write-policy", target, PUBLIC], providers].concat());
    desk.write("written.toml", &policy);
    desk.expect(0, &["check", "--config", "written.toml"]);
    let sources = &policy[policy.find("[[source]]").expect("sources")..];
    Proxy::start(Policy::tls().upstream(&recorder.url).add(sources))
}

/// The suite against the proxy, as JSON.
fn suite(desk: &Desk, code: i32, proxy: &Proxy, path: &str, more: &[&str]) -> Value {
    let target = format!("--target=https://hooks.example{path}");
    let connect = format!("--connect={}", proxy.address);
    let ca = format!("--ca={}/certificate.pem", proxy.policy.directory.path().display());
    let options = [&target, &connect, &ca, PUBLIC, "--format=json"];
    json(&run(desk, code, &[&options[..], more].concat()).0)
}

fn rows(report: &Value) -> &Vec<Value> {
    report["rows"].as_array().expect("rows")
}

/// How often each path was refused for each reason.
type Refusals = BTreeMap<(String, String), usize>;

fn logged(proxy: &Proxy) -> Refusals {
    let mut refusals = Refusals::new();
    for line in proxy.request_lines().iter().filter(|line| line["verdict"] == "refused") {
        let of = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        *refusals.entry((of("path"), of("reason"))).or_default() += 1;
    }
    refusals
}

#[test]
fn bonafide_conforms_and_refuses_each_forgery_for_the_reason_of_its_row() {
    let (desk, recorder) = (Desk::new(), Recorder::start());
    let proxy = receivers(&desk, &recorder, &[]);
    let report = suite(&desk, 0, &proxy, "/{provider}/{setup}", &[]);
    let (sent, skipped): (Vec<&Value>, Vec<&Value>) =
        rows(&report).iter().partition(|row| row["status"].is_number());
    assert!(sent.iter().all(|row| row["result"] == "as_expected"));
    assert!(skipped.iter().all(|row| ["private_key", "no_twin"].iter().any(|code| row["skipped"] == *code)));
    assert!(skipped.len() * 8 < rows(&report).len(), "{} skipped", skipped.len());
    let counts = (&report["ok"], &report["sent"], &report["faults"], &report["skipped"]);
    assert_eq!(counts, (&true.into(), &sent.len().into(), &0.into(), &skipped.len().into()));
    let (genuine, forged): (Vec<&Value>, Vec<&Value>) =
        sent.iter().partition(|row| row["expect"] == "verified");
    assert_eq!(recorder.served(), genuine.len());
    assert!(proxy.wait_for_requests(sent.len()));
    let mut expected = Refusals::new();
    for row in forged {
        let of = |key: &str| row[key].as_str().expect("a text").to_owned();
        let path = format!("/{}/{}", of("provider"), row["setup"]);
        *expected.entry((path, of("expect"))).or_default() += 1;
    }
    let mut logged = logged(&proxy);
    // A thousand signatures do not get past the limit of the head, where there is no path yet.
    let large = logged.remove(&(String::new(), "headers_too_large".to_owned()));
    let other: Vec<_> = expected.iter().filter(|(key, count)| logged.get(key) != Some(count)).collect();
    assert_eq!((other.len(), large), (1, Some(1)), "{other:?}");
}

#[test]
fn one_address_is_a_receiver_of_one_setup() {
    let (desk, recorder) = (Desk::new(), Recorder::start());
    let github = ["--provider=github"];
    let proxy = receivers(&desk, &recorder, &github);
    let list = json(&run(&desk, 0, &["--list", "--provider=github", "--format=json"]).0);
    let setups = list.as_array().expect("an array");
    assert!(setups.len() > 1, "{list}");
    assert_eq!((&setups[0]["setup"], &setups[0]["refused"]), (&1.into(), &Value::Null));
    assert!(run(&desk, 0, &["--list", "--provider=github"]).0.contains("It's a Secret to Everybody"));
    for number in 1..=setups.len() {
        let own = format!("--setup={number}");
        let report = suite(&desk, 0, &proxy, &format!("/github/{number}"), &[github[0], &own]);
        let sent = rows(&report).iter().filter(|row| row["status"].is_number());
        assert!(sent.clone().count() > 0 && sent.clone().all(|row| row["setup"] == number), "{report}");
        assert!(rows(&report).iter().any(|row| row["skipped"] == "other_setup"));
    }
    // Another receiver than the one that the rows are for.
    let report = suite(&desk, 1, &proxy, "/github/2", &github);
    assert!(rows(&report).iter().any(|row| row["result"] == "refused" && row["status"] == 401));
}

#[test]
fn who_takes_everything_is_found_out() {
    let (desk, recorder) = (Desk::new(), Recorder::start());
    let target = format!("--target={}/hook", recorder.url);
    let options = ["--provider=stripe", &target, "--format=json"];
    let report = json(&run(&desk, 1, &options).0);
    for row in rows(&report).iter().filter(|row| row["skipped"].is_null()) {
        let result = if row["expect"] == "verified" { "as_expected" } else { "let_in" };
        assert_eq!(row["result"], result, "{row}");
    }
    let (text, _) = run(&desk, 1, &["--provider=stripe", &target]);
    assert!(text.contains("FAULT: let_in") && text.contains("body changed"), "{text}");
    let sent = report["sent"].as_u64().expect("a number");
    assert!(text.contains(&format!("{sent} sent: {} as expected", report["as_expected"])), "{text}");
    // As they stand: byte for byte, but for the framing.
    let before = recorder.served();
    let report = json(&run(&desk, 1, &[&options[..], &["--as-published"]].concat()).0);
    let seen = recorder.requests_from(before).expect("well-formed");
    let row = &rows(&report)[0];
    assert_eq!((&row["sent"], &row["now"]), (&"as_published".into(), &1_700_000_000.into()));
    assert_eq!(seen[0].body, b"{\"id\":\"evt_test_webhook\",\"object\":\"event\"}");
    let signature =
        "t=1700000000,v1=bad_signature,v1=d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990";
    assert_eq!(seen[0].one("stripe-signature"), signature);
    // Neither let in nor refused.
    recorder.by_default(Behaviour::status(503, "", "later"));
    let report = json(&run(&desk, 1, &options).0);
    assert!(rows(&report).iter().all(|row| row["result"] == "broken" || row["result"] == "skipped"));
}

#[test]
fn who_does_not_answer_and_what_makes_no_sense_is_told() {
    let desk = Desk::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let nobody = format!("--target=http://{free}/");
    let (out, err) = run(&desk, 5, &["--provider=stripe", &nobody]);
    assert!(out.is_empty() && err.contains(&free.to_string()), "{err}");
    for (options, word) in [
        (&[nobody.as_str()][..], "--provider ID"),
        (&["--provider=strpie", &nobody], "`stripe`"),
        (&["--provider=stripe"], "--target"),
        (&["--provider=stripe", "--target=/hook"], "scheme and host"),
        (&["--provider=stripe", "--target=http://h.example/?a=b"], "query"),
        (&["--write-policy", &nobody], "{setup}"),
    ] {
        let (_, err) = run(&desk, 2, options);
        assert!(err.contains(word), "{word}: {err}");
    }
    let (_, err) = desk.expect(4, &["conformance", "--provider=stripe", &nobody]);
    assert!(err.contains("tests/vectors") && err.contains("--vectors DIR"), "{err}");
    desk.write("a.json", "{\"provider\": \"stripe\", \"origin\": \"own\", \"messages\": []}");
    let (_, err) = desk.expect(2, &["conformance", "--vectors=.", &nobody]);
    assert!(err.contains("a.json") && err.contains("licence"), "{err}");
}
