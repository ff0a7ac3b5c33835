//! Where the keys of a source are fetched, and what such a fetch may do.

use super::url_pattern::UrlPattern;
use crate::base::secret::Secret;
use crate::verify::{Algorithm, SingleKey};
use http::HeaderName;
use ipnet::IpNet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A key server as the policy describes it. Two that are equal may share what was fetched.
#[derive(Clone)]
pub struct KeySource {
    /// The name of the source, for logs and metrics.
    pub name: Arc<str>,
    /// What is asked, and what comes back.
    pub place: KeyPlace,
    /// Which keys are of use.
    pub algorithms: Vec<Algorithm>,
    /// Private networks that the key server may be in; loopback needs no entry where the URL names it.
    pub networks: Vec<IpNet>,
    /// PEM file with the authorities that may have signed its certificate; the system's unless given.
    pub ca: Option<PathBuf>,
    /// What that file held when the policy was read, so that a new one is noticed.
    pub ca_digest: Option<[u8; 32]>,
    /// How often a key set is asked for again in the background.
    pub refresh: Duration,
    /// How long nothing is asked for an unknown `kid` after one was not found.
    pub cooldown: Duration,
    /// How long one fetch may take in all.
    pub timeout: Duration,
}

/// What is asked, and what comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A JWK Set at a URL.
    Document {
        /// `https`, or `http` on loopback.
        url: String,
        /// Where in the document the set, or one key, stands.
        key: SingleKey,
    },
    /// OpenID Connect Discovery 1.0: a document that names the URL of the JWK Set.
    Discovery {
        /// The document, `.../.well-known/openid-configuration`.
        url: String,
        /// What its member `issuer` must say.
        issuer: String,
    },
    /// One URL for each `kid`, and one key in each answer.
    PerKid(Box<PerKid>),
    /// The `kid` is the URL of a certificate, as the sender says it.
    Certificate(Box<CertificatePlace>),
}

/// Which URLs of certificates are asked, and which certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePlace {
    /// The URLs; at least one.
    pub urls: Vec<UrlPattern>,
    /// Names, one of which the certificate must have; `*` stands for one label.
    pub names: Vec<String>,
    /// Whether it must lead to an authority, or whether who answers at the URL is believed.
    pub chain: bool,
    /// PEM file with the authorities; the system's unless given.
    pub authorities: Option<PathBuf>,
    /// What that file held when the policy was read.
    pub authorities_digest: Option<[u8; 32]>,
}

/// How one key is asked for by its `kid`.
#[derive(Clone, PartialEq, Eq)]
pub struct PerKid {
    /// The URL, with `{kid}` where it stands in it.
    pub url: String,
    /// Fields of the request; their texts may hold `{kid}` and `{secret}`.
    pub headers: Vec<(HeaderName, String)>,
    /// Members of a JSON object that is sent by POST; their texts may hold `{kid}` and `{secret}`. None: a GET.
    pub json: Option<Vec<(String, String)>>,
    /// What `{secret}` stands for.
    pub secret: Option<Secret>,
    /// Where the JWK stands in the answer.
    pub key: SingleKey,
    /// Statuses that say that there is no such key.
    pub unknown: Vec<u16>,
}

impl PartialEq for KeySource {
    /// All but the name, which does not change what is fetched.
    fn eq(&self, other: &KeySource) -> bool {
        let facts = |this: &KeySource| (this.refresh, this.cooldown, this.timeout);
        self.place == other.place
            && self.algorithms == other.algorithms
            && self.networks == other.networks
            && (&self.ca, self.ca_digest) == (&other.ca, other.ca_digest)
            && facts(self) == facts(other)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeySource({}, {})", self.name, self.place.url())
    }
}

impl fmt::Debug for PerKid {
    /// Without the headers and members, which may be secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PerKid({})", self.url)
    }
}

impl KeyPlace {
    /// The URL as the policy writes it.
    pub fn url(&self) -> &str {
        match self {
            KeyPlace::Document { url, .. } | KeyPlace::Discovery { url, .. } => url,
            KeyPlace::PerKid(per_kid) => &per_kid.url,
            KeyPlace::Certificate(place) => place.urls.first().map_or("", UrlPattern::as_str),
        }
    }

    /// Whether a key may have this name at all.
    pub fn may_have(&self, kid: &str) -> bool {
        match self {
            KeyPlace::Document { .. } | KeyPlace::Discovery { .. } => true,
            // What is only dots does not keep its place in a path.
            KeyPlace::PerKid(_) => kid.bytes().any(|byte| byte != b'.'),
            KeyPlace::Certificate(place) => place.urls.iter().any(|pattern| pattern.matches(kid)),
        }
    }
}

/// Loopback, private, link-local and other addresses that no public server has, IPv4 in IPv6 included.
pub fn is_private(address: std::net::IpAddr) -> bool {
    match address.to_canonical() {
        std::net::IpAddr::V4(v4) => {
            let [first, second, third, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || first == 0
                || first >= 240
                || (first == 100 && (64..128).contains(&second))
                || (first == 198 && matches!(second, 18 | 19))
                || (first == 192 && second == 0 && third == 0)
        }
        std::net::IpAddr::V6(v6) => {
            let [first, second, third, fourth, fifth, sixth, seventh, eighth] = v6.segments();
            let translated = (first, second) == (0x64, 0xff9b);
            let mapped = || std::net::Ipv4Addr::from((u32::from(seventh) << 16) | u32::from(eighth));
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || (first, second) == (0x2001, 0xdb8)
                || (first & 0xffc0) == 0xfec0
                || first == 0x2002 // 6to4 reaches IPv4 addresses by another name
                || (translated && (third != 0 || is_private(mapped().into())))
                || [first, second, third, fourth, fifth, sixth] == [0; 6]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_public_server_has() {
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.1",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "fec0::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["93.184.216.34", "100.128.0.1", "2606:4700::1", "64:ff9b::5db8:d822", "172.32.0.1"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
