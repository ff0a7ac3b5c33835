//! The key pair of a sender of tokens, and what a forger makes of its public half.

use crate::base::secret::Secret;
use crate::verify::{Algorithm, SigningKey, SigningKeyFlaw};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Bytes of a coordinate on P-256.
const COORDINATE: usize = 32;

/// A key pair for ES256.
pub struct KeyPair {
    kid: &'static str,
    private: Secret,
    public: String,
    jwk: Value,
}

impl KeyPair {
    /// A new one, under a name.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate(kid: &'static str) -> Result<KeyPair, rcgen::Error> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        Ok(KeyPair {
            kid,
            private: Secret::new(pair.serialize_pem().into_bytes()),
            public: pair.public_key_pem(),
            jwk: jwk(kid, pair.public_key_raw()),
        })
    }

    /// The public key as a JWK (RFC 7517).
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The private key.
    ///
    /// # Errors
    /// It is unusable, which is a fault of the demo.
    pub fn signing_key(&self) -> Result<SigningKey, SigningKeyFlaw> {
        self.under(self.kid)
    }

    /// The private key under another name.
    ///
    /// # Errors
    /// As [`KeyPair::signing_key`].
    pub fn under(&self, kid: &str) -> Result<SigningKey, SigningKeyFlaw> {
        SigningKey::new(Algorithm::Es256, &self.private, Some(kid.to_owned()))
    }

    /// The public key in PEM, which everybody has, taken for the secret of HS256.
    ///
    /// # Errors
    /// As [`KeyPair::signing_key`].
    pub fn confused(&self) -> Result<SigningKey, SigningKeyFlaw> {
        let public = Secret::new(self.public.clone().into_bytes());
        SigningKey::new(Algorithm::Hs256, &public, Some(self.kid.to_owned()))
    }
}

/// Of an uncompressed point (SEC 1 section 2.3.3): 4, then x and y.
fn jwk(kid: &str, point: &[u8]) -> Value {
    let both = point.get(1..).unwrap_or_default();
    let (x, y) = both.split_at_checked(COORDINATE).unwrap_or_default();
    let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::KeySet;

    #[test]
    fn the_jwk_is_one_that_can_be_used() {
        let pair = KeyPair::generate("a").unwrap();
        let set = json!({ "keys": [pair.jwk()] }).to_string();
        assert!(
            KeySet::of_document(set.as_bytes(), &crate::verify::SingleKey::default(), &[Algorithm::Es256])
                .is_ok(),
            "{set}"
        );
        assert!(pair.signing_key().is_ok() && pair.confused().is_ok());
        assert_ne!(pair.jwk(), KeyPair::generate("a").unwrap().jwk());
    }
}
