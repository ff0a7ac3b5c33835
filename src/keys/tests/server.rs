//! A key server that does what a script says, over plain HTTP or TLS on loopback.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// Writes the answer to a request, which it gets whole, as text.
type Script = dyn Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    script: Mutex<Arc<Script>>,
    tls: Option<Arc<rustls::ServerConfig>>,
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
    came: Condvar,
    stopped: AtomicBool,
}

impl Server {
    pub fn start(script: impl Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static) -> Server {
        Server::launch(script, None)
    }

    pub fn launch(
        script: impl Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            tls,
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            came: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let accepts = shared.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepts.stopped.load(Ordering::SeqCst) {
                    break;
                }
                accepts.connections.fetch_add(1, Ordering::SeqCst);
                let shared = accepts.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Server { address, shared, accepting: Some(accepting) }
    }

    /// From now on it answers otherwise.
    pub fn script(&self, script: impl Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests that came so far.
    pub fn hits(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The request of this number, once it is there. Blocks, which only the tests' own thread does.
    pub fn request(&self, number: usize) -> String {
        let requests = self.shared.requests.lock().unwrap();
        let few = |requests: &mut Vec<String>| requests.len() <= number;
        let patience = std::time::Duration::from_secs(10);
        let (requests, _) = self.shared.came.wait_timeout_while(requests, patience, few).unwrap();
        requests.get(number).expect("the request did not come").clone()
    }
}

impl Drop for Server {
    /// Returns when the port is closed.
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.accepting.take().unwrap().join().unwrap();
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        match &self.tls {
            None => self.exchange(stream),
            Some(config) => {
                let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                self.exchange(rustls::StreamOwned::new(connection, stream));
            }
        }
    }

    fn exchange(&self, mut stream: impl Read + Write) {
        let Some(request) = read_request(&mut stream) else { return };
        let script = self.script.lock().unwrap().clone();
        self.requests.lock().unwrap().push(request.clone());
        self.came.notify_all();
        // A client that leaves early is no matter here. What TLS has to say at the end comes with the drop.
        if script(&request, &mut stream).is_ok() && self.tls.is_some() {
            stream.flush().unwrap_or_default();
        }
    }
}

/// The first byte of a client that speaks TLS.
const HANDSHAKE: u8 = 0x16;

fn read_request(stream: &mut (impl Read + Write)) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
        if bytes[0] == HANDSHAKE {
            let _hello = stream.read(&mut [0; 16_384]).ok()?;
            write!(stream, "HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
            return None;
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

/// Writes a complete answer; `fields` are lines that end in CR LF.
pub fn answer(out: &mut dyn Write, status: &str, fields: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(out, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}")
}

/// A door that a script waits at until the test opens it.
#[derive(Clone, Default)]
pub struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}
