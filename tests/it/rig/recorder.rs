//! An upstream that keeps every byte it gets and answers as it is told.

use super::certificate::{pair, provider};
use super::parse::{self, Read as Seen};
use super::response::find;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What the upstream does with one request.
#[derive(Clone)]
pub enum Behaviour {
    /// 200 with a short body.
    Ok,
    /// 200 after this long.
    Delayed(Duration),
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, then FIN.
    BytesThenClose(Vec<u8>),
    /// These bytes, then RST.
    BytesThenReset(Vec<u8>),
    /// Answers with these bytes as soon as the head is there, does not read the body, then RST.
    EarlyThenReset(Vec<u8>),
    /// Answers with these bytes as soon as the head is there, then neither reads nor closes.
    EarlyThenHold(Vec<u8>),
    /// Reads the head and no more.
    NeverRead,
    /// Reads all and answers nothing.
    NeverAnswer,
    /// A chunked 200: so many chunks of 16 KiB, with a pause before each.
    Stream { chunks: usize, pause: Duration },
}

impl Behaviour {
    /// A response with Content-Length.
    pub fn status(status: u16, fields: &str, body: &str) -> Behaviour {
        Behaviour::Bytes(
            format!("HTTP/1.1 {status} Status\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes(),
        )
    }
}

/// The upstream; dropped, it stops accepting.
pub struct Recorder {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    connections: Mutex<Vec<Vec<u8>>>,
    requests: Mutex<Vec<Result<Seen, String>>>,
    served: Mutex<usize>,
    changed: Condvar,
    default: Mutex<Option<Behaviour>>,
    script: Mutex<VecDeque<Behaviour>>,
    stop: AtomicBool,
}

trait Socket: Read + Write + Send {
    /// Makes the close that follows a reset.
    fn reset(&self);
}

impl Recorder {
    pub fn start() -> Recorder {
        Recorder::tcp(false)
    }

    /// Over TLS, with the certificate of the test.
    pub fn https() -> Recorder {
        Recorder::tcp(true)
    }

    fn tcp(https: bool) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let tls = https.then(server_config);
        let scheme = if https { "https" } else { "http" };
        Recorder::serve(format!("{scheme}://{address}"), move || {
            let (socket, _) = listener.accept()?;
            prepare(&socket);
            Ok(match &tls {
                None => Box::new(socket) as Box<dyn Socket>,
                Some(config) => {
                    let session = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
                    Box::new(StreamOwned::new(session, socket))
                }
            })
        })
    }

    /// On a Unix socket at this path.
    pub fn unix(path: &Path) -> Recorder {
        let listener = UnixListener::bind(path).expect("a Unix socket");
        Recorder::serve(format!("unix:{}", path.display()), move || {
            let (socket, _) = listener.accept()?;
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            Ok(Box::new(socket))
        })
    }

    fn serve(
        url: String,
        accept: impl Fn() -> std::io::Result<Box<dyn Socket>> + Send + 'static,
    ) -> Recorder {
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            while let Ok(socket) = accept() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let state = shared.clone();
                thread::spawn(move || state.connection(socket));
            }
        });
        Recorder { url, state }
    }

    /// What requests get when nothing is scripted.
    pub fn by_default(&self, behaviour: Behaviour) {
        *self.state.default.lock().unwrap() = Some(behaviour);
    }

    /// What the next request gets.
    pub fn next(&self, behaviour: Behaviour) {
        self.state.script.lock().unwrap().push_back(behaviour);
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.state.connections.lock().unwrap().len()
    }

    /// Whole requests received so far.
    pub fn served(&self) -> usize {
        *self.state.served.lock().unwrap()
    }

    /// Requests read to their end so far, whole or malformed; an early answer does not count.
    pub fn seen(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    /// Waits for the request number `count`; false when it does not come in 5 s.
    pub fn wait_for(&self, count: usize) -> bool {
        let limit = Duration::from_secs(5);
        let served = self.state.served.lock().unwrap();
        *self.state.changed.wait_timeout_while(served, limit, |served| *served < count).unwrap().0 >= count
    }

    /// Whole requests in the order of arrival. An error is a request that is malformed for a strict reader
    /// or that a lenient reader sees differently.
    pub fn requests(&self) -> Result<Vec<Seen>, String> {
        self.requests_from(0)
    }

    /// As [`Recorder::requests`], without the first `known` ones.
    pub fn requests_from(&self, known: usize) -> Result<Vec<Seen>, String> {
        self.state.requests.lock().unwrap().iter().skip(known).cloned().collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        if let Some((_, address)) = self.url.split_once("://") {
            let _ = TcpStream::connect(address);
        } else if let Some(path) = self.url.strip_prefix("unix:") {
            let _ = UnixStream::connect(PathBuf::from(path));
        }
    }
}

