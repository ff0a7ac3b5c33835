//! How a configured secret becomes the key of the MAC.

use super::algorithm::HashName;
use crate::base::secret::Secret;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use icu_normalizer::DecomposingNormalizerBorrowed;
use std::fmt;

/// The form of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyForm {
    /// How the text of the secret is turned into bytes.
    pub encoding: KeyEncoding,
    /// The first of these that the text begins with is dropped; `*` stands for letters and digits.
    pub prefixes: Vec<String>,
    /// The key is this digest of the bytes.
    pub hash: Option<HashName>,
    /// Whether the text is brought into Unicode's form NFKD first.
    pub nfkd: bool,
    /// Fewest bytes of the key, after decoding.
    pub min_bytes: Option<usize>,
    /// Most bytes of the key, after decoding.
    pub max_bytes: Option<usize>,
    /// Fewest bits of an RSA key.
    pub min_bits: usize,
}

/// Fewest bits of an RSA key unless a scheme says otherwise.
const MODULUS_BITS: usize = 2048;

/// How the text of a secret is turned into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The bytes as configured, whatever they are.
    Utf8,
    /// Base64, standard alphabet, padded.
    Base64,
    /// Base64, URL-safe alphabet, not padded.
    Base64Url,
    /// Base64 of either alphabet, padded or not.
    Base64Any,
    /// Hexadecimal, either case.
    Hex,
}

impl KeyEncoding {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["utf8", "base64", "base64url", "base64_any", "hex"];

    /// The key encoding of that name.
    pub fn parse(name: &str) -> Option<KeyEncoding> {
        match name {
            "utf8" => Some(KeyEncoding::Utf8),
            "base64" => Some(KeyEncoding::Base64),
            "base64url" => Some(KeyEncoding::Base64Url),
            "base64_any" => Some(KeyEncoding::Base64Any),
            "hex" => Some(KeyEncoding::Hex),
            _ => None,
        }
    }
}

impl KeyForm {
    /// The text of a public key without its prefix.
    pub fn strip<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        self.prefixes.iter().find_map(|prefix| without(prefix, text)).unwrap_or(text)
    }

    /// The key that a configured secret stands for.
    ///
    /// # Errors
    /// When it is empty, not in the encoding, or shorter or longer than the scheme's document allows.
    pub fn decode(&self, secret: &Secret) -> Result<Secret, SecretFlaw> {
        let normal = self.nfkd.then(|| std::str::from_utf8(secret.expose()).map(nfkd));
        let normal = normal.transpose().map_err(|_| SecretFlaw::NotUtf8)?;
        let text = normal.as_ref().unwrap_or(secret).expose();
        let text = self.strip(text);
        let key = match self.encoding {
            KeyEncoding::Utf8 => text.to_vec(),
            KeyEncoding::Base64 => STANDARD.decode(text).map_err(|_| SecretFlaw::NotBase64)?,
            KeyEncoding::Base64Url => URL_SAFE_NO_PAD.decode(text).map_err(|_| SecretFlaw::NotBase64)?,
            KeyEncoding::Base64Any => loose_base64(text)?,
            KeyEncoding::Hex => hex::decode(text).map_err(|_| SecretFlaw::NotHex)?,
        };
        let key = match self.hash {
            Some(hash) if !key.is_empty() => hash.digest(&key),
            _ => key,
        };
        let got = key.len();
        let key = Secret::new(key);
        match (self.min_bytes, self.max_bytes) {
            _ if got == 0 => Err(SecretFlaw::Empty),
            (Some(min), _) if got < min => Err(SecretFlaw::TooShort { got, min }),
            (_, Some(max)) if got > max => Err(SecretFlaw::TooLong { got, max }),
            _ => Ok(key),
        }
    }
}

impl Default for KeyForm {
    /// The bytes of the text as they are.
    fn default() -> KeyForm {
        KeyForm {
            encoding: KeyEncoding::Utf8,
            prefixes: Vec::new(),
            hash: None,
            nfkd: false,
            min_bytes: None,
            max_bytes: None,
            min_bits: MODULUS_BITS,
        }
    }
}

fn nfkd(text: &str) -> Secret {
    Secret::new(DecomposingNormalizerBorrowed::new_nfkd().normalize(text).into_owned().into_bytes())
}

/// What stands behind a prefix in which `*` matches as many letters and digits as there are.
fn without<'t>(prefix: &str, text: &'t [u8]) -> Option<&'t [u8]> {
    let mut parts = prefix.split('*');
    let mut rest = text.strip_prefix(parts.next()?.as_bytes())?;
    for part in parts {
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        rest = rest.get(end..)?.strip_prefix(part.as_bytes())?;
    }
    Some(rest)
}

