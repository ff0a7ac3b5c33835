//! Public keys as an operator writes them down, or a sender's server says them.

use super::flaw::KeyFlaw;
use super::key::PublicKey;
use crate::base::limits::MAX_KEYS;
use crate::scheme::{Curve, KeyKind};
use crate::verify::jwt::Json;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use rustls_pki_types::pem::{PemObject, SectionKind};

/// A text with one or more public keys in it: PEM (`PUBLIC KEY`, `CERTIFICATE`), a JWK or JWK Set,
/// or one key in hex or base64: the bytes of the key itself, or its SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug)]
pub struct KeyText<'t>(pub &'t [u8]);

impl KeyText<'_> {
    /// Every key of one of these kinds, in order; what is of another kind is left out.
    ///
    /// # Errors
    /// No key at all, none of the kinds, a private key, or one that proves nothing.
    pub fn keys(self, kinds: &[KeyKind]) -> Result<Vec<PublicKey>, KeyFlaw> {
        let found = self.read(kinds)?;
        if found.is_empty() {
            return Err(KeyFlaw::NotAKey);
        }
        let fitting: Vec<_> = found.into_iter().filter(|key| kinds.contains(&key.kind())).collect();
        if fitting.is_empty() { Err(KeyFlaw::Algorithm) } else { Ok(fitting) }
    }

    fn read(self, kinds: &[KeyKind]) -> Result<Vec<PublicKey>, KeyFlaw> {
        let text = self.0.trim_ascii();
        if text.starts_with(b"{") {
            return of_json(text);
        }
        if text.windows(11).any(|window| window == b"-----BEGIN ") {
            return of_pem(text);
        }
        let text = std::str::from_utf8(text).map_err(|_| KeyFlaw::NotAKey)?;
        let plain: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        of_bytes(&bytes(&plain).ok_or(KeyFlaw::NotAKey)?, kinds).map(|key| vec![key])
    }
}

fn of_json(text: &[u8]) -> Result<Vec<PublicKey>, KeyFlaw> {
    let document = Json::parse(text).map_err(|_| KeyFlaw::NotAKey)?;
    match document.get("keys") {
        Some(Json::List(jwks)) if jwks.len() <= MAX_KEYS => jwks.iter().map(PublicKey::of_jwk).collect(),
        Some(_) => Err(KeyFlaw::NotAKey),
        None => PublicKey::of_jwk(&document).map(|key| vec![key]),
    }
}

/// PEM. Within a policy file its lines are indented; some servers write it on one line.
fn of_pem(text: &[u8]) -> Result<Vec<PublicKey>, KeyFlaw> {
    let text = String::from_utf8_lossy(text);
    let text =
        text.replace("\\n", "\n").replace("-----BEGIN ", "\n-----BEGIN ").replace("-----END ", "\n-----END ");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    // The end of a first line that is not followed by a line break.
    let text =
        lines.join("\n").replace("KEY-----", "KEY-----\n").replace("CERTIFICATE-----", "CERTIFICATE-----\n");
    let mut keys = Vec::new();
    for block in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let (kind, der) = block.map_err(|_| KeyFlaw::NotAKey)?;
        keys.push(match kind {
            SectionKind::PublicKey => PublicKey::of_spki(&der)?,
            SectionKind::Certificate => PublicKey::of_certificate(&der)?,
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                return Err(KeyFlaw::Private);
            }
            _ => continue,
        });
        if keys.len() > MAX_KEYS {
            return Err(KeyFlaw::NotAKey);
        }
    }
    Ok(keys)
}

/// Hex, or base64 of either alphabet, padded or not.
fn bytes(text: &str) -> Option<Vec<u8>> {
    const LOOSE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    hex::decode(text).ok().or_else(|| LOOSE.decode(text.replace('-', "+").replace('_', "/")).ok())
}

/// The key itself, where its length says which kind it is; else a SubjectPublicKeyInfo, or a certificate.
fn of_bytes(bytes: &[u8], kinds: &[KeyKind]) -> Result<PublicKey, KeyFlaw> {
    let curves = [(Curve::P256, 65), (Curve::K256, 65), (Curve::P384, 97), (Curve::P521, 133)];
    let curve = curves
        .into_iter()
        .find(|(curve, length)| *length == bytes.len() && kinds.contains(&KeyKind::Ec(*curve)));
    match (bytes.len(), curve) {
        (32, _) => PublicKey::ed25519(bytes),
        (_, Some((curve, _))) if bytes.first() == Some(&4) => PublicKey::ec(curve, bytes),
        _ => PublicKey::of_spki(bytes).or_else(|flaw| match PublicKey::of_certificate(bytes) {
            Err(KeyFlaw::Malformed) if flaw == KeyFlaw::Malformed => Err(KeyFlaw::NotAKey),
            Err(KeyFlaw::Malformed) => Err(flaw),
            other => other,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 1; RFC 8037 appendix A.2.
    const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn keys(text: &str) -> Result<usize, KeyFlaw> {
        KeyText(text.as_bytes()).keys(&[KeyKind::Ed25519]).map(|keys| keys.len())
    }

    #[test]
    fn one_key_in_every_form() {
        let spki = format!("302a300506032b6570032100{ED25519}");
        let pem = "-----BEGIN PUBLIC KEY-----\n    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n  -----END PUBLIC KEY-----\n";
        let jwk =
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
        for text in [
            ED25519,
            &ED25519.to_uppercase(),
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            &spki,
            "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            pem,
            &pem.replace('\n', ""),
            &pem.replace('\n', "\\n"),
            jwk,
            &format!("{{\"keys\":[{jwk}]}}"),
        ] {
            assert_eq!(keys(text), Ok(1), "{text}");
        }
        assert_eq!(keys(&format!("{pem}{pem}")), Ok(2));
    }

    #[test]
    fn what_is_no_key_is_said() {
        for (text, flaw) in [
            ("", KeyFlaw::NotAKey),
            ("secret", KeyFlaw::NotAKey),
            ("{}", KeyFlaw::Malformed),
            ("{\"kty\":\"oct\",\"k\":\"AAAA\"}", KeyFlaw::Secret),
            (&"00".repeat(32), KeyFlaw::Point),
            ("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----", KeyFlaw::Private),
            (
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"AA\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                KeyFlaw::Private,
            ),
        ] {
            assert_eq!(keys(text), Err(flaw), "{text}");
        }
        let rsa = KeyText(ED25519.as_bytes()).keys(&[KeyKind::Rsa]);
        assert_eq!(rsa, Err(KeyFlaw::Algorithm));
    }
}
