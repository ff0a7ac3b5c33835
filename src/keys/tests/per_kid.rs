//! One URL for each key.

use super::super::*;
use super::rig::{DAY, Rig, START, ec, ed, settle, source};
use super::server::{Door, Server, answer};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::policy::{KeyPlace, KeySource, PerKid};
use crate::verify::SingleKey;

fn per_kid(server: &Server) -> PerKid {
    PerKid {
        url: server.url("/keys/{kid}"),
        headers: Vec::new(),
        json: None,
        secret: None,
        key: SingleKey::default(),
        unknown: vec![404],
    }
}

pub fn usual(server: &Server) -> KeySource {
    source(KeyPlace::PerKid(Box::new(per_kid(server))))
}

/// A server that has a key for every name with this beginning, and says 404 to the others.
pub fn rig(beginning: &'static str) -> Rig {
    let rig = Rig::new(usual);
    give(&rig, beginning);
    rig
}

fn give(rig: &Rig, beginning: &'static str) {
    rig.server.script(move |request, out| match asked(request).strip_prefix(beginning) {
        Some(_) => answer(out, "200 OK", "", &ec(asked(request))),
        None => answer(out, "404 Not Found", "", ""),
    });
}

pub fn asked(request: &str) -> &str {
    request.split_whitespace().nth(1).and_then(|path| path.strip_prefix("/keys/")).unwrap()
}

#[tokio::test]
async fn each_key_is_asked_for_once() {
    let rig = rig("a");
    let tasks: Vec<_> = (0..100).map(|number| rig.start(if number % 2 == 0 { "a1" } else { "a2" })).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(true));
    }
    assert!(rig.finds("a3").await, "a key that is found starts no cooldown");
    assert_eq!(rig.server.hits(), 3);
    let kids: Vec<String> = rig.cache.list(rig.clock.now()).into_iter().map(|entry| entry.kid).collect();
    assert_eq!(kids, ["a1", "a2", "a3"]);
}

#[tokio::test]
async fn an_unknown_key_is_remembered_and_starts_the_cooldown() {
    let rig = rig("a");
    assert!(rig.finds("a1").await);
    assert_eq!(rig.ask("x").await, Ok(false));
    assert_eq!(rig.ask("x").await, Ok(false));
    assert_eq!(rig.ask("a2").await, Err(KeyError::CoolingDown));
    assert!(rig.finds("a1").await);
    rig.at(30);
    assert!(rig.finds("a2").await);
    assert_eq!(rig.ask("x").await, Ok(false));
    assert_eq!(rig.server.hits(), 3);
    give(&rig, "x");
    rig.at(60);
    assert!(rig.finds("x").await);
}

#[tokio::test]
async fn another_status_is_a_failure_and_not_an_answer() {
    let rig = rig("a");
    rig.server.script(|_, out| answer(out, "403 Forbidden", "", ""));
    assert_eq!(rig.ask("a1").await, Err(KeyError::Unavailable(KeyFault::Status(403))));
    assert_eq!(rig.ask("a2").await, Err(KeyError::Unavailable(KeyFault::Status(403))));
    assert_eq!(rig.server.hits(), 1);
}

#[tokio::test]
async fn a_key_with_another_name_is_a_failure() {
    let rig = rig("a");
    rig.server.script(|_, out| answer(out, "200 OK", "", &ec("other")));
    assert_eq!(rig.ask("a1").await, Err(KeyError::Unavailable(KeyFault::NoUsableKey)));
    assert!(rig.peek("other").is_none() && rig.peek("a1").is_none());
}

