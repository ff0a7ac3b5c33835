//! Verification of a signature, as far as the head settles it.

use super::algorithm::HttpAlgorithm;
use super::component::Component;
use super::definition::{HttpSignatureDefinition, Parameter};
use super::digest::CONTENT_DIGEST;
use super::fields::{UnverifiedInput, Value, byte_sequences, inputs, joined};
use super::said::{Said, written};
use super::times::Times;
use super::value::{Address, Message, ValueFlaw};
use super::waiting::AwaitingHttpKey;
use crate::base::time::UnixTime;
use crate::http::Head;
use crate::scheme::{Algorithm as MacAlgorithm, Covers, HashName, KeyForm, Mac, SecretFlaw};
use crate::verify::error::VerifyError;
use crate::verify::jwt::{Algorithm, JwtKeys};
use crate::verify::setup::{Keys, NamedSecret, Remember, SetupFlaw};
use crate::verify::step::{AwaitKey, Step};
use http::HeaderName;
use std::sync::Arc;

pub(super) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// A definition with the address, the secrets and the keys of one source.
#[derive(Debug)]
pub(crate) struct HttpSignatureVerifier {
    pub(super) definition: HttpSignatureDefinition,
    pub(super) address: Option<Address>,
    pub(super) secrets: Keys<Mac>,
    keys: JwtKeys,
    /// What key sets call the algorithms.
    pub(crate) jose: Vec<Algorithm>,
    pub(crate) headers_read: Vec<HeaderName>,
    /// What the replay guard knows a message by.
    pub(crate) remember: Remember,
}

impl HttpSignatureVerifier {
    /// How policy, log and metrics call the scheme.
    pub const NAME: &'static str = "http_signature";

    /// Keys the MACs; the form says how a secret is written.
    pub fn new(
        definition: HttpSignatureDefinition,
        public_url: Option<&str>,
        keys: JwtKeys,
        form: &KeyForm,
        secrets: Vec<NamedSecret>,
    ) -> Result<HttpSignatureVerifier, SetupFlaw> {
        let takes_secret = definition.algorithms.contains(&HttpAlgorithm::HmacSha256);
        let secrets = match (secrets.is_empty(), &keys) {
            (true, JwtKeys::Fixed(_) | JwtKeys::Fetched) => Keys::none(),
            _ => Keys::prepare(secrets, |secret| {
                let key = form.decode(secret)?;
                let mac = Mac::new(MacAlgorithm::Hmac(HashName::Sha256), key.expose());
                mac.ok().filter(|_| takes_secret).ok_or(SecretFlaw::NotUsed)
            })?,
        };
        let mut headers_read = vec![SIGNATURE_INPUT, SIGNATURE, CONTENT_DIGEST];
        let demanded = definition.components.iter().flatten().chain(&definition.when_present);
        headers_read.extend(demanded.filter_map(|component| component.field().cloned()));
        headers_read.dedup();
        let jose = definition.algorithms.iter().map(|algorithm| algorithm.jose()).collect();
        let address = match public_url {
            Some(url) => Some(Address::of_url(url).ok_or(SetupFlaw::Address)?),
            None => None,
        };
        let remember = Remember::Nothing;
        Ok(HttpSignatureVerifier { definition, address, secrets, keys, jose, headers_read, remember })
    }

