//! Safety rules of a definition: what would let a request pass that the sender did not sign.

use super::build::Fields;
use super::definition::{Definition, FieldDefinition};
use super::template::{Part, Template};
use super::{Field, Flaw, Id, Place, Pointer, Shape};
use crate::base::limits::MAX_SIGNATURES;
use http::HeaderName;
use std::sync::Arc;

const DEFAULT_TOLERANCE: i64 = 300;
const MAX_TOLERANCE: i64 = 3600;

/// Checks the finished parts together and returns what is only worth a warning.
pub(super) fn check(
    definition: &Definition,
    template: &Template,
    parts: &Fields,
    flaws: &mut Vec<Flaw>,
) -> Vec<String> {
    if template.parts.iter().filter(|part| **part == Part::Body).count() > 1 {
        flaws.push(Flaw::new(&["message"], "`{body}` stands more than once"));
    }
    for (index, field) in parts.head.iter().enumerate() {
        check_use(definition, field, signs(template, index, field), flaws);
    }
    if matches!(parts.id, Some(Id::Json(_))) && !template.has(&Part::Body) {
        flaws.push(Flaw::new(&["message"], "the id stands in the body, which is not signed"));
    }
    if let Some(signature) = &parts.signature {
        check_signature_place(&signature.field.place, template, flaws);
    }
    neighbours(template, parts, flaws)
}

/// Whether the message holds the field, by its name or as part of something larger.
pub(super) fn signs(template: &Template, index: usize, field: &Field) -> bool {
    let has = |part| template.has(&part);
    let header = |name: &HeaderName| {
        template.parts.iter().any(|part| matches!(part, Part::Header(signed, _) if signed == name))
    };
    has(Part::Field(index))
        || match &field.place {
            Place::Header(names) => names.iter().all(header),
            Place::Query(_) => has(Part::Query) || has(Part::Url),
            Place::Path(_) => has(Part::Path) || has(Part::Url),
        }
}

/// A field is signed, or it is a timestamp or id that is declared `unsigned`.
fn check_use(definition: &Definition, field: &Field, signed: bool, flaws: &mut Vec<Flaw>) {
    let Some(written) = definition.fields.get(&field.name) else { return };
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
        (None, false) => flaws.push(
            Flaw::new(&path, "this field is neither signed nor has a role")
                .with_help(format!("add `{{{}}}` to `message`, or remove the field", field.name)),
        ),
        _ => {}
    }
}

/// A signature cannot sign itself.
fn check_signature_place(place: &Place, template: &Template, flaws: &mut Vec<Flaw>) {
    let inside = template.parts.iter().any(|part| match (part, place) {
        (Part::Header(name, _), Place::Header(names)) => names.contains(name),
        (Part::Query | Part::Url, Place::Query(_)) => true,
        _ => false,
    });
    if inside {
        flaws.push(Flaw::new(&["message"], "the message holds the place of the signature itself"));
    }
}

/// Two variable parts need a literal between them.
fn neighbours(template: &Template, parts: &Fields, flaws: &mut Vec<Flaw>) -> Vec<String> {
    let time = parts.timestamp.map(|time| Part::Field(time.field));
    let fixed = |part: &Part| matches!(part, Part::Literal(_) | Part::Param(_));
    let request = |part: &Part| matches!(part, Part::Method | Part::Path | Part::Query | Part::Url);
    let mut warnings = Vec::new();
    for pair in template.parts.windows(2) {
        let [left, right] = pair else { continue };
        if fixed(left) || fixed(right) {
            continue;
        }
        let text = format!(
            "nothing stands between `{{{}}}` and `{{{}}}` in `message`: bytes can be moved from one to the other",
            placeholder(left, parts),
            placeholder(right, parts)
        );
        if [left, right].into_iter().any(|part| time.as_ref() == Some(part) || request(part)) {
            warnings.push(text);
        } else {
            flaws.push(Flaw::new(&["message"], text).with_help("put the sender's separator between them"));
        }
    }
    warnings
}

fn placeholder<'p>(part: &'p Part, parts: &'p Fields) -> &'p str {
    match part {
        Part::Field(index) => parts.head.get(*index).map_or("", |field| &field.name),
        Part::Method => "method",
        Part::Path => "path",
        Part::Query => "query",
        Part::Url => "url",
        Part::Header(name, _) => name.as_str(),
        Part::Literal(text) | Part::Param(text) => text,
        Part::Body => "body",
    }
}

