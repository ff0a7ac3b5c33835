//! What a cache has done so far.

use super::fault::KeyFault;
use std::sync::atomic::{AtomicU64, Ordering};

const FAULTS: usize = KeyFault::CODES.len();

/// Counts since the cache was made. Every question is either a hit or a miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// Questions answered with a key from memory.
    pub hits: u64,
    /// Questions for a key that was not in memory.
    pub misses: u64,
    /// Misses answered from memory: there is no such key.
    pub negatives: u64,
    /// Misses that were refused because the server may not be asked now.
    pub throttled: u64,
    /// Hits on a key whose renewal is overdue.
    pub stale: u64,
    /// Fetches that brought an answer, be it that there is no such key.
    pub fetches: u64,
    failures: [u64; FAULTS],
}

impl KeyCounts {
    /// Fetches that failed, by [`KeyFault::code`]; those that never happened included.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KeyFault::CODES.into_iter().zip(self.failures)
    }
}

/// A count that only goes up.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The running counts.
#[derive(Default)]
pub(super) struct Counters {
    pub hits: Counter,
    pub misses: Counter,
    pub negatives: Counter,
    pub throttled: Counter,
    pub stale: Counter,
    pub fetches: Counter,
    failures: [Counter; FAULTS],
}

impl Counters {
    pub fn failed(&self, fault: KeyFault) {
        let place = KeyFault::CODES.iter().position(|code| *code == fault.code());
        if let Some(count) = place.and_then(|place| self.failures.get(place)) {
            count.add();
        }
    }

    pub fn read(&self) -> KeyCounts {
        KeyCounts {
            hits: self.hits.read(),
            misses: self.misses.read(),
            negatives: self.negatives.read(),
            throttled: self.throttled.read(),
            stale: self.stale.read(),
            fetches: self.fetches.read(),
            failures: self.failures.each_ref().map(Counter::read),
        }
    }
}
