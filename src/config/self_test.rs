//! Before a source goes live: it must accept a message that it signed itself, and refuse it with one bit changed.

use crate::base::time::UnixTime;
use crate::http::{Authority, Body, Head, Target};
use crate::policy::PathPattern;
use crate::verify::{Covers, Draft, Step, Verifier};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};

/// In September 2001: before every `until`, and ten digits long as timestamps are today.
const NOW: UnixTime = UnixTime(1_000_000_000);
const FORM: &[u8] = b"id=self-test&message=Bonafide";
const BODY: &[u8] = b"{\"id\":\"self-test\",\"message\":\"Bonafide\"}";

/// Signs a message, accepts it and refuses what was changed.
///
/// # Errors
/// What went wrong, in one sentence.
pub fn run(verifier: &Verifier, method: &Method, path: &PathPattern) -> Result<(), String> {
    let target = example(path);
    let mut draft = Draft::new(method.clone(), target.clone(), BODY);
    draft.fill = true;
    if verifier.reads_form() {
        draft.body = Bytes::from_static(FORM);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        draft.headers.insert(CONTENT_TYPE, form);
    }
    draft.params.insert("event".to_owned(), "self-test".to_owned());
    draft.captures = path.matches(&target).ok_or("the path does not match its own example")?;
    verifier
        .sign(&mut draft, NOW)
        .map_err(|error| format!("the source cannot sign its own message: {error}"))?;
    accepts(verifier, &draft).map_err(|error| format!("the source refuses its own message: {error}"))?;
    let changed = match verifier.covers() {
        Covers::Body => vec![with_other_body(&draft)],
        Covers::Part | Covers::Origin => with_other_proof(verifier, &draft),
    };
    if changed.iter().all(|draft| accepts(verifier, draft).is_ok()) {
        return Err("the source accepts its own message with one bit changed".to_owned());
    }
    Ok(())
}

/// A path that the pattern matches.
fn example(path: &PathPattern) -> String {
    let segments = path.as_str().split('/').map(|segment| match segment {
        "*" => "x",
        capture if capture.starts_with('{') => "x",
        literal => literal,
    });
    segments.collect::<Vec<_>>().join("/")
}

