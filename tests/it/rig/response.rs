//! Reading HTTP/1 responses from a byte stream that may end, stall or break at any point.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

/// Field names and values in the order of arrival.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A final response, with the interim ones that came before it.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub interim: Vec<u16>,
    pub status: u16,
    pub headers: Fields,
    pub body: Vec<u8>,
    /// The body ended as its framing said.
    pub complete: bool,
}

impl Response {
    /// The first field of this name, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Head and body as one text, to look for what must not be shown.
    pub fn everything(&self) -> String {
        let fields =
            self.headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)));
        fields.chain([self.text()]).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `request_id` of a problem document.
    pub fn request_id(&self) -> Option<String> {
        let document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(document.get("request_id")?.as_str()?.to_owned())
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Answer {
    Response(Response),
    /// The connection ended without a whole response head.
    Closed,
    /// Nothing within the time.
    Silent,
}

impl Answer {
    pub fn response(&self) -> Option<&Response> {
        match self {
            Answer::Response(response) => Some(response),
            Answer::Closed | Answer::Silent => None,
        }
    }

    /// The response; panics with what came instead.
    pub fn expect(self, what: &str) -> Response {
        match self {
            Answer::Response(response) => response,
            other => panic!("{what}: {other:?} instead of a response"),
        }
    }
}

/// Bytes read ahead of the response that is being parsed.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    ended: bool,
}

impl Buffer {
    /// Reads one final response; `head_request` means that it has no body whatever its fields say.
    pub fn response(&mut self, stream: &mut impl Read, head_request: bool, limit: Duration) -> Answer {
        let deadline = Instant::now() + limit;
        let mut interim = Vec::new();
        loop {
            let Some(end) = self.until(stream, deadline, |bytes| find(bytes, b"\r\n\r\n")) else {
                return if self.ended { Answer::Closed } else { Answer::Silent };
            };
            let head: Vec<u8> = self.bytes.drain(..end + 4).collect();
            let Some((status, headers)) = parse_head(&head) else { return Answer::Closed };
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let mut response = Response { interim, status, headers, ..Response::default() };
            self.body(stream, &mut response, head_request, deadline);
            return Answer::Response(response);
        }
    }

    /// Waits for the end of the connection; false when it is still open or sent further bytes.
    pub fn closed(&mut self, stream: &mut impl Read, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.bytes.is_empty() && !self.ended && Instant::now() < deadline {
            self.fill(stream);
        }
        self.bytes.is_empty() && self.ended
    }

    fn body(
        &mut self,
        stream: &mut impl Read,
        response: &mut Response,
        head_request: bool,
        deadline: Instant,
    ) {
        if head_request || matches!(response.status, 101 | 204 | 304) {
            response.complete = true;
        } else if response.header("transfer-encoding").is_some() {
            response.complete = self.chunked(stream, &mut response.body, deadline);
        } else if let Some(length) = response.header("content-length") {
            let length: usize = length.trim().parse().unwrap_or(usize::MAX);
            let whole = self.until(stream, deadline, |bytes| (bytes.len() >= length).then_some(length));
            response.complete = whole.is_some();
            response.body = self.bytes.drain(..length.min(self.bytes.len())).collect();
        } else {
            self.until(stream, deadline, |_| None);
            response.body = std::mem::take(&mut self.bytes);
            response.complete = self.ended;
        }
    }

    fn chunked(&mut self, stream: &mut impl Read, body: &mut Vec<u8>, deadline: Instant) -> bool {
        loop {
            let Some(end) = self.until(stream, deadline, |bytes| find(bytes, b"\r\n")) else { return false };
            let line: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&line);
            let Ok(size) = usize::from_str_radix(text.trim().split(';').next().unwrap_or(""), 16) else {
                return false;
            };
            let needed = size + 2;
            if self.until(stream, deadline, |bytes| (bytes.len() >= needed).then_some(0)).is_none() {
                body.append(&mut self.bytes);
                return false;
            }
            body.extend(self.bytes.drain(..size));
            self.bytes.drain(..2);
            if size == 0 {
                return true;
            }
        }
    }

    /// Reads until `found` answers, the stream ends or the deadline passes.
    fn until(
        &mut self,
        stream: &mut impl Read,
        deadline: Instant,
        found: impl Fn(&[u8]) -> Option<usize>,
    ) -> Option<usize> {
        loop {
            if let Some(position) = found(&self.bytes) {
                return Some(position);
            }
            if self.ended || Instant::now() >= deadline {
                return None;
            }
            self.fill(stream);
        }
    }

    fn fill(&mut self, stream: &mut impl Read) {
        let mut piece = [0; 16 * 1024];
        match stream.read(&mut piece) {
            Ok(0) => self.ended = true,
            Ok(count) => self.bytes.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.ended = true,
        }
    }
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn parse_head(head: &[u8]) -> Option<(u16, Fields)> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let start = String::from_utf8_lossy(lines.next()?).into_owned();
    let status = start.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let headers = lines
        .filter(|line| !line.is_empty())
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect();
    Some((status, headers))
}

#[test]
fn interim_and_chunked_responses_are_read() {
    let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let mut buffer = Buffer::default();
    let answer = buffer.response(&mut wire.as_slice(), false, Duration::from_secs(1)).expect("answer");
    assert_eq!((answer.interim, answer.status, answer.body), (vec![100], 200, b"hi".to_vec()));
    assert!(buffer.closed(&mut [].as_slice(), Duration::from_secs(1)));
}
