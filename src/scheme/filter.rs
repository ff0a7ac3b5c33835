//! What is done with a value before it stands in the signed text. Each filter knows what it takes.

use super::algorithm::{Algorithm, HashName, Mac};
use super::content::{Pairs, escape, unescape};
use super::field::Fault;
use super::php_json::php_json;
use super::reading::header_text;
use crate::base::limits::MAX_LIST_ELEMENTS;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName};
use std::borrow::Cow;

/// A filter of a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The digest of a text.
    Hash(HashName),
    /// The checksum of ISO 3309 as an unsigned decimal number. It proves nothing: other texts have the same.
    Crc32,
    /// The MAC of a text under the secret of the source.
    Hmac(HashName),
    /// Hexadecimal digits.
    Hex,
    /// Base64, standard alphabet, padded.
    Base64,
    /// Base64, URL-safe alphabet, not padded.
    Base64Url,
    /// ASCII letters in upper case.
    Upper,
    /// ASCII letters in lower case.
    Lower,
    /// Without ASCII white space at the ends.
    Trim,
    /// Without this text at the end, where it stands there.
    StripEnd(String),
    /// Percent-escapes decoded: all, or those of these characters.
    Unescape(Option<String>),
    /// As JavaScript's `encodeURIComponent`.
    Escape,
    /// As JavaScript's `encodeURI`.
    EncodeUri,
    /// Bytes taken for characters of Latin-1 and written in UTF-8.
    Latin1,
    /// A JSON string with its quotes.
    JsonString,
    /// A JSON document in canonical form (RFC 8785).
    Jcs,
    /// A JSON document as PHP's `json_encode` writes it.
    PhpJson,
    /// Pairs as PHP's `serialize` writes an array of strings.
    PhpSerialize,
    /// Pairs in byte order of name and value.
    Sort,
    /// Pairs without doubles.
    Unique,
    /// Pairs without those of a name.
    Without(String),
    /// Pairs with `_` in their values for each of these characters.
    Mask(String),
    /// Names and values with nothing between them.
    Concat,
    /// `name=value` with a text between them.
    Join(String),
    /// The values of the headers that a list names.
    HeaderValues(Separators),
    /// The same as `name:value`, names in lower case.
    HeaderLines(Separators),
}

/// What separates the names of a list, and what separates the values in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separators {
    list: String,
    text: String,
}

/// What a filter takes or makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text that may stand in the message.
    Text,
    /// Bytes that no text can hold.
    Digest,
    /// Names and values.
    Pairs,
}

/// A value on its way through filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// Text.
    Text(Cow<'v, [u8]>),
    /// Bytes.
    Digest(Vec<u8>),
    /// Names and values.
    Pairs(Pairs),
}

/// Names of filters, for the message about an unknown one.
pub const NAMES: &[&str] = &[
    "md5",
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "crc32",
    "hmac_md5",
    "hmac_sha1",
    "hmac_sha256",
    "hmac_sha384",
    "hmac_sha512",
    "hex",
    "base64",
    "base64url",
    "upper",
    "lower",
    "trim",
    "strip_end",
    "unescape",
    "escape",
    "encode_uri",
    "latin1",
    "json_string",
    "jcs",
    "php_json",
    "php_serialize",
    "sort",
    "unique",
    "without",
    "mask",
    "concat",
    "join",
    "header_values",
    "header_lines",
];

