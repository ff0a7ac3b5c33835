//! A received body as schemes look into it: bytes, JSON, the fields of a form.

use super::multipart;
use crate::base::limits::MAX_FORM_FIELDS;
use crate::http::{Body, Head};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::cell::OnceCell;

/// The names and values of a form or a query, unescaped, in the order they came in.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A whole body; what is read from it is read once.
pub struct Content<'b> {
    chunks: &'b [Bytes],
    kind: Kind<'b>,
    /// Of several pieces.
    joined: OnceCell<Vec<u8>>,
    form: OnceCell<Option<Pairs>>,
}

#[derive(Clone, Copy)]
enum Kind<'b> {
    Form,
    Multipart(&'b str),
    Other,
}

impl<'b> Content<'b> {
    /// The body of a request with this head.
    pub fn new(head: &'b Head, body: &'b Body) -> Content<'b> {
        Content::of_chunks(&head.headers, body.chunks())
    }

    /// The body that these pieces make.
    pub fn of_chunks(headers: &'b HeaderMap, chunks: &'b [Bytes]) -> Content<'b> {
        Content { chunks, kind: kind(headers), joined: OnceCell::new(), form: OnceCell::new() }
    }

    /// The body as one piece.
    pub fn bytes(&self) -> &[u8] {
        match self.chunks {
            [] => &[],
            [whole] => whole,
            pieces => self.joined.get_or_init(|| pieces.concat()),
        }
    }

    /// The fields of the form; `None` when the body is no form, or a broken one. No body is an empty form.
    pub fn form(&self) -> Option<&Pairs> {
        let read = || match self.kind {
            Kind::Form => pairs(self.bytes()),
            Kind::Multipart(boundary) => multipart::read(self.bytes(), boundary),
            Kind::Other => self.bytes().is_empty().then(Pairs::new),
        };
        self.form.get_or_init(read).as_ref()
    }
}

fn kind(headers: &HeaderMap) -> Kind<'_> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(value)), None) = (values.next().map(|value| value.to_str()), values.next()) else {
        return Kind::Other;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Kind::Form
    } else if essence.eq_ignore_ascii_case("multipart/form-data") {
        multipart::boundary(value).map_or(Kind::Other, Kind::Multipart)
    } else {
        Kind::Other
    }
}

/// Reads `application/x-www-form-urlencoded`; `None` for a broken escape or too many fields.
pub fn pairs(text: &[u8]) -> Option<Pairs> {
    let mut found = Pairs::new();
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if found.len() >= MAX_FORM_FIELDS {
            return None;
        }
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
            None => (pair, &[][..]),
        };
        found.push((unescape(name, true)?, unescape(value, true)?));
    }
    Some(found)
}

/// Writes what [`pairs`] reads.
pub fn write_pairs(pairs: &Pairs) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name, b""), escape(value, b""))).collect();
    pairs.join("&")
}

/// Decodes percent-escapes, and `+` as a space in forms; `None` for a broken escape.
pub fn unescape(text: &[u8], plus: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'%' => {
                let (digits, behind) = rest.split_at_checked(2)?;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).ok()?;
                decoded.extend_from_slice(&byte);
                rest = behind;
            }
            b'+' if plus => decoded.push(b' '),
            other => decoded.push(*other),
        }
    }
    Some(decoded)
}

/// Percent-escapes all but the unreserved characters of RFC 3986 section 2.3 and those of `kept`.
pub fn escape(text: &[u8], kept: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            escaped.push(char::from(*byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn form(content_type: &'static str, body: &[u8]) -> Option<Vec<(String, String)>> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let chunks = [Bytes::copy_from_slice(body)];
        let content = Content::of_chunks(&headers, &chunks);
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        content.form().map(|pairs| pairs.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    fn owned(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect())
    }

    #[test]
    fn forms_are_read_by_their_type() {
        let url = "application/x-www-form-urlencoded";
        assert_eq!(
            form(url, b"a=1+2&b=%2B&&c&d=="),
            owned(&[("a", "1 2"), ("b", "+"), ("c", ""), ("d", "=")])
        );
        assert_eq!(form(url, b"a=%2"), None);
        assert_eq!(form("Application/X-WWW-Form-URLencoded; charset=utf-8", b"a=b"), owned(&[("a", "b")]));
        assert_eq!(form("application/json", b"a=b"), None);
        assert_eq!(form("application/json", b""), owned(&[]));
        let multipart = b"--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"a\":1}\r\n--x--\r\n";
        assert_eq!(form("multipart/form-data; boundary=x", multipart), owned(&[("json", "{\"a\":1}")]));
        assert_eq!(form("multipart/form-data", multipart), None);
    }

    #[test]
    fn a_form_has_a_bounded_number_of_fields() {
        let url = "application/x-www-form-urlencoded";
        assert!(form(url, "a=1&".repeat(MAX_FORM_FIELDS).as_bytes()).is_some());
        assert!(form(url, "a=1&".repeat(MAX_FORM_FIELDS + 1).as_bytes()).is_none());
    }

    #[test]
    fn pairs_are_written_as_they_are_read() {
        let pairs_of =
            vec![(b"a b".to_vec(), b"1+2&=".to_vec()), (b"".to_vec(), "\u{e9}".as_bytes().to_vec())];
        assert_eq!(pairs(write_pairs(&pairs_of).as_bytes()), Some(pairs_of));
    }
}
