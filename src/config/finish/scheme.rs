//! The verifier that the scheme of a source makes.

use super::Context;
use super::definition::{basic_definition, scheme, token_definition};
use super::secrets::{Form, all};
use crate::config::problem::Problem;
use crate::config::raw::{RawSignature, RawSource};
use crate::config::self_test;
use crate::config::span::{Located, Span};
use crate::policy::PathPattern;
use crate::scheme::{Place, Scheme};
use crate::verify::{NamedSecret, SetupFlaw, Surroundings, Verifier};
use http::{HeaderName, Method};

/// A source whose scheme is to be built.
pub struct Subject<'s> {
    /// The source over its provider.
    pub raw: &'s Located<RawSource>,
    /// Its path.
    pub path: &'s PathPattern,
    /// Its first method, for the self-test.
    pub method: &'s Method,
    /// Its public address.
    pub public_url: Option<String>,
}

/// The verifier of a source, self-tested; nothing where it has mistakes or more or less than one scheme.
pub fn verifier(context: &mut Context<'_>, subject: &Subject<'_>) -> Option<Verifier> {
    let raw = &subject.raw.value;
    let mark = context.mark();
    let mut free = Vec::new();
    let (built, at) = match (&raw.signature, &raw.token, &raw.basic) {
        (Some(signature), None, None) => {
            let form = Form::of_key(signature.value.key.as_ref().map(|key| &key.value));
            let secrets = all(context, subject.raw, &form);
            let scheme = scheme(context, signature)?;
            let surroundings = surroundings(subject);
            captured(context, subject, &scheme, signature);
            free = free_headers(&scheme);
            let build = |secrets| Verifier::signature(scheme.clone(), secrets, surroundings.clone());
            // What a built-in scheme signs is not the operator's mistake: the source that uses it is the place.
            let message = signature.value.message.as_ref().map_or(signature.at, |message| message.at);
            let at = raw.provider.as_ref().map_or(message, |provider| provider.at);
            (checked(context, secrets, at, build), at)
        }
        (None, Some(token), None) => {
            let secrets = all(context, subject.raw, &Form::Text);
            let definition = token_definition(context, token)?;
            let build = |secrets| Verifier::token(definition.clone(), secrets);
            (checked(context, secrets, token.at, build), token.at)
        }
        (None, None, Some(basic)) => {
            let secrets = all(context, subject.raw, &Form::Text);
            let definition = basic_definition(context, basic)?;
            let build = |secrets| Verifier::basic(definition.clone(), secrets);
            (checked(context, secrets, basic.at, build), basic.at)
        }
        _ => return None,
    };
    let verifier = built.filter(|_| !context.failed_since(mark))?;
    if let Err(message) = self_test::run(&verifier, subject.method, subject.path, &free) {
        context.error("self_test_failed", at, message);
    }
    Some(verifier)
}

/// Builds with each secret alone, so that a mistake is told at its secret, and then with all of them.
fn checked(
    context: &mut Context<'_>,
    secrets: Option<Vec<Located<NamedSecret>>>,
    at: Span,
    build: impl Fn(Vec<NamedSecret>) -> Result<Verifier, SetupFlaw>,
) -> Option<Verifier> {
    let secrets = secrets?;
    for secret in &secrets {
        match build(vec![secret.value.clone()]) {
            Err(SetupFlaw::Secret { flaw, .. }) => {
                context.error("secret_unusable", secret.at, flaw.to_string())
            }
            Err(flaw) => context.error("scheme", at, flaw.to_string()),
            Ok(_) => {}
        }
    }
    build(secrets.into_iter().map(|secret| secret.value).collect()).ok()
}

fn surroundings(subject: &Subject<'_>) -> Surroundings {
    let params = subject.raw.value.params.iter().flat_map(|params| &params.value.0);
    let params = params.map(|(name, named)| (name.clone(), named.entry.value.clone())).collect();
    Surroundings { public_url: subject.public_url.clone(), params }
}

/// What the scheme reads from the path must be captured by it.
fn captured(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    scheme: &Scheme,
    signature: &Located<RawSignature>,
) {
    for name in scheme.captures() {
        if subject.path.captures().all(|known| known != name) {
            let message =
                format!("the scheme reads `{{{name}}}` from the path, and `path` does not capture it");
            let at = subject.raw.value.path.as_ref().map_or(signature.at, |path| path.at);
            let help = format!("put `{{{name}}}` in the place of that segment: \"/hooks/{{{name}}}\"");
            context.push(Problem::error("missing_capture", at, message).help(help));
        }
    }
}

/// Headers that the message holds by name, so that only the sender knows their values.
fn free_headers(scheme: &Scheme) -> Vec<HeaderName> {
    let fields = scheme.fields().iter().chain([&scheme.signature.field]);
    let of_fields = fields.filter_map(|field| match &field.place {
        Place::Header(names) => Some(names),
        Place::Query(_) | Place::Path(_) => None,
    });
    let of_fields: Vec<&HeaderName> = of_fields.flatten().collect();
    let read = scheme.headers_read();
    read.iter().filter(|name| !of_fields.contains(name)).cloned().collect()
}
