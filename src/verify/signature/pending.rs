//! A verification whose head is settled: the body is fed to the MACs, or looked into when it is whole.

use super::awaiting::AwaitingKeys;
use super::case::{Case, FetchedKey, Opening, Sent};
use super::ring::{Ready, Ring};
use super::verifier::SignatureVerifier;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::scheme::{Content, Mac, Reading, TextShape};
use crate::verify::error::VerifyError;
use crate::verify::proof::{EventId, Mark, Moment, Proof, Sender};
use crate::verify::setup::{Key, Remember};
use crate::verify::step::{AwaitBody, AwaitKey, Step};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// MACs that run while the body arrives.
#[derive(Clone, Debug)]
pub struct Pending<'v> {
    verifier: &'v SignatureVerifier,
    case: &'v Case,
    macs: Vec<Running<'v>>,
    opening: Opening,
    /// Over the body, for the replay guard.
    digest: Option<Sha256>,
}

#[derive(Clone, Debug)]
struct Running<'v> {
    name: &'v Arc<str>,
    mac: Mac,
}

impl<'v> Pending<'v> {
    /// Feeds what stands before the body, and looks at what stands behind it.
    pub fn start(
        verifier: &'v SignatureVerifier,
        case: &'v Case,
        opening: Opening,
        head: &Head,
        now: UnixTime,
    ) -> Result<Step<'v>, VerifyError> {
        let reading = Reading { head, content: None, item: None, params: &verifier.params };
        let keys = case.ring.of(&case.scheme, &reading)?.live(now);
        let keyed = |Key { name, ready, .. }: &'v Key<Ready>| {
            ready.mac().map(|mac| Running { name, mac: mac.clone() })
        };
        let mut macs: Vec<_> = keys.filter_map(keyed).collect();
        let source = case.scheme.source(None);
        for message in &case.messages {
            let feed = |text: &[u8]| macs.iter_mut().for_each(|running| running.mac.update(text));
            message.before(source, &reading, feed).map_err(VerifyError::of_field)?;
            message.after(source, &reading, |_| {}).map_err(VerifyError::of_field)?;
        }
        let digest = (verifier.remember != Remember::Nothing).then(Sha256::new);
        Ok(Step::Body(AwaitBody::new(Pending { verifier, case, macs, opening, digest })))
    }

    /// Feeds the next bytes of the body.
    pub fn chunk(&mut self, bytes: &[u8]) {
        self.macs.iter_mut().for_each(|running| running.mac.update(bytes));
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
    }

    /// Feeds what stands behind the body, compares, and reads the id from the body that is now verified.
    pub fn end(mut self, head: &Head, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
        if let Some(moment) = self.opening.moment {
            moment.check(now)?;
        }
        let (verifier, case) = (self.verifier, self.case);
        let reading = Reading { head, content: None, item: None, params: &verifier.params };
        for message in &case.messages {
            let feed = |text: &[u8]| self.macs.iter_mut().for_each(|running| running.mac.update(text));
            message.after(case.scheme.source(None), &reading, feed).map_err(VerifyError::of_field)?;
        }
        let digest = self.digest.take().map(Sha256::finalize);
        let key = matched(self.macs, &self.opening)?;
        let mut opening = self.opening;
        let id_in_body =
            case.scheme.id.and_then(|id| case.scheme.field(id.field)).is_some_and(|id| id.is_in_body());
        if id_in_body || !verifier.oracle.is_empty() {
            let content = Content::new(head, body);
            let reading = Reading { content: Some(&content), ..reading };
            refuse_oracle(verifier, case, &reading)?;
            opening.event_id = case.event_id(&reading)?;
        }
        let mut sender = sender(key, opening.moment, opening.event_id);
        if let Some(digest) = digest {
            let mut parts = Parts::default();
            // An id is enough; without one, all that was signed.
            let messages = if named(verifier.remember, &sender).is_none() { &case.messages[..] } else { &[] };
            for message in messages {
                let source = case.scheme.source(None);
                message.before(source, &reading, |text| parts.push(text)).map_err(VerifyError::of_field)?;
                message.after(source, &reading, |text| parts.push(text)).map_err(VerifyError::of_field)?;
            }
            parts.push(&digest);
            let whose = case.ring.choice(&case.scheme, &reading);
            sender.mark = Some(mark(verifier.remember, &sender, whose, &parts, &digest));
        }
        Ok(Proof::new(sender))
    }
}

/// Every MAC is compared with every signature, in constant time and without early exit.
fn matched<'v>(macs: Vec<Running<'v>>, opening: &Opening) -> Result<&'v Arc<str>, VerifyError> {
    let sent = match &opening.sent {
        Sent::Tags(tags) => tags.as_slice(),
        Sent::Signatures(_) => &[],
    };
    let (signatures, secrets) = (sent.len(), macs.len());
    let mut matched = None;
    for Running { name, mac } in macs {
        let tag = mac.finish();
        let hit = sent.iter().fold(Choice::from(0), |hit, signature| hit | tag.ct_eq(signature));
        matched = if bool::from(hit) { matched.or(Some(name)) } else { matched };
    }
    matched.ok_or(VerifyError::SignatureMismatch { signatures, secrets })
}

/// A verification that needs the whole body.
#[derive(Clone, Debug)]
pub struct Whole<'v> {
    verifier: &'v SignatureVerifier,
    /// Nothing while only the body can tell.
    case: Option<&'v Case>,
    /// Nothing until they are fetched, and where the source has keys of its own.
    fetched: Option<Box<[FetchedKey]>>,
}

