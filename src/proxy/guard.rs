//! Nothing twice: what was delivered is acknowledged again and not forwarded, what is on its way is waited for.

use super::prove::Proved;
use crate::base::limits::Timeouts;
use crate::base::time::{Clock, UnixTime};
use crate::policy::{OnDuplicate, ReplayRule};
use crate::replay::{Admission, Delivery, Memory, Outcome, Reply, Reservation, Terms};
use crate::verify::{Mark, Sender};
use std::sync::Arc;
use std::time::Duration;

/// What decides whether a proved request is the first of its kind.
pub struct Guard<'r> {
    /// The name of the source: other sources have other deliveries.
    pub source: &'r str,
    /// What it remembers.
    pub rule: &'r ReplayRule,
    /// What was delivered, by all sources.
    pub memory: &'r Arc<Memory>,
    /// How long a forward may take.
    pub timeouts: &'r Timeouts,
    /// Says until when to remember.
    pub clock: &'r Clock,
}

/// Why a proved request is not forwarded.
#[derive(Clone, Debug)]
pub enum ReplayError {
    /// It was delivered before; how the source answers that.
    Duplicate(OnDuplicate),
    /// It was delivered before, and the sender reads the reply: the one that it got, where that is remembered.
    Answered(Option<Arc<Reply>>),
    /// The event was delivered, or is on its way, with another body.
    Conflict,
    /// A copy is on its way, and its outcome or its reply did not come in this time.
    InFlight(Duration),
    /// There is no room to remember it.
    Full,
}

/// How far a request is.
pub enum Place {
    /// It may be forwarded; what it reserved is kept when it was delivered.
    Reserved(Reservation),
    /// A copy is on its way.
    Behind(Delivery, Outcome),
}

impl Guard<'_> {
    /// Takes a place, without waiting.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn enter(&self, proved: &Proved) -> Result<Option<Place>, ReplayError> {
        let Some(sender) = proved.sender() else { return Ok(None) };
        let delivery = match sender.mark() {
            Some(mark) => self.delivery(mark),
            None => self.delivery(&Mark::of_body(proved.body())),
        };
        self.admit(delivery, sender).map(Some)
    }

    /// Waits for the one in front, as long as the source allows, and then takes its place or learns its outcome.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn wait(
        &self,
        proved: &Proved,
        delivery: Delivery,
        outcome: Outcome,
    ) -> Result<Reservation, ReplayError> {
        let turn = async {
            let mut ahead = outcome;
            loop {
                ahead.wait().await;
                let Some(sender) = proved.sender() else { return Err(ReplayError::Conflict) };
                match self.admit(delivery, sender)? {
                    Place::Reserved(reservation) => return Ok(reservation),
                    Place::Behind(_, outcome) => ahead = outcome,
                }
            }
        };
        let waited = tokio::time::timeout(self.rule.wait, turn).await;
        waited.unwrap_or(Err(ReplayError::InFlight(self.rule.wait)))
    }

    fn delivery(&self, mark: &Mark) -> Delivery {
        Delivery::new(self.source, mark.event(), mark.body())
    }

    fn admit(&self, delivery: Delivery, sender: &Sender) -> Result<Place, ReplayError> {
        let now = self.clock.now();
        match self.memory.admit(&delivery, self.terms(sender, now), now) {
            Admission::Fresh(reservation) => Ok(Place::Reserved(reservation)),
            Admission::InFlight(outcome) => Ok(Place::Behind(delivery, outcome)),
            Admission::Delivered(reply) if self.rule.keeps_reply() => Err(ReplayError::Answered(reply)),
            Admission::Delivered(_) => Err(ReplayError::Duplicate(self.rule.duplicate)),
            Admission::Conflict => Err(ReplayError::Conflict),
            Admission::Full => Err(ReplayError::Full),
        }
    }

    fn terms(&self, sender: &Sender, now: UnixTime) -> Terms {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let after = |seconds: i64| UnixTime(now.0.saturating_add(seconds));
        let window = self.rule.window.map(after);
        let valid_until = sender.valid_until().into_iter().chain(window).max().unwrap_or(now);
        let is_window = sender.valid_until().is_none();
        // One second more, because the clock shows whole ones.
        let forward = self.timeouts.connect.saturating_add(self.timeouts.response);
        Terms { valid_until, deadline: after(seconds(forward).saturating_add(1)), window: is_window }
    }
}
