//! Safety rules of a definition: what would let a request pass that the sender did not sign.

use super::build::Fields;
use super::definition::{Definition, FieldDefinition};
use super::field::{Decode, Wrap};
use super::list::Position;
use super::message::UrlForm;
use super::place::{place, pointer};
use super::template::{Origin, Part, Placeholder, Sorted, Template, is_reserved};
use super::{Algorithm, Covers, Field, Filter, Flaw, Place, PublicAlgorithm, Shape};
use crate::base::limits::MAX_SIGNATURES;
use http::HeaderName;
use std::sync::Arc;

const DEFAULT_TOLERANCE: i64 = 300;
const MAX_TOLERANCE: i64 = 3600;

/// What a signature covers.
pub(super) struct Coverage<'c> {
    pub templates: &'c [Template],
    pub fields: &'c [Field],
    pub urls: &'c [UrlForm],
}

/// A definition with its finished parts.
pub(super) struct Checked<'c> {
    pub definition: &'c Definition,
    /// The table that a variant stands in.
    pub base: Option<&'c Definition>,
    pub parts: &'c Fields,
    pub coverage: &'c Coverage<'c>,
    pub algorithm: Option<Algorithm>,
}

impl Coverage<'_> {
    /// Whether every message holds the field, by its name or as part of something larger.
    pub fn signs(&self, index: usize) -> bool {
        self.templates.iter().all(|template| self.signs_in(template, index))
    }

    /// Whether every byte of the body is signed, as such or by a digest in a signed field.
    pub fn body(&self) -> bool {
        self.templates.iter().all(|template| template.covers_body() || self.digest_of_body(template))
    }

    fn digest_of_body(&self, template: &Template) -> bool {
        let fields = self.fields.iter().enumerate();
        let mut digests = fields
            .filter(|(_, field)| !field.optional && field.equals.as_ref().is_some_and(Template::covers_body));
        digests.any(|(index, field)| {
            signs_place(template, index, field, self.urls) || self.in_signed_text(template, field)
        })
    }

    fn signs_in(&self, template: &Template, index: usize) -> bool {
        let Some(field) = self.fields.get(index) else { return false };
        let in_body = field.is_in_body() && (template.covers_body() || self.digest_of_body(template));
        // A field that must be equal to something signed is as good as signed.
        let bound = field.equals.as_ref().is_some_and(|equal| {
            let mut fields = equal.values().map(|value| match value.origin {
                Origin::Field(other) => {
                    other != index
                        && self
                            .fields
                            .get(other)
                            .is_some_and(|other_field| signs_place(template, other, other_field, self.urls))
                }
                _ => false,
            });
            fields.next() == Some(true) && fields.next().is_none()
        });
        in_body
            || bound
            || self.in_signed_text(template, field)
            || signs_place(template, index, field, self.urls)
    }

    /// Whether it is read out of a text that is signed as a whole: a claim of a token whose parts are signed.
    fn in_signed_text(&self, template: &Template, field: &Field) -> bool {
        let same =
            |other: &Field| other.place == field.place && other.shape == field.shape && other.wrap.is_plain();
        let fields = self.fields.iter().enumerate();
        !field.wrap.is_plain()
            && fields
                .filter(|(_, other)| same(other))
                .any(|(index, other)| signs_place(template, index, other, self.urls))
    }

    /// Whether it is signed because the request lists it among the headers that are.
    pub fn lists(&self, index: usize) -> bool {
        let by_list = |template: &Template| {
            template.values().any(|value| value.filters.iter().any(Filter::is_list_of_headers))
                && !self.signs_in(template, index)
        };
        let header = self.fields.get(index).is_some_and(|field| matches!(field.place, Place::Header(_)));
        header && self.templates.iter().any(by_list)
    }
}

