//! Two readings of what the upstream got. A request that they read differently could be smuggled.

use super::response::find;
use std::fmt;

/// A request as one of the readers understood it.
#[derive(Clone, PartialEq, Eq)]
pub struct Read {
    pub method: String,
    pub target: Vec<u8>,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for Read {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} [", self.method, String::from_utf8_lossy(&self.target))?;
        for (name, value) in &self.headers {
            write!(out, "{name}: {}; ", value.escape_ascii())?;
        }
        write!(out, "] and {} body bytes", self.body.len())
    }
}

impl Read {
    /// Every value of this field.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of a field that must occur once; the empty text when it does not.
    pub fn one(&self, name: &str) -> String {
        match self.all(name).as_slice() {
            [value] => value.clone(),
            _ => String::new(),
        }
    }

    /// Framing and identity fields, sorted: what both readers must agree on.
    fn identity(&self) -> Vec<(String, Vec<u8>)> {
        let mut fields: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| {
                name.starts_with("bonafide-")
                    || name.starts_with("x-forwarded-")
                    || ["host", "forwarded", "x-request-id", "traceparent", "authorization"]
                        .contains(&name.as_str())
                    || ["content-length", "transfer-encoding", "connection", "upgrade"]
                        .contains(&name.as_str())
            })
            .cloned()
            .collect();
        fields.sort();
        fields
    }
}

/// Reads all requests of one connection, refusing whatever RFC 9112 does not allow a client to send.
pub fn strict(mut bytes: &[u8]) -> Result<Vec<Read>, String> {
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        let (request, length) = strict_one(bytes)?.ok_or("the last request is not whole")?;
        requests.push(request);
        bytes = &bytes[length..];
    }
    Ok(requests)
}

/// The first request and its length; `None` when more bytes are needed.
pub fn strict_one(bytes: &[u8]) -> Result<Option<(Read, usize)>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let mut lines = Vec::new();
    let mut rest = &bytes[..end + 2];
    while let Some(line_end) = find(rest, b"\r\n") {
        lines.push(&rest[..line_end]);
        rest = &rest[line_end + 2..];
    }
    let (method, target) = strict_start(lines.first().copied().unwrap_or_default())?;
    let mut headers = Vec::new();
    for line in &lines[1..] {
        headers.push(strict_field(line)?);
    }
    let mut request = Read { method, target, headers, body: Vec::new() };
    if request.all("host").len() != 1 {
        return Err(format!("{} Host fields", request.all("host").len()));
    }
    for name in
        ["transfer-encoding", "upgrade", "trailer", "te", "keep-alive", "proxy-connection", "http2-settings"]
    {
        if !request.all(name).is_empty() {
            return Err(format!("a {name} field"));
        }
    }
    let length = match request.all("content-length").as_slice() {
        [] => 0,
        [one]
            if !one.is_empty()
                && one.bytes().all(|byte| byte.is_ascii_digit())
                && (one == "0" || !one.starts_with('0')) =>
        {
            one.parse::<usize>().map_err(|error| error.to_string())?
        }
        odd => return Err(format!("Content-Length {odd:?}")),
    };
    let total = end + 4 + length;
    if bytes.len() < total {
        return Ok(None);
    }
    request.body = bytes[end + 4..total].to_vec();
    Ok(Some((request, total)))
}

fn strict_start(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, b"HTTP/1.1"] = parts.as_slice() else {
        return Err(format!("start line {:?}", String::from_utf8_lossy(line)));
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err("method".into());
    }
    if !target.starts_with(b"/") || !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(format!("target {:?}", String::from_utf8_lossy(target)));
    }
    Ok((String::from_utf8_lossy(method).into_owned(), target.to_vec()))
}

fn strict_field(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("a field without colon")?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(format!("field name {:?}", String::from_utf8_lossy(name)));
    }
    if value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
        return Err(format!("control byte in {}", String::from_utf8_lossy(name)));
    }
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads as a careless server would: bare LF ends a line, `_` is `-`, the last Content-Length wins,
/// chunked wins over it, `//` is `/`, `%2f` is `/`, dot segments are resolved.
pub fn lenient(mut bytes: &[u8]) -> Vec<Read> {
    let mut requests = Vec::new();
    while let Some((request, length)) = lenient_one(bytes) {
        requests.push(request);
        bytes = &bytes[length..];
    }
    requests
}

