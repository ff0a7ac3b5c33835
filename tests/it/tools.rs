//! The commands beside the proxy: `providers`.

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
    assert!(known("scheme", &["signature", "jwt", "swt", "token", "basic"]), "{list}");
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
