//! The token in a request, taken apart for forgers.

use crate::verify::{Draft, SigningKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::{Map, Value};

/// Header and payload of a JSON Web Token (RFC 7519), and what stands before it in its header field.
pub struct Token {
    prefix: String,
    header: Map<String, Value>,
    payload: Value,
}

impl Token {
    /// The token of a request; nothing where there is none.
    pub fn of(draft: &Draft, name: &str) -> Option<Token> {
        let value = draft.headers.get(name)?.to_str().ok()?;
        let (prefix, token) = value.split_at(value.rfind(' ').map_or(0, |space| space + 1));
        let mut parts = token.split('.');
        let mut part = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok();
        let Value::Object(header) = part()? else { return None };
        Some(Token { prefix: prefix.to_owned(), header, payload: part()? })
    }

    /// Replaces a claim.
    pub fn claim(&mut self, name: &str, value: &str) {
        if let Some(claims) = self.payload.as_object_mut() {
            claims.insert(name.to_owned(), value.into());
        }
    }

    /// The value of the header field, signed with a key.
    pub fn signed(self, key: &SigningKey) -> Option<HeaderValue> {
        let token = key.token(self.header, &self.payload)?;
        HeaderValue::try_from(format!("{}{token}", self.prefix)).ok()
    }

    /// The value of the header field, with `alg: none` and without signature (RFC 7515 appendix A.5).
    pub fn unsigned(mut self) -> Option<HeaderValue> {
        self.header.insert("alg".to_owned(), "none".into());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let (header, payload) = (part(&Value::Object(self.header)), part(&self.payload));
        HeaderValue::try_from(format!("{}{header}.{payload}.", self.prefix)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_apart_behind_its_prefix() {
        let mut draft = Draft::new(http::Method::POST, "/", "");
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let (header, payload) = (part(r#"{"alg":"ES256"}"#), part(r#"{"sub":"a"}"#));
        let value = format!("Bearer {header}.{payload}.AAAA");
        draft.headers.insert("authorization", HeaderValue::try_from(value).unwrap());
        let mut token = Token::of(&draft, "authorization").unwrap();
        token.claim("sub", "b");
        let want = format!("Bearer {}.{}.", part(r#"{"alg":"none"}"#), part(r#"{"sub":"b"}"#));
        assert_eq!(token.unsigned().unwrap(), want.as_str());
        draft.headers.insert("authorization", HeaderValue::from_static("Basic YTpi"));
        assert!(Token::of(&draft, "authorization").is_none());
        assert!(Token::of(&draft, "vumi-verification").is_none());
    }
}
