//! When a key server may not be asked: a while after a key was not found, and a while after a fetch failed.

use super::fault::{KeyError, KeyFault};
use crate::base::time::UnixTime;
use std::time::Duration;

/// The first pause after a failed fetch, seconds; it doubles up to the cooldown.
const FIRST_PAUSE: i64 = 2;

/// The brakes of one source.
pub(super) struct Brakes {
    /// Seconds.
    cooldown: i64,
    cooling_until: Option<UnixTime>,
    failing: Option<Failing>,
}

#[derive(Clone, Copy)]
struct Failing {
    fault: KeyFault,
    until: UnixTime,
    pause: i64,
}

impl Brakes {
    pub fn new(cooldown: Duration) -> Brakes {
        let cooldown = i64::try_from(cooldown.as_secs()).unwrap_or(i64::MAX);
        Brakes { cooldown, cooling_until: None, failing: None }
    }

    /// Whether an unknown key may be asked for.
    pub fn check(&self, now: UnixTime) -> Result<(), KeyError> {
        if let Some(fault) = self.failing(now) {
            return Err(KeyError::Unavailable(fault));
        }
        if self.cooling_until.is_some_and(|until| now < until) { Err(KeyError::CoolingDown) } else { Ok(()) }
    }

    /// Why nothing at all is asked for, the renewal of known keys included.
    pub fn failing(&self, now: UnixTime) -> Option<KeyFault> {
        self.failing.filter(|failing| now < failing.until).map(|failing| failing.fault)
    }

    /// An unknown key was asked for.
    pub fn cool(&mut self, now: UnixTime) {
        self.cooling_until = Some(after(now, self.cooldown));
    }

    /// A fetch failed. Several that were under way together lengthen the pause once.
    pub fn failed(&mut self, fault: KeyFault, now: UnixTime) {
        let pause = match self.failing {
            Some(failing) if now < failing.until => {
                self.failing = Some(Failing { fault, ..failing });
                return;
            }
            Some(failing) => failing.pause.saturating_mul(2),
            None => FIRST_PAUSE,
        };
        let pause = pause.min(self.cooldown.max(1));
        self.failing = Some(Failing { fault, until: after(now, pause), pause });
    }

    /// The server answered.
    pub fn answered(&mut self) {
        self.failing = None;
    }
}

fn after(now: UnixTime, seconds: i64) -> UnixTime {
    UnixTime(now.0.saturating_add(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: KeyFault = KeyFault::Connect;

    #[test]
    fn the_cooldown_holds_for_unknown_keys_only() {
        let mut brakes = Brakes::new(Duration::from_secs(30));
        assert_eq!(brakes.check(UnixTime(0)), Ok(()));
        brakes.cool(UnixTime(100));
        assert_eq!(brakes.check(UnixTime(129)), Err(KeyError::CoolingDown));
        assert_eq!(brakes.failing(UnixTime(129)), None);
        assert_eq!(brakes.check(UnixTime(130)), Ok(()));
    }

    #[test]
    fn failures_pause_longer_and_longer_until_an_answer() {
        let mut brakes = Brakes::new(Duration::from_secs(30));
        let mut now = 0;
        for pause in [2, 4, 8, 16, 30, 30] {
            brakes.failed(FAULT, UnixTime(now));
            assert_eq!(brakes.check(UnixTime(now + pause - 1)), Err(KeyError::Unavailable(FAULT)));
            assert_eq!(brakes.check(UnixTime(now + pause)), Ok(()), "{pause}");
            now += pause;
        }
        brakes.answered();
        brakes.failed(FAULT, UnixTime(now));
        assert_eq!(brakes.check(UnixTime(now + 2)), Ok(()));
    }

    #[test]
    fn failures_together_count_once_and_the_last_is_told() {
        let mut brakes = Brakes::new(Duration::from_secs(30));
        brakes.failed(FAULT, UnixTime(0));
        brakes.failed(KeyFault::Timeout, UnixTime(1));
        assert_eq!(brakes.failing(UnixTime(1)), Some(KeyFault::Timeout));
        assert_eq!(brakes.failing(UnixTime(2)), None);
    }

    #[test]
    fn a_failure_is_told_before_the_cooldown() {
        let mut brakes = Brakes::new(Duration::from_secs(1));
        brakes.cool(UnixTime(0));
        brakes.failed(FAULT, UnixTime(0));
        assert_eq!(brakes.check(UnixTime(0)), Err(KeyError::Unavailable(FAULT)));
        assert_eq!(brakes.check(UnixTime(1)), Ok(()));
    }
}
