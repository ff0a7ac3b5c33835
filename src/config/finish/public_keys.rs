//! The public keys of a source whose sender signs with a private one.

use super::Context;
use super::keys;
use super::secrets::{Form, Given};
use crate::base::secret::Secret;
use crate::config::problem::Problem;
use crate::config::raw::{RawChoice, RawKeys, RawSecret, RawSignature, RawSource};
use crate::config::span::{Located, Span};
use crate::config::value::{Hidden, Map, Named, PublicKeyText, PublicKeys, Secrets};
use crate::policy::KeySource;
use crate::scheme::{Curve, Digest, KeyKind, PublicAlgorithm, Schemes};
use crate::verify::{Algorithm, NamedSecret};
use std::sync::Arc;

/// Where the keys are.
pub enum Found {
    /// Written down by the operator, or in the provider's file.
    Given(Vec<Located<NamedSecret>>),
    /// Fetched from this server. No server where nothing is read that is secret.
    Fetched(Option<Arc<KeySource>>),
}

/// Whether the sender signs with a private key. Of the kinds of its requests, all or none do.
pub fn wanted(schemes: &Schemes) -> bool {
    schemes.all().any(|scheme| scheme.algorithm.public().is_some())
}

/// Finds the keys. Nothing where there are mistakes.
pub fn find(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    signature: &Located<RawSignature>,
    schemes: &Schemes,
) -> Option<Found> {
    let RawSource { secret, secrets, public_key, public_keys, flawed, .. } = &source.value;
    let secret = secret.as_ref().map(|secret| secret.at).or(secrets.as_ref().map(|secrets| secrets.at));
    if let Some(at) = secret {
        let problem =
            Problem::error("unused_key", at, "this sender signs with a private key, which only it has");
        context.push(problem.help("write `public_key` for the key that it publishes"));
        return None;
    }
    let algorithms: Option<Vec<_>> = schemes.all().map(|scheme| scheme.algorithm.public()).collect();
    let Some(algorithms) = algorithms else {
        let message = "some requests are signed with a secret and some with a private key";
        context.push(Problem::error("scheme", signature.at, message).help("make two sources of them"));
        return None;
    };
    let one = public_key.clone().map(|key| key.map(|key| key.0));
    let several = public_keys.clone().map(|keys| keys.map(as_secrets));
    if one.is_none() && several.is_none() {
        return elsewhere(context, source, signature, schemes, &algorithms);
    }
    let given = Given { one, several, at: source.at, flawed: *flawed };
    if !context.read_secrets && !given.stands_in_the_policy() {
        return given.all(context, &Form::Public).map(|_| Found::Fetched(None));
    }
    given.all(context, &Form::Public).map(Found::Given)
}

impl Given {
    fn stands_in_the_policy(&self) -> bool {
        let several: Vec<&Located<RawSecret>> = match self.several.as_ref().map(|several| &several.value) {
            Some(Secrets::Any(list)) => list.iter().collect(),
            Some(Secrets::Chosen(choice)) if choice.file.is_some() => return false,
            Some(Secrets::Chosen(choice)) => {
                choice.keys.iter().flat_map(|keys| keys.value.0.values().map(|named| &*named.entry)).collect()
            }
            None => Vec::new(),
        };
        self.one.iter().chain(several).all(|key| key.value.literal.is_some())
    }
}

fn as_secrets(keys: PublicKeys) -> Secrets {
    let plain = |key: Located<PublicKeyText>| key.map(|key| key.0);
    match keys {
        PublicKeys::Any(list) => Secrets::Any(list.into_iter().map(plain).collect()),
        PublicKeys::Chosen(choice) => {
            let named = |map: Map<PublicKeyText>| {
                let entries = map.0.into_iter();
                let entries = entries.map(|(name, Named { key_at, entry })| {
                    (name, Named { key_at, entry: Box::new(plain(*entry)) })
                });
                Map(entries.collect())
            };
            let keys = choice.keys.map(|keys| keys.map(named));
            Secrets::Chosen(Box::new(RawChoice {
                by: choice.by,
                file: choice.file,
                keys,
                flawed: choice.flawed,
            }))
        }
    }
}

