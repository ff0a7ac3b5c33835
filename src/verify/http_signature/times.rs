//! When a signature was made, and until when it counts.

use super::definition::HttpSignatureDefinition;
use crate::base::time::UnixTime;
use crate::verify::error::VerifyError;

/// The times of a signature and what they are measured by; asked at the head, and again behind a slow body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    created: Option<i64>,
    expires: Option<i64>,
    leeway: i64,
    max_age: i64,
}

impl Times {
    /// Takes `created` and `expires` and refuses what could never be right.
    pub fn new(
        created: Option<i64>,
        expires: Option<i64>,
        definition: &HttpSignatureDefinition,
    ) -> Result<Times, VerifyError> {
        let malformed = |parameter| Err(VerifyError::ParameterMalformed { parameter });
        if created.is_some_and(|created| created < 0) {
            return malformed("created");
        }
        if expires.is_some_and(|expires| expires <= created.unwrap_or(0)) {
            return malformed("expires");
        }
        let lifetime = created.zip(expires).map(|(created, expires)| expires.saturating_sub(created));
        match (lifetime, definition.max_lifetime) {
            (Some(lifetime), Some(max)) if lifetime > max => {
                return Err(VerifyError::LifetimeTooLong { lifetime, max });
            }
            _ => {}
        }
        Ok(Times { created, expires, leeway: definition.leeway, max_age: definition.max_age })
    }

    /// Refuses a signature outside of its time.
    pub fn check(&self, now: UnixTime) -> Result<(), VerifyError> {
        let Times { created, expires, leeway, max_age } = *self;
        let now = now.0;
        if let Some(expires) = expires.filter(|expires| expires.saturating_add(leeway) < now) {
            return Err(VerifyError::SignatureExpired { ago: now.saturating_sub(expires), leeway });
        }
        let Some(created) = created else { return Ok(()) };
        let age = now.saturating_sub(created);
        if age < -leeway {
            return Err(VerifyError::TimestampInFuture { ahead: age.saturating_neg(), tolerance: leeway });
        }
        if age > max_age {
            return Err(VerifyError::TimestampTooOld { age, tolerance: max_age });
        }
        Ok(())
    }

    /// When it was made.
    pub fn created(&self) -> Option<UnixTime> {
        self.created.map(UnixTime)
    }

    /// The last second at which [`Times::check`] passes.
    pub fn valid_until(&self) -> Option<UnixTime> {
        let expired = self.expires.map(|expires| expires.saturating_add(self.leeway));
        let stale = self.created.map(|created| created.saturating_add(self.max_age));
        expired.into_iter().chain(stale).min().map(UnixTime)
    }
}
