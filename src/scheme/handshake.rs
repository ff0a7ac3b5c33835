//! What a sender asks beside its events, and what the proxy tells it: exact shapes, capped sizes.

use super::condition::Shape;
use super::definition::HandshakeDefinition;
use super::message::{Message, Source, Unbound, UrlForm};
use super::place::header_names;
use super::reading::Reading;
use super::template::{Origin, Placeholder, Template};
use super::{Condition, Filter, Flaw, Place};
use crate::base::limits::MAX_HANDSHAKE_REPLY;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest answer unless the definition says otherwise, bytes.
const DEFAULT_MAX: u64 = 1024;

/// A handshake of a source.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// How logs call it.
    pub name: Arc<str>,
    /// Whether the request must be proved as any other.
    pub signed: bool,
    conditions: Vec<Condition>,
    status: StatusCode,
    content_type: HeaderValue,
    body: Message,
    headers: Vec<(HeaderName, Message)>,
    max: usize,
    keyed: bool,
    oracle: Vec<Shape>,
}

/// The answer to a handshake.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The handshake's name.
    pub name: Arc<str>,
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub content_type: HeaderValue,
    /// Further fields.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Handshake {
    /// Checks a definition and puts the source's values in; `None` where the source lacks what it `needs`.
    ///
    /// # Errors
    /// Every mistake in it; paths are below the table of the handshake.
    pub fn build(
        definition: &HandshakeDefinition,
        public_url: Option<&str>,
        params: &BTreeMap<String, String>,
    ) -> Result<Option<Handshake>, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let conditions: Vec<_> =
            definition.when.iter().filter_map(|when| Condition::build(when, &["when"], &mut flaws)).collect();
        if definition.when.is_empty() {
            flaws.push(Flaw::new(
                &["when"],
                "a handshake has conditions: what is no event must be told exactly",
            ));
        }
        if definition.signed.is_none() {
            flaws.push(Flaw::new(&[], "`signed` is missing").with_help(
                "`signed = true` where the sender signs it as any event, `signed = false` where it cannot",
            ));
        }
        let status = status(definition, &mut flaws);
        let content_type = content_type(definition, &mut flaws);
        let max = definition.max.unwrap_or(DEFAULT_MAX);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if !(1..=MAX_HANDSHAKE_REPLY).contains(&max) {
            flaws.push(Flaw::new(&["reply", "max"], format!("must be 1 to {MAX_HANDSHAKE_REPLY}")));
        }
        let templates = Templates::parse(definition, &mut flaws);
        let oracle = templates.check(definition.signed == Some(true), &conditions, &mut flaws);
        let (Some(status), Some(content_type), true) = (status, content_type, flaws.is_empty()) else {
            return Err(flaws);
        };
        if definition.needs.iter().any(|name| params.get(name).is_none_or(String::is_empty)) {
            return Ok(None);
        }
        let bound = Bound { conditions: &conditions, templates: &templates, public_url, params };
        let (conditions, body, headers) =
            bound.bind().map_err(|unbound| vec![Flaw::new(&[], unbound.to_string())])?;
        Ok(Some(Handshake {
            name: definition.name.as_deref().unwrap_or("handshake").into(),
            signed: definition.signed == Some(true),
            conditions,
            status,
            content_type,
            body,
            headers,
            max,
            keyed: templates.are_keyed(),
            oracle,
        }))
    }

    /// The method that it demands, if it demands one.
    pub fn method(&self) -> Option<Method> {
        self.conditions.iter().find_map(Condition::method)
    }

    /// The headers that it looks at.
    pub fn headers_read(&self) -> impl Iterator<Item = &HeaderName> {
        self.conditions.iter().flat_map(Condition::headers)
    }

    /// Whether a request is this handshake; `None` while only the body can tell.
    pub fn matches(&self, reading: &Reading<'_>) -> Option<bool> {
        let mut known = true;
        for condition in &self.conditions {
            match condition.holds(reading) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => known = false,
            }
        }
        known.then_some(true)
    }

    /// Whether the head is enough to answer it.
    pub fn is_of_head(&self) -> bool {
        self.conditions.iter().all(Condition::is_of_head)
            && self
                .headers
                .iter()
                .map(|(_, message)| message)
                .chain([&self.body])
                .all(|message| message.is_of_head(&[]))
    }

    /// The answer. `key` is the secret of the source; without it, what needs it cannot be said.
    pub fn reply(&self, reading: &Reading<'_>, key: Option<&[u8]>) -> Option<Reply> {
        let source = Source { fields: &[], secret: key };
        let body = self.body.bytes(source, reading).ok().filter(|body| body.len() <= self.max)?;
        let mut headers = Vec::new();
        for (name, message) in &self.headers {
            let value = message.bytes(source, reading).ok().filter(|value| value.len() <= self.max)?;
            headers.push((name.clone(), HeaderValue::from_bytes(&value).ok()?));
        }
        let (name, content_type) = (Arc::clone(&self.name), self.content_type.clone());
        Some(Reply { name, status: self.status, content_type, headers, body })
    }

    /// Whether the answer is computed with the secret.
    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// The shapes of what a stranger can have signed by asking.
    pub fn oracle(&self) -> &[Shape] {
        &self.oracle
    }
}

