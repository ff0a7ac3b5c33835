//! `bonafide keys`: the fetched keys of a running proxy, through its admin port.

use super::Failure;
use super::message::print_bytes;
use crate::base::names::exit;
use crate::base::secret::Secret;
use crate::config::{Environment, Options};
use clap::{Args, Subcommand};
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time for each part of the conversation.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer, bytes.
const MAX_ANSWER: u64 = 16 * crate::base::limits::MIB;

/// Options of `bonafide keys`.
#[derive(Debug, Args)]
pub struct KeysArguments {
    #[command(subcommand)]
    action: Action,
    /// The policy file, whose `[admin]` says where to ask and with which token.
    #[arg(
        long,
        short,
        global = true,
        env = "BONAFIDE_CONFIG",
        default_value = "bonafide.toml",
        value_name = "FILE"
    )]
    config: PathBuf,
    /// Only the keys of this source.
    #[arg(long, global = true, value_name = "NAME")]
    source: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the keys of every source that fetches them, as JSON: kid, age and what is left of its life, seconds.
    List,
    /// Fetch again, now.
    Refresh,
    /// Forget, now: what comes next is checked with keys that are fetched then.
    Purge,
}

/// Asks the running proxy; 0 when it did as asked, 1 when it refused.
///
/// # Errors
/// A policy file with mistakes or without `[admin]`; nobody answers.
pub fn keys(arguments: &KeysArguments) -> Result<u8, Failure> {
    let (method, path) = match &arguments.action {
        Action::List => ("GET", "/keys"),
        Action::Refresh => ("POST", "/keys/refresh"),
        Action::Purge => ("POST", "/keys/purge"),
    };
    let path = target(path, arguments.source.as_deref())?;
    let (status, body) = ask_admin(&arguments.config, method, &path)?;
    print_bytes(&body)?;
    Ok(if status == 200 { exit::OK } else { exit::NEGATIVE })
}

/// One question to the admin port that the policy file names: status and body.
///
/// # Errors
/// A policy file with mistakes or without `[admin]`; nobody answers.
pub fn ask_admin(config: &Path, method: &str, path: &str) -> Result<(u16, Vec<u8>), Failure> {
    let (options, environment) = (Options { secrets: true, written: false }, Environment::process());
    let loaded = crate::config::load(config, &options, &environment).map_err(Failure::config)?;
    let admin = loaded.configuration.admin;
    let admin = admin.ok_or_else(|| Failure::usage("the policy file has no `[admin]`".to_owned()))?;
    let address = local(admin.listen);
    let answer = ask(address, method, path, admin.token.as_ref());
    answer.map_err(|error| Failure::peer(format!("{address}: {error}")))
}

fn target(path: &str, source: Option<&str>) -> Result<String, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match source {
        None => Ok(path.to_owned()),
        Some(name) if name.bytes().all(plain) => Ok(format!("{path}?source={name}")),
        Some(_) => Err(Failure::usage("this is not the name of a source".to_owned())),
    }
}

/// An address that listens everywhere is asked here.
pub fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// One request over a connection of its own: status and body.
fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&Secret>,
) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n")
            .into_bytes();
    if let Some(token) = token {
        request.extend_from_slice(b"Authorization: Bearer ");
        request.extend_from_slice(token.expose());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let none = || Error::new(ErrorKind::InvalidData, "no HTTP answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(none)?;
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok());
    let status = status.and_then(|digits| digits.parse().ok()).ok_or_else(none)?;
    Ok((status, answer.split_off(end + 4)))
}
