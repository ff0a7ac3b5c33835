//! The gate: which request heads are well-formed and mean the same to every server behind us.

use super::authority::Authority;
use super::head::{Captures, Head};
use super::headers::{FORWARDED_PREFIX, imitates, is_lookalike, single, trim};
use super::target::Target;
use crate::base::limits::Limits;
use crate::base::names::Reason;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, FORWARDED, HOST,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, request, uri};
use std::net::IpAddr;

/// Most names in `Connection`.
const MAX_CONNECTION_OPTIONS: usize = 20;
/// Most digits of a Content-Length: what a `u64` always holds.
const MAX_LENGTH_DIGITS: usize = 19;
/// Bytes that a field costs beside its name and value: `: ` and the line end.
const FIELD_OVERHEAD: usize = 4;

/// How the request came: what the connection knows.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// The server name that the TLS client asked for.
    pub sni: Option<&'a str>,
}

/// Why a head does not pass; one variant per check. Holds numbers and names of ours, no text from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateError {
    /// CONNECT or TRACE.
    MethodNotAllowed,
    /// No `Host` (HTTP/1), or neither `:authority` nor `Host` (HTTP/2).
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// Not a name or address with an optional port.
    HostMalformed,
    /// `Host` and the authority of the target are not the same host.
    HostMismatch,
    /// The TLS server name and the host are names and differ.
    SniMismatch,
    /// Not one number in plain digits without leading zeros.
    ContentLengthMalformed,
    /// Content-Length and Transfer-Encoding.
    FramingConflict,
    /// Not exactly one `chunked`.
    TransferEncodingUnsupported,
    /// Not a path, or with a byte or an escape that has no place in a target.
    TargetMalformed,
    /// A path that servers read differently.
    TargetNotNormal,
    /// Over the limit, both in bytes.
    TargetTooLong { bytes: usize, limit: usize },
    /// A field name that some servers read as a framing or hop-by-hop name, or as one that is verified.
    HeaderLookalike,
    /// This field is repeated or not plain text.
    HeaderMalformed(HeaderName),
    /// `Connection` names this field, which must reach the verifier or the upstream.
    ConnectionNominates(HeaderName),
    /// Upgrade to something else than `h2c`.
    UpgradeRefused,
    /// More fields than the limit.
    TooManyFields { count: usize, limit: usize },
    /// A larger head than the limit, both in bytes.
    HeadTooLarge { bytes: usize, limit: usize },
    /// More names in `Connection` than the limit.
    TooManyConnectionOptions { limit: usize },
}

impl GateError {
    /// The reason code, which also decides the status.
    pub fn reason(&self) -> Reason {
        match self {
            GateError::MethodNotAllowed => Reason::MethodNotAllowed,
            GateError::HostMissing => Reason::HostMissing,
            GateError::HostRepeated => Reason::HostRepeated,
            GateError::HostMalformed => Reason::HostMalformed,
            GateError::HostMismatch => Reason::HostMismatch,
            GateError::SniMismatch => Reason::SniMismatch,
            GateError::ContentLengthMalformed => Reason::ContentLengthMalformed,
            GateError::FramingConflict => Reason::FramingConflict,
            GateError::TransferEncodingUnsupported => Reason::TransferEncodingUnsupported,
            GateError::TargetMalformed => Reason::TargetMalformed,
            GateError::TargetNotNormal => Reason::TargetNotNormal,
            GateError::TargetTooLong { .. } => Reason::TargetTooLong,
            GateError::HeaderLookalike => Reason::HeaderLookalike,
            GateError::HeaderMalformed(_) => Reason::HeaderMalformed,
            GateError::ConnectionNominates(_) => Reason::ConnectionNominates,
            GateError::UpgradeRefused => Reason::UpgradeRefused,
            GateError::TooManyFields { .. }
            | GateError::HeadTooLarge { .. }
            | GateError::TooManyConnectionOptions { .. } => Reason::HeadersTooLarge,
        }
    }

