//! What strangers can multiply, where each key is asked for by itself.

use super::super::*;
use super::per_kid::{asked, rig};
use super::rig::{ec, settle};
use super::server::{Door, answer};
use crate::base::limits::{MAX_CACHED_KEYS, MAX_KEY_FETCHES};

#[tokio::test]
async fn random_names_cause_one_fetch_each_cooldown() {
    let rig = rig("a");
    assert!(rig.finds("a").await);
    for second in 0..60 {
        rig.at(second);
        for number in 0..200 {
            assert_ne!(rig.ask(&format!("x-{second}-{number}")).await, Ok(true));
            assert!(rig.peek("a").is_some());
        }
    }
    assert_eq!(rig.server.hits(), 3);
}

#[tokio::test]
async fn few_fetches_are_under_way_at_a_time() {
    let rig = rig("a");
    let door = Door::default();
    let waits = door.clone();
    rig.server.script(move |request, out| {
        waits.pass();
        answer(out, "200 OK", "", &ec(asked(request)))
    });
    let mut asked = Vec::new();
    for number in 0..MAX_KEY_FETCHES {
        asked.push(rig.started(&format!("a{number}")).await);
    }
    assert_eq!(rig.ask("one-more").await, Err(KeyError::CoolingDown));
    asked.push(rig.started("a0").await);
    rig.server.request(MAX_KEY_FETCHES - 1);
    door.open();
    for task in asked {
        assert_eq!(task.await.unwrap(), Ok(true));
    }
    assert_eq!(rig.server.hits(), MAX_KEY_FETCHES);
    assert!(rig.finds("one-more").await);
}

#[tokio::test]
async fn renewals_leave_room_for_keys_that_are_waited_for() {
    let rig = rig("a");
    for number in 0..6 {
        assert!(rig.finds(&format!("a{number}")).await);
    }
    let door = Door::default();
    let waits = door.clone();
    rig.server.script(move |request, out| {
        if asked(request) != "new" {
            waits.pass();
        }
        answer(out, "200 OK", "", &ec(asked(request)))
    });
    rig.cache.refresh();
    assert_eq!(rig.cache.lock().flights.len(), MAX_KEY_FETCHES / 2);
    assert!(rig.finds("new").await);
    door.open();
    settle(&rig.cache).await;
    assert_eq!(rig.server.hits(), 6 + 1 + 6);
}

#[tokio::test]
async fn the_least_recently_used_keys_make_room() {
    let rig = rig("a");
    let most = usize::try_from(MAX_CACHED_KEYS).unwrap();
    for number in 0..most + 50 {
        assert!(rig.finds(&format!("a{number}")).await);
        assert!(rig.finds("a0").await);
    }
    rig.tick_at(60).await;
    assert_eq!(rig.cache.list(rig.clock.now()).len(), most);
    assert!(rig.peek("a0").is_some() && rig.peek("a1").is_none());
    assert_eq!(rig.server.hits(), most + 50);
}
