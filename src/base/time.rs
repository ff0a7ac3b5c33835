//! Time as the rest of the program sees it: whole seconds that are passed in, and a stopwatch.
//!
//! This is the one file that reads a clock. Verification takes [`UnixTime`] as an argument.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z; negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one. Saturates.
    pub fn since(self, earlier: UnixTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Midnight UTC of a civil date of the proleptic Gregorian calendar (month 1..=12, day 1..=31).
    pub fn from_date(year: i64, month: u8, day: u8) -> UnixTime {
        UnixTime(days_from_civil(year, month, day) * 86_400)
    }
}

impl fmt::Display for UnixTime {
    /// RFC 3339 in UTC, whole seconds: `2026-11-22T08:30:00Z`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(86_400));
        let rest = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Where `now` comes from: the system, or a hand-set time in tests and behind `--at`.
#[derive(Debug)]
pub enum Clock {
    /// The wall clock. Inside one process it never runs backwards.
    System(AtomicI64),
    /// A time that only [`Clock::set`] moves.
    Fixed(AtomicI64),
}

impl Clock {
    /// The wall clock.
    pub fn system() -> Clock {
        Clock::System(AtomicI64::new(i64::MIN))
    }

    /// A clock that stands still at `now`.
    pub fn fixed(now: UnixTime) -> Clock {
        Clock::Fixed(AtomicI64::new(now.0))
    }

    /// The current time. A system clock that was set back keeps the latest second it has shown.
    pub fn now(&self) -> UnixTime {
        match self {
            Clock::System(latest) => {
                let read = wall_clock().0;
                // Only the first reader of a new second writes, so workers share the line read-only.
                if latest.load(Ordering::Relaxed) < read {
                    latest.fetch_max(read, Ordering::Relaxed);
                }
                UnixTime(latest.load(Ordering::Relaxed).max(read))
            }
            Clock::Fixed(at) => UnixTime(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves a fixed clock; a system clock is left alone.
    pub fn set(&self, now: UnixTime) {
        if let Clock::Fixed(at) = self {
            at.store(now.0, Ordering::Relaxed);
        }
    }
}

#[allow(clippy::disallowed_methods)] // the one place that reads the wall clock
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn wall_clock() -> UnixTime {
    UnixTime(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970, for log lines and request ids only; never for a verdict.
pub fn unix_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

/// A running stopwatch on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(clippy::disallowed_methods)] // the one place that reads the monotonic clock
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Days from 1970-01-01 to a civil date; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The civil date (year, month, day) that lies `days` after 1970-01-01; inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        assert_eq!(UnixTime::from_date(1970, 1, 1), UnixTime(0));
        assert_eq!(UnixTime::from_date(2036, 12, 24), UnixTime(2_113_689_600));
        assert_eq!(UnixTime(1_792_665_005).to_string(), "2026-10-22T10:30:05Z");
        assert_eq!(UnixTime(-1).to_string(), "1969-12-31T23:59:59Z");
        for day in (-200_000..200_000).step_by(7) {
            let (year, month, date) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month as u8, date as u8), day);
        }
    }

    #[test]
    fn a_fixed_clock_moves_only_by_hand() {
        let clock = Clock::fixed(UnixTime(5));
        assert_eq!(clock.now(), UnixTime(5));
        clock.set(UnixTime(9));
        assert_eq!(clock.now(), UnixTime(9));
    }

    #[test]
    fn a_system_clock_never_runs_backwards() {
        let clock = Clock::system();
        let first = clock.now();
        if let Clock::System(latest) = &clock {
            latest.store(first.0 + 3600, Ordering::Relaxed);
        }
        assert_eq!(clock.now(), UnixTime(first.0 + 3600));
    }
}
