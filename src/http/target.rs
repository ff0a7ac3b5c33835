//! The request target: a path in normal form and a query, kept as sent.

use super::gate::GateError;
use http::uri::PathAndQuery;
use std::fmt;

/// Path and query of a request, byte for byte as sent. Cheap to clone.
///
/// The path is in normal form: servers that merge slashes, resolve dot segments, drop `;parameters`
/// or decode one level of escapes all read the same path as the router does.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(PathAndQuery);

impl Target {
    /// Checks and copies `text`, which is the path and query as sent.
    ///
    /// # Errors
    /// [`GateError::TargetTooLong`] over `max_len` bytes; [`GateError::TargetMalformed`] without a
    /// leading slash, with a byte that has no place in a target or with a bad escape;
    /// [`GateError::TargetNotNormal`] where servers disagree on what the path means.
    pub fn parse(text: &str, max_len: usize) -> Result<Target, GateError> {
        check(text.as_bytes(), max_len)?;
        PathAndQuery::try_from(text).map(Target).map_err(|_| GateError::TargetMalformed)
    }

    /// Checks what the HTTP library split off, without copying. Errors as for [`Target::parse`].
    pub fn from_parsed(text: PathAndQuery, max_len: usize) -> Result<Target, GateError> {
        check(text.as_str().as_bytes(), max_len)?;
        Ok(Target(text))
    }

    /// The path as sent; begins with `/`.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// What follows the first `?`, as sent. An empty query is `Some("")`.
    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }

    /// Path and query as sent.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same bytes in the type that a request to the upstream is built from; shares the buffer.
    pub fn to_path_and_query(&self) -> PathAndQuery {
        self.0.clone()
    }
}

impl fmt::Debug for Target {
    /// The path alone: a query may hold a token.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Target({})", self.path())
    }
}

/// What a byte means inside a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Slash,
    Percent,
    Query,
    Bad,
}

static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Bad; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = Class::Plain;
        byte += 1;
    }
    table[b'\\' as usize] = Class::Bad;
    table[b'#' as usize] = Class::Bad;
    table[b'/' as usize] = Class::Slash;
    table[b'%' as usize] = Class::Percent;
    table[b'?' as usize] = Class::Query;
    table
}

fn check(text: &[u8], max_len: usize) -> Result<(), GateError> {
    if text.len() > max_len {
        return Err(GateError::TargetTooLong { bytes: text.len(), limit: max_len });
    }
    if text.first() != Some(&b'/') {
        return Err(GateError::TargetMalformed);
    }
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match CLASSES[usize::from(byte)] {
            Class::Plain => tail,
            Class::Slash => segment_start(tail)?,
            Class::Percent => escape(rest)?,
            Class::Query => return check_query(tail),
            Class::Bad => return Err(GateError::TargetMalformed),
        };
    }
    Ok(())
}

/// The query belongs to the application: its bytes need only be fit to stand in a request line.
fn check_query(query: &[u8]) -> Result<(), GateError> {
    let fit = query.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    if fit { Ok(()) } else { Err(GateError::TargetMalformed) }
}

/// Refuses an empty segment before another one, a segment that is empty but for parameters, and dot
/// segments, with or without parameters. A trailing slash is fine.
fn segment_start(segment: &[u8]) -> Result<&[u8], GateError> {
    let not_normal = match segment {
        [b'/' | b';', ..] | [b'%', b'3', b'b' | b'B', ..] => true,
        [b'.', b'.', rest @ ..] | [b'.', rest @ ..] => ends_dots(rest),
        _ => false,
    };
    if not_normal { Err(GateError::TargetNotNormal) } else { Ok(segment) }
}

/// Whether leading dots make a dot segment when this follows them. An escape counts: nobody needs it
/// there, and `..%3b` or `..%20` are dot segments to some.
fn ends_dots(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b'/' | b'?' | b';' | b'%'))
}

/// Checks the escape that `text` begins with (all escapes of one character, where it is not ASCII)
/// and gives what follows it.
fn escape(text: &[u8]) -> Result<&[u8], GateError> {
    let (lead, mut rest) = octet(text)?;
    let length = match lead {
        0..=0x1f | 0x7f | b'.' | b'/' | b'\\' => return Err(GateError::TargetNotNormal),
        0x20..=0x7e => return Ok(rest),
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    };
    let mut buffer = [lead, 0, 0, 0];
    let (character, _) = buffer.split_at_mut(length);
    for place in character.iter_mut().skip(1) {
        (*place, rest) = octet(rest)?;
    }
    // UTF-8 without overlong forms and surrogates, RFC 3629 section 3.
    std::str::from_utf8(character).map_err(|_| GateError::TargetMalformed)?;
    Ok(rest)
}

/// One `%XX` and what follows it.
fn octet(text: &[u8]) -> Result<(u8, &[u8]), GateError> {
    match text {
        [b'%', high, low, rest @ ..] => match (hex_digit(*high), hex_digit(*low)) {
            (Some(high), Some(low)) => Ok((high << 4 | low, rest)),
            _ => Err(GateError::TargetMalformed),
        },
        _ => Err(GateError::TargetMalformed),
    }
}

