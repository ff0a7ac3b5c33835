//! The time of a message, read strictly.

use crate::base::time::UnixTime;
use crate::scheme::Unit;
use std::time::{Duration, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time that a text says; `None` when it is not of its unit.
pub fn read(unit: Unit, text: &str) -> Option<UnixTime> {
    let seconds = match unit {
        Unit::Seconds => number(text)?,
        Unit::Milliseconds => number(text)?.div_euclid(1000),
        Unit::Microseconds => number(text)?.div_euclid(1_000_000),
        Unit::Rfc3339 => rfc3339(text)?,
        Unit::HttpDate => {
            let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
            i64::try_from(since.as_secs()).ok()?
        }
    };
    Some(UnixTime(seconds))
}

/// Writes a time as [`read`] reads it.
pub fn write(unit: Unit, now: UnixTime) -> String {
    match unit {
        Unit::Seconds => now.0.to_string(),
        Unit::Milliseconds => now.0.saturating_mul(1000).to_string(),
        Unit::Microseconds => now.0.saturating_mul(1_000_000).to_string(),
        Unit::Rfc3339 => now.to_string(),
        Unit::HttpDate => {
            let since = Duration::from_secs(u64::try_from(now.0).unwrap_or_default());
            httpdate::fmt_http_date(UNIX_EPOCH + since)
        }
    }
}

/// RFC 3339; without a zone it is UTC (ISO 8601 as Python and Java write it).
fn rfc3339(text: &str) -> Option<i64> {
    let plain = text.len() <= 40 && text.is_ascii();
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp);
    plain.then(|| parse(text).or_else(|| parse(&format!("{text}Z"))))?
}

/// A whole number in plain digits: no sign, no leading zero, at most 64 bits.
fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_as_it_is_written() {
        for name in Unit::NAMES {
            let unit = Unit::parse(name).unwrap();
            let now = UnixTime(1_764_051_332);
            assert_eq!(read(unit, &write(unit, now)), Some(now), "{name}");
        }
    }

    #[test]
    fn forms_of_a_date() {
        for text in [
            "2025-11-25T06:15:32Z",
            "2025-11-25T07:15:32+01:00",
            "2025-11-25T06:15:32.123456789Z",
            "2025-11-25T06:15:32.1234567Z",
            "2025-11-25T06:15:32.123",
            "2025-11-25T06:15:32",
        ] {
            assert_eq!(read(Unit::Rfc3339, text), Some(UnixTime(1_764_051_332)), "{text}");
        }
        for text in [
            "",
            "2025-11-25",
            "2025-13-25T06:15:32Z",
            "1764051332",
            "2025-11-25T06:15:32ZZ",
            "2025-11-25T06:15:32 ",
        ] {
            assert_eq!(read(Unit::Rfc3339, text), None, "{text}");
        }
        assert_eq!(read(Unit::HttpDate, "Tue, 25 Nov 2025 06:15:32 GMT"), Some(UnixTime(1_764_051_332)));
        assert_eq!(read(Unit::HttpDate, "Tue, 25 Nov 2025 06:15:32"), None);
    }

    #[test]
    fn numbers_are_plain() {
        for bad in ["", "+1", "-1", "01", "1.0", "1e9", " 1", "\u{0661}", "99999999999999999999"] {
            assert_eq!(read(Unit::Seconds, bad), None, "{bad}");
        }
        assert_eq!(read(Unit::Milliseconds, "1999"), Some(UnixTime(1)));
        assert_eq!(read(Unit::Microseconds, "1999999"), Some(UnixTime(1)));
    }
}
