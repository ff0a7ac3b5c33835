//! A request as a client means to send it, independent of the HTTP version.

/// The host that test requests name unless they say otherwise.
pub const HOST: &str = "hooks.example";

/// Method, target, fields and body, with nothing checked.
#[derive(Clone)]
pub struct Request {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub host: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A POST without a body.
pub fn post(target: impl AsRef<[u8]>) -> Request {
    Request {
        method: b"POST".to_vec(),
        target: target.as_ref().to_vec(),
        host: Some(HOST.into()),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

impl Request {
    pub fn method(mut self, method: &str) -> Request {
        self.method = method.into();
        self
    }

    /// The Host field or `:authority`; none leaves it out.
    pub fn host<'h>(mut self, host: impl Into<Option<&'h str>>) -> Request {
        self.host = host.into().map(|host| host.as_bytes().to_vec());
        self
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Request {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Request {
        self.body = body.as_ref().to_vec();
        self
    }

    /// HTTP/1.1 with Content-Length (none for an empty body of a method that has none).
    pub fn http1(&self) -> Vec<u8> {
        let mut bytes = self.http1_head();
        if !self.body.is_empty() || self.method == b"POST" {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// HTTP/1.1 with `Transfer-Encoding: chunked` in pieces of these sizes, repeated as needed.
    pub fn http1_chunked(&self, sizes: &[usize]) -> Vec<u8> {
        let mut bytes = self.http1_head();
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        let mut rest = self.body.as_slice();
        for size in sizes.iter().cycle() {
            let (piece, left) = rest.split_at((*size).clamp(1, rest.len().max(1)).min(rest.len()));
            if piece.is_empty() {
                break;
            }
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
            rest = left;
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    /// Start line, Host and fields, without the empty line.
    pub fn http1_head(&self) -> Vec<u8> {
        let mut bytes = [self.method.as_slice(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        if let Some(host) = &self.host {
            bytes.extend_from_slice(&[b"Host: ".as_slice(), host, b"\r\n"].concat());
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes
    }
}

#[test]
fn both_framings_are_written() {
    let request = post("/a").header("X-A", "1").body("hello");
    assert_eq!(
        request.http1(),
        b"POST /a HTTP/1.1\r\nHost: hooks.example\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
    );
    assert!(request.http1_chunked(&[2]).ends_with(b"2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n"));
}
