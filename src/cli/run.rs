//! `bonafide run`: the proxy in the foreground, until a signal.

use super::failure::Failure;
use crate::base::names::exit;
use crate::base::time::Clock;
use crate::config::{Environment, FileState, Loaded, Options, Problems, Watched};
use crate::policy::WaiverKind;
use crate::server::{Running, Start, install_log, provide_open_files};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Between two looks whether a file that the policy reads has changed.
const LOOK_AT_FILES: Duration = Duration::from_secs(5);
/// While stopping, between two looks for workers that are left.
const LOOK_AT_WORKERS: Duration = Duration::from_millis(10);

/// Options of `bonafide run`.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// The policy file.
    #[arg(long, short, env = "BONAFIDE_CONFIG", default_value = "bonafide.toml", value_name = "FILE")]
    config: PathBuf,
    /// Which messages are logged beside requests: error, warn, info, debug.
    #[arg(long, env = "BONAFIDE_LOG", value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Has the crypto library seed its generator, which takes as long as reading a large policy, while that is read: else
/// the first client would wait for it. Without a thread it happens then.
fn gather_entropy() {
    let gather = || drop(rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut [0]));
    drop(std::thread::Builder::new().name("entropy".to_owned()).spawn(gather));
}

/// Runs until SIGTERM or SIGINT; the exit code.
///
/// # Errors
/// A policy file with mistakes, or a system that refuses.
pub fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    gather_entropy();
    let loaded = load(&arguments.config)?;
    let style =
        install_log(loaded.configuration.log.format, arguments.log_level.as_deref()).map_err(refused)?;
    log_warnings(&loaded.problems);
    provide_open_files(loaded.configuration.policy.limits.connections);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    // Before anybody can connect, so that no signal finds the default of ending the process at once.
    let mut signals = runtime.block_on(async { Signals::new() }).map_err(refused)?;
    let mut files = loaded.watched;
    let seen = files.state();
    let clock = Arc::new(Clock::system());
    let start = Start { configuration: loaded.configuration, certificate: None, clock, style };
    let mut running = start.start().map_err(|error| Failure::start(error.to_string()))?;
    announce(&running);
    let interrupted = runtime.block_on(async {
        if let Some(address) = running.serve_admin()? {
            tracing::info!(%address, "admin listening");
        }
        until_stopped(&running, &mut signals, &arguments.config, &mut files, seen).await;
        tracing::info!("stopping");
        running.stop();
        Ok(drained_or_interrupted(&running, &mut signals).await)
    });
    match interrupted.map_err(refused)? {
        true => Ok(exit::INTERRUPTED),
        false if running.join() => Ok(exit::OK),
        false => {
            tracing::error!("stopped before every request in flight had ended");
            Ok(exit::PEER)
        }
    }
}

fn refused(error: std::io::Error) -> Failure {
    Failure::start(error.to_string())
}

fn load(path: &Path) -> Result<Loaded, Failure> {
    crate::config::load(path, &Options { secrets: true, written: false }, &Environment::process())
        .map_err(Failure::config)
}

fn announce(running: &Running) {
    for address in running.addresses() {
        tracing::info!(%address, "listening");
    }
    for source in &running.live().policy.sources {
        let source_name = &*source.name;
        match source.check.waiver().map(|waiver| waiver.kind()) {
            Some(WaiverKind::None) => {
                tracing::warn!(
                    source = source_name,
                    "waiver: scheme = \"none\" forwards unverified requests"
                );
            }
            Some(WaiverKind::Report) => {
                tracing::warn!(source = source_name, "waiver: mode = \"report\" forwards what is not proved");
            }
            None => {}
        }
    }
}

/// The warnings of the policy file, a line each, in the form of the log.
fn log_warnings(problems: &Problems) {
    for problem in problems.iter() {
        let place = problems.files.place(problem.at);
        tracing::warn!(code = problem.code, %place, "{}", problem.message);
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reloads on SIGHUP, and when a file with secrets, certificates or authorities changed, until a signal to end
/// comes.
async fn until_stopped(
    running: &Running,
    signals: &mut Signals,
    path: &Path,
    files: &mut Watched,
    mut seen: FileState,
) {
    loop {
        let asked = tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hangup.recv() => true,
            () = tokio::time::sleep(LOOK_AT_FILES) => false,
        };
        let now = files.state();
        if asked || now != seen {
            reload(running, path, files);
            seen = files.state().not_after(&now);
        }
    }
}

fn reload(running: &Running, path: &Path, files: &mut Watched) {
    let outcome = match load(path) {
        Ok(loaded) => {
            log_warnings(&loaded.problems);
            *files = loaded.watched;
            running.reload(loaded.configuration)
        }
        Err(failure) => {
            running.reload_failed();
            Err(failure.to_string())
        }
    };
    match outcome {
        Ok(()) => tracing::info!("configuration reloaded"),
        Err(error) => {
            tracing::error!(%error, "the configuration was not reloaded; the old one stays in force")
        }
    }
}

/// Whether a second signal came before the workers had ended.
async fn drained_or_interrupted(running: &Running, signals: &mut Signals) -> bool {
    let ended = async {
        while !running.is_finished() {
            tokio::time::sleep(LOOK_AT_WORKERS).await;
        }
    };
    tokio::select! {
        () = ended => false,
        () = signals.end() => true,
    }
}
