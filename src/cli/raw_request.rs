//! A request as it stood on the wire: request line, fields, an empty line, and the body to the end of the file.

use super::headers_file::{HeadersFile, HeadersFlaw, request_line};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// What a dump says.
#[derive(Debug)]
pub struct RawRequest {
    /// The method.
    pub method: Method,
    /// The target as sent.
    pub target: String,
    /// The fields; a repeated name stays repeated.
    pub headers: HeaderMap,
    /// The body without its framing.
    pub body: Bytes,
    /// What the reader should know of the end of the file.
    pub remark: Option<String>,
}

impl RawRequest {
    /// Reads lines that end with LF or CRLF, and behind the first empty one the body: as many bytes as
    /// `Content-Length` says, or decoded where it is chunked, or all that is there.
    ///
    /// # Errors
    /// The first line that is none of these.
    pub fn parse(bytes: &[u8]) -> Result<RawRequest, HeadersFlaw> {
        let start = line(bytes).and_then(|(first, _)| request_line(first));
        let (method, target) =
            start.ok_or(HeadersFlaw::new(1, "expected a request line: `POST /path HTTP/1.1`"))?;
        let body = body_start(bytes)?;
        let (head, rest) = bytes.split_at_checked(body).unwrap_or((bytes, b""));
        let headers = HeadersFile::parse(head)?.headers;
        let content = match Framing::of(head, &headers)? {
            Framing::Chunked => unchunked(bytes, rest)?,
            Framing::Length(length, line) => {
                let body =
                    rest.get(..length).ok_or(HeadersFlaw::new(line, "the file ends before the body does"))?;
                Content { body: body.to_vec(), behind: rest.get(length..).unwrap_or_default() }
            }
            Framing::ToTheEnd => Content { body: rest.to_vec(), behind: b"" },
        };
        let framed = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
        let remark = match content.behind {
            b"" if !framed && content.body.ends_with(b"\n") => Some(
                "without Content-Length, the line break at the end of the file belongs to the body"
                    .to_owned(),
            ),
            b"" => None,
            b"\n" | b"\r\n" => Some("left out: the line break behind the body, as editors add it".to_owned()),
            more => Some(format!("left out: {} bytes behind the body", more.len())),
        };
        Ok(RawRequest { method, target, headers, body: content.body.into(), remark })
    }
}

/// How the end of the body is known.
enum Framing {
    Chunked,
    /// So many bytes; the line that says so.
    Length(usize, usize),
    ToTheEnd,
}

impl Framing {
    fn of(head: &[u8], headers: &HeaderMap) -> Result<Framing, HeadersFlaw> {
        let flaw = |name, what| Err(HeadersFlaw::new(line_of(head, name), what));
        let values = |name| headers.get_all(name).iter().collect::<Vec<_>>();
        match (values(CONTENT_LENGTH).as_slice(), values(TRANSFER_ENCODING).as_slice()) {
            ([], []) => Ok(Framing::ToTheEnd),
            ([], [only]) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            ([], _) => flaw(&TRANSFER_ENCODING, "Transfer-Encoding is not exactly one `chunked`"),
            ([only], []) => match length(only) {
                Some(length) => Ok(Framing::Length(length, line_of(head, &CONTENT_LENGTH))),
                None => flaw(&CONTENT_LENGTH, "Content-Length is not a number in plain digits"),
            },
            (_, []) => flaw(&CONTENT_LENGTH, "Content-Length stands more than once"),
            (_, _) => flaw(&TRANSFER_ENCODING, "Content-Length and Transfer-Encoding exclude each other"),
        }
    }
}

fn length(value: &HeaderValue) -> Option<usize> {
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

struct Content<'r> {
    body: Vec<u8>,
    behind: &'r [u8],
}

/// Reads the chunked coding (RFC 9112 section 7.1); `rest` is the end of `file`. Trailer fields are passed over.
fn unchunked<'r>(file: &[u8], mut rest: &'r [u8]) -> Result<Content<'r>, HeadersFlaw> {
    let flaw = |rest: &[u8], what| HeadersFlaw::new(number(file, file.len() - rest.len()), what);
    let mut body = Vec::new();
    loop {
        let (size, data) = line(rest).ok_or(flaw(rest, "the last chunk is missing"))?;
        let size = chunk_size(size).ok_or(flaw(rest, "expected the size of a chunk"))?;
        if size == 0 {
            rest = data;
            break;
        }
        let (chunk, behind) =
            data.split_at_checked(size).ok_or(flaw(rest, "the file ends before the chunk does"))?;
        body.extend_from_slice(chunk);
        let (empty, next) = line(behind).ok_or(flaw(rest, "the file ends before the chunk does"))?;
        if !empty.is_empty() {
            return Err(flaw(rest, "the chunk is longer than it says"));
        }
        rest = next;
    }
    loop {
        let (trailer, next) =
            line(rest).ok_or(flaw(rest, "the empty line behind the last chunk is missing"))?;
        if trailer.is_empty() {
            return Ok(Content { body, behind: next });
        }
        if !trailer.contains(&b':') {
            return Err(flaw(rest, "this is no `Name: value` line"));
        }
        rest = next;
    }
}