fn signs_place(template: &Template, index: usize, field: &Field, urls: &[UrlForm]) -> bool {
    let has = |test: &dyn Fn(&Origin) -> bool| template.values().any(|value| test(&value.origin));
    let url = has(&|origin| *origin == Origin::Url);
    let query = has(&|origin| matches!(origin, Origin::Query | Origin::Target | Origin::Pairs))
        || url && !urls.contains(&UrlForm::WithoutQuery);
    let by_name = has(&|origin| match origin {
        Origin::Field(signed) => *signed == index,
        Origin::Sorted(of) => of.contains(&Sorted::Field(index)),
        _ => false,
    });
    by_name
        || match &field.place {
            Place::Header(names) | Place::Family(names) => names.iter().all(|name: &HeaderName| {
                has(&|origin| matches!(origin, Origin::Header(signed) if signed == name))
            }),
            Place::Query(name) => {
                query || has(&|origin| matches!(origin, Origin::Parameter(signed) if signed == name))
            }
            Place::Path(_) => url || has(&|origin| matches!(origin, Origin::Path | Origin::Target)),
            Place::Json(pointer) => has(
                &|origin| matches!(origin, Origin::Json(signed) | Origin::RawJson(signed) if signed == pointer),
            ),
            Place::Item(pointer) => {
                has(&|origin| matches!(origin, Origin::Item(signed) if signed == pointer))
            }
            Place::Form(name) => template.values().any(|value| signs_form(value, name)),
            Place::Param(_) => true,
        }
}

fn signs_form(value: &Placeholder, name: &str) -> bool {
    match &value.origin {
        Origin::FormField(signed) => signed == name,
        Origin::Form => {
            !value.filters.iter().any(|filter| matches!(filter, Filter::Without(other) if other == name))
        }
        _ => false,
    }
}

