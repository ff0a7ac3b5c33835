//! Writing a field where verification will read it.

use super::sign::{Draft, SignError};
use crate::scheme::{
    Content, Field, Pairs, Place, Pointer, Shape, Wrap, boundary, escape, write_multipart, write_pairs,
};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// A field that is the whole text of a place.
pub(super) fn plain(place: Place) -> Field {
    Field {
        name: String::new(),
        place,
        shape: Shape::default(),
        wrap: Wrap::default(),
        optional: false,
        is: Vec::new(),
        equals: None,
        is_time: false,
        listed: false,
        length: None,
        label: "".into(),
    }
}

/// Takes out what the draft says at the field's place in the head.
pub(super) fn clear(field: &Field, draft: &mut Draft) {
    match &field.place {
        Place::Header(names) | Place::Family(names) => names.iter().for_each(|name| {
            draft.headers.remove(name);
        }),
        Place::Query(name) => {
            let (path, query) = split(&draft.target);
            let kept: Vec<_> = query.into_iter().filter(|pair| pair_name(pair) != name).collect();
            draft.target = join(path, &kept);
        }
        Place::Path(_) | Place::Json(_) | Place::Item(_) | Place::Form(_) | Place::Param(_) => {}
    }
}

/// Writes a value, with what other fields have put at the same place.
///
/// # Errors
/// When the place cannot hold it.
pub(super) fn write(field: &Field, value: &str, draft: &mut Draft, item: usize) -> Result<(), SignError> {
    match &field.place {
        Place::Header(names) | Place::Family(names) => {
            let Some(name) = names.first() else { return Ok(()) };
            let before = draft.headers.get(name).and_then(|value| value.to_str().ok()).map(String::from);
            let text = text(field, before.as_deref(), value)?;
            insert(draft, name, text.as_bytes())
        }
        Place::Query(name) => {
            let (path, query) = split(&draft.target);
            let before = query.iter().find(|pair| pair_name(pair) == name);
            let before = before.and_then(|pair| pair.split_once('=')).map(|(_, value)| value);
            // What was read from a draft is escaped; what is computed is not.
            let value = if draft_value(value) { value.to_owned() } else { escape(value.as_bytes(), b"") };
            let pair = format!("{name}={}", text(field, before, &value)?);
            let others = query.iter().copied().filter(|pair| pair_name(pair) != name);
            let pairs: Vec<_> = others.chain([pair.as_str()]).collect();
            draft.target = join(path, &pairs);
            Ok(())
        }
        Place::Json(pointer) => {
            let before =
                json(draft)?.pointer(&pointer_text(pointer)).and_then(Value::as_str).map(String::from);
            let text = text(field, before.as_deref(), value)?;
            set_json(draft, pointer, Value::String(text))
        }
        Place::Item(pointer) => set_item(draft, pointer, item, value),
        Place::Form(name) => {
            let mut pairs = form(draft)?;
            let before = pairs.iter().find(|(known, _)| known == name.as_bytes());
            let before = before.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            let text = text(field, before.as_deref(), value)?;
            pairs.retain(|(known, _)| known != name.as_bytes());
            pairs.push((name.clone().into_bytes(), text.into_bytes()));
            set_form(draft, &pairs)
        }
        Place::Path(_) | Place::Param(_) => Ok(()),
    }
}

/// Sets a header field.
///
/// # Errors
/// When it cannot carry the value.
pub(super) fn insert(draft: &mut Draft, name: &HeaderName, value: &[u8]) -> Result<(), SignError> {
    let value = HeaderValue::from_bytes(value).map_err(|_| SignError::HeaderValue)?;
    draft.headers.insert(name, value);
    Ok(())
}

/// Sets a member of the JSON body.
///
/// # Errors
/// When the body is no JSON object.
pub(super) fn set_json(draft: &mut Draft, pointer: &Pointer, value: Value) -> Result<(), SignError> {
    let mut document = json(draft)?;
    *member(&mut document, pointer.tokens())? = value;
    draft.body = Bytes::from(document.to_string());
    Ok(())
}

/// The whole text of a place: the value in its list, behind its prefix, in its document.
fn text(field: &Field, before: Option<&str>, value: &str) -> Result<String, SignError> {
    let wrapped = match &field.wrap.inside {
        Some(inside) => {
            let element = before.and_then(|before| field.shape.one(before).ok());
            let known = element.and_then(|text| Wrap { inside: None, ..field.wrap.clone() }.open(text).ok());
            let mut document = match known {
                Some(document) => serde_json::from_str(&document).map_err(|_| SignError::Body)?,
                None => Value::Object(Map::new()),
            };
            *member(&mut document, inside.tokens())? = Value::String(value.to_owned());
            let text = field.wrap.close(document.to_string().as_bytes());
            return Ok(field.shape.write(before, &text));
        }
        None if field.wrap.is_plain() => value.to_owned(),
        None => field.wrap.close(value.as_bytes()),
    };
    Ok(field.shape.write(before, &wrapped))
}

fn json(draft: &Draft) -> Result<Value, SignError> {
    if draft.body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(&draft.body).map_err(|_| SignError::Body)
}

/// The place of a member, made on the way where it is not there.
fn member<'d>(document: &'d mut Value, path: &[String]) -> Result<&'d mut Value, SignError> {
    let mut at = document;
    for name in path {
        at = match at {
            Value::Array(elements) => {
                name.parse::<usize>().ok().and_then(|index| elements.get_mut(index)).ok_or(SignError::Body)?
            }
            Value::Object(members) => members.entry(name.clone()).or_insert(Value::Object(Map::new())),
            _ => return Err(SignError::Body),
        };
    }
    Ok(at)
}

fn set_item(draft: &mut Draft, pointer: &Pointer, item: usize, value: &str) -> Result<(), SignError> {
    let Some(each) = &draft.each else { return Err(SignError::Body) };
    let mut document = json(draft)?;
    let array = member(&mut document, each.clone().tokens())?;
    let element = array.get_mut(item).ok_or(SignError::Body)?;
    *member(element, pointer.tokens())? = Value::String(value.to_owned());
    draft.body = Bytes::from(document.to_string());
    Ok(())
}

fn pointer_text(pointer: &Pointer) -> String {
    let tokens = pointer.tokens().iter();
    tokens.map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect()
}

fn form(draft: &Draft) -> Result<Pairs, SignError> {
    let content = Content::of_chunks(&draft.headers, std::slice::from_ref(&draft.body));
    content.form().cloned().ok_or(SignError::Body)
}

fn set_form(draft: &mut Draft, pairs: &Pairs) -> Result<(), SignError> {
    let content_type = draft.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match content_type.and_then(boundary) {
        Some(boundary) => draft.body = Bytes::from(write_multipart(pairs, boundary)),
        None => {
            draft.body = Bytes::from(write_pairs(pairs));
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            draft.headers.entry(CONTENT_TYPE).or_insert(form);
        }
    }
    Ok(())
}

fn split(target: &str) -> (&str, Vec<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, query.split('&').collect()),
        None => (target, Vec::new()),
    }
}

fn join(path: &str, pairs: &[&str]) -> String {
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn pair_name(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}

/// Whether a value is of characters that a query holds as they are, escapes included.
fn draft_value(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$'()*,;:@".contains(&byte))
}
