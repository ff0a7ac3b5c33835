//! The signed message of one source: a template with the source's own values put in, run per request.

use super::field::{Fault, FieldFault, header_text};
use super::template::{Part, Template};
use super::{Field, Scheme};
use crate::http::Head;
use http::HeaderName;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is signed, in order.
#[derive(Clone, Debug)]
pub struct Message {
    /// The pieces before the body, or all of them when the body is not signed.
    pub before: Vec<Piece>,
    /// Whether the body is signed.
    pub body: bool,
    /// The pieces after the body.
    pub after: Vec<Piece>,
}

/// A piece of the signed text that is known from the head.
#[derive(Clone, Debug)]
pub struct Piece {
    origin: Origin,
    boundary: Option<Boundary>,
}

#[derive(Clone, Debug)]
enum Origin {
    Literal(String),
    Field(usize),
    Method,
    Path,
    Query,
    Target,
    Header(HeaderName, Arc<str>),
}

/// The literal next to a piece, which the piece must not be able to imitate: otherwise two different
/// requests would have one signed message.
#[derive(Clone, Debug)]
enum Boundary {
    /// Read from the left, the piece ends where this text begins.
    Before(String),
    /// Read from the right, the piece begins where this text ends.
    After(String),
}

/// A value that the template needs and the source does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// `{url}` without `public_url`.
    PublicUrl,
    /// `{param:name}` without a value in `params`.
    Param(String),
}

impl fmt::Display for Unbound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unbound::PublicUrl => out.write_str("the scheme signs `{url}`, so `public_url` must be set"),
            Unbound::Param(name) => {
                write!(out, "the scheme signs `{{param:{name}}}`, so `params.{name}` must be set")
            }
        }
    }
}

impl Message {
    /// Puts the source's values into the template.
    ///
    /// # Errors
    /// When the template needs a value that is absent or empty.
    pub fn bind(
        template: &Template,
        public_url: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Result<Message, Unbound> {
        let mut origins = [Vec::new(), Vec::new()];
        let [before, after] = &mut origins;
        let mut body = false;
        for part in &template.parts {
            let side = if body { &mut *after } else { &mut *before };
            match part {
                Part::Literal(text) => push_literal(side, text),
                Part::Field(index) => side.push(Origin::Field(*index)),
                Part::Method => side.push(Origin::Method),
                Part::Path => side.push(Origin::Path),
                Part::Query => side.push(Origin::Query),
                Part::Header(name, label) => side.push(Origin::Header(name.clone(), Arc::clone(label))),
                Part::Url => {
                    push_literal(side, public_url.ok_or(Unbound::PublicUrl)?.trim_end_matches('/'));
                    side.push(Origin::Target);
                }
                Part::Param(name) => {
                    let value = params.get(name).filter(|value| !value.is_empty());
                    push_literal(side, value.ok_or_else(|| Unbound::Param(name.clone()))?);
                }
                Part::Body => body = true,
            }
        }
        let [before, after] = origins;
        Ok(Message { before: left_to_right(before, body), body, after: right_to_left(after) })
    }
}

fn push_literal(side: &mut Vec<Origin>, text: &str) {
    match side.last_mut() {
        Some(Origin::Literal(literal)) => literal.push_str(text),
        _ => side.push(Origin::Literal(text.to_owned())),
    }
}

/// Before the body every piece is bounded by the literal behind it; without a body the last variable
/// piece needs no bound.
fn left_to_right(origins: Vec<Origin>, body: bool) -> Vec<Piece> {
    let last = origins.iter().rposition(|origin| !matches!(origin, Origin::Literal(_)));
    let next: Vec<_> = origins.iter().skip(1).map(literal).chain([None]).collect();
    let pieces = origins.into_iter().zip(next).enumerate();
    let bounded = |at: usize| body || Some(at) != last;
    pieces
        .map(|(at, (origin, next))| Piece {
            boundary: next.filter(|_| bounded(at) && literal(&origin).is_none()).map(Boundary::Before),
            origin,
        })
        .collect()
}

/// Behind the body every piece is bounded by the literal before it.
fn right_to_left(origins: Vec<Origin>) -> Vec<Piece> {
    let previous: Vec<_> = [None].into_iter().chain(origins.iter().map(literal)).collect();
    let pieces = origins.into_iter().zip(previous);
    pieces
        .map(|(origin, previous)| Piece {
            boundary: previous.filter(|_| literal(&origin).is_none()).map(Boundary::After),
            origin,
        })
        .collect()
}

fn literal(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Literal(text) => Some(text.clone()),
        _ => None,
    }
}

