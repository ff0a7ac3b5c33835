//! The verifier that the scheme of a source makes.

use super::Context;
use super::definition::{basic_definition, schemes, token_definition};
use super::http_signature::http_signature_definition;
use super::jwt::{jwt_definition, key_form, secret_bytes, swt_definition};
use super::keys::{self, usual_kid};
use super::public_keys;
use super::secrets::{Form, all};
use crate::config::problem::Problem;
use crate::config::raw::{RawHttpSignature, RawJwt, RawKey, RawSignature, RawSource, RawSwt};
use crate::config::self_test;
use crate::config::span::{Located, Span};
use crate::config::value::{PublicKeys, Secrets};
use crate::policy::{KeyPlace, KeySource, PathPattern};
use crate::scheme::{Scheme, Schemes, nearest};
use crate::verify::{AddressText, JwtDefinition, JwtKeys, NamedSecret, SetupFlaw, Surroundings, Verifier};
use http::Method;
use std::sync::Arc;

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

/// A verifier, and where its keys are fetched if they are.
type Found = (Verifier, Option<Arc<KeySource>>);

/// The verifier of a source, self-tested; nothing where it has mistakes or more or less than one scheme.
pub fn verifier(context: &mut Context<'_>, subject: &Subject<'_>) -> Option<Found> {
    let raw = &subject.raw.value;
    let mark = context.mark();
    let mut key_source = None;
    let (built, at) = match (&raw.signature, tokens(raw), &raw.token, &raw.basic) {
        (None, None, None, None) => {
            let table = raw.http_signature.as_ref()?;
            let (built, source) = http_signature(context, subject, table)?;
            key_source = source;
            (built, table.at)
        }
        (None, Some(table), None, None) => {
            let (built, source) = jwt(context, subject, &table)?;
            key_source = source;
            (built, table.at())
        }
        (Some(signature), None, None, None) => {
            let schemes = schemes(context, signature)?;
            let mut surroundings = surroundings(subject);
            let secrets = if public_keys::wanted(&schemes) {
                match public_keys::find(context, subject.raw, signature, &schemes)? {
                    public_keys::Found::Given(keys) => Some(keys),
                    public_keys::Found::Fetched(source) => {
                        (key_source, surroundings.fetched) = (source, true);
                        Some(Vec::new())
                    }
                }
            } else {
                public_is_unused(context, subject.raw);
                all(context, subject.raw, &Form::of_key(signature.value.key.as_ref().map(|key| &key.value)))
            };
            for scheme in schemes.all() {
                captured(context, subject, scheme, signature);
            }
            chooses(context, subject, &schemes, signature);
            let build = |secrets| Verifier::signature(schemes.clone(), secrets, surroundings.clone());
            // What a built-in scheme signs is not the operator's mistake: the source that uses it is the place.
            let message = signature.value.message.as_ref().map_or(signature.at, |message| message.at);
            let at = raw.provider.as_ref().map_or(message, |provider| provider.at);
            (checked(context, secrets, at, build), at)
        }
        (None, None, Some(token), None) => {
            let secrets = all(context, subject.raw, &Form::Text);
            let definition = token_definition(context, token)?;
            let build = |secrets| Verifier::token(definition.clone(), secrets);
            (checked(context, secrets, token.at, build), token.at)
        }
        (None, None, None, Some(basic)) => {
            let secrets = all(context, subject.raw, &Form::Text);
            let definition = basic_definition(context, basic)?;
            let build = |secrets| Verifier::basic(definition.clone(), secrets);
            (checked(context, secrets, basic.at, build), basic.at)
        }
        _ => return None,
    };
    let verifier = built.filter(|_| !context.failed_since(mark))?;
    // Of a private key, only the sender has a copy.
    if verifier.can_sign()
        && let Err(message) = self_test::run(&verifier, subject.method, subject.path)
    {
        context.error("self_test_failed", at, message);
    }
    Some((verifier, key_source))
}

fn public_is_unused(context: &mut Context<'_>, raw: &Located<RawSource>) {
    let RawSource { public_key, public_keys, .. } = &raw.value;
    let at = public_key.as_ref().map(|key| key.at).or(public_keys.as_ref().map(|keys| keys.at));
    if let Some(at) = at {
        let problem =
            Problem::error("unused_key", at, "this sender shares a secret with you and has no public key");
        context.push(problem.help("write `secret = { env = \"NAME\" }`"));
    }
}

/// The tables that describe a JSON Web Token.
enum TokenTable<'r> {
    Jwt(&'r Located<RawJwt>),
    Swt(&'r Located<RawSwt>),
}

fn tokens(raw: &RawSource) -> Option<TokenTable<'_>> {
    match (&raw.jwt, &raw.swt) {
        (Some(jwt), None) => Some(TokenTable::Jwt(jwt)),
        (None, Some(swt)) => Some(TokenTable::Swt(swt)),
        _ => None,
    }
}

