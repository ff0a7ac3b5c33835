//! The message template of a scheme: `v0:{t}:{body}`.

use super::Pointer;
use super::filter::{self, Filter, Kind};
use super::flaw::{Flaw, nearest};
use http::HeaderName;
use std::sync::Arc;

/// The text that is signed, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// A part of the signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// A value of the request or the source.
    Value(Placeholder),
    /// Left out when a value in it is absent.
    Optional(Vec<Part>),
    /// What a template makes, as one value for the filters.
    Group(Group),
}

/// A text inside of a text: `{<{t}.{body}>|sha256|hex}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What is put together.
    pub template: Template,
    /// What is done with it, in order; at least one, and text at the end.
    pub filters: Vec<Filter>,
    /// How the operator's log calls it.
    pub label: Arc<str>,
}

/// A value and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Where it is from.
    pub origin: Origin,
    /// Whether it stands for nothing when it is absent.
    pub optional: bool,
    /// What is done with it, in order.
    pub filters: Vec<Filter>,
    /// How the operator's log calls it.
    pub label: Arc<str>,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A field of the scheme, by its index.
    Field(usize),
    /// The request method.
    Method,
    /// The path as sent.
    Path,
    /// The query as sent, without `?`; empty if there is none.
    Query,
    /// Path and query as sent.
    Target,
    /// The public address of the source, then path and query as sent.
    Url,
    /// A header field that stands once.
    Header(HeaderName),
    /// A query parameter, unescaped.
    Parameter(String),
    /// A query parameter, unescaped as a form: `+` is a space.
    FormParameter(String),
    /// A JSON value of the body.
    Json(Pointer),
    /// The bytes of a JSON value of the body.
    RawJson(Pointer),
    /// A JSON value of the element that is signed.
    Item(Pointer),
    /// A field of the form.
    FormField(String),
    /// All fields of the form.
    Form,
    /// All parameters of the query.
    Pairs,
    /// Configuration that is not secret.
    Param(String),
    /// Texts in byte order.
    Sorted(Vec<Sorted>),
    /// The secret.
    Secret,
    /// The body.
    Body,
    /// A text that is known when the source is built.
    Text(String),
    /// The address as a whole, for filters: what is known of it, and whether the query is part of it.
    Address {
        /// Scheme, host and port.
        base: String,
        /// Whether the query follows the path.
        query: bool,
    },
}

/// One of the texts that are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sorted {
    /// A field of the scheme.
    Field(usize),
    /// The secret.
    Secret,
}

/// Placeholders that need nothing more.
static WORDS: [(&str, Origin); 10] = [
    ("method", Origin::Method),
    ("path", Origin::Path),
    ("query", Origin::Query),
    ("target", Origin::Target),
    ("url", Origin::Url),
    ("form", Origin::Form),
    ("pairs", Origin::Pairs),
    ("secret", Origin::Secret),
    ("body", Origin::Body),
    ("sorted", Origin::Sorted(Vec::new())),
];

/// Whether a field of this name could not be told from a placeholder.
pub fn is_reserved(name: &str) -> bool {
    WORDS.iter().any(|(word, _)| *word == name)
}

impl Template {
    /// Parses a template. `fields` are the names that `{name}` may use; the index of one becomes its part.
    ///
    /// # Errors
    /// Every unknown placeholder or filter and every brace or bracket that is not closed or doubled.
    pub fn parse(text: &str, fields: &[&str]) -> Result<Template, Vec<Flaw>> {
        let mut parser = Parser { fields, flaws: Vec::new() };
        let mut levels = vec![Vec::new()];
        let mut rest = text;
        while !rest.is_empty() {
            let token = next(rest);
            let Ok((token, after)) = token else {
                parser.flaws.extend(token.err());
                break;
            };
            rest = after;
            match (token, levels.as_mut_slice()) {
                (Token::Text(literal), [.., level]) => append(level, literal),
                (Token::Placeholder(name), [.., level]) => {
                    level.extend(parser.placeholder(name).map(Part::Value))
                }
                (Token::Group(inner, filters), [.., level]) => {
                    level.extend(parser.group(inner, filters).map(Part::Group))
                }
                (Token::Open, [_]) => levels.push(Vec::new()),
                (Token::Close, [_, _]) => {
                    let inner = levels.pop().unwrap_or_default();
                    if let [level] = levels.as_mut_slice() {
                        level.push(Part::Optional(inner));
                    }
                }
                (Token::Open, _) => parser.flaw("`[` stands inside of `[...]`", "write `[[` for a bracket"),
                (Token::Close, _) => parser.flaw("`]` without `[`", "write `]]` for a bracket"),
                (_, []) => break,
            }
        }
        if levels.len() > 1 {
            parser.flaw("`[` is not closed", "write `[[` for a bracket");
        }
        let parts = levels.into_iter().next().unwrap_or_default();
        if parser.flaws.is_empty() { Ok(Template { parts }) } else { Err(parser.flaws) }
    }

