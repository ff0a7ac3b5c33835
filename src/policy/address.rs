//! Where an upstream listens.

use std::fmt;
use std::path::PathBuf;

/// The parsed `url` of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamAddress {
    /// `http://host:port` or `https://host:port`.
    Tcp {
        /// A DNS name or an IP address without brackets.
        host: String,
        /// 80 or 443 where the URL names none.
        port: u16,
        /// Whether to speak TLS.
        tls: bool,
    },
    /// `unix:/run/app.sock`: HTTP over a Unix stream socket.
    Unix(PathBuf),
}

/// Why a URL is no upstream address; `Display` is a sentence for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFlaw {
    /// Not one of the three schemes.
    Scheme,
    /// User info, path, query or fragment, where only host and port may stand.
    Extra,
    /// Host empty or malformed.
    Host,
    /// Port not in 1..=65535.
    Port,
    /// The socket path is not absolute.
    SocketPath,
}

impl UpstreamAddress {
    /// Parses `http://host[:port]`, `https://host[:port]` or `unix:/path` (one trailing `/` is allowed).
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(url: &str) -> Result<UpstreamAddress, AddressFlaw> {
        if let Some(path) = url.strip_prefix("unix:") {
            return if path.starts_with('/') && path.len() > 1 {
                Ok(UpstreamAddress::Unix(PathBuf::from(path)))
            } else {
                Err(AddressFlaw::SocketPath)
            };
        }
        let (tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(AddressFlaw::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(AddressFlaw::Extra);
        }
        let (host, port) = split_port(authority, if tls { 443 } else { 80 })?;
        Ok(UpstreamAddress::Tcp { host, port, tls })
    }
}

fn split_port(authority: &str, default: u16) -> Result<(String, u16), AddressFlaw> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(AddressFlaw::Host)?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| AddressFlaw::Host)?;
            match after {
                "" => (address, None),
                _ => (address, Some(after.strip_prefix(':').ok_or(AddressFlaw::Host)?)),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let ipv6 = host.contains(':');
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if host.is_empty() || (!ipv6 && !host.bytes().all(name)) {
        return Err(AddressFlaw::Host);
    }
    let port = match port {
        None => default,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(AddressFlaw::Port)?
        }
        Some(_) => return Err(AddressFlaw::Port),
    };
    Ok((host.to_owned(), port))
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamAddress::Unix(path) => write!(out, "unix:{}", path.display()),
            UpstreamAddress::Tcp { host, port, tls } => {
                let scheme = if *tls { "https" } else { "http" };
                if host.contains(':') {
                    write!(out, "{scheme}://[{host}]:{port}")
                } else {
                    write!(out, "{scheme}://{host}:{port}")
                }
            }
        }
    }
}

impl fmt::Display for AddressFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            AddressFlaw::Scheme => "an upstream begins with http://, https:// or unix:/",
            AddressFlaw::Extra => "an upstream is only host and port; use `upstream_path` to change the path",
            AddressFlaw::Host => "the host is not a name or an IP address (IPv6 in brackets)",
            AddressFlaw::Port => "the port is not in 1..=65535",
            AddressFlaw::SocketPath => "a socket is written unix:/absolute/path.sock",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_parse_and_print() {
        for (url, printed) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("https://app.internal/", "https://app.internal:443"),
            ("http://[::1]:9", "http://[::1]:9"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
        ] {
            assert_eq!(
                UpstreamAddress::parse(url).map(|address| address.to_string()),
                Ok(printed.to_owned())
            );
        }
    }

    #[test]
    fn anything_else_is_named() {
        for (url, flaw) in [
            ("ftp://x", AddressFlaw::Scheme),
            ("127.0.0.1:3000", AddressFlaw::Scheme),
            ("http://u:p@app", AddressFlaw::Extra),
            ("http://app/base", AddressFlaw::Extra),
            ("http://", AddressFlaw::Host),
            ("http://a b", AddressFlaw::Host),
            ("http://[::1", AddressFlaw::Host),
            ("http://app:0", AddressFlaw::Port),
            ("http://app:99999", AddressFlaw::Port),
            ("http://app:+80", AddressFlaw::Port),
            ("unix:run/app.sock", AddressFlaw::SocketPath),
        ] {
            assert_eq!(UpstreamAddress::parse(url), Err(flaw), "{url}");
        }
    }
}