    /// Settles all that the head can settle: form, policy and times, cheapest first, then the signature where the key
    /// is at hand.
    pub fn start(&self, head: &Head, now: UnixTime) -> Result<Step<'_>, VerifyError> {
        let (input, signature) = self.select(head)?;
        let said = Said::read(&input.arguments, &self.definition)?;
        let algorithms = self.algorithms(said.algorithm)?;
        let times = Times::new(said.created, said.expires, &self.definition)?;
        times.check(now)?;
        let components = self.definition.covered(&input, head)?;
        let promise = self.definition.promise(&components, head)?;
        if said.keyid.as_ref().is_some_and(|keyid| self.definition.revoked.contains(keyid)) {
            return Err(VerifyError::KeyRevoked);
        }
        let parameters = written(&components, &input.arguments)
            .ok_or(VerifyError::ParameterMalformed { parameter: "a parameter" })?;
        let message = Message { head, address: self.address.as_ref(), definition: &self.definition };
        let base = message.base(&components, &parameters);
        let base = base.map_err(|(number, flaw)| self.no_value(components.get(number), flaw))?;
        let (keyid, nonce) = (said.keyid, said.nonce);
        let waiting =
            AwaitingHttpKey { verifier: self, algorithms, base, signature, keyid, nonce, times, promise };
        let symmetric = waiting.algorithms.iter().all(|algorithm| algorithm.is_symmetric());
        match &self.keys {
            _ if symmetric && !self.secrets.is_empty() => waiting.with_secrets(now),
            JwtKeys::Fixed(keys) => waiting.with_keys(keys, now),
            JwtKeys::Fetched if symmetric => Err(VerifyError::AlgorithmNotAllowed),
            JwtKeys::Fetched if waiting.keyid.is_none() => Err(VerifyError::KidMissing),
            JwtKeys::Fetched => Ok(Step::Key(AwaitKey::for_http_signature(waiting))),
            JwtKeys::None | JwtKeys::Chain(_) => Err(VerifyError::AlgorithmNotAllowed),
        }
    }

    /// The one signature that counts, and what it says of itself.
    fn select(&self, head: &Head) -> Result<(UnverifiedInput, Vec<u8>), VerifyError> {
        let malformed = |name: &HeaderName| VerifyError::SignatureMalformed { field: label(name) };
        let missing = |name: &HeaderName| VerifyError::SignatureMissing { field: label(name) };
        let text = joined(&head.headers, &SIGNATURE_INPUT).map_err(|_| malformed(&SIGNATURE_INPUT))?;
        let text = text.ok_or_else(|| missing(&SIGNATURE_INPUT))?;
        let every = inputs(&text).map_err(|_| malformed(&SIGNATURE_INPUT))?;
        let text = joined(&head.headers, &SIGNATURE).map_err(|_| malformed(&SIGNATURE))?;
        let text = text.ok_or_else(|| missing(&SIGNATURE))?;
        let signatures =
            byte_sequences(&text, self.definition.base64url).map_err(|_| malformed(&SIGNATURE))?;
        if signatures.iter().any(|(label, _)| every.iter().all(|input| input.label != *label)) {
            return Err(malformed(&SIGNATURE));
        }
        let HttpSignatureDefinition { label, tag, .. } = &self.definition;
        let is_named = |input: &UnverifiedInput| label.as_ref().is_none_or(|label| *label == input.label);
        let named: Vec<UnverifiedInput> = every.into_iter().filter(is_named).collect();
        if named.is_empty() {
            return Err(missing(&SIGNATURE_INPUT));
        }
        let is_tagged = |input: &UnverifiedInput| match tag {
            None => true,
            Some(tag) => input.arguments.iter().any(|argument| {
                argument.name == "tag" && matches!(&argument.value, Value::Text(text) if text == tag)
            }),
        };
        let mut tagged = named.into_iter().filter(is_tagged);
        let input = tagged.next().ok_or(VerifyError::TagMismatch)?;
        if tagged.next().is_some() {
            return Err(VerifyError::SignatureAmbiguous);
        }
        let own = signatures.into_iter().find(|(label, _)| *label == input.label);
        let (_, signature) = own.ok_or_else(|| missing(&SIGNATURE))?;
        Ok((input, signature))
    }

    /// The algorithms that may have made it: the one that it names, or those of the policy, of which the key chooses.
    fn algorithms(&self, named: Option<HttpAlgorithm>) -> Result<Vec<HttpAlgorithm>, VerifyError> {
        let allowed = &self.definition.algorithms;
        let found = match named {
            Some(named) => allowed.iter().copied().filter(|algorithm| *algorithm == named).collect(),
            None => allowed.clone(),
        };
        let symmetric = found.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        // A key and a secret of one name: which of them is meant must not be guessed.
        let guessed = symmetric != 0 && symmetric != found.len();
        if found.is_empty() || guessed { Err(VerifyError::AlgorithmNotAllowed) } else { Ok(found) }
    }

    /// The error of a component without value, in the words of the policy where it names it.
    fn no_value(&self, component: Option<&Component>, flaw: ValueFlaw) -> VerifyError {
        let policy = &self.definition;
        let listed = policy.components.iter().flatten().chain(&policy.when_present);
        let listed = listed.chain(policy.allow.iter().flatten());
        let own = component.and_then(|component| listed.into_iter().find(|one| *one == component));
        let field: Arc<str> = own.map_or_else(|| "a covered component".into(), |one| one.to_string().into());
        match flaw {
            ValueFlaw::Absent => VerifyError::FieldMissing { field },
            ValueFlaw::Repeated => VerifyError::FieldRepeated { field },
            ValueFlaw::Malformed => VerifyError::FieldMalformed { field },
            ValueFlaw::Nominated => {
                VerifyError::ComponentNotAllowed { flaw: "`Connection` names a field that is covered" }
            }
            ValueFlaw::TypeUnknown => VerifyError::ComponentNotAllowed {
                flaw: "`sf` or `key` of a field that is not in `structured`",
            },
        }
    }

    /// What of a request is proved.
    pub fn covers(&self) -> Covers {
        if self.definition.binds_body() { Covers::Body } else { Covers::Origin }
    }

    /// How old a signature may be, seconds; nothing where it need not say when it was made.
    pub fn tolerance(&self) -> Option<i64> {
        self.definition.requires(Parameter::Created).then_some(self.definition.max_age)
    }

    /// Whether every signature is unique.
    pub fn demands_nonce(&self) -> bool {
        self.definition.requires(Parameter::Nonce)
    }

    /// Whether there is a secret to sign with.
    pub fn can_sign(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Whether keys are fetched by their names.
    pub fn fetches(&self) -> bool {
        matches!(self.keys, JwtKeys::Fetched)
    }
}

fn label(name: &HeaderName) -> Arc<str> {
    format!("header {name}").into()
}