impl Filter {
    /// The filter that `text` names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Filter, String> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let filter = match (name, argument) {
            ("crc32", None) => Filter::Crc32,
            ("php_serialize", None) => Filter::PhpSerialize,
            ("hex", None) => Filter::Hex,
            ("base64", None) => Filter::Base64,
            ("base64url", None) => Filter::Base64Url,
            ("upper", None) => Filter::Upper,
            ("lower", None) => Filter::Lower,
            ("trim", None) => Filter::Trim,
            ("strip_end", Some(text)) => Filter::StripEnd(text.to_owned()),
            ("unescape", characters) => Filter::Unescape(characters.map(String::from)),
            ("escape", None) => Filter::Escape,
            ("encode_uri", None) => Filter::EncodeUri,
            ("latin1", None) => Filter::Latin1,
            ("json_string", None) => Filter::JsonString,
            ("jcs", None) => Filter::Jcs,
            ("php_json", None) => Filter::PhpJson,
            ("sort", None) => Filter::Sort,
            ("unique", None) => Filter::Unique,
            ("without", Some(name)) => Filter::Without(name.to_owned()),
            ("mask", Some(characters)) => Filter::Mask(characters.to_owned()),
            ("concat", None) => Filter::Concat,
            ("join", Some(text)) => Filter::Join(text.to_owned()),
            ("header_values", Some(text)) => Filter::HeaderValues(Separators::parse(text)?),
            ("header_lines", Some(text)) => Filter::HeaderLines(Separators::parse(text)?),
            _ => return Filter::parse_hash(name, argument),
        };
        Ok(filter)
    }

    fn parse_hash(name: &str, argument: Option<&str>) -> Result<Filter, String> {
        let keyed = name.strip_prefix("hmac_");
        match (HashName::parse(keyed.unwrap_or(name)), argument, keyed) {
            (Some(hash), None, Some(_)) => Ok(Filter::Hmac(hash)),
            (Some(hash), None, None) => Ok(Filter::Hash(hash)),
            _ if NAMES.contains(&name) && argument.is_some() => {
                Err(format!("`{name}` takes nothing behind `:`"))
            }
            _ if NAMES.contains(&name) => Err(format!("`{name}` needs something behind `:`")),
            _ => Err(format!("unknown filter `{name}`")),
        }
    }

    /// What it makes of a value of this kind; `None` when it does not take it.
    pub fn kind(&self, from: Kind) -> Option<Kind> {
        match (self, from) {
            (Filter::Hash(_) | Filter::Hmac(_), Kind::Text | Kind::Digest) => Some(Kind::Digest),
            (Filter::Hex | Filter::Base64 | Filter::Base64Url, Kind::Text | Kind::Digest) => Some(Kind::Text),
            (Filter::Sort | Filter::Unique | Filter::Without(_) | Filter::Mask(_), Kind::Pairs) => {
                Some(Kind::Pairs)
            }
            (Filter::Concat | Filter::Join(_) | Filter::PhpSerialize, Kind::Pairs) => Some(Kind::Text),
            (
                Filter::Hash(_)
                | Filter::Hmac(_)
                | Filter::Hex
                | Filter::Base64
                | Filter::Base64Url
                | Filter::Sort
                | Filter::Unique
                | Filter::Without(_)
                | Filter::Mask(_)
                | Filter::Concat
                | Filter::PhpSerialize
                | Filter::Join(_),
                _,
            ) => None,
            (_, Kind::Text) => Some(Kind::Text),
            (_, Kind::Digest | Kind::Pairs) => None,
        }
    }

    /// Whether what it makes is of one fixed alphabet without separators: digits of a digest.
    pub fn is_plain_text(&self) -> bool {
        matches!(self, Filter::Hex | Filter::Base64Url | Filter::Crc32)
    }

    /// Whether two texts that differ are told apart behind it, but for the case of letters.
    pub fn keeps_everything(&self) -> bool {
        let forms = matches!(self, Filter::Hex | Filter::Base64 | Filter::Base64Url);
        forms || matches!(self, Filter::Hash(_) | Filter::Hmac(_) | Filter::Upper | Filter::Lower)
    }

    /// Whether the request itself says which headers are signed.
    pub fn is_list_of_headers(&self) -> bool {
        matches!(self, Filter::HeaderValues(_) | Filter::HeaderLines(_))
    }

    /// What separates the names of a list of headers.
    pub fn list_separator(&self) -> Option<&str> {
        match self {
            Filter::HeaderValues(separators) | Filter::HeaderLines(separators) => Some(&separators.list),
            _ => None,
        }
    }

    /// Whether a list of headers names this one.
    pub fn lists(&self, list: &[u8], name: &HeaderName) -> bool {
        let (Filter::HeaderValues(separators) | Filter::HeaderLines(separators)) = self else { return true };
        let list = String::from_utf8_lossy(list);
        list.split(separators.list.as_str()).any(|listed| listed.trim().eq_ignore_ascii_case(name.as_str()))
    }

    /// Applies it. `key` is the secret of the source, where there is one.
    ///
    /// # Errors
    /// When the value is not of the form that the filter takes.
    pub fn apply<'v>(
        &self,
        value: Value<'v>,
        headers: &HeaderMap,
        key: Option<&[u8]>,
    ) -> Result<Value<'v>, Fault> {
        match value {
            Value::Pairs(pairs) => self.apply_pairs(pairs),
            Value::Digest(bytes) => self.apply_bytes(&bytes, key),
            Value::Text(text) => match self {
                Filter::Hash(_) | Filter::Hmac(_) | Filter::Hex | Filter::Base64 | Filter::Base64Url => {
                    self.apply_bytes(&text, key)
                }
                _ => self.apply_text(&text, headers).map(|text| Value::Text(Cow::Owned(text))),
            },
        }
    }

    fn apply_bytes<'v>(&self, bytes: &[u8], key: Option<&[u8]>) -> Result<Value<'v>, Fault> {
        let text = |text: String| Ok(Value::Text(Cow::Owned(text.into_bytes())));
        match self {
            Filter::Hash(hash) => Ok(Value::Digest(hash.digest(bytes))),
            Filter::Hmac(hash) => {
                let key = key.ok_or(Fault::Missing)?;
                let mut mac = Mac::new(Algorithm::Hmac(*hash), key).map_err(|_| Fault::Malformed)?;
                mac.update(bytes);
                Ok(Value::Digest(mac.finish().as_bytes().to_vec()))
            }
            Filter::Hex => text(hex::encode(bytes)),
            Filter::Base64 => text(STANDARD.encode(bytes)),
            Filter::Base64Url => text(URL_SAFE_NO_PAD.encode(bytes)),
            _ => Err(Fault::Malformed),
        }
    }

    fn apply_pairs<'v>(&self, mut pairs: Pairs) -> Result<Value<'v>, Fault> {
        match self {
            Filter::Sort => pairs.sort(),
            Filter::Unique => {
                let mut seen = std::collections::HashSet::new();
                pairs.retain(|pair| seen.insert(pair.clone()));
            }
            Filter::Without(name) => pairs.retain(|(known, _)| known != name.as_bytes()),
            Filter::Mask(characters) => {
                let masked = |byte: &&mut u8| characters.as_bytes().contains(*byte);
                pairs
                    .iter_mut()
                    .for_each(|(_, value)| value.iter_mut().filter(masked).for_each(|byte| *byte = b'_'));
            }
            Filter::Concat => {
                let text =
                    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>().concat();
                return Ok(Value::Text(Cow::Owned(text)));
            }
            Filter::PhpSerialize => {
                let string = |text: &[u8]| [format!("s:{}:\"", text.len()).as_bytes(), text, b"\";"].concat();
                let members: Vec<_> =
                    pairs.iter().map(|(name, value)| [string(name), string(value)].concat()).collect();
                let head = format!("a:{}:{{", pairs.len()).into_bytes();
                return Ok(Value::Text(Cow::Owned([head, members.concat(), b"}".to_vec()].concat())));
            }
            Filter::Join(between) => {
                let parts: Vec<_> =
                    pairs.into_iter().map(|(name, value)| [name, b"=".to_vec(), value].concat()).collect();
                return Ok(Value::Text(Cow::Owned(parts.join(between.as_bytes()))));
            }
            _ => return Err(Fault::Malformed),
        }
        Ok(Value::Pairs(pairs))
    }

    fn apply_text(&self, text: &[u8], headers: &HeaderMap) -> Result<Vec<u8>, Fault> {
        let utf8 = || std::str::from_utf8(text).map_err(|_| Fault::Malformed);
        Ok(match self {
            Filter::Crc32 => crc32fast::hash(text).to_string().into_bytes(),
            Filter::Upper => text.to_ascii_uppercase(),
            Filter::Lower => text.to_ascii_lowercase(),
            Filter::Trim => text.trim_ascii().to_vec(),
            Filter::StripEnd(end) => text.strip_suffix(end.as_bytes()).unwrap_or(text).to_vec(),
            Filter::Unescape(None) => unescape(text, false).ok_or(Fault::Malformed)?,
            Filter::Unescape(Some(only)) => unescape_only(text, only.as_bytes()),
            // The marks that ECMA-262 leaves alone beside letters, digits and `-_.~`.
            Filter::Escape => escape(text, b"!*'()").into_bytes(),
            Filter::EncodeUri => escape(text, b"!*'();/?:@&=+$,#").into_bytes(),
            Filter::Latin1 => text.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes(),
            Filter::JsonString => serde_json::to_vec(utf8()?).map_err(|_| Fault::Malformed)?,
            Filter::Jcs => {
                let document: serde_json::Value =
                    serde_json::from_slice(text).map_err(|_| Fault::Malformed)?;
                serde_json_canonicalizer::to_vec(&document).map_err(|_| Fault::Malformed)?
            }
            Filter::PhpJson => php_json(utf8()?).ok_or(Fault::Malformed)?.into_bytes(),
            Filter::HeaderValues(separators) => separators.headers(utf8()?, headers, false)?,
            Filter::HeaderLines(separators) => separators.headers(utf8()?, headers, true)?,
            _ => return Err(Fault::Malformed),
        })
    }
}