impl TokenTable<'_> {
    fn at(&self) -> Span {
        match self {
            TokenTable::Jwt(jwt) => jwt.at,
            TokenTable::Swt(swt) => swt.at,
        }
    }
}

/// The verifier of tokens. The secrets are those of the HS algorithms, the keys those of the others.
fn jwt(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    table: &TokenTable<'_>,
) -> Option<(Option<Verifier>, Option<Arc<KeySource>>)> {
    let (raw_keys, raw_key) = match table {
        TokenTable::Jwt(jwt) => (jwt.value.keys.as_ref(), jwt.value.key.as_ref()),
        TokenTable::Swt(swt) => (swt.value.keys.as_ref(), swt.value.key.as_ref()),
    };
    let kid = usual_kid(raw_keys);
    // What is missing in a provider is added in the source that uses it.
    let provider = subject.raw.value.provider.as_ref().filter(|_| context.is_built_in(table.at()));
    let at = provider.map_or(table.at(), |provider| provider.at);
    let mut definition = match table {
        TokenTable::Jwt(jwt) => jwt_definition(context, jwt, kid),
        TokenTable::Swt(swt) => swt_definition(context, swt, at, kid),
    }?;
    let form = key_form(context, raw_key)?;
    fill_in(context, subject, &mut definition, at)?;
    let issuer = definition.claims.issuer.first();
    let wanted = (keys::Of::Tokens, definition.algorithms.as_slice());
    let found = keys::find(context, subject.raw, raw_keys, at, wanted, issuer)?;
    if let Some(KeyPlace::Discovery { issuer, .. }) = found.source.as_ref().map(|source| &source.place)
        && definition.claims.issuer.is_empty()
    {
        definition.claims.issuer.push(issuer.clone());
    }
    let wanted = secret_bytes(&definition.algorithms);
    let secrets = shared_secrets(context, subject, &found.keys, wanted, raw_key)?;
    let build = |secrets| Verifier::jwt(definition.clone(), found.keys.clone(), &form, secrets);
    Some((with_or_without(context, secrets, at, build), found.source))
}

/// The verifier of HTTP message signatures. The secrets are those of `hmac-sha256`, the keys those of the others.
fn http_signature(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    table: &Located<RawHttpSignature>,
) -> Option<(Option<Verifier>, Option<Arc<KeySource>>)> {
    let (raw_keys, raw_key) = (table.value.keys.as_ref(), table.value.key.as_ref());
    let provider = subject.raw.value.provider.as_ref().filter(|_| context.is_built_in(table.at));
    let at = provider.map_or(table.at, |provider| provider.at);
    let definition = http_signature_definition(context, table, at, usual_kid(raw_keys))?;
    let form = key_form(context, raw_key)?;
    let jose: Vec<_> = definition.algorithms.iter().map(|algorithm| algorithm.jose()).collect();
    let found = keys::find(context, subject.raw, raw_keys, at, (keys::Of::HttpSignatures, &jose), None)?;
    if subject.public_url.is_none() {
        let message =
            "there is no `public_url`: what is signed for another host passes here if it comes with its name";
        let help = "add `public_url = \"https://hooks.example.com\"`, the address that the sender signs";
        context.push(Problem::warning("address_unknown", at, message).help(help));
    }
    let symmetric = definition.algorithms.iter().any(|algorithm| algorithm.is_symmetric());
    let secrets = shared_secrets(context, subject, &found.keys, symmetric.then_some(0), raw_key)?;
    let url = subject.public_url.as_deref();
    let build =
        |secrets| Verifier::http_signature(definition.clone(), url, found.keys.clone(), &form, secrets);
    Some((with_or_without(context, secrets, at, build), found.source))
}

/// The secrets of algorithms that take keys of at least `wanted` bytes; none where no algorithm takes one, or the key
/// set holds it. The outer option is a mistake, the inner one a secret that is amiss.
#[allow(clippy::option_option)]
fn shared_secrets(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    keys: &JwtKeys,
    wanted: Option<usize>,
    raw_key: Option<&Located<RawKey>>,
) -> Option<Option<Vec<Located<NamedSecret>>>> {
    let has_secret = matches!(keys, JwtKeys::Fixed(keys) if keys.has_secret());
    let RawSource { secret, secrets, .. } = &subject.raw.value;
    let given = secret.as_ref().map(|secret| secret.at).or(secrets.as_ref().map(|secrets| secrets.at));
    match (wanted, given) {
        (None, Some(at)) => {
            let problem = Problem::error("unused_key", at, "no algorithm of this source takes a secret");
            context.push(problem.help("the credential of a key server is `secret` in `keys`"));
            None
        }
        (None, None) => Some(Some(Vec::new())),
        (Some(_), None) if has_secret => Some(Some(Vec::new())),
        (Some(0), _) => Some(all(context, subject.raw, &Form::of_key(raw_key.map(|key| &key.value)))),
        (Some(bytes), _) => {
            Some(all(context, subject.raw, &Form::of_bytes(raw_key.map(|key| &key.value), bytes)))
        }
    }
}

