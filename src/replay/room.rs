//! The limit on what is remembered.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Numbers of records are `u32`, and the last one stands for none.
const MOST: usize = u32::MAX as usize - 1;

/// How many records there are, over all shards, and how many there may be.
#[derive(Debug)]
pub(super) struct Room {
    used: AtomicUsize,
    limit: AtomicUsize,
}

impl Room {
    /// Room for `limit` records, at most for [`MOST`].
    pub(super) fn new(limit: usize) -> Room {
        Room { used: AtomicUsize::new(0), limit: AtomicUsize::new(limit.min(MOST)) }
    }

    /// A lower limit than what is used admits nothing until enough has left.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit.min(MOST), Ordering::Relaxed);
    }

    /// Takes room for one record, if there is any. Exact: a call that fails never makes another one fail.
    pub(super) fn take(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |used: usize| (used < limit).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives back the room of one record.
    pub(super) fn give_back(&self) {
        self.used.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there is room for one more.
    pub(super) fn is_left(&self) -> bool {
        self.used() < self.limit.load(Ordering::Relaxed)
    }

    /// Records now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_limited_given_back_and_resized() {
        let room = Room::new(1);
        assert!(room.take() && !room.take() && !room.is_left());
        room.set_limit(2);
        assert!(room.is_left() && room.take());
        room.set_limit(1);
        room.give_back();
        assert!(!room.take());
        room.give_back();
        assert!(room.take());
        assert_eq!(room.used(), 1);
    }
}