    /// What the operator needs beyond the reason: numbers and field names. May be empty.
    pub fn detail(&self) -> String {
        match self {
            GateError::TargetTooLong { bytes, limit } => format!("target of {bytes} bytes, limit {limit}"),
            GateError::TooManyFields { count, limit } => format!("{count} header fields, limit {limit}"),
            GateError::HeadTooLarge { bytes, limit } => format!("head of {bytes} bytes, limit {limit}"),
            GateError::TooManyConnectionOptions { limit } => format!("more than {limit} names in connection"),
            GateError::HeaderMalformed(name) => format!("header {name} is repeated or not plain text"),
            GateError::ConnectionNominates(name) => format!("connection names {name}"),
            _ => String::new(),
        }
    }

    /// Whether an HTTP/1 connection closes after the answer, because what follows on it cannot be trusted:
    /// every malformed or ambiguous head, and CONNECT, whose client expects a tunnel.
    pub fn closes(&self) -> bool {
        matches!(self.reason().status(), 400 | 405)
    }
}

/// Lets a head pass that is well-formed and unambiguous.
///
/// # Errors
/// The first check that fails, cheapest first.
pub fn admit(parts: request::Parts, arrival: &Arrival<'_>, limits: &Limits) -> Result<Head, GateError> {
    let request::Parts { method, uri, version, headers, .. } = parts;
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(GateError::MethodNotAllowed);
    }
    let uri = uri.into_parts();
    let target = target(&uri, limits.target)?;
    check_size(&headers, method.as_str().len() + target.as_str().len(), limits)?;
    check_names(&headers)?;
    let host = host(&headers, uri.authority.as_ref(), version, arrival)?;
    check_framing(&headers, version)?;
    check_upgrade(&headers)?;
    check_repeated(&headers)?;
    let nominated = nominated(&headers)?;
    Ok(Head { method, target, host, headers, nominated, captures: Captures::new() })
}

/// The first of `names` that `Connection` names. What a source verifies must not end at this hop:
/// refuse with [`GateError::ConnectionNominates`].
pub fn nominates<'n>(head: &Head, names: &'n [HeaderName]) -> Option<&'n HeaderName> {
    if head.nominated.is_empty() {
        return None;
    }
    names.iter().find(|name| head.nominated.contains(name))
}

/// Refuses a field that some servers read as one of `names`, which a source verifies: `webhook_id` beside
/// `webhook-id` would reach the application in its place.
///
/// # Errors
/// [`GateError::HeaderLookalike`].
pub fn check_imitations(head: &Head, names: &[HeaderName]) -> Result<(), GateError> {
    let imitates = |name: &HeaderName| names.iter().any(|verified| imitates(name, verified));
    if head.headers.keys().any(imitates) { Err(GateError::HeaderLookalike) } else { Ok(()) }
}

fn target(uri: &uri::Parts, max_len: usize) -> Result<Target, GateError> {
    if uri.scheme.as_ref().is_some_and(|scheme| scheme != "https" && scheme != "http") {
        return Err(GateError::TargetMalformed);
    }
    // Without a leading slash hyper reads the target as an authority: there is no path then.
    let text = uri.path_and_query.clone().ok_or(GateError::TargetMalformed)?;
    Target::from_parsed(text, max_len)
}

fn check_size(headers: &HeaderMap, start_line: usize, limits: &Limits) -> Result<(), GateError> {
    if headers.len() > limits.header_count {
        return Err(GateError::TooManyFields { count: headers.len(), limit: limits.header_count });
    }
    let size =
        |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + FIELD_OVERHEAD;
    let bytes = start_line + headers.iter().map(size).sum::<usize>();
    if bytes > limits.head {
        return Err(GateError::HeadTooLarge { bytes, limit: limits.head });
    }
    Ok(())
}

fn check_names(headers: &HeaderMap) -> Result<(), GateError> {
    if headers.keys().any(is_lookalike) { Err(GateError::HeaderLookalike) } else { Ok(()) }
}

/// The one host of the request. HTTP/1 must send `Host` (RFC 9112 section 3.2); in HTTP/2 `:authority` may stand alone.
fn host(
    headers: &HeaderMap,
    authority: Option<&uri::Authority>,
    version: Version,
    arrival: &Arrival<'_>,
) -> Result<Authority, GateError> {
    let mut fields = headers.get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(GateError::HostRepeated);
    }
    let authority = authority.map(|text| Authority::parse(text.as_str().as_bytes())).transpose()?;
    let host = match (field.map(Authority::from_value).transpose()?, authority) {
        (Some(host), Some(authority)) if !host.same_host(&authority, arrival.secure) => {
            return Err(GateError::HostMismatch);
        }
        (Some(host), _) => host,
        (None, Some(authority)) if version >= Version::HTTP_2 => authority,
        (None, _) => return Err(GateError::HostMissing),
    };
    if arrival.sni.is_some_and(|sni| names_differ(sni, &host)) {
        return Err(GateError::SniMismatch);
    }
    Ok(host)
}

