//! What the keys of a source do, seen from both sides of the proxy.

use crate::abuse::{BODY, HUB, SECRET};
use crate::rig::client::{Client, once};
use crate::rig::parse::Read;
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use crate::rig::recorder::Recorder;
use crate::rig::request::{Request, post};
use crate::rig::response::Response;
use crate::rig::sign;

/// A source that GitHub sends to, with these further lines.
fn github(lines: &str) -> String {
    format!("[[source]]\nname = \"github\"\npath = \"/github\"\nprovider = \"github\"\n{lines}\n")
}

/// Promise 4: a sender is not to blame for a secret that its operator let expire.
#[test]
fn without_a_live_secret_nothing_can_be_checked() {
    let recorder = Recorder::start();
    let secret = format!("secret = {{ literal = \"{SECRET}\", until = 2020-01-01 }}");
    let token =
        "secret = { literal = \"glpat-of-long-ago\", until = 2020-01-01 }\ntoken = { header = \"X-Token\" }";
    let policy = Policy::plaintext().upstream(&recorder.url).add(&github(&secret));
    let policy = policy.add(&format!("[[source]]\nname = \"token\"\npath = \"/token\"\n{token}"));
    let proxy = Proxy::start(policy);
    for request in [
        post("/github").header(HUB, sign::github(SECRET, BODY)).body(BODY),
        post("/token").header("X-Token", "glpat-of-long-ago").body(BODY),
    ] {
        let answer = once(Client::plain(proxy.address), &request).expect("an answer");
        assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("5")));
        assert_eq!(answer.header("www-authenticate"), None, "only a 401 asks for a proof");
        let line = proxy.log_line(&answer.request_id().expect("a request id")).expect("a log line");
        assert_eq!((&line["reason"], &line["blame"]), (&"no_live_secret".into(), &"ours".into()));
        assert_eq!(line["verdict"], "undecided");
    }
    assert_eq!(recorder.connections(), 0);
}

const PROOF: [&str; 3] = ["bonafide-key", "bonafide-event-id", "bonafide-timestamp"];

fn send(proxy: &Proxy, request: &Request) -> Response {
    once(Client::plain(proxy.address), request).expect("an answer")
}

/// The request that the upstream got last.
fn last(recorder: &Recorder) -> Read {
    recorder.requests().expect("well-formed").pop().expect("a request")
}

/// Fields that a client sends to look proved.
fn forged(request: Request) -> Request {
    PROOF.iter().fold(request, |request, name| request.header(name, "forged"))
}

/// The application hears the verdict, and nothing else that only a proof can tell.
#[test]
fn report_forwards_what_is_not_proved_and_says_so() {
    const EVENT: &[u8] = b"{\"id\":\"evt_1\"}";
    let recorder = Recorder::start();
    let source = format!(
        "[[source]]\nname = \"stripe\"\npath = \"/stripe\"\nprovider = \"stripe\"\nmode = \"report\"\nmax_body = \"1KiB\"\nsecret = {{ literal = \"{SECRET}\" }}"
    );
    let proxy = Proxy::start(Policy::plaintext().upstream(&recorder.url).add(&source));
    let told = |line: &serde_json::Value| line["source"] == "stripe" && line.to_string().contains("waiver");
    assert!(proxy.find_line(told).is_some(), "{:#?}", proxy.log());
    let signed = |secret: &str, offset: i64, body: &[u8]| {
        let signature = sign::stripe(secret, &sign::unix_time(offset), EVENT);
        forged(post("/stripe").header("Stripe-Signature", signature).body(body))
    };
    let rows = [
        (signed(SECRET, 0, EVENT), None),
        (forged(post("/stripe").body(EVENT)), Some("signature_missing")),
        (signed("wrong", 0, EVENT), Some("signature_mismatch")),
        (signed(SECRET, 0, b"{\"id\":\"evt_2\"}"), Some("signature_mismatch")),
        (signed(SECRET, -4000, EVENT), Some("timestamp_too_old")),
        (signed(SECRET, 4000, EVENT), Some("timestamp_in_future")),
        (
            forged(post("/stripe").header("Stripe-Signature", "t=x,v1=00").body(EVENT)),
            Some("signature_malformed"),
        ),
    ];
    for (number, (request, reason)) in rows.iter().enumerate() {
        let answer = send(&proxy, request);
        assert_eq!((answer.status, answer.text().as_str()), (200, "accepted"), "row {number}");
        let got = last(&recorder);
        assert_eq!(got.body, request.body, "row {number}");
        assert_eq!(
            (got.one("bonafide-source"), got.one("bonafide-scheme")),
            ("stripe".into(), "signature".into())
        );
        let line = proxy.log_line(&answer.header("x-request-id").expect("a request id")).expect("a log line");
        match reason {
            None => {
                assert_eq!(got.one("bonafide-verdict"), "verified");
                assert_eq!((got.one(PROOF[0]), got.one(PROOF[1])), ("secret-1".into(), "evt_1".into()));
                assert!(got.one(PROOF[2]).parse::<i64>().is_ok(), "{got:?}");
                assert_eq!((&line["verdict"], &line["reason"]), (&"verified".into(), &"verified".into()));
            }
            Some(reason) => {
                assert_eq!(got.one("bonafide-verdict"), format!("rejected; reason={reason}"), "row {number}");
                assert!(PROOF.iter().all(|name| got.all(name).is_empty()), "{got:?}");
                assert_eq!((&line["verdict"], &line["reason"]), (&"waived".into(), &(*reason).into()));
                assert!(line["detail"].is_string() && line["key"].is_null(), "{line}");
            }
        }
    }
    let forwarded = recorder.served();
    assert_eq!(send(&proxy, &signed(SECRET, 0, &[b'x'; 1025])).status, 413, "limits hold all the same");
    assert_eq!(send(&proxy, &post("/stripe").method("GET")).status, 405);
    assert_eq!(recorder.served(), forwarded);
}

