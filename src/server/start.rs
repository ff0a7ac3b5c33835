//! From a finished configuration to running workers, and back to nothing.

use super::access_log::{self, LogStyle};
use super::admin::Admin;
use super::drain::{Stop, Stopping, stop};
use super::key_caches::KeyCaches;
use super::listen::{Bound, bind};
use super::metrics::Gauges;
use super::reload::{Fixed, build_live};
use super::tls::{Certificates, server_config};
use super::worker::Station;
use crate::base::secret::Secret;
use crate::base::time::Clock;
use crate::config::{AdminSettings, CaptureSettings, Configuration, LogSettings, ServerSettings};
use crate::proxy::{Budget, Captures, Connections, Hints, Lines, Live, Recorder, RequestIds, Worker};
use crate::replay::Memory;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches of log lines that may wait for a slow log.
const WAITING_BATCHES: usize = 256;
/// How often and for how long the end waits for a log that takes nothing: two seconds.
const LOG_LOOKS: u32 = 400;
const LOG_LOOK: Duration = Duration::from_millis(5);

/// Installs the one crypto provider for this process, for TLS and for tokens; a second call changes nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// What is needed to start.
pub struct Start {
    /// A policy file without mistakes.
    pub configuration: Configuration,
    /// A certificate in memory instead of the files of the configuration.
    pub certificate: Option<CertifiedKey>,
    /// Where `now` comes from.
    pub clock: Arc<Clock>,
    /// The form of request lines.
    pub style: LogStyle,
}

/// Why the process cannot start; `Display` is a sentence for the operator.
#[derive(Debug)]
pub enum StartError {
    /// An address that cannot be bound.
    Bind(SocketAddr, std::io::Error),
    /// Certificates, keys or authorities.
    Tls(String),
    /// Threads or runtimes.
    System(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Bind(address, error) => write!(out, "cannot listen on {address}: {error}"),
            StartError::Tls(sentence) => out.write_str(sentence),
            StartError::System(error) => write!(out, "cannot start: {error}"),
        }
    }
}

/// A running proxy.
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin: Option<(TcpListener, Option<Secret>)>,
    live: Arc<ArcSwap<Live>>,
    certificates: Option<Arc<Certificates>>,
    fixed: Fixed,
    gauges: Arc<Gauges>,
    budget: Arc<Budget>,
    keys: KeyCaches,
    replay: Arc<Memory>,
    captures: Option<Arc<Captures>>,
    stop: Stop,
    stopping: Stopping,
    workers: Vec<JoinHandle<bool>>,
    log: Log,
}

/// The thread that writes request lines. An empty batch ends it.
struct Log {
    thread: JoinHandle<()>,
    lines: SyncSender<Lines>,
}

impl Start {
    /// Binds, loads certificates and starts the workers.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running then.
    pub fn start(mut self) -> Result<Running, StartError> {
        let certificates = self.certificates()?;
        let tls = certificates.clone().map(server_config).transpose().map_err(StartError::Tls)?;
        let count = worker_count(&self.configuration.server);
        let fixed = Fixed::of(&self.configuration);
        let bound = bind_all(&self.configuration.server.listen, count)?;
        let captures = self.configuration.admin.as_ref().and_then(captures);
        let admin = match self.configuration.admin.take() {
            Some(admin) => Some((bind_admin(admin.listen)?, admin.token)),
            None => None,
        };
        let log_settings = self.configuration.log;
        let budget = Arc::new(Budget::new(self.configuration.policy.limits.held_bytes));
        let replay = Arc::new(Memory::new(self.configuration.policy.replay_entries));
        let keys = KeyCaches::new(self.clock.clone());
        let live = build_live(self.configuration, count, &keys, None).map_err(StartError::Tls)?;
        let live = Arc::new(ArcSwap::from_pointee(live));
        let crew = Crew { live, clock: self.clock, budget, replay, captures, count };
        crew.start(bound, tls, log_settings, self.style).map(|started| Running {
            addresses: started.addresses,
            admin,
            live: crew.live,
            certificates,
            fixed,
            gauges: started.gauges,
            budget: crew.budget,
            keys,
            replay: crew.replay,
            captures: crew.captures,
            stop: started.stop,
            stopping: started.stopping,
            workers: started.workers,
            log: started.log,
        })
    }

    fn certificates(&mut self) -> Result<Option<Arc<Certificates>>, StartError> {
        if let Some(certificate) = self.certificate.take() {
            return Ok(Some(Arc::new(Certificates::single(certificate))));
        }
        let files = &self.configuration.server.certificates;
        if files.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Certificates::load(files).map_err(StartError::Tls)?)))
    }
}

fn worker_count(settings: &ServerSettings) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    settings.workers.unwrap_or_else(cores).max(1)
}

/// Where refused requests are kept; nowhere unless the policy says how many.
fn captures(admin: &AdminSettings) -> Option<Arc<Captures>> {
    let CaptureSettings { requests, body } = admin.capture;
    (requests > 0).then(|| Arc::new(Captures::new(requests, body)))
}

fn bind_all(addresses: &[SocketAddr], workers: usize) -> Result<Vec<Bound>, StartError> {
    let bind =
        |address: &SocketAddr| bind(*address, workers).map_err(|error| StartError::Bind(*address, error));
    addresses.iter().map(bind).collect()
}

fn bind_admin(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = bind_all(&[address], 1)?;
    let socket = bound.into_iter().flat_map(|bound| bound.sockets).next();
    socket.ok_or_else(|| StartError::Bind(address, std::io::ErrorKind::AddrNotAvailable.into()))
}

