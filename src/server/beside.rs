//! Two futures in one task, of which the second is polled only when it asked for it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Which of the two ended first.
pub enum Ended<M, S> {
    /// The one that is polled whenever the task wakes.
    Main(M),
    /// The one beside it.
    Side(S),
}

/// Runs `main` and `side` until one of them ends. A connection wakes several times a request, its watchdog
/// once in many seconds: `tokio::select!` would poll the watchdog every time.
pub async fn beside<M: Future, S: Future>(
    mut main: Pin<&mut M>,
    mut side: Pin<&mut S>,
) -> Ended<M::Output, S::Output> {
    let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: Mutex::new(None) });
    let waker = Waker::from(bell.clone());
    poll_fn(|context| {
        if let Poll::Ready(output) = main.as_mut().poll(context) {
            return Poll::Ready(Ended::Main(output));
        }
        if !bell.rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        *bell.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        bell.rung.store(false, Ordering::Release);
        side.as_mut().poll(&mut Context::from_waker(&waker)).map(Ended::Side)
    })
    .await
}

/// Wakes the task and remembers who wanted it.
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        if let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::pin::pin;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn the_side_is_polled_only_when_it_asked() {
        let (bell, polls) = (Notify::new(), Cell::new(0));
        let main = pin!(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            bell.notify_one();
            std::future::pending::<()>().await;
        });
        let mut notified = pin!(bell.notified());
        let side = pin!(poll_fn(|context| {
            polls.set(polls.get() + 1);
            notified.as_mut().poll(context)
        }));
        assert!(matches!(beside(main, side).await, Ended::Side(())));
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test]
    async fn the_main_future_ends_it_too() {
        let main = pin!(async { 5 });
        let side = pin!(std::future::pending::<()>());
        assert!(matches!(beside(main, side).await, Ended::Main(5)));
    }
}
