//! What is taken out of a refused request before it is kept.
//!
//! Credentials that could be used again go: `Authorization`, `Cookie`, the fields of tokens and passwords, and every
//! compact JWT, wherever it stands. Signatures stay: a MAC proves one message and nothing else, and it is what whoever
//! asks why a request was refused has to look at.

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName};

/// Stands where a credential was.
const REDACTED: &str = "[redacted]";
/// How every JWT begins: `{"` in base64url.
const BEGINNING: &str = "eyJ";

/// The fields in their order, as text; `credentials` are the fields in which the source expects a token or password.
pub fn fields(headers: &HeaderMap, credentials: &[HeaderName]) -> Vec<(String, String)> {
    let secret = |name: &HeaderName| {
        [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name) || credentials.contains(name)
    };
    let value = |name: &HeaderName, value: &[u8]| match secret(name) {
        true => REDACTED.to_owned(),
        false => tokens(&String::from_utf8_lossy(value)),
    };
    headers.iter().map(|(name, text)| (name.to_string(), value(name, text.as_bytes()))).collect()
}

/// A text without its compact JWTs (RFC 7515 section 7.1, RFC 7516 section 7.1). One with a detached payload, which is
/// a signature over the body, stays.
pub fn tokens(text: &str) -> String {
    let is_part = |next: char| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|next| !is_part(next)).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match token_in(run).and_then(|at| run.get(..at)) {
            Some(before) => out.extend([before, REDACTED]),
            None => out.push_str(run),
        }
        let next = after.find(is_part).unwrap_or(after.len());
        let (between, next) = after.split_at_checked(next).unwrap_or((after, ""));
        out.push_str(between);
        rest = next;
    }
    out
}

/// Where a token begins in a run of characters that tokens are made of. Parts are looked at once: a stranger writes
/// the text.
fn token_in(run: &str) -> Option<usize> {
    let parts: Vec<&str> = run.split('.').collect();
    let mut at = 0;
    for (index, part) in parts.iter().enumerate() {
        let behind = parts.get(index + 1..).unwrap_or_default();
        let is_token = match behind {
            [] | [_] => false,
            [payload, ..] => !payload.is_empty() || behind.len() >= 4,
        };
        if let Some(found) = part.find(BEGINNING).filter(|_| is_token) {
            return Some(at + found);
        }
        at += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

    #[test]
    fn tokens_go_wherever_they_stand() {
        for (text, left) in [
            (TOKEN.to_owned(), "[redacted]"),
            (format!("Bearer {TOKEN}"), "Bearer [redacted]"),
            (format!("a={TOKEN}&b=2"), "a=[redacted]&b=2"),
            (format!("x{TOKEN}, y={TOKEN};z"), "x[redacted], y=[redacted];z"),
            (format!("/hooks/{TOKEN}/x?t=\u{fc}{TOKEN}"), "/hooks/[redacted]/x?t=\u{fc}[redacted]"),
            (format!("t=1.{TOKEN}"), "t=1.[redacted]"),
            ("eyJ9.eyJ9.".to_owned(), "[redacted]"),
            ("eyJ9..aXY.Y3Q.dGFn".to_owned(), "[redacted]"),
        ] {
            assert_eq!(tokens(&text), left, "{text}");
        }
    }

    #[test]
    fn signatures_and_all_else_stay() {
        for text in [
            "",
            "t=1792665005,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            "eyJhbGciOiJQUzI1NiJ9..c2lnbmF0dXJl",
            "eyJ.only",
            "a.b.c",
            "1.2.3.4",
            "\u{fc}\u{1f600}",
        ] {
            assert_eq!(tokens(text), text);
        }
    }

    #[test]
    fn a_long_text_takes_no_long_time() {
        let text = BEGINNING.repeat(1_000_000);
        assert_eq!(tokens(&text).len(), text.len());
    }

    #[test]
    fn credentials_go_and_their_names_stay() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Basic aHVudGVyMg=="),
            ("cookie", "session=hunter2"),
            ("proxy-authorization", "hunter2"),
            ("x-token", "hunter2"),
            ("x-other", "visible"),
            ("x-signature", "sha256=00ff"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.append("x-token", HeaderValue::from_static("hunter2"));
        let kept = fields(&headers, &[HeaderName::from_static("x-token")]);
        assert_eq!(kept.len(), 7);
        assert!(!format!("{kept:?}").contains("hunter2"));
        let hidden = kept.iter().filter(|(_, value)| value == REDACTED).count();
        assert_eq!(hidden, 5);
        assert!(kept.contains(&("x-signature".to_owned(), "sha256=00ff".to_owned())));
    }
}
