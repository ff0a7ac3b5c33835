//! Drives the verification machine: the head, then the body, then a permit.

use super::body::{BodyError, Held, receive};
use super::handshake::Asked;
use super::hint::Hints;
use super::live::Worker;
use super::record::Entry;
use super::reject::Rejection;
use crate::base::limits::MAX_HANDSHAKE_BODY;
use crate::http::{Body, Head};
use crate::keys::{KeyCache, KeyError};
use crate::policy::{Check, Permit, Policy, Source, Waiver};
use crate::replay::Reservation;
use crate::verify::{AwaitBody, AwaitKey, Proof, Sender, Step, Verifier, VerifyError};
use hyper::body::Incoming;
use std::sync::Arc;

/// A request that may be forwarded, and its share of the body budget.
#[derive(Debug)]
pub struct Admitted {
    /// Proof or waiver, with head and body.
    pub permit: Permit,
    /// Given back when the upstream has the body.
    pub held: Held,
    /// Kept when the upstream took the request, else given back.
    pub reservation: Option<Reservation>,
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

impl Leave {
    /// The name of the secret or key that proved it.
    fn key(&self) -> Option<&str> {
        match self {
            Leave::Proof(proof) => Some(proof.sender().key()),
            Leave::Waiver(..) => None,
        }
    }
}

impl Proved {
    /// Who was proved; nothing where the policy waives it.
    pub fn sender(&self) -> Option<&Sender> {
        match &self.leave {
            Leave::Proof(proof) => Some(proof.sender()),
            Leave::Waiver(..) => None,
        }
    }

    /// The body, whole.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Joins what belongs together.
    pub fn admit(self, head: Head, reservation: Option<Reservation>) -> Admitted {
        let Proved { leave, body, held } = self;
        let permit = match leave {
            Leave::Proof(proof) => Permit::Verified(proof.seal(head, body)),
            Leave::Waiver(waiver, verdict) => Permit::Waived { head, body, waiver, verdict },
        };
        Admitted { permit, held, reservation }
    }
}

/// Receives the body and proves the request, or has a waiver for it.
pub struct Prover<'r> {
    /// Who is said to have sent it.
    pub source: &'r Source,
    /// Where its keys are fetched.
    pub keys: Option<&'r Arc<KeyCache>>,
    /// How long the body may take, and who else could have sent it.
    pub policy: &'r Policy,
    /// Its body budget, its clock, which is read at the head and again behind the body that a sender may make last,
    /// and where refused requests are kept. One reference: the future is there for every request.
    pub worker: &'r Worker,
}