fn accepts(verifier: &Verifier, draft: &Draft) -> Result<(), String> {
    let head = Head {
        method: draft.method.clone(),
        target: Target::parse(&draft.target, usize::MAX).map_err(|error| error.detail())?,
        host: Authority::parse(b"localhost").map_err(|error| error.detail())?,
        headers: draft.headers.clone(),
        nominated: Vec::new(),
        captures: draft.captures.clone(),
    };
    let body = Body::from_bytes(draft.body.clone());
    let mut step = verifier.start(&head, NOW).map_err(|error| error.to_string())?;
    while let Step::Body(mut wait) = step {
        body.chunks().iter().for_each(|chunk| wait.chunk(chunk));
        step = wait.end(&head, &body, NOW).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn with_other_body(draft: &Draft) -> Draft {
    let mut body = draft.body.to_vec();
    if let Some(last) = body.last_mut() {
        *last ^= 1;
    }
    Draft { body: Bytes::from(body), ..draft.clone() }
}

/// The message with one bit changed in each header that counts, and in the query: one of them is the proof.
fn with_other_proof(verifier: &Verifier, draft: &Draft) -> Vec<Draft> {
    let mut changed = Vec::new();
    for name in verifier.headers_read().iter().chain(verifier.credentials()) {
        let Some(value) = draft.headers.get(name).and_then(|value| value.to_str().ok()) else { continue };
        if let Ok(value) = HeaderValue::from_str(&one_bit_changed(value)) {
            let mut other = draft.clone();
            other.headers.insert(name.clone(), value);
            changed.push(other);
        }
    }
    // A proof that stands in the body: some byte of it is one of the signature's.
    for (at, byte) in draft.body.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()) {
        let mut body = draft.body.to_vec();
        if let Some(place) = body.get_mut(at) {
            *place = byte ^ 1;
        }
        changed.push(Draft { body: Bytes::from(body), ..draft.clone() });
    }
    if draft.target.contains('?') {
        changed.push(Draft { target: one_bit_changed(&draft.target), ..draft.clone() });
    }
    changed
}

/// The last letter or digit that is not padding, with its lowest bit changed.
fn one_bit_changed(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    // Of the last character of base64 some bits are padding, so the one before it is changed.
    let usable: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()).map(|(at, _)| at).collect();
    let at = usable.iter().rev().nth(1).or(usable.first());
    if let Some(byte) = at.and_then(|at| bytes.get_mut(*at)) {
        *byte ^= 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::scheme::{Definition, FieldDefinition, Place, PlaceDefinition, Scheme};
    use crate::verify::{BasicDefinition, NamedSecret, Surroundings, TokenDefinition};
    use http::HeaderName;

    fn secrets() -> Vec<NamedSecret> {
        let secret = Secret::new(b"0123456789abcdef".to_vec());
        vec![NamedSecret { name: "secret-1".into(), secret, until: None, choice: None }]
    }

    fn signature(message: &str, change: impl FnOnce(&mut FieldDefinition)) -> Verifier {
        let mut field = FieldDefinition {
            place: PlaceDefinition { header: vec!["X-Signature".into()], ..PlaceDefinition::default() },
            role: Some("signature".into()),
            encoding: Some("base64".into()),
            ..FieldDefinition::default()
        };
        change(&mut field);
        let definition = Definition {
            algorithm: Some("hmac-sha256".into()),
            message: vec![message.into()],
            covers: (!message.contains("{body}")).then(|| "part".into()),
            fields: [("v".to_owned(), field)].into(),
            ..Definition::default()
        };
        let scheme = Scheme::build(&definition).unwrap();
        Verifier::signature(scheme, secrets(), Surroundings::default()).unwrap()
    }

    fn run_on(verifier: &Verifier, path: &str) -> Result<(), String> {
        run(verifier, &Method::POST, &PathPattern::parse(path).unwrap())
    }

    #[test]
    fn every_kind_of_scheme_passes() {
        let header = HeaderName::from_static("x-token");
        let token = TokenDefinition { place: Place::Header(vec![header]), prefix: None };
        let basic = BasicDefinition { username: "u".into() };
        for verifier in [
            signature("{body}", |_| {}),
            signature("{method}.{path}", |_| {}),
            signature("{body}", |field| {
                field.place.header.clear();
                field.place.query = Some("sig".into());
            }),
            signature("{path}", |field| field.prefix = Some("v1=".into())),
            Verifier::token(token, secrets()).unwrap(),
            Verifier::basic(basic, secrets()).unwrap(),
        ] {
            assert_eq!(run_on(&verifier, "/hooks/{tenant}/*"), Ok(()));
        }
    }

    #[test]
    fn headers_that_only_the_sender_knows_are_given() {
        let verifier = signature("{header:X-Topic}.{body}", |_| {});
        assert_eq!(run_on(&verifier, "/a"), Ok(()));
    }

    #[test]
    fn a_source_that_cannot_accept_its_own_message_fails() {
        let header = HeaderName::from_static("x-token");
        let definition = TokenDefinition { place: Place::Header(vec![header]), prefix: None };
        let expired = secrets().into_iter().map(|secret| NamedSecret { until: Some(NOW), ..secret });
        let verifier = Verifier::token(definition, expired.collect()).unwrap();
        assert!(run_on(&verifier, "/a").is_err_and(|message| message.contains("cannot sign")));
    }

    #[test]
    fn one_bit_is_changed() {
        assert_eq!(one_bit_changed("v1=abc="), "v1=acc=");
        assert_eq!(one_bit_changed("x"), "y");
        assert_eq!(one_bit_changed(""), "");
    }
}
