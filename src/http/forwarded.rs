//! Who the client is when trusted proxies stand in front, and what the upstream is told about it.

use super::authority::Authority;
use super::headers::trim;
use crate::base::names::header::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO};
use bytes::{BufMut, Bytes, BytesMut};
use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// Room for `for="[IPv6]";host="";proto=https` without the host.
const FORWARDED_ROOM: usize = 80;

/// The address of the client. `peer` is the other end of the connection.
///
/// Only where `peer` is in `trusted` do fields count: `X-Forwarded-For`, or `Forwarded` where that is
/// absent, from right to left as long as hops are trusted. A hop that is no address ends the walk at
/// the last good one. IPv4-mapped IPv6 addresses become IPv4.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    if headers.contains_key(FORWARDED_FOR) {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(hop_address);
        walk(peer, hops, trusted)
    } else {
        let lines = headers.get_all(FORWARDED).iter().rev();
        let hops = lines.flat_map(|line| split(line.as_bytes(), b',').into_iter().rev()).map(element_address);
        walk(peer, hops, trusted)
    }
}

/// Whether the client used https: what `X-Forwarded-Proto` of a trusted `peer` says in one plain word,
/// else whether the connection itself is encrypted.
pub fn client_is_secure(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], encrypted: bool) -> bool {
    if !is_trusted(peer.to_canonical(), trusted) {
        return encrypted;
    }
    let mut values = headers.get_all(FORWARDED_PROTO).iter().map(|value| trim(value.as_bytes()));
    match (values.next(), values.next()) {
        (Some(word), None) if word.eq_ignore_ascii_case(b"https") => true,
        (Some(word), None) if word.eq_ignore_ascii_case(b"http") => false,
        _ => encrypted,
    }
}

/// Writes `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` (RFC 7239) for the
/// upstream, in place of what stands there. `secure`: the client used https.
pub fn write(headers: &mut HeaderMap, client: IpAddr, secure: bool, host: &Authority) {
    let proto = if secure { "https" } else { "http" };
    let (address, forwarded) = compose(client.to_canonical(), proto, host.as_str());
    // Neither can fail: an address and the alphabet of `Authority` are visible ASCII.
    if let (Ok(address), Ok(forwarded)) =
        (HeaderValue::from_maybe_shared(address), HeaderValue::from_maybe_shared(forwarded))
    {
        headers.insert(FORWARDED_FOR, address);
        headers.insert(FORWARDED, forwarded);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(FORWARDED_HOST, host.to_value());
}

/// The value of `Forwarded` and, inside the same buffer, the bare client address.
fn compose(client: IpAddr, proto: &str, host: &str) -> (Bytes, Bytes) {
    let (open, close) = if client.is_ipv6() { ("for=\"[", "]\"") } else { ("for=", "") };
    // A port or an IPv6 address is no token and must be quoted, RFC 7239 section 4.
    let quote = if host.contains(':') { "\"" } else { "" };
    let mut text = BytesMut::with_capacity(FORWARDED_ROOM + host.len());
    text.put_slice(open.as_bytes());
    put_address(&mut text, client);
    let end = text.len();
    for part in [close, ";host=", quote, host, quote, ";proto=", proto] {
        text.put_slice(part.as_bytes());
    }
    let forwarded = text.freeze();
    (forwarded.slice(open.len()..end), forwarded)
}

/// An address as text; the common kind without the formatting machinery, once for every request.
fn put_address(text: &mut BytesMut, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        // Writing to memory does not fail.
        let _ = write!(text.writer(), "{address}");
        return;
    };
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.put_u8(b'.');
        }
        for power in [100, 10, 1] {
            if octet >= power || power == 1 {
                text.put_u8(b'0' + octet / power % 10);
            }
        }
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

fn walk(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    for hop in hops {
        match hop {
            Some(address) => client = address,
            None => break,
        }
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// `ip`, `ip:port`, `[v6]` or `[v6]:port`.
fn hop_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(trim(text)).ok()?;
    let address = match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => IpAddr::V6(inside.parse().ok()?),
        None => match text.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
        },
    };
    Some(address.to_canonical())
}

/// The address in the one `for=` of a `Forwarded` element; `None` for `unknown`, names such as `_x`,
/// quoting that an address does not need, and everything malformed.
fn element_address(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element, b';') {
        let pair = trim(pair);
        let Some((name, value)) = pair.split_at_checked(4) else { continue };
        if name.eq_ignore_ascii_case(b"for=") && found.replace(value).is_some() {
            return None;
        }
    }
    let value = found?;
    let node = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    hop_address(node)
}

