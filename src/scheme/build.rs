//! From a [`Definition`] to a [`Scheme`]: every word is checked, every mistake reported.

use super::definition::{Definition, FieldDefinition, KeyDefinition};
use super::template::{Part, Template};
use super::{
    Algorithm, Encoding, Field, Flaw, KeyEncoding, KeyForm, Message, Place, Pointer, Unbound, rules,
};
use crate::base::limits::MAX_SIGNATURES;
use http::HeaderName;
use std::collections::BTreeMap;

/// How a sender signs; safe by construction.
#[derive(Clone, Debug)]
pub struct Scheme {
    /// The MAC algorithm.
    pub algorithm: Algorithm,
    /// How the secret becomes the key.
    pub key: KeyForm,
    /// The signature field.
    pub signature: Signature,
    /// The timestamp field, if the scheme has one.
    pub timestamp: Option<Timestamp>,
    /// The event id, if the scheme has one.
    pub id: Option<Id>,
    covers: Covers,
    template: Template,
    fields: Vec<Field>,
    warnings: Vec<String>,
}

/// What of a request the proof covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covers {
    /// The whole body.
    Body,
    /// Parts of the request, not the body.
    Part,
    /// Nothing of the request: only who sent it.
    Origin,
}

/// Where signatures stand and how they are written.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The field.
    pub field: Field,
    /// How the MAC is written.
    pub encoding: Encoding,
    /// Most values that may occur.
    pub many: usize,
}

/// The unit of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970; compared after rounding down to seconds.
    Milliseconds,
}

/// The timestamp of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Index of the field.
    pub field: usize,
    /// Unit of the number.
    pub unit: Unit,
    /// How far it may lie from now, both ways, inclusive; seconds.
    pub tolerance: i64,
    /// Whether the signature covers it.
    pub signed: bool,
}

/// Where the event id stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// In a field of the head.
    Field {
        /// Index of the field.
        field: usize,
        /// Whether the signature covers it.
        signed: bool,
    },
    /// In the body, which is signed.
    Json(Pointer),
}

impl Scheme {
    /// Checks a definition.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn build(definition: &Definition) -> Result<Scheme, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let algorithm = algorithm(definition, &mut flaws);
        let key = key_form(&definition.key, &mut flaws);
        let parts = Fields::collect(&definition.fields, &mut flaws);
        let template = template(definition, &parts, &mut flaws);
        let covers = covers(definition, template.as_ref(), &mut flaws);
        let warnings =
            template.as_ref().map(|template| rules::check(definition, template, &parts, &mut flaws));
        match (algorithm, key, parts.signature, template, covers) {
            (Some(algorithm), Some(key), Some(signature), Some(template), Some(covers))
                if flaws.is_empty() =>
            {
                let field = |index: usize| parts.head.get(index);
                let signed = |index| field(index).is_some_and(|field| rules::signs(&template, index, field));
                Ok(Scheme {
                    algorithm,
                    key,
                    signature,
                    timestamp: parts.timestamp.map(|time| Timestamp { signed: signed(time.field), ..time }),
                    id: parts.id.map(|id| match id {
                        Id::Field { field, .. } => Id::Field { field, signed: signed(field) },
                        json => json,
                    }),
                    covers,
                    fields: parts.head,
                    warnings: warnings.unwrap_or_default(),
                    template,
                })
            }
            _ => Err(flaws),
        }
    }

    /// What of a request the signature covers.
    pub fn covers(&self) -> Covers {
        self.covers
    }

    /// What `check` should tell the operator although the scheme may be used.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The fields that stand in the head, without the signature.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of an index of [`Timestamp`] or [`Id`].
    pub fn field(&self, index: usize) -> Option<&Field> {
        self.fields.get(index)
    }

    /// Whether the message holds `{url}`, so that the source needs `public_url`.
    pub fn signs_url(&self) -> bool {
        self.template.has(&Part::Url)
    }

    /// Names of `{param:name}` in the message.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.template.parts.iter().filter_map(|part| match part {
            Part::Param(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Names of path captures that the scheme reads; the source's path must have them.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.all_fields().filter_map(|field| match &field.place {
            Place::Path(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Every header field that the verdict depends on.
    pub fn headers_read(&self) -> Vec<HeaderName> {
        let of_fields = self.all_fields().filter_map(|field| match &field.place {
            Place::Header(names) => Some(names.iter()),
            _ => None,
        });
        let of_message = self.template.parts.iter().filter_map(|part| match part {
            Part::Header(name, _) => Some(name),
            _ => None,
        });
        let mut names: Vec<_> = of_fields.flatten().chain(of_message).cloned().collect();
        names.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        names.dedup();
        names
    }

    /// The message of a source with this public address and these parameters.
    ///
    /// # Errors
    /// When the message needs a value that is not there.
    pub fn message(
        &self,
        public_url: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Result<Message, Unbound> {
        Message::bind(&self.template, public_url, params)
    }

    fn all_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().chain([&self.signature.field])
    }
}

/// The fields of a definition, sorted by what they are for.
#[derive(Default)]
pub(super) struct Fields {
    /// Those in the head that are not signatures.
    pub head: Vec<Field>,
    pub signature: Option<Signature>,
    pub timestamp: Option<Timestamp>,
    pub id: Option<Id>,
}

impl Fields {
    fn collect(definitions: &BTreeMap<String, FieldDefinition>, flaws: &mut Vec<Flaw>) -> Fields {
        let mut fields = Fields::default();
        for (name, definition) in definitions {
            fields.add(name, definition, flaws);
        }
        let signatures = count(definitions, "signature");
        if signatures != 1 {
            flaws.push(
                Flaw::new(&["fields"], format!("{signatures} fields have `role = \"signature\"`"))
                    .with_help("exactly one field is the signature"),
            );
        }
        for role in ["timestamp", "id"].into_iter().filter(|role| count(definitions, role) > 1) {
            flaws.push(Flaw::new(&["fields"], format!("more than one field has `role = \"{role}\"`")));
        }
        fields
    }

    fn add(&mut self, name: &str, definition: &FieldDefinition, flaws: &mut Vec<Flaw>) {
        let path = ["fields", name];
        rules::check_field(name, definition, flaws);
        let role = definition.role.as_deref();
        if role == Some("id") && definition.json.is_some() {
            self.id = rules::pointer(name, definition, flaws).map(Id::Json);
            return;
        }
        let Some(field) = rules::head_field(name, definition, flaws) else { return };
        let index = self.head.len();
        match role {
            Some("signature") => {
                let encoding =
                    word(&path, "encoding", definition.encoding.as_deref(), Encoding::NAMES, flaws);
                let encoding = encoding.and_then(Encoding::parse);
                let many = usize::try_from(definition.many.unwrap_or(1)).unwrap_or(MAX_SIGNATURES);
                self.signature = encoding.map(|encoding| Signature { field, encoding, many });
                return;
            }
            Some("timestamp") => {
                let unit = word(&path, "unit", definition.unit.as_deref(), &["s", "ms"], flaws);
                let unit = if unit == Some("ms") { Unit::Milliseconds } else { Unit::Seconds };
                let tolerance = rules::tolerance(name, definition, flaws);
                self.timestamp = Some(Timestamp { field: index, unit, tolerance, signed: false });
            }
            Some("id") => self.id = Some(Id::Field { field: index, signed: false }),
            Some(other) => {
                let path = ["fields", name, "role"];
                flaws.push(Flaw::unknown_word(&path, "role", other, &["signature", "timestamp", "id"]));
            }
            None => {}
        }
        self.head.push(field);
    }
}

fn count(definitions: &BTreeMap<String, FieldDefinition>, role: &str) -> usize {
    definitions.values().filter(|definition| definition.role.as_deref() == Some(role)).count()
}

/// A key that must be there with one of `words`.
fn word<'w>(
    path: &[&str],
    key: &str,
    value: Option<&'w str>,
    words: &[&str],
    flaws: &mut Vec<Flaw>,
) -> Option<&'w str> {
    match value {
        Some(value) if words.contains(&value) => return Some(value),
        Some(value) => flaws.push(Flaw::unknown_word(&[path, &[key]].concat(), key, value, words)),
        None => flaws.push(
            Flaw::new(path, format!("`{key}` is missing"))
                .with_help(format!("possible: {}", words.join(", "))),
        ),
    }
    None
}

