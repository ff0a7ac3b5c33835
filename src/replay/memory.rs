//! The memory of what was delivered, shared by all workers.

use super::counts::Counts;
use super::delivery::{Delivery, Terms};
use super::reply::Reply;
use super::reservation::{Outcome, Reservation};
use super::room::Room;
use super::shard::{Claim, Ending, Finding, Shard};
use crate::base::limits::HELD_REPLIES;
use crate::base::time::UnixTime;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// Parts with a lock of their own.
const SHARDS: usize = 64;
/// Expired records that an admission removes from its shard, so that a busy memory sweeps itself.
const SWEPT_PER_ADMISSION: usize = 8;
/// Expired records removed under one lock when there is time for it.
const SWEPT_AT_ONCE: usize = 64;
/// How often an admission makes room that others take before it gives up.
const ATTEMPTS: usize = 8;

/// Which deliveries were made or are under way, up to a limit. It never evicts one that still counts.
///
/// No call does more under a lock than to look at a few records; only the growth of a shard touches all of
/// its own.
pub struct Memory {
    room: Arc<Room>,
    /// Bytes of replies, over all shards.
    reply_room: Arc<Room>,
    /// Keyed, because whoever sends may choose ids whose digests begin alike.
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// Where a key belongs: its shard, and its hash there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    shard: usize,
    hash: u32,
}

/// The answer to a delivery.
#[derive(Debug)]
pub enum Admission {
    /// It is new, or the earlier ones failed: forward it, then keep or drop the reservation.
    Fresh(Reservation),
    /// It was delivered already; the upstream's reply, where that is remembered.
    Delivered(Option<Arc<Reply>>),
    /// It is under way, or its reply is: wait for the end, then admit again.
    InFlight(Outcome),
    /// The same event was delivered, or is under way, with another body.
    Conflict,
    /// It is new, and as much as allowed is remembered.
    Full,
}

impl Memory {
    /// An empty memory of at most `max_entries` deliveries.
    pub fn new(max_entries: usize) -> Memory {
        let room = Arc::new(Room::new(max_entries));
        let shards = std::array::from_fn(|_| Mutex::new(Shard::new(room.clone())));
        let reply_room = Arc::new(Room::new(HELD_REPLIES));
        Memory { room, reply_room, hasher: RandomState::new(), shards }
    }

    /// Changes the limit. What is remembered stays, even if it is more than that.
    pub fn set_limit(&self, max_entries: usize) {
        self.room.set_limit(max_entries);
    }

    /// Reserves `delivery`, or tells that it was made, is under way, conflicts or finds no room.
    ///
    /// A duplicate with a later `valid_until` prolongs the record; a conflict changes nothing. A reservation
    /// past its deadline counts as released.
    pub fn admit(self: &Arc<Memory>, delivery: &Delivery, terms: Terms, now: UnixTime) -> Admission {
        let spot = self.spot(delivery);
        for _ in 0..ATTEMPTS {
            let finding = self.locked(spot.shard, |shard| {
                shard.sweep(now, SWEPT_PER_ADMISSION);
                shard.admit(spot.hash, delivery, terms, now)
            });
            match finding {
                Finding::Fresh(claim) => {
                    return Admission::Fresh(Reservation::new(self.clone(), spot, claim));
                }
                Finding::Delivered(reply) => return Admission::Delivered(reply),
                Finding::InFlight(receiver) => return Admission::InFlight(Outcome::new(receiver)),
                Finding::Conflict => return Admission::Conflict,
                Finding::NoRoom if self.make_room(spot.shard, now) => {}
                Finding::NoRoom => break,
            }
        }
        self.locked(spot.shard, |shard| shard.counts.full += 1);
        Admission::Full
    }

    /// Entries now: what is delivered or under way, and what has expired but was not swept yet.
    pub fn entries(&self) -> usize {
        self.room.used()
    }

    /// Removes what has expired, as far as that takes a millisecond or so. True when nothing expired is left;
    /// else the caller lets others run and calls again.
    pub fn sweep(&self, now: UnixTime) -> bool {
        let mut done = true;
        for shard in 0..SHARDS {
            done &= self.locked(shard, |shard| shard.sweep(now, SWEPT_AT_ONCE)) < SWEPT_AT_ONCE;
        }
        done
    }

    /// How often each thing happened, in all shards.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for shard in 0..SHARDS {
            sum += self.locked(shard, |shard| shard.counts);
        }
        sum
    }

    /// Bytes that remembered replies take.
    pub fn reply_bytes(&self) -> usize {
        self.reply_room.used()
    }

    pub(super) fn reply_room(&self) -> &Arc<Room> {
        &self.reply_room
    }

    pub(super) fn settle(&self, spot: Spot, claim: Claim, ending: Ending) {
        self.locked(spot.shard, |shard| shard.settle(claim, ending));
    }

    pub(super) fn answered(&self, spot: Spot, claim: Claim, reply: Arc<Reply>) {
        self.locked(spot.shard, |shard| shard.answered(claim, reply));
    }

    /// Removes what has expired, from the shard `first` onwards, until there is room.
    fn make_room(&self, first: usize, now: UnixTime) -> bool {
        (first..first + SHARDS).any(|shard| {
            self.locked(shard % SHARDS, |shard| shard.sweep(now, SWEPT_AT_ONCE));
            self.room.is_left()
        })
    }

    fn spot(&self, delivery: &Delivery) -> Spot {
        let hash = self.hasher.hash_one(delivery.key);
        Spot { shard: (hash >> 32) as usize % SHARDS, hash: hash as u32 }
    }

    fn locked<R>(&self, shard: usize, work: impl FnOnce(&mut Shard) -> R) -> R {
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut shard);
        let ended = shard.take_ended();
        drop(shard);
        drop(ended); // wakes those who wait
        result
    }
}

impl fmt::Debug for Memory {
    /// How much, not what.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Memory({} entries)", self.entries())
    }
}

#[cfg(test)]
mod tests;
