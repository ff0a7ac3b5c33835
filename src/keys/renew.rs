//! What happens without a request: renewal ahead of time, an operator's orders, and the end of old keys.

use super::brakes::Brakes;
use super::cache::{KeyCache, State};
use super::flight::Cause;
use super::unknown::UnknownKids;
use crate::base::limits::MAX_KEY_FETCHES;
use crate::base::time::UnixTime;
use std::sync::Arc;

/// Renewals of one source at one time; the rest is left to keys that a request waits for.
const MAX_RENEWALS: usize = MAX_KEY_FETCHES.div_ceil(2);
/// How often memory is looked through for expired keys, seconds.
const SWEEP: i64 = 60;

impl KeyCache {
    /// Renews the document, or every key in memory, in the background, even where the server was asked a moment
    /// ago. A fetch that is under way serves for it.
    pub fn refresh(self: &Arc<Self>) {
        let mut state = self.lock();
        if self.store.is_per_kid() {
            self.store.want_all();
            self.renew(&mut state, self.fetching.now());
        } else if state.flights.is_empty() {
            self.launch(&mut state, None, Cause::Renewal);
        }
    }

    /// Forgets all keys, all unknown names and all pauses. What a fetch under way brings is not used.
    pub fn purge(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.flights.clear();
        state.unknown = UnknownKids::default();
        state.brakes = Brakes::new(self.source().cooldown);
        self.store.clear();
    }

    /// Renews what is due at `now` and drops what has expired. Called every second.
    pub(super) fn tick(self: &Arc<Self>, now: UnixTime) {
        let mut state = self.lock();
        if !self.store.is_per_kid() || now.since(state.swept_at) >= SWEEP {
            state.swept_at = now;
            self.store.drop_expired(now);
        }
        state.unknown.drop_expired(now);
        self.renew_due(&mut state, now);
    }

    pub(super) fn renew_due(self: &Arc<Self>, state: &mut State, now: UnixTime) {
        if state.brakes.failing(now).is_none() {
            self.renew(state, now);
        }
    }

    fn renew(self: &Arc<Self>, state: &mut State, now: UnixTime) {
        let room = self.room(state);
        if room == 0 {
            return;
        }
        let mut due = self.store.due(now, room + state.flights.len());
        due.retain(|kid| state.flights.iter().all(|flight| flight.kid != *kid));
        for kid in due.into_iter().take(room) {
            self.launch(state, kid, Cause::Renewal);
        }
    }

    /// How many renewals may be started. A document is fetched by one at a time.
    fn room(&self, state: &State) -> usize {
        if !self.store.is_per_kid() {
            return usize::from(state.flights.is_empty());
        }
        let renewals = state.flights.iter().filter(|flight| flight.cause == Cause::Renewal).count();
        MAX_RENEWALS.saturating_sub(renewals).min(MAX_KEY_FETCHES.saturating_sub(state.flights.len()))
    }
}
