//! The commands beside the proxy: `providers`, `init`, and `verify` of what stood on the wire.

use crate::commands::{Desk, json};
use serde_json::Value;

/// Ids in the order of the list.
fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[test]
fn providers_are_listed_found_and_shown() {
    let desk = Desk::new();
    let list = json(&desk.expect(0, &["providers", "list", "--format", "json"]).0);
    assert_eq!(ids(&list), bonafide::config::provider_names().collect::<Vec<_>>());
    let known = |key: &str, words: &[&str]| {
        list.as_array().unwrap().iter().all(|row| words.contains(&row[key].as_str().unwrap()))
    };
    assert!(known("scheme", &["signature", "jwt", "swt", "http_signature", "token", "basic"]), "{list}");
    assert!(known("covers", &["body", "part", "origin"]), "{list}");
    let (table, _) = desk.expect(0, &["providers", "list"]);
    assert!(table.starts_with("ID ") && table.lines().count() == ids(&list).len() + 1, "{table}");
    let found = json(&desk.expect(0, &["providers", "search", "STRIPE", "--format", "json"]).0);
    assert_eq!(ids(&found), ["stripe"]);
    let shown = json(&desk.expect(0, &["providers", "show", "stripe", "--format", "json"]).0);
    assert_eq!(found[0], shown);
    assert_eq!(shown["name"], "Stripe");
    assert!(shown["docs"].as_str().unwrap().starts_with("https://"));
    let (text, _) = desk.expect(0, &["providers", "show", "stripe"]);
    assert_eq!(Some(text.as_str()), bonafide::config::provider_text("stripe"));
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let desk = Desk::new();
    assert!(desk.expect(2, &["providers", "show", "strpie"]).1.contains("`stripe`"));
    let (out, err) = desk.expect(1, &["providers", "search", "nobody-sends-so"]);
    assert!(out.is_empty() && err.contains("no provider"), "{err}");
    let (out, _) = desk.expect(1, &["providers", "search", "nobody-sends-so", "--format", "json"]);
    assert_eq!(out, "[]\n");
    desk.expect(2, &["providers", "search"]);
    desk.expect(2, &["providers", "show", "stripe", "--as", "github"]);
    desk.expect(2, &["providers", "show", "stripe", "--as", "mine", "--format", "json"]);
}

#[test]
fn a_provider_is_pasted_and_used_under_another_name() {
    let desk = Desk::new();
    let (mine, _) = desk.expect(0, &["providers", "show", "stripe", "--as", "mine"]);
    assert!(mine.contains("[provider.mine.signature.fields]") && mine.contains("# Two while"), "{mine}");
    let policy = "[server]\nlisten = \"127.0.0.1:2\"\nplaintext = true\n\
                  [upstream]\nurl = \"http://127.0.0.1:1\"\n\
                  [[source]]\nname = \"a\"\npath = \"/a\"\nprovider = \"mine\"\nsecret = { env = \"DESK_SECRET\" }\n";
    desk.write("bonafide.toml", format!("{policy}{mine}"));
    desk.expect(0, &["check"]);
}

const VERIFY: [&str; 7] = ["verify", "--provider", "stripe", "--secret-file", "secret", "--at", "1614265330"];

/// A genuine delivery of Stripe with this body, as it stands on the wire behind these framing fields.
fn delivery(desk: &Desk, framing: &str, body: &str) -> String {
    desk.write("secret", "hunter2hunter2hunter2");
    desk.write("body", "{\"id\": \"evt_1\"}\r\n");
    let sign = [&["sign"], &VERIFY[1..], &["--body", "body"]].concat();
    let headers = desk.expect(0, &sign).0.replace('\n', "\r\n");
    format!("POST /hooks/stripe HTTP/1.1\r\nHost: h.example\r\n{headers}{framing}\r\n{body}")
}

