//! What is remembered of a request for its one log line and the counters, built off the hot path.

use super::live::Peer;
use crate::base::names::{Reason, Verdict};
use crate::base::time::{Stopwatch, unix_millis};
use http::{HeaderValue, Method, Version};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Bytes of a path that are logged.
const MAX_PATH: usize = 512;
/// Records written at once at most.
const BATCH: usize = 128;
/// Bytes of a line, roughly.
const LINE: usize = 600;
/// How long records wait for company.
const BATCH_TIME: Duration = Duration::from_millis(50);

/// One request, as its log line tells it.
#[derive(Debug)]
pub struct Record {
    /// Milliseconds since 1970 at arrival.
    pub at: u64,
    /// The id that the client and the upstream got.
    pub request_id: HeaderValue,
    /// The source's name, once routed.
    pub source: Option<Arc<str>>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Numbers and names that explain the reason; never text from the peer.
    pub detail: Option<String>,
    /// What the operator should look at; only for some of what is not believed.
    pub hint: Option<String>,
    /// Status answered; nothing when the client was gone.
    pub status: Option<u16>,
    /// Status that the upstream answered.
    pub upstream_status: Option<u16>,
    /// The client's address by the trust rules.
    pub client: IpAddr,
    /// Who connected.
    pub peer: IpAddr,
    /// As sent; nothing when the head could not be read.
    pub method: Option<Method>,
    /// As sent, without the query, which may hold credentials; at most [`MAX_PATH`] bytes. Copied: a part of the
    /// request would keep its whole read buffer until the line is written, in another thread.
    pub path: Option<Box<str>>,
    /// As sent, once it passed the gate.
    pub host: Option<Box<str>>,
    /// HTTP version of the request.
    pub version: Version,
    /// Name of the secret that proved it.
    pub key: Option<Arc<str>>,
    /// The sender's id of the event.
    pub event_id: Option<String>,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes of the answer.
    pub bytes_out: u64,
    /// From arrival to the end of the answer.
    pub duration: Duration,
    /// From arrival to the last byte of the body.
    pub body_time: Option<Duration>,
    /// From the forward to the head of the upstream's response.
    pub upstream_time: Option<Duration>,
}

impl Record {
    /// Nothing known yet but who connected, and when in milliseconds since 1970.
    pub fn empty(peer: IpAddr, at: u64) -> Record {
        Record {
            at,
            request_id: HeaderValue::from_static(""),
            source: None,
            verdict: Verdict::Undecided,
            reason: Reason::ClientGone,
            detail: None,
            hint: None,
            status: None,
            upstream_status: None,
            client: peer,
            peer,
            method: None,
            path: None,
            host: None,
            version: Version::HTTP_11,
            key: None,
            event_id: None,
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            body_time: None,
            upstream_time: None,
        }
    }
}