impl Piece {
    /// The bytes that are signed for this piece, as sent.
    ///
    /// # Errors
    /// When the field or header is absent, repeated or not of its form, or could be read with another
    /// boundary to its neighbour.
    pub fn text<'a>(&'a self, scheme: &'a Scheme, head: &'a Head) -> Result<&'a str, FieldFault> {
        let text = match &self.origin {
            Origin::Literal(text) => text,
            Origin::Method => head.method.as_str(),
            Origin::Path => head.target.path(),
            Origin::Query => head.target.query().unwrap_or_default(),
            Origin::Target => head.target.as_str(),
            Origin::Field(index) => match scheme.field(*index) {
                Some(field) => field.text(head)?.sent,
                None => "",
            },
            Origin::Header(name, label) => header_text(&head.headers, name)
                .map_err(|fault| FieldFault { field: Arc::clone(label), fault })?,
        };
        match &self.boundary {
            Some(boundary) if boundary.is_imitated_by(text) => {
                Err(FieldFault { field: self.label(scheme), fault: Fault::Malformed })
            }
            _ => Ok(text),
        }
    }

    fn label(&self, scheme: &Scheme) -> Arc<str> {
        match &self.origin {
            Origin::Field(index) => {
                scheme.field(*index).map_or_else(|| "".into(), |field: &Field| Arc::clone(&field.label))
            }
            Origin::Header(_, label) => Arc::clone(label),
            Origin::Method => "method".into(),
            _ => "request target".into(),
        }
    }
}

impl Boundary {
    /// Whether the boundary occurs in `text` joined with it, other than where it belongs.
    fn is_imitated_by(&self, text: &str) -> bool {
        let (text, mark) = (text.as_bytes(), self.mark().as_bytes());
        let inside = match mark {
            [single] => text.contains(single),
            _ => text.windows(mark.len()).any(|window| window == mark),
        };
        // A mark such as `--` also occurs one byte early behind a text that ends in `-`.
        inside
            || (1..mark.len()).any(|shift| {
                let (Some(head), Some(tail)) = (mark.get(..shift), mark.get(shift..)) else { return false };
                match self {
                    Boundary::Before(_) => mark.starts_with(tail) && text.ends_with(head),
                    Boundary::After(_) => mark.ends_with(head) && text.starts_with(tail),
                }
            })
    }

    fn mark(&self) -> &str {
        match self {
            Boundary::Before(text) | Boundary::After(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_cannot_be_imitated() {
        let dot = Boundary::Before(".".into());
        assert!(!dot.is_imitated_by("msg_1"));
        assert!(dot.is_imitated_by("a.1"));
        let dashes = Boundary::Before("--".into());
        assert!(dashes.is_imitated_by("a--b") && dashes.is_imitated_by("a-"));
        assert!(!dashes.is_imitated_by("a-b") && !dashes.is_imitated_by("-a"));
        let behind = Boundary::After("--".into());
        assert!(behind.is_imitated_by("-a") && !behind.is_imitated_by("a-"));
    }

    #[test]
    fn values_of_the_source_become_literals() {
        let template = Template::parse("{param:id}|{url}|{body}", &[]).unwrap();
        let params = BTreeMap::from([("id".to_owned(), "WH-1".to_owned())]);
        let bound = Message::bind(&template, Some("https://a.example/"), &params).unwrap();
        assert!(matches!(&bound.before[0].origin, Origin::Literal(text) if text == "WH-1|https://a.example"));
        assert!(matches!(&bound.before[1].boundary, Some(Boundary::Before(text)) if text == "|"));
        assert!(bound.body && bound.after.is_empty());
        assert_eq!(Message::bind(&template, None, &params).unwrap_err(), Unbound::PublicUrl);
        assert_eq!(
            Message::bind(&template, Some("x"), &BTreeMap::new()).unwrap_err(),
            Unbound::Param("id".into())
        );
    }
}