/// What the scheme covers, as found and as declared.
pub(super) fn covers(
    definition: &Definition,
    coverage: &Coverage<'_>,
    empty: bool,
    flaws: &mut Vec<Flaw>,
) -> Option<Covers> {
    let body = empty || coverage.body() && definition.each.is_none();
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

/// Checks the finished parts together and returns what is only worth a warning.
pub(super) fn check(checked: &Checked<'_>, flaws: &mut Vec<Flaw>) -> Vec<String> {
    let Checked { definition, parts, coverage, algorithm, .. } = checked;
    let mut warnings = Vec::new();
    for (index, field) in parts.fields.iter().enumerate() {
        check_use(checked, field, coverage.signs(index) || field.listed, flaws);
    }
    for template in coverage.templates {
        check_template(checked, template, flaws);
        if let Some(signature) = &parts.signature {
            check_signature_place(&signature.field.place, template, checked.coverage.urls, flaws);
        }
        neighbours(checked, template, flaws, &mut warnings);
    }
    let secret = coverage.templates.iter().all(Template::has_secret);
    match algorithm {
        Some(Algorithm::Plain(_)) if !secret => flaws.push(
            Flaw::new(&["message"], "a plain hash without the secret proves nothing")
                .with_help("put `{secret}` where the sender puts it, or use an `hmac-` algorithm"),
        ),
        Some(Algorithm::Public(_)) if coverage.templates.iter().any(Template::has_secret) => flaws.push(
            Flaw::new(&["message"], "a signature with a private key has no secret")
                .with_help("remove `{secret}`"),
        ),
        Some(Algorithm::Hmac(_)) if coverage.templates.iter().any(Template::has_secret) => flaws.push(
            Flaw::new(&["message"], "the secret is the key of the MAC and not part of the text")
                .with_help("remove `{secret}`, or name a plain hash as the algorithm"),
        ),
        _ => {}
    }
    if matches!(algorithm, Some(Algorithm::Plain(_))) && coverage.templates.iter().any(can_be_extended) {
        warnings.push(
            "the secret stands before everything else in a plain hash: who has one message can append to it \
             (length extension); use an `hmac-` algorithm where the sender has one"
                .to_owned(),
        );
    }
    if algorithm.and_then(Algorithm::public).is_some_and(PublicAlgorithm::is_weak) {
        warnings.push(
            "SHA-1 is weak: who can choose what the sender signs can make two messages of one signature"
                .to_owned(),
        );
    }
    let item = |place: &Place| matches!(place, Place::Item(_));
    let in_fields = parts.fields.iter().chain(parts.signature.as_ref().map(|signature| &signature.field));
    let items = in_fields.filter(|field| item(&field.place)).count()
        + coverage
            .templates
            .iter()
            .flat_map(Template::values)
            .filter(|value| matches!(value.origin, Origin::Item(_)))
            .count();
    match (&definition.each, items) {
        (None, 1..) => flaws
            .push(Flaw::new(&[], "`item` is in the elements of `each`").with_help("add `each = \"/items\"`")),
        (Some(_), 0) => flaws.push(
            Flaw::new(&["each"], "nothing in the message is of an element").with_help("use `{item:/...}`"),
        ),
        _ => {}
    }
    warnings
}

/// Whether the secret stands first, and not at the end as well.
fn can_be_extended(template: &Template) -> bool {
    let is_secret = |part: Option<&Part>| matches!(part, Some(Part::Value(value)) if value.origin == Origin::Secret && value.filters.is_empty());
    is_secret(template.parts.first()) && !is_secret(template.parts.last())
}

/// Each template on its own.
fn check_template(checked: &Checked<'_>, template: &Template, flaws: &mut Vec<Flaw>) {
    if template.values().filter(|value| value.origin == Origin::Body && value.filters.is_empty()).count() > 1
    {
        flaws.push(Flaw::new(&["message"], "`{body}` stands more than once"));
    }
    let bodies = |origin: &Origin| matches!(origin, Origin::Body | Origin::Form);
    if template.placed().any(|(value, optional)| bodies(&value.origin) && (optional || value.optional)) {
        flaws.push(
            Flaw::new(&["message"], "the body cannot be left out").with_help("take it out of the brackets"),
        );
    }
    // What may be left out is not proved to be there.
    let time = checked.parts.timestamp.map(|time| Origin::Field(time.field));
    if template
        .placed()
        .any(|(value, optional)| Some(&value.origin) == time.as_ref() && (optional || value.optional))
    {
        flaws.push(
            Flaw::new(&["message"], "the timestamp cannot be left out")
                .with_help("take it out of the brackets"),
        );
    }
}

/// A field is signed, or it is a timestamp or id that is declared `unsigned`.
fn check_use(checked: &Checked<'_>, field: &Field, signed: bool, flaws: &mut Vec<Flaw>) {
    let Some(written) = checked.definition.fields.get(&field.name) else { return };
    let inherited = checked.base.is_some_and(|base| base.fields.get(&field.name) == Some(written));
    let path = ["fields", field.name.as_str()];
    let unsigned = written.unsigned == Some(true);
    match (written.role.as_deref(), signed) {
        (Some("timestamp" | "id"), true) if unsigned => {
            flaws.push(
                Flaw::new(
                    &[&path[..], &["unsigned"]].concat(),
                    "the message holds this field, so it is signed",
                )
                .with_help("remove `unsigned`"),
            );
        }
        (Some(role @ ("timestamp" | "id")), false) if !unsigned => flaws.push(
            Flaw::new(&path, format!("this {role} is read but not signed: anyone could change it"))
                .with_help(format!("add `{{{}}}` to `message`, or declare `unsigned = true`", field.name)),
        ),
        (None, false) if field.is.is_empty() && field.equals.is_none() && !inherited => flaws.push(
            Flaw::new(&path, "this field is neither signed nor has a role")
                .with_help(format!("add `{{{}}}` to `message`, or remove the field", field.name)),
        ),
        _ => {}
    }
}

/// A signature cannot sign itself.
fn check_signature_place(place: &Place, template: &Template, urls: &[UrlForm], flaws: &mut Vec<Flaw>) {
    let has = |test: &dyn Fn(&Placeholder) -> bool| template.values().any(test);
    let whole_body = || has(&|value| value.origin == Origin::Body);
    let inside = match place {
        Place::Header(names) | Place::Family(names) => {
            has(&|value| matches!(&value.origin, Origin::Header(name) if names.contains(name)))
        }
        Place::Query(name) => has(&|value| match &value.origin {
            Origin::Query | Origin::Target => true,
            Origin::Url => urls.iter().any(|form| *form != UrlForm::WithoutQuery),
            Origin::Pairs => {
                !value.filters.iter().any(|filter| matches!(filter, Filter::Without(other) if other == name))
            }
            Origin::Parameter(signed) => signed == name,
            _ => false,
        }),
        Place::Json(pointer) => whole_body() || has(&|value| value.origin == Origin::Json(pointer.clone())),
        Place::Item(pointer) => whole_body() || has(&|value| value.origin == Origin::Item(pointer.clone())),
        Place::Form(name) => whole_body() || has(&|value| signs_form(value, name)),
        Place::Path(_) | Place::Param(_) => false,
    };
    if inside {
        flaws.push(Flaw::new(&["message"], "the message holds the place of the signature itself"));
    }
}

/// Two variable parts need a literal between them.
fn neighbours(checked: &Checked<'_>, template: &Template, flaws: &mut Vec<Flaw>, warnings: &mut Vec<String>) {
    if checked.definition.ambiguous {
        return;
    }
    let flat = flattened(&template.parts);
    for pair in flat.windows(2) {
        let [Some(left), Some(right)] = pair else { continue };
        if is_fixed(left, checked.parts) || is_fixed(right, checked.parts) {
            continue;
        }
        let text = format!(
            "nothing stands between `{{{}}}` and `{{{}}}` in `message`: bytes can be moved from one to the other",
            left.label, right.label
        );
        let request = |value: &Placeholder| {
            matches!(
                value.origin,
                Origin::Method | Origin::Path | Origin::Query | Origin::Target | Origin::Url
            )
        };
        if request(left) || request(right) {
            warnings.push(text);
        } else {
            flaws.push(Flaw::new(&["message"], text).with_help(
                "put the sender's separator between them; where it has none, give `length`, or write `ambiguous = true`",
            ));
        }
    }
}

/// The values in order; `None` stands for a literal.
fn flattened(parts: &[Part]) -> Vec<Option<&Placeholder>> {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Part::Literal(_) => flat.push(None),
            Part::Value(value) => flat.push(Some(value)),
            // What is put together has an alphabet of its own behind its filters.
            Part::Group(_) => flat.push(None),
            Part::Optional(inner) => flat.extend(flattened(inner)),
        }
    }
    flat
}

