//! A key server that answers as it is told: slowly, wrongly, without end or not at all. It keeps what it was asked.

use super::certificate::provider;
use super::parse::{self, Read as Asked};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a connection looks whether the server is to go.
const LOOK: Duration = Duration::from_millis(20);

/// What becomes of one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200 with this document.
    Json(String),
    /// The same, with these further fields, each with its CRLF.
    JsonWith(&'static str, String),
    /// This status with this body.
    Status(u16, String),
    /// 302 to this place.
    Redirect(String),
    /// The other one, once [`KeyServer::release`] was called.
    Held(Box<Reply>),
    /// 200 with this document, one byte at a time with this pause before each.
    Trickle(String, Duration),
    /// 200 that announces so many bytes and sends them.
    Huge(u64),
    /// 200 in chunks that never end.
    Endless,
    /// Nothing; the connection stays open.
    Never,
    /// Nothing; the connection is closed.
    Close,
    /// These bytes.
    Raw(Vec<u8>),
}

type Choice = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The server; dropped, it stops.
pub struct KeyServer {
    scheme: &'static str,
    address: SocketAddr,
    state: Arc<State>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    tls: Option<Arc<ServerConfig>>,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    open: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
    came: Condvar,
    script: Mutex<VecDeque<Reply>>,
    choice: Mutex<Option<Choice>>,
    released: Mutex<bool>,
    release: Condvar,
    down: AtomicBool,
}

trait Wire: Read + Write + Send {}
impl<W: Read + Write + Send> Wire for W {}

impl KeyServer {
    /// Plain HTTP on a free port; whatever is asked gets this.
    pub fn start(reply: Reply) -> KeyServer {
        KeyServer::serve(None, reply)
    }

    /// HTTPS with this certificate.
    pub fn https(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
        reply: Reply,
    ) -> KeyServer {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a server certificate");
        KeyServer::serve(Some(Arc::new(config)), reply)
    }

