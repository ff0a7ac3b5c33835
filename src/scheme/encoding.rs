//! Text forms of a signature, read strictly: one value has one spelling, but for the case of hex digits.

use super::algorithm::Tag;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal (RFC 4648 section 8); written in lower case, read in either.
    Hex,
    /// Base64 with the standard alphabet and its padding (RFC 4648 section 4).
    Base64,
    /// Base64 with the URL-safe alphabet and no padding (RFC 4648 section 5).
    Base64Url,
    /// Base64 with the URL-safe alphabet and its padding.
    Base64UrlPadded,
    /// Base64 of the lower-case hexadecimal digits.
    Base64Hex,
}

impl Encoding {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] =
        &["hex", "base64", "base64url", "base64url_padded", "base64_hex"];

    /// The encoding of that name.
    pub fn parse(name: &str) -> Option<Encoding> {
        match name {
            "hex" => Some(Encoding::Hex),
            "base64" => Some(Encoding::Base64),
            "base64url" => Some(Encoding::Base64Url),
            "base64url_padded" => Some(Encoding::Base64UrlPadded),
            "base64_hex" => Some(Encoding::Base64Hex),
            _ => None,
        }
    }

    /// Decodes a value of exactly `length` bytes; `None` for anything else, trailing bits included.
    pub fn decode(self, text: &str, length: usize) -> Option<Tag> {
        // The longest base64 form decodes in whole groups of three bytes.
        let mut buffer = [0; Tag::MAX.next_multiple_of(3)];
        let written = match self {
            Encoding::Hex => hex::decode_to_slice(text, buffer.get_mut(..length)?).ok().map(|()| length),
            Encoding::Base64 => STANDARD.decode_slice(text, &mut buffer).ok(),
            Encoding::Base64Url => URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).ok(),
            Encoding::Base64UrlPadded => URL_SAFE.decode_slice(text, &mut buffer).ok(),
            Encoding::Base64Hex => {
                let digits = STANDARD.decode(text).ok()?;
                hex::decode_to_slice(digits, buffer.get_mut(..length)?).ok().map(|()| length)
            }
        };
        (written? == length).then(|| Tag::new(buffer.get(..length).unwrap_or_default()))
    }

    /// Decodes a value of any length.
    pub fn decode_any(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex => hex::decode(text).ok(),
            Encoding::Base64 => STANDARD.decode(text).ok(),
            Encoding::Base64Url => URL_SAFE_NO_PAD.decode(text).ok(),
            Encoding::Base64UrlPadded => URL_SAFE.decode(text).ok(),
            Encoding::Base64Hex => hex::decode(STANDARD.decode(text).ok()?).ok(),
        }
    }

    /// Writes the value.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
            Encoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
            Encoding::Base64UrlPadded => URL_SAFE.encode(bytes),
            Encoding::Base64Hex => STANDARD.encode(hex::encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] =
        [Encoding::Hex, Encoding::Base64, Encoding::Base64Url, Encoding::Base64UrlPadded];

    #[test]
    fn every_length_goes_both_ways() {
        for encoding in ALL {
            for length in [20, 32, 48, 64] {
                let tag = Tag::new(&vec![0xfb; length]);
                let text = encoding.encode(tag.as_bytes());
                assert_eq!(encoding.decode_any(&text).unwrap(), tag.as_bytes());
                assert_eq!(encoding.decode(&text, length).unwrap().as_bytes(), tag.as_bytes());
                for wrong in [19, 21, 31, 33, 47, 49, 63] {
                    assert!(encoding.decode(&text, wrong).is_none(), "{encoding:?} {length} as {wrong}");
                }
                for cut in 0..text.len() {
                    assert!(
                        encoding.decode(&text[..cut], length).is_none(),
                        "{encoding:?} {length} cut {cut}"
                    );
                }
                for extra in ["0", "00", " ", "=", "\n", "A", "AAAA"] {
                    assert!(encoding.decode(&format!("{text}{extra}"), length).is_none());
                    assert!(encoding.decode(&format!("{extra}{text}"), length).is_none());
                }
            }
        }
    }

    #[test]
    fn hex_takes_both_cases_and_nothing_else() {
        assert!(Encoding::Hex.decode(&"aB".repeat(20), 20).is_some());
        for bad in ["zz", "%3", "\u{ff11}"] {
            assert!(Encoding::Hex.decode(&bad.repeat(20), 20).is_none());
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let good = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert!(Encoding::Base64.decode(good, 32).is_some());
        for bad in [
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
            "g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=",
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1O\nE=",
        ] {
            assert!(Encoding::Base64.decode(bad, 32).is_none(), "{bad}");
        }
        assert!(Encoding::Base64Url.decode("g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE", 32).is_some());
        assert!(Encoding::Base64Url.decode("g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", 32).is_none());
        let padded = Encoding::Base64UrlPadded;
        assert!(padded.decode("g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", 32).is_some());
        assert!(padded.decode("g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE", 32).is_none());
        assert!(padded.decode(good, 32).is_none());
    }
}
