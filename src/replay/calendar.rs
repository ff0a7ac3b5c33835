//! Which records expire when.

use crate::base::time::UnixTime;
use std::collections::BTreeMap;

/// The number of no slot.
const NONE: u32 = u32::MAX;

/// The slots that expire in each second, as linked lists: a record enters and leaves alone, and what was
/// released leaves nothing behind.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    /// The first slot of each second that has any.
    seconds: BTreeMap<UnixTime, u32>,
    /// By slot number.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

impl Calendar {
    /// Notes that `slot`, which must not stand in the calendar, expires after `second`.
    pub(super) fn enter(&mut self, slot: u32, second: UnixTime) {
        let after = self.seconds.insert(second, slot).unwrap_or(NONE);
        if let Some(next) = self.links.get_mut(after as usize) {
            next.before = slot;
        }
        let link = Link { before: NONE, after };
        match self.links.get_mut(slot as usize) {
            Some(old) => *old = link,
            None => self.links.resize(slot as usize + 1, link),
        }
    }

    /// Takes out `slot`, which must have entered with the same `second`.
    pub(super) fn leave(&mut self, slot: u32, second: UnixTime) {
        let Link { before, after } = self.links[slot as usize];
        if let Some(next) = self.links.get_mut(after as usize) {
            next.before = before;
        }
        if let Some(previous) = self.links.get_mut(before as usize) {
            previous.after = after;
        } else if after == NONE {
            self.seconds.remove(&second);
        } else {
            self.seconds.insert(second, after);
        }
    }

    /// A slot of the earliest second, if that is over at `now`.
    pub(super) fn expired(&self, now: UnixTime) -> Option<u32> {
        self.seconds.first_key_value().filter(|(second, _)| **second < now).map(|(_, slot)| *slot)
    }

    /// Whether no slot stands in it.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(calendar: &mut Calendar, second: i64) -> Vec<u32> {
        let mut drained = Vec::new();
        while let Some(slot) = calendar.expired(UnixTime(second + 1)) {
            calendar.leave(slot, UnixTime(second));
            drained.push(slot);
        }
        drained.sort_unstable();
        drained
    }

    #[test]
    fn a_link_is_small() {
        assert_eq!(size_of::<Link>(), 8);
    }

    #[test]
    fn slots_leave_from_every_place_of_a_list() {
        for gone in 0..5 {
            let mut calendar = Calendar::default();
            for slot in [4, 0, 3, 1, 2] {
                calendar.enter(slot, UnixTime(9));
            }
            assert_eq!(calendar.expired(UnixTime(9)), None);
            calendar.leave(gone, UnixTime(9));
            let rest: Vec<u32> = (0..5).filter(|slot| *slot != gone).collect();
            assert_eq!(drain(&mut calendar, 9), rest);
            assert!(calendar.seconds.is_empty());
        }
    }

    #[test]
    fn the_earliest_second_comes_first() {
        let mut calendar = Calendar::default();
        for (slot, second) in [(0, 30), (1, -5), (2, 30), (3, 20)] {
            calendar.enter(slot, UnixTime(second));
        }
        assert_eq!(drain(&mut calendar, -5), [1]);
        assert_eq!(drain(&mut calendar, 20), [3]);
        assert_eq!(drain(&mut calendar, 30), [0, 2]);
    }

    #[test]
    fn coming_and_going_leaves_nothing_behind() {
        let mut calendar = Calendar::default();
        for round in 0..1000 {
            calendar.enter(7, UnixTime(round));
            calendar.leave(7, UnixTime(round));
        }
        assert_eq!((calendar.seconds.len(), calendar.links.len()), (0, 8));
    }
}