#[test]
fn without_a_scheme_nothing_is_said_of_a_sender() {
    let recorder = Recorder::start();
    let source = "[[source]]\nname = \"open\"\npath = \"/open\"\nscheme = \"none\"";
    let proxy = Proxy::start(Policy::plaintext().upstream(&recorder.url).add(source));
    let request =
        forged(post("/open").header("Bonafide-Verdict", "verified").header(HUB, "sha256=00").body(BODY));
    let answer = send(&proxy, &request);
    assert_eq!(answer.status, 200);
    let got = last(&recorder);
    let said = ["bonafide-verdict", "bonafide-source", "bonafide-scheme"].map(|name| got.one(name));
    assert_eq!(said, ["none", "open", "none"]);
    assert!(PROOF.iter().all(|name| got.all(name).is_empty()), "{got:?}");
    assert_eq!(got.one("x-hub-signature-256"), "sha256=00", "what else was sent is passed on");
    let line = proxy.log_line(&answer.header("x-request-id").expect("a request id")).expect("a log line");
    assert_eq!((&line["verdict"], &line["reason"]), (&"waived".into(), &"waived".into()));
}

/// The path is the source's, the query stays as it was sent, and the signature is over what was sent.
#[test]
fn the_upstream_path_replaces_the_path_alone() {
    let recorder = Recorder::start();
    let secret = format!("provider = \"github\"\nsecret = {{ literal = \"{SECRET}\" }}");
    let policy = Policy::plaintext().upstream(&recorder.url);
    let policy = policy.add(&format!(
        "[[source]]\nname = \"a\"\npath = \"/hooks/{{tenant}}/github\"\nupstream_path = \"/github/{{tenant}}\"\n{secret}\n\
         [[source]]\nname = \"b\"\npath = \"/all/*\"\nupstream_path = \"/in/*\"\n{secret}\n\
         [[source]]\nname = \"c\"\npath = \"/as-it-is\"\n{secret}"
    ));
    let proxy = Proxy::start(policy);
    for (sent, got) in [
        ("/hooks/acme/github", "/github/acme"),
        ("/hooks/a~b.c_d-1/github?x=%2F&y=/../z", "/github/a~b.c_d-1?x=%2F&y=/../z"),
        ("/hooks/acme/github?", "/github/acme?"),
        ("/all/one/two%20three?q", "/in/one/two%20three?q"),
        ("/as-it-is?a=1", "/as-it-is?a=1"),
    ] {
        let request = post(sent).header(HUB, sign::github(SECRET, BODY)).body(BODY);
        assert_eq!(send(&proxy, &request).status, 200, "{sent}");
        assert_eq!(String::from_utf8_lossy(&last(&recorder).target), got, "{sent}");
    }
}

