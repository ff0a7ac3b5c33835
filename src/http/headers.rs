//! Header fields that end here, that only we may set, or that some server could mistake for another.

use crate::base::names::header::OUR_PREFIX;
use http::header::{HeaderMap, HeaderName};

/// Names with a hyphen that decide on framing, on the connection or on how a body is read.
const FRAMING: [&str; 9] = [
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
];

/// Bytes that are legal in a name and no hyphen, letter or digit.
static ODD: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = byte != b'-' as usize && !(byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// Fields that we build afresh for the upstream, beside [`OUR_PREFIX`] and [`FORWARDED_PREFIX`].
const REBUILT: [&str; 3] = ["forwarded", "x-request-id", "x-real-ip"];
pub(super) const FORWARDED_PREFIX: &str = "x-forwarded-";

/// Removes the hop-by-hop fields and those that `Connection` named. For requests and responses.
/// Values of one name keep their order; different names may change places.
pub fn strip_hop_by_hop(headers: &mut HeaderMap, nominated: &[HeaderName]) {
    remove_where(headers, |name| is_hop_by_hop(name.as_str()) || nominated.contains(name));
}

/// Removes what a client must not say in our name: every `Bonafide-*`, `X-Forwarded-*`, `Forwarded`,
/// `X-Request-Id` and `X-Real-Ip`, also in spellings with another separator than `-`.
///
/// Call it after [`strip_hop_by_hop`] and before our own fields are added.
pub fn strip_ours(headers: &mut HeaderMap) {
    remove_where(headers, is_ours);
}

/// Removes every `Bonafide-*` from a response: a client must not take the upstream's word for ours.
pub fn strip_bonafide(headers: &mut HeaderMap) {
    remove_where(headers, |name| reads_as(name.as_str(), OUR_PREFIX));
}

/// One look at each name, and no allocation where nothing goes.
fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let found: Vec<HeaderName> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Fields that concern one connection only (RFC 9110 section 7.6.1 and what proxies learnt since).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Whether some server reads this name as another field that frames the message or ends at this hop.
///
/// CGI and its descendants turn `-`, and some of them every other separator, into `_`.
pub fn is_lookalike(name: &HeaderName) -> bool {
    let name = name.as_str();
    let odd = name.bytes().any(|byte| ODD[usize::from(byte)]);
    odd && FRAMING.iter().any(|framing| name.len() == framing.len() && reads_as(name, framing))
}

/// Whether some server reads this name as `other`, which it is not.
pub fn imitates(name: &HeaderName, other: &HeaderName) -> bool {
    let normal = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'-' };
    let (left, right) = (name.as_str(), other.as_str());
    left.len() == right.len() && left != right && left.bytes().map(normal).eq(right.bytes().map(normal))
}

/// A field that must not repeat does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

/// The value of a field that may occur once, without the blanks around it.
///
/// # Errors
/// [`Repeated`] where the field occurs more than once, even with equal values.
pub fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, Repeated> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Repeated),
        None => Ok(first.map(|value| trim(value.as_bytes()))),
    }
}

/// Without spaces and tabs at both ends (`OWS`, RFC 9110 section 5.6.3). HTTP/2 delivers them, HTTP/1 does not.
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.as_bytes().first() {
        Some(b'b') => reads_as(name, OUR_PREFIX),
        Some(b'f' | b'x') => {
            reads_as(name, FORWARDED_PREFIX)
                || REBUILT.iter().any(|rebuilt| name.len() == rebuilt.len() && reads_as(name, rebuilt))
        }
        _ => false,
    }
}