#[test]
fn a_request_is_verified_as_it_stood_on_the_wire() {
    let desk = Desk::new();
    let body = "{\"id\": \"evt_1\"}\r\n";
    let chunked = "1;a=b\r\n{\r\nf\r\n\"id\": \"evt_1\"}\r\r\n1\r\n\n\r\n0\r\n\r\n";
    let raw = [&VERIFY[..], &["--raw", "dump"]].concat();
    for (framing, sent, told) in [
        ("Content-Length: 17\r\n", body.to_owned(), ""),
        ("", body.to_owned(), "belongs to the body"),
        ("Content-Length: 17\r\n", format!("{body}\n"), "editors"),
        ("Content-Length: 17\r\n", format!("{body}GET / HTTP/1.1\r\n"), "16 bytes"),
        ("Transfer-Encoding: chunked\r\n", chunked.to_owned(), ""),
    ] {
        desk.write("dump", delivery(&desk, framing, &sent));
        let (out, err) = desk.expect(0, &raw);
        assert!(out.starts_with("genuine: provider stripe, key secret-1, event id evt_1"), "{out}");
        assert!(err.contains(told) && err.is_empty() == told.is_empty(), "{err}");
    }
    desk.write("dump", delivery(&desk, "", body).replace("evt_1", "evt_2"));
    assert!(desk.expect(1, &raw).1.contains("signature_mismatch: "));
}

#[test]
fn a_dump_that_is_none_or_is_said_twice_is_refused() {
    let desk = Desk::new();
    let raw = [&VERIFY[..], &["--raw", "dump"]].concat();
    let whole = delivery(&desk, "Content-Length: 17\r\n", "{\"id\": \"evt_1\"}\r\n");
    let line =
        format!("dump line {}: ", whole.lines().position(|line| line.starts_with("Content")).unwrap() + 1);
    for (dump, word) in [
        (whole.replace(": 17", ": 18"), line.as_str()),
        (whole.replace("POST /hooks", "POST hooks"), "dump line 1: "),
        (whole.replace("POST /hooks", "POST /./hooks"), "target_not_normal"),
        (whole.replace("Host: h", " Host: h"), "dump line 2: "),
        (whole.lines().next().unwrap().to_owned(), "dump line 1: "),
    ] {
        desk.write("dump", dump);
        let (out, err) = desk.expect(2, &raw);
        assert!(out.is_empty() && err.contains(word), "{word}: {err}");
    }
    desk.write("dump", &whole);
    for rest in [["--headers", "dump"], ["--body", "body"], ["--method", "PUT"], ["--url", "/a"]] {
        desk.expect(2, &[&raw[..], &rest].concat());
    }
    desk.expect(2, &[&raw[..], &["--url", "https://h.example/hooks/stripe"]].concat());
    desk.expect(0, &[&raw[..], &["--url", "https://h.example"]].concat());
    desk.expect(4, &[&VERIFY[..], &["--raw", "nowhere"]].concat());
    let both = ["verify", "--provider", "stripe", "--secret-file", "-", "--raw", "-"];
    assert!(desk.expect(2, &both).1.contains("standard input"));
}

#[test]
fn a_policy_file_to_begin_with_passes_the_check() {
    let desk = Desk::new();
    let (usual, _) = desk.expect(0, &["init"]);
    for word in [
        "[[source]]\nname     = \"github\"",
        "env = \"STRIPE_SECRET\"",
        "/webhooks/slack",
        "# GitHub: https://",
    ] {
        assert!(usual.contains(word), "{word}: {usual}");
    }
    let every = bonafide::config::provider_names().map(|id| format!("--provider={id}"));
    let every: Vec<String> = std::iter::once("init".to_owned()).chain(every).collect();
    let every = desk.expect(0, &every.iter().map(String::as_str).collect::<Vec<_>>()).0;
    for (text, sources) in [(usual, 3), (every, bonafide::config::provider_names().count())] {
        desk.write("bonafide.toml", text);
        let (out, _) = desk.expect(0, &["check", "--no-secrets", "--format", "json"]);
        assert_eq!(json(&out)["routes"].as_array().unwrap().len(), sources);
    }
}

#[test]
fn a_policy_file_is_not_overwritten() {
    let desk = Desk::new();
    let init = ["init", "--provider", "swt", "--provider", "swt", "--output", "new.toml"];
    let (out, err) = desk.expect(0, &init);
    assert!(out.is_empty() && err.contains("check --no-secrets --config new.toml"), "{err}");
    desk.expect(0, &["check", "--no-secrets", "--config", "new.toml"]);
    assert!(desk.expect(4, &init).1.contains("new.toml"));
    assert!(desk.expect(2, &["init", "--provider", "githup"]).1.contains("`github`"));
}
