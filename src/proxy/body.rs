//! Receiving a request body: within its size, its time and the budget of all bodies together.

use crate::base::limits::{DRAIN_BYTES, DRAIN_TIME, Timeouts};
use crate::http::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes of request bodies that may be held by all requests together.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    held: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Budget {
        Budget { limit: AtomicU64::new(limit), held: AtomicU64::new(0) }
    }

    /// Changes the limit; what is held stays held.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Bytes held now.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit.load(Ordering::Relaxed);
        if !fits {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

/// A share of the budget, given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Held {
    /// Nothing held yet.
    pub fn of(budget: &Arc<Budget>) -> Held {
        Held { budget: budget.clone(), bytes: 0 }
    }

    fn grow(&mut self, bytes: u64) -> bool {
        let fits = self.budget.take(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Why a body could not be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Over the source's limit; the declared length where there was one.
    TooLarge {
        /// Bytes declared or received so far.
        length: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// No byte for too long, or the whole took too long.
    Timeout {
        /// Bytes received until then.
        received: u64,
    },
    /// Slower than the minimum rate.
    TooSlow {
        /// Bytes received until then.
        received: u64,
        /// Seconds since the body began.
        seconds: u64,
    },
    /// Ended early, or its framing is broken.
    Broken {
        /// Bytes received until then.
        received: u64,
    },
    /// The budget of all bodies together is spent.
    OverCapacity,
}

/// Receives the whole body; `observe` sees every piece as it arrives.
///
/// # Errors
/// See [`BodyError`]. The rest of the body is still unread then; give it to [`drain`].
pub async fn receive(
    incoming: &mut Incoming,
    max_body: u64,
    timeouts: &Timeouts,
    budget: &Arc<Budget>,
    mut observe: impl FnMut(&[u8]),
) -> Result<(Body, Held), BodyError> {
    let declared = incoming.size_hint().lower();
    if declared > max_body {
        return Err(BodyError::TooLarge { length: declared, limit: max_body });
    }
    let mut body = Body::default();
    let mut held = Held::of(budget);
    let mut patience = Patience::new(timeouts);
    while let Some(piece) = patience.next(incoming, body.len()).await? {
        let length = body.len() + piece.len() as u64;
        if length > max_body {
            return Err(BodyError::TooLarge { length, limit: max_body });
        }
        if !held.grow(piece.len() as u64) {
            return Err(BodyError::OverCapacity);
        }
        observe(&piece);
        body.push(piece);
    }
    body.finish();
    Ok((body, held))
}

/// Waits for pieces. Clock and timer are used only when a body makes us wait.
struct Patience<'t> {
    timeouts: &'t Timeouts,
    /// The timer, and when the first wait began.
    timer: Option<(Pin<Box<Sleep>>, Instant)>,
    /// When the present wait began.
    since: Option<Instant>,
}

impl<'t> Patience<'t> {
    fn new(timeouts: &'t Timeouts) -> Patience<'t> {
        Patience { timeouts, timer: None, since: None }
    }

    async fn next(&mut self, incoming: &mut Incoming, received: u64) -> Result<Option<Bytes>, BodyError> {
        loop {
            let mut frame = pin!(incoming.frame());
            let frame = poll_fn(|context| match frame.as_mut().poll(context) {
                Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                Poll::Pending => self.poll_timer(context, received).map(Err),
            })
            .await?;
            self.since = None;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(BodyError::Broken { received }),
                // Trailers end here: they are neither verified nor forwarded.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if piece.is_empty() => continue,
                    Ok(piece) => return Ok(Some(piece)),
                    Err(_) => continue,
                },
            }
        }
    }

    /// Ready when the client has used up its time.
    fn poll_timer(&mut self, context: &mut std::task::Context<'_>, received: u64) -> Poll<BodyError> {
        let Timeouts { body_idle, body, body_min_rate, .. } = self.timeouts;
        let since = *self.since.get_or_insert_with(Instant::now);
        let (timer, began) =
            self.timer.get_or_insert_with(|| (Box::pin(sleep_until(since + (*body_idle).min(*body))), since));
        while timer.as_mut().poll(context).is_ready() {
            let (now, total) = (Instant::now(), began.elapsed());
            if now >= since + *body_idle || total >= *body {
                return Poll::Ready(BodyError::Timeout { received });
            }
            if received < body_min_rate.saturating_mul(total.as_secs()) {
                return Poll::Ready(BodyError::TooSlow { received, seconds: total.as_secs() });
            }
            timer.as_mut().reset((since + *body_idle).min(*began + *body));
        }
        Poll::Pending
    }
}

/// Reads the rest of a refused body in a task of its own, within [`DRAIN_BYTES`] and [`DRAIN_TIME`], so
/// that the answer arrives and the connection can be kept. A larger rest closes an HTTP/1 connection.
pub fn drain(mut incoming: Incoming) {
    if incoming.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let reading = async {
            let mut read = 0;
            while let Some(Ok(frame)) = incoming.frame().await {
                read += frame.data_ref().map_or(0, |piece| piece.len() as u64);
                if read > DRAIN_BYTES {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_given_back() {
        let budget = Arc::new(Budget::new(10));
        let mut first = Held::of(&budget);
        assert!(first.grow(6));
        let mut second = Held::of(&budget);
        assert!(!second.grow(5));
        assert!(second.grow(4));
        assert_eq!(budget.held(), 10);
        drop(first);
        assert_eq!(budget.held(), 4);
        drop(second);
        assert_eq!(budget.held(), 0);
    }
}
