//! Requests that must be refused: a genuine one with one thing changed.

use crate::base::time::UnixTime;
use crate::cli::Failure;
use crate::cli::message::tell;
use crate::cli::signer::Signer;
use crate::verify::{Covers, Draft};
use bytes::Bytes;
use http::HeaderValue;

/// Seconds by which a request is late, beside what the sender is allowed.
const LATE: i64 = 3600;

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tamper {
    /// One bit of the body, after it was signed.
    Body,
    /// One bit of the signature, token or password.
    Signature,
    /// Nothing but the time: signed an hour ago, and as long again as the sender may be late.
    Time,
    /// The secret or private key: another one of the same form.
    Key,
}

/// Who changes it.
pub struct Forger<'s> {
    tamper: Tamper,
    signer: &'s Signer<'s>,
    /// The same with secrets that were made up.
    other: Option<Signer<'s>>,
}

impl<'s> Forger<'s> {
    /// A forger of the requests of `signer`.
    ///
    /// # Errors
    /// There is nothing that could be changed in this way.
    pub fn new(tamper: Tamper, signer: &'s Signer<'s>) -> Result<Forger<'s>, Failure> {
        let (subject, verifier) = (&signer.subject, &signer.subject.verifier);
        match tamper {
            Tamper::Body if signer.blank.body.is_empty() => {
                return Err(Failure::usage("there is no body to change: --body FILE".to_owned()));
            }
            Tamper::Body if verifier.covers() != Covers::Body => {
                tell(&format!("bonafide: the proof of {subject} does not cover the whole body\n"));
            }
            Tamper::Time if !verifier.has_timestamp() => {
                return Err(Failure::usage(format!("{subject} proves no time that could be another")));
            }
            Tamper::Body | Tamper::Signature | Tamper::Time | Tamper::Key => {}
        }
        let other = match tamper {
            Tamper::Signature | Tamper::Key => Some(signer.forger()?),
            Tamper::Body | Tamper::Time => None,
        };
        Ok(Forger { tamper, signer, other })
    }

    /// Signs the draft, with the change.
    ///
    /// # Errors
    /// It cannot be signed, or not be changed.
    pub fn forge(&self, mut draft: Draft, now: UnixTime) -> Result<Draft, Failure> {
        let mut forged = draft.clone();
        let at = match self.tamper {
            Tamper::Time => {
                let tolerance = self.signer.subject.verifier.tolerance().map_or(0, |(seconds, _)| seconds);
                UnixTime(now.0.saturating_sub(LATE).saturating_sub(tolerance))
            }
            Tamper::Body | Tamper::Signature | Tamper::Key => now,
        };
        self.signer.sign(&mut draft, at)?;
        let Some(other) = &self.other else {
            if self.tamper == Tamper::Body {
                draft.body = one_bit_changed(&draft.body);
            }
            return Ok(draft);
        };
        other.sign(&mut forged, at)?;
        // They differ in the proof and nowhere else.
        let changed = with_another_proof(&draft, &forged).ok_or_else(|| {
            let subject = &self.signer.subject;
            Failure::usage(format!("no other secret of the form that {subject} has can be made up"))
        })?;
        Ok(if self.tamper == Tamper::Key { forged } else { changed })
    }
}

/// One bit in the middle.
fn one_bit_changed(body: &[u8]) -> Bytes {
    let mut changed = body.to_vec();
    let middle = changed.len() / 2;
    if let Some(byte) = changed.get_mut(middle) {
        *byte ^= 1;
    }
    Bytes::from(changed)
}

/// The draft with one bit changed where the other one differs first.
fn with_another_proof(draft: &Draft, other: &Draft) -> Option<Draft> {
    let mut changed = draft.clone();
    if let Some(target) = text_changed(draft.target.as_bytes(), other.target.as_bytes()) {
        changed.target = String::from_utf8(target).ok()?;
        return Some(changed);
    }
    for (value, other) in changed.headers.values_mut().zip(other.headers.values()) {
        if let Some(bytes) = text_changed(value.as_bytes(), other.as_bytes()) {
            *value = HeaderValue::from_bytes(&bytes).ok()?;
            return Some(changed);
        }
    }
    changed.body = text_changed(&draft.body, &other.body)?.into();
    Some(changed)
}

fn text_changed(text: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let escaped = |at: usize| text.get(at.saturating_sub(2)..at).is_some_and(|before| before.contains(&b'%'));
    let pairs = text.iter().zip(other).enumerate();
    let differ = |(at, (one, other)): &(usize, (&u8, &u8))| {
        one != other && one.is_ascii_alphanumeric() && !escaped(*at)
    };
    let (at, _) = pairs.into_iter().find(differ)?;
    let mut changed = text.to_vec();
    changed.get_mut(at).map(|byte| *byte = neighbour(*byte))?;
    Some(changed)
}

/// The letter or digit whose value differs in the last bit, in hex and in both alphabets of base64.
fn neighbour(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte ^ 1,
        b'A'..=b'Z' => ((byte - b'A') ^ 1) + b'A',
        b'a'..=b'z' => ((byte - b'a') ^ 1) + b'a',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    #[test]
    fn a_neighbour_differs_in_one_bit_whatever_the_encoding() {
        let bits = |one: &[u8], other: &[u8]| {
            one.iter().zip(other).map(|(one, other)| (one ^ other).count_ones()).sum::<u32>()
        };
        for byte in (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z') {
            let texts = [byte, neighbour(byte)].map(|byte| vec![byte, b'A', b'A', b'A']);
            let [one, other] = texts.clone().map(|text| STANDARD.decode(text).unwrap());
            assert_eq!(bits(&one, &other), 1);
            assert_eq!(URL_SAFE.decode(&texts[0]).unwrap(), one);
            if byte.is_ascii_hexdigit() {
                let [one, other] = texts.map(|text| hex::decode(text).unwrap());
                assert_eq!(bits(&one, &other), 1);
            }
        }
    }

    #[test]
    fn the_first_difference_outside_of_an_escape_is_changed() {
        assert_eq!(text_changed(b"t=1,v1=ab", b"t=1,v1=cb").as_deref(), Some(&b"t=1,v1=bb"[..]));
        assert_eq!(text_changed(b"/a?s=%2Fa", b"/a?s=%2Bc").as_deref(), Some(&b"/a?s=%2Fb"[..]));
        assert_eq!(text_changed(b"same", b"same"), None);
        assert_eq!(one_bit_changed(b"{0}"), &b"{1}"[..]);
    }
}
