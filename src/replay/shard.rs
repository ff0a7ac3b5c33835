//! One part of the memory; the caller holds its lock.

use super::calendar::Calendar;
use super::counts::Counts;
use super::delivery::{Delivery, Fingerprint, Terms};
use super::reply::Reply;
use super::room::Room;
use super::table::{Record, Table};
use crate::base::time::UnixTime;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Records that share a lock. No method looks at more than a few of them, but for the doubling of the table.
#[derive(Debug)]
pub(super) struct Shard {
    room: Arc<Room>,
    table: Table,
    calendar: Calendar,
    /// The reservations among the records, by slot; a record that is none was delivered.
    flights: HashMap<u32, Flight>,
    /// The replies to delivered ones, by slot, for senders that read them.
    replies: HashMap<u32, Answered>,
    claims: u64,
    ended: Ended,
    /// What happened in this shard.
    pub(super) counts: Counts,
}

/// Reservations and replies that have ended and that somebody waits for. Dropping it wakes those, which may be many, so it
/// is dropped outside the lock.
pub(super) type Ended = Vec<watch::Sender<()>>;

/// Names a reservation: its slot, and a number that no other reservation of the shard ever has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    slot: u32,
    number: u64,
}

#[derive(Debug)]
struct Flight {
    claim: u64,
    deadline: UnixTime,
    /// When a delivery that it ends in is forgotten, where that is sooner than a reservation.
    window: Option<UnixTime>,
    /// Made for the first one who waits.
    waiters: Option<watch::Sender<()>>,
}

#[derive(Debug)]
struct Answered {
    claim: u64,
    /// Nothing while it is on its way.
    reply: Option<Arc<Reply>>,
    /// Made for the first one who waits.
    waiters: Option<watch::Sender<()>>,
}

/// How a reservation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Without a delivery.
    Released,
    /// In a delivery.
    Delivered,
    /// In a delivery whose reply follows; see [`Shard::answered`].
    Replied,
}

/// What a shard says to a delivery.
#[derive(Debug)]
pub(super) enum Finding {
    /// It is reserved.
    Fresh(Claim),
    /// It was delivered; its reply, where that is remembered.
    Delivered(Option<Arc<Reply>>),
    /// It is under way, or its reply is; the channel closes when that ends.
    InFlight(watch::Receiver<()>),
    /// The same event has another body.
    Conflict,
    /// It is new and there is no room for it.
    NoRoom,
}

impl Shard {
    /// An empty shard that shares `room` with others.
    pub(super) fn new(room: Arc<Room>) -> Shard {
        Shard {
            room,
            table: Table::new(),
            calendar: Calendar::default(),
            flights: HashMap::new(),
            replies: HashMap::new(),
            claims: 0,
            ended: Ended::new(),
            counts: Counts::default(),
        }
    }

    /// Reserves `delivery`, whose key has the hash `hash`, or tells why not.
    pub(super) fn admit(&mut self, hash: u32, delivery: &Delivery, terms: Terms, now: UnixTime) -> Finding {
        match self.table.find(hash, &delivery.key) {
            Some(slot) if self.table.record(slot).expires < now => {
                self.forget(slot);
                self.reserve(hash, delivery, terms, now)
            }
            Some(slot) => self.meet(slot, delivery.body, terms, now),
            None => self.reserve(hash, delivery, terms, now),
        }
    }

    fn reserve(&mut self, hash: u32, delivery: &Delivery, terms: Terms, now: UnixTime) -> Finding {
        if !self.room.take(1) {
            return Finding::NoRoom;
        }
        let expires = terms.reserved_until(now);
        let slot = self.table.insert(hash, delivery.key, Record { body: delivery.body, expires });
        self.calendar.enter(slot, expires);
        Finding::Fresh(self.take_off(slot, terms, now))
    }

    /// A delivery of the event that has the live record in `slot`.
    fn meet(&mut self, slot: u32, body: Fingerprint, terms: Terms, now: UnixTime) -> Finding {
        let flight = self.flights.get_mut(&slot);
        if flight.as_ref().is_some_and(|flight| flight.deadline < now) {
            return self.take_over(slot, body, terms, now);
        }
        if self.table.record(slot).body != body {
            self.counts.conflicts += 1;
            return Finding::Conflict;
        }
        let finding = match flight {
            Some(flight) => {
                self.counts.waits += 1;
                Finding::InFlight(subscribe(&mut flight.waiters))
            }
            None => match self.replies.get_mut(&slot) {
                Some(answered) if answered.reply.is_none() => {
                    self.counts.waits += 1;
                    Finding::InFlight(subscribe(&mut answered.waiters))
                }
                answered => {
                    self.counts.duplicates += 1;
                    Finding::Delivered(answered.and_then(|answered| answered.reply.clone()))
                }
            },
        };
        if !terms.window {
            self.extend(slot, terms.remembered_until(now));
        }
        finding
    }

