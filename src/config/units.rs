//! Texts with a unit, and TOML's dates, as numbers.

use crate::base::time::UnixTime;
use std::time::Duration;

/// `"1h30m"`; nothing where it is not a duration.
pub fn parse_duration(written: &str) -> Option<Duration> {
    let mut rest = written;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let unit_end = after.find(|next: char| next.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(milliseconds)?))?;
        rest = after;
    }
    (!written.is_empty()).then_some(total)
}

/// Bytes of `"64KiB"`; nothing where it is not a size.
pub fn parse_size(written: &str) -> Option<u64> {
    let (number, unit) = leading_number(written)?;
    let bytes = match unit {
        "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn leading_number(written: &str) -> Option<(u64, &str)> {
    let end = written.find(|next: char| !next.is_ascii_digit())?;
    let (digits, rest) = written.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// A date as its midnight UTC, a date-time with its offset; nothing without one.
pub fn to_unix(written: &toml::value::Datetime) -> Option<UnixTime> {
    let date = written.date?;
    let midnight = UnixTime::from_date(i64::from(date.year), date.month, date.day);
    let Some(time) = written.time else { return Some(midnight) };
    let minutes_ahead = match written.offset? {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute) - minutes_ahead;
    Some(UnixTime(midnight.0 + minutes * 60 + i64::from(time.second.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_add_up() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
        for wrong in
            ["", "5", "m", "5 m", "5x", "-5s", "1.5s", "99999999999999999999s", "1hm", "9999999999999999999d"]
        {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!(parse_size("1MiB"), Some(1_048_576));
        assert_eq!(parse_size("500KB"), Some(500_000));
        assert_eq!(parse_size("0B"), Some(0));
        for wrong in ["", "5", "MiB", "5 B", "1mib", "-1B", "99999999999GiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_dates_or_have_an_offset() {
        let unix = |written: &str| to_unix(&written.parse().unwrap());
        assert_eq!(unix("2036-12-24"), Some(UnixTime(2_113_689_600)));
        assert_eq!(unix("2036-12-24T01:00:00+01:00"), Some(UnixTime(2_113_689_600)));
        assert_eq!(unix("2036-12-24T00:00:01Z"), Some(UnixTime(2_113_689_601)));
        assert_eq!(unix("2036-12-24T00:00:01"), None);
        assert_eq!(unix("10:00:00"), None);
    }
}
