//! Orders of the operator: refresh and purge.

use super::super::*;
use super::rig::{Rig, settle};

#[tokio::test]
async fn refresh_asks_whatever_the_pauses() {
    let rig = Rig::warm(&["a"]).await;
    assert_eq!(rig.ask("b").await, Ok(false));
    rig.give(&["a", "c"]);
    rig.cache.refresh();
    settle(&rig.cache).await;
    assert!(rig.finds("c").await);
    rig.fail();
    rig.cache.refresh();
    settle(&rig.cache).await;
    rig.give(&["d"]);
    rig.cache.refresh();
    settle(&rig.cache).await;
    assert!(rig.peek("d").is_some() && rig.peek("a").is_none());
    assert_eq!(rig.server.hits(), 5);
}

#[tokio::test]
async fn refresh_fills_an_empty_cache_and_joins_a_fetch_that_is_under_way() {
    let rig = Rig::document(&["a"]);
    rig.cache.refresh();
    rig.cache.refresh();
    settle(&rig.cache).await;
    assert!(rig.peek("a").is_some());
    assert_eq!(rig.server.hits(), 1);
}

#[tokio::test]
async fn purge_forgets_keys_names_and_pauses() {
    let rig = Rig::warm(&["a"]).await;
    assert_eq!(rig.ask("b").await, Ok(false));
    rig.give(&["b"]);
    rig.cache.purge();
    assert!(rig.peek("a").is_none());
    assert!(rig.finds("b").await);
    assert_eq!(rig.server.hits(), 3);
    rig.fail();
    rig.cache.purge();
    assert!(rig.ask("b").await.is_err());
    rig.give(&["b"]);
    rig.cache.purge();
    assert!(rig.finds("b").await, "a failure is forgotten too");
}

#[tokio::test]
async fn what_was_fetched_before_a_purge_is_not_used_after_it() {
    let rig = Rig::document(&[]);
    let door = rig.give_behind_door(&["old"]);
    let before = rig.started("old").await;
    rig.server.request(0);
    rig.cache.purge();
    rig.give(&["new"]);
    assert!(rig.finds("new").await, "a fetch of its own, past the one that hangs");
    door.open();
    assert_eq!(before.await.unwrap(), Err(KeyError::CoolingDown));
    assert!(rig.peek("old").is_none() && rig.peek("new").is_some());
    assert_eq!(rig.server.hits(), 2);
}
