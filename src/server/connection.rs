//! One connection: handshake, protocol, watchdog, end.

use super::beside::{Ended, beside};
use super::drain::Stopping;
use crate::base::limits::{Limits, Timeouts};
use crate::base::names::Reason;
use crate::proxy::{Activity, Peer, Place, Signs, Worker, handle};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Bytes that hyper may buffer for one HTTP/2 stream on its way out.
const HTTP2_SEND_BUFFER: usize = 64 * 1024;
/// What a client may send on one HTTP/2 stream, and on all of a connection, before we read it.
const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Header fields that hyper takes unless told otherwise (`http1::Builder::max_headers`).
const HYPER_HEADER_COUNT: usize = 100;
/// Streams that a peer may make us reset before the connection ends.
const HTTP2_RESETS: usize = 100;
/// When stopping, how long a connection without a request may stay.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a connection needs to be served.
pub struct Service {
    /// The worker that serves it.
    pub worker: Arc<Worker>,
    /// TLS, unless the listener is plaintext.
    pub tls: Option<Arc<ServerConfig>>,
    /// The end of the process.
    pub stopping: Stopping,
}

impl Service {
    /// Serves the connection until it ends. `place` is its place in the count of connections.
    pub async fn serve(self, stream: TcpStream, address: IpAddr, place: Place) {
        // Copied: a connection that outlives a reload must not keep the old policy and its upstreams.
        let (limits, timeouts) = {
            let policy = &self.worker.live.load().policy;
            (&policy.limits.clone(), &policy.timeouts.clone())
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY refused");
        }
        match &self.tls {
            None => {
                let peer = peer(address, false, None, place);
                self.http1(Watched { inner: stream, peer: peer.clone() }, peer, limits, timeouts).await;
            }
            Some(tls) => {
                let accept = TlsAcceptor::from(tls.clone()).accept(stream);
                let mut stopping = self.stopping.clone();
                let handshake = tokio::select! {
                    handshake = tokio::time::timeout(timeouts.handshake, accept) => handshake,
                    () = stopping.wait() => return,
                };
                let Ok(Ok(stream)) = handshake else {
                    return;
                };
                let session = stream.get_ref().1;
                let http2 = session.alpn_protocol() == Some(b"h2");
                let peer = peer(address, true, session.server_name(), place);
                let stream = Watched { inner: stream, peer: peer.clone() };
                if http2 {
                    Box::pin(self.http2(stream, peer, limits, timeouts)).await;
                } else {
                    Box::pin(self.http1(stream, peer, limits, timeouts)).await;
                }
            }
        }
    }

    async fn http1<T>(&self, stream: Watched<T>, peer: Arc<Peer>, limits: &Limits, timeouts: &Timeouts)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.head)
            .max_header_size(limits.head)
            .half_close(false);
        // Another count than hyper's own moves the parsed fields to the heap, which every request pays for.
        if limits.header_count != HYPER_HEADER_COUNT {
            builder.max_headers(limits.header_count);
        }
        let service = answer(self.worker.clone(), peer.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let watchdog = Watchdog { activity: &peer.activity, timeouts, frames: false };
        self.until_end(connection, |connection| connection.graceful_shutdown(), &watchdog, &peer).await;
    }

    async fn http2<T>(&self, stream: Watched<T>, peer: Arc<Peer>, limits: &Limits, timeouts: &Timeouts)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.http2_streams)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .max_send_buf_size(HTTP2_SEND_BUFFER)
            .max_local_error_reset_streams(HTTP2_RESETS);
        let service = answer(self.worker.clone(), peer.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let watchdog = Watchdog { activity: &peer.activity, timeouts, frames: true };
        self.until_end(connection, |connection| connection.graceful_shutdown(), &watchdog, &peer).await;
    }

    /// Drives the connection; ends it when the process stops, and when the watchdog finds it dead. An idle one
    /// is told, so that a client can see that a request which crosses the end was not taken.
    async fn until_end<C>(
        &self,
        connection: C,
        graceful_shutdown: impl Fn(Pin<&mut C>),
        watchdog: &Watchdog<'_>,
        peer: &Peer,
    ) where
        C: Future<Output = Result<(), hyper::Error>>,
    {
        let mut connection = pin!(connection);
        let mut stopping = self.stopping.clone();
        let ending = pin!(async {
            tokio::select! {
                dead = watchdog.watch() => matches!(dead, Dead::Idle),
                () = stopping.wait() => true,
            }
        });
        match beside(connection.as_mut(), ending).await {
            Ended::Main(ended) => return self.ended(ended, peer),
            Ended::Side(false) => return,
            Ended::Side(true) => graceful_shutdown(connection.as_mut()),
        }
        let ending = pin!(async {
            tokio::select! {
                _ = watchdog.watch() => {}
                () = watchdog.farewell() => {}
            }
        });
        if let Ended::Main(ended) = beside(connection, ending).await {
            self.ended(ended, peer);
        }
    }

    /// Records what the HTTP library answered by itself; everything else that ends a connection is for debugging.
    fn ended(&self, ended: Result<(), hyper::Error>, peer: &Peer) {
        let Err(error) = ended else {
            return;
        };
        let reason = match () {
            () if error.is_parse_too_large() => Reason::HeadersTooLarge,
            () if error.is_parse() => Reason::HttpMalformed,
            () if error.is_timeout() && peer.activity.partial() => Reason::HeadTimeout,
            () => return tracing::debug!(%error, "connection ended"),
        };
        self.worker.recorder.refused(peer.address, reason);
    }
}

