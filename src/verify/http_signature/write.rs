//! Making signatures, as a genuine sender does.

use super::algorithm::HttpAlgorithm;
use super::component::{Component, Form, What};
use super::definition::{DigestRule, HttpSignatureDefinition, Parameter};
use super::digest::{self, CONTENT_DIGEST};
use super::fields::{Argument, Value};
use super::said::written;
use super::value::{Address, Message};
use super::verifier::{HttpSignatureVerifier, SIGNATURE, SIGNATURE_INPUT};
use crate::base::time::UnixTime;
use crate::scheme::Mac;
use crate::verify::error::VerifyError;
use crate::verify::jwt::SigningKey;
use crate::verify::place;
use crate::verify::sign::{Draft, SignError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use std::sync::Arc;

/// The label where the policy names none.
const LABEL: &str = "sig1";
/// Seconds until a signature expires where it must say so.
const LIFETIME: i64 = 300;

/// Writes `Content-Digest`, `Signature-Input` and `Signature` as the verifier accepts them at `now`, signed with its
/// first live secret, or with the key of the draft. `keyid`, `nonce` and `tag` may be `params` of the draft.
pub(crate) fn sign(
    verifier: &HttpSignatureVerifier,
    draft: &mut Draft,
    now: UnixTime,
) -> Result<(), SignError> {
    let definition = &verifier.definition;
    if draft.fill {
        fill(definition, draft)?;
    }
    let components = components(definition, draft)?;
    if components.iter().any(|component| component.is_digest()) {
        let value = digest::write(&draft.body);
        place::insert(draft, &CONTENT_DIGEST, value.as_bytes())?;
    }
    let length = |component: &Component| component.field() == Some(&CONTENT_LENGTH);
    if components.iter().any(length) && !draft.headers.contains_key(CONTENT_LENGTH) {
        let value = draft.body.len().to_string();
        place::insert(draft, &CONTENT_LENGTH, value.as_bytes())?;
    }
    let key = Key::of(verifier, draft, now)?;
    let arguments = arguments(definition, draft, &key, now);
    let parameters = written(&components, &arguments).ok_or(SignError::HeaderValue)?;
    let head = draft.head()?;
    let own = draft.origin.as_deref().and_then(Address::of_url);
    let message = Message { head: &head, address: verifier.address.as_ref().or(own.as_ref()), definition };
    let base = message.base(&components, &parameters).map_err(|(number, _)| {
        let field = components.get(number).map(Component::to_string).unwrap_or_default();
        SignError::Field(VerifyError::FieldMissing { field: field.into() })
    })?;
    let signature = key.sign(base.as_bytes()).ok_or(SignError::Key)?;
    let label = definition.label.as_deref().unwrap_or(LABEL);
    place::insert(draft, &SIGNATURE_INPUT, format!("{label}={parameters}").as_bytes())?;
    place::insert(draft, &SIGNATURE, format!("{label}=:{}:", STANDARD.encode(signature)).as_bytes())
}

/// What is signed: all that the policy demands of this request.
fn components(definition: &HttpSignatureDefinition, draft: &Draft) -> Result<Vec<Component>, SignError> {
    let head = draft.head()?;
    let usual = || ["@method", "@target-uri"].into_iter().filter_map(Component::parse).collect();
    let mut found: Vec<Component> = definition.components.clone().unwrap_or_else(usual);
    let present = definition.when_present.iter().filter(|component| match component.field() {
        Some(name) => head.headers.contains_key(name),
        None => head.target.query().is_some(),
    });
    for component in present {
        if !found.iter().any(|one| one.is_akin(component)) {
            found.push(component.clone());
        }
    }
    let digest = match definition.digest {
        DigestRule::Required => true,
        DigestRule::Body => !draft.body.is_empty(),
        DigestRule::Either | DigestRule::Forbidden => false,
    };
    if digest && !found.iter().any(|component| component.is_digest()) {
        found.extend(Component::parse("content-digest"));
    }
    Ok(found)
}

fn arguments(definition: &HttpSignatureDefinition, draft: &Draft, key: &Key, now: UnixTime) -> Vec<Argument> {
    let param = |name: &str| draft.params.get(name).cloned();
    let mut found = Vec::new();
    let mut add = |parameter: Parameter, value| {
        found.push(Argument { name: parameter.name().to_owned(), value });
    };
    add(Parameter::Created, Value::Integer(now.0));
    if definition.requires(Parameter::Expires) {
        let lifetime = definition.max_lifetime.unwrap_or(LIFETIME).min(LIFETIME);
        add(Parameter::Expires, Value::Integer(now.0.saturating_add(lifetime)));
    }
    if definition.requires(Parameter::Nonce) || draft.params.contains_key("nonce") {
        let made_up = || -> String {
            let digits = draft.made_up_uuid("nonce", now).replace('-', "");
            let length = digits.len().clamp(*definition.nonce.start(), *definition.nonce.end());
            digits.chars().cycle().take(length).collect()
        };
        add(Parameter::Nonce, Value::Text(param("nonce").unwrap_or_else(made_up)));
    }
    if let Some(keyid) = param("keyid").or(key.name()) {
        add(Parameter::Keyid, Value::Text(keyid));
    }
    if definition.requires(Parameter::Alg) || definition.algorithms.len() > 1 {
        add(Parameter::Alg, Value::Text(key.algorithm().name().to_owned()));
    }
    if let Some(tag) = definition.tag.clone().or(param("tag")) {
        add(Parameter::Tag, Value::Text(tag));
    }
    found
}

/// What signs.
enum Key {
    Private(SigningKey, HttpAlgorithm),
    Secret(Arc<str>, Box<Mac>),
}

impl Key {
    /// The key of the draft, where its algorithm is one of the policy; else the first live secret.
    fn of(verifier: &HttpSignatureVerifier, draft: &Draft, now: UnixTime) -> Result<Key, SignError> {
        let allowed = &verifier.definition.algorithms;
        if let Some(key) = &draft.key {
            let algorithm = HttpAlgorithm::of_jose(key.algorithm());
            let algorithm =
                algorithm.filter(|algorithm| allowed.contains(algorithm)).ok_or(SignError::Key)?;
            return Ok(Key::Private(key.clone(), algorithm));
        }
        match verifier.secrets.live(now).next() {
            Some(secret) => Ok(Key::Secret(Arc::clone(&secret.name), Box::new(secret.ready.clone()))),
            None if verifier.secrets.is_empty() => Err(SignError::Key),
            None => Err(SignError::NoLiveSecret),
        }
    }

    fn algorithm(&self) -> HttpAlgorithm {
        match self {
            Key::Private(_, algorithm) => *algorithm,
            Key::Secret(..) => HttpAlgorithm::HmacSha256,
        }
    }

    /// What a signature calls it; some receivers want a name even where there is one secret.
    fn name(&self) -> Option<String> {
        match self {
            Key::Private(key, _) => key.kid().map(str::to_owned),
            Key::Secret(name, _) => Some(name.to_string()),
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Key::Private(key, _) => key.signature(message),
            Key::Secret(_, mac) => {
                let mut mac = Mac::clone(mac);
                mac.update(message);
                Some(mac.finish().as_bytes().to_vec())
            }
        }
    }
}

/// Makes up what only the sender knows.
fn fill(definition: &HttpSignatureDefinition, draft: &mut Draft) -> Result<(), SignError> {
    for component in definition.components.iter().flatten() {
        match component.what() {
            What::Field(name, form)
                if !draft.headers.contains_key(name) && ![CONTENT_DIGEST, CONTENT_LENGTH].contains(name) =>
            {
                let value = match form {
                    Form::Member(key) => format!("{key}=1"),
                    _ if *name == CONTENT_TYPE => "application/json".to_owned(),
                    _ => "self-test".to_owned(),
                };
                place::insert(draft, name, value.as_bytes())?;
            }
            What::QueryParam(name) if !draft.target.contains(&format!("{name}=")) => {
                let separator = if draft.target.contains('?') { '&' } else { '?' };
                draft.target.push_str(&format!("{separator}{name}=self-test"));
            }
            _ => {}
        }
    }
    Ok(())
}