/// Whether the length of a value is known: a digest, a time (which is bounded), what the source configures.
fn is_fixed(value: &Placeholder, parts: &Fields) -> bool {
    let digest = value.filters.iter().any(|filter| matches!(filter, Filter::Hash(_) | Filter::Hmac(_)));
    digest
        || match &value.origin {
            Origin::Field(index) => parts
                .fields
                .get(*index)
                .is_some_and(|field| field.is_time || field.length.is_some() || !field.is.is_empty()),
            Origin::Param(_) | Origin::Secret => true,
            _ => false,
        }
}

/// Says more of a placeholder that names a field which cannot be signed, nothing of one whose field is broken.
pub(super) fn explain(flaws: Vec<Flaw>, definition: &Definition) -> Vec<Flaw> {
    let fields = definition.fields.iter();
    let signatures: Vec<_> = fields
        .filter(|(_, field)| field.role.as_deref() == Some("signature"))
        .map(|(name, _)| name)
        .collect();
    let named = |flaw: &Flaw, name: &str| flaw.message.ends_with(&format!("`{{{name}}}`"));
    let explained = flaws.into_iter().map(|flaw| match signatures.iter().find(|name| named(&flaw, name)) {
        Some(name) => Flaw::new(&["message"], format!("`{{{name}}}` cannot stand here"))
            .with_help("a signature cannot sign itself"),
        None => flaw,
    });
    // A field with a mistake of its own has been reported already.
    explained.filter(|flaw| !definition.fields.keys().any(|name| named(flaw, name))).collect()
}

