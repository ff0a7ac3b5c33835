//! One kind of request of a sender: a scheme with the secrets and values of one source.

use super::moment;
use super::ring::{Proving, Ready, Ring};
use crate::base::limits::{MAX_EVENT_ID, MAX_ITEMS, MAX_KEY_TRIALS, MAX_SIGNATURE_TEXT};
use crate::base::time::UnixTime;
use crate::scheme::{Condition, Fault, Field, Message, Reading, Scheme, Tag};
use crate::verify::error::VerifyError;
use crate::verify::jwt::{ANY_KEY, is_kid};
use crate::verify::proof::{EventId, Moment};
use crate::verify::public_key::CheckingKey;
use crate::verify::setup::Key;
use serde_json::value::RawValue;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// A kind of request.
#[derive(Debug)]
pub struct Case {
    /// When it counts; without conditions always.
    pub when: Vec<Condition>,
    pub scheme: Scheme,
    /// Any of them may be signed.
    pub messages: Vec<Message>,
    /// Fields and the texts that they must be equal to.
    pub equalities: Vec<(usize, Message)>,
    pub ring: Ring,
    /// Whether the MAC can run while the body arrives.
    pub streams: bool,
}

/// The signatures of a request.
#[derive(Clone, Debug)]
pub enum Sent {
    /// MACs or digests, each of the length of its algorithm.
    Tags(Vec<Tag>),
    /// Signatures with a private key.
    Signatures(Vec<Vec<u8>>),
}

/// A key that was fetched, and its name.
#[derive(Clone, Debug)]
pub struct FetchedKey {
    pub name: Arc<str>,
    pub key: CheckingKey,
}

/// What a request says about itself.
#[derive(Clone, Debug)]
pub struct Opening {
    pub sent: Sent,
    pub moment: Option<Moment>,
    pub event_id: Option<EventId>,
}