impl Separators {
    /// `,:;`: a separator of one character, a colon, and the text between the values.
    fn parse(text: &str) -> Result<Separators, String> {
        match text.split_at_checked(1).map(|(list, rest)| (list, rest.strip_prefix(':'))) {
            Some((list, Some(between))) if !between.is_empty() => {
                Ok(Separators { list: list.to_owned(), text: between.to_owned() })
            }
            _ => {
                Err("write the separator of the list, `:`, and what stands between the values: `,:;`"
                    .to_owned())
            }
        }
    }

    /// The headers that the list names, each once. A value that holds what separates them is refused.
    fn headers(&self, list: &str, headers: &HeaderMap, with_name: bool) -> Result<Vec<u8>, Fault> {
        let (mut parts, mut seen) = (Vec::new(), Vec::new());
        for name in list.split(self.list.as_str()).map(str::trim) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Malformed)?;
            let value = header_text(headers, &name)?;
            if value.contains(self.text.as_str()) || seen.contains(&name) || seen.len() >= MAX_LIST_ELEMENTS {
                return Err(Fault::Malformed);
            }
            parts.push(if with_name { format!("{name}:{value}") } else { value.to_owned() });
            seen.push(name);
        }
        Ok(parts.join(&self.text).into_bytes())
    }
}

