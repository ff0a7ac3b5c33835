//! HTTP/2 frame by frame, so that a request may be as wrong as it likes (RFC 9113, RFC 7541).

use super::client::{PATIENCE, Wire, tls};
use super::request::Request;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// The longest frame that every peer takes (RFC 9113 section 4.2).
const MAX_FRAME: usize = 16 * 1024;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One field as it goes into a header block.
pub type Field<'f> = (&'f [u8], &'f [u8]);

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A whole response.
    Response {
        status: u16,
        body: Vec<u8>,
    },
    /// RST_STREAM with this error code, before or inside the answer.
    Reset(u32),
    /// GOAWAY with this error code, or the connection closed (code 0).
    Gone(u32),
    Silent,
}

impl End {
    pub fn status(&self) -> Option<u16> {
        match self {
            End::Response { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A frame as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection after preface and SETTINGS.
pub struct Frames {
    wire: Wire,
    read: Vec<u8>,
    ended: bool,
}

impl Frames {
    /// TLS with ALPN h2; our SETTINGS forbid a dynamic table, so that answers can be read without one.
    pub fn connect(address: SocketAddr, sni: Option<&str>) -> Frames {
        Frames::connect_with(address, sni, &[0, 1, 0, 0, 0, 0])
    }

    /// With these SETTINGS (six bytes each).
    pub fn connect_with(address: SocketAddr, sni: Option<&str>, settings: &[u8]) -> Frames {
        let mut frames =
            Frames { wire: tls(address, &[b"h2"], sni).expect("TLS"), read: Vec::new(), ended: false };
        frames.raw(PREFACE);
        frames.send(SETTINGS, 0, 0, settings);
        frames
    }

    /// Writes a frame; errors show in the next read.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.raw(&frame);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = self.wire.write_all(bytes).and_then(|()| self.wire.flush());
    }

    /// HEADERS of a request, with END_STREAM when `last`, and CONTINUATION where one frame is too short.
    pub fn headers(&mut self, stream: u32, fields: &[Field<'_>], last: bool) {
        let block = block(fields);
        let pieces: Vec<&[u8]> = block.chunks(MAX_FRAME).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let kind = if index == 0 { HEADERS } else { CONTINUATION };
            let end = if index + 1 == pieces.len() { END_HEADERS } else { 0 };
            self.send(kind, end | if last && index == 0 { END_STREAM } else { 0 }, stream, piece);
        }
    }

    /// DATA in frames of at most 16 KiB, the last with END_STREAM.
    pub fn data(&mut self, stream: u32, bytes: &[u8]) {
        let pieces: Vec<&[u8]> =
            if bytes.is_empty() { vec![b"".as_slice()] } else { bytes.chunks(MAX_FRAME).collect() };
        for (index, piece) in pieces.iter().enumerate() {
            let flags = if index + 1 == pieces.len() { END_STREAM } else { 0 };
            self.send(DATA, flags, stream, piece);
        }
    }

    /// An ordinary request.
    pub fn request(&mut self, stream: u32, request: &Request) {
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = vec![
            (b":method".to_vec(), request.method.clone()),
            (b":scheme".to_vec(), b"https".to_vec()),
            (b":path".to_vec(), request.target.clone()),
        ];
        if let Some(host) = &request.host {
            fields.push((b":authority".to_vec(), host.clone()));
        }
        for (name, value) in &request.headers {
            fields.push((name.to_ascii_lowercase().into_bytes(), value.clone()));
        }
        if !request.body.is_empty() || request.method == b"POST" {
            fields.push((b"content-length".to_vec(), request.body.len().to_string().into_bytes()));
        }
        let fields: Vec<Field<'_>> =
            fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        self.headers(stream, &fields, request.body.is_empty());
        if !request.body.is_empty() {
            self.data(stream, &request.body);
        }
    }

    /// Reads until this stream ends; SETTINGS and PING are acknowledged.
    pub fn end(&mut self, stream: u32) -> End {
        self.end_within(stream, PATIENCE)
    }

    pub fn end_within(&mut self, stream: u32, limit: Duration) -> End {
        let deadline = Instant::now() + limit;
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let frame = match self.frame(deadline) {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            match frame.kind {
                GOAWAY => {
                    let code = frame.payload.get(4..8).map_or(0, number);
                    if code != 0 {
                        return End::Gone(code);
                    }
                    continue;
                }
                RST_STREAM if frame.stream == stream => {
                    return End::Reset(number(&frame.payload));
                }
                HEADERS if frame.stream == stream => status = status_of(&frame.payload).unwrap_or(status),
                DATA if frame.stream == stream => body.extend_from_slice(&frame.payload),
                _ => continue,
            }
            if frame.flags & END_STREAM != 0 {
                return End::Response { status, body };
            }
        }
    }

    /// The next frame; an error is the end of the connection or of the time.
    pub fn frame(&mut self, deadline: Instant) -> Result<Frame, End> {
        loop {
            if let Some(frame) = self.parse() {
                if frame.kind == SETTINGS && frame.flags & ACK == 0 {
                    self.send(SETTINGS, ACK, 0, &[]);
                }
                if frame.kind == PING && frame.flags & ACK == 0 {
                    self.send(PING, ACK, 0, &frame.payload);
                }
                return Ok(frame);
            }
            if self.ended {
                return Err(End::Gone(0));
            }
            if Instant::now() >= deadline {
                return Err(End::Silent);
            }
            let mut piece = [0; 16 * 1024];
            match self.wire.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => self.ended = true,
            }
        }
    }

    fn parse(&mut self) -> Option<Frame> {
        let head = self.read.get(..9)?;
        let length = number(&[0, head[0], head[1], head[2]]) as usize;
        let (kind, flags, stream) = (head[3], head[4], number(&head[5..9]));
        if self.read.len() < 9 + length {
            return None;
        }
        let payload = self.read.drain(..9 + length).skip(9).collect();
        Some(Frame { kind, flags, stream, payload })
    }
}

/// One request on a connection of its own.
pub fn once(address: SocketAddr, sni: Option<&str>, request: &Request) -> End {
    let mut frames = Frames::connect(address, sni);
    frames.request(1, request);
    frames.end(1)
}

/// A header block of literals that are neither indexed nor Huffman coded.
pub fn block(fields: &[Field<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            length(&mut bytes, text.len());
            bytes.extend_from_slice(text);
        }
    }
    bytes
}

/// An HPACK integer with a prefix of seven bits (RFC 7541 section 5.1).
fn length(bytes: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return bytes.push(value as u8);
    }
    bytes.push(127);
    value -= 127;
    while value >= 128 {
        bytes.push((value % 128 + 128) as u8);
        value /= 128;
    }
    bytes.push(value as u8);
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

/// The status, which is the first field of a response (RFC 7541 appendix A, indices 8 to 14).
fn status_of(block: &[u8]) -> Option<u16> {
    let mut block = block;
    while block.first().is_some_and(|byte| byte & 0xe0 == 0x20) {
        block = &block[1..];
    }
    match *block.first()? {
        indexed @ 0x88..=0x8e => Some([200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]),
        0x48 | 0x08 | 0x18 => digits(*block.get(1)?, block.get(2..)?),
        _ => None,
    }
}

/// Three digits, plain or Huffman coded (RFC 7541 appendix B: 0, 1 and 2 take five bits, 3 to 9 six).
fn digits(length: u8, bytes: &[u8]) -> Option<u16> {
    if length & 0x80 == 0 {
        return std::str::from_utf8(bytes.get(..3)?).ok()?.parse().ok();
    }
    let mut bits = bytes
        .iter()
        .take(usize::from(length & 0x7f))
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let mut value = 0;
    for _ in 0..3 {
        let five = (0..5).try_fold(0_u16, |sum, _| Some(sum * 2 + u16::from(bits.next()?)))?;
        let digit = if five <= 2 { five } else { five * 2 + u16::from(bits.next()?) - 25 + 3 };
        value = value * 10 + digit;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_in_every_form() {
        assert_eq!(status_of(&[0x88]), Some(200));
        assert_eq!(status_of(&[0x08, 3, b'4', b'0', b'1']), Some(401));
        // 401 in Huffman code: 011010 00000 00001
        assert_eq!(status_of(&[0x48, 0x82, 0b0110_1000, 0b0000_0001]), Some(401));
        // 503: 011011 00000 011001 and padding
        assert_eq!(status_of(&[0x20, 0x48, 0x83, 0b0110_1100, 0b0000_1100, 0b1111_1111]), Some(503));
    }
}
