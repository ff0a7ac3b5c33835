//! Verification of a keyed signature over a message.

use super::error::VerifyError;
use super::proof::{EventId, Mark, Moment, Proof, Sender};
use super::setup::{Key, Keys, NamedSecret, Remember, SetupFlaw, Surroundings};
use super::step::{AwaitBody, Step};
use crate::base::limits::MAX_EVENT_ID;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::scheme::{Fault, Field, Id, Mac, Message, Piece, Scheme, SecretFlaw, Tag, Timestamp, Unit};
use http::HeaderName;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// A scheme with the secrets and values of one source.
#[derive(Debug)]
pub(super) struct SignatureVerifier {
    pub(super) scheme: Scheme,
    pub(super) message: Message,
    pub(super) keys: Keys<Mac>,
    pub(super) headers_read: Vec<HeaderName>,
    /// What the replay guard knows a message by.
    pub(super) remember: Remember,
}

impl SignatureVerifier {
    /// The name of this kind of proof.
    pub const NAME: &'static str = "signature";

    /// Keys the MAC with every secret.
    pub fn new(
        scheme: Scheme,
        secrets: Vec<NamedSecret>,
        surroundings: &Surroundings,
    ) -> Result<SignatureVerifier, SetupFlaw> {
        let keys = Keys::prepare(secrets, |secret| {
            let key = scheme.key.decode(secret)?;
            Mac::new(scheme.algorithm, key.expose()).map_err(|_| SecretFlaw::Unusable)
        })?;
        let message = scheme.message(surroundings.public_url.as_deref(), &surroundings.params);
        let message = message.map_err(SetupFlaw::Unbound)?;
        let headers_read = scheme.headers_read();
        Ok(SignatureVerifier { scheme, message, keys, headers_read, remember: Remember::Nothing })
    }

    /// Settles all that the head can settle.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        let mut macs: Vec<_> = self.keys.live(now).map(Running::new).collect();
        if macs.is_empty() {
            return Err(VerifyError::NoLiveSecret);
        }
        let signatures = self.signatures(head)?;
        let moment = self.moment(head)?;
        if let Some(moment) = moment {
            moment.check(now)?;
        }
        let event_id = self.event_id(head)?;
        for piece in &self.message.before {
            let text = self.text(piece, head)?.as_bytes();
            macs.iter_mut().for_each(|running| running.mac.update(text));
        }
        for piece in &self.message.after {
            self.text(piece, head)?;
        }
        let digest = (self.remember != Remember::Nothing).then(Sha256::new);
        let waits = self.message.body || digest.is_some();
        let pending = Pending { verifier: self, macs, signatures, moment, event_id, digest };
        // Without the body in the message, what cannot be right is refused before it is read.
        if self.message.body {
            Ok(Step::Body(AwaitBody::new(pending)))
        } else if waits {
            pending.clone().compare()?;
            Ok(Step::Body(AwaitBody::new(pending)))
        } else {
            pending.compare().map(Step::Done)
        }
    }

    /// The text of one piece of the message.
    pub(super) fn text<'a>(&'a self, piece: &'a Piece, head: &'a Head) -> Result<&'a str, VerifyError> {
        piece.text(&self.scheme, head).map_err(VerifyError::of_field)
    }

    /// Every signature that is well-formed; at least one.
    fn signatures(&self, head: &Head) -> Result<Vec<Tag>, VerifyError> {
        let signature = &self.scheme.signature;
        let (field, length) = (&signature.field, self.scheme.algorithm.tag_bytes());
        let (mut tags, mut seen) = (Vec::new(), 0);
        let read = field.each(head, |text| {
            seen += 1;
            if seen <= signature.many {
                tags.extend(signature.encoding.decode(text, length));
            }
        });
        read.map_err(VerifyError::of_signature)?;
        if seen > signature.many {
            let limit = signature.many;
            return Err(VerifyError::TooManySignatures { field: Arc::clone(&field.label), limit });
        }
        match (seen, tags.is_empty()) {
            (0, _) => Err(VerifyError::of_signature(field.fault(Fault::Missing))),
            (_, true) => Err(VerifyError::of_signature(field.fault(Fault::Malformed))),
            _ => Ok(tags),
        }
    }

    /// The event id where it may be relied on, else everything that was signed, with a digest in the body's place.
    fn mark(&self, sender: &Sender, head: &Head, body: &[u8]) -> Result<Mark, VerifyError> {
        let id = sender.event_id.as_ref().filter(|id| match self.remember {
            Remember::Event => id.signed,
            Remember::UnsignedEvent => true,
            Remember::Message | Remember::Nothing => false,
        });
        if let Some(id) = id {
            return Ok(Mark::of_event(&[id.value.as_bytes()]).with_body(body));
        }
        let pieces = self.message.before.iter().chain(&self.message.after);
        let texts = pieces.map(|piece| self.text(piece, head).map(str::as_bytes));
        let mut parts = texts.collect::<Result<Vec<_>, _>>()?;
        // What is not signed may be changed by whoever sends it again.
        if self.message.body {
            parts.push(body);
        }
        Ok(Mark::of_message(&parts).with_body(body))
    }

    fn moment(&self, head: &Head) -> Result<Option<Moment>, VerifyError> {
        let Some((timestamp, field)) = self.timestamp() else { return Ok(None) };
        let text = field.text(head).map_err(VerifyError::of_timestamp)?;
        let number = number(&text.meant);
        let number = number.ok_or_else(|| VerifyError::of_timestamp(field.fault(Fault::Malformed)))?;
        let seconds = match timestamp.unit {
            Unit::Seconds => number,
            Unit::Milliseconds => number.div_euclid(1000),
        };
        let Timestamp { tolerance, signed, .. } = timestamp;
        Ok(Some(Moment { at: UnixTime(seconds), tolerance, signed }))
    }

    fn timestamp(&self) -> Option<(Timestamp, &Field)> {
        let timestamp = self.scheme.timestamp?;
        self.scheme.field(timestamp.field).map(|field| (timestamp, field))
    }

    fn event_id(&self, head: &Head) -> Result<Option<EventId>, VerifyError> {
        let Some(Id::Field { field, signed }) = self.scheme.id else { return Ok(None) };
        let Some(field) = self.scheme.field(field) else { return Ok(None) };
        let text = match field.text(head) {
            Ok(text) => text,
            // Nothing rests on an id that is not signed, so a sender may leave it out.
            Err(fault) if !signed && fault.fault == Fault::Missing => return Ok(None),
            Err(fault) => return Err(VerifyError::of_field(fault)),
        };
        if !is_event_id(&text.meant) {
            return Err(VerifyError::of_field(field.fault(Fault::Malformed)));
        }
        Ok(Some(EventId { value: text.meant.into_owned(), signed }))
    }
}

