//! From a [`Definition`] to a [`Scheme`]: every word is checked, every mistake reported.

use super::definition::{Definition, FieldDefinition, KeyDefinition};
use super::message::{Source, UrlForm};
use super::place::pointer;
use super::template::{Origin, Template};
use super::{
    Algorithm, Condition, Encoding, Field, Flaw, HashName, KeyEncoding, KeyForm, Message, Place, Pointer,
    Unbound, fill, message, rules,
};
use crate::base::limits::MAX_SIGNATURES;
use http::HeaderName;
use std::collections::BTreeMap;

/// How one kind of request of a sender is signed; safe by construction.
#[derive(Clone, Debug)]
pub struct Scheme {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// How the secret becomes the key.
    pub key: KeyForm,
    /// The signature field.
    pub signature: Signature,
    /// The timestamp field, if the scheme has one.
    pub timestamp: Option<Timestamp>,
    /// The event id, if the scheme has one.
    pub id: Option<Id>,
    /// Index of the field that names the key, if the scheme has one.
    pub key_id: Option<usize>,
    /// The digest of the message that is signed instead of it.
    pub prehash: Option<HashName>,
    /// The array whose elements are each signed.
    pub each: Option<Pointer>,
    covers: Covers,
    templates: Vec<Template>,
    urls: Vec<UrlForm>,
    bounded: bool,
    fields: Vec<Field>,
    warnings: Vec<String>,
}

/// All kinds of requests of a sender.
#[derive(Clone, Debug)]
pub struct Schemes {
    /// Those that have conditions, in order; the first whose conditions hold is the only one that counts.
    pub variants: Vec<(Vec<Condition>, Scheme)>,
    /// What counts when none of them does.
    pub base: Option<Scheme>,
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

impl Covers {
    /// `body`, `part` or `origin`.
    pub fn name(self) -> &'static str {
        match self {
            Covers::Body => "body",
            Covers::Part => "part",
            Covers::Origin => "origin",
        }
    }
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
    /// Microseconds since 1970; compared after rounding down to seconds.
    Microseconds,
    /// RFC 3339; a time without zone is UTC.
    Rfc3339,
    /// The date of HTTP (RFC 9110 section 5.6.7).
    HttpDate,
}

impl Unit {
    /// Names in the policy file.
    pub const NAMES: &'static [&'static str] = &["s", "ms", "us", "rfc3339", "http_date"];

    /// The unit of that name.
    pub fn parse(name: &str) -> Option<Unit> {
        match name {
            "s" => Some(Unit::Seconds),
            "ms" => Some(Unit::Milliseconds),
            "us" => Some(Unit::Microseconds),
            "rfc3339" => Some(Unit::Rfc3339),
            "http_date" => Some(Unit::HttpDate),
            _ => None,
        }
    }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    /// Index of the field.
    pub field: usize,
    /// Whether the signature covers it.
    pub signed: bool,
}

