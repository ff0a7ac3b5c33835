//! `{param:NAME}` inside of plain words of a definition.

use super::message::Unbound;
use std::collections::BTreeMap;

/// The text with the source's values in it.
///
/// # Errors
/// When a value is absent or empty.
pub fn fill(text: &str, params: &BTreeMap<String, String>) -> Result<String, Unbound> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, name, after)) = next(rest) {
        let value = params.get(name).filter(|value| !value.is_empty());
        filled.push_str(before);
        filled.push_str(value.ok_or_else(|| Unbound::Param(name.to_owned()))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The names in a text.
pub fn params_of(text: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some((_, name, after)) = next(rest) {
        names.push(name);
        rest = after;
    }
    names
}

/// What stands before the first `{param:NAME}`, the name, and what stands behind it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{param:")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in() {
        let params =
            BTreeMap::from([("key".to_owned(), "k".to_owned()), ("empty".to_owned(), String::new())]);
        assert_eq!(fill("{param:key}|", &params).as_deref(), Ok("k|"));
        assert_eq!(fill("a{b}{param:key}{param:key", &params).as_deref(), Ok("a{b}k{param:key"));
        assert_eq!(fill("{param:empty}", &params), Err(Unbound::Param("empty".into())));
        assert_eq!(params_of("{param:a}{param:b}"), ["a", "b"]);
    }
}
