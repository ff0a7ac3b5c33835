//! A request head that passed the gate.

use super::authority::Authority;
use super::target::Target;
use http::{HeaderMap, HeaderName, Method};
use std::fmt;
use std::sync::Arc;

/// Named path segments of a route with captures, in path order: `("tenant", "acme")`.
pub type Captures = Vec<(Arc<str>, String)>;

/// A well-formed request head: one host, a target in normal form, the fields as received.
pub struct Head {
    /// The method as sent.
    pub method: Method,
    /// Path and query as sent, byte for byte.
    pub target: Target,
    /// The host that the request is for.
    pub host: Authority,
    /// All fields as received, hop-by-hop fields included.
    pub headers: HeaderMap,
    /// Fields that `Connection` names; they end at this hop.
    pub nominated: Vec<HeaderName>,
    /// Filled by the router.
    pub captures: Captures,
}

impl fmt::Debug for Head {
    /// Names only: a field's value, like a query or a capture, may be a credential.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let captures: Vec<&str> = self.captures.iter().map(|(name, _)| &**name).collect();
        out.debug_struct("Head")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("host", &self.host)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("nominated", &self.nominated)
            .field("captures", &captures)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn names_are_printed_and_values_are_not() {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer hunter2"));
        let head = Head {
            method: Method::POST,
            target: Target::parse("/hooks?token=hunter2", 100).unwrap(),
            host: Authority::parse(b"hooks.example").unwrap(),
            headers,
            nominated: Vec::new(),
            captures: vec![("tenant".into(), "hunter2".to_owned())],
        };
        let printed = format!("{head:?}");
        assert!(printed.contains("authorization") && printed.contains("tenant"), "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
