//! Which addresses a fetch may go to.

use crate::policy::is_private;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use url::{Host, Url};

/// The addresses and schemes that the fetches of one source may use.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    networks: Vec<IpNet>,
    /// The policy's URL is on this machine, by its own word.
    loopback: bool,
    /// ... and is plain `http`.
    plain: bool,
}

/// Asks the system for the addresses of a host; blocks.
pub(super) type Lookup = fn(&str) -> io::Result<Vec<IpAddr>>;

/// Why a host has no address for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResolveFlaw {
    /// It has none.
    NotFound,
    /// All that it has are private.
    Refused,
}

impl fmt::Display for ResolveFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ResolveFlaw::NotFound => "the host has no address",
            ResolveFlaw::Refused => "the host has private addresses only",
        })
    }
}

impl std::error::Error for ResolveFlaw {}

impl Guard {
    /// For the URL that the policy names.
    ///
    /// # Errors
    /// Not `https`, and not `http` on loopback.
    pub fn new(url: &Url, networks: &[IpNet]) -> Result<Guard, String> {
        let loopback = url.host().as_ref().is_some_and(is_loopback);
        match url.scheme() {
            "https" => Ok(Guard { networks: networks.to_vec(), loopback, plain: false }),
            "http" if loopback => Ok(Guard { networks: networks.to_vec(), loopback, plain: true }),
            _ => Err("a key server is asked by https, or by http on loopback".to_owned()),
        }
    }

    /// Whether no fetch goes over TLS.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether this URL may be asked, as far as can be seen before its host is looked up.
    pub fn permits(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let scheme = match url.scheme() {
            "https" => true,
            "http" => self.plain && is_loopback(&host),
            _ => false,
        };
        let address = match host {
            Host::Domain(_) => None, // left to `Resolver`
            Host::Ipv4(address) => Some(IpAddr::from(address)),
            Host::Ipv6(address) => Some(IpAddr::from(address)),
        };
        scheme && address.is_none_or(|address| self.admits(&host, address))
    }

    /// Whether a host may be asked at this address of its own.
    fn admits(&self, host: &Host<&str>, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.loopback && is_loopback(host) {
            return address.is_loopback();
        }
        !is_private(address) || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// A loopback address or `localhost` itself; other names may lead anywhere.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).to_canonical().is_loopback(),
    }
}

/// Looks hosts up for the HTTP client, which does not ask it about addresses written in the URL.
pub(super) struct Resolver {
    pub guard: Guard,
    pub lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookup) = (self.guard.clone(), self.lookup);
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let asked = host.clone();
            let found = tokio::task::spawn_blocking(move || lookup(&asked)).await;
            let found = found.ok().and_then(Result::ok).filter(|found| !found.is_empty());
            let found = found.ok_or(ResolveFlaw::NotFound)?;
            let host = Host::Domain(host.as_str());
            let admitted: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| guard.admits(&host, *address))
                .map(|address| SocketAddr::new(address, 0)) // the client puts the port in
                .collect();
            if admitted.is_empty() {
                return Err(ResolveFlaw::Refused.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// The system's own resolver.
pub(super) fn system_lookup(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(url: &str, networks: &[&str]) -> Guard {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        Guard::new(&Url::parse(url).unwrap(), &networks).unwrap()
    }

    fn permitted(guard: &Guard, url: &str) -> bool {
        guard.permits(&Url::parse(url).unwrap())
    }

    #[test]
    fn plain_http_is_for_loopback() {
        for url in [
            "http://127.0.0.1/",
            "http://localhost:8/",
            "http://[::1]/",
            "http://127.1/",
            "http://0x7f000001/",
        ] {
            assert!(guard(url, &[]).is_plain() && permitted(&guard(url, &[]), url), "{url}");
        }
        for url in [
            "http://keys.example/",
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://localhost./",
            "http://0.0.0.0/",
            "ftp://localhost/",
            "file:///keys",
        ] {
            let networks = ["0.0.0.0/0".parse().unwrap()];
            assert!(Guard::new(&Url::parse(url).unwrap(), &networks).is_err(), "{url}");
        }
    }

    #[test]
    fn private_addresses_are_for_named_networks() {
        let public = guard("https://keys.example/", &["10.1.0.0/16", "fd00::/8"]);
        for url in [
            "https://93.184.216.34/",
            "https://10.1.2.3/",
            "https://[fd00::1]/",
            "https://[::ffff:10.1.2.3]/",
        ] {
            assert!(permitted(&public, url), "{url}");
        }
        for url in [
            "https://10.2.0.1/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "http://127.0.0.1/",
            "http://localhost/",
            "http://93.184.216.34/",
            "file:///etc/passwd",
            "data:,x",
        ] {
            assert!(!permitted(&public, url), "{url}");
        }
        assert!(
            !permitted(&guard("https://localhost/", &[]), "http://localhost/"),
            "not less than the policy's URL"
        );
        assert!(!permitted(&guard("http://localhost/", &[]), "https://10.0.0.1/"));
        assert!(!permitted(&guard("http://localhost/", &[]), "http://keys.example/"));
    }

    #[test]
    fn only_the_name_localhost_may_lead_to_loopback_and_to_nothing_else() {
        let admits = |guard: &Guard, host: &str, address: &str| {
            guard.admits(&Host::Domain(host), address.parse().unwrap())
        };
        let local = guard("https://localhost/", &["10.0.0.0/8"]);
        assert!(admits(&local, "localhost", "127.0.0.1") && admits(&local, "localhost", "::1"));
        assert!(!admits(&local, "localhost", "93.184.216.34") && !admits(&local, "localhost", "10.0.0.1"));
        assert!(!admits(&local, "keys.example", "127.0.0.1") && admits(&local, "keys.example", "10.0.0.1"));
        let public = guard("https://keys.example/", &[]);
        assert!(
            !admits(&public, "localhost", "127.0.0.1") && !admits(&public, "keys.example", "::ffff:10.0.0.1")
        );
        assert!(admits(&public, "keys.example", "93.184.216.34"));
    }
}
