//! The records of a shard, found by their key.
//!
//! Slots stand in one vector and are reused. Chains of slot numbers make it a hash table, so a record costs its
//! own size and few bytes more, and never moves: its slot number names it while it lives.

use super::delivery::Fingerprint;
use crate::base::time::UnixTime;

/// The number of no slot.
const NONE: u32 = u32::MAX;
/// Chains of an empty table; a power of two.
const FEWEST_CHAINS: usize = 8;

/// What is remembered of a delivery.
#[derive(Debug)]
pub(super) struct Record {
    /// Tells a copy from another message with the same id.
    pub(super) body: Fingerprint,
    /// The last second at which it counts.
    pub(super) expires: UnixTime,
}

/// A hash table of records whose slots do not move.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// The first slot of each chain.
    chains: Vec<u32>,
    /// The first vacant slot; the vacant ones form a chain as well.
    vacant: u32,
}

#[derive(Debug)]
struct Slot {
    key: Fingerprint,
    hash: u32,
    next: u32,
    record: Record,
}

impl Table {
    /// A table without records.
    pub(super) fn new() -> Table {
        Table { slots: Vec::new(), chains: vec![NONE; FEWEST_CHAINS], vacant: NONE }
    }

    /// The slot of `key`, whose hash is `hash`.
    pub(super) fn find(&self, hash: u32, key: &Fingerprint) -> Option<u32> {
        let mut number = self.chains[self.chain_of(hash)];
        while let Some(slot) = self.slots.get(number as usize) {
            if slot.key == *key {
                return Some(number);
            }
            number = slot.next;
        }
        None
    }

    /// Adds a record for `key`, which must have none, and tells its slot.
    pub(super) fn insert(&mut self, hash: u32, key: Fingerprint, record: Record) -> u32 {
        let mut slot = Slot { key, hash, next: NONE, record };
        let number = match self.slots.get(self.vacant as usize) {
            Some(vacant) => std::mem::replace(&mut self.vacant, vacant.next),
            None => self.slots.len() as u32, // `Room` admits fewer than `u32::MAX`
        };
        if self.slots.len() == self.chains.len() {
            self.add_chains();
        }
        let chain = self.chain_of(hash);
        slot.next = std::mem::replace(&mut self.chains[chain], number);
        match self.slots.get_mut(number as usize) {
            Some(vacant) => *vacant = slot,
            None => self.push(slot),
        }
        number
    }

    /// Removes the record in the slot `number`.
    pub(super) fn remove(&mut self, number: u32) {
        let Slot { hash, next, .. } = self.slots[number as usize];
        let chain = self.chain_of(hash);
        if self.chains[chain] == number {
            self.chains[chain] = next;
        } else {
            let mut before = self.chains[chain];
            while self.slots[before as usize].next != number {
                before = self.slots[before as usize].next;
            }
            self.slots[before as usize].next = next;
        }
        self.slots[number as usize].next = std::mem::replace(&mut self.vacant, number);
    }

    /// The record in the slot `number`.
    pub(super) fn record(&self, number: u32) -> &Record {
        &self.slots[number as usize].record
    }

    /// The record in the slot `number`, to be changed.
    pub(super) fn record_mut(&mut self, number: u32) -> &mut Record {
        &mut self.slots[number as usize].record
    }

    /// Slots, vacant ones included.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    fn chain_of(&self, hash: u32) -> usize {
        hash as usize & (self.chains.len() - 1)
    }

    /// Doubles the chains, so that they stay about one record long.
    fn add_chains(&mut self) {
        let more = vec![NONE; self.chains.len() * 2];
        for mut number in std::mem::replace(&mut self.chains, more) {
            while let Some(&Slot { hash, next, .. }) = self.slots.get(number as usize) {
                let chain = self.chain_of(hash);
                self.slots[number as usize].next = std::mem::replace(&mut self.chains[chain], number);
                number = next;
            }
        }
    }

    /// Grows by a quarter, where the vector itself would double.
    fn push(&mut self, slot: Slot) {
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(self.slots.len() / 4 + FEWEST_CHAINS);
        }
        self.slots.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Fingerprint {
        (u128::from(number) << 64).to_be_bytes()
    }

    fn record(number: u32) -> Record {
        Record { body: key(number), expires: UnixTime(i64::from(number)) }
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 48);
    }

    #[test]
    fn records_are_found_until_removed_in_any_order() {
        for spread in [1, 3, 0] {
            let mut table = Table::new();
            let hash = |number: u32| number.wrapping_mul(spread); // 0: all in one chain
            let slots: Vec<u32> = (0..100).map(|n| table.insert(hash(n), key(n), record(n))).collect();
            for number in (0..100).step_by(3).chain((1..100).step_by(3)) {
                table.remove(slots[number as usize]);
                assert_eq!(table.find(hash(number), &key(number)), None);
            }
            for number in (2..100).step_by(3) {
                let found = table.find(hash(number), &key(number));
                assert_eq!(found, Some(slots[number as usize]));
                assert_eq!(table.record(slots[number as usize]).expires, UnixTime(i64::from(number)));
            }
        }
    }

    #[test]
    fn chains_stay_short() {
        let mut table = Table::new();
        let slots = (0..1000).map(|number| table.insert(number, key(number), record(number)));
        assert!(slots.eq(0..1000));
        assert_eq!(table.chains.len(), 1024);
    }

    #[test]
    fn vacant_slots_are_reused() {
        let mut table = Table::new();
        for number in 0..1000 {
            let (first, second) =
                (table.insert(1, key(1), record(1)), table.insert(number, key(2), record(2)));
            assert!(first < 2 && second < 2 && first != second);
            table.remove(first);
            table.remove(second);
        }
        assert_eq!((table.slots.len(), table.chains.len()), (2, FEWEST_CHAINS));
    }
}
