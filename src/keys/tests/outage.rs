//! The key server is down: what goes on working, and for how long.

use super::super::*;
use super::rig::{DAY, Rig, START};
use crate::base::time::UnixTime;

const DOWN: Result<bool, KeyError> = Err(KeyError::Unavailable(KeyFault::Status(503)));

#[tokio::test]
async fn a_warm_cache_serves_for_a_day_and_not_a_second_longer() {
    let rig = Rig::warm(&["a"]).await;
    rig.fail();
    rig.tick_at(3600).await;
    assert!(rig.peek("a").is_some());
    assert_eq!(rig.cache.counts().stale, 1);
    rig.tick_at(DAY - 1).await;
    assert!(rig.finds("a").await);
    rig.at(DAY);
    assert!(rig.peek("a").is_none());
    rig.tick_at(DAY).await;
    assert_eq!(rig.cache.list(UnixTime(START)), [], "memory is given back");
    rig.at(2 * DAY);
    assert_eq!(rig.ask("a").await, DOWN);
    rig.give(&["a"]);
    rig.at(2 * DAY + 60);
    assert!(rig.finds("a").await);
}

#[tokio::test]
async fn it_is_tried_again_after_longer_and_longer_pauses() {
    let rig = Rig::warm(&["a"]).await;
    rig.fail();
    for second in 3600..3800 {
        rig.tick_at(second).await;
        assert!(rig.peek("a").is_some());
    }
    // At 0, 2, 6, 14, 30, 60, 90, 120, 150 and 180 seconds.
    assert_eq!((rig.server.hits(), rig.failures("status")), (11, 10));
    rig.give(&["a"]);
    rig.tick_at(3811).await;
    rig.fail();
    rig.tick_at(3811 + 3600).await;
    let hits = rig.server.hits();
    rig.tick_at(3811 + 3601).await;
    assert_eq!(rig.server.hits(), hits);
    rig.tick_at(3811 + 3602).await;
    assert_eq!(rig.server.hits(), hits + 1, "after an answer the pauses are short again");
}

#[tokio::test]
async fn unknown_names_are_refused_without_asking_while_it_fails() {
    let rig = Rig::document(&["a"]);
    rig.fail();
    assert_eq!(rig.ask("a").await, DOWN);
    for _ in 0..10 {
        assert_eq!(rig.ask("a").await, DOWN);
    }
    assert_eq!((rig.server.hits(), rig.cache.counts().throttled), (1, 10));
    rig.at(2);
    assert_eq!(rig.ask("a").await, DOWN);
    assert_eq!(rig.server.hits(), 2);
    rig.give(&["a"]);
    rig.at(6);
    assert!(rig.finds("a").await);
}

#[tokio::test]
async fn all_who_wait_learn_of_the_failure() {
    let rig = Rig::document(&["a"]);
    rig.fail();
    let asked: Vec<_> = (0..20).map(|number| rig.start(&format!("kid-{number}"))).collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), DOWN);
    }
    assert_eq!(rig.server.hits(), 1);
}

#[tokio::test]
async fn the_last_failure_is_kept_for_the_operator() {
    let rig = Rig::warm(&["a"]).await;
    assert_eq!(rig.cache.last_failure(), None);
    rig.fail();
    rig.tick_at(3600).await;
    let failure = rig.cache.last_failure().unwrap();
    assert_eq!(failure.at, UnixTime(START + 3600));
    assert_eq!((failure.fault, &*failure.detail), (KeyFault::Status(503), "status 503"));
    rig.give(&["a"]);
    rig.tick_at(3700).await;
    assert_eq!((rig.cache.last_failure(), rig.cache.counts().fetches), (Some(failure), 2));
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_failed_connection() {
    let Rig { clock, server, cache, .. } = Rig::document(&["a"]);
    drop(server);
    let found = cache.find("a", clock.now()).await;
    assert_eq!(found.err(), Some(KeyError::Unavailable(KeyFault::Connect)));
}
