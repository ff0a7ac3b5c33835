//! JSON as PHP's `json_encode` writes it.

use serde::de::IgnoredAny;
use std::fmt::Write;

/// The document without blanks between its parts, with `/` and all beyond ASCII escaped in its texts. Numbers stay as
/// they are written; `None` when it is no JSON.
pub fn php_json(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' { text_length(rest)? } else { first.len_utf8() };
        let (part, behind) = rest.split_at_checked(length)?;
        match first {
            '"' => write_text(&serde_json::from_str::<String>(part).ok()?, &mut written),
            ' ' | '\t' | '\r' | '\n' => {}
            _ => written.push_str(part),
        }
        rest = behind;
    }
    Some(written)
}

/// Bytes up to the quote that ends the text that begins here.
fn text_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let inner = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some(inner + 2)
}

fn write_text(text: &str, written: &mut String) {
    written.push('"');
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '/' => written.push_str("\\/"),
            '\u{8}' => written.push_str("\\b"),
            '\u{c}' => written.push_str("\\f"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            ' '..='\u{7f}' => written.push(character),
            _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(written, "\\u{unit:04x}");
            }),
        }
    }
    written.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        for (from, to) in [
            ("{ \"a\" : [1.50, -2e3,\ttrue , null] }\n", "{\"a\":[1.50,-2e3,true,null]}"),
            (r#""a/b \/ \u0041 \" \\""#, r#""a\/b \/ A \" \\""#),
            ("\"Æ \u{1f600} \u{7f}\"", "\"\\u00c6 \\ud83d\\ude00 \u{7f}\""),
            (r#""\b\f\n\r\t\u001f""#, r#""\b\f\n\r\t\u001f""#),
            (r#"{"":"","\\":"\\\\"}"#, r#"{"":"","\\":"\\\\"}"#),
            ("[]", "[]"),
        ] {
            assert_eq!(php_json(from).as_deref(), Some(to));
            assert_eq!(php_json(to).as_deref(), Some(to), "what is so written stays");
        }
        for bad in ["", "{", "\"a", "[1 2]", "\"\\ud83d\""] {
            assert_eq!(php_json(bad), None, "{bad}");
        }
    }
}
