//! The message template of a scheme: `v0:{t}:{body}`.

use super::flaw::{Flaw, nearest};
use http::HeaderName;
use std::sync::Arc;

/// The text that is signed, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// A part of the signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// A field of the scheme, by its index.
    Field(usize),
    /// The request method.
    Method,
    /// The path as sent.
    Path,
    /// The query as sent, without `?`; empty if there is none.
    Query,
    /// The public address of the source, then path and query as sent.
    Url,
    /// A header field that stands once.
    Header(HeaderName, Arc<str>),
    /// Configuration that is not secret.
    Param(String),
    /// The body.
    Body,
}

const WORDS: [&str; 5] = ["method", "path", "query", "url", "body"];

impl Template {
    /// Parses a template. `fields` are the names that `{name}` may use; the index of one becomes its part.
    ///
    /// # Errors
    /// Every unknown placeholder and every brace that is not closed or doubled.
    pub fn parse(text: &str, fields: &[&str]) -> Result<Template, Vec<Flaw>> {
        let (mut parts, mut flaws) = (Vec::new(), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            match next(rest) {
                Ok((Token::Text(literal), after)) => {
                    append(&mut parts, literal);
                    rest = after;
                }
                Ok((Token::Placeholder(name), after)) => {
                    match placeholder(name, fields) {
                        Ok(part) => parts.push(part),
                        Err(flaw) => flaws.push(flaw),
                    }
                    rest = after;
                }
                Err(message) => {
                    flaws.push(Flaw::new(&["message"], message).with_help("write `{{` or `}}` for a brace"));
                    break;
                }
            }
        }
        if flaws.is_empty() { Ok(Template { parts }) } else { Err(flaws) }
    }

    /// Whether the part occurs.
    pub fn has(&self, part: &Part) -> bool {
        self.parts.contains(part)
    }
}

enum Token<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

/// Splits the first token off a text that is not empty.
fn next(text: &str) -> Result<(Token<'_>, &str), &'static str> {
    for brace in ["{{", "}}"] {
        if let Some(rest) = text.strip_prefix(brace) {
            return Ok((Token::Text(brace.get(1..).unwrap_or_default()), rest));
        }
    }
    if let Some(open) = text.strip_prefix('{') {
        let (name, rest) = open.split_once('}').ok_or("`{` is not closed")?;
        return Ok((Token::Placeholder(name), rest));
    }
    if text.starts_with('}') {
        return Err("`}` without `{`");
    }
    let (literal, rest) = text.split_at(text.find(['{', '}']).unwrap_or(text.len()));
    Ok((Token::Text(literal), rest))
}

fn append(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Literal(literal)) => literal.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

fn placeholder(name: &str, fields: &[&str]) -> Result<Part, Flaw> {
    match (name, name.split_once(':')) {
        ("method", _) => Ok(Part::Method),
        ("path", _) => Ok(Part::Path),
        ("query", _) => Ok(Part::Query),
        ("url", _) => Ok(Part::Url),
        ("body", _) => Ok(Part::Body),
        (_, Some(("header", header))) => match HeaderName::from_bytes(header.as_bytes()) {
            Ok(parsed) => Ok(Part::Header(parsed, format!("header {header}").into())),
            Err(_) => Err(Flaw::new(&["message"], format!("`{header}` is not a header name"))),
        },
        (_, Some(("param", param))) if !param.is_empty() => Ok(Part::Param(param.to_owned())),
        _ => match fields.iter().position(|field| *field == name) {
            Some(index) => Ok(Part::Field(index)),
            None => Err(unknown(name, fields)),
        },
    }
}

fn unknown(name: &str, fields: &[&str]) -> Flaw {
    let flaw = Flaw::new(&["message"], format!("unknown placeholder `{{{name}}}`"));
    match nearest(name, fields.iter().copied().chain(WORDS)) {
        Some(near) => flaw.with_help(format!("did you mean `{{{near}}}`?")),
        None => flaw.with_help(
            "possible: a name of `fields`, {method}, {path}, {query}, {url}, {header:Name}, {param:name}, {body}",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_in_order() {
        let parsed =
            Template::parse("v0:{{{t}}}:{method}{header:X-A}{param:id}{url}{body}", &["id", "t"]).unwrap();
        assert_eq!(
            parsed.parts,
            [
                Part::Literal("v0:{".into()),
                Part::Field(1),
                Part::Literal("}:".into()),
                Part::Method,
                Part::Header(HeaderName::from_static("x-a"), "header X-A".into()),
                Part::Param("id".into()),
                Part::Url,
                Part::Body,
            ]
        );
        assert!(parsed.has(&Part::Body) && !parsed.has(&Part::Path));
    }

    #[test]
    fn every_mistake_is_named() {
        let flaws = Template::parse("{bdy}.{header:a b}.{body|sha256}{", &["t"]).unwrap_err();
        let messages: Vec<_> = flaws.iter().map(|flaw| flaw.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown placeholder `{bdy}`",
                "`a b` is not a header name",
                "unknown placeholder `{body|sha256}`",
                "`{` is not closed"
            ]
        );
        assert_eq!(flaws[0].help.as_deref(), Some("did you mean `{body}`?"));
        assert_eq!(Template::parse("a}b", &[]).unwrap_err().len(), 1);
    }
}