    /// A reservation past its deadline counts as released, so the body does not matter.
    fn take_over(&mut self, slot: u32, body: Fingerprint, terms: Terms, now: UnixTime) -> Finding {
        self.counts.taken_over += 1;
        self.land(slot);
        self.table.record_mut(slot).body = body;
        self.extend(slot, terms.reserved_until(now));
        Finding::Fresh(self.take_off(slot, terms, now))
    }

    fn take_off(&mut self, slot: u32, terms: Terms, now: UnixTime) -> Claim {
        self.counts.reserved += 1;
        self.claims += 1;
        let window = terms.window.then(|| terms.remembered_until(now));
        let flight = Flight { claim: self.claims, deadline: terms.deadline, window, waiters: None };
        self.flights.insert(slot, flight);
        Claim { slot, number: self.claims }
    }

    /// Ends the reservation in `slot`; false if there is none.
    fn land(&mut self, slot: u32) -> bool {
        let flight = self.flights.remove(&slot);
        let was_in_flight = flight.is_some();
        self.ended.extend(flight.and_then(|flight| flight.waiters));
        was_in_flight
    }

    fn extend(&mut self, slot: u32, expires: UnixTime) {
        if self.table.record(slot).expires < expires {
            self.move_to(slot, expires);
        }
    }

    fn move_to(&mut self, slot: u32, expires: UnixTime) {
        self.calendar.leave(slot, self.table.record(slot).expires);
        self.calendar.enter(slot, expires);
        self.table.record_mut(slot).expires = expires;
    }

    /// Ends the reservation of `claim`; without effect if it is no longer the owner.
    pub(super) fn settle(&mut self, claim: Claim, ending: Ending) {
        let Some(flight) = self.flights.get(&claim.slot).filter(|flight| flight.claim == claim.number) else {
            return;
        };
        if ending != Ending::Released {
            let window = flight.window;
            self.counts.kept += 1;
            self.land(claim.slot);
            if ending == Ending::Replied {
                let answered = Answered { claim: claim.number, reply: None, waiters: None };
                self.replies.insert(claim.slot, answered);
            }
            if let Some(end) = window {
                self.move_to(claim.slot, end);
            }
        } else {
            self.forget(claim.slot);
        }
    }

    /// The reply to the delivery of `claim`; without effect if that is forgotten.
    pub(super) fn answered(&mut self, claim: Claim, reply: Arc<Reply>) {
        let answered = self.replies.get_mut(&claim.slot).filter(|answered| answered.claim == claim.number);
        if let Some(answered) = answered {
            answered.reply = Some(reply);
            self.ended.extend(answered.waiters.take());
        }
    }

    fn forget(&mut self, slot: u32) {
        if self.land(slot) {
            self.counts.released += 1;
        }
        self.ended.extend(self.replies.remove(&slot).and_then(|answered| answered.waiters));
        self.calendar.leave(slot, self.table.record(slot).expires);
        self.table.remove(slot);
        self.room.give_back(1);
    }

    /// Forgets at most `most` records that have expired, and tells how many.
    pub(super) fn sweep(&mut self, now: UnixTime, most: usize) -> usize {
        let mut swept = 0;
        while swept < most
            && let Some(slot) = self.calendar.expired(now)
        {
            self.forget(slot);
            swept += 1;
        }
        swept
    }

    /// Hands over those to wake.
    pub(super) fn take_ended(&mut self) -> Ended {
        std::mem::take(&mut self.ended)
    }

    /// Whether nothing is left but at most `slots` vacant slots.
    #[cfg(test)]
    pub(super) fn is_bare(&self, slots: usize) -> bool {
        self.flights.is_empty()
            && self.replies.is_empty()
            && self.table.slots() <= slots
            && self.calendar.is_empty()
    }
}

fn subscribe(waiters: &mut Option<watch::Sender<()>>) -> watch::Receiver<()> {
    waiters.get_or_insert_with(|| watch::channel(()).0).subscribe()
}
