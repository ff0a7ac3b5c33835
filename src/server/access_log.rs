//! The form of request lines, and the thread that writes them.

use crate::base::names::field;
use crate::base::time::UnixTime;
use crate::proxy::{Lines, Record, Scribe};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// The form of log lines, settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Writes lines in this style; each worker has its own.
pub fn scribe(style: LogStyle) -> Scribe {
    let mut memory = Memory::default();
    Box::new(move |record, lines| match style {
        LogStyle::Json => json_line(lines, record, &mut memory),
        LogStyle::Text => text_line(lines, record, &mut memory),
    })
}

/// Hands lines to the log until none come.
pub fn write_all(batches: &Receiver<Lines>) {
    while let Ok(Lines { text, count: count @ 1.. }) = batches.recv() {
        super::log::write(text.as_bytes(), count);
    }
}

/// Appends `record` as one JSON object and a newline.
fn json_line(out: &mut String, record: &Record, memory: &mut Memory) {
    let mut line = Json { out, first: true };
    line.time(field::TIMESTAMP, memory.second(record.at), record.at % 1000);
    line.word(field::LEVEL, "INFO");
    line.word(field::MESSAGE, "request");
    line.word(field::REQUEST_ID, record.request_id.to_str().unwrap_or(""));
    line.option(field::SOURCE, record.source.as_deref());
    line.word(field::VERDICT, record.verdict.code());
    line.word(field::REASON, record.reason.code());
    line.option(field::DETAIL, record.detail.as_deref());
    line.option(field::HINT, record.hint.as_deref());
    let refused = record.status.is_none_or(|status| status >= 400) && record.upstream_status.is_none();
    line.option(field::BLAME, refused.then(|| record.reason.blame().code()));
    line.number(field::STATUS, record.status.map(u64::from));
    line.number(field::UPSTREAM_STATUS, record.upstream_status.map(u64::from));
    line.word(field::CLIENT, memory.address(record.client));
    if record.peer != record.client {
        line.text(field::PEER, &record.peer.to_string());
    }
    line.option(field::METHOD, method(record));
    line.option(field::HOST, record.host.as_deref());
    line.option(field::PATH, record.path.as_deref());
    line.word(field::PROTOCOL, protocol(record));
    line.option(field::KEY, record.key.as_deref());
    line.option(field::EVENT_ID, record.event_id.as_deref());
    line.number(field::BYTES_IN, Some(record.bytes_in));
    line.number(field::BYTES_OUT, Some(record.bytes_out));
    line.millis(field::DURATION_MS, Some(record.duration));
    line.millis(field::BODY_MS, record.body_time);
    line.millis(field::UPSTREAM_MS, record.upstream_time);
    out.push_str("}\n");
}

/// A JSON object in the making.
struct Json<'o> {
    out: &'o mut String,
    first: bool,
}

impl Json<'_> {
    fn name(&mut self, name: &str) {
        self.out.push_str(if std::mem::take(&mut self.first) { "{\"" } else { ",\"" });
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        // Quotes, backslashes and control characters are escaped, so a line stays one line.
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if value.bytes().all(plain) {
            self.word(name, value);
        } else {
            self.name(name);
            self.out.push_str(&serde_json::Value::from(value).to_string());
        }
    }

    /// A text of ours, which needs no escapes: codes, addresses, and ids, whose alphabet was checked.
    fn word(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.push('"');
        self.out.push_str(value);
        self.out.push('"');
    }

    fn option(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.name(name);
            push_number(self.out, value, 1);
        }
    }

    fn millis(&mut self, name: &str, value: Option<Duration>) {
        if let Some(value) = value {
            let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
            self.name(name);
            push_number(self.out, micros / 1000, 1);
            self.out.push('.');
            push_number(self.out, micros % 1000, 3);
        }
    }

    /// A time of day with milliseconds.
    fn time(&mut self, name: &str, second: &str, millis: u64) {
        self.name(name);
        self.out.push('"');
        self.out.push_str(second);
        self.out.push('.');
        push_number(self.out, millis, 3);
        self.out.push_str("Z\"");
    }
}

/// Decimal digits, filled up with zeros to `width`. A line has many numbers and is written for every
/// request, so they go without the formatting machinery.
fn push_number(out: &mut String, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut written = 0;
    for digit in digits.iter_mut().rev() {
        if value == 0 && written >= width {
            break;
        }
        *digit += (value % 10) as u8;
        value /= 10;
        written += 1;
    }
    let digits = digits.get(digits.len() - written..).unwrap_or_default();
    out.extend(digits.iter().map(|digit| char::from(*digit)));
}

