//! One document for all keys: single fetches, rotation, what counts as an answer.

use super::super::*;
use super::rig::{DAY, Rig, START, ec, ed, jwks, settle, source};
use super::server::{Door, Server, answer};
use crate::base::time::{Clock, UnixTime};
use crate::policy::KeyPlace;
use crate::verify::SingleKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn a_cold_cache_asks_once_for_all_who_wait() {
    let rig = Rig::document(&[]);
    let door = rig.give_behind_door(&["a"]);
    let mut asked = Vec::new();
    for _ in 0..500 {
        asked.push(rig.started("a").await);
    }
    door.open();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Ok(true));
    }
    assert_eq!(rig.server.hits(), 1);
    assert_eq!((rig.cache.counts().misses, rig.cache.counts().fetches), (500, 1));
}

#[tokio::test]
async fn a_waiter_that_leaves_does_not_take_the_fetch_along() {
    let rig = Rig::document(&[]);
    let door = rig.give_behind_door(&["a"]);
    let first = rig.started("a").await;
    rig.server.request(0);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = rig.started("a").await;
    door.open();
    assert_eq!(second.await.unwrap(), Ok(true));
    assert_eq!(rig.server.hits(), 1);
}

#[tokio::test]
async fn random_names_cause_one_fetch_and_do_not_touch_known_ones() {
    let rig = Rig::warm(&["a"]).await;
    assert_eq!(rig.ask("random").await, Ok(false));
    for number in 0..10_000 {
        assert_eq!(rig.ask(&format!("random-{number}")).await, Err(KeyError::CoolingDown));
        assert!(rig.peek("a").is_some());
    }
    assert_eq!(rig.server.hits(), 2);
    let counts = rig.cache.counts();
    assert_eq!((counts.throttled, counts.negatives, counts.stale), (10_000, 0, 0));
    rig.at(30);
    assert_eq!(rig.ask("random-1").await, Ok(false));
    assert_eq!(rig.server.hits(), 3);
}

#[tokio::test]
async fn known_keys_are_found_while_something_else_is_decided() {
    let rig = Rig::warm(&["a"]).await;
    let deciding = rig.cache.lock();
    assert!(rig.peek("a").is_some() && rig.peek("b").is_none());
    drop(deciding);
}

#[tokio::test]
async fn a_new_key_is_found_in_one_pass_and_starts_the_cooldown() {
    let rig = Rig::warm(&["a"]).await;
    rig.give(&["a", "b"]);
    assert!(rig.finds("b").await && rig.finds("a").await);
    assert_eq!(rig.ask("c").await, Err(KeyError::CoolingDown));
    assert_eq!(rig.server.hits(), 2);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_gone_with_the_next_fetch() {
    let rig = Rig::warm(&["a", "b"]).await;
    rig.give(&["b"]);
    rig.tick_at(3599).await;
    assert!(rig.peek("a").is_some());
    rig.tick_at(3600).await;
    assert!(rig.peek("a").is_none() && rig.peek("b").is_some());
    assert_eq!(rig.ask("a").await, Ok(false), "a renewal does not cool down, so it is asked for");
    assert_eq!(rig.server.hits(), 3);
}

#[tokio::test]
async fn a_set_of_no_use_is_a_failed_fetch_and_not_a_purge() {
    let other_curve = ec("a").replace("P-256", "P-999");
    for body in [r#"{"keys":[]}"#, r#"{"keys":null}"#, &format!(r#"{{"keys":[{other_curve}]}}"#), "<html>"] {
        let rig = Rig::warm(&["a"]).await;
        let body = body.to_owned();
        rig.server.script(move |_, out| answer(out, "200 OK", "", &body));
        rig.tick_at(3600).await;
        assert!(rig.peek("a").is_some());
        assert_eq!((rig.cache.counts().stale, rig.cache.counts().fetches), (1, 1));
    }
}

#[tokio::test]
async fn one_bad_key_does_not_spoil_the_set() {
    let rig = Rig::document(&[]);
    let body = format!(r#"{{"keys":[{{"kty":"AKP","kid":"x"}},{}]}}"#, ec("a"));
    rig.server.script(move |_, out| answer(out, "200 OK", "", &body));
    assert!(rig.finds("a").await);
}

#[tokio::test]
async fn who_asks_during_a_fetch_cannot_conclude_that_there_is_no_key() {
    let rig = Rig::warm(&["a"]).await;
    let door = rig.give_behind_door(&["a", "late"]);
    let made_for = rig.started("x").await;
    rig.server.request(1);
    let same = rig.started("x").await;
    let other = rig.started("y").await;
    let found = rig.started("late").await;
    door.open();
    assert_eq!(made_for.await.unwrap(), Ok(false));
    assert_eq!(same.await.unwrap(), Ok(false));
    assert_eq!(other.await.unwrap(), Err(KeyError::CoolingDown));
    assert_eq!(found.await.unwrap(), Ok(true));
    assert_eq!(rig.server.hits(), 2);
}

#[tokio::test]
async fn who_asked_before_the_fetch_began_can_conclude_it() {
    let rig = Rig::warm(&["a"]).await;
    let door = Door::default();
    let waits = door.clone();
    rig.fetching.spawn(async move { waits.pass() }); // nothing begins on the thread before the door opens
    let asked = [rig.started("x").await, rig.started("y").await];
    door.open();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Ok(false));
    }
    assert_eq!(rig.ask("y").await, Err(KeyError::CoolingDown), "only `x` was asked for and is remembered");
    assert_eq!(rig.ask("x").await, Ok(false));
}

