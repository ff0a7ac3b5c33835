//! The way of one request: [`arrive`] settles what the head can settle, [`InFlight::finish`] the rest. Each
//! line turns one type into a stronger one.

use super::answer::{pass_on, refuse};
use super::body::drain;
use super::guard::{Guard, Place};
use super::handshake::Asked;
use super::live::{Live, Peer, Worker};
use super::out_body::OutBody;
use super::persist::Persistent;
use super::prove::{Admitted, Proved, Prover};
use super::record::{Entry, Record};
use super::reject::Rejection;
use super::upstream::{Forward, Passport};
use crate::base::names::{Reason, Verdict, header};
use crate::base::time::unix_millis;
use crate::http::gate::{self, Arrival, GateError};
use crate::http::{Head, forwarded};
use crate::policy::{Permit, Source};
use crate::replay::Reservation;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// The answer to a request, sooner or later. In a box, because connections keep room for one.
pub type Answer = Pin<Box<dyn Future<Output = Response<OutBody>> + Send>>;

/// Answers one request. Every refusal is turned into an answer here, and recorded once.
pub fn handle(worker: &Arc<Worker>, peer: &Arc<Peer>, request: Request<Incoming>) -> Answer {
    let live = worker.live.load_full();
    let (parts, incoming) = request.into_parts();
    let at = unix_millis();
    let request_id = request_id(worker, &live, peer, &parts.headers, at);
    let mut exchange = Exchange {
        waits: parts.headers.contains_key(http::header::EXPECT),
        version: parts.version,
        entry: Entry::begin(&worker.recorder, peer, request_id, at, &parts),
        worker: worker.clone(),
        live,
    };
    let mut routed = None;
    match arrive(&exchange.live, peer, parts, &mut exchange.entry, &mut routed) {
        Ok(arrived) => Box::pin(InFlight { arrived, incoming, exchange }.finish()),
        Err(rejection) => Box::pin(std::future::ready(exchange.refuse(&rejection, incoming, routed))),
    }
}

/// What belongs to a request all the way.
struct Exchange {
    worker: Arc<Worker>,
    live: Arc<Live>,
    entry: Entry,
    version: Version,
    /// The client sends its body only after "100 Continue".
    waits: bool,
}

/// A well-formed head for a source, from a client that may send to it.
struct Arrived {
    head: Head,
    /// Position of the source in the policy.
    source: usize,
    client: IpAddr,
    secure: bool,
}

/// Room, gate, route, address; `routed` is set as soon as the source is known.
fn arrive(
    live: &Live,
    peer: &Peer,
    parts: http::request::Parts,
    entry: &mut Entry,
    routed: &mut Option<usize>,
) -> Result<Arrived, Rejection> {
    let policy = &live.policy;
    // A stream that was reset leaves room for the next one while the upstream still works for it.
    if peer.activity.in_flight() > policy.limits.http2_streams {
        return Err(Rejection::Busy(policy.limits.http2_streams));
    }
    let arrival = Arrival { secure: peer.secure, sni: peer.sni.as_deref() };
    let mut head = gate::admit(parts, &arrival, &policy.limits).map_err(Rejection::Gate)?;
    let trusted = &policy.trusted_proxies;
    let client = forwarded::client_address(peer.address, &head.headers, trusted);
    let secure = forwarded::client_is_secure(peer.address, &head.headers, trusted, peer.secure);
    entry.note(|record| {
        record.client = client;
        record.host = Some(head.host.as_str().into());
    });
    let (index, source) = route(live, &mut head, entry, routed)?;
    if !source.allows(client) {
        return Err(Rejection::Address(client));
    }
    Ok(Arrived { head, source: index, client, secure })
}

fn route<'l>(
    live: &'l Live,
    head: &mut Head,
    entry: &mut Entry,
    routed: &mut Option<usize>,
) -> Result<(usize, &'l Source), Rejection> {
    let found = live.policy.routes.find(head.host.name(), head.target.path());
    let (index, captures) = found.ok_or(Rejection::NoRoute)?;
    let source = live.policy.sources.get(index).ok_or(Rejection::Internal)?;
    *routed = Some(index);
    entry.note(|record| record.source = Some(source.name.clone()));
    if !Asked::takes_method(source, &head.method) {
        return Err(Rejection::Method(source.allow.clone()));
    }
    let read = source.check.verifier().map_or(&[][..], |verifier| verifier.headers_read());
    if let Some(name) = gate::nominates(head, read) {
        return Err(Rejection::Gate(GateError::ConnectionNominates(name.clone())));
    }
    gate::check_imitations(head, read).map_err(Rejection::Gate)?;
    head.captures = captures;
    Ok((index, source))
}

/// A request whose body is on its way.
struct InFlight {
    arrived: Arrived,
    incoming: Incoming,
    exchange: Exchange,
}

impl InFlight {
    /// Below 1 KiB, which the allocator serves from its thread's cache: hence a block, because an `async fn`
    /// holds its arguments twice, and nothing that lives over an `await` without need.
    #[allow(clippy::manual_async_fn)]
    fn finish(mut self) -> impl Future<Output = Response<OutBody>> + Send {
        async move {
            let proved = match self.prove().await {
                Ok(proved) => proved,
                Err(rejection) => return self.refuse(&rejection),
            };
            let reservation = match self.reserve(&proved).await {
                Ok(reservation) => reservation,
                Err(rejection) => return self.refuse(&rejection),
            };
            let forwarding = self.forward(proved, reservation);
            Persistent::new(forwarding, |mut response| response.body_mut().nobody_waits()).await
        }
    }