/// `12:00:01.250 verified 200 github POST /hooks/github 10.0.0.1 4.2ms`
fn text_line(out: &mut String, record: &Record, memory: &mut Memory) {
    let stamp = memory.second(record.at);
    let clock = stamp.split_once('T').map_or(stamp, |(_, clock)| clock);
    let status = record.status.map_or("-".to_owned(), |status| status.to_string());
    let _ = write!(
        out,
        "{clock}.{:03} {} {status} {} {} {} {} {:.1}ms",
        record.at % 1000,
        record.verdict.code(),
        record.source.as_deref().unwrap_or("-"),
        method(record).unwrap_or("-"),
        record.path.as_deref().unwrap_or("-").escape_debug(),
        record.client,
        record.duration.as_secs_f64() * 1000.0,
    );
    if record.reason.code() != record.verdict.code() {
        let _ = write!(out, " {}", record.reason.code());
    }
    if let Some(hint) = &record.hint {
        let _ = write!(out, " [{}]", hint.escape_debug());
    }
    if let Some(detail) = &record.detail {
        let _ = write!(out, " ({})", detail.escape_debug());
    }
    let _ = writeln!(out, " id={}", record.request_id.to_str().unwrap_or(""));
}

/// What the last line needed and the next one most likely needs again.
struct Memory {
    second: u64,
    date: String,
    address: IpAddr,
    address_text: String,
}

impl Default for Memory {
    fn default() -> Memory {
        let address = IpAddr::from([0, 0, 0, 0]);
        Memory { second: u64::MAX, date: String::new(), address, address_text: address.to_string() }
    }
}

impl Memory {
    /// RFC 3339 in UTC without the `Z`, of milliseconds since 1970.
    fn second(&mut self, millis: u64) -> &str {
        let second = millis / 1000;
        if second != self.second {
            let date = UnixTime(i64::try_from(second).unwrap_or(i64::MAX)).to_string();
            (self.second, self.date) = (second, date.trim_end_matches('Z').to_owned());
        }
        &self.date
    }

    fn address(&mut self, address: IpAddr) -> &str {
        if address != self.address {
            (self.address, self.address_text) = (address, address.to_string());
        }
        &self.address_text
    }
}

fn method(record: &Record) -> Option<&str> {
    let method = record.method.as_ref()?.as_str();
    Some(method.get(..32).unwrap_or(method))
}

fn protocol(record: &Record) -> &'static str {
    match record.version {
        http::Version::HTTP_2 => "h2",
        http::Version::HTTP_10 => "http/1.0",
        _ => "http/1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::names::{Reason, Verdict};
    use http::{HeaderValue, Method, Version};

    fn record() -> Record {
        Record {
            request_id: HeaderValue::from_static("id-1"),
            source: Some("github".into()),
            verdict: Verdict::Refused,
            reason: Reason::SignatureMismatch,
            detail: Some("quote \" and\nnewline".to_owned()),
            status: Some(401),
            method: Some(Method::POST),
            path: Some("/hooks/github".into()),
            version: Version::HTTP_2,
            duration: Duration::from_micros(1500),
            ..Record::empty([10, 0, 0, 1].into(), 1_792_665_005_042)
        }
    }

    #[test]
    fn a_json_line_is_one_object() {
        let mut line = String::new();
        json_line(&mut line, &record(), &mut Memory::default());
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["timestamp"], "2026-10-22T10:30:05.042Z");
        assert_eq!(value["reason"], "signature_mismatch");
        assert_eq!(value["path"], "/hooks/github");
        assert_eq!(value["duration_ms"], 1.5);
    }

    #[test]
    fn numbers_are_written_whole() {
        let mut out = String::new();
        for (value, width) in [(0, 1), (7, 3), (1234, 3), (u64::MAX, 1)] {
            push_number(&mut out, value, width);
            out.push(' ');
        }
        assert_eq!(out, "0 007 1234 18446744073709551615 ");
    }

    #[test]
    fn a_text_line_stays_one_line() {
        let mut line = String::new();
        text_line(&mut line, &record(), &mut Memory::default());
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.contains("refused 401 github POST /hooks/github 10.0.0.1 1.5ms signature_mismatch"));
    }
}
