//! Raw clients: TCP or TLS, bytes in and bytes out, nothing corrected on the way.

use super::certificate::{accepting, client_config};
use super::request::{HOST, Request};
use super::response::{Answer, Buffer};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a client waits for an answer before it counts as silent.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The bytes below HTTP.
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    pub fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(bytes),
            Wire::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

/// Opens a TCP connection whose reads poll every 20 ms.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// TLS with these ALPN names and this server name (`None` sends none).
pub fn tls(address: SocketAddr, alpn: &[&[u8]], sni: Option<&str>) -> io::Result<Wire> {
    let mut socket = connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from(sni.unwrap_or("localhost").to_owned()).map_err(io::Error::other)?;
    let mut session =
        ClientConnection::new(client_config(alpn, sni.is_some()), name).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    Ok(Wire::Tls(Box::new(StreamOwned::new(session, socket))))
}

/// The certificate that is shown to a client that asks for this name, or for none.
pub fn shown(address: SocketAddr, sni: Option<&str>) -> CertificateDer<'static> {
    let name = ServerName::try_from(sni.unwrap_or("localhost").to_owned()).expect("a name");
    let config = accepting(None, &[], sni.is_some());
    let mut session = ClientConnection::new(config, name).expect("a session");
    let mut socket = connect(address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    while session.is_handshaking() {
        session.complete_io(&mut socket).expect("a handshake");
    }
    let shown = session.peer_certificates().and_then(|chain| chain.first()).expect("a certificate");
    shown.clone().into_owned()
}

/// An HTTP/1 client over a raw wire.
pub struct Client {
    pub wire: Wire,
    buffer: Buffer,
}

impl Client {
    pub fn plain(address: SocketAddr) -> Client {
        Client::over(Wire::Plain(connect(address).expect("a connection")))
    }

    /// TLS as hooks.example with ALPN http/1.1.
    pub fn tls(address: SocketAddr) -> Client {
        Client::tls_as(address, Some(HOST))
    }

    pub fn tls_as(address: SocketAddr, sni: Option<&str>) -> Client {
        Client::over(tls(address, &[b"http/1.1"], sni).expect("a TLS connection"))
    }

    pub fn over(wire: Wire) -> Client {
        Client { wire, buffer: Buffer::default() }
    }

    /// Writes; a peer that has closed meanwhile shows in the next read, so errors are dropped.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Client {
        let _ = self.wire.write_all(bytes).and_then(|()| self.wire.flush());
        self
    }

    pub fn answer(&mut self) -> Answer {
        self.answer_within(PATIENCE)
    }

    pub fn answer_within(&mut self, limit: Duration) -> Answer {
        self.buffer.response(&mut self.wire, false, limit)
    }

    /// The answer to a HEAD request.
    pub fn head_answer(&mut self) -> Answer {
        self.buffer.response(&mut self.wire, true, PATIENCE)
    }

    /// True once the proxy has closed, without further bytes.
    pub fn closed_within(&mut self, limit: Duration) -> bool {
        self.buffer.closed(&mut self.wire, limit)
    }

    /// FIN without `close_notify`.
    pub fn half_close(&mut self) {
        let _ = self.wire.socket().shutdown(Shutdown::Write);
    }
}

/// One request on a connection of its own.
pub fn once(mut client: Client, request: &Request) -> Answer {
    client.send(&request.http1());
    if request.method == b"HEAD" { client.head_answer() } else { client.answer() }
}