/// The value of a hexadecimal digit of either case.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 8192;

    fn refused(text: &str) -> GateError {
        Target::parse(text, MAX).expect_err(text)
    }

    fn accepted(text: &str) -> Target {
        Target::parse(text, MAX).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn path_and_query_stay_as_sent() {
        for (text, path, query) in [
            ("/", "/", None),
            ("/hooks/github", "/hooks/github", None),
            ("/hooks/github/", "/hooks/github/", None),
            ("/hooks/github?", "/hooks/github", Some("")),
            ("/hooks/github??", "/hooks/github", Some("?")),
            ("/h?a=1&a=2", "/h", Some("a=1&a=2")),
            ("/hooks/github?x=/hooks/open/", "/hooks/github", Some("x=/hooks/open/")),
            ("/hooks/github?/../open", "/hooks/github", Some("/../open")),
            ("/h?%zz%00//\\", "/h", Some("%zz%00//\\")),
        ] {
            let target = accepted(text);
            assert_eq!((target.as_str(), target.path(), target.query()), (text, path, query));
        }
    }

    #[test]
    fn dots_and_escapes_that_everybody_reads_alike_pass() {
        for text in [
            "/.well-known/x",
            "/a/..b/...",
            "/a.b/c.",
            "/a/x..;y",
            "/hooks/github;jsessionid=1",
            "/a%23b",
            "/hooks/open/%252e%252e/jwt",
            "/a%20b%7e",
            "/caf%C3%A9/%e2%82%ac/%F0%9F%98%80",
        ] {
            assert_eq!(accepted(text).as_str(), text);
        }
    }

    #[test]
    fn a_path_that_normalises_differently_is_refused() {
        for text in [
            "//hooks/github",
            "/hooks//github",
            "/hooks//",
            "/hooks/./github",
            "/hooks/.",
            "/hooks/.?x",
            "/hooks/open/../jwt",
            "/hooks/..",
            "/..?",
            "/hooks/..;/jwt",
            "/hooks/..;a=b/jwt",
            "/hooks/.;/jwt",
            "/hooks/..%3b/jwt",
            "/hooks/;/jwt",
            "/hooks/%3Bx/jwt",
            "/hooks/open/%2e%2e/jwt",
            "/hooks/open/%2E%2e/jwt",
            "/hooks/open/.%2E/jwt",
            "/hooks/open/%2e./jwt",
            "/a%2eb",
            "/hooks%2fgithub",
            "/hooks%2Fgithub",
            "/hooks%5cgithub",
            "/hooks%5Cgithub",
            "/hooks/github%00",
            "/hooks/github%0a",
            "/hooks/github%0d%0a",
            "/hooks/github%09",
            "/hooks/github%1F",
            "/hooks/github%7f",
        ] {
            assert_eq!(refused(text), GateError::TargetNotNormal, "{text}");
        }
    }

    #[test]
    fn a_target_that_is_no_path_or_holds_bad_bytes_is_refused() {
        for text in [
            "",
            "*",
            "?x=1",
            "hooks/github",
            "https://good/hooks",
            "/hooks\\github",
            "/hooks/é",
            "/hooks/a b",
            "/hooks/a\tb",
            "/hooks/a\u{7f}",
            "/hooks/open/x#/../../jwt",
            "/h?a#b",
            "/h?a b",
            "/h?é",
            "/h?a\u{0}",
        ] {
            assert_eq!(refused(text), GateError::TargetMalformed, "{text}");
        }
    }

    #[test]
    fn a_bad_escape_is_refused() {
        for text in ["/git%zzhub", "/%", "/%1", "/a%", "/a%4?b", "/%%41", "/a%g0", "/a%+1"] {
            assert_eq!(refused(text), GateError::TargetMalformed, "{text}");
        }
    }

    #[test]
    fn escaped_text_must_be_utf8_in_shortest_form() {
        for text in [
            "/%c0%af",
            "/%C0%AE%c0%ae/x",
            "/%e0%80%af",
            "/%f0%80%80%af",
            "/%ed%a0%80",
            "/%ff",
            "/%80",
            "/%c3",
            "/%c3x",
        ] {
            assert_eq!(refused(text), GateError::TargetMalformed, "{text}");
        }
    }

    #[test]
    fn the_length_limit_is_inclusive() {
        assert!(Target::parse("/234", 4).is_ok());
        assert_eq!(Target::parse("/2345", 4), Err(GateError::TargetTooLong { bytes: 5, limit: 4 }));
    }

    #[test]
    fn an_empty_path_of_an_absolute_form_is_the_root() {
        let uri: http::Uri = "https://good".parse().unwrap();
        let target = Target::from_parsed(uri.into_parts().path_and_query.unwrap(), MAX).unwrap();
        assert_eq!((target.as_str(), target.path(), target.query()), ("/", "/", None));
    }

    #[test]
    fn a_query_does_not_print() {
        assert_eq!(format!("{:?}", accepted("/h?token=1")), "Target(/h)");
    }

    /// One level of decoding, written apart from the code under test.
    fn decode(path: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut bytes = path.bytes();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        out
    }

    fn assert_normal(path: &str) {
        assert!(path.starts_with('/'), "{path}");
        assert!(!path.contains("//"), "{path}");
        assert!(!path.chars().any(|char| char.is_ascii_control() || char == '\\'), "{path}");
        for segment in path.split('/') {
            let bare = segment.split(';').next().unwrap();
            assert!(bare != "." && bare != ".." && (segment.is_empty() || !bare.is_empty()), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_panic(text in "\\PC*") {
            let _ = Target::parse(&text, MAX);
        }

        #[test]
        fn an_accepted_path_is_normal_before_and_after_decoding(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "/", "/", "a", ".", "..", ";", "%2e", "%2F", "%3b", "%5c", "%00", "%25", "2e", "%c3%a9", "%c0", "%af",
                "\\", "?", "#", "%", "zz", "%3f", "%23", "hooks", "é", " ",
            ]), 0..8)
        ) {
            let text = format!("/{}", pieces.concat());
            if let Ok(target) = Target::parse(&text, MAX) {
                prop_assert_eq!(target.as_str(), &text);
                let path = target.path();
                prop_assert!(path.is_ascii());
                assert_normal(path);
                let decoded = String::from_utf8(decode(path)).expect("accepted escapes are UTF-8");
                assert_normal(&decoded);
                prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
            }
        }
    }
}
