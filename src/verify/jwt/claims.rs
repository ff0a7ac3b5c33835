//! What a token says, compared with what the policy demands.

use super::definition::Claims;
use super::json::Json;
use crate::base::limits::MAX_EVENT_ID;
use crate::base::time::UnixTime;
use crate::verify::error::VerifyError;
use std::fmt;
use std::sync::Arc;

/// Times that a 64-bit float holds exactly to the second; later ones stand for "never".
const LATEST: f64 = 9_007_199_254_740_992.0;

/// Where a claim stands: its name, or the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath {
    names: Vec<String>,
    label: Arc<str>,
}

impl ClaimPath {
    /// A name at the top, or behind a slash the names that lead to it: `event_scope`, `/webhook/event`. In the
    /// second form `~1` is a slash and `~0` a tilde (RFC 6901). `None` where a name is empty.
    pub fn parse(text: &str) -> Option<ClaimPath> {
        let names: Vec<String> = match text.strip_prefix('/') {
            None => vec![text.to_owned()],
            Some(path) => path.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
        };
        let named = names.iter().all(|name| !name.is_empty());
        named.then(|| ClaimPath { names, label: text.into() })
    }

    /// The claim, where the token has it.
    pub fn find<'j>(&self, claims: &'j Json) -> Option<&'j Json> {
        self.names.iter().try_fold(claims, |value, name| value.get(name))
    }

    /// The names that lead to it, from the top.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// As the policy writes it.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.label)
    }
}

/// The times of a token and what they are measured by; asked at the head, and again behind a slow body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    expires: Option<i64>,
    not_before: Option<i64>,
    issued: Option<i64>,
    /// `issued`, rounded up: a fraction of a second lengthens neither end.
    issued_by: Option<i64>,
    leeway: i64,
    max_age: Option<i64>,
}

impl Times {
    /// Reads `exp`, `nbf` and `iat` and refuses what could never be right.
    pub fn read(claims: &Json, policy: &Claims) -> Result<Times, VerifyError> {
        let times = Times {
            expires: date(claims, "exp", f64::floor)?,
            not_before: date(claims, "nbf", f64::ceil)?,
            issued: date(claims, "iat", f64::floor)?,
            issued_by: date(claims, "iat", f64::ceil)?,
            leeway: policy.leeway,
            max_age: policy.max_age,
        };
        if times.expires.is_none() && policy.max_age.is_none() && !policy.timeless {
            return Err(missing("exp"));
        }
        if times.issued.is_none() && policy.max_age.is_some() {
            return Err(missing("iat"));
        }
        let ordered = |before: Option<i64>| match (before, times.expires) {
            (Some(before), Some(expires)) => before < expires,
            _ => true,
        };
        if !ordered(times.issued) || !ordered(times.not_before) {
            return Err(VerifyError::TokenMalformed { flaw: "it expires before it begins" });
        }
        Ok(times)
    }

