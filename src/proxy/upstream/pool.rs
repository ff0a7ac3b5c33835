//! Idle upstream connections, one pool per worker.

use super::connect::{Connection, Dialer};
use crate::base::time::Stopwatch;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One upstream: how to reach it, and each worker's idle connections to it.
#[derive(Debug)]
pub struct Upstream {
    dialer: Dialer,
    pools: Vec<Arc<Pool>>,
}

impl Upstream {
    /// A pool for each of `workers`, of at most `max_idle` connections that are idle for at most `max_age`.
    pub fn new(dialer: Dialer, workers: usize, max_idle: usize, max_age: Duration) -> Upstream {
        let pool = || Arc::new(Pool { idle: Mutex::new(Vec::new()), max_idle, max_age });
        Upstream { dialer, pools: (0..workers.max(1)).map(|_| pool()).collect() }
    }

    /// How to reach it.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The pool of a worker.
    pub fn pool(&self, worker: usize) -> Option<&Arc<Pool>> {
        self.pools.get(worker)
    }
}

/// Idle connections, the latest used last.
pub struct Pool {
    idle: Mutex<Vec<Idle>>,
    max_idle: usize,
    max_age: Duration,
}

struct Idle {
    connection: Connection,
    since: Stopwatch,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Pool({} idle)", self.lock().len())
    }
}

impl Pool {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is open and ready, the latest used first.
    pub fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        let mut index = idle.len();
        while index > 0 {
            index -= 1;
            let candidate = idle.get(index)?;
            if candidate.connection.sender.is_closed() || candidate.since.elapsed() > self.max_age {
                idle.swap_remove(index);
            } else if candidate.connection.sender.is_ready() {
                return Some(idle.swap_remove(index).connection);
            }
        }
        None
    }

    /// Keeps a connection whose response was read to its end.
    pub fn put(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        if idle.len() < self.max_idle {
            idle.push(Idle { connection, since: Stopwatch::start() });
        }
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self) {
        self.lock()
            .retain(|idle| !idle.connection.sender.is_closed() && idle.since.elapsed() <= self.max_age);
    }
}