    fn serve(tls: Option<Arc<ServerConfig>>, reply: Reply) -> KeyServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = KeyServer {
            scheme: if tls.is_some() { "https" } else { "http" },
            address: listener.local_addr().expect("an address"),
            state: Arc::new(State::default()),
            accepting: Mutex::default(),
            tls,
        };
        server.answer(reply);
        server.accept(listener);
        server
    }

    fn accept(&self, listener: TcpListener) {
        let (state, tls) = (self.state.clone(), self.tls.clone());
        let accepting = thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                if state.down.load(Ordering::Acquire) {
                    return;
                }
                state.connections.fetch_add(1, Ordering::AcqRel);
                state.open.fetch_add(1, Ordering::AcqRel);
                let (state, tls) = (state.clone(), tls.clone());
                thread::spawn(move || {
                    state.connection(wire(socket, tls));
                    state.open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        *self.accepting.lock().unwrap() = Some(accepting);
    }

    /// The address of this path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same, by this name of ours.
    pub fn url_as(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    /// What requests get when nothing is scripted.
    pub fn answer(&self, reply: Reply) {
        self.answer_by(move |_| reply.clone());
    }

    /// The same, chosen by the request.
    pub fn answer_by(&self, choice: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.state.choice.lock().unwrap() = Some(Box::new(choice));
    }

    /// What the next request gets.
    pub fn next(&self, reply: Reply) {
        self.state.script.lock().unwrap().push_back(reply);
    }

    /// Lets go what is held, and what would be held from now on.
    pub fn release(&self) {
        *self.state.released.lock().unwrap() = true;
        self.state.release.notify_all();
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Acquire)
    }

    /// Requests so far.
    pub fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }

    /// All of them, in the order of arrival.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Waits for the request number `count`.
    pub fn wait_for(&self, count: usize) -> bool {
        let asked = self.state.asked.lock().unwrap();
        let few = |asked: &mut Vec<Asked>| asked.len() < count;
        !self.state.came.wait_timeout_while(asked, PATIENCE, few).unwrap().1.timed_out()
    }

    /// Refuses connections and ends those that there are.
    pub fn down(&self) {
        self.state.down.store(true, Ordering::Release);
        self.state.release.notify_all();
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.lock().unwrap().take() {
            accepting.join().expect("the listener ends");
        }
        let began = Instant::now();
        while self.state.open.load(Ordering::Acquire) > 0 && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Is there again, at the same address.
    pub fn up(&self) {
        let listener = TcpListener::bind(self.address).expect("the same port");
        self.state.down.store(false, Ordering::Release);
        self.accept(listener);
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        if !self.state.down.load(Ordering::Acquire) {
            self.down();
        }
    }
}

fn wire(socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> Box<dyn Wire> {
    let _ = socket.set_nodelay(true);
    let _ = socket.set_read_timeout(Some(LOOK));
    let _ = socket.set_write_timeout(Some(PATIENCE));
    match tls {
        None => Box::new(socket),
        Some(config) => {
            let session = ServerConnection::new(config).expect("a session");
            Box::new(StreamOwned::new(session, socket))
        }
    }
}

impl State {
    fn connection(&self, mut wire: Box<dyn Wire>) {
        let mut bytes = Vec::new();
        while let Some(asked) = self.request(&mut wire, &mut bytes) {
            let scripted = self.script.lock().unwrap().pop_front();
            let reply = match (scripted, &*self.choice.lock().unwrap()) {
                (Some(reply), _) => reply,
                (None, Some(choice)) => choice(&asked),
                (None, None) => Reply::Close,
            };
            self.lock().push(asked);
            self.came.notify_all();
            if !self.act(reply, &mut wire) {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap()
    }

    /// The next request; nothing at the end of the connection or of the server.
    fn request(&self, wire: &mut Box<dyn Wire>, bytes: &mut Vec<u8>) -> Option<Asked> {
        let mut piece = [0; 16 * 1024];
        loop {
            match parse::strict_one(bytes) {
                Ok(Some((asked, length))) => {
                    bytes.drain(..length);
                    return Some(asked);
                }
                Ok(None) => {}
                Err(fault) => {
                    eprintln!("the key server was asked in bad HTTP: {fault}");
                    return None;
                }
            }
            if self.down.load(Ordering::Acquire) {
                return None;
            }
            match wire.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if is_pause(error.kind()) => {}
                Err(_) => return None,
            }
        }
    }

    /// Does it; false when the connection is over.
    fn act(&self, reply: Reply, wire: &mut Box<dyn Wire>) -> bool {
        const JSON: &str = "Content-Type: application/json\r\n";
        match reply {
            Reply::Json(text) => write(wire, &head(200, JSON, text.len() as u64), text.as_bytes()),
            Reply::JsonWith(fields, text) => {
                write(wire, &head(200, &format!("{JSON}{fields}"), text.len() as u64), text.as_bytes())
            }
            Reply::Status(204, _) => write(wire, b"HTTP/1.1 204 Status\r\n\r\n", b""),
            Reply::Status(status, text) => {
                let kind = "Content-Type: text/html\r\n";
                write(wire, &head(status, kind, text.len() as u64), text.as_bytes())
            }
            Reply::Redirect(place) => write(wire, &head(302, &format!("Location: {place}\r\n"), 0), b""),
            Reply::Held(reply) => {
                let released = self.released.lock().unwrap();
                let held = |released: &mut bool| !*released && !self.down.load(Ordering::Acquire);
                drop(self.release.wait_timeout_while(released, 2 * PATIENCE, held));
                self.act(*reply, wire)
            }
            Reply::Trickle(text, pause) => {
                write(wire, &head(200, JSON, text.len() as u64), b"")
                    && text.as_bytes().chunks(1).all(|byte| {
                        thread::sleep(pause);
                        !self.down.load(Ordering::Acquire) && write(wire, byte, b"")
                    })
            }
            Reply::Huge(length) => {
                let piece = [b' '; 64 * 1024];
                write(wire, &head(200, JSON, length), b"")
                    && (0..length.div_ceil(piece.len() as u64)).all(|_| write(wire, &piece, b""))
            }
            Reply::Endless => {
                let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
                write(wire, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"");
                while !self.down.load(Ordering::Acquire) {
                    if !write(wire, &chunk, b"") {
                        return false;
                    }
                }
                false
            }
            Reply::Never => {
                let began = Instant::now();
                while !self.down.load(Ordering::Acquire) && began.elapsed() < 3 * PATIENCE {
                    thread::sleep(LOOK);
                }
                false
            }
            Reply::Close => false,
            Reply::Raw(bytes) => write(wire, &bytes, b""),
        }
    }
}

fn head(status: u16, fields: &str, length: u64) -> Vec<u8> {
    format!("HTTP/1.1 {status} Status\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes()
}

fn write(wire: &mut Box<dyn Wire>, head: &[u8], body: &[u8]) -> bool {
    wire.write_all(head).and_then(|()| wire.write_all(body)).and_then(|()| wire.flush()).is_ok()
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::client::{Client, once};
    use crate::rig::request::post;
    use crate::rig::response::Answer;

    fn ask(server: &KeyServer, path: &str) -> Answer {
        once(Client::plain(server.address), &post(path).method("GET"))
    }

    #[test]
    fn requests_are_kept_and_answered_as_scripted() {
        let server = KeyServer::start(Reply::Json("{}".into()));
        server.next(Reply::Status(404, String::new()));
        server.next(Reply::Close);
        server.next(Reply::Trickle("[1]".into(), Duration::from_millis(1)));
        assert_eq!(ask(&server, "/a").expect("scripted").status, 404);
        assert!(ask(&server, "/b").response().is_none());
        assert_eq!(ask(&server, "/c").expect("byte by byte").text(), "[1]");
        assert_eq!(ask(&server, "/d").expect("as usual").text(), "{}");
        let targets: Vec<_> = server.asked().into_iter().map(|asked| asked.target).collect();
        assert_eq!(targets, [b"/a", b"/b", b"/c", b"/d"]);
        assert_eq!((server.connections(), server.count()), (4, 4));
    }

    #[test]
    fn what_is_held_waits_for_its_release() {
        let server = KeyServer::start(Reply::Held(Box::new(Reply::Json("{}".into()))));
        thread::scope(|scope| {
            let asking = scope.spawn(|| ask(&server, "/").expect("released").status);
            assert!(server.wait_for(1) && !asking.is_finished());
            server.release();
            assert_eq!(asking.join().expect("an answer"), 200);
        });
    }

    #[test]
    fn it_goes_down_and_comes_up() {
        let server = KeyServer::start(Reply::Json("{}".into()));
        server.down();
        assert!(TcpStream::connect(server.address).is_err());
        server.up();
        assert_eq!(ask(&server, "/").expect("again").status, 200);
    }
}