fn peer(address: IpAddr, secure: bool, sni: Option<&str>, place: Place) -> Arc<Peer> {
    Arc::new(Peer { address, secure, sni: sni.map(Box::from), activity: Activity::default(), place })
}

fn answer(
    worker: Arc<Worker>,
    peer: Arc<Peer>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = http::Response<crate::proxy::OutBody>,
    Error = Infallible,
    Future: Future + Send + 'static,
> {
    service_fn(move |request| {
        let answer = handle(&worker, &peer, request);
        async move { Ok(answer.await) }
    })
}

/// Why a connection must end.
enum Dead {
    /// Nothing to do.
    Idle,
    /// The client takes nothing of its answer.
    Stalled,
}

/// Finds dead connections.
struct Watchdog<'c> {
    activity: &'c Activity,
    timeouts: &'c Timeouts,
    /// Whether the client can send what is no request: an HTTP/2 client could keep its place for ever with PING
    /// frames, so reads and writes are no signs of life there.
    frames: bool,
}

impl Watchdog<'_> {
    /// Ends when the connection is dead.
    async fn watch(&self) -> Dead {
        let Watchdog { activity, timeouts, .. } = self;
        let interval = (timeouts.head.min(timeouts.write) / 2).max(Duration::from_millis(50));
        let (mut idle, mut stalled) = (Duration::ZERO, Duration::ZERO);
        loop {
            let before = activity.signs();
            tokio::time::sleep(interval).await;
            let now = activity.signs();
            idle = if self.unused(before, now) { idle + interval } else { Duration::ZERO };
            let ignored = activity.offers() > 0 && now.taken == before.taken;
            stalled = if ignored { stalled + interval } else { Duration::ZERO };
            if stalled >= timeouts.write {
                return Dead::Stalled;
            }
            if idle >= timeouts.head {
                return Dead::Idle;
            }
        }
    }

    /// Ends when a connection has nothing in flight and was silent for a while: it waits for a request that
    /// need not come, which a graceful shutdown alone would wait for as well.
    async fn farewell(&self) {
        loop {
            let before = self.activity.signs();
            tokio::time::sleep(FAREWELL).await;
            if self.unused(before, self.activity.signs()) {
                return;
            }
        }
    }

    fn unused(&self, before: Signs, now: Signs) -> bool {
        let silent = self.frames || now.io == before.io;
        self.activity.in_flight() == 0 && now.requests == before.requests && silent
    }
}

/// A stream that notes signs of life.
struct Watched<T> {
    inner: T,
    peer: Arc<Peer>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if read.is_ready() {
            self.peer.activity.read();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        if written.is_ready() {
            self.peer.activity.wrote();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        if written.is_ready() {
            self.peer.activity.wrote();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
