//! The key caches of all sources, kept over reloads.

use crate::base::time::Clock;
use crate::keys::{Fetching, KeyCache};
use crate::policy::{KeySource, Policy};
use crate::proxy::Live;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes key caches. The thread that fetches starts with the first one.
pub struct KeyCaches {
    clock: Arc<Clock>,
    fetching: Mutex<Option<Arc<Fetching>>>,
}

impl KeyCaches {
    /// No cache yet.
    pub fn new(clock: Arc<Clock>) -> KeyCaches {
        KeyCaches { clock, fetching: Mutex::new(None) }
    }

    /// One for each source that fetches keys. A source that asks as before keeps what it has: a reload must not
    /// lose keys while their server is down.
    ///
    /// # Errors
    /// A sentence: authorities that cannot be read, no thread.
    pub fn build(
        &self,
        policy: &Policy,
        before: Option<&Live>,
    ) -> Result<Vec<Option<Arc<KeyCache>>>, String> {
        let known = |source: &KeySource| {
            let caches = before.into_iter().flat_map(|live| live.keys.iter().flatten());
            caches
                .into_iter()
                .find(|cache| cache.source().name == source.name && cache.source() == source)
                .cloned()
        };
        let cache = |source: &Arc<KeySource>| match known(source) {
            Some(cache) => Ok(cache),
            None => KeyCache::new(KeySource::clone(source), &self.fetching()?)
                .map_err(|error| format!("source {}: {error}", source.name)),
        };
        policy.sources.iter().map(|source| source.key_source.as_ref().map(cache).transpose()).collect()
    }

    fn fetching(&self) -> Result<Arc<Fetching>, String> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*fetching {
            return Ok(running.clone());
        }
        let started =
            Fetching::start(self.clock.clone()).map_err(|error| format!("cannot fetch keys: {error}"))?;
        Ok(fetching.insert(started).clone())
    }
}