impl Case {
    /// Whether it is the kind of a request; `None` while only the body can tell.
    pub fn applies(&self, reading: &Reading<'_>) -> Option<bool> {
        let mut known = true;
        for condition in &self.when {
            match condition.holds(reading) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => known = false,
            }
        }
        known.then_some(true)
    }

    /// Whether the head is all that it needs.
    pub fn is_of_head(&self) -> bool {
        let fields = self.scheme.fields();
        let in_body = fields.iter().chain([&self.scheme.signature.field]).any(Field::is_in_body);
        let mut messages = self.messages.iter().chain(self.equalities.iter().map(|(_, message)| message));
        !in_body && self.scheme.each.is_none() && messages.all(|message| message.is_of_head(fields))
    }

    /// Reads what is at hand: all of the head, and what is in the body once that is there. Refuses what is
    /// absent, malformed or too old.
    pub fn open(&self, reading: &Reading<'_>, now: UnixTime) -> Result<Opening, VerifyError> {
        let known = |field: &Field| !field.is_in_body() || reading.content.is_some();
        let field = &self.scheme.signature.field;
        let sent = if known(field) { self.sent(reading)? } else { Sent::Tags(Vec::new()) };
        for field in self.scheme.fields().iter().filter(|field| known(field) && !field.is.is_empty()) {
            says(field, reading)?;
        }
        let moment = self.moment(reading)?;
        if let Some(moment) = moment {
            moment.check(now)?;
        }
        Ok(Opening { sent, moment, event_id: self.event_id(reading)? })
    }

    /// Every signature that is well-formed; at least one.
    fn sent(&self, reading: &Reading<'_>) -> Result<Sent, VerifyError> {
        let signature = &self.scheme.signature;
        let (field, length) = (&signature.field, self.scheme.algorithm.tag_bytes());
        let (mut tags, mut signatures, mut seen) = (Vec::new(), Vec::new(), 0);
        let read = field.each(reading, |text| {
            seen += 1;
            match length {
                _ if seen > signature.many => {}
                Some(length) => tags.extend(signature.encoding.decode(text, length)),
                None if text.len() > MAX_SIGNATURE_TEXT => {}
                None => {
                    signatures.extend(signature.encoding.decode_any(text).filter(|bytes| !bytes.is_empty()))
                }
            }
        });
        read.map_err(VerifyError::of_signature)?;
        if seen > signature.many {
            let limit = signature.many;
            return Err(VerifyError::TooManySignatures { field: Arc::clone(&field.label), limit });
        }
        match (seen, tags.is_empty() && signatures.is_empty()) {
            (0, _) => Err(VerifyError::of_signature(field.fault(Fault::Missing))),
            (_, true) => Err(VerifyError::of_signature(field.fault(Fault::Malformed))),
            _ if length.is_some() => Ok(Sent::Tags(tags)),
            _ => Ok(Sent::Signatures(signatures)),
        }
    }

    fn moment(&self, reading: &Reading<'_>) -> Result<Option<Moment>, VerifyError> {
        let Some(timestamp) = self.scheme.timestamp else { return Ok(None) };
        let Some(field) = self.scheme.field(timestamp.field) else { return Ok(None) };
        if field.is_in_body() && reading.content.is_none() {
            return Ok(None);
        }
        let text = field.text(reading).map_err(VerifyError::of_timestamp)?;
        let at = moment::read(timestamp.unit, &text.meant);
        let at = at.ok_or_else(|| VerifyError::of_timestamp(field.fault(Fault::Malformed)))?;
        Ok(Some(Moment { at, tolerance: timestamp.tolerance, signed: timestamp.signed }))
    }

    /// The sender's name of the event, where it is at hand.
    pub fn event_id(&self, reading: &Reading<'_>) -> Result<Option<EventId>, VerifyError> {
        let Some(id) = self.scheme.id else { return Ok(None) };
        let Some(field) = self.scheme.field(id.field) else { return Ok(None) };
        let signed = id.signed;
        if field.is_in_body() {
            // Nothing depends on it but what is remembered, and then the message is.
            let text = if reading.content.is_some() { field.text(reading).ok() } else { None };
            let value = text.map(|text| text.meant.into_owned()).filter(|id| is_event_id(id));
            return Ok(value.map(|value| EventId { value, signed }));
        }
        let text = match field.text(reading) {
            Ok(text) => text,
            // Nothing rests on an id that is not signed, so a sender may leave it out.
            Err(fault) if (!signed || field.optional) && fault.fault == Fault::Missing => return Ok(None),
            Err(fault) => return Err(VerifyError::of_field(fault)),
        };
        if !is_event_id(&text.meant) {
            return Err(VerifyError::of_field(field.fault(Fault::Malformed)));
        }
        Ok(Some(EventId { value: text.meant.into_owned(), signed }))
    }

    /// The elements that are each signed; one of nothing where the request is.
    pub fn items<'r>(&self, reading: &Reading<'r>) -> Result<Vec<Option<&'r RawValue>>, VerifyError> {
        let Some(each) = &self.scheme.each else { return Ok(vec![None]) };
        let absent = |fault: Fault| VerifyError::of_signature(self.scheme.signature.field.fault(fault));
        let array = reading.raw_json(each).map_err(absent)?;
        let elements: Vec<&RawValue> =
            serde_json::from_str(array.get()).map_err(|_| absent(Fault::Malformed))?;
        match elements.len() {
            0 => Err(absent(Fault::Missing)),
            count if count > MAX_ITEMS => Err(absent(Fault::Malformed)),
            _ => Ok(elements.into_iter().map(Some).collect()),
        }
    }

    /// Refuses a field that is not equal to the text it must be equal to.
    pub fn compare(&self, reading: &Reading<'_>) -> Result<(), VerifyError> {
        for (index, message) in &self.equalities {
            let Some(field) = self.scheme.field(*index) else { continue };
            let text = match field.text(reading) {
                Ok(text) => text,
                Err(fault) if field.optional && fault.fault == Fault::Missing => continue,
                Err(fault) => return Err(VerifyError::of_field(fault)),
            };
            let wanted = message.bytes(self.scheme.source(None), reading).map_err(VerifyError::of_field)?;
            if !bool::from(wanted.ct_eq(text.meant.as_bytes())) {
                let field = Arc::clone(&field.label);
                let of_body = !message.is_of_head(self.scheme.fields());
                return Err(if of_body {
                    VerifyError::BodyHashMismatch
                } else {
                    VerifyError::FieldMismatch { field }
                });
            }
        }
        Ok(())
    }

    /// The name of the key that signed: every MAC of every message is compared with every signature, in constant
    /// time and without early exit. `fetched` are the keys of a source that has none of its own.
    pub fn matched(
        &self,
        sent: &Sent,
        reading: &Reading<'_>,
        fetched: &[FetchedKey],
        now: UnixTime,
    ) -> Result<Arc<str>, VerifyError> {
        let tried = match self.ring {
            Ring::Fetched => {
                self.signed_by(sent, reading, fetched.iter().map(|one| (&one.name, &one.key)))?
            }
            Ring::All(_) | Ring::Chosen(..) => {
                let keys: Vec<_> = self.ring.of(&self.scheme, reading)?.live(now).collect();
                let public = keys.iter().flat_map(|key| match &key.ready.proving {
                    Proving::Public(several) => several.iter().map(|one| (&key.name, one)).collect(),
                    Proving::Mac(_) => Vec::new(),
                });
                match sent {
                    Sent::Tags(tags) => self.maced_by(tags, reading, &keys)?,
                    Sent::Signatures(_) => self.signed_by(sent, reading, public)?,
                }
            }
        };
        match tried {
            Tried { by: Some(name), .. } => Ok(name),
            Tried { keys: 0, .. } => Err(VerifyError::NoLiveSecret),
            Tried { keys, signatures, .. } => {
                Err(VerifyError::SignatureMismatch { signatures, secrets: keys })
            }
        }
    }

    fn maced_by(
        &self,
        tags: &[Tag],
        reading: &Reading<'_>,
        keys: &[&Key<Ready>],
    ) -> Result<Tried, VerifyError> {
        let mut by = None;
        for Key { name, ready, .. } in keys {
            let mut hit = Choice::from(0);
            for message in &self.messages {
                let tag = self.tag(message, ready, reading)?;
                hit = tags.iter().fold(hit, |hit, sent| hit | tag.ct_eq(sent));
            }
            by = if bool::from(hit) { by.or(Some(Arc::clone(name))) } else { by };
        }
        Ok(Tried { by, keys: keys.len(), signatures: tags.len() })
    }

    fn signed_by<'k>(
        &self,
        sent: &Sent,
        reading: &Reading<'_>,
        keys: impl Iterator<Item = (&'k Arc<str>, &'k CheckingKey)>,
    ) -> Result<Tried, VerifyError> {
        let Sent::Signatures(signatures) = sent else {
            return Err(VerifyError::of_signature(self.scheme.signature.field.fault(Fault::Malformed)));
        };
        let texts = self.messages.iter().map(|message| self.signed_text(message, reading));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let mut tried = Tried { by: None, keys: 0, signatures: signatures.len() };
        let pairs = texts.len() * signatures.len();
        for (name, key) in keys.take((MAX_KEY_TRIALS / pairs.max(1)).max(1)) {
            tried.keys += 1;
            let mut pairs = texts.iter().flat_map(|text| signatures.iter().map(move |sent| (text, sent)));
            if pairs.any(|(text, sent)| key.verify(text, sent)) {
                tried.by = Some(Arc::clone(name));
                break; // what is public gives nothing away by the time it takes
            }
        }
        Ok(tried)
    }

    /// The MAC of a message under one secret.
    ///
    /// # Errors
    /// A field that cannot be read, or a key that is public.
    pub fn tag(&self, message: &Message, ready: &Ready, reading: &Reading<'_>) -> Result<Tag, VerifyError> {
        let mut mac = ready.mac().cloned().ok_or(VerifyError::NoLiveSecret)?;
        let source = self.scheme.source(Some(ready.secret.expose()));
        message.write(source, reading, |piece| mac.update(piece)).map_err(VerifyError::of_field)?;
        Ok(mac.finish())
    }

    /// What a private key signs of a message: the text, or its digest.
    ///
    /// # Errors
    /// A field that cannot be read.
    pub fn signed_text(&self, message: &Message, reading: &Reading<'_>) -> Result<Vec<u8>, VerifyError> {
        let text = message.bytes(self.scheme.source(None), reading).map_err(VerifyError::of_field)?;
        Ok(match self.scheme.prehash {
            Some(hash) => hash.digest(&text),
            None => text,
        })
    }

    /// The name of the key that is to be fetched, [`ANY_KEY`] where the sender does not say it. Nothing while it
    /// stands in a body that has not arrived.
    ///
    /// # Errors
    /// The field is absent or malformed.
    pub fn key_id(&self, reading: &Reading<'_>) -> Result<Option<String>, VerifyError> {
        let Some(field) = self.scheme.key_id.and_then(|index| self.scheme.field(index)) else {
            return Ok(Some(ANY_KEY.to_owned()));
        };
        if field.is_in_body() && reading.content.is_none() {
            return Ok(None);
        }
        match field.text(reading) {
            // Only a sender without names for its keys has all of them tried.
            Ok(text) if is_kid(&text.meant) && text.meant != ANY_KEY => Ok(Some(text.meant.into_owned())),
            Ok(_) => Err(VerifyError::KidMalformed),
            Err(fault) if field.optional && fault.fault == Fault::Missing => Ok(Some(ANY_KEY.to_owned())),
            Err(fault) => Err(VerifyError::of_field(fault)),
        }
    }
}

/// What came of trying keys.
struct Tried {
    by: Option<Arc<str>>,
    keys: usize,
    signatures: usize,
}

/// Refuses a field that does not say what it must say.
fn says(field: &Field, reading: &Reading<'_>) -> Result<(), VerifyError> {
    let text = match field.text(reading) {
        Ok(text) => text,
        Err(fault) if field.optional && fault.fault == Fault::Missing => return Ok(()),
        Err(fault) => return Err(VerifyError::of_field(fault)),
    };
    let hits = field.is.iter().map(|known| known.as_bytes().ct_eq(text.meant.as_bytes()));
    if bool::from(hits.fold(Choice::from(0), |any, hit| any | hit)) {
        return Ok(());
    }
    Err(VerifyError::FieldMismatch { field: Arc::clone(&field.label) })
}

fn is_event_id(text: &str) -> bool {
    (1..=MAX_EVENT_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