/// Checks the keys of one field against its place and role.
pub(super) fn check_field(name: &str, field: &FieldDefinition, flaws: &mut Vec<Flaw>) {
    let mut flaw = |key: &str, message: &str| {
        let path: &[&str] = if key.is_empty() { &["fields", name] } else { &["fields", name, key] };
        flaws.push(Flaw::new(path, message));
    };
    let role = field.role.as_deref();
    if name.is_empty()
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    {
        flaw("", "a field name is letters, digits, `_` and `-`");
    }
    if is_reserved(name) {
        flaw("", "this name is a placeholder of its own");
    }
    if role != Some("signature") {
        let keys =
            [("encoding", field.encoding.is_some()), ("many", field.many.is_some()), ("any", field.any)];
        keys.iter().filter(|key| key.1).for_each(|key| flaw(key.0, "only a signature has this"));
        if field.place.family.is_some() {
            flaw("family", "only a signature stands in a family of headers");
        }
    } else {
        let keys = [
            ("optional", field.optional),
            ("is", !field.is.is_empty()),
            ("equals", field.equals.is_some()),
            ("length", field.length.is_some()),
        ];
        keys.iter().filter(|key| key.1).for_each(|key| flaw(key.0, "a signature does not have this"));
    }
    if role != Some("timestamp") {
        let keys = [("unit", field.unit.is_some()), ("tolerance", field.tolerance.is_some())];
        keys.iter().filter(|key| key.1).for_each(|key| flaw(key.0, "only a timestamp has this"));
    } else if field.optional {
        flaw("optional", "a message without its time could be sent again for ever");
    }
    if field.unsigned.is_some() && !matches!(role, Some("timestamp" | "id")) {
        flaw("unsigned", "only a timestamp or an id can be declared unsigned");
    }
    if field.any && field.place.header.len() < 2 {
        flaw("any", "is for several headers: `header = [\"A\", \"B\"]`");
    }
    if field.length.is_some_and(|length| !(1..=4096).contains(&length)) {
        flaw("length", "must be 1 to 4096");
    }
    check_list(field, &mut flaw);
}

fn check_list(field: &FieldDefinition, flaw: &mut impl FnMut(&str, &str)) {
    let signature = field.role.as_deref() == Some("signature");
    let many = field.many.unwrap_or(1);
    let limit = u64::try_from(MAX_SIGNATURES).unwrap_or(u64::MAX);
    let limit = if field.place.family.is_some() { limit * 10 } else { limit };
    if !(1..=limit).contains(&many) {
        flaw("many", &format!("must be 1 to {limit}"));
    }
    if field.suffix.as_deref() == Some("") {
        flaw("suffix", "is empty");
    }
    if field.prefix.as_deref() == Some("") {
        flaw("prefix", "is empty");
    }
    let Some(separator) = field.list.as_deref() else {
        for (key, given) in [
            ("key", field.key.is_some()),
            ("position", field.position.is_some()),
            ("group", field.group.is_some()),
        ] {
            if given {
                flaw(key, "only a `list` has this");
            }
        }
        if many > 1 && field.place.family.is_none() && !field.any {
            flaw("many", "only a `list` or a family holds many");
        }
        return;
    };
    if separator.is_empty() {
        flaw("list", "the separator is empty");
    } else {
        for (key, text) in [("key", &field.key), ("prefix", &field.prefix), ("suffix", &field.suffix)] {
            if text.as_deref().is_some_and(|text| text.contains(separator)) {
                flaw(key, "holds the separator of the list");
            }
        }
    }
    if field.group.as_deref().is_some_and(|group| group.is_empty() || group == separator) {
        flaw("group", "is the separator around the list, another than that of its elements");
    }
    if field.key.as_deref().is_some_and(|key| key.is_empty() || key.contains(['=', ' ', '\t'])) {
        flaw("key", "is the name in front of `=`");
    }
    if field.position.as_deref().is_some_and(|position| Position::parse(position).is_none()) {
        flaw("position", "is a number from 0, or \"1..\" for all from there on");
    }
    if !signature && field.key.is_none() && field.prefix.is_none() && field.position.is_none() {
        flaw("list", "which element? give `key`, `prefix` or `position`");
    }
}

