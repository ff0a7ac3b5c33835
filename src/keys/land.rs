//! From the start of a fetch to what it changes.

use super::cache::{KeyCache, State};
use super::fault::{Failure, KeyFailure, KeyFault};
use super::fetch::Answer;
use super::flight::{Cause, Flight, Outcome};
use super::lifetime::Lifetime;
use super::store::Held;
use crate::base::time::UnixTime;
use crate::verify::KeySet;
use std::sync::Arc;

impl KeyCache {
    /// Starts a fetch on the fetching thread, where it goes on whoever leaves.
    pub(super) fn launch(
        self: &Arc<Self>,
        state: &mut State,
        kid: Option<Box<str>>,
        cause: Cause,
    ) -> Arc<Flight> {
        let (cache, asked) = (self.clone(), kid.clone());
        let fetch = async move {
            let began = cache.fetching.now();
            cache.fetcher.fetch(asked.as_deref(), began).await
        };
        self.launch_with(state, kid, cause, fetch)
    }

    pub(super) fn launch_with(
        self: &Arc<Self>,
        state: &mut State,
        kid: Option<Box<str>>,
        cause: Cause,
        fetch: impl Future<Output = Result<Answer, Failure>> + Send + 'static,
    ) -> Arc<Flight> {
        let (flight, sender) = Flight::new(kid, cause, state.generation);
        let flight = Arc::new(flight);
        state.flights.push(flight.clone());
        let (cache, launched) = (self.clone(), flight.clone());
        self.fetching.spawn(async move {
            flight.begin();
            // In a task of its own, so that a panic ends the fetch and not the account of it.
            let result = tokio::spawn(fetch).await;
            let result = result.unwrap_or_else(|_| {
                Err(Failure::new(KeyFault::Internal, "the fetch was not run to its end"))
            });
            sender.send_replace(Some(cache.land(&flight, result)));
        });
        launched
    }

    fn land(self: &Arc<Self>, flight: &Arc<Flight>, result: Result<Answer, Failure>) -> Outcome {
        self.report(flight, &result);
        let now = self.fetching.now();
        let mut state = self.lock();
        if flight.generation != state.generation {
            return Outcome::Discarded;
        }
        state.flights.retain(|other| !Arc::ptr_eq(other, flight));
        let outcome = match result {
            Ok(Answer::Keys(set, life)) => self.install(&mut state, flight, set, life, now),
            Ok(Answer::Unknown) => self.note_unknown(&mut state, flight, now),
            Err(failure) => self.note_failure(&mut state, failure, now),
        };
        self.renew_due(&mut state, now);
        outcome
    }

    fn install(
        &self,
        state: &mut State,
        flight: &Flight,
        set: Arc<KeySet>,
        life: Lifetime,
        now: UnixTime,
    ) -> Outcome {
        self.answered(state);
        set.kids().for_each(|kid| state.unknown.forget(kid));
        self.store.put(flight.kid.as_deref(), Held::new(set.clone(), life));
        if let (Cause::Miss { known_document }, Some(kid)) = (flight.cause, flight.kid.as_deref()) {
            let found = set.has(kid);
            if !found {
                state.unknown.insert(kid, now);
            }
            // A server that answers differently from time to time is not to be asked every time either.
            if known_document || !found {
                state.brakes.cool(now);
            }
        }
        Outcome::Keys(set)
    }

    fn note_unknown(&self, state: &mut State, flight: &Flight, now: UnixTime) -> Outcome {
        self.answered(state);
        if let Some(kid) = flight.kid.as_deref() {
            self.store.remove(kid);
            state.unknown.insert(kid, now);
        }
        if flight.cause != Cause::Renewal {
            state.brakes.cool(now);
        }
        Outcome::Unknown
    }

    fn answered(&self, state: &mut State) {
        self.counters.fetches.add();
        state.brakes.answered();
    }

    fn note_failure(&self, state: &mut State, failure: Failure, now: UnixTime) -> Outcome {
        self.counters.failed(failure.fault);
        state.brakes.failed(failure.fault, now);
        state.failure = Some(KeyFailure { at: now, fault: failure.fault, detail: failure.detail });
        Outcome::Failed(failure.fault)
    }

    /// One line for a failure, and one for keys that are new.
    fn report(&self, flight: &Flight, result: &Result<Answer, Failure>) {
        let source = &*self.source().name;
        match result {
            Ok(Answer::Keys(set, _)) => {
                let former = self.store.held(flight.kid.as_deref());
                if !former.is_some_and(|former| former.set.kids().eq(set.kids())) {
                    let kid = flight.kid.as_deref().filter(|_| self.store.is_per_kid());
                    tracing::info!(source, kid, keys = set.len(), "keys loaded");
                }
            }
            Ok(Answer::Unknown) => {}
            Err(failure) => {
                let (fault, detail) = (failure.fault.code(), &*failure.detail);
                tracing::warn!(source, fault, detail, "keys could not be fetched");
            }
        }
    }
}
