//! The operator's reason: what is probably wrong with a request that is not believed. Only for some of them, and
//! only where it costs little.

use super::live::Worker;
use crate::base::time::UnixTime;
use crate::config::known_headers;
use crate::http::{Body, Head};
use crate::policy::{Policy, Source};
use crate::verify::{Evidence, Other, VerifyError};
use std::sync::{Mutex, PoisonError};

/// Requests that one worker explains in one second.
const PER_SECOND: u32 = 2;
/// Largest body that is looked into, bytes.
const MAX_BODY: u64 = 16 * crate::base::limits::KIB;

/// How many requests were explained in the current second.
#[derive(Debug, Default)]
pub struct Hints(Mutex<(i64, u32)>);

impl Hints {
    /// What is probably wrong, in one sentence; nothing where it is not looked for.
    pub fn of(
        worker: &Worker,
        policy: &Policy,
        source: &Source,
        request: (&Head, Option<&Body>),
        error: &VerifyError,
    ) -> Option<String> {
        let (head, body) = request;
        let now = worker.clock.now();
        if body.is_some_and(|body| body.len() > MAX_BODY) || !worker.hints.take(now) {
            return None;
        }
        let others: Vec<Other<'_>> = policy
            .sources
            .iter()
            .filter(|other| other.name != source.name)
            .filter_map(|other| other.check.verifier().map(|verifier| Other { name: &other.name, verifier }))
            .take(MAX_OTHERS)
            .collect();
        let evidence = Evidence { head, body, now, others: &others, known: &[], headers: known_headers() };
        let findings = source.check.verifier()?.explain(error, &evidence);
        let first = findings.into_iter().next().filter(|found| found.code != error.reason().code())?;
        Some(format!("{}: {}", first.code, first.message))
    }

    fn take(&self, now: UnixTime) -> bool {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.0 != now.0 {
            *count = (now.0, 0);
        }
        count.1 += 1;
        count.1 <= PER_SECOND
    }
}

/// Other sources whose secrets are tried.
const MAX_OTHERS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_are_explained_in_a_second() {
        let hints = Hints::default();
        let taken = |second: i64| (0..10).filter(|_| hints.take(UnixTime(second))).count();
        assert_eq!((taken(1), taken(1), taken(2)), (2, 0, 2));
    }
}
