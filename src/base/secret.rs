//! Bytes that must not be shown.

use std::fmt;
use zeroize::Zeroizing;

/// Secret bytes: they cannot be printed and are overwritten when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes; the caller's copy is gone.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The bytes, for a MAC or a constant-time comparison. Never log, format or send them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Another secret of the same length and form: each letter and digit is replaced by another one of its kind, but for
    /// a prefix such as `whsec_` and the last one, whose bits an encoding may not use. The random bytes decide which.
    pub fn another(&self, random: &[u8]) -> Secret {
        let prefix = prefix_length(&self.0);
        let last = self.0.iter().rposition(u8::is_ascii_alphanumeric).unwrap_or_default();
        let is_hex = self.0.iter().skip(prefix).all(u8::is_ascii_hexdigit);
        let mut random = random.iter().copied().cycle();
        let replaced = self.0.iter().enumerate().map(|(at, byte)| {
            let (first, count) = match byte {
                _ if at < prefix || at == last => return *byte,
                b'0'..=b'9' => (b'0', 10),
                b'a'..=b'z' => (b'a', if is_hex { 6 } else { 26 }),
                b'A'..=b'Z' => (b'A', if is_hex { 6 } else { 26 }),
                _ => return *byte,
            };
            let step = 1 + random.next().unwrap_or_default() % (count - 1);
            first + (byte - first + step) % count
        });
        Secret::new(replaced.collect())
    }
}

/// Words in lower case with `_` or `-` behind each, in front of at least 8 bytes.
fn prefix_length(secret: &[u8]) -> usize {
    let mut prefix = 0;
    for (at, byte) in secret.iter().enumerate().take(secret.len().saturating_sub(8)) {
        match byte {
            b'_' | b'-' => prefix = at + 1,
            b'a'..=b'z' => {}
            _ => break,
        }
    }
    prefix
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[secret]")
    }
}

impl PartialEq for Secret {
    /// For noticing a change in the policy; not for comparing what a peer sent.
    fn eq(&self, other: &Secret) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_secret_has_the_same_form() {
        for (text, kept) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 7),
            ("signkey-test-1234abcdef98", 14),
            ("0123456789abcdef", 1),
            ("ABCDEF00", 1),
            ("two words, 3 signs: \u{e9}!", 10),
            ("abc=", 2),
            ("", 0),
        ] {
            let secret = Secret::new(text.into());
            let other = secret.another(&[7, 255, 0, 91]);
            let same = secret.expose().iter().zip(other.expose()).filter(|(one, other)| one == other).count();
            assert_eq!((other.expose().len(), same), (text.len(), kept), "{other:?} of {text}");
            let is_hex = |secret: &Secret| secret.expose().iter().all(u8::is_ascii_hexdigit);
            assert_eq!(is_hex(&other), is_hex(&secret), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "[secret]");
    }
}