#[tokio::test]
async fn who_joins_a_renewal_that_has_begun_cannot_conclude_it_either() {
    let rig = Rig::warm(&["a"]).await;
    let door = rig.give_behind_door(&["a"]);
    rig.cache.refresh();
    rig.server.request(1);
    let late = rig.started("x").await;
    door.open();
    assert_eq!(late.await.unwrap(), Err(KeyError::CoolingDown));
    assert_eq!(rig.ask("x").await, Ok(false), "the renewal was no miss and did not cool down");
    assert_eq!(rig.server.hits(), 3);
}

#[tokio::test]
async fn an_unknown_name_is_remembered_for_a_minute_and_then_asked_for_again() {
    let rig = Rig::warm(&["a"]).await;
    assert_eq!(rig.ask("b").await, Ok(false));
    rig.give(&["a", "b"]);
    rig.at(59);
    assert_eq!(rig.ask("b").await, Ok(false));
    assert_eq!(rig.cache.counts().negatives, 1);
    rig.at(60);
    assert!(rig.finds("b").await);
    assert_eq!(rig.server.hits(), 3);
}

#[tokio::test]
async fn a_key_that_is_there_is_stronger_than_the_memory_that_it_was_not() {
    let rig = Rig::warm(&["a"]).await;
    assert_eq!(rig.ask("b").await, Ok(false));
    rig.give(&["a", "b"]);
    rig.cache.refresh();
    settle(&rig.cache).await;
    assert!(rig.cache.find("b", rig.clock.now()).await.unwrap().is_some());
    rig.give(&["a"]);
    rig.cache.refresh();
    settle(&rig.cache).await;
    rig.at(31);
    assert_eq!(rig.ask("b").await, Ok(false));
    assert_eq!(rig.server.hits(), 5, "it had a key meanwhile, so what was remembered has no meaning");
}

#[tokio::test]
async fn the_first_load_cools_down_only_if_it_did_not_bring_the_key() {
    let rig = Rig::document(&["a"]);
    assert!(rig.finds("a").await);
    rig.give(&["a", "b"]);
    assert!(rig.finds("b").await);
    let rig = Rig::document(&["a"]);
    assert_eq!(rig.ask("b").await, Ok(false));
    assert_eq!(rig.ask("c").await, Err(KeyError::CoolingDown));
    assert!(rig.finds("a").await);
    assert_eq!(rig.server.hits(), 1);
}

