//! Addresses, networks, URLs and header names, as texts of the policy file.

use super::Context;
use crate::config::problem::Problem;
use crate::config::span::Located;
use crate::config::value::List;
use crate::http::headers::{strip_hop_by_hop, strip_ours};
use crate::policy::UpstreamAddress;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// An address to listen on.
pub fn listen(context: &mut Context<'_>, text: &Located<String>) -> Option<Located<SocketAddr>> {
    if let Ok(address) = text.value.parse() {
        return Some(Located { value: address, at: text.at });
    }
    let port = text.value.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let help = match (text.value.as_str(), port) {
        (name, Some(port)) if name.starts_with("localhost:") => format!("write \"127.0.0.1:{port}\""),
        (name, Some(port)) if name.starts_with(':') => format!("write \"0.0.0.0:{port}\" or \"[::]:{port}\""),
        _ => "write an IP address and a port: \"0.0.0.0:8443\", \"[::]:8443\"".to_owned(),
    };
    let message = format!("\"{}\" is not an address to listen on", text.value.escape_debug());
    context.push(Problem::error("bad_value", text.at, message).help(help));
    None
}

/// Networks; a plain address is a network of one.
pub fn networks(context: &mut Context<'_>, list: &Option<Located<List<String>>>) -> Vec<IpNet> {
    let texts = list.iter().flat_map(|list| &list.value);
    texts.filter_map(|text| network(context, text)).collect()
}

fn network(context: &mut Context<'_>, text: &Located<String>) -> Option<IpNet> {
    let parsed = text.value.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.value.parse::<IpNet>());
    let (message, help) = match parsed {
        Ok(network) if is_mapped(network.addr()) => (
            "an IPv4 client is known by its IPv4 address: this would never match".into(),
            unmapped(network).map_or("write it as IPv4".into(), |plain| format!("write \"{plain}\"")),
        ),
        Ok(network) if network.trunc() == network => return Some(network),
        Ok(network) => {
            ("the address has bits outside of its network".into(), format!("write \"{}\"", network.trunc()))
        }
        Err(_) => (
            format!("\"{}\" is neither an address nor a network", text.value.escape_debug()),
            "for example \"10.0.0.0/8\" or \"2001:db8::1\"".into(),
        ),
    };
    context.push(Problem::error("bad_value", text.at, message).help(help));
    None
}

/// An IPv4 address in the form of IPv6, `::ffff:10.0.0.1`.
fn is_mapped(address: IpAddr) -> bool {
    address.is_ipv6() && address.to_canonical().is_ipv4()
}

/// A mapped network as IPv4, where it is one: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn unmapped(network: IpNet) -> Option<IpNet> {
    let prefix = network.prefix_len().checked_sub(96)?;
    Some(IpNet::new(network.addr().to_canonical(), prefix).ok()?.trunc())
}

/// A public address: scheme, host and port, without a slash at its end.
pub fn public_url(context: &mut Context<'_>, text: &Located<String>) -> Option<String> {
    let plain = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri
                .authority()
                .is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty())
            && uri.path_and_query().is_none_or(|path| path.as_str() == "/")
            && !text.value.contains('#')
    };
    if text.value.parse::<Uri>().is_ok_and(|uri| plain(&uri)) {
        return Some(text.value.strip_suffix('/').unwrap_or(&text.value).to_owned());
    }
    let message = "a public address is scheme, host and port, without a path";
    context.push(
        Problem::error("bad_value", text.at, message).help("for example \"https://hooks.example.com\""),
    );
    None
}

