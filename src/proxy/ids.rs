//! Request ids (UUID version 7) and trace ids.

use crate::base::time::unix_millis;
use http::HeaderValue;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids that are unique, not secret: nothing may rest on them being hard to guess.
#[derive(Debug)]
pub struct RequestIds {
    state: AtomicU64,
}

impl RequestIds {
    /// A generator with a seed of its own.
    pub fn new() -> RequestIds {
        RequestIds { state: AtomicU64::new(RandomState::new().hash_one(unix_millis())) }
    }

    /// A new request id, RFC 9562 version 7: `0195e4b2-...`; `at` in milliseconds since 1970.
    pub fn request_id(&self, at: u64) -> HeaderValue {
        let mut random = [0u8; 10];
        let (left, right) = random.split_at_mut(8);
        left.copy_from_slice(&self.next().to_le_bytes());
        right.copy_from_slice(&self.next().to_le_bytes()[..2]);
        let id = uuid::Builder::from_unix_timestamp_millis(at, &random).into_uuid();
        let mut text = [0u8; uuid::fmt::Hyphenated::LENGTH];
        ascii_value(id.hyphenated().encode_lower(&mut text))
    }

    /// A new `traceparent` (W3C Trace Context, version 00, not sampled).
    pub fn traceparent(&self) -> HeaderValue {
        let (high, low, parent) = (self.next() | 1, self.next(), self.next() | 1);
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        for (at, word) in [(3, high), (19, low), (36, parent)] {
            write_hex(&mut text[at..at + 16], word);
        }
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
    fn next(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Default for RequestIds {
    fn default() -> RequestIds {
        RequestIds::new()
    }
}

fn ascii_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

fn write_hex(out: &mut [u8], word: u64) {
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = b"0123456789abcdef"[(word >> (60 - 4 * index) & 15) as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_have_their_form_and_differ() {
        let ids = RequestIds::new();
        let made: HashSet<_> =
            (0..10_000).map(|_| ids.request_id(1_792_665_005_042).to_str().unwrap().to_owned()).collect();
        assert_eq!(made.len(), 10_000);
        for id in made.iter().take(100) {
            assert_eq!(id.len(), 36);
            assert_eq!(id.as_bytes()[14], b'7');
        }
        let trace = ids.traceparent();
        let parts: Vec<_> = trace.to_str().unwrap().split('-').map(str::len).collect();
        assert_eq!(parts, [2, 32, 16, 2]);
    }
}
