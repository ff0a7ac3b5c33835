//! What must hold of a request for a variant or a handshake to count.

use super::definition::ConditionDefinition;
use super::field::Fault;
use super::message::Unbound;
use super::place::place;
use super::reading::Reading;
use super::{Flaw, Place, fill};
use http::{HeaderName, Method};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    subject: Subject,
    test: Test,
}

#[derive(Clone, Debug)]
enum Subject {
    Method,
    Body,
    Place(Place),
}

#[derive(Clone, Debug)]
enum Test {
    Present,
    Absent,
    Empty,
    Is(Vec<String>),
    StartsWith(String),
    Shape(Shape),
}

/// Of which characters a text is, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The characters.
    pub chars: Chars,
    /// Fewest.
    pub min: usize,
    /// Most.
    pub max: usize,
}

/// A set of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chars {
    /// `0` to `9`.
    Digits,
    /// Hexadecimal digits.
    Hex,
    /// Letters and digits of ASCII.
    Alphanumeric,
    /// Letters, digits and `-_.~+/=`.
    Token,
    /// Visible ASCII.
    Visible,
    /// Visible ASCII and the space.
    Printable,
}

impl Chars {
    const NAMES: &'static [&'static str] =
        &["digits", "hex", "alphanumeric", "token", "visible", "printable"];

    fn parse(name: &str) -> Option<Chars> {
        match name {
            "digits" => Some(Chars::Digits),
            "hex" => Some(Chars::Hex),
            "alphanumeric" => Some(Chars::Alphanumeric),
            "token" => Some(Chars::Token),
            "visible" => Some(Chars::Visible),
            "printable" => Some(Chars::Printable),
            _ => None,
        }
    }

    fn holds(self, byte: u8) -> bool {
        match self {
            Chars::Digits => byte.is_ascii_digit(),
            Chars::Hex => byte.is_ascii_hexdigit(),
            Chars::Alphanumeric => byte.is_ascii_alphanumeric(),
            Chars::Token => byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte),
            Chars::Visible => byte.is_ascii_graphic(),
            Chars::Printable => byte.is_ascii_graphic() || byte == b' ',
        }
    }
}

impl Shape {
    /// Whether a text is of this shape.
    pub fn fits(self, text: &[u8]) -> bool {
        (self.min..=self.max).contains(&text.len()) && text.iter().all(|byte| self.chars.holds(*byte))
    }
}

impl Condition {
    /// Checks a definition; `path` is where it stands.
    pub fn build(
        definition: &ConditionDefinition,
        path: &[&str],
        flaws: &mut Vec<Flaw>,
    ) -> Option<Condition> {
        let before = flaws.len();
        let subject = subject(definition, path, flaws);
        let test = test(definition, path, flaws);
        if flaws.len() > before {
            return None;
        }
        Some(Condition { subject: subject?, test: test? })
    }

