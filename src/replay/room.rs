//! The limits on what is remembered: how many records, and how many bytes of replies.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Numbers of records are `u32`, and the last one stands for none.
const MOST: usize = u32::MAX as usize - 1;

/// How many records (or bytes of replies) there are, over all shards, and how many there may be.
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

    /// Takes room for `more`, if there is so much. Exact: a call that fails never makes another one fail.
    pub(super) fn take(&self, more: usize) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let taken = |used: usize| used.checked_add(more).filter(|used| *used <= limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&self, taken: usize) {
        self.used.fetch_sub(taken, Ordering::Relaxed);
    }

    /// Whether there is room for one more.
    pub(super) fn is_left(&self) -> bool {
        self.used() < self.limit.load(Ordering::Relaxed)
    }

    /// Records or bytes now.
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
        assert!(room.take(1) && !room.take(1) && !room.is_left());
        room.set_limit(2);
        assert!(room.is_left() && room.take(1));
        room.set_limit(1);
        room.give_back(1);
        assert!(!room.take(1));
        room.give_back(1);
        assert!(room.take(1));
        assert_eq!(room.used(), 1);
        room.set_limit(10);
        assert!(!room.take(10) && !room.take(usize::MAX) && room.take(9));
        room.give_back(10);
        assert_eq!(room.used(), 0);
    }
}