#[tokio::test]
async fn a_key_is_asked_for_again_when_it_is_used_and_due() {
    let rig = rig("a");
    assert!(rig.finds("a1").await && rig.finds("a2").await);
    rig.tick_at(3600).await;
    assert_eq!(rig.server.hits(), 2, "nobody uses them");
    assert!(rig.peek("a1").is_some() && rig.peek("a1").is_some());
    assert_eq!(rig.cache.counts().stale, 2);
    rig.tick_at(3601).await;
    rig.tick_at(3602).await;
    assert_eq!(rig.server.hits(), 3);
    assert!(rig.peek("a1").is_some());
    assert_eq!(rig.cache.counts().stale, 2);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_gone_at_once() {
    let rig = rig("a");
    assert!(rig.finds("a1").await);
    give(&rig, "b");
    rig.at(3600);
    assert!(rig.peek("a1").is_some());
    rig.tick_at(3600).await;
    assert!(rig.peek("a1").is_none());
    assert_eq!(rig.ask("a1").await, Ok(false));
    assert!(rig.finds("b1").await, "no cooldown: nobody asked for an unknown key");
    assert_eq!(rig.server.hits(), 3);
}

#[tokio::test]
async fn a_failed_renewal_leaves_the_key_for_its_day() {
    let rig = rig("a");
    assert!(rig.finds("a1").await);
    rig.fail();
    for second in [3600, 3601, 3603, 40_000, DAY - 1] {
        rig.at(second);
        assert!(rig.peek("a1").is_some());
        rig.tick_at(second).await;
    }
    assert_eq!(rig.failures("status"), 4, "one second after the first is too soon");
    rig.at(DAY);
    assert_eq!(rig.ask("a1").await, Err(KeyError::Unavailable(KeyFault::Status(503))));
    rig.tick_at(DAY + 60).await;
    assert!(rig.cache.store.held(Some("a1")).is_none());
}

#[tokio::test]
async fn the_end_that_a_key_gives_itself_counts() {
    let rig = Rig::new(|server| {
        let mut place = per_kid(server);
        place.key.at = vec!["key".to_owned()];
        source(KeyPlace::PerKid(Box::new(place)))
    });
    let wrapped =
        |end: i64| format!(r#"{{"key":{}}}"#, ec("a").replace('}', &format!(r#","expired_at":{end}}}"#)));
    let body = wrapped(START + 100);
    rig.server.script(move |_, out| answer(out, "200 OK", "", &body));
    assert!(rig.finds("a").await);
    rig.at(99);
    assert!(rig.finds("a").await);
    rig.at(100);
    assert_eq!(rig.ask("a").await, Ok(false), "the server says that it is no longer a key");
    assert_eq!(rig.ask("b").await, Err(KeyError::CoolingDown));
    assert_eq!(rig.server.hits(), 2);
    let body = wrapped(START + 100 * DAY);
    rig.server.script(move |_, out| answer(out, "200 OK", "", &body));
    rig.at(1000);
    assert!(rig.finds("a").await);
    let expires_in = rig.cache.list(rig.clock.now()).first().map(|entry| entry.expires_in);
    assert_eq!(expires_in, Some(DAY));
}

#[tokio::test]
async fn a_key_that_was_withdrawn_by_its_own_end_is_gone_with_the_renewal() {
    let rig = rig("a");
    assert!(rig.finds("a1").await);
    let body = ec("a1").replace('}', &format!(r#","expired_at":{START}}}"#));
    rig.server.script(move |_, out| answer(out, "200 OK", "", &body));
    rig.at(3600);
    assert!(rig.peek("a1").is_some());
    rig.tick_at(3600).await;
    assert!(rig.peek("a1").is_none());
}

#[tokio::test]
async fn the_name_and_the_secret_are_sent_as_wanted() {
    let rig = Rig::new(|server| {
        let mut place = per_kid(server);
        place.url = server.url("/get?k={kid}");
        place.headers = vec![(http::header::AUTHORIZATION, "Bearer {secret}".to_owned())];
        place.json = Some(vec![
            ("client".to_owned(), "{secret}".to_owned()),
            ("key_id".to_owned(), "id {kid}".to_owned()),
        ]);
        place.secret = Some(Secret::new(b"p\"w".to_vec()));
        source(KeyPlace::PerKid(Box::new(place)))
    });
    rig.server.script(|_, out| answer(out, "200 OK", "", &ec("").replace(r#""kid":"","#, "")));
    assert!(rig.finds("a/\"{secret}").await);
    let request = rig.server.request(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /get?k=a%2F%22%7Bsecret%7D HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: Bearer p\"w"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json"), "{head}");
    assert_eq!(body, r#"{"client":"p\"w","key_id":"id a/\"{secret}"}"#);
    assert!(!format!("{:?}", rig.cache).contains("p\"w"));
}

#[tokio::test]
async fn a_failure_does_not_tell_the_secret() {
    let Rig { clock, server, cache, .. } = Rig::new(|server| {
        let mut place = per_kid(server);
        place.url = server.url("/{kid}?token={secret}");
        place.secret = Some(Secret::new(b"hunter2".to_vec()));
        source(KeyPlace::PerKid(Box::new(place)))
    });
    server.script(|_, out| out.write_all(b"HTTP/9 hunter2"));
    assert!(cache.find("a", clock.now()).await.is_err());
    assert!(server.request(0).starts_with("GET /a?token=hunter2 "));
    drop(server);
    let first = cache.last_failure().unwrap();
    clock.set(UnixTime(START + 2));
    assert!(cache.find("a", clock.now()).await.is_err());
    let second = cache.last_failure().unwrap();
    assert_eq!((first.fault, second.fault), (KeyFault::Broken, KeyFault::Connect));
    assert!(!format!("{first:?} {second:?}").contains("hunter2"));
}

#[tokio::test]
async fn names_that_lead_elsewhere_in_the_path_are_unknown() {
    let rig = rig("a");
    for kid in [".", "..", "..."] {
        assert_eq!(rig.ask(kid).await, Ok(false));
    }
    assert_eq!(rig.server.hits(), 0);
    assert_eq!(rig.ask("../keys/a").await, Ok(false));
    assert!(rig.server.request(0).starts_with("GET /keys/..%2Fkeys%2Fa HTTP/1.1"));
}

#[tokio::test]
async fn refresh_renews_every_key_and_purge_forgets_them() {
    let rig = rig("a");
    for number in 0..10 {
        assert!(rig.finds(&format!("a{number}")).await);
    }
    rig.server.script(|request, out| answer(out, "200 OK", "", &ed(asked(request))));
    rig.cache.refresh();
    settle(&rig.cache).await;
    assert_eq!(rig.server.hits(), 20);
    for number in 0..10 {
        let set = rig.peek(&format!("a{number}")).unwrap();
        assert!(format!("{set:?}").contains("EdDsa"));
    }
    rig.cache.purge();
    assert_eq!(rig.cache.list(rig.clock.now()), []);
    assert!(rig.finds("a1").await);
    assert_eq!(rig.server.hits(), 21);
}

#[tokio::test]
async fn what_was_fetched_before_a_purge_is_not_used_after_it() {
    let rig = rig("a");
    let door = Door::default();
    let waits = door.clone();
    rig.server.script(move |request, out| {
        waits.pass();
        answer(out, "200 OK", "", &ec(asked(request)))
    });
    let before = rig.started("a1").await;
    rig.server.request(0);
    rig.cache.purge();
    door.open();
    assert_eq!(before.await.unwrap(), Err(KeyError::CoolingDown));
    assert!(rig.peek("a1").is_none());
}