    /// Refuses a token outside of its time.
    pub fn check(&self, now: UnixTime) -> Result<(), VerifyError> {
        let (now, leeway) = (now.0, self.leeway);
        if let Some(expires) = self.expires.filter(|expires| expires.saturating_add(leeway) <= now) {
            return Err(VerifyError::TokenExpired { ago: now.saturating_sub(expires), leeway });
        }
        if let Some(begins) = self.not_before.filter(|begins| begins.saturating_sub(leeway) > now) {
            return Err(VerifyError::TokenNotYetValid { ahead: begins.saturating_sub(now), leeway });
        }
        if let Some(issued) = self.issued_by.filter(|issued| issued.saturating_sub(leeway) > now) {
            return Err(VerifyError::TokenNotYetValid { ahead: issued.saturating_sub(now), leeway });
        }
        match (self.issued, self.max_age) {
            (Some(issued), Some(max_age)) if now.saturating_sub(issued) > max_age => {
                Err(VerifyError::TokenTooOld { age: now.saturating_sub(issued), max_age })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a token that was made to live too long.
    pub fn check_lifetime(&self, now: UnixTime, max: Option<i64>) -> Result<(), VerifyError> {
        let (Some(expires), Some(max)) = (self.expires, max) else { return Ok(()) };
        let lifetime = match self.issued {
            Some(issued) => expires.saturating_sub(issued),
            None => expires.saturating_sub(now.0).saturating_sub(self.leeway),
        };
        if lifetime > max { Err(VerifyError::LifetimeTooLong { lifetime, max }) } else { Ok(()) }
    }

    /// When it was made.
    pub fn issued(&self) -> Option<UnixTime> {
        self.issued.map(UnixTime)
    }

    /// The last second at which [`Times::check`] passes.
    pub fn valid_until(&self) -> Option<UnixTime> {
        let expires = self.expires.map(|expires| expires.saturating_add(self.leeway).saturating_sub(1));
        let stale = self.issued.zip(self.max_age).map(|(issued, max_age)| issued.saturating_add(max_age));
        expires.into_iter().chain(stale).min().map(UnixTime)
    }
}

/// A NumericDate (RFC 7519 section 2): a number, not negative, with a fraction at most.
fn date(claims: &Json, name: &str, round: fn(f64) -> f64) -> Result<Option<i64>, VerifyError> {
    let date = match claims.get(name) {
        None => return Ok(None),
        Some(Json::Integer(seconds)) => Some(*seconds),
        Some(Json::Float(seconds)) if (0.0..=LATEST).contains(seconds) => Some(round(*seconds) as i64),
        Some(_) => None,
    };
    date.filter(|date| (0..=LATEST as i64).contains(date)).map(Some).ok_or_else(|| malformed(name))
}

/// Compares `iss` and `aud`, and looks for the claims that must be there.
pub(super) fn check(claims: &Json, policy: &Claims) -> Result<(), VerifyError> {
    for name in &policy.require {
        if matches!(claims.get(name), None | Some(Json::Null)) {
            return Err(missing(name));
        }
    }
    // a string wherever it stands, be it wanted or not (RFC 7519 sections 4.1.1 and 4.1.2)
    for name in ["iss", "sub"] {
        if claims.get(name).is_some_and(|claim| claim.text().is_none()) {
            return Err(malformed(name));
        }
    }
    if !policy.issuer.is_empty() {
        let issuer = claims.get("iss").ok_or_else(|| missing("iss"))?;
        if !policy.issuer.iter().any(|known| issuer.text() == Some(known.as_str())) {
            return Err(VerifyError::IssuerMismatch);
        }
    }
    if !policy.audience.is_empty() {
        let audience = audience(claims.get("aud").ok_or_else(|| missing("aud"))?)?;
        if !audience.iter().any(|audience| policy.audience.iter().any(|known| known == audience)) {
            return Err(VerifyError::AudienceMismatch);
        }
    }
    Ok(())
}

/// A string or an array of strings (RFC 7519 section 4.1.3).
fn audience(claim: &Json) -> Result<Vec<&str>, VerifyError> {
    match claim {
        Json::Text(one) => Ok(vec![one]),
        Json::List(many) => {
            many.iter().map(|one| one.text().ok_or_else(|| malformed("aud"))).collect::<Result<Vec<_>, _>>()
        }
        _ => Err(malformed("aud")),
    }
}

/// The claims that decide whether a proved sender may send.
pub(super) fn check_exact(claims: &Json, policy: &Claims) -> Result<(), VerifyError> {
    for (path, allowed) in &policy.exact {
        let found = path.find(claims);
        if !found.is_some_and(|found| allowed.iter().any(|value| value == found)) {
            return Err(VerifyError::ClaimNotAllowed { claim: Arc::clone(path.label()) });
        }
    }
    Ok(())
}

/// The token's own id, of 1 to [`MAX_EVENT_ID`] bytes.
pub(super) fn token_id(claims: &Json) -> Result<Option<&str>, VerifyError> {
    let Some(id) = claims.get("jti") else { return Ok(None) };
    let id = id.text().filter(|id| (1..=MAX_EVENT_ID).contains(&id.len()));
    let id = id.filter(|id| !id.chars().any(char::is_control));
    id.map(Some).ok_or_else(|| malformed("jti"))
}

pub(super) fn missing(claim: &str) -> VerifyError {
    VerifyError::ClaimMissing { claim: claim.into() }
}

pub(super) fn malformed(claim: &str) -> VerifyError {
    VerifyError::ClaimMalformed { claim: claim.into() }
}