impl Schemes {
    /// Checks a definition with its variants.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn build(definition: &Definition) -> Result<Schemes, Vec<Flaw>> {
        let (mut variants, mut flaws) = (Vec::new(), Vec::new());
        for (index, variant) in definition.variants.iter().enumerate() {
            let index = index.to_string();
            let at = ["variant", &index];
            if variant.when.is_empty() {
                flaws.push(
                    Flaw::new(&at, "this variant does not say when it counts")
                        .with_help("add `when = [{ header = \"X-Version\", is = \"2\" }]`"),
                );
            }
            let before = flaws.len();
            let conditions: Vec<_> = variant
                .when
                .iter()
                .filter_map(|when| Condition::build(when, &[&at[..], &["when"]].concat(), &mut flaws))
                .collect();
            let empty = variant.when.iter().any(|when| when.body && when.empty);
            match Scheme::build_over(&definition.with(variant), Some(definition), empty) {
                Ok(scheme) if flaws.len() == before => variants.push((conditions, scheme)),
                Ok(_) => {}
                // What the variant does not say itself is told at the table.
                Err(found) => flaws.extend(found.into_iter().map(|flaw| Flaw {
                    path: at.iter().map(|key| String::from(*key)).chain(flaw.path).collect(),
                    ..flaw
                })),
            }
        }
        let alone = definition.variants.is_empty();
        let base = if alone || !definition.message.is_empty() {
            match Scheme::build_over(definition, None, false) {
                Ok(base) => Some(base),
                Err(found) => {
                    flaws.extend(found);
                    None
                }
            }
        } else {
            None
        };
        if flaws.is_empty() { Ok(Schemes { variants, base }) } else { Err(flaws) }
    }

    /// Every scheme, the one without conditions last.
    pub fn all(&self) -> impl Iterator<Item = &Scheme> {
        self.variants.iter().map(|(_, scheme)| scheme).chain(&self.base)
    }

    /// The scheme that stands for the sender: the one without conditions, else the first.
    pub fn main(&self) -> Option<&Scheme> {
        self.base.as_ref().or_else(|| self.variants.first().map(|(_, scheme)| scheme))
    }
}

impl From<Scheme> for Schemes {
    fn from(scheme: Scheme) -> Schemes {
        Schemes { variants: Vec::new(), base: Some(scheme) }
    }
}

