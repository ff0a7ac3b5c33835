//! One exchange with the upstream.

use super::super::live::{Live, Worker};
use super::super::prove::Admitted;
use super::connect::Connection;
use super::pool::Upstream;
use super::request::{Outgoing, Passport, build};
use super::response::{Relay, check};
use crate::replay::Reservation;
use http::{Request, Response, response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Why there is no response to pass on; the texts are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardError {
    /// No connection.
    Unreachable(&'static str),
    /// Connected, then closed or broke the rules of HTTP.
    Broken(&'static str),
    /// Connecting took too long.
    ConnectTimeout,
    /// No response head in time.
    Timeout,
}

/// A request that is ready to be sent. It is made from an [`Admitted`] alone, so there is a proof or a
/// waiver behind it.
pub struct Forward {
    worker: Arc<Worker>,
    live: Arc<Live>,
    source: usize,
    /// In a box: it moves from hand to hand before it is sent.
    request: Result<Box<Request<Outgoing>>, ForwardError>,
    /// Kept when the upstream took the request; given back in every other case, also when this is dropped.
    reservation: Option<Reservation>,
}

/// The policy names a source or an upstream that it does not have; a policy that was built cannot.
const MISSING: ForwardError = ForwardError::Unreachable("the policy has no such upstream");

impl Forward {
    /// Builds the request for the upstream of a source, by its position in the policy.
    pub fn prepare(
        worker: Arc<Worker>,
        live: Arc<Live>,
        source: usize,
        passport: &Passport,
        admitted: Admitted,
    ) -> Forward {
        let Admitted { permit, held, reservation } = admitted;
        let found = live.policy.sources.get(source).ok_or(MISSING);
        let request = found.map(|source| Box::new(build(&worker, source, passport, permit, held)));
        Forward { worker, live, source, request, reservation }
    }

    /// Sends the request and waits for the head of the response. Nothing is sent twice: a request moves to
    /// another connection only when an idle one turned out closed before its first byte was written.
    ///
    /// # Errors
    /// See [`ForwardError`].
    pub async fn send(self) -> Result<(response::Parts, Relay), ForwardError> {
        let Forward { worker, live, source, request, reservation } = self;
        let mut request = request?;
        let source = live.policy.sources.get(source).ok_or(MISSING)?;
        let upstream = live.upstreams.get(source.upstream).ok_or(MISSING)?;
        let pool = upstream.pool(worker.index).ok_or(MISSING)?;
        let timeouts = &live.policy.timeouts;
        loop {
            let (mut connection, fresh) = match pool.take() {
                Some(connection) => (connection, false),
                // In a box: connecting takes much room, and most requests find a connection.
                None => (Box::pin(connect(upstream, timeouts.connect)).await?, true),
            };
            let sent = connection.sender.try_send_request(*request);
            match answer(sent, timeouts.response).await {
                Ok(response) => {
                    let (head, mut relay) =
                        check(response, connection, pool.clone(), timeouts.response_idle)?;
                    match reservation.filter(|_| head.status.is_success()) {
                        Some(reservation) if source.replay.is_some_and(|rule| rule.keeps_reply()) => {
                            relay.write_down(reservation.keep_with_reply(head.status, &head.headers));
                        }
                        Some(reservation) => reservation.keep(),
                        None => {}
                    }
                    return Ok((head, relay));
                }
                Err(Failed::Sent(error)) => return Err(error),
                Err(Failed::NotSent(_)) if fresh => {
                    return Err(ForwardError::Broken("closed before the request"));
                }
                Err(Failed::NotSent(back)) => request = back,
            }
        }
    }
}

async fn connect(upstream: &Upstream, limit: Duration) -> Result<Connection, ForwardError> {
    match timeout(limit, upstream.dialer().dial()).await {
        Ok(dialled) => dialled,
        Err(_) => Err(ForwardError::ConnectTimeout),
    }
}

enum Failed {
    /// Not a byte was written; the request comes back.
    NotSent(Box<Request<Outgoing>>),
    /// The upstream may have seen some of it.
    Sent(ForwardError),
}

async fn answer(sent: impl Future<Output = Sent>, limit: Duration) -> Result<Response<Incoming>, Failed> {
    match timeout(limit, sent).await {
        Err(_) => Err(Failed::Sent(ForwardError::Timeout)),
        Ok(Ok(response)) => Ok(response),
        Ok(Err(mut error)) => match error.take_message() {
            Some(request) => Err(Failed::NotSent(Box::new(request))),
            None => Err(Failed::Sent(broken(&error.into_error()))),
        },
    }
}

type Sent = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;

fn broken(error: &hyper::Error) -> ForwardError {
    ForwardError::Broken(if error.is_parse() {
        "the response is no valid HTTP"
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "closed before the end of the response head"
    } else {
        "the connection broke"
    })
}
