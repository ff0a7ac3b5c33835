//! What a source answers by itself: the handshakes of its sender. Nothing of them is forwarded, and no call is made.

use super::reject::Rejection;
use crate::base::limits::MAX_HANDSHAKE_BODY;
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::policy::Source;
use crate::scheme::{Content, Handshake, Reading};
use http::header::CONTENT_LENGTH;
use std::collections::BTreeMap;

/// The handshakes of the source that a request is for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    source: &'r Source,
    head: &'r Head,
}

impl<'r> Asked<'r> {
    /// Looks at a request.
    pub fn new(source: &'r Source, head: &'r Head) -> Asked<'r> {
        Asked { source, head }
    }

    /// Whether the source takes the method for anything.
    pub fn takes_method(source: &Source, method: &http::Method) -> bool {
        source.methods.contains(method)
            || source.handshakes.iter().any(|handshake| handshake.method().as_ref() == Some(method))
    }

    /// Settles what the head can settle.
    ///
    /// # Errors
    /// The answer to a handshake that its sender does not sign; 405 for a method that is only a handshake's.
    pub fn at_head(self, now: UnixTime) -> Result<(), Rejection> {
        if self.source.handshakes.is_empty() {
            return Ok(());
        }
        let reading = self.reading(None);
        for handshake in self.unsigned().filter(|handshake| handshake.is_of_head()) {
            if handshake.matches(&reading) == Some(true) {
                return Err(self.answer(handshake, &reading, now, None));
            }
        }
        let open = self.source.handshakes.iter().any(|handshake| handshake.matches(&reading) != Some(false));
        if open { Ok(()) } else { self.forwarded() }
    }

    /// Whether a body that has not been read could make the request a handshake that its sender does not sign.
    pub fn needs_body(self) -> bool {
        let reading = self.reading(None);
        let length = self.head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let small = length
            .and_then(|text| text.parse::<u64>().ok())
            .is_none_or(|length| length <= MAX_HANDSHAKE_BODY);
        small && self.unsigned().any(|handshake| handshake.matches(&reading) != Some(false))
    }

    /// Settles what the body settles before any proof.
    ///
    /// # Errors
    /// The answer to a handshake that its sender does not sign.
    pub fn at_body(self, body: &Body, now: UnixTime) -> Result<(), Rejection> {
        if body.len() > MAX_HANDSHAKE_BODY || self.unsigned().next().is_none() {
            return Ok(());
        }
        self.among(self.unsigned(), body, now, None)
    }

    /// Settles what is proved by the secret of this name, or what goes on unproved because the policy says so: that is
    /// answered to nobody.
    ///
    /// # Errors
    /// The answer to a handshake that its sender signs; 405 for a method that is only a handshake's.
    pub fn proved(self, body: &Body, now: UnixTime, key: Option<&str>) -> Result<(), Rejection> {
        if self.source.handshakes.is_empty() {
            return Ok(());
        }
        if key.is_some() {
            let signed = self.source.handshakes.iter().filter(|handshake| handshake.signed);
            self.among(signed, body, now, key)?;
        }
        self.forwarded()
    }

    /// Only the methods of the policy are forwarded.
    fn forwarded(self) -> Result<(), Rejection> {
        match self.source.methods.contains(&self.head.method) {
            true => Ok(()),
            false => Err(Rejection::Method(self.source.allow.clone())),
        }
    }

    fn among<'h>(
        self,
        handshakes: impl Iterator<Item = &'h Handshake>,
        body: &Body,
        now: UnixTime,
        key: Option<&str>,
    ) -> Result<(), Rejection> {
        let content = Content::new(self.head, body);
        let reading = self.reading(Some(&content));
        for handshake in handshakes {
            if handshake.matches(&reading) == Some(true) {
                return Err(self.answer(handshake, &reading, now, key));
            }
        }
        Ok(())
    }

    /// The answer; 401 where what is asked for is not of the form that can be answered. Without a live secret, only
    /// what needs none is answered.
    fn answer(
        self,
        handshake: &Handshake,
        reading: &Reading<'_>,
        now: UnixTime,
        proved: Option<&str>,
    ) -> Rejection {
        let secret = match self.source.check.verifier().filter(|_| handshake.is_keyed()) {
            Some(verifier) => match verifier.key(reading, now, proved) {
                Ok(secret) => secret,
                Err(error) => return Rejection::Verify(error, verifier.scheme_name()),
            },
            None => None,
        };
        match handshake.reply(reading, secret.map(|secret| secret.expose())) {
            Some(reply) => Rejection::Handshake(Box::new(reply)),
            None => Rejection::HandshakeRefused(handshake.name.clone()),
        }
    }

    fn unsigned(self) -> impl Iterator<Item = &'r Handshake> {
        self.source.handshakes.iter().filter(|handshake| !handshake.signed)
    }

    fn reading<'c>(self, content: Option<&'c Content<'c>>) -> Reading<'c>
    where
        'r: 'c,
    {
        static NO_PARAMS: BTreeMap<String, String> = BTreeMap::new();
        Reading { head: self.head, content, item: None, params: &NO_PARAMS }
    }
}
