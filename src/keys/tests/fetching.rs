//! The thread: what runs on it, what survives there, and when it ends.

use super::super::flight::{Cause, Flight};
use super::super::*;
use super::rig::{Rig, START, jwks, settle, source};
use super::server::{Server, answer};
use crate::base::time::{Clock, UnixTime};
use crate::policy::KeyPlace;
use crate::verify::SingleKey;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

#[tokio::test]
async fn a_panic_in_a_fetch_is_told_and_does_not_block_the_next_one() {
    let rig = Rig::document(&["a"]);
    let waiter = {
        let mut state = rig.cache.lock();
        let panicking = async { std::panic::resume_unwind(Box::new("for the test")) };
        let cause = Cause::Miss { known_document: false };
        rig.cache.launch_with(&mut state, Some("a".into()), cause, panicking).join()
    };
    let joined = rig.started("a").await;
    assert_eq!(waiter.wait("a").await.err(), Some(KeyError::Unavailable(KeyFault::Internal)));
    assert_eq!(joined.await.unwrap(), Err(KeyError::Unavailable(KeyFault::Internal)));
    assert_eq!((rig.failures("internal"), rig.server.hits()), (1, 0));
    rig.at(2);
    assert!(rig.finds("a").await);
}

#[tokio::test]
async fn a_fetch_that_is_never_run_is_told_too() {
    let (flight, sender) = Flight::new(None, Cause::Renewal, 0);
    drop(sender);
    let answer = Arc::new(flight).join().wait("a").await;
    assert_eq!(answer.err(), Some(KeyError::Unavailable(KeyFault::Internal)));
}

#[tokio::test]
async fn time_passes_by_itself_where_it_is_told_to() {
    let clock = Arc::new(Clock::fixed(UnixTime(START)));
    let fetching = Fetching::start(clock.clone()).unwrap();
    let server = Server::start(|_, out| answer(out, "200 OK", "", &jwks(&["a"])));
    let cache = KeyCache::new(
        source(KeyPlace::Document { url: server.url("/"), key: SingleKey::default() }),
        &fetching,
    )
    .unwrap();
    assert!(cache.find("a", clock.now()).await.unwrap().is_some());
    clock.set(UnixTime(START + 3600));
    server.request(1);
    settle(&cache).await;
    assert_eq!(cache.list(clock.now()).first().map(|entry| entry.age), Some(0));
}

#[tokio::test]
async fn the_thread_ends_with_its_last_owner() {
    let Rig { fetching, cache, .. } = Rig::warm(&["a"]).await;
    let (alive, ended) = channel();
    fetching.spawn(async move {
        std::future::pending::<()>().await;
        drop(alive);
    });
    drop(fetching);
    assert_eq!(wait(&ended, 1), Err(RecvTimeoutError::Timeout), "the cache owns it too");
    drop(cache);
    assert_eq!(wait(&ended, 10_000), Err(RecvTimeoutError::Disconnected));
}

fn wait(ended: &Receiver<()>, millis: u64) -> Result<(), RecvTimeoutError> {
    ended.recv_timeout(Duration::from_millis(millis))
}

#[tokio::test]
async fn a_cache_that_nobody_owns_is_not_kept_by_the_thread() {
    let Rig { fetching, cache, .. } = Rig::warm(&["a"]).await;
    let weak = Arc::downgrade(&cache);
    drop(cache);
    // The task of the fetch lets go of it after it has given its answer.
    let (sender, passed) = channel();
    fetching.spawn(async move { sender.send(()).unwrap() });
    passed.recv().unwrap();
    assert!(weak.upgrade().is_none());
    assert_eq!(format!("{fetching:?}"), "Fetching(1 caches)");
}

#[tokio::test]
async fn a_source_that_cannot_work_is_said_at_once() {
    let fetching = Fetching::with_ticks(Arc::new(Clock::fixed(UnixTime(START))), false).unwrap();
    let flaw = |url: &str, ca: Option<&str>| {
        let mut source = source(KeyPlace::Document { url: url.to_owned(), key: SingleKey::default() });
        source.ca = ca.map(Into::into);
        KeyCache::new(source, &fetching).err().unwrap()
    };
    assert_eq!(flaw("keys", None), "`keys` is not a URL: relative URL without a base");
    assert_eq!(flaw("http://keys.example/", None), "a key server is asked by https, or by http on loopback");
    assert!(flaw("https://keys.example/", Some("/nowhere/ca.pem")).starts_with("/nowhere/ca.pem: "));
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(flaw("https://keys.example/", empty.path().to_str()).ends_with("no certificate in it"));
}

/// What the compiler shall check: a question may be put from any worker, and its future may move between threads.
#[test]
fn questions_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>() {}
    is_shared::<KeyCache>();
    is_shared::<Fetching>();
    let question = |cache: &Arc<KeyCache>| is_send(&cache.find("a", UnixTime(0)));
    let _unused: &dyn Fn(&Arc<KeyCache>) = &question;
}