impl<'v> Whole<'v> {
    /// A verification of this kind, or of one that the body tells.
    pub fn new(verifier: &'v SignatureVerifier, case: Option<&'v Case>) -> Whole<'v> {
        Whole { verifier, case, fetched: None }
    }

    /// The same with the keys that were fetched for it.
    pub fn with_keys(verifier: &'v SignatureVerifier, case: &'v Case, fetched: Vec<FetchedKey>) -> Whole<'v> {
        Whole { verifier, case: Some(case), fetched: Some(fetched.into()) }
    }

    /// Looks into the body, which may be what says which key is needed.
    pub fn end(self, head: &Head, body: &Body, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        let content = Content::new(head, body);
        let params = &self.verifier.params;
        let reading = Reading { head, content: Some(&content), item: None, params };
        let case = self.kind(&reading)?;
        if matches!(case.ring, Ring::Fetched) && self.fetched.is_none() {
            case.open(&reading, now)?;
            let kid = case.key_id(&reading)?.ok_or(VerifyError::KidMissing)?;
            return Ok(Step::Key(AwaitKey::for_signature(AwaitingKeys {
                verifier: self.verifier,
                case,
                kid,
            })));
        }
        let digest = (self.verifier.remember != Remember::Nothing).then(|| {
            let mut digest = Sha256::new();
            body.chunks().iter().for_each(|piece| digest.update(piece));
            <[u8; 32]>::from(digest.finalize())
        });
        self.judge(&reading, digest.as_ref(), now).map(Step::Done)
    }

    fn kind(&self, reading: &Reading<'_>) -> Result<&'v Case, VerifyError> {
        match self.case {
            Some(case) => Ok(case),
            None => self.verifier.case(reading)?.ok_or(VerifyError::KindUnknown),
        }
    }

    /// Judges what can be read. `digest` is that of the body, where the message is to be remembered.
    pub fn judge(
        &self,
        reading: &Reading<'_>,
        digest: Option<&[u8; 32]>,
        now: UnixTime,
    ) -> Result<Proof, VerifyError> {
        let case = self.kind(reading)?;
        let fetched = self.fetched.as_deref().unwrap_or_default();
        let (mut first, mut parts) = (None, Parts::default());
        for item in case.items(reading)? {
            let reading = Reading { item, ..*reading };
            let opening = case.open(&reading, now)?;
            let key = case.matched(&opening.sent, &reading, fetched, now)?;
            case.compare(&reading)?;
            refuse_oracle(self.verifier, case, &reading)?;
            if digest.is_some()
                && let Some(message) = case.messages.first()
            {
                message
                    .write(case.scheme.source(Some(&[])), &reading, |text| parts.push(text))
                    .map_err(VerifyError::of_field)?;
            }
            let whose = case.ring.choice(&case.scheme, &reading);
            first = first.or(Some((key, opening, whose)));
        }
        let Some((key, opening, whose)) = first else { return Err(VerifyError::KindUnknown) };
        let mut sender = sender(&key, opening.moment, opening.event_id);
        sender.mark = digest.map(|digest| mark(self.verifier.remember, &sender, whose, &parts, digest));
        Ok(Proof::new(sender))
    }
}

fn sender(key: &Arc<str>, moment: Option<Moment>, event_id: Option<EventId>) -> Sender {
    let signed = moment.filter(|moment| moment.signed);
    Sender {
        scheme: SignatureVerifier::NAME,
        key: Arc::clone(key),
        event_id,
        timestamp: signed.map(|moment| moment.at),
        valid_until: signed.map(Moment::valid_until),
        mark: None,
    }
}

/// The pieces of a message, for the replay guard.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

impl Parts {
    fn push(&mut self, text: &[u8]) {
        self.0.push(text.to_vec());
    }
}

/// The event id where it may be relied on.
fn named(remember: Remember, sender: &Sender) -> Option<&EventId> {
    sender.event_id.as_ref().filter(|id| match remember {
        Remember::Event => id.signed,
        Remember::UnsignedEvent => true,
        Remember::Message | Remember::Nothing => false,
    })
}

/// The event id where it may be relied on, else everything that was signed; of whoever the request says that it is,
/// so that nobody's events pass for another's.
fn mark(remember: Remember, sender: &Sender, whose: Option<&Arc<str>>, parts: &Parts, digest: &[u8]) -> Mark {
    let mut name: Vec<&[u8]> = whose.map(|whose| whose.as_bytes()).into_iter().collect();
    let mark = match named(remember, sender) {
        Some(id) => {
            name.push(id.value.as_bytes());
            Mark::of_event(&name)
        }
        None => {
            name.extend(parts.0.iter().map(Vec::as_slice));
            Mark::of_message(&name)
        }
    };
    mark.with_body(digest)
}

/// A text that a stranger can have signed by asking proves nothing.
fn refuse_oracle(
    verifier: &SignatureVerifier,
    case: &Case,
    reading: &Reading<'_>,
) -> Result<(), VerifyError> {
    if verifier.oracle.is_empty() {
        return Ok(());
    }
    for message in &case.messages {
        let text = message.bytes(case.scheme.source(Some(&[])), reading).map_err(VerifyError::of_field)?;
        if verifier.oracle.iter().any(|shape: &TextShape| shape.fits(&text)) {
            return Err(VerifyError::HandshakeText);
        }
    }
    Ok(())
}