/// What the answer is made of.
struct Templates {
    body: Option<Template>,
    headers: Vec<(HeaderName, Template)>,
}

impl Templates {
    fn parse(definition: &HandshakeDefinition, flaws: &mut Vec<Flaw>) -> Templates {
        let mut read = |text: &str, path: &[&str]| match Template::parse(text, &[]) {
            Ok(template) => Some(template),
            Err(found) => {
                let path = || path.iter().map(|key| String::from(*key)).collect();
                flaws.extend(found.into_iter().map(|flaw| Flaw { path: path(), ..flaw }));
                None
            }
        };
        let body = read(definition.body.as_deref().unwrap_or_default(), &["reply", "body"]);
        let mut headers = Vec::new();
        for (name, text) in &definition.headers {
            headers.extend(read(text, &["reply", "headers", name]).map(|template| (name.clone(), template)));
        }
        let named = |(name, template): (String, Template)| {
            let at = ["reply", "headers", name.as_str()];
            header_names(std::slice::from_ref(&name), &at, flaws)
                .and_then(|names| names.into_iter().next())
                .map(|name| (name, template))
        };
        Templates { body, headers: headers.into_iter().filter_map(named).collect() }
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        self.headers.iter().map(|(_, template)| template).chain(&self.body)
    }

    fn are_keyed(&self) -> bool {
        self.all().flat_map(Template::values).any(is_keyed)
    }

    /// What a stranger's text becomes must be bounded, above all when the secret is applied to it.
    fn check(&self, signed: bool, conditions: &[Condition], flaws: &mut Vec<Flaw>) -> Vec<Shape> {
        let mut oracle = Vec::new();
        for value in self.all().flat_map(Template::values) {
            if matches!(value.origin, Origin::Body | Origin::Secret | Origin::Field(_)) {
                flaws.push(
                    Flaw::new(&["reply"], format!("`{{{}}}` cannot stand in an answer", value.label))
                        .with_help(
                            "name the value that is asked for: `{json:/challenge}`, `{query:challenge}`",
                        ),
                );
                continue;
            }
            if signed || matches!(value.origin, Origin::Param(_)) {
                continue;
            }
            let shape = conditions.iter().filter_map(Condition::shape).find(|(place, _)| is_of(value, place));
            match shape {
                Some((_, shape)) if is_keyed(value) => oracle.push(shape),
                Some(_) => {}
                None => flaws.push(
                    Flaw::new(&["reply"], format!("anyone can have `{{{}}}` said again", value.label)).with_help(
                        "bound it by a condition with `chars` and `max`: { query = \"challenge\", chars = \"token\", max = 128 }",
                    ),
                ),
            }
        }
        oracle
    }
}

fn is_keyed(value: &Placeholder) -> bool {
    value.filters.iter().any(|filter| matches!(filter, Filter::Hmac(_)))
}

/// Whether a value stands at a place.
fn is_of(value: &Placeholder, place: &Place) -> bool {
    match (&value.origin, place) {
        (Origin::Parameter(name) | Origin::FormParameter(name), Place::Query(known)) => name == known,
        (Origin::Header(name), Place::Header(known)) => known.as_slice() == [name.clone()],
        (Origin::Json(pointer), Place::Json(known)) => pointer == known,
        (Origin::FormField(name), Place::Form(known)) => name == known,
        _ => false,
    }
}

struct Bound<'b> {
    conditions: &'b [Condition],
    templates: &'b Templates,
    public_url: Option<&'b str>,
    params: &'b BTreeMap<String, String>,
}

type Parts = (Vec<Condition>, Message, Vec<(HeaderName, Message)>);

