//! One kind of request of a sender: a scheme with the secrets and values of one source.

use super::moment;
use super::ring::{Ready, Ring};
use crate::base::limits::{MAX_EVENT_ID, MAX_ITEMS};
use crate::base::time::UnixTime;
use crate::scheme::{Condition, Fault, Field, Mac, Message, Reading, Scheme, Tag};
use crate::verify::error::VerifyError;
use crate::verify::proof::{EventId, Moment};
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

/// What a request says about itself.
#[derive(Clone, Debug)]
pub struct Opening {
    pub signatures: Vec<Tag>,
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
        let signatures = if known(field) { self.signatures(reading)? } else { Vec::new() };
        for field in self.scheme.fields().iter().filter(|field| known(field) && !field.is.is_empty()) {
            says(field, reading)?;
        }
        let moment = self.moment(reading)?;
        if let Some(moment) = moment {
            moment.check(now)?;
        }
        Ok(Opening { signatures, moment, event_id: self.event_id(reading)? })
    }

    /// Every signature that is well-formed; at least one.
    fn signatures(&self, reading: &Reading<'_>) -> Result<Vec<Tag>, VerifyError> {
        let signature = &self.scheme.signature;
        let (field, length) = (&signature.field, self.scheme.algorithm.tag_bytes());
        let (mut tags, mut seen) = (Vec::new(), 0);
        let read = field.each(reading, |text| {
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

    /// The key that signed: every MAC of every message is compared with every signature, in constant time and
    /// without early exit.
    pub fn matched<'c>(
        &'c self,
        signatures: &[Tag],
        reading: &Reading<'_>,
        now: UnixTime,
    ) -> Result<&'c Arc<str>, VerifyError> {
        let (mut matched, mut secrets) = (None, 0);
        for Key { name, ready, .. } in self.ring.of(&self.scheme, reading)?.live(now) {
            secrets += 1;
            let mut hit = Choice::from(0);
            for message in &self.messages {
                let tag = self.tag(message, ready, reading)?;
                hit = signatures.iter().fold(hit, |hit, signature| hit | tag.ct_eq(signature));
            }
            matched = if bool::from(hit) { matched.or(Some(name)) } else { matched };
        }
        match matched {
            Some(name) => Ok(name),
            None if secrets == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::SignatureMismatch { signatures: signatures.len(), secrets }),
        }
    }

    /// The MAC of a message under one secret.
    pub fn tag(&self, message: &Message, ready: &Ready, reading: &Reading<'_>) -> Result<Tag, VerifyError> {
        let mut mac: Mac = ready.mac.clone();
        let source = self.scheme.source(Some(ready.secret.expose()));
        message.write(source, reading, |piece| mac.update(piece)).map_err(VerifyError::of_field)?;
        Ok(mac.finish())
    }
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
