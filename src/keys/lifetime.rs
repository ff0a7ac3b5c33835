//! How long a key may be used, and when it is asked for again.

use crate::base::time::UnixTime;
use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};
use std::time::Duration;

/// Longest life of a key, seconds: whatever happens, it leaves a day after its fetch began.
const LONGEST: i64 = 24 * 60 * 60;
/// Shortest life and shortest `max-age`, seconds.
const SHORTEST: i64 = 60;

/// Three points in the life of a key or key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// When its fetch began.
    pub fetched_at: UnixTime,
    /// From here on it is renewed in the background, and serves meanwhile.
    pub refresh_at: UnixTime,
    /// From here on it does not exist.
    pub expires_at: UnixTime,
}

/// What an answer says of how long it may be kept (RFC 9111). What is not understood counts as not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Seconds; the `Age` of the answer is taken off.
    max_age: Option<i64>,
    /// `no-store` or `no-cache`: not to be used beyond the moment.
    momentary: bool,
    /// `must-revalidate`: not to be used once `max-age` is over.
    strict: bool,
}

impl Freshness {
    /// Reads `Cache-Control` and `Age`. Of several `max-age` the shortest counts; `Expires` is not looked at.
    pub fn of(headers: &HeaderMap) -> Freshness {
        let mut freshness = Freshness::default();
        let fields = headers.get_all(CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
        for directive in fields.flat_map(|field| field.split(',')) {
            let (name, value) = directive.split_once('=').map_or((directive, None), |(n, v)| (n, Some(v)));
            match (name.trim().to_ascii_lowercase().as_str(), value.map(str::trim)) {
                ("no-store" | "no-cache", None) => freshness.momentary = true,
                ("must-revalidate", None) => freshness.strict = true,
                ("max-age", Some(value)) => {
                    let told = seconds(value.trim_matches('"'));
                    freshness.max_age = freshness.max_age.into_iter().chain(told).min();
                }
                _ => {}
            }
        }
        let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(|age| seconds(age.trim()));
        freshness.max_age = freshness.max_age.map(|max_age| max_age.saturating_sub(age.unwrap_or(0)));
        freshness
    }
}

impl Lifetime {
    /// `refresh` counts where the answer does not say; `expired_at` is the key's own word and may only shorten.
    pub fn new(
        fetched_at: UnixTime,
        freshness: Freshness,
        refresh: Duration,
        expired_at: Option<UnixTime>,
    ) -> Lifetime {
        let told = if freshness.momentary { Some(SHORTEST) } else { freshness.max_age };
        let fresh = told.map(|told| told.clamp(SHORTEST, LONGEST));
        let fresh = fresh.unwrap_or_else(|| i64::try_from(refresh.as_secs()).unwrap_or(LONGEST).max(1));
        // RFC 9111 section 4.2.4: what is stale may serve while the server is away, unless this is forbidden.
        let bound = freshness.momentary || freshness.strict;
        let life = if bound { fresh.clamp(SHORTEST, LONGEST) } else { LONGEST };
        let after = |seconds: i64| UnixTime(fetched_at.0.saturating_add(seconds));
        Lifetime {
            fetched_at,
            // Ahead of the end, so that there is time to try more than once.
            refresh_at: after(fresh.min(life * 4 / 5)),
            expires_at: expired_at.map_or(after(life), |at| at.min(after(life))),
        }
    }

    pub fn is_over(&self, now: UnixTime) -> bool {
        now >= self.expires_at
    }

    pub fn is_due(&self, now: UnixTime) -> bool {
        now >= self.refresh_at
    }
}

/// Delta-seconds (RFC 9111 section 1.2.2): digits; more than fit mean very long.
fn seconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Seconds from the fetch to the renewal and to the end.
    fn points(fields: &[(&'static str, &'static str)], expired_at: Option<i64>) -> (i64, i64) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let life = Lifetime::new(
            UnixTime(1000),
            Freshness::of(&headers),
            HOUR,
            expired_at.map(|at| UnixTime(1000 + at)),
        );
        (life.refresh_at.since(life.fetched_at), life.expires_at.since(life.fetched_at))
    }

    #[test]
    fn max_age_is_clamped_and_moves_the_renewal_only() {
        let day = 86_400;
        for (value, refresh) in [
            ("max-age=0", 60),
            ("max-age=59", 60),
            ("public, max-age=600, stale-while-revalidate=9", 600),
            ("MAX-AGE=\"600\"", 600),
            ("max-age=600, max-age=300", 300),
            ("max-age=69120", 69_120),
            ("max-age=86400", 69_120),
            ("max-age=99999999", 69_120),
            ("max-age=99999999999999999999999", 69_120),
        ] {
            assert_eq!(points(&[("cache-control", value)], None), (refresh, day), "{value}");
        }
    }

    #[test]
    fn garbage_counts_as_nothing() {
        for value in ["", ",,", "max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=x", "s-maxage=9"]
        {
            assert_eq!(points(&[("cache-control", value)], None), (3600, 86_400), "{value}");
        }
        assert_eq!(points(&[("expires", "-1"), ("age", "x"), ("pragma", "no-cache")], None), (3600, 86_400));
        assert_eq!(points(&[("cache-control", "no-cache=\"set-cookie\"")], None), (3600, 86_400));
    }

    #[test]
    fn only_a_server_that_forbids_stale_answers_shortens_the_life() {
        for (value, points_expected) in [
            ("no-store", (48, 60)),
            ("no-cache", (48, 60)),
            ("No-Cache, max-age=7200", (48, 60)),
            ("no-cache, no-store, max-age=0, must-revalidate", (48, 60)),
            ("max-age=1000, must-revalidate", (800, 1000)),
            ("max-age=1, must-revalidate", (48, 60)),
            ("max-age=99999999, must-revalidate", (69_120, 86_400)),
            ("must-revalidate", (2880, 3600)),
        ] {
            assert_eq!(points(&[("cache-control", value)], None), points_expected, "{value}");
        }
    }

    #[test]
    fn age_is_time_that_has_passed() {
        assert_eq!(points(&[("cache-control", "max-age=21600"), ("age", "20000")], None), (1600, 86_400));
        assert_eq!(
            points(&[("cache-control", "max-age=100"), ("age", "99999999999999999999")], None),
            (60, 86_400)
        );
        assert_eq!(points(&[("age", "50")], None), (3600, 86_400));
    }

    #[test]
    fn a_key_that_expires_leaves_then_but_never_later_than_after_a_day() {
        assert_eq!(points(&[], Some(30)), (3600, 30));
        assert_eq!(points(&[], Some(100_000)), (3600, 86_400));
        assert_eq!(points(&[("cache-control", "no-store")], Some(600)), (48, 60));
    }
}
