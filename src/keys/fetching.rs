//! The thread on which keys are fetched, so that neither a slow key server nor a client that leaves matters to
//! the other.

use super::cache::KeyCache;
use super::client::{roots_of_file, roots_of_system};
use crate::base::time::{Clock, UnixTime};
use rustls::RootCertStore;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for what has become due.
const TICK: Duration = Duration::from_secs(1);

/// A thread with a runtime of its own, for all key caches. It ends when the last owner is gone.
pub struct Fetching {
    runtime: Handle,
    caches: Arc<Caches>,
    system_roots: OnceLock<Result<Arc<RootCertStore>, String>>,
    /// Dropped with the last owner, which the thread notices.
    _owned: oneshot::Sender<()>,
}

struct Caches {
    clock: Arc<Clock>,
    list: Mutex<Vec<Weak<KeyCache>>>,
}

impl Fetching {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's: no thread, no poller.
    pub fn start(clock: Arc<Clock>) -> io::Result<Arc<Fetching>> {
        Fetching::with_ticks(clock, true)
    }

    /// Without ticks, time does nothing by itself.
    pub(super) fn with_ticks(clock: Arc<Clock>, ticks: bool) -> io::Result<Arc<Fetching>> {
        let runtime = Builder::new_current_thread().enable_all().thread_name("keys-dns").build()?;
        let caches = Arc::new(Caches { clock, list: Mutex::default() });
        let (owned, gone) = oneshot::channel();
        let fetching = Fetching {
            runtime: runtime.handle().clone(),
            caches: caches.clone(),
            system_roots: OnceLock::new(),
            _owned: owned,
        };
        let ticked = ticks.then_some(caches);
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || run(runtime, ticked, gone))?;
        Ok(Arc::new(fetching))
    }

    /// The current time.
    pub(super) fn now(&self) -> UnixTime {
        self.caches.clock.now()
    }

    /// Runs it on the thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// From now on its ticks reach the cache, as long as somebody else owns it.
    pub(super) fn attend(&self, cache: &Arc<KeyCache>) {
        self.caches.lock().push(Arc::downgrade(cache));
    }

    /// The authorities of a file, or those of the system, which are read once.
    pub(super) fn roots(&self, file: Option<&Path>) -> Result<Arc<RootCertStore>, String> {
        match file {
            Some(path) => roots_of_file(path).map(Arc::new),
            None => self.system_roots.get_or_init(|| roots_of_system().map(Arc::new)).clone(),
        }
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Fetching({} caches)", self.caches.lock().len())
    }
}

impl Caches {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<KeyCache>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that somebody still owns.
    fn living(&self) -> Vec<Arc<KeyCache>> {
        let mut list = self.lock();
        list.retain(|cache| cache.strong_count() > 0);
        list.iter().filter_map(Weak::upgrade).collect()
    }
}

fn run(runtime: Runtime, ticked: Option<Arc<Caches>>, gone: oneshot::Receiver<()>) {
    runtime.block_on(async {
        if let Some(caches) = ticked {
            tokio::spawn(tick(caches));
        }
        gone.await.unwrap_or_default();
    });
    // Not waiting for a lookup that hangs.
    runtime.shutdown_background();
}

async fn tick(caches: Arc<Caches>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = caches.clock.now();
        for cache in caches.living() {
            // In tasks of their own: what goes wrong in one does not end the ticking.
            tokio::spawn(async move { cache.tick(now) });
        }
    }
}