    /// With the source's values in it.
    ///
    /// # Errors
    /// When a value is not there.
    pub fn bind(&self, params: &BTreeMap<String, String>) -> Result<Condition, Unbound> {
        let test = match &self.test {
            Test::Is(texts) => {
                Test::Is(texts.iter().map(|text| fill(text, params)).collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        };
        Ok(Condition { subject: self.subject.clone(), test })
    }

    /// Whether it holds; `None` while only the body can tell.
    pub fn holds(&self, reading: &Reading<'_>) -> Option<bool> {
        let text = match &self.subject {
            Subject::Method => Ok(reading.head.method.as_str().as_bytes().to_vec()),
            Subject::Body => Ok(reading.content?.bytes().to_vec()),
            Subject::Place(place) if place.is_in_body() && reading.content.is_none() => return None,
            Subject::Place(place) => reading.text(place).map(|text| text.meant.as_bytes().to_vec()),
        };
        Some(match (&self.test, text) {
            (Test::Absent, Err(Fault::Missing)) => true,
            (_, Err(_)) | (Test::Absent, Ok(_)) => false,
            (Test::Present, Ok(_)) => true,
            (Test::Empty, Ok(text)) => text.is_empty(),
            // No early end: what is compared may be a token.
            (Test::Is(texts), Ok(text)) => {
                let hits = texts.iter().map(|known| text.ct_eq(known.as_bytes()));
                bool::from(hits.fold(subtle::Choice::from(0), |any, hit| any | hit))
            }
            (Test::StartsWith(start), Ok(text)) => text.starts_with(start.as_bytes()),
            (Test::Shape(shape), Ok(text)) => shape.fits(&text),
        })
    }

    /// Whether it can be decided before the body is there.
    pub fn is_of_head(&self) -> bool {
        match &self.subject {
            Subject::Method => true,
            Subject::Body => false,
            Subject::Place(place) => !place.is_in_body(),
        }
    }

    /// The method that it demands.
    pub fn method(&self) -> Option<Method> {
        match (&self.subject, &self.test) {
            (Subject::Method, Test::Is(names)) => {
                names.first().and_then(|name| Method::from_bytes(name.as_bytes()).ok())
            }
            _ => None,
        }
    }

    /// A place and a text with which it holds, where one is known.
    pub fn example(&self) -> Option<(&Place, String)> {
        let Subject::Place(place) = &self.subject else { return None };
        match &self.test {
            Test::Is(texts) => texts.first().map(|text| (place, text.clone())),
            Test::StartsWith(text) => Some((place, text.clone())),
            Test::Present => Some((place, "1".to_owned())),
            Test::Shape(_) | Test::Absent | Test::Empty => None,
        }
    }

    /// The shape that it demands of a place.
    pub fn shape(&self) -> Option<(&Place, Shape)> {
        match (&self.subject, &self.test) {
            (Subject::Place(place), Test::Shape(shape)) => Some((place, *shape)),
            _ => None,
        }
    }

    /// The headers that it looks at.
    pub fn headers(&self) -> &[HeaderName] {
        match &self.subject {
            Subject::Place(Place::Header(names) | Place::Family(names)) => names,
            _ => &[],
        }
    }
}

fn subject(definition: &ConditionDefinition, path: &[&str], flaws: &mut Vec<Flaw>) -> Option<Subject> {
    let places = definition.place.given();
    let count = places.len() + usize::from(definition.method.is_some()) + usize::from(definition.body);
    if count != 1 {
        flaws.push(Flaw::new(path, format!("{count} places")).with_help(
            "give exactly one of `header`, `query`, `path`, `json`, `form`, `param`, `method`, `body`",
        ));
        return None;
    }
    if let Some(method) = &definition.method {
        let known = Method::from_bytes(method.as_bytes()).is_ok()
            && !method.bytes().any(|byte| byte.is_ascii_lowercase());
        if !known {
            flaws.push(Flaw::new(&[path, &["method"]].concat(), format!("`{method}` is not a method")));
        }
        return Some(Subject::Method);
    }
    if definition.body {
        return Some(Subject::Body);
    }
    place(&definition.place, path, flaws, 1).map(|(place, _)| Subject::Place(place))
}

fn test(definition: &ConditionDefinition, path: &[&str], flaws: &mut Vec<Flaw>) -> Option<Test> {
    let shaped = definition.chars.is_some() || definition.min.is_some() || definition.max.is_some();
    let given = [
        !definition.is.is_empty(),
        definition.starts_with.is_some(),
        shaped,
        definition.empty,
        definition.absent,
    ];
    let count = given.iter().filter(|given| **given).count();
    if count > 1 || count > 0 && definition.method.is_some() {
        flaws.push(
            Flaw::new(path, "this condition says several things")
                .with_help("write one condition for each; all of them must hold"),
        );
        return None;
    }
    if let Some(method) = &definition.method {
        return Some(Test::Is(vec![method.clone()]));
    }
    if shaped {
        return shape(definition, path, flaws).map(Test::Shape);
    }
    Some(match &definition.starts_with {
        Some(start) => Test::StartsWith(start.clone()),
        None if !definition.is.is_empty() => Test::Is(definition.is.clone()),
        None if definition.empty => Test::Empty,
        None if definition.absent => Test::Absent,
        None => Test::Present,
    })
}

fn shape(definition: &ConditionDefinition, path: &[&str], flaws: &mut Vec<Flaw>) -> Option<Shape> {
    let (Some(chars), Some(max)) = (&definition.chars, definition.max) else {
        flaws.push(
            Flaw::new(path, "a shape has `chars` and `max`")
                .with_help("for example `chars = \"token\", max = 128`"),
        );
        return None;
    };
    let Some(found) = Chars::parse(chars) else {
        flaws.push(Flaw::unknown_word(
            &[path, &["chars"]].concat(),
            "set of characters",
            chars,
            Chars::NAMES,
        ));
        return None;
    };
    let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let shape = Shape { chars: found, min: bytes(definition.min.unwrap_or(1)), max: bytes(max) };
    if shape.min > shape.max || shape.max > 4096 {
        flaws.push(Flaw::new(&[path, &["max"]].concat(), "`max` is from `min` to 4096"));
        return None;
    }
    Some(shape)
}
