//! Drives the verification machine: the head, then the body, then a permit.

use super::body::{BodyError, Budget, Held, receive};
use super::record::Entry;
use super::reject::Rejection;
use crate::base::limits::Timeouts;
use crate::base::time::Clock;
use crate::http::{Body, Head};
use crate::policy::{Check, Permit, Source, Waiver};
use crate::verify::{AwaitBody, Proof, Step, Verifier, VerifyError};
use hyper::body::Incoming;
use std::sync::Arc;

/// A request that may be forwarded, and its share of the body budget.
#[derive(Debug)]
pub struct Admitted {
    /// Proof or waiver, with head and body.
    pub permit: Permit,
    /// Given back when the upstream has the body.
    pub held: Held,
}

/// A body that was received, and leave to forward it with the head that it was judged with.
#[derive(Debug)]
pub struct Proved {
    leave: Leave,
    body: Body,
    held: Held,
}

#[derive(Debug)]
enum Leave {
    Proof(Proof),
    Waiver(Waiver, Option<VerifyError>),
}

impl Proved {
    /// Joins what belongs together.
    pub fn admit(self, head: Head) -> Admitted {
        let Proved { leave, body, held } = self;
        let permit = match leave {
            Leave::Proof(proof) => Permit::Verified(proof.seal(head, body)),
            Leave::Waiver(waiver, verdict) => Permit::Waived { head, body, waiver, verdict },
        };
        Admitted { permit, held }
    }
}

/// Receives the body and proves the request, or has a waiver for it.
pub struct Prover<'r> {
    /// Who is said to have sent it.
    pub source: &'r Source,
    /// How long the body may take.
    pub timeouts: &'r Timeouts,
    /// What all bodies together may hold.
    pub budget: &'r Arc<Budget>,
    /// Read at the head and again behind the body, which a sender may make last.
    pub clock: &'r Clock,
}

/// How far the verdict is while the body comes in.
enum Pending<'v> {
    Body(AwaitBody<'v>),
    Settled(Result<Proof, VerifyError>),
    Unchecked,
}

impl Prover<'_> {
    /// # Errors
    /// What cannot be proved, or a body that cannot be received. What the head settles is refused before a
    /// byte of the body is read.
    pub async fn prove(
        &self,
        head: &Head,
        incoming: &mut Incoming,
        entry: &mut Entry,
    ) -> Result<Proved, Rejection> {
        let mut pending = self.begin(head)?;
        let observe = |piece: &[u8]| {
            if let Pending::Body(waiting) = &mut pending {
                waiting.chunk(piece);
            }
        };
        let received = receive(incoming, self.source.max_body, self.timeouts, self.budget, observe).await;
        note_body(&received, entry);
        let (body, held) = received.map_err(Rejection::Body)?;
        let leave = self.settle(pending, head, &body)?;
        Ok(Proved { leave, body, held })
    }

    fn begin(&self, head: &Head) -> Result<Pending<'_>, Rejection> {
        let Some(verifier) = self.source.check.verifier() else {
            return Ok(Pending::Unchecked);
        };
        match (verifier.start(head, self.clock.now()), &self.source.check) {
            (Ok(Step::Body(waiting)), _) => Ok(Pending::Body(waiting)),
            (Ok(Step::Done(proof)), _) => Ok(Pending::Settled(Ok(proof))),
            (Err(error), Check::Enforce(_)) => Err(refused(error, verifier)),
            (Err(error), _) => Ok(Pending::Settled(Err(error))),
        }
    }

    fn settle(&self, pending: Pending<'_>, head: &Head, body: &Body) -> Result<Leave, Rejection> {
        let verdict = match pending {
            Pending::Body(waiting) => {
                let step = waiting.end(head, body, self.clock.now());
                step.and_then(|step| self.rest(step, head, body)).map(Some)
            }
            Pending::Settled(verdict) => verdict.map(Some),
            Pending::Unchecked => Ok(None),
        };
        match (verdict, &self.source.check) {
            (Ok(Some(proof)), _) => Ok(Leave::Proof(proof)),
            (verdict, Check::Report(_, waiver) | Check::Nothing(waiver)) => {
                Ok(Leave::Waiver(*waiver, verdict.err()))
            }
            (Err(error), Check::Enforce(verifier)) => Err(refused(error, verifier)),
            (Ok(None), Check::Enforce(_)) => Err(Rejection::Internal),
        }
    }

    /// The steps that are left once the body is there.
    fn rest(&self, mut step: Step<'_>, head: &Head, body: &Body) -> Result<Proof, VerifyError> {
        loop {
            match step {
                Step::Done(proof) => return Ok(proof),
                Step::Body(mut waiting) => {
                    body.chunks().iter().for_each(|piece| waiting.chunk(piece));
                    step = waiting.end(head, body, self.clock.now())?;
                }
            }
        }
    }
}

fn refused(error: VerifyError, verifier: &Verifier) -> Rejection {
    Rejection::Verify(error, verifier.scheme_name())
}

fn note_body(received: &Result<(Body, Held), BodyError>, entry: &mut Entry) {
    let length = match received {
        Ok((body, _)) => body.len(),
        Err(
            BodyError::Timeout { received }
            | BodyError::TooSlow { received, .. }
            | BodyError::Broken { received },
        ) => *received,
        Err(BodyError::TooLarge { .. } | BodyError::OverCapacity) => 0,
    };
    let elapsed = entry.elapsed();
    entry.note(|record| {
        record.bytes_in = length;
        record.body_time = Some(elapsed);
    });
}
