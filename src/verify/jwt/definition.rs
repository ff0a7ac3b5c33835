//! What the policy says of a token: where it stands, who may have made it, what it must say.

use super::address_hash::AddressHash;
use super::algorithm::Algorithm;
use super::body_hash::BodyHash;
use super::claims::ClaimPath;
use super::json::Json;
use super::key::is_kid;
use crate::scheme::{Pointer, Unbound, fill};
use http::HeaderName;
use std::collections::BTreeMap;

/// The tables `[source.jwt]` and `[source.swt]`, finished.
#[derive(Clone, Debug)]
pub struct JwtDefinition {
    /// Where the token stands.
    pub place: TokenPlace,
    /// The algorithms that may have signed it; never empty.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` may say, letter by letter; empty: it is not looked at.
    pub typ: Vec<String>,
    /// What a `kid` looks like.
    pub kid: KidRule,
    /// What the token must say.
    pub claims: Claims,
    /// The claim that holds a digest of the body.
    pub body_hash: Option<BodyHash>,
    /// The claim that holds a digest of the address.
    pub address_hash: Option<AddressHash>,
    /// Rules beyond those of JWT.
    pub profile: Profile,
}

impl JwtDefinition {
    /// With the source's values in the place of `{param:NAME}`.
    ///
    /// # Errors
    /// A value that is not there.
    pub fn bind(&mut self, params: &BTreeMap<String, String>) -> Result<(), Unbound> {
        let Claims { issuer, audience, exact, .. } = &mut self.claims;
        let values = exact.iter_mut().flat_map(|(_, values)| values);
        let values = values.filter_map(|value| match value {
            Json::Text(text) => Some(text),
            _ => None,
        });
        for text in issuer.iter_mut().chain(audience).chain(values) {
            *text = fill(text, params)?;
        }
        Ok(())
    }
}

/// Where the token stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// Alone in a header field, behind a prefix; in `Authorization` the prefix is of any case (RFC 9110 11.1).
    Header(HeaderName, String),
    /// The body is the token.
    Body,
    /// A string in a JSON body.
    Json(Pointer),
}

/// What a `kid` looks like. What does not is refused before a key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KidRule {
    /// 1 to 256 visible ASCII characters.
    Visible,
    /// 1 to 128 characters of `A-Z a-z 0-9 . _ ~ -`, and not dots alone.
    Plain,
    /// A UUID in its hyphenated form (RFC 9562 section 4).
    Uuid,
}

/// Rules beyond those of JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// None.
    Jwt,
    /// Secure Webhook Token, draft-knauer-secure-webhook-token-02.
    Swt,
    /// Its first generation: `webhook.data` instead of `webhook.hash`.
    SwtLegacy,
}

/// What a token must say. Times are seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    /// `iss` is one of these; empty: it is not looked at.
    pub issuer: Vec<String>,
    /// `aud` is or holds one of these; empty: it is not looked at.
    pub audience: Vec<String>,
    /// Claims that must be there, beside those that are named otherwise.
    pub require: Vec<String>,
    /// Claims that must have one of these values; else the sender is proved and not allowed.
    pub exact: Vec<(ClaimPath, Vec<Json>)>,
    /// How far the sender's clock may be off.
    pub leeway: i64,
    /// How old `iat` may be. Without it the token must have `exp`.
    pub max_age: Option<i64>,
    /// Whether a token may do without `exp`, because its sender writes none.
    pub timeless: bool,
    /// How far `exp` may lie behind `iat`.
    pub max_lifetime: Option<i64>,
}

impl KidRule {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["visible", "plain", "uuid"];

    /// The rule of that name.
    pub fn parse(name: &str) -> Option<KidRule> {
        match name {
            "visible" => Some(KidRule::Visible),
            "plain" => Some(KidRule::Plain),
            "uuid" => Some(KidRule::Uuid),
            _ => None,
        }
    }

    /// Whether a text is of its form.
    pub fn allows(self, kid: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        match self {
            KidRule::Visible => is_kid(kid),
            KidRule::Plain => {
                (1..=128).contains(&kid.len())
                    && kid.bytes().all(plain)
                    && kid.bytes().any(|byte| byte != b'.')
            }
            KidRule::Uuid => {
                let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
                let fits = |(at, byte): (usize, u8)| {
                    if is_hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
                };
                kid.len() == 36 && kid.bytes().enumerate().all(fits)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kids_are_bounded_before_they_are_used() {
        let uuid = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";
        for rule in [KidRule::Visible, KidRule::Plain, KidRule::Uuid] {
            assert!(rule.allows(uuid), "{rule:?}");
            let long = "a".repeat(257);
            for bad in ["", " ", "a b", "a\n", "\0", "é", long.as_str()] {
                assert!(!rule.allows(bad), "{rule:?} {bad:?}");
            }
        }
        for bad in ["../x", "%2e%2e", "a?x=", "#", "@evil", ".", "..", "...", "a/b", &"a".repeat(129)] {
            assert!(!KidRule::Plain.allows(bad) && !KidRule::Uuid.allows(bad), "{bad}");
        }
        for bad in [
            &uuid[1..],
            &uuid.replace('-', "a"),
            &format!("{uuid}0"),
            "{bfbd5111-8e33-4643-8ced-b2e642a72f3}",
        ] {
            assert!(!KidRule::Uuid.allows(bad), "{bad}");
        }
    }
}