    /// Every value in it, those of optional parts included.
    pub fn values(&self) -> impl Iterator<Item = &Placeholder> {
        self.placed().map(|(value, _)| value)
    }

    /// Every value in it, and whether it stands in an optional part.
    pub fn placed(&self) -> impl Iterator<Item = (&Placeholder, bool)> {
        self.parts.iter().flat_map(|part| -> Vec<(&Placeholder, bool)> {
            match part {
                Part::Literal(_) => Vec::new(),
                Part::Value(value) => vec![(value, false)],
                Part::Group(group) => group.template.placed().collect(),
                Part::Optional(parts) => {
                    let inner = parts.iter().flat_map(|part| match part {
                        Part::Value(value) => vec![(value, true)],
                        Part::Group(group) => group.template.values().map(|value| (value, true)).collect(),
                        Part::Literal(_) | Part::Optional(_) => Vec::new(),
                    });
                    inner.collect()
                }
            }
        })
    }

    /// Whether a value of this origin occurs, and always counts.
    pub fn has(&self, origin: &Origin) -> bool {
        self.values().any(|value| value.origin == *origin)
    }

    /// Whether it holds the secret.
    pub fn has_secret(&self) -> bool {
        let sorted = |origin: &Origin| matches!(origin, Origin::Sorted(of) if of.contains(&Sorted::Secret));
        self.values().any(|value| value.origin == Origin::Secret || sorted(&value.origin))
    }

    /// Whether every byte of the body is in it: as such, as a digest, or as all fields of a form.
    pub fn covers_body(&self) -> bool {
        let whole = |value: &Placeholder| match value.origin {
            // Other bodies have the same checksum.
            Origin::Body => value.filters.iter().all(|filter| !matches!(filter, Filter::Crc32)),
            Origin::Form => {
                value.filters.iter().all(|filter| !matches!(filter, Filter::Without(_) | Filter::Mask(_)))
            }
            _ => false,
        };
        self.placed().any(|(value, optional)| whole(value) && !optional && !value.optional)
    }
}

enum Token<'t> {
    Text(&'t str),
    Placeholder(&'t str),
    Group(&'t str, &'t str),
    Open,
    Close,
}

/// Splits the first token off a text that is not empty.
fn next(text: &str) -> Result<(Token<'_>, &str), Flaw> {
    for double in ["{{", "}}", "[[", "]]"] {
        if let Some(rest) = text.strip_prefix(double) {
            return Ok((Token::Text(double.get(1..).unwrap_or_default()), rest));
        }
    }
    let brace = |message: &str| Flaw::new(&["message"], message).with_help("write `{{` or `}}` for a brace");
    if let Some(open) = text.strip_prefix("{<") {
        let (inner, rest) = open.split_once(">|").ok_or_else(|| {
            Flaw::new(&["message"], "`{<` is not closed").with_help("for example `{<{t}.{body}>|sha256|hex}`")
        })?;
        let (filters, rest) = rest.split_once('}').ok_or_else(|| brace("`{` is not closed"))?;
        return Ok((Token::Group(inner, filters), rest));
    }
    if let Some(open) = text.strip_prefix('{') {
        let (name, rest) = open.split_once('}').ok_or_else(|| brace("`{` is not closed"))?;
        return Ok((Token::Placeholder(name), rest));
    }
    if text.starts_with('}') {
        return Err(brace("`}` without `{`"));
    }
    if let Some(rest) = text.strip_prefix('[') {
        return Ok((Token::Open, rest));
    }
    if let Some(rest) = text.strip_prefix(']') {
        return Ok((Token::Close, rest));
    }
    let (literal, rest) = text.split_at(text.find(['{', '}', '[', ']']).unwrap_or(text.len()));
    Ok((Token::Text(literal), rest))
}

fn append(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Literal(literal)) => literal.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

struct Parser<'f> {
    fields: &'f [&'f str],
    flaws: Vec<Flaw>,
}