/// The field that a definition describes.
pub(super) fn field(name: &str, definition: &FieldDefinition, flaws: &mut Vec<Flaw>) -> Option<Field> {
    let path = ["fields", name];
    let many =
        usize::try_from(definition.many.unwrap_or(1)).unwrap_or(MAX_SIGNATURES).min(10 * MAX_SIGNATURES);
    let (place, label) = place(&definition.place, &path, flaws, many)?;
    let place = match place {
        Place::Header(names) if definition.any => Place::Family(names),
        other => other,
    };
    let role = definition.role.as_deref();
    match &place {
        Place::Path(_) | Place::Param(_) if matches!(role, Some("signature" | "timestamp")) => {
            let key = if definition.place.path.is_some() { "path" } else { "param" };
            flaws.push(
                Flaw::new(&["fields", name, key], "this names who sends, not when or with which proof")
                    .with_help("a path capture can be an id or a plain field"),
            );
            return None;
        }
        _ => {}
    }
    let label: Arc<str> = match (&definition.key, &definition.position) {
        (Some(key), _) => format!("{label}, element {key}").into(),
        (None, Some(position)) => format!("{label}, element {position}").into(),
        (None, None) => label.into(),
    };
    let shape = Shape {
        group: definition.group.clone(),
        list: definition.list.clone(),
        key: definition.key.as_ref().map(|key| format!("{key}=")),
        position: definition.position.as_deref().and_then(Position::parse),
        prefix: definition.prefix.clone(),
        suffix: definition.suffix.clone(),
    };
    Some(Field {
        name: name.to_owned(),
        place,
        shape,
        wrap: wrap(name, definition, flaws)?,
        optional: definition.optional,
        is: definition.is.clone(),
        equals: None,
        is_time: false,
        listed: false,
        length: definition.length.and_then(|length| usize::try_from(length).ok()),
        label,
    })
}

fn wrap(name: &str, definition: &FieldDefinition, flaws: &mut Vec<Flaw>) -> Option<Wrap> {
    let decode = match definition.decode.as_deref().map(|word| (word, Decode::parse(word))) {
        Some((word, None)) => {
            flaws.push(Flaw::unknown_word(&["fields", name, "decode"], "text form", word, Decode::NAMES));
            return None;
        }
        Some((_, found)) => found,
        None => None,
    };
    let inside = match &definition.inside {
        Some(text) => Some(pointer(text, &["fields", name, "inside"], flaws)?),
        None => None,
    };
    Some(Wrap { decode, inside })
}

/// The tolerance of a timestamp, seconds.
pub(super) fn tolerance(name: &str, field: &FieldDefinition, flaws: &mut Vec<Flaw>) -> i64 {
    let Some(written) = &field.tolerance else { return DEFAULT_TOLERANCE };
    match seconds(written).filter(|seconds| (1..=MAX_TOLERANCE).contains(seconds)) {
        Some(seconds) => seconds,
        None => {
            flaws.push(
                Flaw::new(&["fields", name, "tolerance"], format!("`{written}` is not a tolerance"))
                    .with_help("a number with a unit, from \"1s\" to \"1h\": \"5m\""),
            );
            DEFAULT_TOLERANCE
        }
    }
}

/// `90s`, `5m`, `1h`.
fn seconds(text: &str) -> Option<i64> {
    let unit = text.strip_suffix('s').map(|number| (number, 1));
    let unit = unit.or_else(|| text.strip_suffix('m').map(|number| (number, 60)));
    let (number, factor) = unit.or_else(|| text.strip_suffix('h').map(|number| (number, 3600)))?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| digits)?.checked_mul(factor)
}
