//! One fetch that is under way, and those who wait for it.

use super::fault::{KeyError, KeyFault};
use crate::verify::KeySet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// A fetch that is under way. It goes on when nobody waits any more.
pub(super) struct Flight {
    /// The name it was made for; none where a document is renewed.
    pub kid: Option<Box<str>>,
    pub cause: Cause,
    /// How many purges came before it.
    pub generation: u64,
    begun: AtomicBool,
    landed: watch::Receiver<Option<Outcome>>,
}

/// Why something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A request names a key that is not in memory.
    Miss {
        /// There was a document that did not have it.
        known_document: bool,
    },
    /// What is in memory is to be renewed.
    Renewal,
}

/// How a fetch ended.
#[derive(Clone)]
pub(super) enum Outcome {
    Keys(Arc<KeySet>),
    Unknown,
    Failed(KeyFault),
    /// Everything was purged after it had been started.
    Discarded,
}

impl Flight {
    /// The other end tells how it ended.
    pub fn new(
        kid: Option<Box<str>>,
        cause: Cause,
        generation: u64,
    ) -> (Flight, watch::Sender<Option<Outcome>>) {
        let (sender, landed) = watch::channel(None);
        (Flight { kid, cause, generation, begun: AtomicBool::new(false), landed }, sender)
    }

    /// From now on the server may be writing its answer.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Joins those who wait.
    pub fn join(self: &Arc<Self>) -> Waiter {
        Waiter { early: !self.begun.load(Ordering::Acquire), flight: self.clone() }
    }
}

/// Someone who waits for a fetch.
pub(super) struct Waiter {
    flight: Arc<Flight>,
    /// Came before it had begun, so that the answer is younger than the question.
    early: bool,
}

impl Waiter {
    /// What the end of the fetch means to someone who asked for `kid`; `None`: there is no such key.
    pub async fn wait(self, kid: &str) -> Result<Option<Arc<KeySet>>, KeyError> {
        let mut landed = self.flight.landed.clone();
        // The other end is dropped without a word only if the fetch could not be run to its end.
        let outcome = landed.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        match outcome.unwrap_or(Outcome::Failed(KeyFault::Internal)) {
            Outcome::Keys(set) if set.has(kid) => Ok(Some(set)),
            Outcome::Keys(_) | Outcome::Unknown if self.early || self.flight.kid.as_deref() == Some(kid) => {
                Ok(None)
            }
            Outcome::Keys(_) | Outcome::Unknown | Outcome::Discarded => Err(KeyError::CoolingDown),
            Outcome::Failed(fault) => Err(KeyError::Unavailable(fault)),
        }
    }
}