impl Bound<'_> {
    fn bind(&self) -> Result<Parts, Unbound> {
        let url = self.public_url.map(|url| (url, UrlForm::AsGiven));
        let message = |template: &Template| Message::bind(template, &[], url, self.params, false);
        let conditions =
            self.conditions.iter().map(|condition| condition.bind(self.params)).collect::<Result<_, _>>()?;
        let body = message(self.templates.body.as_ref().unwrap_or(&Template::default()))?;
        let headers = self.templates.headers.iter();
        let headers =
            headers.map(|(name, template)| message(template).map(|message| (name.clone(), message)));
        Ok((conditions, body, headers.collect::<Result<_, _>>()?))
    }
}

fn status(definition: &HandshakeDefinition, flaws: &mut Vec<Flaw>) -> Option<StatusCode> {
    let written = definition.status.unwrap_or(200);
    let status = u16::try_from(written).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.filter(StatusCode::is_success);
    if status.is_none() {
        flaws.push(Flaw::new(&["reply", "status"], "an answer to a handshake has a status from 200 to 299"));
    }
    status
}

fn content_type(definition: &HandshakeDefinition, flaws: &mut Vec<Flaw>) -> Option<HeaderValue> {
    let written = definition.content_type.as_deref().unwrap_or("text/plain");
    let essence = written.split(';').next().unwrap_or_default().trim();
    // What a browser would take for a page must not be made of a stranger's words.
    if !["text/plain", "application/json"].contains(&essence) {
        flaws.push(
            Flaw::new(&["reply", "type"], format!("`{written}` is not a type for an answer"))
                .with_help("possible: text/plain, application/json"),
        );
        return None;
    }
    HeaderValue::from_str(written).ok()
}

#[cfg(test)]
mod tests {
    use super::super::definition::{ConditionDefinition, PlaceDefinition};
    use super::*;

    fn query(name: &str) -> ConditionDefinition {
        let place = PlaceDefinition { query: Some(name.into()), ..PlaceDefinition::default() };
        ConditionDefinition { place, ..ConditionDefinition::default() }
    }

    fn shaped(name: &str) -> ConditionDefinition {
        ConditionDefinition { chars: Some("token".into()), max: Some(64), ..query(name) }
    }

    fn echo(when: Vec<ConditionDefinition>, body: &str) -> HandshakeDefinition {
        let signed = Some(false);
        HandshakeDefinition { when, signed, body: Some(body.into()), ..HandshakeDefinition::default() }
    }

    fn flaw(definition: &HandshakeDefinition) -> String {
        let flaws = Handshake::build(definition, None, &BTreeMap::new()).unwrap_err();
        assert_eq!(flaws.len(), 1, "{flaws:?}");
        flaws.into_iter().map(|flaw| flaw.message).collect()
    }

    #[test]
    fn what_is_said_again_is_bounded() {
        let built = Handshake::build(&echo(vec![shaped("c")], "{query:c}"), None, &BTreeMap::new());
        assert!(built.unwrap().unwrap().oracle().is_empty());
        let keyed = echo(vec![shaped("c")], "{query:c|hmac_sha256|hex}");
        assert_eq!(Handshake::build(&keyed, None, &BTreeMap::new()).unwrap().unwrap().oracle().len(), 1);
        assert!(flaw(&echo(vec![query("c")], "{query:c}")).contains("said again"));
        assert!(flaw(&echo(vec![shaped("d")], "{query:c}")).contains("said again"));
        assert!(flaw(&echo(vec![shaped("c")], "{body}")).contains("cannot stand"));
        let signed = HandshakeDefinition { signed: Some(true), ..echo(vec![query("c")], "{query:c}") };
        assert!(Handshake::build(&signed, None, &BTreeMap::new()).is_ok());
    }

    #[test]
    fn an_answer_is_no_page_and_no_error() {
        let with = |change: &dyn Fn(&mut HandshakeDefinition)| {
            let mut definition = echo(vec![shaped("c")], "");
            change(&mut definition);
            flaw(&definition)
        };
        assert!(
            with(&|definition| definition.content_type = Some("text/html".into())).contains("not a type")
        );
        assert!(with(&|definition| definition.status = Some(302)).contains("200 to 299"));
        assert!(with(&|definition| definition.max = Some(5000)).contains("1 to 4096"));
        assert!(with(&|definition| definition.signed = None).contains("`signed` is missing"));
        assert!(with(&|definition| definition.when.clear()).contains("conditions"));
    }

    #[test]
    fn what_a_source_lacks_leaves_it_out() {
        let token = ConditionDefinition { is: vec!["{param:token}".into()], ..query("t") };
        let definition = HandshakeDefinition { needs: vec!["token".into()], ..echo(vec![token.clone()], "") };
        assert!(Handshake::build(&definition, None, &BTreeMap::new()).unwrap().is_none());
        assert!(flaw(&echo(vec![token], "")).contains("params.token"));
    }
}