/// Splits at `separator` outside of quoted strings.
fn split(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|byte| {
        let outside = !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        outside && *byte == separator
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use proptest::prelude::*;

    const TRUSTED: &[&str] = &["10.0.0.0/8", "2001:db8::/32"];

    fn trusted() -> Vec<IpNet> {
        TRUSTED.iter().map(|net| net.parse().unwrap()).collect()
    }

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn client(peer: &str, headers: &HeaderMap) -> String {
        client_address(peer.parse().unwrap(), headers, &trusted()).to_string()
    }

    #[test]
    fn a_stranger_is_its_socket_address() {
        let fields = headers(FORWARDED_FOR, &["127.0.0.1, 10.0.0.1"]);
        assert_eq!(client("192.0.2.1", &fields), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1", &fields), "192.0.2.1");
        assert_eq!(client("10.0.0.9", &HeaderMap::new()), "10.0.0.9");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
            (&["127.0.0.1, 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
            (&["127.0.0.1", "192.0.2.1", "10.1.1.1,10.1.1.2"], "192.0.2.1"),
            (&["10.1.1.1, 10.1.1.2"], "10.1.1.1"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db9::1]:4711"], "2001:db9::1"),
            (&["[2001:db9::1]"], "2001:db9::1"),
            (&["2001:db9::1"], "2001:db9::1"),
            (&["192.0.2.1, 2001:db8::5"], "192.0.2.1"),
            (&["192.0.2.1, ::ffff:10.1.1.1"], "192.0.2.1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
        ] {
            assert_eq!(client("10.0.0.9", &headers(FORWARDED_FOR, lines)), expected, "{lines:?}");
            assert_eq!(client("::ffff:10.0.0.9", &headers(FORWARDED_FOR, lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_hop_ends_the_walk_at_the_last_good_address() {
        for bad in [
            "unknown",
            "",
            "192.0.2.1:",
            "192.0.2",
            "[192.0.2.1]",
            "[::1",
            "192.0.2.1 x",
            "\"192.0.2.1\"",
            "1.2.3.4:x",
        ] {
            let line = format!("192.0.2.7, {bad}, 10.1.1.1");
            assert_eq!(client("10.0.0.9", &headers(FORWARDED_FOR, &[&line])), "10.1.1.1", "{bad}");
            assert_eq!(client("10.0.0.9", &headers(FORWARDED_FOR, &[bad])), "10.0.0.9", "{bad}");
        }
        let mut fields = HeaderMap::new();
        fields.append(FORWARDED_FOR, HeaderValue::from_bytes(b"192.0.2.7, \xff").unwrap());
        assert_eq!(client("10.0.0.9", &fields), "10.0.0.9");
    }

    #[test]
    fn forwarded_is_read_where_the_older_field_is_absent() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (&["For=\"192.0.2.1:80\";proto=https"], "192.0.2.1"),
            (&["proto=https; for=\"[2001:db9::1]:80\""], "2001:db9::1"),
            (&["for=127.0.0.1, for=192.0.2.1;by=\"a,b;for=c\", for=10.1.1.1"], "192.0.2.1"),
            (&["for=127.0.0.1", "for=192.0.2.1"], "192.0.2.1"),
            (&["for=192.0.2.1, for=_hidden, for=10.1.1.1"], "10.1.1.1"),
            (&["for=192.0.2.1, for=unknown"], "10.0.0.9"),
            (&["for=192.0.2.1, proto=https"], "10.0.0.9"),
            (&["for=192.0.2.1;for=192.0.2.2"], "10.0.0.9"),
            (&["for=\"192.0.2.1"], "10.0.0.9"),
            (&["for=\"192.0.2\\.1\""], "10.0.0.9"),
        ] {
            assert_eq!(client("10.0.0.9", &headers(FORWARDED, lines)), expected, "{lines:?}");
            assert_eq!(client("198.51.100.1", &headers(FORWARDED, lines)), "198.51.100.1", "{lines:?}");
        }
        let mut both = headers(FORWARDED, &["for=192.0.2.1"]);
        both.append(FORWARDED_FOR, HeaderValue::from_static("192.0.2.2"));
        assert_eq!(client("10.0.0.9", &both), "192.0.2.2");
    }

    #[test]
    fn the_protocol_counts_only_from_a_trusted_peer_in_one_word() {
        let of = |peer: &str, lines: &[&str], encrypted| {
            client_is_secure(peer.parse().unwrap(), &headers(FORWARDED_PROTO, lines), &trusted(), encrypted)
        };
        assert!(of("10.0.0.1", &["https"], false));
        assert!(!of("10.0.0.1", &["HTTP"], true));
        assert!(!of("192.0.2.1", &["https"], false));
        assert!(of("192.0.2.1", &["http"], true));
        for odd in [&[][..], &["https, http"], &["https", "https"], &["ftp"], &[""]] {
            assert!(!of("10.0.0.1", odd, false), "{odd:?}");
            assert!(of("10.0.0.1", odd, true), "{odd:?}");
        }
    }

    #[test]
    fn the_upstream_is_told_once_and_by_us() {
        for (client, host, secure, address, forwarded) in [
            ("192.0.2.1", "good.example", true, "192.0.2.1", "for=192.0.2.1;host=good.example;proto=https"),
            ("::ffff:192.0.2.1", "good", false, "192.0.2.1", "for=192.0.2.1;host=good;proto=http"),
            (
                "2001:db8::1",
                "good:8443",
                true,
                "2001:db8::1",
                "for=\"[2001:db8::1]\";host=\"good:8443\";proto=https",
            ),
            ("192.0.2.1", "[::1]", true, "192.0.2.1", "for=192.0.2.1;host=\"[::1]\";proto=https"),
        ] {
            let mut fields = headers(FORWARDED_FOR, &["127.0.0.1", "127.0.0.2"]);
            fields.append(FORWARDED, HeaderValue::from_static("for=127.0.0.1"));
            let host = Authority::parse(host.as_bytes()).unwrap();
            write(&mut fields, client.parse().unwrap(), secure, &host);
            let values = |name| fields.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(values(FORWARDED_FOR), [address]);
            assert_eq!(values(FORWARDED), [forwarded]);
            assert_eq!(values(FORWARDED_HOST), [host.as_str()]);
            assert_eq!(values(FORWARDED_PROTO), [if secure { "https" } else { "http" }]);
        }
    }

    proptest! {
        #[test]
        fn any_fields_are_answered_without_panic(bytes in prop::collection::vec(32u8..=255, 0..80)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                for name in [FORWARDED_FOR, FORWARDED] {
                    let fields = HeaderMap::from_iter([(name, value.clone())]);
                    client_address(IpAddr::from([10, 0, 0, 9]), &fields, &trusted());
                }
            }
        }
    }
}
