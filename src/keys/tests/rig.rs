//! A cache, its clock and its server.

use super::super::*;
use super::server::{Door, Server, answer};
use crate::base::time::{Clock, UnixTime};
use crate::policy::{KeyPlace, KeySource};
use crate::verify::{Algorithm, KeySet, SingleKey};
use std::sync::Arc;
use std::time::Duration;

pub const START: i64 = 1_800_000_000;
pub const DAY: i64 = 86_400;

/// A key on P-256 by any name.
pub fn ec(kid: &str) -> String {
    format!(
        r#"{{"kty":"EC","crv":"P-256","x":"5gpYrYK2ltVL5baeJz8eM86j_1j8zAzawAC4lMDKlis","y":"YH9T0GE-FxVgHz9K0whJ-hmk8F5vV6yKItFOfmP_fsM","kid":"{kid}","alg":"ES256","use":"sig"}}"#
    )
}

/// Another key, of another kind.
pub fn ed(kid: &str) -> String {
    format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"tznTjiPL_D_doDrkNl4WiwOa-ioDi5d0q1bP4zMFuuQ","kid":"{kid}","alg":"EdDSA"}}"#
    )
}

/// A JWK Set of keys on P-256.
pub fn jwks(kids: &[&str]) -> String {
    let keys: Vec<String> = kids.iter().map(|kid| ec(kid)).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// The policy's view of a key server, with the usual times.
pub fn source(place: KeyPlace) -> KeySource {
    KeySource {
        name: "hub".into(),
        place,
        algorithms: vec![Algorithm::Es256, Algorithm::EdDsa],
        networks: Vec::new(),
        ca: None,
        ca_digest: None,
        refresh: Duration::from_secs(3600),
        cooldown: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
    }
}

pub struct Rig {
    pub clock: Arc<Clock>,
    pub fetching: Arc<Fetching>,
    pub server: Server,
    pub cache: Arc<KeyCache>,
}

impl Rig {
    /// A cache of the document at `/keys`, and a server that gives these keys.
    pub fn document(kids: &[&str]) -> Rig {
        let rig = Rig::new(|server| {
            source(KeyPlace::Document { url: server.url("/keys"), key: SingleKey::default() })
        });
        rig.give(kids);
        rig
    }

    /// ... that knows the key `a` already.
    pub async fn warm(kids: &[&str]) -> Rig {
        let rig = Rig::document(kids);
        assert!(rig.finds("a").await);
        rig
    }

    pub fn new(source: impl FnOnce(&Server) -> KeySource) -> Rig {
        let clock = Arc::new(Clock::fixed(UnixTime(START)));
        let fetching = Fetching::with_ticks(clock.clone(), false).unwrap();
        let server = Server::start(|_, out| answer(out, "500 Not Scripted", "", ""));
        let cache = KeyCache::new(source(&server), &fetching).unwrap();
        Rig { clock, fetching, server, cache }
    }

    /// From now on the server gives these keys.
    pub fn give(&self, kids: &[&str]) {
        self.give_with(kids, "");
    }

    /// ... with these lines in the head.
    pub fn give_with(&self, kids: &[&str], fields: &'static str) {
        let body = jwks(kids);
        self.server.script(move |_, out| answer(out, "200 OK", fields, &body));
    }

    /// From now on the server gives these keys, as soon as the door is opened.
    pub fn give_behind_door(&self, kids: &[&str]) -> Door {
        let (door, body) = (Door::default(), jwks(kids));
        let waits = door.clone();
        self.server.script(move |_, out| {
            waits.pass();
            answer(out, "200 OK", "", &body)
        });
        door
    }

    /// From now on the server fails.
    pub fn fail(&self) {
        self.server.script(|_, out| answer(out, "503 Down", "", ""));
    }

    /// Moves the clock to this many seconds after the start.
    pub fn at(&self, seconds: i64) {
        self.clock.set(UnixTime(START + seconds));
    }

    /// Moves the clock, ticks, and waits for what this began.
    pub async fn tick_at(&self, seconds: i64) {
        self.at(seconds);
        self.cache.tick(self.clock.now());
        settle(&self.cache).await;
    }

    pub fn peek(&self, kid: &str) -> Option<Arc<KeySet>> {
        self.cache.peek(kid, self.clock.now())
    }

    /// Asks for a key as a request does.
    pub async fn ask(&self, kid: &str) -> Result<bool, KeyError> {
        if self.peek(kid).is_some() {
            return Ok(true);
        }
        self.cache.find(kid, self.clock.now()).await.map(|set| set.is_some_and(|set| set.has(kid)))
    }

    pub async fn finds(&self, kid: &str) -> bool {
        self.ask(kid).await == Ok(true)
    }

    /// Asks in the background; the answer is that of the task.
    pub fn start(&self, kid: &str) -> tokio::task::JoinHandle<Result<bool, KeyError>> {
        let (cache, kid, now) = (self.cache.clone(), kid.to_owned(), self.clock.now());
        tokio::spawn(async move { cache.find(&kid, now).await.map(|set| set.is_some()) })
    }

    /// ... and returns once the question has been put.
    pub async fn started(&self, kid: &str) -> tokio::task::JoinHandle<Result<bool, KeyError>> {
        let misses = self.cache.counts().misses;
        let task = self.start(kid);
        while self.cache.counts().misses == misses {
            tokio::task::yield_now().await;
        }
        task
    }

    /// How often fetches failed this way.
    pub fn failures(&self, code: &str) -> u64 {
        self.cache.counts().failures().find(|(name, _)| *name == code).unwrap().1
    }
}

/// Waits until nothing is under way.
pub async fn settle(cache: &Arc<KeyCache>) {
    loop {
        let flight = cache.lock().flights.first().cloned();
        let Some(flight) = flight else { return };
        let _ended = flight.join().wait("").await;
    }
}