/// Says more of a placeholder that names a field which cannot be signed, nothing of one whose field is broken.
pub(super) fn explain(flaws: Vec<Flaw>, definition: &Definition) -> Vec<Flaw> {
    let fields = definition.fields.iter();
    let special: Vec<_> = fields
        .filter_map(|(name, field)| match field.role.as_deref() {
            Some("signature") => Some((name, "a signature cannot sign itself")),
            Some("id") if field.json.is_some() => {
                Some((name, "it stands in the body, which `{body}` covers"))
            }
            _ => None,
        })
        .collect();
    let named = |flaw: &Flaw, name: &str| flaw.message.ends_with(&format!("`{{{name}}}`"));
    let explained = flaws.into_iter().map(|flaw| match special.iter().find(|(name, _)| named(&flaw, name)) {
        Some((name, why)) => {
            Flaw::new(&["message"], format!("`{{{name}}}` cannot stand here")).with_help(*why)
        }
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
    if ["method", "path", "query", "url", "body"].contains(&name) {
        flaw("", "this name is a placeholder of its own");
    }
    if role != Some("signature") {
        let keys = [("encoding", field.encoding.is_some()), ("many", field.many.is_some())];
        keys.iter().filter(|key| key.1).for_each(|key| flaw(key.0, "only a signature has this"));
    }
    if role != Some("timestamp") {
        let keys = [("unit", field.unit.is_some()), ("tolerance", field.tolerance.is_some())];
        keys.iter().filter(|key| key.1).for_each(|key| flaw(key.0, "only a timestamp has this"));
    }
    if field.unsigned.is_some() && !matches!(role, Some("timestamp" | "id")) {
        flaw("unsigned", "only a timestamp or an id can be declared unsigned");
    }
    check_list(field, &mut flaw);
}

fn check_list(field: &FieldDefinition, flaw: &mut impl FnMut(&str, &str)) {
    let signature = field.role.as_deref() == Some("signature");
    let many = field.many.unwrap_or(1);
    let limit = u64::try_from(MAX_SIGNATURES).unwrap_or(u64::MAX);
    if !(1..=limit).contains(&many) {
        flaw("many", &format!("must be 1 to {MAX_SIGNATURES}"));
    }
    if field.prefix.as_deref() == Some("") {
        flaw("prefix", "is empty");
    }
    let Some(separator) = field.list.as_deref() else {
        if field.key.is_some() {
            flaw("key", "only the elements of a `list` have keys");
        }
        if many > 1 {
            flaw("many", "only a `list` holds many");
        }
        return;
    };
    if separator.is_empty() {
        flaw("list", "the separator is empty");
    } else {
        for (key, text) in [("key", &field.key), ("prefix", &field.prefix)] {
            if text.as_deref().is_some_and(|text| text.contains(separator)) {
                flaw(key, "holds the separator of the list");
            }
        }
    }
    if field.key.as_deref().is_some_and(|key| key.is_empty() || key.contains(['=', ' ', '\t'])) {
        flaw("key", "is the name in front of `=`");
    }
    if !signature && field.key.is_none() && field.prefix.is_none() {
        flaw("list", "which element? give `key` or `prefix`");
    }
}

/// The pointer of an id in the body.
pub(super) fn pointer(name: &str, field: &FieldDefinition, flaws: &mut Vec<Flaw>) -> Option<Pointer> {
    place_count(name, field, flaws);
    let shaped = [("list", &field.list), ("key", &field.key), ("prefix", &field.prefix)];
    for (key, _) in shaped.iter().filter(|(_, value)| value.is_some()) {
        flaws.push(Flaw::new(&["fields", name, key], "does not go with `json`"));
    }
    if field.unsigned.is_some() {
        flaws.push(Flaw::new(&["fields", name, "unsigned"], "the body is signed, so the id in it is"));
    }
    let parsed = field.json.as_deref().and_then(Pointer::parse);
    if parsed.is_none() {
        flaws.push(
            Flaw::new(&["fields", name, "json"], "is not a JSON pointer to a member (RFC 6901)")
                .with_help("it begins with `/`: \"/data/id\""),
        );
    }
    parsed
}

/// A field of the head.
pub(super) fn head_field(name: &str, field: &FieldDefinition, flaws: &mut Vec<Flaw>) -> Option<Field> {
    if !place_count(name, field, flaws) {
        return None;
    }
    let (place, label) = match (&field.query, &field.path) {
        (Some(query), _) => (Place::Query(query.clone()), format!("query parameter {query}")),
        (_, Some(_)) if matches!(field.role.as_deref(), Some("signature" | "timestamp")) => {
            flaws.push(
                Flaw::new(&["fields", name, "path"], "a path names who sends, not when or with which proof")
                    .with_help("a path capture can be an id or a plain field"),
            );
            return None;
        }
        (_, Some(path)) => (Place::Path(path.clone()), format!("path capture {path}")),
        _ if field.json.is_some() => {
            flaws.push(
                Flaw::new(&["fields", name, "json"], "only an id can stand in the body")
                    .with_help("add `role = \"id\"`"),
            );
            return None;
        }
        _ => (header_place(name, field, flaws)?, format!("header {}", field.header.join(" or "))),
    };
    if let Place::Query(word) | Place::Path(word) = &place
        && word.is_empty()
    {
        flaws.push(Flaw::new(&["fields", name], "the name of the place is empty"));
        return None;
    }
    let label: Arc<str> = match &field.key {
        Some(key) => format!("{label}, element {key}").into(),
        None => label.into(),
    };
    let key = field.key.as_ref().map(|key| format!("{key}="));
    let shape = Shape { list: field.list.clone(), key, prefix: field.prefix.clone() };
    Some(Field { name: name.to_owned(), place, shape, label })
}

fn place_count(name: &str, field: &FieldDefinition, flaws: &mut Vec<Flaw>) -> bool {
    let places =
        [!field.header.is_empty(), field.query.is_some(), field.path.is_some(), field.json.is_some()];
    let count = places.iter().filter(|present| **present).count();
    if count != 1 {
        flaws.push(
            Flaw::new(&["fields", name], format!("{count} places"))
                .with_help("give exactly one of `header`, `query`, `path`, `json`"),
        );
    }
    count == 1
}

fn header_place(name: &str, field: &FieldDefinition, flaws: &mut Vec<Flaw>) -> Option<Place> {
    let mut names = Vec::new();
    for header in &field.header {
        match HeaderName::from_bytes(header.as_bytes()) {
            Ok(parsed) if names.contains(&parsed) => {
                flaws.push(Flaw::new(&["fields", name, "header"], format!("`{header}` stands twice")));
            }
            Ok(parsed) => names.push(parsed),
            Err(_) => {
                flaws
                    .push(Flaw::new(&["fields", name, "header"], format!("`{header}` is not a header name")));
            }
        }
    }
    (names.len() == field.header.len()).then_some(Place::Header(names))
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
