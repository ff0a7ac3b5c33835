//! Makes the requests: the genuine one with the verifier of the source itself, the others from it.

use super::senders::{Change, Sender};
use crate::base::time::UnixTime;
use crate::http::authority::Authority;
use crate::http::target::Target;
use crate::http::{Body, Head};
use crate::policy::Policy;
use crate::verify::{Draft, SignError, Step, Verifier};
use bytes::Bytes;
use http::HeaderValue;

/// Seconds by which a stale request is late.
const LATE: i64 = 3600;
/// Bytes that are cut off the end of a proof.
const CUT: usize = 4;

/// Those who can sign: the senders, and somebody who has only made-up secrets.
pub struct Signers<'p> {
    /// The policy in force.
    pub genuine: &'p Policy,
    /// The same policy with other secrets.
    pub forger: &'p Policy,
}

impl Signers<'_> {
    /// What `sender` sends at `now`, or a forgery of it.
    ///
    /// # Errors
    /// A request that cannot be signed.
    pub fn make(&self, sender: &Sender, change: Option<Change>, now: UnixTime) -> Result<Draft, SignError> {
        let policy = if change == Some(Change::Secret) { self.forger } else { self.genuine };
        let signed_at = if change == Some(Change::Stale) { UnixTime(now.0 - LATE) } else { now };
        let mut draft = sender.draft();
        if let Some(verifier) = verifier(policy, sender) {
            verifier.sign(&mut draft, signed_at)?;
        }
        match change {
            Some(Change::Body) => draft.body = one_digit_changed(&draft.body),
            Some(Change::NoProof) => drop(draft.headers.remove(sender.proof)),
            Some(Change::CutProof) => cut(&mut draft, sender.proof),
            Some(Change::Path) => draft.target.push_str("-elsewhere"),
            Some(Change::Secret | Change::Stale) | None => {}
        }
        Ok(draft)
    }

    /// The last second at which a genuine request is accepted; `None`: it never expires.
    pub fn valid_until(&self, sender: &Sender, draft: &Draft, now: UnixTime) -> Option<UnixTime> {
        let head = Head {
            method: draft.method.clone(),
            target: Target::parse(&draft.target, usize::MAX).ok()?,
            host: Authority::parse(b"localhost").ok()?,
            headers: draft.headers.clone(),
            nominated: Vec::new(),
            captures: draft.captures.clone(),
        };
        let body = Body::from_bytes(draft.body.clone());
        let mut step = verifier(self.genuine, sender)?.start(&head, now).ok()?;
        loop {
            match step {
                Step::Done(proof) => return proof.sender().valid_until(),
                // What expires with its key is asked of the token.
                Step::Key(_) => return None,
                Step::Body(mut waiting) => {
                    waiting.chunk(&draft.body);
                    step = waiting.end(&head, &body, now).ok()?;
                }
            }
        }
    }
}

fn verifier<'p>(policy: &'p Policy, sender: &Sender) -> Option<&'p Verifier> {
    policy.sources.iter().find(|source| &*source.name == sender.name)?.check.verifier()
}

/// Replaces the first digit, so that JSON stays JSON; appends a space where there is none.
fn one_digit_changed(body: &[u8]) -> Bytes {
    let mut changed = body.to_vec();
    match changed.iter_mut().find(|byte| byte.is_ascii_digit()) {
        Some(digit) => *digit = if *digit == b'9' { b'1' } else { b'9' },
        None => changed.push(b' '),
    }
    Bytes::from(changed)
}

fn cut(draft: &mut Draft, name: &str) {
    let Some(value) = draft.headers.get_mut(name) else { return };
    let kept = value.as_bytes().get(..value.len().saturating_sub(CUT)).unwrap_or_default();
    if let Ok(shorter) = HeaderValue::from_bytes(kept) {
        *value = shorter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_body_differs_in_one_byte() {
        assert_eq!(one_digit_changed(br#"{"a":20}"#), &br#"{"a":90}"#[..]);
        assert_eq!(one_digit_changed(br#"{"a":90}"#), &br#"{"a":10}"#[..]);
        assert_eq!(one_digit_changed(b"{}"), &b"{} "[..]);
    }
}
