//! The keys of one source, from memory or from its server.

use super::address::{Lookup, system_lookup};
use super::brakes::Brakes;
use super::counts::{Counters, KeyCounts};
use super::fault::{KeyError, KeyFailure};
use super::fetch::Fetcher;
use super::fetching::Fetching;
use super::flight::{Cause, Flight, Waiter};
use super::store::{KeyEntry, Store};
use super::unknown::UnknownKids;
use crate::base::limits::MAX_KEY_FETCHES;
use crate::base::time::UnixTime;
use crate::policy::KeySource;
use crate::verify::{KeySet, is_kid};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The keys of one source. A key leaves at most a day after its fetch began.
pub struct KeyCache {
    source: KeySource,
    pub(super) fetching: Arc<Fetching>,
    pub(super) fetcher: Fetcher,
    pub(super) store: Store,
    pub(super) counters: Counters,
    state: Mutex<State>,
}

/// What decides whether the server is asked. Known keys are found without it.
pub(super) struct State {
    pub flights: Vec<Arc<Flight>>,
    pub unknown: UnknownKids,
    pub brakes: Brakes,
    /// Counts the purges.
    pub generation: u64,
    pub failure: Option<KeyFailure>,
    /// When memory was last looked through for expired keys.
    pub swept_at: UnixTime,
}

/// What a question comes to.
enum Turn {
    Over(Result<Option<Arc<KeySet>>, KeyError>),
    Wait(Waiter),
}

impl KeyCache {
    /// An empty cache; nothing is fetched yet.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the source: its URL, its CA file, its texts.
    pub fn new(source: KeySource, fetching: &Arc<Fetching>) -> Result<Arc<KeyCache>, String> {
        KeyCache::with_lookup(source, fetching, system_lookup)
    }

    pub(super) fn with_lookup(
        source: KeySource,
        fetching: &Arc<Fetching>,
        lookup: Lookup,
    ) -> Result<Arc<KeyCache>, String> {
        let state = State {
            flights: Vec::new(),
            unknown: UnknownKids::default(),
            brakes: Brakes::new(source.cooldown),
            generation: 0,
            failure: None,
            swept_at: fetching.now(),
        };
        let cache = Arc::new(KeyCache {
            fetcher: Fetcher::new(&source, lookup, |file| fetching.roots(file))?,
            store: Store::new(&source.place),
            fetching: fetching.clone(),
            counters: Counters::default(),
            state: Mutex::new(state),
            source,
        });
        fetching.attend(&cache);
        Ok(cache)
    }

    /// Where its keys come from.
    pub fn source(&self) -> &KeySource {
        &self.source
    }

    /// The set with this key if it is in memory and young enough. Neither waits nor asks.
    pub fn peek(&self, kid: &str, now: UnixTime) -> Option<Arc<KeySet>> {
        let found = self.store.find(kid, now)?;
        self.counters.hits.add();
        if found.stale {
            self.counters.stale.add();
        }
        Some(found.set)
    }

    /// The set with this key, for which one fetch may be waited for. `None`: there is no such key, as the server
    /// said after the request had come or less than a minute before.
    ///
    /// # Errors
    /// It cannot be told now whether there is such a key.
    pub async fn find(self: &Arc<Self>, kid: &str, now: UnixTime) -> Result<Option<Arc<KeySet>>, KeyError> {
        match self.turn(kid, now) {
            Turn::Over(answer) => answer,
            Turn::Wait(waiter) => waiter.wait(kid).await,
        }
    }

    fn turn(self: &Arc<Self>, kid: &str, now: UnixTime) -> Turn {
        // Under the lock: a fetch that lands now has either put its keys in or can still be joined.
        let mut state = self.lock();
        if let Some(set) = self.peek(kid, now) {
            return Turn::Over(Ok(Some(set)));
        }
        self.counters.misses.add();
        if !self.may_exist(kid) || state.unknown.has(kid, now) {
            self.counters.negatives.add();
            return Turn::Over(Ok(None));
        }
        if let Some(flight) = state.flights.iter().find(|flight| self.concerns(flight, kid)) {
            return Turn::Wait(flight.join());
        }
        match self.permit(&state, now) {
            Ok(()) => {
                let cause = Cause::Miss { known_document: self.store.has_document(now) };
                Turn::Wait(self.launch(&mut state, Some(kid.into()), cause).join())
            }
            Err(error) => {
                self.counters.throttled.add();
                Turn::Over(Err(error))
            }
        }
    }

    /// A name that no key can have, or that the server cannot be asked about, is unknown without asking.
    fn may_exist(&self, kid: &str) -> bool {
        is_kid(kid) && self.source.place.may_have(kid)
    }

    /// Whether a fetch that is under way would bring this key.
    fn concerns(&self, flight: &Flight, kid: &str) -> bool {
        !self.store.is_per_kid() || flight.kid.as_deref() == Some(kid)
    }

    fn permit(&self, state: &State, now: UnixTime) -> Result<(), KeyError> {
        state.brakes.check(now)?;
        if state.flights.len() >= MAX_KEY_FETCHES { Err(KeyError::CoolingDown) } else { Ok(()) }
    }

    /// What it has done so far.
    pub fn counts(&self) -> KeyCounts {
        self.counters.read()
    }

    /// The keys in memory, by name; keys without a name are left out.
    pub fn list(&self, now: UnixTime) -> Vec<KeyEntry> {
        let mut entries = self.store.list(now);
        entries.sort_by(|one, other| one.kid.cmp(&other.kid));
        entries
    }

    /// The last fetch that failed, whatever came after it.
    pub fn last_failure(&self) -> Option<KeyFailure> {
        self.lock().failure.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyCache({:?})", self.source)
    }
}
