//! A future that is finished in any case.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Runs inside the future that holds it; when that is dropped first, it goes on in a task of its own.
///
/// hyper drops the handler of a request when the client leaves, and what was begun at the upstream must
/// not be cut in the middle. Only then a task is worth its cost.
pub struct Persistent<F, A>
where
    F: Future + Send + 'static,
    F::Output: Send,
    A: FnOnce(F::Output) + Send + 'static,
{
    left: Option<(Pin<Box<F>>, A)>,
}

impl<F, A> Persistent<F, A>
where
    F: Future + Send + 'static,
    F::Output: Send,
    A: FnOnce(F::Output) + Send + 'static,
{
    /// `abandoned` gets the output when nobody waits for it any more.
    pub fn new(future: F, abandoned: A) -> Persistent<F, A> {
        Persistent { left: Some((Box::pin(future), abandoned)) }
    }
}

impl<F, A> Future for Persistent<F, A>
where
    F: Future + Send + 'static,
    F::Output: Send,
    A: FnOnce(F::Output) + Send + Unpin + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out while it runs: a future that panicked is not run again.
        let Some((mut future, abandoned)) = self.left.take() else {
            return Poll::Pending;
        };
        let output = future.as_mut().poll(context);
        if output.is_pending() {
            self.left = Some((future, abandoned));
        }
        output
    }
}

impl<F, A> Drop for Persistent<F, A>
where
    F: Future + Send + 'static,
    F::Output: Send,
    A: FnOnce(F::Output) + Send + 'static,
{
    fn drop(&mut self) {
        if let (Some((future, abandoned)), Ok(runtime)) = (self.left.take(), Handle::try_current()) {
            runtime.spawn(async move { abandoned(future.await) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_is_dropped_goes_on() {
        let (let_go, gate) = oneshot::channel::<u32>();
        let abandoned = Arc::new(AtomicU32::new(0));
        let (seen, told) = (abandoned.clone(), oneshot::channel::<()>());
        let future = Persistent::new(gate, move |output| {
            seen.store(output.unwrap_or_default(), Ordering::SeqCst);
            let _ = told.0.send(());
        });
        drop(future);
        assert!(let_go.send(7).is_ok());
        assert!(told.1.await.is_ok());
        assert_eq!(abandoned.load(Ordering::SeqCst), 7);
    }

    #[tokio::test]
    async fn what_is_awaited_is_not_abandoned() {
        let future = Persistent::new(async { 5 }, |_| panic!("abandoned"));
        assert_eq!(future.await, 5);
    }
}