#[test]
fn fields_are_stripped_and_set() {
    let recorder = Recorder::start();
    let hub = "strip = [\"Cookie\", \"X-Hub-Signature-256\"]\nset_headers = { X-Environment = \"production\", X-Empty = \"\" }";
    let hub = format!("{hub}\nsecret = {{ literal = \"{SECRET}\" }}");
    let token = "[[source]]\nname = \"token\"\npath = \"/token\"\nsecret = { literal = \"glpat-of-today-1\" }\ntoken = { header = \"X-Token\" }";
    let policy = Policy::plaintext().upstream(&recorder.url).add(&github(&hub)).add(token);
    let policy =
        policy.add(&token.replace("token\"\npath = \"/token\"", "kept\"\npath = \"/kept\"\nstrip = []"));
    let proxy = Proxy::start(policy);
    let request = post("/github").header(HUB, sign::github(SECRET, BODY)).header("Cookie", "a=1");
    let request =
        request.header("X-Environment", "forged").header("x-environment", "again").header("X-Other", "1");
    assert_eq!(send(&proxy, &request.body(BODY)).status, 200);
    let got = last(&recorder);
    assert_eq!((got.all("cookie"), got.all("x-hub-signature-256")), (vec![], vec![]));
    assert_eq!(
        (got.all("x-environment"), got.all("x-empty")),
        (vec!["production".into()], vec![String::new()])
    );
    assert_eq!(got.one("x-other"), "1");
    for (path, left) in [("/token", ""), ("/kept", "glpat-of-today-1")] {
        let request = post(path).header("X-Token", "glpat-of-today-1").header("Cookie", "a=1").body(BODY);
        assert_eq!(send(&proxy, &request).status, 200, "{path}");
        let got = last(&recorder);
        assert_eq!((got.one("x-token").as_str(), got.one("cookie").as_str()), (left, "a=1"), "{path}");
    }
}

/// G16: behind a trusted proxy the client is the right-most hop that is not trusted, and `allow_from` means it.
#[test]
fn allow_from_is_about_the_client_behind_trusted_proxies() {
    let recorder = Recorder::start();
    let allow =
        format!("allow_from = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nsecret = {{ literal = \"{SECRET}\" }}");
    let policy = Policy::plaintext().server("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n");
    let proxy = Proxy::start(policy.upstream(&recorder.url).add(&github(&allow)));
    let ask = |name: &str, value: &str, secret: &str| {
        let request = post("/github").header(HUB, sign::github(secret, BODY)).header(name, value);
        send(&proxy, &request.header("X-Forwarded-Proto", "https").header("X-Request-Id", "id-1").body(BODY))
    };
    for (name, value, client) in [
        ("X-Forwarded-For", "192.0.2.7", "192.0.2.7"),
        ("X-Forwarded-For", "203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ("X-Forwarded-For", "192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("X-Forwarded-For", "::ffff:192.0.2.7", "192.0.2.7"),
        ("X-Forwarded-For", "2001:db8::1", "2001:db8::1"),
        ("Forwarded", "for=192.0.2.7;proto=https", "192.0.2.7"),
    ] {
        assert_eq!(ask(name, value, SECRET).status, 200, "{name}: {value}");
        let got = last(&recorder);
        assert_eq!(got.one("x-forwarded-for"), client, "{name}: {value}");
        assert_eq!((got.one("x-forwarded-proto"), got.one("x-request-id")), ("https".into(), "id-1".into()));
    }
    let passed = recorder.served();
    for value in ["203.0.113.9", "192.0.2.7, 203.0.113.9", "10.1.2.3", "nobody", "", "192.0.2.7, nobody"] {
        for secret in [SECRET, "wrong"] {
            let answer = ask("X-Forwarded-For", value, secret);
            assert_eq!(answer.status, 403, "{value:?}: the address comes before the proof");
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }
    let told = proxy.find_line(|line| line["client"] == "203.0.113.9").expect("a log line");
    assert_eq!((&told["reason"], &told["peer"]), (&"address_not_allowed".into(), &"127.0.0.1".into()));
    assert_eq!(ask("X-Forwarded-For", "192.0.2.7", "wrong").status, 401);
    assert_eq!(recorder.served(), passed);
}
