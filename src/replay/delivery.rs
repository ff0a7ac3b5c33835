//! What is remembered of a message, and for how long.

use crate::base::time::UnixTime;
use sha2::{Digest, Sha256};
use std::fmt;

/// Half of a SHA-256: nobody finds a second input for it, and it halves the memory.
pub(super) type Fingerprint = [u8; 16];

/// What identifies a delivery: which event of which source, and with which body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub(super) key: Fingerprint,
    pub(super) body: Fingerprint,
}

impl Delivery {
    /// `source` is the source's name. `id` are the bytes that identify the event within it; the caller begins
    /// them with what they are (an id, a signed message), so that one never passes for the other. `body`
    /// stands for the body: any collision-resistant digest of it.
    pub fn new(source: &str, id: &[u8], body: &[u8]) -> Delivery {
        Delivery { key: fingerprint(&[source.as_bytes(), id]), body: fingerprint(&[body]) }
    }
}

impl fmt::Debug for Delivery {
    /// Without the digests: that of a guessable id would confirm the guess.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Delivery(..)")
    }
}

/// A length precedes each part, so that no two lists of parts hash the same bytes.
fn fingerprint(parts: &[&[u8]]) -> Fingerprint {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    let mut half = Fingerprint::default();
    half.copy_from_slice(&whole[..16]);
    half
}

/// Seconds for which a record outlives its message. A copy that is verified in the last second, waits for the
/// outcome of the first one and is admitted after that must still find it.
pub const SLACK: i64 = 60;

/// How long a delivery is remembered and how long it may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The last second at which the message is accepted.
    pub valid_until: UnixTime,
    /// The last second at which the reservation counts. After it, the next one takes its place.
    pub deadline: UnixTime,
    /// Whether `valid_until` is the end of a window that the operator chose, because the message says nothing of its
    /// time: then an equal one behind it is a new one. There is no slack, and copies do not prolong it.
    pub window: bool,
}

impl Terms {
    /// The last second at which a copy admitted now is a duplicate.
    pub(super) fn remembered_until(self, now: UnixTime) -> UnixTime {
        let until = self.valid_until.max(now);
        if self.window { until } else { with_slack(until) }
    }

    /// The same for a reservation. It is not forgotten before its deadline, because until then copies wait.
    pub(super) fn reserved_until(self, now: UnixTime) -> UnixTime {
        with_slack(self.valid_until.max(self.deadline).max(now))
    }
}

fn with_slack(second: UnixTime) -> UnixTime {
    UnixTime(second.0.saturating_add(SLACK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_id_and_body_count_and_nothing_runs_together() {
        let delivery = Delivery::new("ab", b"c", b"body");
        assert_eq!(delivery, Delivery::new("ab", b"c", b"body"));
        for other in [("a", "bc"), ("abc", ""), ("", "abc"), ("ab", "d")] {
            assert_ne!(delivery.key, Delivery::new(other.0, other.1.as_bytes(), b"body").key, "{other:?}");
        }
        let changed = Delivery::new("ab", b"c", b"bodY");
        assert_eq!(delivery.key, changed.key);
        assert_ne!(delivery.body, changed.body);
        assert_eq!(format!("{delivery:?}"), "Delivery(..)");
    }

    #[test]
    fn terms_end_with_slack_and_saturate() {
        let terms = Terms { valid_until: UnixTime(100), deadline: UnixTime(130), window: false };
        assert_eq!(terms.remembered_until(UnixTime(7)), UnixTime(160));
        assert_eq!(terms.remembered_until(UnixTime(110)), UnixTime(170));
        assert_eq!(terms.reserved_until(UnixTime(7)), UnixTime(190));
        assert_eq!(terms.reserved_until(UnixTime(140)), UnixTime(200));
        let forever = Terms { valid_until: UnixTime(i64::MAX), deadline: UnixTime(i64::MIN), window: false };
        assert_eq!(forever.reserved_until(UnixTime(0)), UnixTime(i64::MAX));
    }
}
