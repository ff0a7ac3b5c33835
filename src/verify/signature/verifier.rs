//! Verification of a keyed signature over a message.

use super::awaiting::AwaitingKeys;
use super::case::Case;
use super::pending::{Pending, Whole};
use super::ring::Ring;
use crate::base::time::UnixTime;
use crate::http::Head;
use crate::scheme::{
    Algorithm, Condition, Covers, Field, PublicAlgorithm, Reading, Scheme, Schemes, TextShape,
};
use crate::verify::error::VerifyError;
use crate::verify::setup::{NamedSecret, Remember, SetupFlaw, Surroundings};
use crate::verify::step::{AwaitBody, AwaitKey, Step};
use http::HeaderName;
use std::collections::BTreeMap;

/// The kinds of requests of one source.
#[derive(Debug)]
pub struct SignatureVerifier {
    /// In order; the first that applies is the only one that counts.
    pub cases: Vec<Case>,
    pub params: BTreeMap<String, String>,
    pub public_url: Option<String>,
    pub headers_read: Vec<HeaderName>,
    /// What the replay guard knows a message by.
    pub remember: Remember,
    /// What a stranger can have signed by asking; no message is of these shapes.
    pub oracle: Vec<TextShape>,
}

impl SignatureVerifier {
    /// The name of this kind of proof.
    pub const NAME: &'static str = "signature";

    /// Keys the MACs with every secret.
    pub fn new(
        schemes: Schemes,
        secrets: &[NamedSecret],
        surroundings: &Surroundings,
    ) -> Result<SignatureVerifier, SetupFlaw> {
        let base = schemes.base.map(|scheme| (Vec::new(), scheme));
        let mut cases = Vec::new();
        for (when, scheme) in schemes.variants.into_iter().chain(base) {
            let when = when.iter().map(|condition| condition.bind(&surroundings.params));
            let when = when.collect::<Result<_, _>>().map_err(SetupFlaw::Unbound)?;
            cases.push(case(when, scheme, secrets, surroundings)?);
        }
        let of_conditions = cases.iter().flat_map(|case| case.when.iter().flat_map(|when| when.headers()));
        let mut headers_read: Vec<HeaderName> = of_conditions.cloned().collect();
        headers_read.extend(cases.iter().flat_map(|case| case.scheme.headers_read()));
        headers_read.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        headers_read.dedup();
        let params = surroundings.params.clone();
        Ok(SignatureVerifier {
            cases,
            params,
            public_url: surroundings.public_url.clone(),
            headers_read,
            remember: Remember::Nothing,
            oracle: Vec::new(),
        })
    }

    /// Settles all that the head can settle.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        let reading = Reading { head, content: None, item: None, params: &self.params };
        let Some(case) = self.case(&reading)? else {
            return Ok(Step::Body(AwaitBody::for_whole(Whole::new(self, None))));
        };
        let unknown = case.ring.needs_body(&case.scheme);
        let fetched = matches!(case.ring, Ring::Fetched);
        if !unknown && !fetched && case.ring.of(&case.scheme, &reading)?.live(now).next().is_none() {
            return Err(VerifyError::NoLiveSecret);
        }
        let opening = case.open(&reading, now)?;
        if fetched {
            return Ok(match case.key_id(&reading)? {
                Some(kid) => Step::Key(AwaitKey::for_signature(AwaitingKeys { verifier: self, case, kid })),
                None => Step::Body(AwaitBody::for_whole(Whole::new(self, Some(case)))),
            });
        }
        if case.streams {
            return Pending::start(self, case, opening, head, now);
        }
        if case.is_of_head() && !unknown {
            // Without the body in the message, what cannot be right is refused before it is read.
            let whole = Whole::new(self, Some(case));
            let proof = whole.judge(&reading, None, now)?;
            return Ok(match self.remember {
                Remember::Nothing => Step::Done(proof),
                _ => Step::Body(AwaitBody::for_whole(whole)),
            });
        }
        Ok(Step::Body(AwaitBody::for_whole(Whole::new(self, Some(case)))))
    }

    /// The kind of a request; nothing while only the body can tell.
    pub fn case(&self, reading: &Reading<'_>) -> Result<Option<&Case>, VerifyError> {
        for case in &self.cases {
            match case.applies(reading) {
                Some(true) => return Ok(Some(case)),
                Some(false) => {}
                None => return Ok(None),
            }
        }
        Err(VerifyError::KindUnknown)
    }

    /// The kind that stands for the sender.
    pub fn main(&self) -> Option<&Case> {
        self.cases.iter().find(|case| case.when.is_empty()).or_else(|| self.cases.first())
    }

    /// The algorithms of private keys.
    pub fn public_algorithms(&self) -> impl Iterator<Item = PublicAlgorithm> {
        self.cases.iter().filter_map(|case| case.scheme.algorithm.public())
    }

    /// What the proof covers at least.
    pub fn covers(&self) -> Covers {
        let rank = |covers: &Covers| match covers {
            Covers::Origin => 0,
            Covers::Part => 1,
            Covers::Body => 2,
        };
        let all = self.cases.iter().map(|case| case.scheme.covers());
        all.min_by_key(rank).unwrap_or(Covers::Origin)
    }
}

fn case(
    when: Vec<Condition>,
    scheme: Scheme,
    secrets: &[NamedSecret],
    surroundings: &Surroundings,
) -> Result<Case, SetupFlaw> {
    let Surroundings { public_url, params, by, fetched } = surroundings;
    let scheme = scheme.bound(params).map_err(SetupFlaw::Unbound)?;
    let ring = match fetched {
        true => Ring::Fetched,
        false => Ring::prepare(secrets.to_vec(), by.as_deref(), &scheme)?,
    };
    let messages = scheme.messages(public_url.as_deref(), params).map_err(SetupFlaw::Unbound)?;
    let equalities = scheme.equalities(public_url.as_deref(), params).map_err(SetupFlaw::Unbound)?;
    // An id in the body is read behind it; everything else must be known before.
    let id = scheme.id.map(|id| id.field);
    let in_head = |(index, field): (usize, &Field)| !field.is_in_body() || Some(index) == id;
    let streams = matches!(messages.as_slice(), [message] if message.streams())
        && matches!(scheme.algorithm, Algorithm::Hmac(_))
        && scheme.each.is_none()
        && equalities.is_empty()
        && scheme.fields().iter().enumerate().all(in_head)
        && !scheme.signature.field.is_in_body()
        && !ring.needs_body(&scheme);
    Ok(Case { when, scheme, messages, equalities, ring, streams })
}