/// What all workers have in common.
struct Crew {
    live: Arc<ArcSwap<Live>>,
    clock: Arc<Clock>,
    budget: Arc<Budget>,
    replay: Arc<Memory>,
    captures: Option<Arc<Captures>>,
    count: usize,
}

struct Started {
    addresses: Vec<SocketAddr>,
    gauges: Arc<Gauges>,
    stop: Stop,
    stopping: Stopping,
    workers: Vec<JoinHandle<bool>>,
    log: Log,
}

impl Crew {
    fn start(
        &self,
        mut bound: Vec<Bound>,
        tls: Option<Arc<ServerConfig>>,
        log: LogSettings,
        style: LogStyle,
    ) -> Result<Started, StartError> {
        let (stop, stopping) = stop();
        let connections = Arc::new(Connections::default());
        let scribe = || log.requests.then(|| access_log::scribe(style));
        let log = spawn_log()?;
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for index in 0..self.count {
            let worker = Arc::new(Worker {
                index,
                live: self.live.clone(),
                clock: self.clock.clone(),
                budget: self.budget.clone(),
                replay: self.replay.clone(),
                captures: self.captures.clone(),
                hints: Hints::default(),
                recorder: Arc::new(Recorder::new(scribe(), log.lines.clone())),
                ids: RequestIds::new(),
            });
            workers.push(worker.clone());
            let station = Station {
                worker,
                listeners: bound.iter_mut().filter_map(|bound| bound.sockets.pop()).collect(),
                tls: tls.clone(),
                connections: connections.clone(),
                stopping: stopping.clone(),
            };
            threads.push(spawn_worker(index, station)?);
        }
        let gauges = Arc::new(Gauges { workers, connections, reload_successful: AtomicBool::new(true) });
        let addresses = bound.iter().map(|bound| bound.address).collect();
        Ok(Started { addresses, gauges, stop, stopping, workers: threads, log })
    }
}

fn spawn_log() -> Result<Log, StartError> {
    let (lines, batches) = sync_channel(WAITING_BATCHES);
    let write = move || access_log::write_all(&batches);
    let thread =
        std::thread::Builder::new().name("log".to_owned()).spawn(write).map_err(StartError::System)?;
    Ok(Log { thread, lines })
}

fn spawn_worker(index: usize, station: Station) -> Result<JoinHandle<bool>, StartError> {
    let run = move || {
        station.run().unwrap_or_else(|error| {
            tracing::error!(%error, "a worker could not start");
            false
        })
    };
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(run).map_err(StartError::System)
}

impl Running {
    /// The bound addresses, in the order of `listen`.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The policy in force.
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Starts the admin port on the caller's runtime; its address, where there is one.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn serve_admin(&mut self) -> std::io::Result<Option<SocketAddr>> {
        let Some((listener, token)) = self.admin.take() else {
            return Ok(None);
        };
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let admin = Admin {
            gauges: self.gauges.clone(),
            live: self.live.clone(),
            captures: self.captures.clone(),
            token,
            stopping: self.stopping.clone(),
        };
        tokio::spawn(admin.serve(listener));
        Ok(Some(address))
    }

    /// Puts a new configuration in force: routes, secrets, limits, time-outs, upstreams and certificates at
    /// once. Requests in flight end under the old one. Addresses and workers need a restart.
    ///
    /// # Errors
    /// A sentence; the old configuration stays in force.
    pub fn reload(&self, configuration: Configuration) -> Result<(), String> {
        let outcome = self.try_reload(configuration);
        self.gauges.reload_successful.store(outcome.is_ok(), Ordering::Relaxed);
        outcome
    }

    /// A reload that failed before there was a configuration.
    pub fn reload_failed(&self) {
        self.gauges.reload_successful.store(false, Ordering::Relaxed);
    }

    fn try_reload(&self, configuration: Configuration) -> Result<(), String> {
        for key in self.fixed.changes(&configuration) {
            tracing::warn!(key, "this change takes effect with the next start");
        }
        let files = configuration.server.certificates.clone();
        let held = configuration.policy.limits.held_bytes;
        let entries = configuration.policy.replay_entries;
        let before = self.live.load_full();
        let live = build_live(configuration, self.gauges.workers.len(), &self.keys, Some(&before))?;
        match (&self.certificates, files.is_empty()) {
            (Some(certificates), false) => certificates.reload(&files)?,
            (None, true) => {}
            _ => return Err("server.plaintext and server.tls change with the next start".to_owned()),
        }
        self.budget.set_limit(held);
        self.replay.set_limit(entries);
        self.live.store(Arc::new(live));
        Ok(())
    }

    /// Stops accepting and tells every connection to end.
    pub fn stop(&self) {
        self.stop.give();
    }

    /// Whether every worker has ended.
    pub fn is_finished(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the workers, and for a log that takes its last lines; whether everything in flight was finished
    /// in time.
    pub fn join(self) -> bool {
        let joined: Vec<bool> =
            self.workers.into_iter().map(|worker| worker.join().unwrap_or(false)).collect();
        let finished = joined.into_iter().all(|in_time| in_time);
        self.log.end();
        finished
    }
}

impl Log {
    /// Waits until every line is written, unless the log takes none.
    fn end(self) {
        let mut ended = false;
        for _ in 0..LOG_LOOKS {
            ended = ended || !matches!(self.lines.try_send(Lines::default()), Err(TrySendError::Full(_)));
            if self.thread.is_finished() {
                return;
            }
            std::thread::sleep(LOG_LOOK);
        }
    }
}