/// The keys of the table `keys`: written there, in a file, or fetched.
fn elsewhere(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    signature: &Located<RawSignature>,
    schemes: &Schemes,
    algorithms: &[PublicAlgorithm],
) -> Option<Found> {
    let Some(raw) = &signature.value.keys else {
        let problem = Problem::error(
            "missing_key",
            source.at,
            "this source has no public key: nothing could be verified",
        );
        context.push(problem.help("add `public_key = \"...\"` or `public_key = { file = \"sender.pem\" }`"));
        return None;
    };
    let RawKeys { jwks, discovery, url, certificate, file, text, .. } = &raw.value;
    if jwks.is_none() && discovery.is_none() && url.is_none() && certificate.is_none() {
        let reference = match (file, text) {
            (Some(file), None) => RawSecret { file: Some(file.clone()), ..RawSecret::default() },
            (None, Some(text)) => RawSecret { literal: Some(hidden(text)), ..RawSecret::default() },
            _ => {
                context.error("bad_value", raw.at, "`keys` names exactly one place");
                return None;
            }
        };
        let given = Given {
            one: Some(Located { value: reference, at: raw.at }),
            several: None,
            at: raw.at,
            flawed: false,
        };
        if !context.read_secrets && !given.stands_in_the_policy() {
            return Some(Found::Fetched(None));
        }
        return given.all(context, &Form::Public).map(Found::Given);
    }
    let mut named = Vec::new();
    for algorithm in algorithms {
        named.push(of_a_token(context, raw.at, *algorithm)?);
    }
    let by_name = url.as_ref().map(|url| url.at).or(certificate.as_ref().map(|urls| urls.at));
    if let Some(at) = by_name.filter(|_| schemes.all().any(|scheme| scheme.key_id.is_none())) {
        let problem = Problem::error("missing_key", at, "no field says which key is to be fetched");
        context.push(problem.help("add one: `key = { header = \"X-Key-Id\", role = \"key_id\" }`"));
        return None;
    }
    let found = keys::find(context, source, Some(raw), raw.at, (keys::Of::Signatures, &named), None)?;
    Some(Found::Fetched(found.source))
}

fn hidden(text: &Located<String>) -> Located<Hidden> {
    text.clone().map(|text| Hidden(Secret::new(text.into_bytes())))
}

/// What a JWK calls the algorithm in `alg`: those are what is fetched.
fn of_a_token(context: &mut Context<'_>, at: Span, algorithm: PublicAlgorithm) -> Option<Algorithm> {
    let found = match (algorithm, algorithm.kind()) {
        (_, KeyKind::Ed25519) => Some(Algorithm::Ed25519),
        (_, KeyKind::Ec(Curve::P256)) => Some(Algorithm::Es256),
        (_, KeyKind::Ec(Curve::P384)) => Some(Algorithm::Es384),
        (PublicAlgorithm::Rsa(Digest::Sha384), _) => Some(Algorithm::Rs384),
        (PublicAlgorithm::Rsa(Digest::Sha512), _) => Some(Algorithm::Rs512),
        (PublicAlgorithm::RsaPss(Digest::Sha384), _) => Some(Algorithm::Ps384),
        (PublicAlgorithm::RsaPss(Digest::Sha512), _) => Some(Algorithm::Ps512),
        (PublicAlgorithm::RsaPss(_), _) => Some(Algorithm::Ps256),
        (_, KeyKind::Rsa) => Some(Algorithm::Rs256),
        (_, KeyKind::Ec(Curve::P521 | Curve::K256)) => None,
    };
    if found.is_none() {
        let message = format!("keys of {} are not fetched", algorithm.name());
        context.push(Problem::error("bad_value", at, message).help("write them into `public_key`"));
    }
    found
}