/// A whole number in plain digits: no sign, no leading zero, at most 64 bits.
fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

fn is_event_id(text: &str) -> bool {
    (1..=MAX_EVENT_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A verification whose head is settled; the MACs wait for the body.
#[derive(Clone, Debug)]
pub(super) struct Pending<'v> {
    verifier: &'v SignatureVerifier,
    macs: Vec<Running<'v>>,
    signatures: Vec<Tag>,
    moment: Option<Moment>,
    event_id: Option<EventId>,
    /// Over the body, for the replay guard.
    digest: Option<Sha256>,
}

#[derive(Clone, Debug)]
struct Running<'v> {
    name: &'v Arc<str>,
    mac: Mac,
}

impl<'v> Running<'v> {
    fn new(key: &'v Key<Mac>) -> Running<'v> {
        Running { name: &key.name, mac: key.ready.clone() }
    }
}

impl Pending<'_> {
    /// Feeds the next bytes of the body.
    pub fn chunk(&mut self, bytes: &[u8]) {
        if self.verifier.message.body {
            self.update(bytes);
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
    }

    /// Feeds what stands behind the body, compares, and reads the id from the body that is now verified.
    pub fn end(mut self, head: &Head, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
        if let Some(moment) = self.moment {
            moment.check(now)?;
        }
        let verifier = self.verifier;
        for piece in &verifier.message.after {
            self.update(verifier.text(piece, head)?.as_bytes());
        }
        let digest = self.digest.take().map(Sha256::finalize);
        let id = match &verifier.scheme.id {
            Some(Id::Json(pointer)) => Some(pointer),
            _ => None,
        };
        let mut sender = self.sender()?;
        if let Some(value) = id.and_then(|pointer| pointer.find(body.chunks())).filter(|id| is_event_id(id)) {
            sender.event_id = Some(EventId { value, signed: true });
        }
        sender.mark = match digest {
            Some(digest) => Some(verifier.mark(&sender, head, &digest)?),
            None => None,
        };
        Ok(Proof::new(sender))
    }

    /// Compares without a body.
    pub fn compare(self) -> Result<Proof, VerifyError> {
        self.sender().map(Proof::new)
    }

    fn update(&mut self, bytes: &[u8]) {
        self.macs.iter_mut().for_each(|running| running.mac.update(bytes));
    }

    /// Every MAC is compared with every signature, in constant time and without early exit.
    fn sender(self) -> Result<Sender, VerifyError> {
        let (signatures, secrets) = (self.signatures.len(), self.macs.len());
        let mut matched = None;
        for Running { name, mac } in self.macs {
            let tag = mac.finish();
            let hit =
                self.signatures.iter().fold(Choice::from(0), |hit, signature| hit | tag.ct_eq(signature));
            matched = if bool::from(hit) { matched.or(Some(name)) } else { matched };
        }
        let key = Arc::clone(matched.ok_or(VerifyError::SignatureMismatch { signatures, secrets })?);
        let signed = self.moment.filter(|moment| moment.signed);
        Ok(Sender {
            scheme: SignatureVerifier::NAME,
            key,
            event_id: self.event_id,
            timestamp: signed.map(|moment| moment.at),
            valid_until: signed.map(Moment::valid_until),
            mark: None,
        })
    }
}
