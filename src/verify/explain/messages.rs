//! Texts that the sender may have signed instead of the one that the policy says.

use super::finding::Finding;
use crate::scheme::{Message, Scheme, Template};
use crate::verify::signature::SignatureVerifier;

/// A message to try, and what it means when it fits.
pub struct Guess {
    pub message: Message,
    pub finding: Finding,
}

/// Other texts of the same fields, the likely ones first.
pub fn guesses(verifier: &SignatureVerifier, scheme: &Scheme) -> Vec<Guess> {
    let names: Vec<&str> = scheme.fields().iter().map(|field| field.name.as_str()).collect();
    let name = |index: usize| scheme.field(index).map(|field| field.name.as_str());
    let time = scheme.timestamp.and_then(|time| name(time.field));
    let id = scheme.id.and_then(|id| name(id.field));
    let guess = |text: String| {
        let template =
            Template::parse(&text, &names).ok().filter(|template| !scheme.templates().contains(template))?;
        let url = verifier.public_url.as_deref();
        let message = scheme.message(&template, url, &verifier.params).ok()?;
        let shown = text.escape_debug();
        let said = format!("the sender signs another text: `{shown}`");
        let help =
            format!("set `message = \"{shown}\"` in a provider of your own, or the right text at the sender");
        Some(Guess { message, finding: Finding::new("message_differs", said, help) })
    };
    texts(time, id).into_iter().filter_map(guess).collect()
}

fn texts(time: Option<&str>, id: Option<&str>) -> Vec<String> {
    let mut texts = vec!["{body}".to_owned()];
    for separator in [".", ":", "", "\n"] {
        texts.extend(time.map(|time| format!("{{{time}}}{separator}{{body}}")));
        texts.extend(id.map(|id| format!("{{{id}}}{separator}{{body}}")));
        if let (Some(time), Some(id)) = (time, id) {
            texts.push(format!("{{{id}}}{separator}{{{time}}}{separator}{{body}}"));
            texts.push(format!("{{{time}}}{separator}{{{id}}}{separator}{{body}}"));
        }
        texts.extend(time.map(|time| format!("{{body}}{separator}{{{time}}}")));
    }
    for text in ["{url}{body}", "{method}{url}{body}", "{method}{path}{body}", "{target}{body}"] {
        texts.push(text.to_owned());
    }
    texts
}