/// Either alphabet, with or without padding.
fn loose_base64(text: &[u8]) -> Result<Vec<u8>, SecretFlaw> {
    const LOOSE: GeneralPurpose = GeneralPurpose::new(
        &ALPHABET,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let standard = text.iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    LOOSE.decode(standard.collect::<Vec<u8>>()).map_err(|_| SecretFlaw::NotBase64)
}

/// Why a secret cannot be used. Says nothing of its content but the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFlaw {
    /// No bytes.
    Empty,
    /// The scheme's secrets are base64 and this is not.
    NotBase64,
    /// The scheme's secrets are hexadecimal and this is not.
    NotHex,
    /// The scheme's secrets are text and this is not UTF-8.
    NotUtf8,
    /// Fewer bytes than the scheme's document demands.
    TooShort {
        /// Bytes of this key.
        got: usize,
        /// Fewest bytes.
        min: usize,
    },
    /// More bytes than the scheme's document allows.
    TooLong {
        /// Bytes of this key.
        got: usize,
        /// Most bytes.
        max: usize,
    },
    /// A token that no header field can carry: a control character, or white space at an end.
    NotAHeaderValue,
    /// The algorithm does not take a key of this length.
    Unusable,
    /// No algorithm of the scheme takes a secret.
    NotUsed,
    /// Not a public key, or one that cannot be used, and why.
    Public(&'static str),
}

impl fmt::Display for SecretFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretFlaw::Empty => out.write_str("the secret is empty"),
            SecretFlaw::NotBase64 => {
                out.write_str("the secret is not base64 (standard alphabet, padded with `=`)")
            }
            SecretFlaw::NotHex => out.write_str("the secret is not hexadecimal"),
            SecretFlaw::NotUtf8 => out.write_str("the secret is not UTF-8"),
            SecretFlaw::TooShort { got, min } => {
                write!(out, "the key has {got} bytes, the scheme demands at least {min}")
            }
            SecretFlaw::TooLong { got, max } => {
                write!(out, "the key has {got} bytes, the scheme allows at most {max}")
            }
            SecretFlaw::NotAHeaderValue => {
                out.write_str("the secret holds a character that a header field cannot carry")
            }
            SecretFlaw::Unusable => out.write_str("the algorithm does not take a key of this length"),
            SecretFlaw::NotUsed => out.write_str("no algorithm of this source takes a secret"),
            SecretFlaw::Public(why) => out.write_str(why),
        }
    }
}

impl std::error::Error for SecretFlaw {}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(encoding: KeyEncoding) -> KeyForm {
        KeyForm {
            encoding,
            prefixes: vec!["whsec_".into()],
            min_bytes: Some(24),
            max_bytes: Some(64),
            ..KeyForm::default()
        }
    }

    fn decode(form: &KeyForm, text: &str) -> Result<Vec<u8>, SecretFlaw> {
        form.decode(&Secret::new(text.into())).map(|key| key.expose().to_vec())
    }

    #[test]
    fn standard_webhooks_secrets() {
        let form = form(KeyEncoding::Base64);
        let key = decode(&form, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(key.len(), 24);
        assert_eq!(decode(&form, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(), key);
        assert_eq!(decode(&form, ""), Err(SecretFlaw::Empty));
        assert_eq!(decode(&form, "whsec_"), Err(SecretFlaw::Empty));
        assert_eq!(decode(&form, "whsec_!!!!"), Err(SecretFlaw::NotBase64));
        assert_eq!(decode(&form, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"), Err(SecretFlaw::NotBase64));
        assert_eq!(decode(&form, "whsec_eHh4eHh4eHg="), Err(SecretFlaw::TooShort { got: 8, min: 24 }));
        assert_eq!(decode(&form, &STANDARD.encode([7; 65])), Err(SecretFlaw::TooLong { got: 65, max: 64 }));
        assert_eq!(
            decode(&form, "whpk_xXij3wjR9QrIGtjOv2YJdE9ZqdQO1LKz2fgmzTAlkP0="),
            Err(SecretFlaw::NotBase64)
        );
    }

    #[test]
    fn text_and_hex() {
        let mut text = form(KeyEncoding::Utf8);
        text.prefixes.clear();
        assert_eq!(decode(&text, "whsec_0123456789 0123456789\0").unwrap().len(), 28);
        assert_eq!(decode(&text, "short"), Err(SecretFlaw::TooShort { got: 5, min: 24 }));
        let hex = KeyForm { min_bytes: None, ..form(KeyEncoding::Hex) };
        assert_eq!(decode(&hex, "00fF"), Ok(vec![0, 0xff]));
        assert_eq!(decode(&hex, "00f"), Err(SecretFlaw::NotHex));
    }

    #[test]
    fn derived_keys() {
        let plain = KeyForm::default();
        let sha1 = KeyForm { hash: Some(HashName::Sha1), ..plain.clone() };
        assert_eq!(decode(&sha1, "x").unwrap().len(), 20);
        assert_eq!(decode(&sha1, ""), Err(SecretFlaw::Empty));
        let nfkd = KeyForm { nfkd: true, ..plain.clone() };
        assert_eq!(decode(&nfkd, "\u{fb01}\u{e9}").unwrap(), "fie\u{301}".as_bytes());
        let starred = KeyForm { prefixes: vec!["signkey-*-".into(), "x".into()], ..plain.clone() };
        assert_eq!(decode(&starred, "signkey-prod-abc").unwrap(), b"abc");
        assert_eq!(decode(&starred, "xsignkey-prod").unwrap(), b"signkey-prod");
        let loose = KeyForm { encoding: KeyEncoding::Base64Any, ..plain };
        for text in ["-_8=", "+/8", "-_8"] {
            assert_eq!(decode(&loose, text).unwrap(), [0xfb, 0xff], "{text}");
        }
        assert_eq!(decode(&loose, "!"), Err(SecretFlaw::NotBase64));
    }
}
