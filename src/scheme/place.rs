//! From the words of the policy file to a place.

use super::definition::PlaceDefinition;
use super::{Flaw, Place, Pointer};
use http::HeaderName;

/// The place and how it is called in messages; `many` is how many of a family may stand.
pub fn place(
    definition: &PlaceDefinition,
    path: &[&str],
    flaws: &mut Vec<Flaw>,
    many: usize,
) -> Option<(Place, String)> {
    let given = definition.given();
    let [key] = given.as_slice() else {
        flaws.push(Flaw::new(path, format!("{} places", given.len())).with_help(
            "give exactly one of `header`, `family`, `query`, `path`, `json`, `item`, `form`, `param`",
        ));
        return None;
    };
    let at = [path, &[*key]].concat();
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let (place, label) = match *key {
        "header" => {
            let names = header_names(&definition.header, &at, flaws)?;
            return Some((Place::Header(names), format!("header {}", definition.header.join(" or "))));
        }
        "family" => return family(&word(&definition.family), &at, flaws, many),
        "json" => {
            return pointer(&word(&definition.json), &at, flaws)
                .map(|found| labelled(Place::Json(found), "JSON", &definition.json));
        }
        "item" => {
            return pointer(&word(&definition.item), &at, flaws)
                .map(|found| labelled(Place::Item(found), "item", &definition.item));
        }
        "query" => (Place::Query(word(&definition.query)), "query parameter"),
        "path" => (Place::Path(word(&definition.path)), "path capture"),
        "form" => (Place::Form(word(&definition.form)), "form field"),
        _ => (Place::Param(word(&definition.param)), "param"),
    };
    let (Place::Query(name) | Place::Path(name) | Place::Form(name) | Place::Param(name)) = &place else {
        return None;
    };
    if name.is_empty() {
        flaws.push(Flaw::new(path, "the name of the place is empty"));
        return None;
    }
    let label = format!("{label} {name}");
    Some((place, label))
}

fn labelled(place: Place, kind: &str, text: &Option<String>) -> (Place, String) {
    (place, format!("{kind} {}", text.as_deref().unwrap_or_default()))
}

/// A JSON pointer to a member.
pub fn pointer(text: &str, at: &[&str], flaws: &mut Vec<Flaw>) -> Option<Pointer> {
    let parsed = Pointer::parse(text);
    if parsed.is_none() {
        flaws.push(
            Flaw::new(at, "is not a JSON pointer to a member (RFC 6901)")
                .with_help("it begins with `/`: \"/data/id\""),
        );
    }
    parsed
}

/// The names of header fields.
pub fn header_names(texts: &[String], at: &[&str], flaws: &mut Vec<Flaw>) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for header in texts {
        match HeaderName::from_bytes(header.as_bytes()) {
            Ok(parsed) if names.contains(&parsed) => {
                flaws.push(Flaw::new(at, format!("`{header}` stands twice")));
            }
            Ok(parsed) => names.push(parsed),
            Err(_) => flaws.push(Flaw::new(at, format!("`{header}` is not a header name"))),
        }
    }
    (names.len() == texts.len()).then_some(names)
}

fn family(text: &str, at: &[&str], flaws: &mut Vec<Flaw>, many: usize) -> Option<(Place, String)> {
    let Some((before, behind)) = text.split_once("{n}").filter(|(_, behind)| !behind.contains('{')) else {
        flaws.push(
            Flaw::new(at, "does not say where the number stands")
                .with_help("write `{n}`: \"X-Signature-{n}\""),
        );
        return None;
    };
    let names: Vec<_> = (1..=many).map(|number| format!("{before}{number}{behind}")).collect();
    header_names(&names, at, flaws).map(|names| (Place::Family(names), format!("headers {text}")))
}
