//! The host that a request is for.

use super::gate::GateError;
use http::HeaderValue;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest host with port, bytes (RFC 1035 section 2.3.4 for the name alone).
const MAX_LENGTH: usize = 255;

/// A name or address with an optional port, from `Host`, `:authority` or an absolute target.
#[derive(Clone, Debug)]
pub struct Authority {
    /// As sent; ASCII, checked by `check`.
    text: HeaderValue,
    /// Bytes of `text` before the port.
    host_length: usize,
    /// The host in its one spelling, where that differs from what was sent.
    respelled: Option<Box<str>>,
    port: Option<u16>,
    is_name: bool,
}

impl Authority {
    /// Checks and copies `text`: a name of letters, digits, `-`, `_` and dots, an IPv4 address or an
    /// IPv6 address in brackets, then optionally `:` and a port from 1 to 65535 (RFC 3986 section 3.2,
    /// without user information and escapes).
    ///
    /// # Errors
    /// [`GateError::HostMalformed`] for anything else, or over 255 bytes.
    pub fn parse(text: &[u8]) -> Result<Authority, GateError> {
        let value = HeaderValue::from_bytes(text).map_err(|_| GateError::HostMalformed)?;
        Authority::from_value(&value)
    }

    /// As [`Authority::parse`], but shares the buffer of the field value.
    ///
    /// # Errors
    /// [`GateError::HostMalformed`] as for [`Authority::parse`].
    pub fn from_value(value: &HeaderValue) -> Result<Authority, GateError> {
        check(value).ok_or(GateError::HostMalformed)
    }

    /// As sent, port included.
    pub fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }

    /// As sent, as a field value; shares the buffer.
    pub fn to_value(&self) -> HeaderValue {
        self.text.clone()
    }

    /// The host in lower case, without port and without one trailing dot; IPv6 keeps its brackets.
    pub fn name(&self) -> &str {
        match &self.respelled {
            Some(name) => name,
            None => self.as_str().get(..self.host_length).unwrap_or_default(),
        }
    }

    /// The port, where one was sent.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether the host is a DNS name, not an address.
    pub fn is_name(&self) -> bool {
        self.is_name
    }

    /// Whether both mean the same host and port; no port means that of the scheme (443 when `secure`, else 80).
    pub fn same_host(&self, other: &Authority, secure: bool) -> bool {
        let default = if secure { 443 } else { 80 };
        self.port.unwrap_or(default) == other.port.unwrap_or(default) && self.name() == other.name()
    }
}

fn check(value: &HeaderValue) -> Option<Authority> {
    let text = value.to_str().ok().filter(|text| text.len() <= MAX_LENGTH)?;
    let (host, port) = split_port(text)?;
    let is_name = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().map(|_| false).ok()?,
        None if is_registered_name(host) => !is_ipv4(host),
        None => return None,
    };
    let respelled = respell(host);
    Some(Authority { text: value.clone(), host_length: host.len(), respelled, port, is_name })
}

/// Splits `host[:port]`; `None` where the port is not 1 to 65535 in plain digits.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let after_address = text.find(']').map_or(0, |at| at + 1);
    let Some(colon) = text.get(after_address..)?.find(':').map(|at| at + after_address) else {
        return Some((text, None));
    };
    let digits = text.get(colon + 1..)?;
    if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((text.get(..colon)?, Some(digits.parse().ok()?)))
}

fn is_ipv4(host: &str) -> bool {
    host.strip_suffix('.').unwrap_or(host).parse::<Ipv4Addr>().is_ok()
}

/// Letters, digits, `-` and `_` in labels that are not empty; one trailing dot may follow.
fn is_registered_name(host: &str) -> bool {
    let mut previous = b'.';
    for byte in host.bytes() {
        let fits = match byte {
            b'.' => previous != b'.',
            b'-' | b'_' => true,
            other => other.is_ascii_alphanumeric(),
        };
        if !fits {
            return false;
        }
        previous = byte;
    }
    !host.is_empty()
}

/// Lower case without the trailing dot, where that is not what was sent.
fn respell(host: &str) -> Option<Box<str>> {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let differs = bare.len() != host.len() || bare.bytes().any(|byte| byte.is_ascii_uppercase());
    differs.then(|| bare.to_ascii_lowercase().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Authority {
        Authority::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn names_and_addresses_are_read() {
        for (text, name, port, is_name) in [
            ("good", "good", None, true),
            ("GOOD.example.", "good.example", None, true),
            ("good.example.:8443", "good.example", Some(8443), true),
            ("a_b-c.example:1", "a_b-c.example", Some(1), true),
            ("good:65535", "good", Some(65535), true),
            ("192.0.2.7", "192.0.2.7", None, false),
            ("192.0.2.7.", "192.0.2.7", None, false),
            ("192.0.2.7:80", "192.0.2.7", Some(80), false),
            ("[2001:DB8::1]", "[2001:db8::1]", None, false),
            ("[::1]:443", "[::1]", Some(443), false),
            ("1.2.3", "1.2.3", None, true),
        ] {
            let authority = parse(text);
            assert_eq!(authority.as_str(), text);
            assert_eq!(authority.to_value(), text);
            assert_eq!((authority.name(), authority.port(), authority.is_name()), (name, port, is_name));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "good,evil",
            "good, evil",
            "good/evil",
            "u@good",
            "u:p@good",
            "good ",
            " good",
            "go od",
            "good:",
            "good:0",
            "good:080",
            "good:65536",
            "good:99999",
            "good:+1",
            "good:1 ",
            "good:1:2",
            ":80",
            "good:99999999999999999999",
            "go%6fd",
            "gööd",
            "good\\evil",
            "good?x",
            "good#x",
            "*",
            "a;b",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]]",
            "[]",
            "[good]",
            "[192.0.2.7]",
            "[fe80::1%25eth0]",
            "x[::1]",
            "[::1]:",
            "good:8443/",
            "a'b",
        ] {
            assert_eq!(Authority::parse(text.as_bytes()).err(), Some(GateError::HostMalformed), "{text:?}");
        }
        for bytes in [&b"good\xff"[..], b"good\0", b"good\r\nx: y", b"good\t"] {
            assert!(Authority::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_length_limit_is_inclusive() {
        assert!(Authority::parse(&[b'a'; 255]).is_ok());
        assert!(Authority::parse(&[b'a'; 256]).is_err());
    }

    #[test]
    fn spelling_and_default_port_do_not_make_another_host() {
        for (left, right, secure, same) in [
            ("good", "GOOD.", true, true),
            ("good", "good:443", true, true),
            ("good:443", "good", true, true),
            ("good", "good:80", true, false),
            ("good", "good:80", false, true),
            ("good:8443", "good", true, false),
            ("good", "evil", true, false),
            ("[::1]:443", "[::1]", true, true),
        ] {
            assert_eq!(parse(left).same_host(&parse(right), secure), same, "{left} {right} {secure}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Authority::parse(&bytes);
        }

        #[test]
        fn an_accepted_host_is_safe_to_write_anywhere(text in "[a-zA-Z0-9.:_@,/%;\\[\\]-]{0,24}") {
            if let Ok(authority) = Authority::parse(text.as_bytes()) {
                prop_assert_eq!(authority.as_str(), &text);
                let name = authority.name();
                prop_assert!(!name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-[]".contains(&byte)));
                prop_assert!(Authority::parse(name.as_bytes()).is_ok());
            }
        }
    }
}
