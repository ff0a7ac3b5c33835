//! What the caller holds while a delivery is under way.

use super::memory::{Memory, Spot};
use super::shard::Claim;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// The place of a delivery that is under way. Dropping it releases the place, so that the sender's retry passes.
#[must_use = "dropped at once, it reserves nothing"]
pub struct Reservation {
    memory: Arc<Memory>,
    spot: Spot,
    claim: Claim,
    delivered: bool,
}

impl Reservation {
    pub(super) fn new(memory: Arc<Memory>, spot: Spot, claim: Claim) -> Reservation {
        Reservation { memory, spot, claim, delivered: false }
    }

    /// The upstream has accepted the message: from now on a copy is a duplicate.
    ///
    /// Without effect when the deadline has passed and another delivery has taken the place.
    pub fn keep(mut self) {
        self.delivered = true;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.settle(self.spot, self.claim, self.delivered);
    }
}

impl fmt::Debug for Reservation {
    /// Without what identifies the message.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reservation(..)")
    }
}

/// The end of a delivery that somebody else has under way.
#[derive(Debug)]
pub struct Outcome(watch::Receiver<()>);

impl Outcome {
    pub(super) fn new(receiver: watch::Receiver<()>) -> Outcome {
        Outcome(receiver)
    }

    /// Returns when the delivery was kept, released, or taken over after its deadline. Which of them, the next
    /// [`Memory::admit`] tells. It may wait as long as the upstream takes, so the caller bounds it; dropping
    /// the future loses nothing.
    pub async fn wait(mut self) {
        // Nothing is ever sent: the channel closes when the reservation ends.
        let _ = self.0.changed().await;
    }
}
