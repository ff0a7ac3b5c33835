//! A token whose signature was not looked at.

use super::json::Json;
use crate::verify::error::VerifyError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token of the right form. Its only use is to choose the key that may prove it; nothing that it says counts
/// before.
pub(super) struct UnverifiedToken {
    text: String,
    /// Bytes of the text before the second dot: what is signed.
    signed: usize,
    header: Json,
    payload: Json,
}

/// Members of the header that change what a token means, none of which is understood here (RFC 7515 section
/// 4.1.11, RFC 7797, RFC 7516).
const FOREIGN: [&str; 4] = ["crit", "b64", "zip", "enc"];

impl UnverifiedToken {
    /// Parses compact form: three parts of base64url without padding, the first two JSON objects without
    /// repeated members.
    pub fn parse(text: &str) -> Result<UnverifiedToken, VerifyError> {
        let Envelope { header, payload, signed } = Envelope::parse(text)?;
        let flaw = "its payload is not a JSON object with members that occur once";
        let payload = object(&payload).ok_or(VerifyError::TokenMalformed { flaw })?;
        Ok(UnverifiedToken { text: text.to_owned(), signed, header, payload })
    }

    /// A member of the header.
    pub fn header(&self, name: &str) -> Option<&Json> {
        self.header.get(name)
    }

    /// The claims, which nothing vouches for yet.
    pub fn claims(&self) -> &Json {
        &self.payload
    }

    /// Header and payload as they were signed.
    pub fn signed(&self) -> &[u8] {
        self.text.as_bytes().get(..self.signed).unwrap_or_default()
    }

    /// The signature, base64url.
    pub fn signature(&self) -> &str {
        self.text.get(self.signed + 1..).unwrap_or_default()
    }
}

impl std::fmt::Debug for UnverifiedToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "UnverifiedToken({} bytes)", self.text.len())
    }
}

/// The parts of a JWS in compact form (RFC 7515 section 7.1), whatever its payload is.
pub(super) struct Envelope {
    pub header: Json,
    pub payload: Vec<u8>,
    /// Bytes before the second dot.
    pub signed: usize,
}

impl Envelope {
    /// Splits a text, and refuses a header that nothing here understands.
    pub fn parse(text: &str) -> Result<Envelope, VerifyError> {
        let malformed = |flaw| VerifyError::TokenMalformed { flaw };
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("it has not three parts"));
        };
        if signature.is_empty() {
            return Err(malformed("its signature is empty"));
        }
        let decode =
            |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part of it is not base64url"));
        decode(signature)?;
        let flaw = "its header is not a JSON object with members that occur once";
        let read = object(&decode(header)?).ok_or(malformed(flaw))?;
        if FOREIGN.iter().any(|name| read.get(name).is_some()) {
            return Err(malformed("its header has `crit`, `b64`, `zip` or `enc`"));
        }
        if read.get("cty").is_some_and(|cty| cty.text().is_none_or(|cty| cty.eq_ignore_ascii_case("jwt"))) {
            return Err(malformed("it holds another token"));
        }
        Ok(Envelope { header: read, payload: decode(payload)?, signed: header.len() + 1 + payload.len() })
    }
}

fn object(bytes: &[u8]) -> Option<Json> {
    Json::parse(bytes).ok().filter(|json| matches!(json, Json::Object(_)))
}