impl State {
    fn connection(&self, mut socket: Box<dyn Socket>) {
        let number = {
            let mut connections = self.connections.lock().unwrap();
            connections.push(Vec::new());
            connections.len() - 1
        };
        let mut consumed = 0;
        loop {
            // What a request gets is decided when its head is there: an idle connection decides nothing.
            let head = |bytes: &[u8]| {
                let bytes = &bytes[consumed..];
                (find(bytes, b"\r\n\r\n").is_some() || parse::strict_one(bytes).is_err()).then_some(0)
            };
            if self.read_until(&mut socket, number, head).is_none() {
                return;
            }
            match self.take_early() {
                Some(Behaviour::EarlyThenReset(bytes)) => {
                    self.count();
                    let _ = socket.write_all(&bytes);
                    thread::sleep(Duration::from_millis(100));
                    return socket.reset();
                }
                Some(Behaviour::EarlyThenHold(bytes)) => {
                    self.count();
                    let _ = socket.write_all(&bytes);
                    return self.idle();
                }
                Some(_) => return self.idle(),
                None => {}
            }
            let whole = |bytes: &[u8]| match parse::strict_one(&bytes[consumed..]) {
                Ok(request) => request.map(|(_, length)| length),
                Err(_) => Some(bytes.len() - consumed),
            };
            let Some(length) = self.read_until(&mut socket, number, whole) else { return };
            let reading =
                parse::agreed_one(&self.connections.lock().unwrap()[number][consumed..consumed + length]);
            consumed += length;
            self.requests.lock().unwrap().push(reading);
            self.count();
            if !self.act(self.take().unwrap_or(Behaviour::Ok), &mut socket) {
                return;
            }
        }
    }

    /// The next behaviour, if it is one that does not wait for the body.
    fn take_early(&self) -> Option<Behaviour> {
        let early = |behaviour: &Behaviour| {
            matches!(
                behaviour,
                Behaviour::EarlyThenReset(_) | Behaviour::EarlyThenHold(_) | Behaviour::NeverRead
            )
        };
        let mut script = self.script.lock().unwrap();
        if script.is_empty() {
            return self.default.lock().unwrap().clone().filter(early);
        }
        if script.front().is_some_and(early) { script.pop_front() } else { None }
    }

    fn take(&self) -> Option<Behaviour> {
        self.script.lock().unwrap().pop_front().or_else(|| self.default.lock().unwrap().clone())
    }

