//! Listening sockets: bound exclusively once, then one per worker.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that wait for `accept`.
const BACKLOG: i32 = 4096;

/// A bound address and a listening socket of it for every worker.
pub struct Bound {
    /// The address, with the port that the system chose for port 0.
    pub address: SocketAddr,
    /// One per worker.
    pub sockets: Vec<TcpListener>,
}

/// Binds `address` for `workers` workers.
///
/// # Errors
/// The address is in use, by this program too: the first bind shares with nobody, and only then the workers
/// share among themselves (SO_REUSEPORT).
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Bound> {
    let first = socket(address, false)?;
    first.bind(&address.into())?;
    first.listen(BACKLOG)?;
    let chosen = first
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an IP address"))?;
    drop(first);
    let listen = |_| {
        let shared = socket(chosen, true)?;
        shared.bind(&chosen.into())?;
        shared.listen(BACKLOG)?;
        shared.set_nonblocking(true)?;
        Ok(TcpListener::from(shared))
    };
    let sockets = (0..workers.max(1)).map(listen).collect::<io::Result<_>>()?;
    Ok(Bound { address: chosen, sockets })
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_bind_is_refused() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = bind(loopback, 2).unwrap();
        assert_eq!(bound.sockets.len(), 2);
        assert_eq!(bind(bound.address, 2).err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }
}
