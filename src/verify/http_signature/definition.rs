//! What the policy says of an HTTP message signature: which one counts, what it must cover, and until when.

use super::algorithm::HttpAlgorithm;
use super::component::{Component, FieldType};
use crate::verify::jwt::{Json, KidRule};
use http::HeaderName;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The table `[source.http_signature]`, finished.
#[derive(Clone, Debug)]
pub struct HttpSignatureDefinition {
    /// The label of the signature that counts.
    pub label: Option<String>,
    /// The `tag` of the signature that counts. With neither, exactly one must be there.
    pub tag: Option<String>,
    /// The algorithms that may have signed; never empty.
    pub algorithms: Vec<HttpAlgorithm>,
    /// What must be covered. Nothing: the method and the address, in whatever form.
    pub components: Option<Vec<Component>>,
    /// What must be covered where the request has it.
    pub when_present: Vec<Component>,
    /// What may be covered beside that; nothing: anything but `Repr-Digest`, which is not compared here.
    pub allow: Option<Vec<Component>>,
    /// What may not be covered.
    pub forbid: Vec<Component>,
    /// Whether the digest of the body must be covered.
    pub digest: DigestRule,
    /// Parameters that must be there.
    pub require: Vec<Parameter>,
    /// Seconds that the sender's clock may be off.
    pub leeway: i64,
    /// How old `created` may be, seconds.
    pub max_age: i64,
    /// How far `expires` may lie behind `created`, seconds.
    pub max_lifetime: Option<i64>,
    /// Length of a `nonce`, characters.
    pub nonce: RangeInclusive<usize>,
    /// What a `keyid` looks like.
    pub kid: KidRule,
    /// Members that the JWK must have, each with one of these values.
    pub key_members: Vec<(String, Vec<Json>)>,
    /// Keys that no longer count.
    pub revoked: Vec<String>,
    /// Byte sequences may be written in the alphabet of base64url as well.
    pub base64url: bool,
    /// Escapes of the path are brought into normal form (RFC 3986 section 6.2.2) before they are compared.
    pub normalize: bool,
    /// The types of structured fields that are not known here.
    pub structured: HashMap<HeaderName, FieldType>,
}

/// Whether `Content-Digest` must be covered. Where it is, it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestRule {
    /// Where there is a body.
    Body,
    /// Always.
    Required,
    /// Never needed: the body is not bound.
    Either,
    /// It must not be.
    Forbidden,
}

/// A parameter of a signature (RFC 9421 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// When the signature was made.
    Created,
    /// Until when it counts.
    Expires,
    /// What makes it unique.
    Nonce,
    /// The algorithm.
    Alg,
    /// The name of the key.
    Keyid,
    /// What it is for.
    Tag,
}

impl DigestRule {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["body", "required", "either", "forbidden"];

    /// The rule of that name.
    pub fn parse(name: &str) -> Option<DigestRule> {
        match name {
            "body" => Some(DigestRule::Body),
            "required" => Some(DigestRule::Required),
            "either" => Some(DigestRule::Either),
            "forbidden" => Some(DigestRule::Forbidden),
            _ => None,
        }
    }
}

impl Parameter {
    /// Names as signatures and policy files write them.
    pub const NAMES: &'static [&'static str] = &["created", "expires", "nonce", "alg", "keyid", "tag"];

    /// The parameter of that name.
    pub fn parse(name: &str) -> Option<Parameter> {
        match name {
            "created" => Some(Parameter::Created),
            "expires" => Some(Parameter::Expires),
            "nonce" => Some(Parameter::Nonce),
            "alg" => Some(Parameter::Alg),
            "keyid" => Some(Parameter::Keyid),
            "tag" => Some(Parameter::Tag),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Parameter::Created => "created",
            Parameter::Expires => "expires",
            Parameter::Nonce => "nonce",
            Parameter::Alg => "alg",
            Parameter::Keyid => "keyid",
            Parameter::Tag => "tag",
        }
    }
}

impl HttpSignatureDefinition {
    /// Whether every signature has this parameter.
    pub(super) fn requires(&self, parameter: Parameter) -> bool {
        self.require.contains(&parameter)
    }

    /// Whether the body is bound.
    pub(super) fn binds_body(&self) -> bool {
        matches!(self.digest, DigestRule::Body | DigestRule::Required)
    }
}