    fn count(&self) {
        *self.served.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Reads into the record until `found` answers; `None` at the end of the connection or of the test.
    fn read_until(
        &self,
        socket: &mut Box<dyn Socket>,
        number: usize,
        found: impl Fn(&[u8]) -> Option<usize>,
    ) -> Option<usize> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            if let Some(answer) = found(&self.connections.lock().unwrap()[number]) {
                return Some(answer);
            }
            match socket.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.connections.lock().unwrap()[number].extend_from_slice(&piece[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return None,
            }
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
    }

    /// Does it; false when the connection is over.
    fn act(&self, behaviour: Behaviour, socket: &mut Box<dyn Socket>) -> bool {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\naccepted";
        match behaviour {
            Behaviour::Ok => socket.write_all(OK).is_ok(),
            Behaviour::Delayed(time) => {
                thread::sleep(time);
                socket.write_all(OK).is_ok()
            }
            Behaviour::Bytes(bytes) => socket.write_all(&bytes).is_ok(),
            Behaviour::BytesThenClose(bytes) => {
                let _ = socket.write_all(&bytes);
                false
            }
            Behaviour::BytesThenReset(bytes) | Behaviour::EarlyThenReset(bytes) => {
                let _ = socket.write_all(&bytes);
                thread::sleep(Duration::from_millis(50));
                socket.reset();
                false
            }
            Behaviour::NeverRead | Behaviour::NeverAnswer | Behaviour::EarlyThenHold(_) => {
                self.idle();
                false
            }
            Behaviour::Stream { chunks, pause } => stream(socket, chunks, pause),
        }
    }

    /// Holds the connection open until the test ends, or for 30 s.
    fn idle(&self) {
        let started = Instant::now();
        while !self.stop.load(Ordering::Relaxed) && started.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn stream(socket: &mut Box<dyn Socket>, chunks: usize, pause: Duration) -> bool {
    let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
    let mut fine = socket.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_ok();
    for _ in 0..chunks {
        thread::sleep(pause);
        fine = fine && socket.write_all(&chunk).is_ok();
        if !fine {
            return false;
        }
    }
    socket.write_all(b"0\r\n\r\n").is_ok()
}

fn prepare(socket: &TcpStream) {
    let _ = socket.set_nodelay(true);
    let _ = socket.set_read_timeout(Some(Duration::from_millis(50)));
}

fn server_config() -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![pair().certificate.clone()], pair().key())
        .expect("a server certificate");
    Arc::new(config)
}

impl Socket for TcpStream {
    fn reset(&self) {
        let _ = socket2::SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl Socket for UnixStream {
    fn reset(&self) {}
}

impl Socket for StreamOwned<ServerConnection, TcpStream> {
    fn reset(&self) {
        self.sock.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::client::{Client, once};
    use crate::rig::request::post;

    fn client(recorder: &Recorder) -> Client {
        Client::plain(recorder.url.trim_start_matches("http://").parse().expect("an address"))
    }

    #[test]
    fn requests_are_kept_and_answered_as_scripted() {
        let recorder = Recorder::start();
        recorder.next(Behaviour::status(404, "", "no"));
        assert_eq!(once(client(&recorder), &post("/a").body("one")).expect("scripted").status, 404);
        assert_eq!(once(client(&recorder), &post("/b").body("two")).expect("default").text(), "accepted");
        let bodies: Vec<_> =
            recorder.requests().expect("well-formed").into_iter().map(|request| request.body).collect();
        assert_eq!((bodies, recorder.connections()), (vec![b"one".to_vec(), b"two".to_vec()], 2));
    }

    #[test]
    fn a_malformed_request_is_a_fault() {
        let recorder = Recorder::start();
        client(&recorder).send(&post("//a").http1()).answer();
        assert!(recorder.requests().is_err());
        let recorder = Recorder::start();
        client(&recorder).send(&post("/a").body("x").http1_chunked(&[1])).answer();
        assert!(recorder.requests().is_err());
    }

    #[test]
    fn broken_behaviours_break() {
        let recorder = Recorder::start();
        recorder.next(Behaviour::BytesThenReset(b"HTTP/1.1 200 OK\r\nConte".to_vec()));
        recorder.next(Behaviour::EarlyThenReset(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n".to_vec()));
        assert!(once(client(&recorder), &post("/a")).response().is_none());
        let early = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(client(&recorder).send(early).answer().expect("early").status, 413);
        assert_eq!(recorder.served(), 2);
    }
}