/// Whether `name` (lower-case) begins with `prefix` when every separator counts as `-`.
fn reads_as(name: &str, prefix: &str) -> bool {
    let normal = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'-' };
    name.len() >= prefix.len()
        && name.bytes().map(normal).zip(prefix.bytes()).all(|(byte, expected)| byte == expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_another_spelling_imitates() {
        let imitated = |name: &'static str, other: &'static str| {
            imitates(&HeaderName::from_static(name), &HeaderName::from_static(other))
        };
        for name in ["webhook_id", "webhook.id", "webhook!id"] {
            assert!(imitated(name, "webhook-id"), "{name}");
        }
        assert!(imitated("x-sig", "x_sig"));
        for name in ["webhook-id", "webhook-ix", "webhookid", "webhook-id-"] {
            assert!(!imitated(name, "webhook-id"), "{name}");
        }
    }

    fn map(names: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("1"));
        }
        headers
    }

    /// Sorted: removal does not keep the order of different names.
    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn hop_by_hop_and_nominated_fields_go_and_others_stay() {
        let mut headers = map(&[
            "Connection",
            "Keep-Alive",
            "Proxy-Connection",
            "Proxy-Authenticate",
            "Proxy-Authorization",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "HTTP2-Settings",
            "X-Hop",
            "X-Hop",
            "Host",
            "Content-Type",
            "Set-Cookie",
            "Authorization",
        ]);
        strip_hop_by_hop(&mut headers, &[HeaderName::from_static("x-hop")]);
        assert_eq!(names(&headers), ["authorization", "content-type", "host", "set-cookie"]);
    }

    #[test]
    fn what_only_we_may_say_goes_in_every_spelling() {
        let mut headers = map(&[
            "Bonafide-Source",
            "bonafide_source",
            "BONAFIDE-verdict",
            "Bonafide_Event-Id",
            "bonafide.key",
            "X-Forwarded-For",
            "X_Forwarded-For",
            "x_forwarded_proto",
            "X-Forwarded-Uri",
            "Forwarded",
            "X-Request-Id",
            "X_Request_ID",
            "X-Real-Ip",
            "x-real_ip",
        ]);
        strip_ours(&mut headers);
        assert!(headers.is_empty(), "{headers:?}");
    }

    #[test]
    fn names_that_only_resemble_ours_stay() {
        let mut kept = [
            "bonafide",
            "bonafides-source",
            "x-bonafide-source",
            "x-forwarded",
            "forwarded-for",
            "x-request-ids",
            "x-hub-signature-256",
            "from",
            "traceparent",
        ];
        let mut headers = map(&kept);
        strip_ours(&mut headers);
        kept.sort_unstable();
        assert_eq!(names(&headers), kept);
    }

    #[test]
    fn lookalikes_of_framing_names_are_known() {
        for name in [
            "content_length",
            "transfer_encoding",
            "Transfer_Encoding",
            "keep_alive",
            "proxy_connection",
            "proxy_authorization",
            "http2_settings",
            "content_type",
            "content_encoding",
            "content.length",
        ] {
            assert!(is_lookalike(&HeaderName::from_bytes(name.as_bytes()).unwrap()), "{name}");
        }
        for name in [
            "content-length",
            "transfer-encoding",
            "keep-alive",
            "x_signature",
            "content_lengths",
            "content_md5",
            "contentlength",
        ] {
            assert!(!is_lookalike(&HeaderName::from_bytes(name.as_bytes()).unwrap()), "{name}");
        }
    }

    #[test]
    fn a_single_field_is_trimmed_and_may_not_repeat() {
        let name = HeaderName::from_static("x-signature");
        assert_eq!(single(&HeaderMap::new(), &name), Ok(None));
        let mut headers = HeaderMap::new();
        headers.append(&name, HeaderValue::from_static(" \ta b\t "));
        assert_eq!(single(&headers, &name), Ok(Some(&b"a b"[..])));
        headers.append(&name, HeaderValue::from_static("a b"));
        assert_eq!(single(&headers, &name), Err(Repeated));
    }

    #[test]
    fn only_blanks_are_trimmed() {
        for (value, trimmed) in
            [(&b""[..], &b""[..]), (b" \t ", b""), (b"\x0ba\xa0", b"\x0ba\xa0"), (b" a", b"a")]
        {
            assert_eq!(trim(value), trimmed);
        }
    }
}