    fn refuse(self, rejection: &Rejection) -> Response<OutBody> {
        self.exchange.refuse(rejection, self.incoming, Some(self.arrived.source))
    }

    async fn prove(&mut self) -> Result<Proved, Rejection> {
        let Exchange { worker, live, entry, .. } = &mut self.exchange;
        let policy = &live.policy;
        let source = policy.sources.get(self.arrived.source).ok_or(Rejection::Internal)?;
        let keys = live.keys.get(self.arrived.source).and_then(Option::as_ref);
        let prover = Prover { source, keys, policy, worker };
        prover.prove(&self.arrived.head, &mut self.incoming, entry).await
    }

    /// A place among the deliveries of the source, where it remembers them.
    async fn reserve(&mut self, proved: &Proved) -> Result<Option<Reservation>, Rejection> {
        let Exchange { worker, live, entry, .. } = &mut self.exchange;
        let policy = &live.policy;
        let source = policy.sources.get(self.arrived.source).ok_or(Rejection::Internal)?;
        let Some(rule) = &source.replay else { return Ok(None) };
        let guard = Guard {
            source: &source.name,
            rule,
            memory: &worker.replay,
            timeouts: &policy.timeouts,
            clock: &worker.clock,
        };
        let entered = match guard.enter(proved) {
            Ok(None) => Ok(None),
            Ok(Some(Place::Reserved(reservation))) => Ok(Some(reservation)),
            // In a box: most deliveries are the first of their kind.
            Ok(Some(Place::Behind(delivery, outcome))) => {
                Box::pin(guard.wait(proved, delivery, outcome)).await.map(Some)
            }
            Err(error) => Err(error),
        };
        entered.map_err(|error| {
            entry.note(|record| note_sender(proved, record));
            Rejection::Replay(error)
        })
    }

    /// Sends the request to the upstream and waits for the head of the answer.
    fn forward(
        self,
        proved: Proved,
        reservation: Option<Reservation>,
    ) -> impl Future<Output = Response<OutBody>> + Send {
        let Arrived { head, source, client, secure } = self.arrived;
        let Exchange { worker, live, mut entry, version, .. } = self.exchange;
        let admitted = proved.admit(head, reservation);
        note_permit(&admitted, &mut entry);
        let trusted = live.policy.trusts(entry.peer().address);
        let answers = live.policy.sources.get(source).and_then(|source| source.answers.clone());
        let passport = Passport { client, request_id: entry.request_id(), secure, trusted };
        let prepared = Forward::prepare(worker, live, source, &passport, admitted);
        async move {
            let answer = prepared.send().await;
            let elapsed = entry.elapsed();
            entry.note(|record| {
                record.upstream_time = Some(elapsed.saturating_sub(record.body_time.unwrap_or_default()));
                record.upstream_status = answer.as_ref().ok().map(|(parts, _)| parts.status.as_u16());
            });
            match answer {
                Ok((parts, relay)) => pass_on(parts, relay, entry),
                Err(error) => refuse(&Rejection::Forward(error), entry, version, answers.as_deref()),
            }
        }
    }
}

impl Exchange {
    /// `routed` is the source's position in the policy, once there is one.
    fn refuse(
        mut self,
        rejection: &Rejection,
        incoming: Incoming,
        routed: Option<usize>,
    ) -> Response<OutBody> {
        // A client that waits for "100 Continue" has not sent its body, and shall not.
        if !self.waits && !rejection.closes() {
            drain(incoming);
        }
        self.entry.note(|record| record.verdict = rejection.verdict());
        let source = routed.and_then(|index| self.live.policy.sources.get(index));
        let answers = source.and_then(|source| source.answers.as_deref());
        refuse(rejection, self.entry, self.version, answers)
    }
}

/// Who sent what is not forwarded because it came before.
fn note_sender(proved: &Proved, record: &mut Record) {
    if let Some(sender) = proved.sender() {
        record.key = Some(sender.key().clone());
        record.event_id = sender.event_id().map(|id| id.value.clone());
    }
}

fn note_permit(admitted: &Admitted, entry: &mut Entry) {
    entry.note(|record| match &admitted.permit {
        Permit::Verified(verified) => {
            let sender = verified.sender();
            record.verdict = Verdict::Verified;
            record.reason = Reason::Verified;
            record.key = Some(sender.key().clone());
            record.event_id = sender.event_id().map(|id| id.value.clone());
        }
        Permit::Waived { verdict, .. } => {
            record.verdict = Verdict::Waived;
            record.reason = verdict.as_ref().map_or(Reason::Waived, |error| error.reason());
            record.detail = verdict.as_ref().map(|error| error.to_string());
        }
    });
}

/// Ours, or the one of a trusted proxy where it is `[A-Za-z0-9._-]{1,64}`.
fn request_id(worker: &Worker, live: &Live, peer: &Peer, headers: &HeaderMap, at: u64) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let usable = |value: &&HeaderValue| (1..=64).contains(&value.len()) && value.as_bytes().iter().all(plain);
    let sent = if live.policy.trusts(peer.address) { headers.get(header::REQUEST_ID) } else { None };
    sent.filter(usable).cloned().unwrap_or_else(|| worker.ids.request_id(at))
}
