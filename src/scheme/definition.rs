//! A scheme as it is written in the policy file: plain words and numbers, nothing checked yet.

use std::collections::BTreeMap;

/// The table `[signature]` of a provider or a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// `hmac-sha256` and others; see [`super::Algorithm::NAMES`].
    pub algorithm: Option<String>,
    /// Templates of the signed message: `{t}.{body}`. Any of them may have been signed.
    pub message: Vec<String>,
    /// What a message without `{body}` covers: `part` or `origin`.
    pub covers: Option<String>,
    /// JSON pointer to the array whose elements are each signed.
    pub each: Option<String>,
    /// The digest of the message that is signed instead of it.
    pub prehash: Option<String>,
    /// Forms of the address that `{url}` stands for.
    pub url: Vec<String>,
    /// Values may be joined so that two requests have one signed text.
    pub ambiguous: bool,
    /// How the configured secret becomes the key.
    pub key: KeyDefinition,
    /// Named fields, `[signature.fields]`.
    pub fields: BTreeMap<String, FieldDefinition>,
    /// Other kinds of requests, in order.
    pub variants: Vec<VariantDefinition>,
}

/// One `[[signature.variant]]`: what differs from the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantDefinition {
    /// When it counts.
    pub when: Vec<ConditionDefinition>,
    /// Another algorithm.
    pub algorithm: Option<String>,
    /// Other messages.
    pub message: Vec<String>,
    /// Another coverage.
    pub covers: Option<String>,
    /// Another array.
    pub each: Option<String>,
    /// Further fields, and others of the same name.
    pub fields: BTreeMap<String, FieldDefinition>,
}

/// The table `key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDefinition {
    /// `utf8` (the secret's bytes as they are; the default), `base64`, `hex` and others.
    pub encoding: Option<String>,
    /// Texts before the encoded key; the first that is present is dropped.
    pub prefix: Vec<String>,
    /// The digest of the bytes that is the key.
    pub hash: Option<String>,
    /// `nfkd`.
    pub normalize: Option<String>,
    /// Fewest bytes of the decoded key.
    pub min_bytes: Option<u64>,
    /// Most bytes of the decoded key.
    pub max_bytes: Option<u64>,
    /// Fewest bits of an RSA key.
    pub min_bits: Option<u64>,
}

/// One entry of `[signature.fields]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Where it stands.
    pub place: PlaceDefinition,
    /// Separator of lists, where there are several.
    pub group: Option<String>,
    /// Separator of the elements, if the value is a list.
    pub list: Option<String>,
    /// Name of the element: `t` stands for `t=...`.
    pub key: Option<String>,
    /// Number of the element: `1`, or `1..`.
    pub position: Option<String>,
    /// Literal text before the value.
    pub prefix: Option<String>,
    /// Literal text behind the value.
    pub suffix: Option<String>,
    /// The text form of the value.
    pub decode: Option<String>,
    /// JSON pointer into the document that the value is.
    pub inside: Option<String>,
    /// `signature`, `timestamp`, `id` or `key_id`; none for text that is only signed.
    pub role: Option<String>,
    /// Of a signature: `hex`, `base64`, `base64url`, `base64url_padded` or `base64_hex`.
    pub encoding: Option<String>,
    /// Of a timestamp: `s`, `ms`, `us`, `rfc3339` or `http_date`.
    pub unit: Option<String>,
    /// Of a timestamp: how far it may lie from now, both ways; `5m` if absent.
    pub tolerance: Option<String>,
    /// Of a signature: how many may occur; 1 if absent.
    pub many: Option<u64>,
    /// Of a signature: several headers may each hold one.
    pub any: bool,
    /// The field is read although the signature does not cover it.
    pub unsigned: Option<bool>,
    /// It may be absent.
    pub optional: bool,
    /// What it must say: one of these.
    pub is: Vec<String>,
    /// The template that it must be equal to.
    pub equals: Option<String>,
    /// How many characters it has.
    pub length: Option<u64>,
}

/// A place in a request: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceDefinition {
    /// A header field; several names are alternatives. Empty: another place.
    pub header: Vec<String>,
    /// Header fields numbered from one: `X-Signature-{n}`.
    pub family: Option<String>,
    /// A query parameter.
    pub query: Option<String>,
    /// A capture of the source's path.
    pub path: Option<String>,
    /// A JSON pointer (RFC 6901) into the body.
    pub json: Option<String>,
    /// A JSON pointer into the element of `each`.
    pub item: Option<String>,
    /// A field of the form.
    pub form: Option<String>,
    /// Configuration that is not secret.
    pub param: Option<String>,
}

/// What must hold of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionDefinition {
    /// Where to look.
    pub place: PlaceDefinition,
    /// The method must be this one.
    pub method: Option<String>,
    /// Look at the whole body.
    pub body: bool,
    /// One of these texts stands there; they may hold `{param:NAME}`.
    pub is: Vec<String>,
    /// The text begins so.
    pub starts_with: Option<String>,
    /// Of which characters it is.
    pub chars: Option<String>,
    /// Fewest characters.
    pub min: Option<u64>,
    /// Most characters.
    pub max: Option<u64>,
    /// It is there, and empty.
    pub empty: bool,
    /// It is not there.
    pub absent: bool,
}

impl PlaceDefinition {
    /// The keys that are given.
    pub fn given(&self) -> Vec<&'static str> {
        let places = [
            ("header", !self.header.is_empty()),
            ("family", self.family.is_some()),
            ("query", self.query.is_some()),
            ("path", self.path.is_some()),
            ("json", self.json.is_some()),
            ("item", self.item.is_some()),
            ("form", self.form.is_some()),
            ("param", self.param.is_some()),
        ];
        places.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

impl Definition {
    /// The definition of a variant: what it says, and the rest from here.
    pub fn with(&self, variant: &VariantDefinition) -> Definition {
        let mut fields = self.fields.clone();
        fields.extend(variant.fields.clone());
        Definition {
            algorithm: variant.algorithm.clone().or_else(|| self.algorithm.clone()),
            message: if variant.message.is_empty() { self.message.clone() } else { variant.message.clone() },
            covers: variant.covers.clone().or_else(|| self.covers.clone()),
            each: variant.each.clone().or_else(|| self.each.clone()),
            fields,
            variants: Vec::new(),
            ..self.clone()
        }
    }
}

/// One `[[handshake]]`: what a sender asks beside its events, and what it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandshakeDefinition {
    /// How logs call it.
    pub name: Option<String>,
    /// What must hold of the request.
    pub when: Vec<ConditionDefinition>,
    /// Whether the request must be proved as any other.
    pub signed: Option<bool>,
    /// Names of `params` without which there is no such handshake.
    pub needs: Vec<String>,
    /// The status of the answer; 200 if absent.
    pub status: Option<u64>,
    /// The media type of the answer; `text/plain` if absent.
    pub content_type: Option<String>,
    /// The template of the body; empty if absent.
    pub body: Option<String>,
    /// Templates of header fields.
    pub headers: BTreeMap<String, String>,
    /// Most bytes of the body.
    pub max: Option<u64>,
}