/// How far the verdict is.
enum Pending<'v> {
    /// A key has to be fetched.
    Key(AwaitKey<'v>),
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
        let asked = Asked::new(self.source, head);
        asked.at_head(self.worker.clock.now())?;
        let mut pending = match self.begin(head) {
            Ok(pending) => pending,
            Err(rejection) if asked.needs_body() => {
                return Err(Box::pin(self.ask_body(rejection, head, incoming, entry)).await);
            }
            Err(rejection) => return Err(self.capture(rejection, head, None, entry)),
        };
        if let Pending::Key(waiting) = pending {
            // In a box: keys are fetched once a day, and the future is there for every request.
            let fetched = Box::pin(self.fetch(waiting)).await;
            pending = fetched.map_err(|rejection| self.capture(rejection, head, None, entry))?;
        }
        let observe = |piece: &[u8]| {
            if let Pending::Body(waiting) = &mut pending {
                waiting.chunk(piece);
            }
        };
        let received =
            receive(incoming, self.source.max_body, &self.policy.timeouts, &self.worker.budget, observe)
                .await;
        note_body(&received, entry);
        let (body, held) = received.map_err(Rejection::Body)?;
        asked.at_body(&body, self.worker.clock.now())?;
        let mut closed = self.close(pending, head, &body);
        if matches!(closed, Ok(Pending::Key(_))) {
            closed = Box::pin(self.rest(closed?, head, &body)).await;
        }
        let leave = closed.and_then(|pending| self.settle(pending));
        match leave {
            Ok(leave) => {
                asked.proved(&body, self.worker.clock.now(), leave.key())?;
                Ok(Proved { leave, body, held })
            }
            Err(rejection) => Err(self.capture(rejection, head, Some(&body), entry)),
        }
    }

    /// A request that the head refuses may still be a handshake that its sender does not sign.
    async fn ask_body(
        &self,
        rejection: Rejection,
        head: &Head,
        incoming: &mut Incoming,
        entry: &mut Entry,
    ) -> Rejection {
        let limit = self.source.max_body.min(MAX_HANDSHAKE_BODY);
        let received = receive(incoming, limit, &self.policy.timeouts, &self.worker.budget, |_| {}).await;
        note_body(&received, entry);
        let Ok((body, _held)) = received else { return self.capture(rejection, head, None, entry) };
        match Asked::new(self.source, head).at_body(&body, self.worker.clock.now()) {
            Err(answer) => answer,
            Ok(()) => self.capture(rejection, head, Some(&body), entry),
        }
    }

    /// Tells the operator what is probably wrong, and keeps a copy of what is not believed where the policy says so.
    fn capture(
        &self,
        rejection: Rejection,
        head: &Head,
        body: Option<&Body>,
        entry: &mut Entry,
    ) -> Rejection {
        if let Rejection::Verify(error, _) = &rejection {
            let hint = Hints::of(self.worker, self.policy, self.source, (head, body), error);
            entry.note(|record| record.hint = hint);
        }
        if let (Some(captures), Rejection::Verify(error, _)) = (&self.worker.captures, &rejection) {
            captures.keep(self.source, head, body, error, (&entry.request_id(), self.worker.clock.now()));
        }
        rejection
    }

    fn begin(&self, head: &Head) -> Result<Pending<'_>, Rejection> {
        match self.source.check.verifier() {
            Some(verifier) => self.advance(verifier.start(head, self.worker.clock.now())),
            None => Ok(Pending::Unchecked),
        }
    }

    /// Goes on with keys that are at hand. A refusal ends it here, unless the source only reports.
    fn advance<'v>(&self, step: Result<Step<'v>, VerifyError>) -> Result<Pending<'v>, Rejection> {
        let mut step = step;
        loop {
            step = match step {
                Ok(Step::Key(waiting)) => {
                    let now = self.worker.clock.now();
                    match self.keys.and_then(|keys| keys.peek(waiting.kid(), now)) {
                        Some(keys) => waiting.key(&keys, now),
                        None => return Ok(Pending::Key(waiting)),
                    }
                }
                Ok(Step::Body(waiting)) => return Ok(Pending::Body(waiting)),
                Ok(Step::Done(proof)) => return Ok(Pending::Settled(Ok(proof))),
                Err(error) => {
                    return match &self.source.check {
                        Check::Enforce(verifier) => Err(refused(error, verifier)),
                        Check::Report(..) | Check::Nothing(_) => Ok(Pending::Settled(Err(error))),
                    };
                }
            };
        }
    }

    /// Waits for one key.
    async fn fetch<'v>(&self, waiting: AwaitKey<'v>) -> Result<Pending<'v>, Rejection> {
        let keys = self.keys.ok_or(Rejection::Internal)?;
        let found = keys.find(waiting.kid(), self.worker.clock.now()).await;
        self.advance(match found {
            Ok(Some(keys)) => waiting.key(&keys, self.worker.clock.now()),
            Ok(None) => Err(VerifyError::KeyUnknown),
            Err(KeyError::Unavailable(fault)) => Err(VerifyError::KeysUnavailable { fault: fault.code() }),
            Err(KeyError::CoolingDown) => Err(VerifyError::KeysCoolingDown),
        })
    }

    fn close<'v>(&self, pending: Pending<'v>, head: &Head, body: &Body) -> Result<Pending<'v>, Rejection> {
        let mut pending = match pending {
            Pending::Body(waiting) => self.advance(waiting.end(head, body, self.worker.clock.now()))?,
            other => return Ok(other),
        };
        // A token that stood in the body may have more to say about it.
        while let Pending::Body(mut waiting) = pending {
            body.chunks().iter().for_each(|piece| waiting.chunk(piece));
            pending = self.advance(waiting.end(head, body, self.worker.clock.now()))?;
        }
        Ok(pending)
    }

    /// The steps that are left for a token that stood in the body.
    async fn rest<'v>(
        &self,
        pending: Pending<'v>,
        head: &Head,
        body: &Body,
    ) -> Result<Pending<'v>, Rejection> {
        let Pending::Key(waiting) = pending else { return Ok(pending) };
        let mut pending = self.fetch(waiting).await?;
        if let Pending::Body(waiting) = &mut pending {
            body.chunks().iter().for_each(|piece| waiting.chunk(piece));
        }
        self.close(pending, head, body)
    }

    fn settle(&self, pending: Pending<'_>) -> Result<Leave, Rejection> {
        let verdict = match pending {
            Pending::Settled(verdict) => verdict.map(Some),
            Pending::Unchecked => Ok(None),
            Pending::Key(_) | Pending::Body(_) => return Err(Rejection::Internal),
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
