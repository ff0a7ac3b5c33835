//! A captured request head as a file: `Name: value` lines, optionally after a request line.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::fmt;

/// What a headers file says.
#[derive(Debug, Default)]
pub struct HeadersFile {
    /// Method and target, where the file begins with a request line.
    pub request_line: Option<(Method, String)>,
    /// The fields; a repeated name stays repeated.
    pub headers: HeaderMap,
}

/// A line that is none of these; says nothing of its content, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadersFlaw {
    line: usize,
    what: &'static str,
}

impl HeadersFlaw {
    /// What is wrong with a line, counted from 1.
    pub fn new(line: usize, what: &'static str) -> HeadersFlaw {
        HeadersFlaw { line, what }
    }
}

impl fmt::Display for HeadersFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl HeadersFile {
    /// Reads lines that end with LF or CRLF, up to an empty one.
    ///
    /// # Errors
    /// The first line that is no field (a folded line is none, RFC 9112 section 5.2).
    pub fn parse(bytes: &[u8]) -> Result<HeadersFile, HeadersFlaw> {
        let mut file = HeadersFile::default();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if index == 0 {
                file.request_line = request_line(line);
                if file.request_line.is_some() {
                    continue;
                }
            }
            let (name, value) = field(line).map_err(|what| HeadersFlaw { line: index + 1, what })?;
            file.headers
                .try_append(name, value)
                .map_err(|_| HeadersFlaw { line: index + 1, what: "there are too many fields" })?;
        }
        Ok(file)
    }
}

/// `POST /path HTTP/1.1`.
pub fn request_line(line: &[u8]) -> Option<(Method, String)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/") {
        return None;
    }
    Some((Method::from_bytes(method.as_bytes()).ok()?, target.to_owned()))
}

fn field(line: &[u8]) -> Result<(HeaderName, HeaderValue), &'static str> {
    if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return Err("a field may not go on in the next line");
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or("this is no `Name: value` line")?;
    let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
    let name = HeaderName::from_bytes(name).map_err(|_| "this is no field name")?;
    let value = HeaderValue::from_bytes(trim(value)).map_err(|_| "the value holds a control character")?;
    Ok((name, value))
}

/// Without optional white space around it (RFC 9110 section 5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(file: &HeadersFile) -> Vec<(&str, &str)> {
        file.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn fields_are_read_with_either_line_end_until_an_empty_line() {
        for text in [
            "X-A: 1\nx-b:\t two words \nX-A:2",
            "X-A: 1\r\nx-b: two words\r\nX-A: 2\r\n\r\nnot: read",
            "X-A: 1\nx-b: two words\nX-A: 2\n\n{\"body\": 1}",
        ] {
            let file = HeadersFile::parse(text.as_bytes()).unwrap();
            assert!(file.request_line.is_none());
            assert_eq!(lines(&file), [("x-a", "1"), ("x-a", "2"), ("x-b", "two words")], "{text:?}");
        }
        assert!(HeadersFile::parse(b"").unwrap().headers.is_empty());
    }

    #[test]
    fn a_request_line_gives_method_and_target() {
        let file = HeadersFile::parse(b"PUT /hooks/a?b=c HTTP/1.1\r\nHost: h\r\n").unwrap();
        assert_eq!(file.request_line, Some((Method::PUT, "/hooks/a?b=c".to_owned())));
        assert_eq!(lines(&file), [("host", "h")]);
    }

    #[test]
    fn a_line_that_is_no_field_is_refused_by_number_and_without_its_content() {
        for (text, line) in [
            ("X-A: 1\n folded", 2),
            ("X-A: 1\n\tfolded", 2),
            ("hunter2", 1),
            ("X-A: 1\nX-B : hunter2", 2),
            (":method: POST", 1),
            ("X-A: hunter2\rx", 1),
            ("X-A: hunter2\0", 1),
            ("X-A: 1\nPOST / HTTP/1.1", 2),
            ("POST /a b HTTP/1.1", 1),
        ] {
            let flaw = HeadersFile::parse(text.as_bytes()).unwrap_err();
            assert_eq!(flaw.line, line, "{text:?}");
            assert!(!flaw.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn more_fields_than_a_map_can_hold_are_refused() {
        let text: String = (0..40_000).map(|number| format!("x-{number}: 1\n")).collect();
        assert_eq!(HeadersFile::parse(text.as_bytes()).unwrap_err().what, "there are too many fields");
    }
}
