//! A document that names the place of the keys.

use super::super::*;
use super::rig::{Rig, jwks, source};
use super::server::{Server, answer};
use crate::policy::KeyPlace;

const ISSUER: &str = "https://hub.example";

fn rig() -> Rig {
    Rig::new(|server| {
        let url = server.url("/.well-known/openid-configuration");
        source(KeyPlace::Discovery { url, issuer: ISSUER.to_owned() })
    })
}

fn discover(rig: &Rig, document: String) {
    rig.server.script(move |request, out| {
        let keys = request.starts_with("GET /keys ");
        let body = if keys { jwks(&["a"]) } else { document.clone() };
        answer(out, "200 OK", if keys { "cache-control: max-age=600\r\n" } else { "" }, &body)
    });
}

fn document(issuer: &str, place: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","jwks_uri":"{place}","scopes_supported":["openid"]}}"#)
}

#[tokio::test]
async fn keys_are_fetched_from_where_the_document_says() {
    let rig = rig();
    discover(&rig, document(ISSUER, &rig.server.url("/keys")));
    assert!(rig.finds("a").await);
    assert!(rig.server.request(0).starts_with("GET /.well-known/openid-configuration HTTP/1.1\r\n"));
    rig.tick_at(599).await;
    assert_eq!(rig.server.hits(), 2);
    rig.tick_at(600).await;
    assert_eq!(rig.server.hits(), 4, "the place is asked for again, as often as the keys' own answer says");
}

#[tokio::test]
async fn the_issuer_must_be_the_same_to_the_letter() {
    for issuer in ["https://hub.example/", "https://HUB.example", "https://evil.example", ""] {
        let rig = rig();
        discover(&rig, document(issuer, &rig.server.url("/keys")));
        assert_eq!(rig.ask("a").await, Err(KeyError::Unavailable(KeyFault::Issuer)), "{issuer}");
        assert_eq!(rig.server.hits(), 1);
    }
}

#[tokio::test]
async fn a_document_of_another_form_is_none() {
    let repeated = document(ISSUER, "x").replace("{", r#"{"issuer":"https://evil.example","#);
    for (body, fault) in [
        ("{}".to_owned(), KeyFault::Issuer),
        ("<html>".to_owned(), KeyFault::Parse),
        (repeated, KeyFault::Parse),
        (format!(r#"{{"issuer":"{ISSUER}"}}"#), KeyFault::Parse),
        (format!(r#"{{"issuer":"{ISSUER}","jwks_uri":["x"]}}"#), KeyFault::Parse),
        (document(ISSUER, "/keys"), KeyFault::Parse),
    ] {
        let rig = rig();
        discover(&rig, body.clone());
        assert_eq!(rig.ask("a").await, Err(KeyError::Unavailable(fault)), "{body}");
    }
}

#[tokio::test]
async fn the_place_is_held_to_the_same_rules() {
    for place in [
        "https://10.0.0.1/keys",
        "https://169.254.169.254/",
        "https://[fd00::1]/",
        "http://93.184.216.34/",
        "http://hub.example/keys",
        "file:///etc/passwd",
    ] {
        let rig = rig();
        discover(&rig, document(ISSUER, place));
        assert_eq!(rig.ask("a").await, Err(KeyError::Unavailable(KeyFault::Address)), "{place}");
    }
}

#[tokio::test]
async fn a_redirect_of_the_document_is_not_followed() {
    let rig = rig();
    let elsewhere = Server::start(|_, out| answer(out, "200 OK", "", "{}"));
    let field = format!("location: {}\r\n", elsewhere.url("/"));
    rig.server.script(move |_, out| answer(out, "302 Found", &field, ""));
    assert_eq!(rig.ask("a").await, Err(KeyError::Unavailable(KeyFault::Redirect)));
    assert_eq!(elsewhere.connections(), 0);
}