/// The size in front of a chunk; extensions are passed over.
fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    usize::from_str_radix(digits, 16).ok()
}

/// Where the body begins: behind the first empty line.
fn body_start(bytes: &[u8]) -> Result<usize, HeadersFlaw> {
    let mut rest = bytes;
    while let Some((text, behind)) = line(rest) {
        rest = behind;
        if text.is_empty() {
            return Ok(bytes.len() - rest.len());
        }
    }
    Err(HeadersFlaw::new(number(bytes, bytes.len()), "the empty line behind the fields is missing"))
}

/// A line without its end, and what follows; nothing where no end comes.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let text = bytes.get(..end)?;
    Some((text.strip_suffix(b"\r").unwrap_or(text), bytes.get(end + 1..)?))
}

/// The number of the line that holds this offset.
fn number(bytes: &[u8], offset: usize) -> usize {
    1 + bytes.iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// The number of the first line with the field `name`.
fn line_of(head: &[u8], name: &HeaderName) -> usize {
    let is = |line: &[u8]| {
        let found = line.split(|byte| *byte == b':').next().unwrap_or_default();
        found.eq_ignore_ascii_case(name.as_str().as_bytes())
    };
    1 + head.split(|byte| *byte == b'\n').position(is).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RawRequest {
        RawRequest::parse(text.as_bytes()).unwrap_or_else(|flaw| panic!("{flaw}: {text:?}"))
    }

    #[test]
    fn head_and_body_are_read_with_either_line_end() {
        for text in [
            "PUT /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{\r\n}",
            "PUT /a?b=c HTTP/1.1\nhost: h\ncontent-length: 4\n\n{\r\n}",
            "PUT /a?b=c HTTP/1.1\nhost: h\n\n{\r\n}",
            "PUT /a?b=c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n3\r\n\r\n}\r\n0\r\n\r\n",
        ] {
            let request = read(text);
            assert_eq!((request.method.as_str(), request.target.as_str()), ("PUT", "/a?b=c"));
            assert_eq!(
                (request.headers["host"].to_str().unwrap(), &*request.body),
                ("h", &b"{\r\n}"[..]),
                "{text:?}"
            );
            assert_eq!(request.remark, None);
        }
    }

    #[test]
    fn what_stands_behind_the_body_is_left_out_and_told() {
        for (text, body, word) in [
            ("POST / HTTP/1.1\nContent-Length: 2\n\n{}\n", "{}", "editors"),
            ("POST / HTTP/1.1\nContent-Length: 2\n\n{}POST", "{}", "4 bytes"),
            ("POST / HTTP/1.1\n\n{}\n", "{}\n", "Content-Length"),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\n{}\n0\nX-T: 1\n\n\n", "{}", "editors"),
        ] {
            let request = read(text);
            assert_eq!(&*request.body, body.as_bytes());
            assert!(
                request.remark.as_ref().is_some_and(|remark| remark.contains(word)),
                "{:?}",
                request.remark
            );
        }
    }

    #[test]
    fn a_dump_that_is_none_is_refused_by_line_and_without_its_content() {
        for (text, line) in [
            ("", 1),
            ("hunter2", 1),
            ("\nPOST / HTTP/1.1\n\n", 1),
            ("HTTP/1.1 200 OK\n\n", 1),
            ("POST / HTTP/1.1", 1),
            ("POST / HTTP/1.1\nHost: h\n", 3),
            ("POST / HTTP/1.1\nHost: h\nhunter2\n\n", 3),
            ("POST / HTTP/1.1\nHost: h\n folded\n\n", 3),
            ("POST / HTTP/1.1\nHost: h\nContent-Length: 3\n\n{}", 3),
            ("POST / HTTP/1.1\nContent-Length: +2\n\n{}", 2),
            ("POST / HTTP/1.1\nContent-Length: 99999999999999999999999\n\n{}", 2),
            ("POST / HTTP/1.1\nContent-Length: 2\nContent-Length: 2\n\n{}", 2),
            ("POST / HTTP/1.1\nContent-Length: 2\nTransfer-Encoding: chunked\n\n{}", 3),
            ("POST / HTTP/1.1\nTransfer-Encoding: gzip, chunked\n\n{}", 2),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n", 4),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n+2\n{}\n0\n\n", 4),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n3\n{}", 4),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\n{}\n0\n\n", 4),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\n{}\n0\n", 7),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\n{}\n0\nhunter2\n\n", 7),
            ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nffffffffffffffff\n{}\n0\n\n", 4),
        ] {
            let flaw = RawRequest::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(flaw.starts_with(&format!("line {line}: ")), "{flaw}: {text:?}");
            assert!(!flaw.contains("hunter2"));
        }
    }
}