impl Parser<'_> {
    fn flaw(&mut self, message: &str, help: &str) {
        self.flaws.push(Flaw::new(&["message"], message).with_help(help));
    }

    /// `name?|filter|filter`
    fn placeholder(&mut self, text: &str) -> Option<Placeholder> {
        let mut words = text.split('|');
        let written = words.next().unwrap_or_default();
        let (name, optional) = written.strip_suffix('?').map_or((written, false), |name| (name, true));
        let origin = self.origin(name);
        let mut filters = Vec::new();
        for word in words {
            match Filter::parse(word) {
                Ok(filter) => filters.push(filter),
                Err(message) => {
                    let flaw = Flaw::new(&["message"], message);
                    let name = word.split(':').next().unwrap_or_default();
                    self.flaws.push(match nearest(name, filter::NAMES.iter().copied()) {
                        Some(near) if near != name => flaw.with_help(format!("did you mean `{near}`?")),
                        _ => flaw.with_help(format!("filters: {}", filter::NAMES.join(", "))),
                    });
                    return None;
                }
            }
        }
        let origin = origin?;
        let start = if matches!(origin, Origin::Form | Origin::Pairs) { Kind::Pairs } else { Kind::Text };
        match filters.iter().try_fold(start, |kind, filter| filter.kind(kind)) {
            Some(Kind::Text) => {}
            Some(Kind::Digest) => {
                self.flaw(&format!("`{{{text}}}` ends in a digest"), "write how: `|hex` or `|base64`");
            }
            Some(Kind::Pairs) => self.flaw(
                &format!("`{{{text}}}` ends in names and values"),
                "write how they are put together: `|sort|concat` or `|join:&`",
            ),
            None => self.flaw(
                &format!("the filters of `{{{text}}}` do not fit together"),
                "`sort` and `concat` are for {form} and {pairs}, and behind a digest stands `hex` or `base64`",
            ),
        }
        let label = match &origin {
            Origin::Header(_) => name.replacen(':', " ", 1),
            _ => name.to_owned(),
        };
        Some(Placeholder { origin, optional, filters, label: label.into() })
    }

    fn group(&mut self, inner: &str, filters: &str) -> Option<Group> {
        if inner.contains("{<") {
            self.flaw("`{<` stands inside of `{<`", "one text inside of another is enough");
            return None;
        }
        let template = match Template::parse(inner, self.fields) {
            Ok(template) => template,
            Err(flaws) => {
                self.flaws.extend(flaws);
                return None;
            }
        };
        let parsed: Result<Vec<_>, _> = filters.split('|').map(Filter::parse).collect();
        let fits = |filter: &Filter| filter.keeps_everything();
        match parsed {
            Ok(filters)
                if filters.iter().all(fits)
                    && filters.iter().try_fold(Kind::Text, |kind, filter| filter.kind(kind))
                        == Some(Kind::Text) =>
            {
                Some(Group { template, filters, label: inner.into() })
            }
            Ok(_) => {
                self.flaw(
                    &format!("the filters of `{{<{inner}>|{filters}}}` do not fit"),
                    "valid here: digests, `hex`, `base64`, `base64url`, `upper`, `lower`",
                );
                None
            }
            Err(message) => {
                self.flaws.push(Flaw::new(&["message"], message));
                None
            }
        }
    }

    fn origin(&mut self, name: &str) -> Option<Origin> {
        if let Some((_, origin)) = WORDS.iter().find(|(word, _)| *word == name && *word != "sorted") {
            return Some(origin.clone());
        }
        if let Some(index) = self.fields.iter().position(|field| *field == name) {
            return Some(Origin::Field(index));
        }
        let Some((kind, rest)) = name.split_once(':').filter(|(_, rest)| !rest.is_empty()) else {
            self.unknown(name);
            return None;
        };
        match kind {
            "header" => match HeaderName::from_bytes(rest.as_bytes()) {
                Ok(header) => Some(Origin::Header(header)),
                Err(_) => {
                    self.flaws.push(Flaw::new(&["message"], format!("`{rest}` is not a header name")));
                    None
                }
            },
            "query" => Some(Origin::Parameter(rest.to_owned())),
            "form_query" => Some(Origin::FormParameter(rest.to_owned())),
            "form" => Some(Origin::FormField(rest.to_owned())),
            "param" => Some(Origin::Param(rest.to_owned())),
            "json" => self.pointer(rest).map(Origin::Json),
            "raw_json" => self.pointer(rest).map(Origin::RawJson),
            "item" => self.pointer(rest).map(Origin::Item),
            "sorted" => self.sorted(rest),
            _ => {
                self.unknown(name);
                None
            }
        }
    }

    fn pointer(&mut self, text: &str) -> Option<Pointer> {
        let found = Pointer::parse(text);
        if found.is_none() {
            let message = format!("`{text}` is not a JSON pointer to a member (RFC 6901)");
            self.flaw(&message, "it begins with `/`: {json:/data/id}");
        }
        found
    }

    fn sorted(&mut self, names: &str) -> Option<Origin> {
        let mut of = Vec::new();
        for name in names.split(',') {
            match self.fields.iter().position(|field| *field == name) {
                Some(index) => of.push(Sorted::Field(index)),
                None if name == "secret" => of.push(Sorted::Secret),
                None => {
                    self.unknown(name);
                    return None;
                }
            }
        }
        Some(Origin::Sorted(of))
    }

    fn unknown(&mut self, name: &str) {
        let flaw = Flaw::new(&["message"], format!("unknown placeholder `{{{name}}}`"));
        let words = WORDS.iter().map(|(word, _)| *word);
        self.flaws.push(match nearest(name, self.fields.iter().copied().chain(words)) {
            Some(near) => flaw.with_help(format!("did you mean `{{{near}}}`?")),
            None => flaw.with_help(
                "possible: a name of `fields`, {method}, {path}, {query}, {target}, {url}, {header:Name}, \
                 {query:name}, {json:/pointer}, {form:name}, {param:name}, {body}",
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(template: &Template) -> Vec<Origin> {
        template.values().map(|value| value.origin.clone()).collect()
    }

    #[test]
    fn parts_in_order() {
        let text = "v0:{{{t}}}:{method}{header:X-A}{param:id}{url}{body}[[{json:/a/0?}";
        let parsed = Template::parse(text, &["id", "t"]).unwrap();
        assert_eq!(parsed.parts.first(), Some(&Part::Literal("v0:{".into())));
        assert_eq!(
            origins(&parsed),
            [
                Origin::Field(1),
                Origin::Method,
                Origin::Header(HeaderName::from_static("x-a")),
                Origin::Param("id".into()),
                Origin::Url,
                Origin::Body,
                Origin::Json(Pointer::parse("/a/0").unwrap()),
            ]
        );
        assert!(parsed.values().last().unwrap().optional);
        assert!(parsed.covers_body() && !parsed.has(&Origin::Path));
    }

    #[test]
    fn filters_and_optional_parts() {
        let parsed = Template::parse("[id:{a};]{form|sort|concat}{sorted:a,secret}", &["a"]).unwrap();
        assert!(matches!(parsed.parts.first(), Some(Part::Optional(inner)) if inner.len() == 3));
        assert_eq!(parsed.placed().map(|(_, optional)| optional).collect::<Vec<_>>(), [true, false, false]);
        assert!(parsed.has_secret() && parsed.covers_body());
        for covered in ["{body|sha256|hex}", "{form|join:&}"] {
            assert!(Template::parse(covered, &[]).unwrap().covers_body(), "{covered}");
        }
        for not in ["[{body}]", "{body?}", "{form|without:sig|sort|concat}", "{json:/a}"] {
            assert!(!Template::parse(not, &[]).unwrap().covers_body(), "{not}");
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let flaws = Template::parse("{bdy}.{header:a b}.{body|sha265|hex}.{json:a}{", &["t"]).unwrap_err();
        let messages: Vec<_> = flaws.iter().map(|flaw| flaw.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown placeholder `{bdy}`",
                "`a b` is not a header name",
                "unknown filter `sha265`",
                "`a` is not a JSON pointer to a member (RFC 6901)",
                "`{` is not closed"
            ]
        );
        assert_eq!(flaws[0].help.as_deref(), Some("did you mean `{body}`?"));
        assert_eq!(flaws[2].help.as_deref(), Some("did you mean `sha256`?"));
        for bad in ["a}b", "[a", "a]", "{body|sha256}", "{form}", "{body|sort}", "{query:}", "{x:y}"] {
            assert_eq!(Template::parse(bad, &[]).unwrap_err().len(), 1, "{bad}");
        }
    }
}