impl Scheme {
    /// Checks a definition without its variants.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn build(definition: &Definition) -> Result<Scheme, Vec<Flaw>> {
        Scheme::build_over(definition, None, false)
    }

    /// Fields that stand in `base` as well need not be of use. `empty`: there is no body to be covered.
    fn build_over(
        definition: &Definition,
        base: Option<&Definition>,
        empty: bool,
    ) -> Result<Scheme, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let algorithm = algorithm(definition, &mut flaws);
        let key = key_form(&definition.key, &mut flaws);
        let each = definition.each.as_deref().map(|text| pointer(text, &["each"], &mut flaws));
        let urls = urls(definition, &mut flaws);
        let prehash = prehash(definition, algorithm, &mut flaws);
        let mut parts = Fields::collect(definition, &mut flaws);
        let templates = templates(definition, &parts, &mut flaws);
        parts.compare(definition, &mut flaws);
        let (Some(templates), Some(signature)) = (templates, parts.signature.clone()) else {
            return Err(flaws);
        };
        let listed: Vec<usize> = {
            let coverage = rules::Coverage { templates: &templates, fields: &parts.fields, urls: &urls };
            (0..parts.fields.len()).filter(|index| coverage.lists(*index)).collect()
        };
        for (index, field) in parts.fields.iter_mut().enumerate() {
            let unsigned =
                definition.fields.get(&field.name).is_some_and(|field| field.unsigned == Some(true));
            field.listed = listed.contains(&index) && !unsigned;
        }
        let coverage = rules::Coverage { templates: &templates, fields: &parts.fields, urls: &urls };
        let covers = rules::covers(definition, &coverage, empty, &mut flaws);
        let context = rules::Checked { definition, base, parts: &parts, coverage: &coverage, algorithm };
        let warnings = rules::check(&context, &mut flaws);
        let signed =
            |index: usize| coverage.signs(index) || parts.fields.get(index).is_some_and(|field| field.listed);
        match (algorithm, key, covers) {
            (Some(algorithm), Some(key), Some(covers)) if flaws.is_empty() => Ok(Scheme {
                algorithm,
                key,
                signature,
                timestamp: parts.timestamp.map(|time| Timestamp { signed: signed(time.field), ..time }),
                id: parts.id.map(|id| Id { signed: signed(id.field), ..id }),
                key_id: parts.key_id,
                prehash,
                each: each.flatten(),
                covers,
                urls,
                bounded: !definition.ambiguous,
                warnings,
                fields: parts.fields,
                templates,
            }),
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

    /// The fields without the signature.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The templates of the message.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The field of an index of [`Timestamp`] or [`Id`].
    pub fn field(&self, index: usize) -> Option<&Field> {
        self.fields.get(index)
    }

    /// Whether a message holds `{url}`, so that the source needs `public_url`.
    pub fn signs_url(&self) -> bool {
        self.all_templates().any(|template| template.has(&Origin::Url))
    }

    /// Whether path or query are part of the message.
    pub fn signs_target(&self) -> bool {
        let target =
            |origin: &Origin| matches!(origin, Origin::Path | Origin::Query | Origin::Target | Origin::Url);
        self.all_templates().flat_map(Template::values).any(|value| target(&value.origin))
    }

    /// Whether a field of the form or the form itself is read.
    pub fn reads_form(&self) -> bool {
        let in_message = self.all_templates().flat_map(Template::values);
        let mut in_message =
            in_message.filter(|value| matches!(value.origin, Origin::Form | Origin::FormField(_)));
        in_message.next().is_some() || self.all_fields().any(|field| matches!(field.place, Place::Form(_)))
    }

    /// Names of `{param:name}` that the source must have.
    pub fn params(&self) -> Vec<String> {
        let values = self.all_templates().flat_map(Template::values).filter(|value| !value.optional);
        let mut names: Vec<String> = values
            .filter_map(|value| match &value.origin {
                Origin::Param(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        for field in self.all_fields() {
            if let Place::Param(name) = &field.place {
                names.push(name.clone());
            }
            let texts = field.shape.prefix.iter().chain(&field.is);
            names.extend(texts.flat_map(|text| super::params_of(text)).map(String::from));
        }
        names.sort();
        names.dedup();
        names
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
            Place::Header(names) | Place::Family(names) => Some(names.iter()),
            _ => None,
        });
        let of_message = self.all_templates().flat_map(message::headers);
        let mut names: Vec<_> = of_fields.flatten().chain(of_message).cloned().collect();
        names.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        names.dedup();
        names
    }

    /// The messages of a source with this public address and these parameters; any of them may be signed.
    ///
    /// # Errors
    /// When a message needs a value that is not there.
    pub fn messages(
        &self,
        public_url: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Result<Vec<Message>, Unbound> {
        let mut messages = Vec::new();
        for template in &self.templates {
            let forms: &[UrlForm] = if template.has(&Origin::Url) { &self.urls } else { &[UrlForm::AsGiven] };
            for form in forms {
                let url = public_url.map(|url| (url, *form));
                messages.push(Message::bind(template, &self.fields, url, params, self.bounded)?);
            }
        }
        Ok(messages)
    }

    /// A message that is not one of the scheme, to see whether it was signed.
    ///
    /// # Errors
    /// As [`Scheme::messages`].
    pub fn message(
        &self,
        template: &Template,
        public_url: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Result<Message, Unbound> {
        Message::bind(template, &self.fields, public_url.map(|url| (url, UrlForm::AsGiven)), params, false)
    }

    /// The texts that fields must be equal to.
    ///
    /// # Errors
    /// As [`Scheme::messages`].
    pub fn equalities(
        &self,
        public_url: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Result<Vec<(usize, Message)>, Unbound> {
        let fields = self.fields.iter().enumerate();
        let equal =
            fields.filter_map(|(index, field)| field.equals.as_ref().map(|template| (index, template)));
        let url = public_url.map(|url| (url, UrlForm::AsGiven));
        equal
            .map(|(index, template)| {
                Message::bind(template, &self.fields, url, params, false).map(|message| (index, message))
            })
            .collect()
    }

    /// The scheme with the source's values in its fields.
    ///
    /// # Errors
    /// When a value is not there.
    pub fn bound(mut self, params: &BTreeMap<String, String>) -> Result<Scheme, Unbound> {
        for field in self.fields.iter_mut().chain([&mut self.signature.field]) {
            field.shape.prefix = field.shape.prefix.take().map(|text| fill(&text, params)).transpose()?;
            for text in &mut field.is {
                *text = fill(text, params)?;
            }
            if let Place::Param(name) = &field.place
                && !field.optional
                && params.get(name).is_none_or(String::is_empty)
            {
                return Err(Unbound::Param(name.clone()));
            }
        }
        Ok(self)
    }

    /// What its messages are made of beside the request.
    pub fn source<'s>(&'s self, secret: Option<&'s [u8]>) -> Source<'s> {
        Source { fields: &self.fields, secret }
    }

    fn all_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().chain([&self.signature.field])
    }

    fn all_templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.iter().chain(self.fields.iter().filter_map(|field| field.equals.as_ref()))
    }
}

/// The fields of a definition, sorted by what they are for.
#[derive(Default)]
pub(super) struct Fields {
    /// Those that are not signatures.
    pub fields: Vec<Field>,
    pub signature: Option<Signature>,
    pub timestamp: Option<Timestamp>,
    pub id: Option<Id>,
    pub key_id: Option<usize>,
}

impl Fields {
    fn collect(definition: &Definition, flaws: &mut Vec<Flaw>) -> Fields {
        let mut fields = Fields::default();
        for (name, field) in &definition.fields {
            fields.add(name, field, flaws);
        }
        let signatures = count(definition, "signature");
        if signatures != 1 {
            flaws.push(
                Flaw::new(&["fields"], format!("{signatures} fields have `role = \"signature\"`"))
                    .with_help("exactly one field is the signature"),
            );
        }
        for role in ["timestamp", "id", "key_id"].into_iter().filter(|role| count(definition, role) > 1) {
            flaws.push(Flaw::new(&["fields"], format!("more than one field has `role = \"{role}\"`")));
        }
        fields
    }

    fn add(&mut self, name: &str, definition: &FieldDefinition, flaws: &mut Vec<Flaw>) {
        let path = ["fields", name];
        rules::check_field(name, definition, flaws);
        let Some(mut field) = rules::field(name, definition, flaws) else { return };
        let index = self.fields.len();
        match definition.role.as_deref() {
            Some("signature") => {
                let encoding =
                    word(&path, "encoding", definition.encoding.as_deref(), Encoding::NAMES, flaws);
                let encoding = encoding.and_then(Encoding::parse);
                let many = usize::try_from(definition.many.unwrap_or(1)).unwrap_or(MAX_SIGNATURES);
                let many = if definition.any { many.max(definition.place.header.len()) } else { many };
                self.signature = encoding.map(|encoding| Signature { field, encoding, many });
                return;
            }
            Some("timestamp") => {
                let unit = word(&path, "unit", definition.unit.as_deref(), Unit::NAMES, flaws);
                let unit = unit.and_then(Unit::parse).unwrap_or(Unit::Seconds);
                let tolerance = rules::tolerance(name, definition, flaws);
                field.is_time = true;
                self.timestamp = Some(Timestamp { field: index, unit, tolerance, signed: false });
            }
            Some("id") => self.id = Some(Id { field: index, signed: false }),
            Some("key_id") => self.key_id = Some(index),
            Some(other) => {
                let path = ["fields", name, "role"];
                flaws.push(Flaw::unknown_word(
                    &path,
                    "role",
                    other,
                    &["signature", "timestamp", "id", "key_id"],
                ));
            }
            None => {}
        }
        self.fields.push(field);
    }

    /// Reads the templates that fields are compared with.
    fn compare(&mut self, definition: &Definition, flaws: &mut Vec<Flaw>) {
        let names: Vec<String> = self.fields.iter().map(|field| field.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for field in &mut self.fields {
            let written = definition.fields.get(&field.name).and_then(|field| field.equals.as_deref());
            match written.map(|text| Template::parse(text, &names)) {
                Some(Ok(template)) => field.equals = Some(template),
                Some(Err(found)) => flaws.extend(found.into_iter().map(|flaw| Flaw {
                    path: vec!["fields".to_owned(), field.name.clone(), "equals".to_owned()],
                    ..flaw
                })),
                None => {}
            }
        }
    }
}

fn count(definition: &Definition, role: &str) -> usize {
    definition.fields.values().filter(|field| field.role.as_deref() == Some(role)).count()
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

/// The form of a key.
pub fn key_form(definition: &KeyDefinition, flaws: &mut Vec<Flaw>) -> Option<KeyForm> {
    let encoding = definition.encoding.as_deref().or(Some("utf8"));
    let encoding =
        word(&["key"], "encoding", encoding, KeyEncoding::NAMES, flaws).and_then(KeyEncoding::parse);
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let (min_bytes, max_bytes) = (bytes(definition.min_bytes), bytes(definition.max_bytes));
    let min_bits = bytes(definition.min_bits).unwrap_or(KeyForm::default().min_bits);
    if !(1024..=8192).contains(&min_bits) {
        flaws.push(Flaw::new(&["key", "min_bits"], "must be 1024 to 8192"));
    }
    if min_bytes.zip(max_bytes).is_some_and(|(min, max)| min > max) {
        flaws.push(Flaw::new(&["key", "max_bytes"], "`max_bytes` is below `min_bytes`"));
    }
    let before = flaws.len();
    let hash = definition.hash.as_deref();
    let hash = hash.and_then(|name| word(&["key"], "hash", Some(name), &["md5", "sha1", "sha256"], flaws));
    let normalize = definition.normalize.as_deref();
    let nfkd = normalize.and_then(|name| word(&["key"], "normalize", Some(name), &["nfkd"], flaws)).is_some();
    if flaws.len() > before {
        return None;
    }
    let prefixes = definition.prefix.clone();
    Some(KeyForm {
        encoding: encoding?,
        prefixes,
        hash: hash.and_then(HashName::parse),
        nfkd,
        min_bytes,
        max_bytes,
        min_bits,
    })
}

fn prehash(definition: &Definition, algorithm: Option<Algorithm>, flaws: &mut Vec<Flaw>) -> Option<HashName> {
    let name = definition.prehash.as_deref()?;
    if algorithm.is_some_and(|algorithm| algorithm.public().is_none()) {
        flaws.push(
            Flaw::new(&["prehash"], "only a signature with a private key has this")
                .with_help("hash in the message: `{body|sha256|hex}`"),
        );
    }
    word(&[], "prehash", Some(name), &["sha256", "sha384", "sha512"], flaws).and_then(HashName::parse)
}

fn urls(definition: &Definition, flaws: &mut Vec<Flaw>) -> Vec<UrlForm> {
    let mut forms = Vec::new();
    for name in &definition.url {
        match UrlForm::parse(name) {
            Some(form) if forms.contains(&form) => {}
            Some(form) => forms.push(form),
            None => flaws.push(Flaw::unknown_word(&["url"], "form of the address", name, UrlForm::NAMES)),
        }
    }
    if forms.is_empty() { vec![UrlForm::AsGiven] } else { forms }
}

fn templates(definition: &Definition, parts: &Fields, flaws: &mut Vec<Flaw>) -> Option<Vec<Template>> {
    if definition.message.iter().all(String::is_empty) {
        flaws.push(Flaw::new(&[], "`message` is missing").with_help("write what is signed: \"{t}.{body}\""));
        return None;
    }
    if definition.message.len() > MAX_SIGNATURES {
        flaws.push(Flaw::new(&["message"], format!("at most {MAX_SIGNATURES} texts")));
        return None;
    }
    let names: Vec<_> = parts.fields.iter().map(|field| field.name.as_str()).collect();
    let read = definition.message.iter().map(|message| Template::parse(message, &names));
    let mut templates = Vec::new();
    for template in read {
        match template {
            Ok(template) => templates.push(template),
            Err(found) => flaws.extend(rules::explain(found, definition)),
        }
    }
    (templates.len() == definition.message.len()).then_some(templates)
}