fn logged_path(path: &str) -> &str {
    let end = (0..=MAX_PATH.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
    end.and_then(|end| path.get(..end)).unwrap_or_default()
}

/// A record in the making. However the request ends, dropping this writes its line.
#[derive(Debug)]
pub struct Entry {
    record: Option<Box<Record>>,
    watch: Stopwatch,
    recorder: Arc<Recorder>,
    peer: Arc<Peer>,
}

impl Entry {
    /// Begins the record of a request that has just arrived; `at` in milliseconds since 1970.
    pub fn begin(
        recorder: &Arc<Recorder>,
        peer: &Arc<Peer>,
        request_id: HeaderValue,
        at: u64,
        parts: &http::request::Parts,
    ) -> Entry {
        peer.activity.begin();
        recorder.open.fetch_add(1, Ordering::Relaxed);
        let record = Record {
            request_id,
            method: Some(parts.method.clone()),
            path: Some(logged_path(parts.uri.path()).into()),
            version: parts.version,
            ..Record::empty(peer.address, at)
        };
        Entry {
            record: Some(Box::new(record)),
            watch: Stopwatch::start(),
            recorder: recorder.clone(),
            peer: peer.clone(),
        }
    }

    /// Changes the record.
    pub fn note(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// The connection that the request came in on.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Time since arrival.
    pub fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// The request's id.
    pub fn request_id(&self) -> HeaderValue {
        self.record.as_ref().map_or(HeaderValue::from_static(""), |record| record.request_id.clone())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.duration = self.watch.elapsed();
            self.recorder.push(record);
        }
        self.recorder.open.fetch_sub(1, Ordering::Relaxed);
        self.peer.activity.end();
    }
}

/// Finished records, in the boxes that they were made in.
#[allow(clippy::vec_box)] // a record is too large to be moved through futures and vectors
type Batch = Vec<Box<Record>>;

/// Appends a record to the text of its batch.
pub type Scribe = Box<dyn FnMut(&Record, &mut String) + Send>;

/// Lines on their way to the log; none of them ends the writer.
#[derive(Debug, Default)]
pub struct Lines {
    /// The lines, each with its newline.
    pub text: String,
    /// How many.
    pub count: usize,
}

/// Requests by source, verdict and reason.
pub type Counts = HashMap<(Option<Arc<str>>, Verdict, Reason), u64>;

/// Collects a worker's records, counts them and writes their lines, many at a time and not while somebody
/// waits for an answer. All of it on the worker's own thread: what one thread allocates and another frees
/// costs more than the line. Only the text leaves it.
pub struct Recorder {
    waiting: Mutex<Batch>,
    some: Notify,
    scribe: Option<Mutex<Scribe>>,
    writer: SyncSender<Lines>,
    counts: Mutex<Counts>,
    dropped: AtomicU64,
    open: AtomicU64,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Recorder({} open)", self.open())
    }
}

impl Recorder {
    /// Lines go to `writer`; when it is full they are dropped and counted, never waited for. Without a
    /// `scribe` requests are counted only.
    pub fn new(scribe: Option<Scribe>, writer: SyncSender<Lines>) -> Recorder {
        Recorder {
            waiting: Mutex::new(Vec::with_capacity(BATCH)),
            some: Notify::new(),
            scribe: scribe.map(Mutex::new),
            writer,
            counts: Mutex::new(Counts::new()),
            dropped: AtomicU64::new(0),
            open: AtomicU64::new(0),
        }
    }

    /// Records a head that the HTTP library refused by itself.
    pub fn refused(&self, peer: IpAddr, reason: Reason) {
        let status = Some(reason.status());
        self.push(Box::new(Record {
            verdict: Verdict::Refused,
            reason,
            status,
            ..Record::empty(peer, unix_millis())
        }));
    }

    fn push(&self, record: Box<Record>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(record);
        match waiting.len() {
            1 => self.some.notify_one(),
            BATCH => {
                let batch = std::mem::replace(&mut *waiting, Vec::with_capacity(BATCH));
                drop(waiting);
                self.hand_on(batch);
            }
            _ => {}
        }
    }

    /// Hands on what has gathered, for ever; one wake-up a batch, none while idle.
    pub async fn run(&self) {
        loop {
            self.some.notified().await;
            tokio::time::sleep(BATCH_TIME).await;
            self.flush();
        }
    }

    /// Hands on what has gathered until now.
    pub fn flush(&self) {
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.hand_on(batch);
    }

    fn hand_on(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for record in &batch {
            *counts.entry((record.source.clone(), record.verdict, record.reason)).or_default() += 1;
        }
        drop(counts);
        if let Some(scribe) = &self.scribe {
            let mut scribe = scribe.lock().unwrap_or_else(PoisonError::into_inner);
            let mut text = String::with_capacity(batch.len() * LINE);
            batch.iter().for_each(|record| scribe(record, &mut text));
            self.write(Lines { text, count: batch.len() });
        }
    }

    fn write(&self, lines: Lines) {
        if let Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) =
            self.writer.try_send(lines)
        {
            self.dropped.fetch_add(lines.count as u64, Ordering::Relaxed);
        }
    }

    /// Requests whose record is still open: in flight, or forwarded for a client that left.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Requests counted so far.
    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Log lines that could not be written because the log's reader was too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_path_is_bounded() {
        assert_eq!(logged_path("/hooks/github"), "/hooks/github");
        assert_eq!(logged_path(&"/\u{e9}".repeat(1000)).len(), MAX_PATH - 1);
    }
}
