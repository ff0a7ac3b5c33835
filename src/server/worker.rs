//! One worker: a thread with a runtime of its own that accepts and serves.

use super::connection::Service;
use super::drain::Stopping;
use crate::proxy::{Connections, Worker};
use rustls::ServerConfig;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Between two looks for idle upstream connections that are too old.
const SWEEP: Duration = Duration::from_secs(5);
/// While stopping, between two looks for connections that are left.
const LOOK: Duration = Duration::from_millis(20);
/// First and longest pause after `accept` failed, most likely for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(20);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// What a worker thread needs.
pub struct Station {
    /// What it shares with its requests.
    pub worker: Arc<Worker>,
    /// Its own sockets.
    pub listeners: Vec<TcpListener>,
    /// TLS, unless the listeners are plaintext.
    pub tls: Option<Arc<ServerConfig>>,
    /// The count of open connections of all workers.
    pub connections: Arc<Connections>,
    /// The end of the process.
    pub stopping: Stopping,
}

impl Station {
    /// Runs until the end of the process; whether everything in flight was finished in time.
    ///
    /// # Errors
    /// The runtime could not be built.
    pub fn run(self) -> io::Result<bool> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(self.serve()))
    }

    async fn serve(self) -> bool {
        let station = Arc::new(self);
        tokio::spawn({
            let recorder = station.worker.recorder.clone();
            async move { recorder.run().await }
        });
        tokio::spawn(sweep(station.worker.clone()));
        for listener in &station.listeners {
            match listener.try_clone().and_then(tokio::net::TcpListener::from_std) {
                Ok(listener) => drop(tokio::spawn(station.clone().accept(listener))),
                Err(error) => tracing::error!(%error, "cannot accept"),
            }
        }
        station.stopping.clone().wait().await;
        let finished = station.drained().await;
        station.worker.recorder.flush();
        finished
    }

    async fn accept(self: Arc<Self>, listener: tokio::net::TcpListener) {
        let mut stopping = self.stopping.clone();
        let mut back_off = BACK_OFF;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopping.wait() => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    back_off = BACK_OFF;
                    self.welcome(stream, from.ip().to_canonical());
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(back_off).await;
                    back_off = (back_off * 2).min(LONGEST_BACK_OFF);
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, address: IpAddr) {
        let live = self.worker.live.load();
        // Without TLS of our own, only what terminates it in front of us may speak to us.
        if self.tls.is_none() && !address.is_loopback() && !live.policy.trusts(address) {
            tracing::warn!(peer = %address, "plaintext connection from an address that is not in trusted_proxies");
            return;
        }
        let Some(place) = self.connections.take(live.policy.limits.connections) else {
            return;
        };
        let service =
            Service { worker: self.worker.clone(), tls: self.tls.clone(), stopping: self.stopping.clone() };
        tokio::spawn(service.serve(stream, address, place));
    }

    /// Waits for what is in flight, within the drain time-out.
    async fn drained(&self) -> bool {
        let left = || self.connections.open() > 0 || self.worker.recorder.open() > 0;
        let limit = self.worker.live.load().policy.timeouts.drain;
        let empty = async {
            while left() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(limit, empty).await.is_ok()
    }
}

async fn sweep(worker: Arc<Worker>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        // One is enough for what all workers share.
        if worker.index == 0 {
            while !worker.replay.sweep(worker.clock.now()) {
                tokio::task::yield_now().await;
            }
        }
        for upstream in &worker.live.load_full().upstreams {
            if let Some(pool) = upstream.pool(worker.index) {
                pool.sweep();
            }
        }
    }
}
