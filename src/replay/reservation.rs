//! What the caller holds while a delivery is under way.

use super::memory::{Memory, Spot};
use super::reply::{Reply, Transcript};
use super::shard::{Claim, Ending};
use http::{HeaderMap, StatusCode};
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// The place of a delivery that is under way. Dropping it releases the place, so that the sender's retry passes.
#[must_use = "dropped at once, it reserves nothing"]
pub struct Reservation {
    memory: Arc<Memory>,
    spot: Spot,
    claim: Claim,
    ending: Ending,
}

impl Reservation {
    pub(super) fn new(memory: Arc<Memory>, spot: Spot, claim: Claim) -> Reservation {
        Reservation { memory, spot, claim, ending: Ending::Released }
    }

    /// The upstream has accepted the message: from now on a copy is a duplicate.
    ///
    /// Without effect when the deadline has passed and another delivery has taken the place.
    pub fn keep(mut self) {
        self.ending = Ending::Delivered;
    }

    /// The same for a sender that reads the reply: what the transcript gets is what a copy is answered with. A copy
    /// that comes before the end of the reply waits for it as for a delivery under way.
    pub fn keep_with_reply(mut self, status: StatusCode, headers: &HeaderMap) -> Transcript {
        let reply = Reply::begin(self.memory.reply_room(), status, headers);
        self.ending = if reply.is_some() { Ending::Replied } else { Ending::Delivered };
        let (memory, spot, claim) = (self.memory.clone(), self.spot, self.claim);
        drop(self);
        match reply {
            Some(reply) => Transcript::begin(memory, spot, claim, reply),
            None => Transcript::without_room(),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.settle(self.spot, self.claim, self.ending);
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