fn algorithm(definition: &Definition, flaws: &mut Vec<Flaw>) -> Option<Algorithm> {
    word(&[], "algorithm", definition.algorithm.as_deref(), Algorithm::NAMES, flaws)
        .and_then(Algorithm::parse)
}

fn key_form(definition: &KeyDefinition, flaws: &mut Vec<Flaw>) -> Option<KeyForm> {
    let encoding = definition.encoding.as_deref().or(Some("utf8"));
    let encoding =
        word(&["key"], "encoding", encoding, KeyEncoding::NAMES, flaws).and_then(KeyEncoding::parse);
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let (min_bytes, max_bytes) = (bytes(definition.min_bytes), bytes(definition.max_bytes));
    if min_bytes.zip(max_bytes).is_some_and(|(min, max)| min > max) {
        flaws.push(Flaw::new(&["key", "max_bytes"], "`max_bytes` is below `min_bytes`"));
    }
    Some(KeyForm { encoding: encoding?, prefix: definition.prefix.clone(), min_bytes, max_bytes })
}

fn template(definition: &Definition, parts: &Fields, flaws: &mut Vec<Flaw>) -> Option<Template> {
    let Some(message) = definition.message.as_deref().filter(|message| !message.is_empty()) else {
        flaws.push(Flaw::new(&[], "`message` is missing").with_help("write what is signed: \"{t}.{body}\""));
        return None;
    };
    let names: Vec<_> = parts.head.iter().map(|field| field.name.as_str()).collect();
    Template::parse(message, &names).map_err(|found| flaws.extend(rules::explain(found, definition))).ok()
}

fn covers(definition: &Definition, template: Option<&Template>, flaws: &mut Vec<Flaw>) -> Option<Covers> {
    let body = template?.has(&Part::Body);
    match definition.covers.as_deref() {
        None if body => return Some(Covers::Body),
        None => flaws.push(
            Flaw::new(&["message"], "the message does not hold `{body}`, so anyone could change the body")
                .with_help("add `{body}`, or declare `covers = \"part\"` or `covers = \"origin\"`"),
        ),
        Some("part" | "origin") if body => {
            flaws.push(
                Flaw::new(&["covers"], "the message holds `{body}`, so the body is covered")
                    .with_help("remove `covers`"),
            );
        }
        Some("part") => return Some(Covers::Part),
        Some("origin") => return Some(Covers::Origin),
        Some(other) => flaws.push(Flaw::unknown_word(&["covers"], "word", other, &["part", "origin"])),
    }
    None
}
