//! What operators see of the keys and do to them.

use super::*;
use crate::process::free_port;

/// Ages, hits and failures, as metrics and as a list.
#[test]
fn keys_are_shown_and_ordered_about() {
    let server = KeyServer::start(Reply::Json(set(&["a", "b"])));
    let port = free_port();
    let admin = format!("[admin]\nlisten = \"{port}\"\ntoken = {{ literal = \"token-of-the-operator\" }}\n");
    let bench = Bench::start(&format!("{admin}{}", fetched("in", &server.url("/jwks"), "")));
    let keys = |arguments: &[&str]| {
        let output = run(&bench, &[&["keys"], arguments, &["--config", "bonafide.toml"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let list = || serde_json::from_str::<Value>(&keys(&["list"]).1).expect("JSON");
    assert_eq!(
        list(),
        json!([{ "source": "in", "url": server.url("/jwks"), "keys": [], "last_failure": null }])
    );
    for _ in 0..3 {
        bench.passes(&good("/in", "a"));
    }
    let row = &list()[0];
    for (number, kid) in ["a", "b"].iter().enumerate() {
        let key = &row["keys"][number];
        let (age, left) = (key["age"].as_i64().expect("an age"), key["expires_in"].as_i64().expect("a rest"));
        assert_eq!(key["kid"], *kid);
        assert!((0..10).contains(&age) && age + left == 86_400, "{key}");
    }
    let metrics = || {
        let request = post("/metrics").method("GET").header("Authorization", "Bearer token-of-the-operator");
        tell(&bench, &request).text()
    };
    let shown = metrics();
    for line in [
        "bonafide_key_lookups_total{source=\"in\",result=\"hit\"} 2",
        "bonafide_key_lookups_total{source=\"in\",result=\"miss\"} 1",
        "bonafide_key_fetches_total{source=\"in\",outcome=\"ok\"} 1",
        "bonafide_key_fetches_total{source=\"in\",outcome=\"timeout\"} 0",
        "bonafide_keys{source=\"in\"} 2",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert!(shown.contains("\nbonafide_key_age_seconds{source=\"in\"} "), "{shown}");

    server.answer(Reply::Status(500, String::new()));
    assert_eq!(keys(&["refresh", "--source", "in"]), (Some(0), "refreshing: 1 source(s)\n".into()));
    assert!(wait_until(SOON, || list()[0]["last_failure"]["fault"] == "status"), "{}", list());
    assert_eq!(list()[0]["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(keys(&["purge"]), (Some(0), "purged: 1 source(s)\n".into()));
    assert_eq!(list()[0]["keys"], json!([]));
    assert_eq!(keys(&["purge", "--source", "nobody"]).0, Some(1));
    assert_eq!(keys(&["purge", "--source", "a&b"]).0, Some(2));
    server.answer(Reply::Json(set(&["a"])));
    bench.passes(&good("/in", "a"));
    assert_eq!(keys(&["refresh"]).0, Some(0));
    bench.kept_secret(&["token-of-the-operator"]);
}

/// What changes something is for POST and not for web pages; `/keys` is only read.
#[test]
fn orders_come_from_operators() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let bench = Bench::start(&fetched("in", &server.url("/jwks"), ""));
    bench.passes(&good("/in", "a"));
    let address = bench.proxy.admin();
    let order = |target: &str| admin(&bench, "POST", target);
    for target in ["/keys/refresh", "/keys/purge", "/keys/purge?source=in"] {
        for (request, status) in [
            (order(target).header("Origin", "https://evil.example"), 403),
            (order(target).header("Origin", "null"), 403),
            (order(target).header("Origin", format!("http://{address}")), 403),
            (order(target).header("Sec-Fetch-Site", "same-origin"), 403),
            (order(target).host("evil.example"), 403),
            (order(target).host(format!("evil.example:{}", address.port()).as_str()), 403),
            (order(target).host("127.0.0.1.evil.example"), 403),
            (order(target).host(None), 403),
            (order(target).method("GET"), 405),
            (order(target).method("PUT"), 405),
            (order(target).method("OPTIONS").header("Origin", "https://evil.example"), 405),
        ] {
            let response = tell(&bench, &request);
            assert_eq!(response.status, status, "{target} {:?}", request.headers);
            assert_eq!(response.header("allow").as_deref(), (status == 405).then_some("POST"));
            assert!(!response.everything().contains("access-control"), "{response:?}");
        }
    }
    for (target, status) in
        [("/keys/purge?source=nobody", 404), ("/keys/purge?all", 400), ("/keys/purge/", 405), ("/keys", 405)]
    {
        assert_eq!(tell(&bench, &order(target)).status, status, "{target}");
    }
    bench.passes(&good("/in", "a"));
    assert_eq!(server.count(), 1, "nothing was changed");
    for host in ["localhost", "127.0.0.1", "[::1]:9"] {
        assert_eq!(tell(&bench, &order("/keys/purge?source=in").host(host)).status, 200, "{host}");
    }
    bench.passes(&good("/in", "a"));
    assert_eq!(server.count(), 2);
}

/// The orders want the admin token where there is one.
#[test]
fn orders_want_the_token() {
    let server = KeyServer::start(Reply::Json(set(&["a"])));
    let admin_table = "[admin]\nlisten = \"127.0.0.1:0\"\ntoken = { literal = \"token-of-the-operator\" }\n";
    let bench = Bench::start(&format!("{admin_table}{}", fetched("in", &server.url("/jwks"), "")));
    bench.passes(&good("/in", "a"));
    for (method, target) in [("GET", "/keys"), ("POST", "/keys/purge"), ("POST", "/keys/refresh")] {
        let request = admin(&bench, method, target);
        for request in [request.clone(), request.header("Authorization", "Bearer guessed")] {
            let response = tell(&bench, &request);
            assert_eq!((response.status, response.text().contains("127.0.0.1")), (401, false), "{target}");
        }
    }
    let with = |method: &str, target: &str| {
        tell(&bench, &admin(&bench, method, target).header("Authorization", "Bearer token-of-the-operator"))
    };
    assert!(with("GET", "/keys").text().contains("\"kid\": \"a\""));
    assert_eq!(with("POST", "/keys/purge").status, 200);
    assert!(!with("GET", "/keys").text().contains("\"kid\""));
}
