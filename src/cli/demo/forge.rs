//! Makes the requests: the genuine one with the verifier of the source itself, the others from it.

use super::credentials::Credentials;
use super::key_pair::KeyPair;
use super::senders::Sender;
use super::token::Token;
use super::trials::Change;
use crate::base::time::UnixTime;
use crate::http::authority::Authority;
use crate::http::target::Target;
use crate::http::{Body, Head};
use crate::policy::{Policy, Source};
use crate::verify::{Draft, KeySet, SignError, SigningKey, SigningKeyFlaw, SingleKey, Step};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::json;

/// Seconds by which a stale request is late.
const LATE: i64 = 3600;
/// Bytes that are cut off the end of a proof.
const CUT: usize = 4;
/// The name of no key.
const UNKNOWN_KID: &str = "00000000-0000-4000-8000-000000000000";

/// Those who can sign.
pub struct Signers<'p> {
    /// The senders.
    pub genuine: Signer<'p>,
    /// Somebody who has only made-up secrets and keys.
    pub forger: Signer<'p>,
}

/// Who can sign, as long as the policy takes their word for it.
pub struct Signer<'p> {
    /// The policy, with their secrets.
    pub policy: &'p Policy,
    /// All that they know.
    pub credentials: &'p Credentials,
}

impl Signers<'_> {
    /// What `sender` sends at `now`. Each occasion is another event.
    ///
    /// # Errors
    /// A request that cannot be signed.
    pub fn deliver(&self, sender: &Sender, occasion: usize, now: UnixTime) -> Result<Draft, SignError> {
        let mut draft = sender.draft(occasion);
        draft.key = self.genuine.key(sender, KeyPair::signing_key)?;
        self.genuine.sign(sender, &mut draft, now)?;
        Ok(draft)
    }

    /// What a forger makes at `now` of what `sender` has sent.
    ///
    /// # Errors
    /// A request that cannot be signed.
    pub fn forge(
        &self,
        sender: &Sender,
        delivered: &Draft,
        change: Change,
        now: UnixTime,
    ) -> Result<Draft, SignError> {
        let mut draft = delivered.clone();
        match change {
            Change::Body => draft.body = one_digit_changed(&draft.body),
            Change::NoProof => drop(draft.headers.remove(sender.proof)),
            Change::CutProof => cut(&mut draft, sender.proof),
            Change::Path => draft.target.push_str("-elsewhere"),
            Change::Stale => self.genuine.sign(sender, &mut draft, UnixTime(now.0 - LATE))?,
            Change::Secret => self.sign_as_forger(sender, &mut draft, KeyPair::signing_key, now)?,
            Change::UnknownKid => {
                self.sign_as_forger(sender, &mut draft, |pair| pair.under(UNKNOWN_KID), now)?
            }
            Change::KeyConfusion => {
                draft.key = self.genuine.key(sender, KeyPair::confused)?;
                self.genuine.sign(sender, &mut draft, now)?;
            }
            Change::Param(name, value) => {
                draft.params.insert(name.to_owned(), value.to_owned());
                self.genuine.sign(sender, &mut draft, now)?;
            }
            Change::AlgNone => replace_token(&mut draft, sender.proof, |_, token| token.unsigned())?,
            Change::Claim(name, value) => replace_token(&mut draft, sender.proof, |key, mut token| {
                token.claim(name, value);
                token.signed(key?)
            })?,
        }
        Ok(draft)
    }

    /// With other secrets and another key, which may call itself by any name.
    fn sign_as_forger(
        &self,
        sender: &Sender,
        draft: &mut Draft,
        key: impl Fn(&KeyPair) -> Result<SigningKey, SigningKeyFlaw>,
        now: UnixTime,
    ) -> Result<(), SignError> {
        draft.key = self.forger.key(sender, key)?;
        self.forger.sign(sender, draft, now)
    }

    /// Whether what `sender` sends again is not forwarded again.
    pub fn remembers(&self, sender: &Sender) -> bool {
        self.genuine.source(sender).is_some_and(|source| source.replay.is_some())
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
        let mut step = self.genuine.source(sender)?.check.verifier()?.start(&head, now).ok()?;
        loop {
            step = match step {
                Step::Done(proof) => return proof.sender().valid_until(),
                Step::Key(waiting) => waiting.key(&self.genuine.public_key(sender)?, now).ok()?,
                Step::Body(mut waiting) => {
                    waiting.chunk(&draft.body);
                    waiting.end(&head, &body, now).ok()?
                }
            }
        }
    }
}

