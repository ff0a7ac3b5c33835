//! `bonafide healthcheck`: for containers, which have no curl.

use super::failure::Failure;
use super::keys::local;
use crate::base::names::exit;
use crate::config::{Environment, Options};
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time for each part of the conversation.
const PATIENCE: Duration = Duration::from_secs(2);

/// Options of `bonafide healthcheck`.
#[derive(Debug, clap::Args)]
pub struct HealthcheckArguments {
    /// The policy file: its `[admin] listen` is asked or, without one, whether its listener takes connections.
    #[arg(long, short, env = "BONAFIDE_CONFIG", default_value = "bonafide.toml", value_name = "FILE")]
    config: PathBuf,
    /// Ask the admin port at this address instead.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

/// 0 when the proxy is ready, 1 when it says that it is not, 5 when nobody answers.
///
/// # Errors
/// A policy file with mistakes; nobody answers.
pub fn healthcheck(arguments: &HealthcheckArguments) -> Result<u8, Failure> {
    let (address, admin) = match arguments.address {
        Some(address) => (address, true),
        None => configured(&arguments.config)?,
    };
    let address = local(address);
    let answer = if admin { ask(address) } else { connect(address).map(|_| 200) };
    let status = answer.map_err(|error| Failure::peer(format!("{address}: {error}")))?;
    Ok(if status == 200 { exit::OK } else { exit::NEGATIVE })
}

/// The address to ask, and whether it is the admin port.
fn configured(path: &Path) -> Result<(SocketAddr, bool), Failure> {
    let options = Options { secrets: false, written: false };
    let loaded = crate::config::load(path, &options, &Environment::process()).map_err(Failure::config)?;
    let configuration = loaded.configuration;
    let admin = configuration.admin.map(|admin| (admin.listen, true));
    let listen = configuration.server.listen.first().map(|address| (*address, false));
    admin.or(listen).ok_or_else(|| Failure::start("the policy file names no address".to_owned()))
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn ask(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = connect(address)?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    stream.take(4096).read_to_end(&mut head)?;
    let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok());
    let status = status.and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no HTTP answer"))
}