/// As [`checked`], also where no secret is needed.
fn with_or_without(
    context: &mut Context<'_>,
    secrets: Option<Vec<Located<NamedSecret>>>,
    at: Span,
    build: impl Fn(Vec<NamedSecret>) -> Result<Verifier, SetupFlaw>,
) -> Option<Verifier> {
    match secrets {
        Some(secrets) if secrets.is_empty() => {
            build(Vec::new()).map_err(|flaw| context.error("scheme", at, flaw.to_string())).ok()
        }
        secrets => checked(context, secrets, at, build),
    }
}

/// Puts the values of the source, and its public address, into what a token must say.
fn fill_in(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    definition: &mut JwtDefinition,
    at: Span,
) -> Option<()> {
    if let Err(unbound) = definition.bind(&surroundings(subject).params) {
        context.push(Problem::error("missing_param", at, unbound.to_string()));
        return None;
    }
    if let Some(AddressText::Url(url)) = definition.address_hash.as_mut().map(|hash| &mut hash.of) {
        match &subject.public_url {
            Some(public) => url.clone_from(public),
            None => {
                let problem = Problem::error(
                    "scheme",
                    at,
                    "the token holds a digest of the address, and there is no `public_url`",
                );
                context.push(
                    problem.help("add `public_url = \"https://hooks.example.com\"`: what the sender calls"),
                );
                return None;
            }
        }
    }
    Some(())
}

/// Builds with each secret alone, so that a mistake is told at its secret, and then with all of them.
fn checked(
    context: &mut Context<'_>,
    secrets: Option<Vec<Located<NamedSecret>>>,
    at: Span,
    build: impl Fn(Vec<NamedSecret>) -> Result<Verifier, SetupFlaw>,
) -> Option<Verifier> {
    let secrets = secrets?;
    let alone = secrets.len() == 1;
    for secret in &secrets {
        match build(vec![secret.value.clone()]) {
            Err(SetupFlaw::Secret { flaw, .. }) => {
                context.error("secret_unusable", secret.at, flaw.to_string())
            }
            Err(flaw) => {
                context.error("scheme", at, flaw.to_string());
                // It is no secret's fault, and there may be thousands.
                if flaw == SetupFlaw::NothingChooses {
                    return None;
                }
            }
            Ok(verifier) if alone => return Some(verifier),
            Ok(_) => {}
        }
    }
    build(secrets.into_iter().map(|secret| secret.value).collect()).ok()
}

fn surroundings(subject: &Subject<'_>) -> Surroundings {
    let params = subject.raw.value.params.iter().flat_map(|params| &params.value.0);
    let params = params.map(|(name, named)| (name.clone(), named.entry.value.clone())).collect();
    let by = chooser(subject.raw).map(|by| by.value.clone());
    Surroundings { public_url: subject.public_url.clone(), params, by, fetched: false }
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

/// The name of what chooses among the secrets or public keys.
fn chooser(raw: &Located<RawSource>) -> Option<&Located<String>> {
    let secrets = raw.value.secrets.as_ref().map(|secrets| &secrets.value);
    let keys = raw.value.public_keys.as_ref().map(|keys| &keys.value);
    match (secrets, keys) {
        (Some(Secrets::Chosen(choice)), _) => choice.by.as_ref(),
        (_, Some(PublicKeys::Chosen(choice))) => choice.by.as_ref(),
        _ => None,
    }
}

/// What chooses a secret is a field of every scheme, or a capture of the path.
fn chooses(
    context: &mut Context<'_>,
    subject: &Subject<'_>,
    schemes: &Schemes,
    signature: &Located<RawSignature>,
) {
    let Some(by) = chooser(subject.raw) else { return };
    let in_all = schemes.all().all(|scheme| scheme.fields().iter().any(|field| field.name == by.value));
    if in_all || subject.path.captures().any(|known| known == by.value) {
        return;
    }
    let names: Vec<_> =
        schemes.all().flat_map(|scheme| scheme.fields().iter().map(|field| field.name.as_str())).collect();
    let message = format!("`{}` is neither a field of the scheme nor captured by `path`", by.value);
    let problem = Problem::error("bad_value", by.at, message).other(signature.at, "the scheme");
    context.push(problem.help(match nearest(&by.value, names.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "name a field, or capture a segment: path = \"/hooks/{tenant}\"".to_owned(),
    }));
}
