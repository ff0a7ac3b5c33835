//! Bodies that the sender may have signed instead of the one that arrived.

use super::finding::Finding;
use crate::http::Head;
use crate::scheme::{pairs, write_pairs};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::header::CONTENT_ENCODING;
use std::io::Read;

/// Most bytes that a compressed body is unpacked to.
const MAX_UNPACKED: u64 = 16 * crate::base::limits::MIB;

/// A body to try, and what it means when it fits.
pub struct Guess {
    pub body: Vec<u8>,
    pub finding: Finding,
}

/// Other bodies, the likely ones first.
pub fn guesses(head: &Head, body: &[u8]) -> Vec<Guess> {
    let mut guesses = Vec::new();
    let mut add = |changed: Option<Vec<u8>>, code: &'static str, message: &str, help: &str| {
        if let Some(changed) = changed.filter(|changed| changed != body) {
            guesses.push(Guess { body: changed, finding: Finding::new(code, message, help) });
        }
    };
    let way =
        "something between the sender and Bonafide, or the tool that captured the request, changes the body";
    for end in ["\r\n", "\n"] {
        let message = "the body ends in a newline that the sender did not sign";
        add(body.strip_suffix(end.as_bytes()).map(<[u8]>::to_vec), "body_trailing_newline", message, way);
        let message = "the sender signed a newline at the end of the body that did not arrive";
        add(Some([body, end.as_bytes()].concat()), "body_trailing_newline", message, way);
    }
    let lf = replaced(body, b"\r\n", b"\n");
    let help = "something on the way turns line ends; pass the body through as bytes";
    add(
        Some(replaced(&lf, b"\n", b"\r\n")),
        "body_line_ends",
        "the sender signed CRLF where LF arrived",
        help,
    );
    add(Some(lf), "body_line_ends", "the sender signed LF where CRLF arrived", help);
    let compressed = "the sender signs the body before it compresses it; what arrives is compressed";
    add(
        unpacked(head, body),
        "body_compressed",
        compressed,
        "ask the sender for uncompressed deliveries, or compress nothing on the way",
    );
    add(
        body.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec),
        "body_byte_order_mark",
        "the body begins with a byte order mark that the sender did not sign",
        way,
    );
    add(
        Some(body.trim_ascii().to_vec()),
        "body_white_space",
        "the body has white space at an end that the sender did not sign",
        way,
    );
    let again =
        "something on the way parses the JSON and writes it again; what is signed are the sender's bytes";
    for (text, how) in json(body) {
        let message = format!("the sender signed other JSON text of the same value: {how}");
        add(Some(text), "body_json_rewritten", &message, again);
    }
    if let Some(fields) = pairs(body).filter(|_| body.contains(&b'=')) {
        let escaped = write_pairs(&fields);
        let plus = escaped.replace("%20", "+");
        let lower = lower_escapes(&escaped);
        let help = "something on the way parses the form and writes it again; pass the body through as bytes";
        for text in [plus.clone(), escaped, lower_escapes(&plus), lower] {
            add(
                Some(text.into_bytes()),
                "body_form_rewritten",
                "the sender signed other form text of the same fields",
                help,
            );
        }
    }
    let help = "something on the way writes the body as a JSON text; pass it through as bytes";
    add(
        serde_json::from_slice::<String>(body).ok().map(String::into_bytes),
        "body_json_in_json",
        "the body is a JSON text of its own that holds what the sender signed",
        help,
    );
    let help = "something on the way writes the body in another character set; pass it through as bytes";
    let text = std::str::from_utf8(body).ok();
    add(
        text.and_then(|text| text.chars().map(|letter| u8::try_from(letter).ok()).collect()),
        "body_charset",
        "the sender signed the same text in Latin-1",
        help,
    );
    let utf8: String = body.iter().map(|byte| char::from(*byte)).collect();
    add(
        Some(utf8.into_bytes()),
        "body_charset",
        "the sender signed in UTF-8 what arrives in Latin-1, or took UTF-8 for Latin-1",
        "pass the body through as bytes; where the sender always does it, take `{body|latin1}` in a provider of your own",
    );
    add(
        Some(Vec::new()),
        "body_not_signed",
        "the signature is that of an empty body: the sender does not sign the body",
        "ask the sender, or the documentation, what is signed",
    );
    guesses
}

/// What a body shows by itself, where no guess fits.
pub fn evident(head: &Head, body: &[u8]) -> Option<Finding> {
    let named = head.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let way = "something in front of Bonafide does that; make it pass the body through as bytes";
    if body.is_empty() {
        let message =
            "the body is empty, and the signature is not that of an empty body: it was lost on the way";
        return Some(Finding::new("body_empty", message, way));
    }
    let begins: &[u8] = match named {
        "gzip" | "x-gzip" => &[0x1f, 0x8b],
        "zstd" => &[0x28, 0xb5, 0x2f, 0xfd],
        _ => return None,
    };
    let message = format!("Content-Encoding says {named}, and the body is not: it was unpacked on the way");
    (!body.starts_with(begins)).then(|| Finding::new("body_unpacked", message, way))
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(after) => {
                out.extend_from_slice(to);
                rest = after;
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}

fn unpacked(head: &Head, body: &[u8]) -> Option<Vec<u8>> {
    let named = head.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let read = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        reader.take(MAX_UNPACKED).read_to_end(&mut out).ok().filter(|_| !out.is_empty())?;
        Some(out)
    };
    if named.eq_ignore_ascii_case("deflate") {
        return read(&mut ZlibDecoder::new(body)).or_else(|| read(&mut DeflateDecoder::new(body)));
    }
    body.starts_with(&[0x1f, 0x8b]).then(|| read(&mut GzDecoder::new(body)))?
}