/// Decodes the escapes of these characters, and leaves all others as they are.
fn unescape_only(text: &[u8], only: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let mut byte = [0];
        match behind.split_at_checked(2).filter(|_| *first == b'%') {
            Some((digits, after))
                if hex::decode_to_slice(digits, &mut byte).is_ok() && only.contains(&byte[0]) =>
            {
                decoded.push(byte[0]);
                rest = after;
            }
            _ => decoded.push(*first),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(filters: &str, text: &str) -> Result<String, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", "1".parse().unwrap());
        headers.insert("x-b", "2;3".parse().unwrap());
        let mut value = Value::Text(Cow::Borrowed(text.as_bytes()));
        for filter in filters.split('|') {
            value = Filter::parse(filter).unwrap().apply(value, &headers, Some(b"key"))?;
        }
        let Value::Text(text) = value else { panic!("{value:?}") };
        Ok(String::from_utf8(text.into_owned()).unwrap())
    }

    #[test]
    fn texts() {
        for (filters, from, to) in [
            ("md5|hex", "", "d41d8cd98f00b204e9800998ecf8427e"),
            ("sha1|hex|upper", "", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"),
            ("hmac_sha256|base64", "a", "QVSjIXrBBbpLO/GiCLjsNGz6jttlIKgL8dvYJyHMzQc="),
            ("crc32", "123456789", "3421780262"),
            ("strip_end:/", "/a/", "/a"),
            ("trim|lower", " A\n", "a"),
            ("unescape", "%41%2fb", "A/b"),
            ("unescape:/:", "%41%2fb%3A", "%41/b:"),
            ("escape", "a b/(é)", "a%20b%2F(%C3%A9)"),
            ("encode_uri", "/a?b=%c", "/a?b=%25c"),
            ("json_string", "a\"b\n", "\"a\\\"b\\n\""),
            ("jcs", "{\"b\": 1.0, \"a\": [2]}", "{\"a\":[2],\"b\":1}"),
            ("php_json", "{\"a\": \"b/c\"}", "{\"a\":\"b\\/c\"}"),
            ("header_values:,:.", "x-a", "1"),
            ("header_lines:,:&", "X-A, x-b", "x-a:1&x-b:2;3"),
        ] {
            let got = run(filters, from);
            if filters.starts_with("hmac") {
                assert_eq!(got.unwrap().len(), to.len());
            } else {
                assert_eq!(got.as_deref(), Ok(to), "{filters}");
            }
        }
        assert_eq!(run("latin1", "\u{e9}").unwrap(), "\u{c3}\u{a9}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(run("unescape", "%4"), Err(Fault::Malformed));
        assert_eq!(run("jcs", "{"), Err(Fault::Malformed));
        assert_eq!(run("php_json", "{"), Err(Fault::Malformed));
        assert_eq!(run("header_lines:,:;", "x-a,x-b"), Err(Fault::Malformed), "a value with the separator");
        assert_eq!(run("header_lines:,:;", "x-a,x-a"), Err(Fault::Malformed));
        assert_eq!(run("header_values:,:;", "x-c"), Err(Fault::Missing));
        for bad in
            ["sha257", "hex:1", "join", "without", "mask", "header_values:,", "header_lines:;", "hmac_", ""]
        {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
        for name in NAMES {
            let with = format!("{name}:,:;");
            assert!(Filter::parse(name).is_ok() || Filter::parse(&with).is_ok(), "{name}");
        }
    }

    #[test]
    fn pairs() {
        let pairs = || Value::Pairs(super::super::content::pairs(b"b=2&a=1&b=2&b=1").unwrap());
        let run = |filters: &str| {
            let headers = HeaderMap::new();
            let done = filters.split('|').try_fold(pairs(), |value, filter| {
                Filter::parse(filter).unwrap().apply(value, &headers, None)
            });
            let Ok(Value::Text(text)) = done else { panic!("{done:?}") };
            String::from_utf8(text.into_owned()).unwrap()
        };
        assert_eq!(run("sort|concat"), "a1b1b2b2");
        assert_eq!(run("sort|unique|concat"), "a1b1b2");
        assert_eq!(run("without:b|join:&"), "a=1");
        assert_eq!(run("join:&"), "b=2&a=1&b=2&b=1");
        assert_eq!(run("mask:2b|join:&"), "b=_&a=1&b=_&b=1");
    }

    #[test]
    fn kinds_are_told_apart() {
        let end = |filters: &str, from: Kind| {
            filters.split('|').try_fold(from, |kind, filter| Filter::parse(filter).unwrap().kind(kind))
        };
        assert_eq!(end("sha256|hex", Kind::Text), Some(Kind::Text));
        assert_eq!(end("sha256", Kind::Text), Some(Kind::Digest));
        assert_eq!(end("sort|join:&|lower", Kind::Pairs), Some(Kind::Text));
        assert_eq!(end("sort", Kind::Text), None);
        assert_eq!(end("sha256|upper", Kind::Text), None);
        assert_eq!(end("hex", Kind::Pairs), None);
    }
}
