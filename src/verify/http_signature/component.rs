//! Component identifiers (RFC 9421 section 2): what of a request a signature can cover.

use super::digest::{CONTENT_DIGEST, is_known};
use super::fields::{Argument, Value};
use http::HeaderName;
use sfv::{BareItem, Item, ItemSerializer, KeyRef, Parser, StringRef};
use std::fmt;

/// A component of a request. Two are equal where they mean the same, in whatever order their parameters stand.
#[derive(Clone, Debug)]
pub struct Component {
    what: What,
    /// As a signed message writes it: `"@query-param";name="id"`.
    written: String,
}

/// What a component means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// A parameter of the query, by its encoded name.
    QueryParam(String),
    Field(HeaderName, Form),
}

/// How the value of a field is brought into the signed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is, its lines joined (section 2.1).
    Plain,
    /// `sf`: written anew as the structured field that it is (section 2.1.1).
    Structured,
    /// `key`: one member of a dictionary (section 2.1.2).
    Member(String),
    /// `bs`: each line as a byte sequence (section 2.1.3).
    Bytes,
}

/// The type of a structured field, which its own specification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A dictionary.
    Dictionary,
    /// A list.
    List,
    /// An item.
    Item,
}

/// Why a component is none that a request may have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ComponentFlaw(pub &'static str);

impl FieldType {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["dictionary", "list", "item"];

    /// The type of that name.
    pub fn parse(name: &str) -> Option<FieldType> {
        match name {
            "dictionary" => Some(FieldType::Dictionary),
            "list" => Some(FieldType::List),
            "item" => Some(FieldType::Item),
            _ => None,
        }
    }

    /// Of a field whose specification makes it a structured one.
    pub(super) fn known(name: &HeaderName) -> Option<FieldType> {
        match name.as_str() {
            "content-digest"
            | "repr-digest"
            | "want-content-digest"
            | "want-repr-digest"
            | "signature"
            | "signature-input"
            | "accept-signature"
            | "signature-agent"
            | "priority" => Some(FieldType::Dictionary),
            "client-cert-chain" | "cache-status" | "proxy-status" | "accept-ch" => Some(FieldType::List),
            "client-cert" | "idempotency-key" | "deprecation" => Some(FieldType::Item),
            _ => None,
        }
    }
}

impl Component {
    /// Of a policy file: the name, then its parameters: `@method`, `content-digest`, `@query-param;name="id"`.
    /// Nothing where it is none that a request may have signed.
    pub fn parse(text: &str) -> Option<Component> {
        let (name, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
        let written = format!("\"{name}\"{parameters}");
        let item: Item = Parser::new(&written).parse().ok()?;
        let BareItem::String(name) = &item.bare_item else { return None };
        let arguments = item.params.iter().map(|(name, value)| Argument {
            name: name.as_str().to_owned(),
            value: match value {
                BareItem::Boolean(flag) => Value::Flag(*flag),
                BareItem::String(text) => Value::Text(text.as_str().to_owned()),
                _ => Value::Other,
            },
        });
        Component::new(name.as_str(), &arguments.collect::<Vec<_>>()).ok()
    }

    /// Of a request.
    pub(super) fn new(name: &str, arguments: &[Argument]) -> Result<Component, ComponentFlaw> {
        let what = match name.strip_prefix('@') {
            Some(derived) => derive(derived, arguments)?,
            None => field(name, arguments)?,
        };
        let written = write(name, arguments).ok_or(ComponentFlaw("a component cannot be written"))?;
        Ok(Component { what, written })
    }

    pub(super) fn what(&self) -> &What {
        &self.what
    }

    /// As a signed message writes it.
    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// The field that it is of.
    pub fn field(&self) -> Option<&HeaderName> {
        match &self.what {
            What::Field(name, _) => Some(name),
            _ => None,
        }
    }

    /// Whether it is of `Content-Digest`, whatever it takes of it.
    pub(super) fn is_digest(&self) -> bool {
        self.field() == Some(&CONTENT_DIGEST)
    }

    /// Whether it holds a digest of the body that is compared: the field in any form, or the member of an algorithm
    /// that is known.
    pub(super) fn binds_body(&self) -> bool {
        match &self.what {
            What::Field(name, Form::Member(key)) => *name == CONTENT_DIGEST && is_known(key),
            _ => self.is_digest(),
        }
    }

    /// Whether both are of the same field, whatever they take of it, or mean the same.
    pub(super) fn is_akin(&self, other: &Component) -> bool {
        match (self.field(), other.field()) {
            (Some(one), Some(other)) => one == other,
            _ => self == other,
        }
    }
}

impl PartialEq for Component {
    fn eq(&self, other: &Component) -> bool {
        self.what == other.what
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.written)
    }
}

/// Derived components (section 2.2). `@status` is of responses, `@signature-params` of no list.
fn derive(name: &str, arguments: &[Argument]) -> Result<What, ComponentFlaw> {
    let what = match name {
        "method" => What::Method,
        "target-uri" => What::TargetUri,
        "authority" => What::Authority,
        "scheme" => What::Scheme,
        "request-target" => What::RequestTarget,
        "path" => What::Path,
        "query" => What::Query,
        "query-param" => match arguments {
            [Argument { name, value: Value::Text(text) }] if name == "name" => {
                return Ok(What::QueryParam(text.clone()));
            }
            _ => return Err(ComponentFlaw("@query-param takes a `name` and nothing else")),
        },
        "status" => return Err(ComponentFlaw("@status is a component of responses")),
        _ => return Err(ComponentFlaw("a derived component is not known")),
    };
    if arguments.is_empty() { Ok(what) } else { Err(ComponentFlaw("a derived component takes no parameter")) }
}

fn field(name: &str, arguments: &[Argument]) -> Result<What, ComponentFlaw> {
    let header = HeaderName::from_bytes(name.as_bytes()).ok().filter(|header| header.as_str() == name);
    let header = header.ok_or(ComponentFlaw("a component is not a field name in lower case"))?;
    let (mut structured, mut bytes, mut member) = (false, false, None);
    for Argument { name, value } in arguments {
        match (name.as_str(), value) {
            ("sf", Value::Flag(true)) => structured = true,
            ("bs", Value::Flag(true)) => bytes = true,
            ("key", Value::Text(key)) => member = Some(key.clone()),
            ("req", _) => return Err(ComponentFlaw("`req` is a parameter of responses")),
            ("tr", _) => return Err(ComponentFlaw("trailers are not taken")),
            _ => return Err(ComponentFlaw("a parameter of a component is not known")),
        }
    }
    let form = match (structured, bytes, member) {
        (false, false, None) => Form::Plain,
        (true, false, None) => Form::Structured,
        (false, true, None) => Form::Bytes,
        (_, false, Some(key)) => Form::Member(key),
        (_, true, _) => return Err(ComponentFlaw("`bs` stands beside `sf` or `key`")),
    };
    Ok(What::Field(header, form))
}

fn write(name: &str, arguments: &[Argument]) -> Option<String> {
    let mut item = ItemSerializer::new().bare_item(StringRef::from_str(name).ok()?);
    for Argument { name, value } in arguments {
        let key = KeyRef::from_str(name).ok()?;
        item = match value {
            Value::Flag(flag) => item.parameter(key, *flag),
            Value::Text(text) => item.parameter(key, StringRef::from_str(text).ok()?),
            Value::Integer(_) | Value::Other => return None,
        };
    }
    Some(item.finish())
}