fn names_differ(sni: &str, host: &Authority) -> bool {
    let sni = sni.strip_suffix('.').unwrap_or(sni);
    host.is_name() && sni.parse::<IpAddr>().is_err() && !sni.eq_ignore_ascii_case(host.name())
}

fn check_framing(headers: &HeaderMap, version: Version) -> Result<(), GateError> {
    let length = content_length(headers, version)?;
    let coding = single(headers, &TRANSFER_ENCODING).map_err(|_| GateError::TransferEncodingUnsupported)?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(GateError::FramingConflict),
        (Some(digits), None) if !is_plain_number(digits) => Err(GateError::ContentLengthMalformed),
        (None, Some(coding)) if version != Version::HTTP_11 || !coding.eq_ignore_ascii_case(b"chunked") => {
            Err(GateError::TransferEncodingUnsupported)
        }
        _ => Ok(()),
    }
}

/// HTTP/2 frames a body by itself and its library has compared the field with it, so equal repetitions are
/// harmless there; in HTTP/1 even they mean that somebody in front framed the message twice.
fn content_length(headers: &HeaderMap, version: Version) -> Result<Option<&[u8]>, GateError> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter().map(|value| trim(value.as_bytes()));
    let first = values.next();
    let agree = values.all(|other| version == Version::HTTP_2 && Some(other) == first);
    if agree { Ok(first) } else { Err(GateError::ContentLengthMalformed) }
}

fn is_plain_number(digits: &[u8]) -> bool {
    match digits {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < MAX_LENGTH_DIGITS && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// `h2c` is declined in silence (RFC 9113 section 3.1); the client of anything else may already speak it.
fn check_upgrade(headers: &HeaderMap) -> Result<(), GateError> {
    let declined = |value: &HeaderValue| trim(value.as_bytes()).eq_ignore_ascii_case(b"h2c");
    if headers.get_all(UPGRADE).iter().all(declined) { Ok(()) } else { Err(GateError::UpgradeRefused) }
}

/// Two values would let the verifier and the upstream read the body in two ways.
fn check_repeated(headers: &HeaderMap) -> Result<(), GateError> {
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        single(headers, &name).map_err(|_| GateError::HeaderMalformed(name))?;
    }
    Ok(())
}

/// What `Connection` names beyond the options that are hop-by-hop in themselves.
fn nominated(headers: &HeaderMap) -> Result<Vec<HeaderName>, GateError> {
    let mut names = Vec::new();
    let mut count = 0;
    for value in headers.get_all(CONNECTION) {
        for option in value.as_bytes().split(|byte| *byte == b',').map(trim) {
            count += 1;
            if count > MAX_CONNECTION_OPTIONS {
                return Err(GateError::TooManyConnectionOptions { limit: MAX_CONNECTION_OPTIONS });
            }
            if option.is_empty() || is_known_option(option) {
                continue;
            }
            let name = HeaderName::from_bytes(option).map_err(|_| GateError::HeaderMalformed(CONNECTION))?;
            if let Some(needed) = needed(&name) {
                return Err(GateError::ConnectionNominates(needed));
            }
            names.push(name);
        }
    }
    Ok(names)
}

fn is_known_option(option: &[u8]) -> bool {
    ["keep-alive", "close", "upgrade", "te", "http2-settings"]
        .iter()
        .any(|known| option.eq_ignore_ascii_case(known.as_bytes()))
}

/// Names that the request is framed, read or trusted by.
const NEEDED: [HeaderName; 8] = [
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    HOST,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    AUTHORIZATION,
    COOKIE,
    FORWARDED,
];

/// The entry of [`NEEDED`], or `x-forwarded-*`, that `name` is.
fn needed(name: &HeaderName) -> Option<HeaderName> {
    if name.as_str().starts_with(FORWARDED_PREFIX) {
        return Some(HeaderName::from_static("x-forwarded-*"));
    }
    NEEDED.iter().find(|entry| *entry == name).cloned()
}

#[cfg(test)]
mod tests;
