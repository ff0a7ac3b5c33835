//! Names that the server said it has no key for.

use crate::base::limits::MAX_UNKNOWN_KIDS;
use crate::base::time::UnixTime;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How long such an answer counts, seconds.
const LIFE: i64 = 60;
const MOST: usize = MAX_UNKNOWN_KIDS as usize;

/// Unknown names and until when they count. At most [`MOST`]; the oldest make room.
#[derive(Default)]
pub(super) struct UnknownKids {
    until: HashMap<Arc<str>, UnixTime>,
    /// In the order of their ends. A name that was forgotten or told again leaves an entry of no effect.
    order: VecDeque<(Arc<str>, UnixTime)>,
}

impl UnknownKids {
    pub fn has(&self, kid: &str, now: UnixTime) -> bool {
        self.until.get(kid).is_some_and(|until| now < *until)
    }

    pub fn insert(&mut self, kid: &str, now: UnixTime) {
        if self.order.len() >= MOST {
            self.drop_first();
        }
        let (kid, until) = (Arc::<str>::from(kid), UnixTime(now.0.saturating_add(LIFE)));
        self.until.insert(kid.clone(), until);
        self.order.push_back((kid, until));
    }

    /// The name has a key now.
    pub fn forget(&mut self, kid: &str) {
        self.until.remove(kid);
    }

    pub fn drop_expired(&mut self, now: UnixTime) {
        while self.order.front().is_some_and(|(_, until)| *until <= now) {
            self.drop_first();
        }
        if self.order.is_empty() {
            *self = UnknownKids::default(); // gives the memory back
        }
    }

    fn drop_first(&mut self) {
        if let Some((kid, until)) = self.order.pop_front()
            && self.until.get(&kid) == Some(&until)
        {
            self.until.remove(&kid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_for_a_minute() {
        let mut unknown = UnknownKids::default();
        unknown.insert("a", UnixTime(0));
        assert!(unknown.has("a", UnixTime(59)) && !unknown.has("b", UnixTime(0)));
        assert!(!unknown.has("a", UnixTime(60)));
        unknown.insert("a", UnixTime(50));
        unknown.drop_expired(UnixTime(60));
        assert!(unknown.has("a", UnixTime(60)), "it was told again");
        unknown.forget("a");
        assert!(!unknown.has("a", UnixTime(60)));
        unknown.drop_expired(UnixTime(110));
        assert!(unknown.order.is_empty() && unknown.until.is_empty());
    }

    #[test]
    fn they_are_bounded_and_the_oldest_leave() {
        let mut unknown = UnknownKids::default();
        for number in 0..MOST + 5 {
            unknown.insert(&number.to_string(), UnixTime(0));
            unknown.forget("7");
        }
        assert_eq!(unknown.order.len(), MOST);
        assert!(unknown.until.len() <= MOST);
        assert!(!unknown.has("4", UnixTime(1)) && unknown.has("5", UnixTime(1)));
    }
}
