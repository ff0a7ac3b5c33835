//! What a request finds in place: the live policy, its worker and the facts of its connection.

use super::body::Budget;
use super::capture::Captures;
use super::hint::Hints;
use super::ids::RequestIds;
use super::places::Place;
use super::record::Recorder;
use super::upstream::Upstream;
use crate::base::time::Clock;
use crate::keys::KeyCache;
use crate::policy::Policy;
use crate::replay::Memory;
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The policy in force and the upstream connections that belong to it; swapped as a whole on reload.
#[derive(Debug)]
pub struct Live {
    /// Sources, routes, limits and time-outs.
    pub policy: Policy,
    /// One per address in the policy, same order.
    pub upstreams: Vec<Upstream>,
    /// One per source in the policy, same order; nothing where no keys are fetched.
    pub keys: Vec<Option<Arc<KeyCache>>>,
}

/// What one worker thread shares between its connections.
#[derive(Debug)]
pub struct Worker {
    /// Which of the per-worker pools are its own.
    pub index: usize,
    /// The policy in force.
    pub live: Arc<ArcSwap<Live>>,
    /// Where `now` comes from.
    pub clock: Arc<Clock>,
    /// Bytes of request bodies held by all workers.
    pub budget: Arc<Budget>,
    /// What was delivered, by all workers.
    pub replay: Arc<Memory>,
    /// What was refused, by all workers, where that is kept.
    pub captures: Option<Arc<Captures>>,
    /// How many refused requests may still be explained.
    pub hints: Hints,
    /// Log lines and counters.
    pub recorder: Arc<Recorder>,
    /// Request and trace ids.
    pub ids: RequestIds,
}

/// Facts of a connection that hold for all of its requests.
#[derive(Debug)]
pub struct Peer {
    /// Who connected.
    pub address: IpAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// The TLS server name that the client asked for.
    pub sni: Option<Box<str>>,
    /// Signs of life, read by the connection's watchdog.
    pub activity: Activity,
    /// Its place in the count of connections; kept by requests that outlive the connection.
    pub place: Place,
}

/// Signs of life of one connection. They are counted, not timed: the clock is read by the watchdog alone.
#[derive(Debug, Default)]
pub struct Activity {
    in_flight: AtomicU32,
    requests: AtomicU32,
    offers: AtomicU32,
    io: AtomicU32,
    taken: AtomicU32,
    partial: AtomicBool,
}

/// Counts that go up with every sign of life, and wrap around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// Reads and writes.
    pub io: u32,
    /// Requests that began or ended.
    pub requests: u32,
    /// Pieces of answers that the client took.
    pub taken: u32,
}

impl Activity {
    /// Bytes came in.
    pub fn read(&self) {
        self.partial.store(true, Ordering::Relaxed);
        self.wrote();
    }

    /// Bytes went out.
    pub fn wrote(&self) {
        self.io.fetch_add(1, Ordering::Relaxed);
    }

    /// A request began.
    pub fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A request ended: its answer was taken, or nobody waits for it.
    pub fn end(&self) {
        self.partial.store(false, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// A piece of an answer waits for the client to take it.
    pub fn offer(&self) {
        self.offers.fetch_add(1, Ordering::Relaxed);
    }

    /// The offered piece was taken, or is no longer offered.
    pub fn taken(&self) {
        self.offers.fetch_sub(1, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether bytes came in since the last request ended: a head that is not complete.
    pub fn partial(&self) -> bool {
        self.partial.load(Ordering::Relaxed)
    }

    /// Requests without a complete answer.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Pieces of answers that wait for the client to take them.
    pub fn offers(&self) -> u32 {
        self.offers.load(Ordering::Relaxed)
    }

    /// The counts of now.
    pub fn signs(&self) -> Signs {
        Signs {
            io: self.io.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
        }
    }
}