impl Signer<'_> {
    fn source(&self, sender: &Sender) -> Option<&Source> {
        self.policy.sources.iter().find(|source| &*source.name == sender.name)
    }

    fn sign(&self, sender: &Sender, draft: &mut Draft, at: UnixTime) -> Result<(), SignError> {
        let verifier = self.source(sender).and_then(|source| source.check.verifier());
        verifier.map_or(Ok(()), |verifier| verifier.sign(draft, at))
    }

    /// What a sender that has a key pair signs with.
    fn key(
        &self,
        sender: &Sender,
        of: impl Fn(&KeyPair) -> Result<SigningKey, SigningKeyFlaw>,
    ) -> Result<Option<SigningKey>, SignError> {
        let key = self.credentials.key_pair(sender).map(of).transpose();
        key.map_err(|SigningKeyFlaw| SignError::Key)
    }

    /// The key that the key server would give away.
    fn public_key(&self, sender: &Sender) -> Option<KeySet> {
        let set = json!({ "keys": [self.credentials.key_pair(sender)?.jwk()] }).to_string();
        let algorithms = self.source(sender)?.check.verifier()?.algorithms();
        KeySet::of_document(set.as_bytes(), &SingleKey::default(), algorithms).ok()
    }
}

/// Puts another token in the place of the one in the header field `name`.
fn replace_token(
    draft: &mut Draft,
    name: &'static str,
    change: impl FnOnce(Option<&SigningKey>, Token) -> Option<HeaderValue>,
) -> Result<(), SignError> {
    let token = Token::of(draft, name).ok_or(SignError::HeaderValue)?;
    let value = change(draft.key.as_ref(), token).ok_or(SignError::Key)?;
    draft.headers.insert(HeaderName::from_static(name), value);
    Ok(())
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
    use crate::cli::demo::policy::tests::policy;
    use crate::cli::demo::senders::SENDERS;
    use crate::cli::demo::trials::Act;

    #[test]
    fn a_changed_body_differs_in_one_byte() {
        assert_eq!(one_digit_changed(br#"{"a":20}"#), &br#"{"a":90}"#[..]);
        assert_eq!(one_digit_changed(br#"{"a":90}"#), &br#"{"a":10}"#[..]);
        assert_eq!(one_digit_changed(b"{}"), &b"{} "[..]);
    }

    #[test]
    fn every_occasion_is_another_event_and_every_forgery_another_request() {
        let [mine, other] = [(); 2].map(|()| Credentials::make_up().unwrap());
        let [policy, forged] = [&mine, &other].map(|credentials| policy(credentials).policy);
        let genuine = Signer { policy: &policy, credentials: &mine };
        let signers = Signers { genuine, forger: Signer { policy: &forged, credentials: &other } };
        let now = UnixTime(1_800_000_000);
        let sent = |draft: &Draft| (draft.target.clone(), draft.headers.clone(), draft.body.clone());
        for sender in SENDERS {
            let [first, second] = [1, 2].map(|occasion| signers.deliver(sender, occasion, now).unwrap());
            let remembered = signers.remembers(sender);
            assert!(!remembered || sent(&first) != sent(&second), "{}", sender.name);
            assert_eq!(signers.valid_until(sender, &first, now).is_some(), remembered, "{}", sender.name);
            for trial in sender.trials {
                let Act::Forge(change) = trial.act else { continue };
                let forged = signers.forge(sender, &first, change, now).unwrap();
                assert_ne!(sent(&forged), sent(&first), "{}: {}", sender.name, trial.label);
            }
        }
    }
}
