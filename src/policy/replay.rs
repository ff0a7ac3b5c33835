//! What a source remembers of what was delivered.

use crate::verify::Remember;
use std::time::Duration;

/// How long a copy waits for the outcome of the one that is on its way.
const WAIT: Duration = Duration::from_secs(10);

/// The rule of a source that remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayRule {
    /// What a delivery is known by.
    pub by: Remember,
    /// How long a delivery is remembered at least, seconds; nothing: as long as it could be accepted.
    pub window: Option<i64>,
    /// How long a copy waits for the outcome of the one that is on its way.
    pub wait: Duration,
    /// How a copy of a delivered message is answered.
    pub duplicate: OnDuplicate,
    /// Whether the sender reads the reply, so that a copy gets the first one's again.
    pub reply: bool,
}

/// How a copy of a delivered message is answered; it is never forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// 200: what was acknowledged is acknowledged again.
    Accept,
    /// 409.
    Reject,
}

impl ReplayRule {
    /// Whether a copy gets the first one's reply, which has to be remembered for that.
    pub fn keeps_reply(&self) -> bool {
        self.reply && self.duplicate == OnDuplicate::Accept
    }
}

impl Default for ReplayRule {
    fn default() -> ReplayRule {
        ReplayRule {
            by: Remember::Event,
            window: None,
            wait: WAIT,
            duplicate: OnDuplicate::Accept,
            reply: false,
        }
    }
}