/// An upstream: its form, and that it is neither ourselves nor plain HTTP across the internet.
pub fn upstream(
    context: &mut Context<'_>,
    text: &Located<String>,
    own: &[Located<SocketAddr>],
) -> Option<UpstreamAddress> {
    let address = match UpstreamAddress::parse(&text.value) {
        Ok(address) => address,
        Err(flaw) => {
            let problem = Problem::error("bad_value", text.at, flaw.to_string());
            context.push(problem.help(
                "for example \"http://127.0.0.1:3000\", \"https://app.internal\", \"unix:/run/app.sock\"",
            ));
            return None;
        }
    };
    if let UpstreamAddress::Tcp { host, port, tls } = &address {
        if let Some(ours) = own.iter().find(|ours| is_ours(host, *port, ours.value)) {
            let problem = Problem::error(
                "upstream_is_ourselves",
                text.at,
                "this is an address that Bonafide listens on",
            );
            context.push(problem.other(ours.at, "listened on here"));
        }
        if !tls && host.parse().is_ok_and(is_public) {
            let problem = Problem::error(
                "upstream_plain",
                text.at,
                "plain HTTP to a public address: anyone between could change requests",
            );
            context.push(problem.help("use https://, or a private address"));
        }
    }
    Some(address)
}

fn is_ours(host: &str, port: u16, ours: SocketAddr) -> bool {
    if port != ours.port() {
        return false;
    }
    let local = ours.ip().is_loopback() || ours.ip().is_unspecified();
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() && ours.ip().is_unspecified() => true,
        Ok(address) if address.is_unspecified() => local,
        Ok(address) => address == ours.ip(),
        Err(_) => local && (host.eq_ignore_ascii_case("localhost")),
    }
}

/// Neither loopback nor one of the ranges for private use.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified())
        }
    }
}

/// A header name.
pub fn header_name(context: &mut Context<'_>, text: &Located<String>) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.value.as_bytes()).ok();
    if name.is_none() {
        let message = format!("\"{}\" is not a header name", text.value.escape_debug());
        context.error("bad_value", text.at, message);
    }
    name
}

/// Whether only Bonafide itself may set a field: framing, hop-by-hop, forwarding and our own names.
pub fn is_reserved(name: &HeaderName) -> bool {
    let mut probe = HeaderMap::new();
    probe.insert(name.clone(), HeaderValue::from_static("x"));
    strip_hop_by_hop(&mut probe, &[]);
    strip_ours(&mut probe);
    let framing = [header::HOST, header::CONTENT_LENGTH, header::EXPECT];
    probe.is_empty() || framing.contains(name) || crate::http::headers::is_lookalike(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_address_is_found_under_its_other_names() {
        let any: SocketAddr = "0.0.0.0:8443".parse().unwrap();
        let loopback: SocketAddr = "127.0.0.1:9090".parse().unwrap();
        for (host, port, ours) in [
            ("127.0.0.1", 8443, any),
            ("localhost", 8443, any),
            ("0.0.0.0", 9090, loopback),
            ("127.0.0.1", 9090, loopback),
        ] {
            assert!(is_ours(host, port, ours), "{host}:{port}");
        }
        for (host, port, ours) in [
            ("127.0.0.1", 3000, any),
            ("app", 8443, any),
            ("10.0.0.1", 8443, any),
            ("127.0.0.2", 9090, loopback),
        ] {
            assert!(!is_ours(host, port, ours), "{host}:{port}");
        }
    }

    #[test]
    fn public_addresses_are_told_from_private_ones() {
        for public in ["93.184.216.34", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in
            ["127.0.0.1", "10.1.2.3", "172.16.0.1", "100.64.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_mapped_network_is_named_as_ipv4() {
        for (mapped, plain) in [
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:10.0.0.1/128", Some("10.0.0.1/32")),
            ("::ffff:10.0.0.1/104", Some("10.0.0.0/8")),
            ("::ffff:0.0.0.0/96", Some("0.0.0.0/0")),
            ("::ffff:10.0.0.0/95", None),
        ] {
            let network: IpNet = mapped.parse().unwrap();
            assert!(is_mapped(network.addr()), "{mapped}");
            assert_eq!(unmapped(network).map(|plain| plain.to_string()).as_deref(), plain, "{mapped}");
        }
        for other in ["10.0.0.1", "::1", "2001:db8::", "::"] {
            assert!(!is_mapped(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn reserved_names() {
        for name in [
            "connection",
            "bonafide-key",
            "bonafide_key",
            "x-forwarded-for",
            "host",
            "content_length",
            "forwarded",
        ] {
            assert!(is_reserved(&HeaderName::from_static(name)), "{name}");
        }
        assert!(!is_reserved(&HeaderName::from_static("x-internal")));
    }
}