/// The same JSON value in other texts, and how they were written.
fn json(body: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let Ok(text) = std::str::from_utf8(body) else { return Vec::new() };
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    if !value.is_object() && !value.is_array() {
        return Vec::new();
    }
    let compact = styled(text, &Style { colon: ":", comma: ",", indent: None });
    let python = styled(text, &Style { colon: ": ", comma: ", ", indent: None });
    let mut texts = vec![
        (compact.clone(), "without white space"),
        (python.clone(), "with a space behind colons and commas"),
    ];
    for (indent, how) in [("  ", "indented by two"), ("    ", "indented by four"), ("\t", "indented by tabs")]
    {
        texts.push((styled(text, &Style { colon: ": ", comma: ",", indent: Some(indent) }), how));
    }
    texts.push((value.to_string(), "without white space and with sorted members"));
    for base in [text.to_owned(), compact, python] {
        texts.push((ascii(&base), "with every character beyond ASCII escaped"));
        texts.push((base.replace("\\/", "/"), "with slashes that are not escaped"));
        texts.push((base.replace("\\/", "/").replace('/', "\\/"), "with escaped slashes"));
        texts.push((
            ascii(&base).replace("\\/", "/").replace('/', "\\/"),
            "with escaped slashes and characters",
        ));
        texts.push((unescaped(&base), "with characters beyond ASCII as they are"));
    }
    texts.into_iter().map(|(text, how)| (text.into_bytes(), how)).collect()
}

struct Style<'s> {
    colon: &'s str,
    comma: &'s str,
    indent: Option<&'s str>,
}

/// Valid JSON with other white space; members stay in their order, numbers and strings as they are.
fn styled(text: &str, style: &Style<'_>) -> String {
    let (mut out, mut depth, mut inside, mut escaped) =
        (String::with_capacity(text.len()), 0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = style.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    };
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        if inside {
            out.push(next);
            inside = next != '"' || escaped;
            escaped = next == '\\' && !escaped;
            continue;
        }
        match next {
            '"' => {
                inside = true;
                out.push(next);
            }
            ' ' | '\t' | '\r' | '\n' => {}
            ':' => out.push_str(style.colon),
            ',' => {
                out.push_str(style.comma);
                line(&mut out, depth);
            }
            '{' | '[' => {
                out.push(next);
                while chars.next_if(|blank| matches!(blank, ' ' | '\t' | '\r' | '\n')).is_some() {}
                if !matches!(chars.peek(), Some('}' | ']')) {
                    depth += 1;
                    line(&mut out, depth);
                } else if let Some(close) = chars.next() {
                    out.push(close);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(next);
            }
            other => out.push(other),
        }
    }
    out
}

/// `\uXXXX` for every character beyond ASCII.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// Characters beyond ASCII for `\uXXXX`.
fn unescaped(text: &str) -> String {
    let (mut out, mut units) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    let flush = |units: &mut Vec<u16>, out: &mut String| {
        out.extend(char::decode_utf16(units.drain(..)).map(|unit| unit.unwrap_or('\u{fffd}')));
    };
    while let Some(next) = rest.chars().next() {
        let unit = rest.strip_prefix("\\u").and_then(|behind| behind.get(..4));
        let unit = unit.and_then(|digits| u16::from_str_radix(digits, 16).ok()).filter(|unit| *unit > 0x7f);
        match unit {
            Some(unit) => {
                units.push(unit);
                rest = rest.get(6..).unwrap_or_default();
            }
            None => {
                flush(&mut units, &mut out);
                out.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    flush(&mut units, &mut out);
    out
}

fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        out.push('%');
        out.push_str(&digits.to_ascii_lowercase());
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_other_texts() {
        let text = "{\"b\": [1, 2.0, {}], \"a\": \"\u{e9}/ \\\" x\" }";
        let found: Vec<String> =
            json(text.as_bytes()).into_iter().map(|(text, _)| String::from_utf8(text).unwrap()).collect();
        for wanted in [
            "{\"b\":[1,2.0,{}],\"a\":\"\u{e9}/ \\\" x\"}",
            "{\"b\": [1, 2.0, {}], \"a\": \"\u{e9}/ \\\" x\"}",
            "{\n  \"b\": [\n    1,\n    2.0,\n    {}\n  ],\n  \"a\": \"\u{e9}/ \\\" x\"\n}",
            "{\"b\":[1,2.0,{}],\"a\":\"\\u00e9/ \\\" x\"}",
            "{\"b\":[1,2.0,{}],\"a\":\"\u{e9}\\/ \\\" x\"}",
        ] {
            assert!(found.iter().any(|text| text == wanted), "{wanted}\n{found:#?}");
        }
        assert!(json(b"1").is_empty() && json(b"{").is_empty());
        assert_eq!(unescaped("\\u00e9\\ud83d\\ude00\\n"), "\u{e9}\u{1f600}\\n");
    }

    #[test]
    fn line_ends() {
        assert_eq!(replaced(b"a\r\nb\n", b"\r\n", b"\n"), b"a\nb\n");
        assert_eq!(replaced(b"a\nb", b"\n", b"\r\n"), b"a\r\nb");
        assert_eq!(lower_escapes("a%2Fb%C3"), "a%2fb%c3");
    }
}