fn lenient_one(bytes: &[u8]) -> Option<(Read, usize)> {
    let mut position = 0;
    let mut lines = Vec::new();
    loop {
        let end = position + bytes[position..].iter().position(|byte| *byte == b'\n')?;
        let line = bytes[position..end].strip_suffix(b"\r").unwrap_or(&bytes[position..end]);
        position = end + 1;
        if line.is_empty() {
            if lines.is_empty() {
                continue;
            }
            break;
        }
        lines.push(line);
    }
    let start = String::from_utf8_lossy(lines[0]).into_owned();
    let mut words = start.split_whitespace();
    let method = words.next()?.to_ascii_uppercase();
    let target = lenient_target(words.next().unwrap_or("/"));
    let headers = lines[1..].iter().filter_map(|line| lenient_field(line)).collect();
    let mut request = Read { method, target, headers, body: Vec::new() };
    if request.all("transfer-encoding").iter().any(|value| value.to_ascii_lowercase().contains("chunked")) {
        return None;
    }
    let length =
        request.all("content-length").last().and_then(|value| value.trim().parse().ok()).unwrap_or(0);
    let end = (position + length).min(bytes.len());
    request.body = bytes[position..end].to_vec();
    Some((request, end))
}

fn lenient_field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = String::from_utf8_lossy(&line[..colon]).trim().to_ascii_lowercase().replace('_', "-");
    Some((name, line[colon + 1..].trim_ascii().to_vec()))
}

fn lenient_target(target: &str) -> Vec<u8> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = path
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%2e", ".")
        .replace("%2E", ".")
        .replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').collect();
    for (index, part) in parts.iter().enumerate() {
        match *part {
            ".." => drop(segments.pop()),
            "." => {}
            "" if index + 1 < parts.len() => {}
            segment => segments.push(segment),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{query}", segments.join("/")).into_bytes()
}

/// Reads the bytes of one connection both ways; an error says where they part.
pub fn agreed(bytes: &[u8]) -> Result<Vec<Read>, String> {
    let strict = strict(bytes)?;
    let lenient = lenient(bytes);
    if strict.len() != lenient.len() {
        return Err(format!(
            "{} requests for a strict reader, {} for a lenient one",
            strict.len(),
            lenient.len()
        ));
    }
    for (one, other) in strict.iter().zip(&lenient) {
        let same = one.method == other.method && one.target == other.target && one.body == other.body;
        if !same || one.identity() != other.identity() {
            return Err(format!("readers disagree: {one:?} and {other:?}"));
        }
    }
    Ok(strict)
}

/// As [`agreed`], for bytes that hold one request.
pub fn agreed_one(bytes: &[u8]) -> Result<Read, String> {
    let mut requests = agreed(bytes)?;
    match requests.len() {
        1 => Ok(requests.remove(0)),
        count => Err(format!("{count} requests instead of one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

    #[test]
    fn plain_requests_are_read_alike() {
        let twice = [PLAIN, PLAIN].concat();
        assert_eq!(agreed(&twice).expect("agreed").len(), 2);
    }

    #[test]
    fn what_readers_may_read_differently_is_found() {
        let rows: [&[u8]; 8] = [
            b"POST //a HTTP/1.1\r\nHost: h\r\n\r\n",
            b"POST /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n",
            b"POST /a/../b HTTP/1.1\r\nHost: h\r\n\r\n",
            b"POST /a HTTP/1.1\r\nHost: h\r\nContent_Length: 2\r\n\r\nhi",
            b"POST /a HTTP/1.1\r\nHost: h\r\nBonafide-Key: a\r\nBonafide_Key: b\r\n\r\n",
            b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /a HTTP/1.1\r\nHost: h\r\nX-A: b\nContent-Length: 2\r\n\r\n",
            b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 02\r\n\r\nhi",
        ];
        for row in rows {
            assert!(agreed(row).is_err(), "{:?}", String::from_utf8_lossy(row));
        }
    }
}
