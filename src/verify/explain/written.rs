//! Signatures as they may have been written: read as leniently as verification is strict.

use crate::scheme::{Encoding, Field, Place, Reading};
use base64::Engine;
use base64::alphabet::{STANDARD as PLAIN, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Bytes that may be a signature, and how they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub bytes: Vec<u8>,
    pub how: How,
}

/// A text form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As the policy says, with prefix and all.
    AsExpected,
    /// In this encoding, and the rest as the policy says.
    Encoded(&'static str),
    /// In this encoding, without the prefix, key or list that the policy says.
    Elsewhere(&'static str),
}

/// Everything at the place of the signature that could be one.
pub fn signatures(field: &Field, encoding: Encoding, reading: &Reading<'_>) -> Vec<Written> {
    let mut found = Vec::new();
    let mut strict = Vec::new();
    let read = field.each(reading, |text| strict.push(text.to_owned()));
    if read.is_ok() {
        for text in &strict {
            for (name, bytes) in decoded(text) {
                let how = if name == encoding_name(encoding) { How::AsExpected } else { How::Encoded(name) };
                found.push(Written { bytes, how });
            }
        }
    }
    let whole: Vec<String> = match &field.place {
        Place::Header(names) | Place::Family(names) => {
            let values = names.iter().flat_map(|name| reading.head.headers.get_all(name));
            values.filter_map(|value| value.to_str().ok().map(String::from)).collect()
        }
        place => reading.text(place).map(|text| text.meant.into_owned()).into_iter().collect(),
    };
    for text in &whole {
        let inner = text.split([',', ' ', ';', '|', '&', '\t', '"', '\'']);
        for token in inner.chain([text.as_str()]).filter(|token| !token.is_empty()) {
            // Behind a name: `v1=...`, but not the padding at the end.
            let bare = token.trim_end_matches('=');
            let behind = bare.rfind(['=', ':']).and_then(|at| token.get(at + 1..));
            for text in [Some(token), behind].into_iter().flatten() {
                found.extend(
                    decoded(text)
                        .into_iter()
                        .map(|(name, bytes)| Written { bytes, how: How::Elsewhere(name) }),
                );
            }
        }
    }
    found
}

/// The readings of a text that make as many bytes as a signature can have.
fn decoded(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    const LOOSE: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text = text.trim();
    let standard = GeneralPurpose::new(&PLAIN, LOOSE).decode(text).ok();
    let of_hex = standard.as_ref().and_then(|digits| hex::decode(digits).ok());
    let readings = [
        ("hex", hex::decode(text).ok()),
        ("base64", standard),
        ("base64url", GeneralPurpose::new(&URL_SAFE, LOOSE).decode(text).ok()),
        ("base64_hex", of_hex),
    ];
    let long_enough = |bytes: &Vec<u8>| (16..=1024).contains(&bytes.len());
    readings.into_iter().filter_map(|(name, bytes)| Some((name, bytes.filter(long_enough)?))).collect()
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
        Encoding::Base64Url | Encoding::Base64UrlPadded => "base64url",
        Encoding::Base64Hex => "base64_hex",
    }
}
