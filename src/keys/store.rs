//! The keys in memory: one document, or one key for each `kid`. Our `now` decides what is too old.

use super::lifetime::Lifetime;
use crate::base::limits::MAX_CACHED_KEYS;
use crate::base::time::UnixTime;
use crate::policy::KeyPlace;
use crate::verify::KeySet;
use arc_swap::ArcSwapOption;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A key in memory, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its name.
    pub kid: String,
    /// Seconds since its fetch began.
    pub age: i64,
    /// Seconds until it leaves unless it is renewed.
    pub expires_in: i64,
}

/// Keys that came together.
pub(super) struct Held {
    pub set: Arc<KeySet>,
    pub life: Lifetime,
    /// It was used although its renewal is due; looked at where every key is renewed by itself.
    wanted: AtomicBool,
}

/// What [`Store::find`] found.
pub(super) struct Found {
    pub set: Arc<KeySet>,
    /// Its renewal is overdue.
    pub stale: bool,
}

/// The keys of one source.
pub(super) enum Store {
    /// Swapped as a whole.
    Document(ArcSwapOption<Held>),
    /// The least recently used make room.
    PerKid { keys: Cache<Box<str>, Arc<Held>>, any_wanted: AtomicBool },
}

impl Held {
    pub fn new(set: Arc<KeySet>, life: Lifetime) -> Held {
        Held { set, life, wanted: AtomicBool::new(false) }
    }
}

impl Store {
    pub fn new(place: &KeyPlace) -> Store {
        match place {
            KeyPlace::Document { .. } | KeyPlace::Discovery { .. } => Store::Document(ArcSwapOption::empty()),
            KeyPlace::PerKid(_) | KeyPlace::Certificate(_) => {
                let keys = Cache::builder()
                    .max_capacity(MAX_CACHED_KEYS)
                    .initial_capacity(0)
                    .eviction_policy(EvictionPolicy::lru())
                    .build();
                Store::PerKid { keys, any_wanted: AtomicBool::new(false) }
            }
        }
    }

    /// Whether every `kid` is asked for by itself.
    pub fn is_per_kid(&self) -> bool {
        matches!(self, Store::PerKid { .. })
    }

    /// The set with this key, if it is young enough.
    pub fn find(&self, kid: &str, now: UnixTime) -> Option<Found> {
        match self {
            Store::Document(document) => {
                let held = document.load();
                let held = held.as_ref().filter(|held| !held.life.is_over(now) && held.set.has(kid))?;
                Some(Found { set: held.set.clone(), stale: held.life.is_due(now) })
            }
            Store::PerKid { keys, any_wanted } => {
                let held = keys.get(kid).filter(|held| !held.life.is_over(now))?;
                let stale = held.life.is_due(now);
                if stale && !held.wanted.swap(true, Ordering::AcqRel) {
                    any_wanted.store(true, Ordering::Release);
                }
                Some(Found { set: held.set.clone(), stale })
            }
        }
    }

    /// Whether there is a document that is young enough.
    pub fn has_document(&self, now: UnixTime) -> bool {
        match self {
            Store::Document(document) => document.load().as_ref().is_some_and(|held| !held.life.is_over(now)),
            Store::PerKid { .. } => false,
        }
    }

    /// The document, or what is kept of this key, however old.
    pub fn held(&self, kid: Option<&str>) -> Option<Arc<Held>> {
        match self {
            Store::Document(document) => document.load_full(),
            Store::PerKid { keys, .. } => keys.get(kid?),
        }
    }

    /// Takes in what was fetched. What came before it under the same name is gone.
    pub fn put(&self, kid: Option<&str>, held: Held) {
        match (self, kid) {
            (Store::Document(document), _) => document.store(Some(Arc::new(held))),
            (Store::PerKid { keys, .. }, Some(kid)) => keys.insert(kid.into(), Arc::new(held)),
            (Store::PerKid { .. }, None) => {}
        }
    }

    /// There is no such key; a document is only ever replaced.
    pub fn remove(&self, kid: &str) {
        if let Store::PerKid { keys, .. } = self {
            keys.invalidate(kid);
        }
    }

    /// Names that are to be renewed, at most `most`; `None` is the document.
    pub fn due(&self, now: UnixTime, most: usize) -> Vec<Option<Box<str>>> {
        match self {
            Store::Document(document) => {
                let due = |held: &Arc<Held>| held.life.is_due(now) && !held.life.is_over(now);
                let due = document.load().as_ref().is_some_and(due);
                due.then_some(None).into_iter().take(most).collect()
            }
            Store::PerKid { keys, any_wanted } => {
                if !any_wanted.swap(false, Ordering::AcqRel) {
                    return Vec::new();
                }
                let wanted = |held: &Held| held.wanted.load(Ordering::Acquire) && !held.life.is_over(now);
                let names = keys.iter().filter(|(_, held)| wanted(held)).map(|(kid, _)| Some((*kid).clone()));
                let names: Vec<_> = names.take(most).collect();
                // They stay wanted until what was fetched takes their place.
                any_wanted.fetch_or(!names.is_empty(), Ordering::AcqRel);
                names
            }
        }
    }

    /// Every key is to be renewed.
    pub fn want_all(&self) {
        if let Store::PerKid { keys, any_wanted } = self {
            for (_, held) in keys {
                held.wanted.store(true, Ordering::Release);
            }
            any_wanted.store(true, Ordering::Release);
        }
    }

    /// Gives the memory of expired keys back; they are no longer found anyway.
    pub fn drop_expired(&self, now: UnixTime) {
        match self {
            Store::Document(document) => {
                if document.load().as_ref().is_some_and(|held| held.life.is_over(now)) {
                    document.store(None);
                }
            }
            Store::PerKid { keys, .. } => {
                for (kid, _) in keys.iter().filter(|(_, held)| held.life.is_over(now)) {
                    keys.invalidate(&*kid);
                }
                keys.run_pending_tasks();
            }
        }
    }

    pub fn clear(&self) {
        match self {
            Store::Document(document) => document.store(None),
            Store::PerKid { keys, .. } => {
                keys.invalidate_all();
                keys.run_pending_tasks();
            }
        }
    }

    /// Everything that is young enough.
    pub fn list(&self, now: UnixTime) -> Vec<KeyEntry> {
        let held: Vec<Arc<Held>> = match self {
            Store::Document(document) => document.load_full().into_iter().collect(),
            Store::PerKid { keys, .. } => keys.iter().map(|(_, held)| held).collect(),
        };
        let entry = |kid: &str, life: Lifetime| KeyEntry {
            kid: kid.to_owned(),
            age: now.since(life.fetched_at),
            expires_in: life.expires_at.since(now),
        };
        let young = held.iter().filter(|held| !held.life.is_over(now));
        young.flat_map(|held| held.set.kids().map(|kid| entry(kid, held.life))).collect()
    }
}