#[tokio::test]
async fn a_server_that_says_this_and_that_is_not_hammered() {
    let rig = Rig::document(&[]);
    let turn = AtomicUsize::new(0);
    rig.server.script(move |_, out| {
        let kid = if turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { "a" } else { "b" };
        answer(out, "200 OK", "", &jwks(&[kid]))
    });
    for second in 0..120 {
        rig.at(second);
        for kid in ["a", "b"] {
            assert_ne!(rig.ask(kid).await, Ok(false));
        }
    }
    assert!((2..=5).contains(&rig.server.hits()), "{}", rig.server.hits());
}

#[tokio::test]
async fn there_are_no_refusals_at_the_end_of_a_day() {
    let rig = Rig::document(&[]);
    rig.give_with(&["a"], "cache-control: max-age=86400\r\n");
    assert!(rig.finds("a").await);
    for minute in 1..3 * 24 * 60 {
        rig.tick_at(minute * 60).await;
        assert!(rig.peek("a").is_some(), "minute {minute}");
    }
    assert_eq!(rig.server.hits(), 4, "80 % of a day each");
    assert_eq!((rig.cache.counts().stale, rig.cache.counts().misses), (0, 1));
}

#[tokio::test]
async fn what_must_not_be_kept_leaves_soon_and_is_renewed_before() {
    let rig = Rig::document(&[]);
    rig.give_with(&["a"], "Cache-Control: no-cache, no-store, max-age=0, must-revalidate\r\n");
    assert!(rig.finds("a").await);
    rig.tick_at(47).await;
    assert_eq!(rig.server.hits(), 1);
    rig.tick_at(48).await;
    assert_eq!(rig.server.hits(), 2);
    rig.fail();
    rig.tick_at(107).await;
    assert!(rig.peek("a").is_some());
    rig.at(108);
    assert_eq!(rig.ask("a").await, Err(KeyError::Unavailable(KeyFault::Status(503))));
}

#[tokio::test]
async fn caches_share_nothing() {
    let clock = Arc::new(Clock::fixed(UnixTime(START)));
    let fetching = Fetching::with_ticks(clock.clone(), false).unwrap();
    let one = |key: String| {
        let server =
            Server::start(move |_, out| answer(out, "200 OK", "", &format!(r#"{{"keys":[{key}]}}"#)));
        let cache = KeyCache::new(
            source(KeyPlace::Document { url: server.url("/"), key: SingleKey::default() }),
            &fetching,
        )
        .unwrap();
        (server, cache)
    };
    let ((_one, one), (_other, other)) = (one(ec("same")), one(ed("same")));
    let of_one = one.find("same", clock.now()).await.unwrap().unwrap();
    let of_other = other.find("same", clock.now()).await.unwrap().unwrap();
    assert!(format!("{of_one:?}").contains("Es256") && format!("{of_other:?}").contains("EdDsa"));
    one.purge();
    assert!(one.peek("same", clock.now()).is_none() && other.peek("same", clock.now()).is_some());
}

#[tokio::test]
async fn names_that_no_key_can_have_are_not_asked_for() {
    let rig = Rig::document(&["a"]);
    for kid in ["", "a b", "\u{e9}", "\n", &"k".repeat(257)] {
        assert_eq!(rig.ask(kid).await, Ok(false), "{kid:?}");
    }
    assert_eq!(rig.server.hits(), 0);
}

#[tokio::test]
async fn the_list_shows_what_is_young_enough() {
    let rig = Rig::warm(&["b", "a"]).await;
    rig.at(100);
    let entry = |kid: &str| KeyEntry { kid: kid.to_owned(), age: 100, expires_in: DAY - 100 };
    assert_eq!(rig.cache.list(rig.clock.now()), [entry("a"), entry("b")]);
    assert_eq!(rig.cache.list(UnixTime(START + DAY)), []);
    assert_eq!(&*rig.cache.source().name, "hub");
}
