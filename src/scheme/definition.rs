//! A scheme as it is written in the policy file: plain words and numbers, nothing checked yet.

use std::collections::BTreeMap;

/// The table `[signature]` of a provider or a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// `hmac-sha1`, `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    pub algorithm: Option<String>,
    /// The template of the signed message: `{t}.{body}`.
    pub message: Option<String>,
    /// What a message without `{body}` covers: `part` or `origin`.
    pub covers: Option<String>,
    /// How the configured secret becomes the key.
    pub key: KeyDefinition,
    /// Named fields, `[signature.fields]`.
    pub fields: BTreeMap<String, FieldDefinition>,
}

/// The table `key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDefinition {
    /// `utf8` (the secret's bytes as they are; the default), `base64` or `hex`.
    pub encoding: Option<String>,
    /// Text before the encoded key that is dropped when present.
    pub prefix: Option<String>,
    /// Fewest bytes of the decoded key.
    pub min_bytes: Option<u64>,
    /// Most bytes of the decoded key.
    pub max_bytes: Option<u64>,
}

/// One entry of `[signature.fields]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Place: a header field; several names are alternatives. Empty: another place.
    pub header: Vec<String>,
    /// Place: a query parameter.
    pub query: Option<String>,
    /// Place: a capture of the source's path.
    pub path: Option<String>,
    /// Place: a JSON pointer (RFC 6901) into the body, for `role = "id"`.
    pub json: Option<String>,
    /// Separator of the elements, if the value is a list.
    pub list: Option<String>,
    /// Name of the element: `t` stands for `t=...`.
    pub key: Option<String>,
    /// Literal text before the value.
    pub prefix: Option<String>,
    /// `signature`, `timestamp` or `id`; none for text that is only signed.
    pub role: Option<String>,
    /// Of a signature: `hex`, `base64` or `base64url`.
    pub encoding: Option<String>,
    /// Of a timestamp: `s` or `ms`.
    pub unit: Option<String>,
    /// Of a timestamp: how far it may lie from now, both ways; `5m` if absent.
    pub tolerance: Option<String>,
    /// Of a signature: how many may occur; 1 if absent.
    pub many: Option<u64>,
    /// The field is read although the signature does not cover it.
    pub unsigned: Option<bool>,
}
