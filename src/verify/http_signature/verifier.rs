//! Verification of a signature: what the head settles, what a key settles, what the body settles.

use super::algorithm::HttpAlgorithm;
use super::component::Component;
use super::definition::{DigestRule, HttpSignatureDefinition, Parameter};
use super::digest::{CONTENT_DIGEST, Promise, Running};
use super::fields::{Argument, UnverifiedInput, Value, byte_sequences, inputs, joined};
use super::times::Times;
use super::value::{Address, Message, ValueFlaw};
use crate::base::time::UnixTime;
use crate::http::{Body, Head};
use crate::scheme::{Algorithm as MacAlgorithm, Covers, HashName, KeyForm, Mac, SecretFlaw};
use crate::verify::error::VerifyError;
use crate::verify::jwt::{Algorithm, JwtKeys, KeySet};
use crate::verify::proof::{Mark, Proof, Sender};
use crate::verify::setup::{Keys, NamedSecret, Remember, SetupFlaw};
use crate::verify::step::{AwaitBody, AwaitKey, Step};
use http::HeaderName;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use std::sync::Arc;
use subtle::ConstantTimeEq;

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
        let address = public_url.and_then(Address::of_url);
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
        let components = self.components(&input, head)?;
        let promise = self.promise(&components, head)?;
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

    /// What is covered, where the policy agrees with it.
    fn components(&self, input: &UnverifiedInput, head: &Head) -> Result<Vec<Component>, VerifyError> {
        let not_allowed = |flaw| VerifyError::ComponentNotAllowed { flaw };
        let mut covered: Vec<Component> = Vec::new();
        for (name, arguments) in &input.components {
            let component = Component::new(name, arguments).map_err(|flaw| not_allowed(flaw.0))?;
            if covered.contains(&component) {
                return Err(not_allowed("a component stands twice"));
            }
            covered.push(component);
        }
        let policy = &self.definition;
        let demanded = || policy.components.iter().flatten().chain(&policy.when_present);
        for component in &covered {
            let digest = component.is_digest();
            let listed = |list: &[Component]| list.iter().any(|one| one.is_akin(component));
            let known = digest || demanded().any(|one| one.is_akin(component));
            if policy.forbid.iter().any(|one| one.is_akin(component)) {
                return Err(not_allowed("a component is in `forbid`"));
            }
            if digest && policy.digest == DigestRule::Forbidden {
                return Err(not_allowed("content-digest is covered, and `digest` forbids it"));
            }
            let usual = component.field().is_none_or(|name| name != "repr-digest");
            let may = policy.allow.as_ref().map_or(usual, |allow| listed(allow));
            let of_address = policy.components.is_none() && component.field().is_none();
            if !known && !may && !of_address {
                return Err(not_allowed("a component is not in `allow`"));
            }
        }
        match &policy.components {
            Some(components) => {
                let lacking = components.iter().find(|component| !covered.contains(component));
                lacking.map_or(Ok(()), |component| Err(missing(&component.to_string())))?;
            }
            None => covers_address(&covered, head.target.query().is_some())?,
        }
        for component in &policy.when_present {
            let here = match component.field() {
                Some(name) => head.headers.contains_key(name),
                None => head.target.query().is_some(),
            };
            if here && !covered.iter().any(|one| one.is_akin(component)) {
                return Err(missing(&component.to_string()));
            }
        }
        Ok(covered)
    }

    /// What is said of the body, where it is covered.
    fn promise(&self, covered: &[Component], head: &Head) -> Result<Option<Promise>, VerifyError> {
        if covered.iter().any(Component::binds_body) {
            return Promise::read(&head.headers, self.definition.base64url).map(Some);
        }
        let length = head.headers.get(CONTENT_LENGTH);
        let has_body =
            head.headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0");
        match self.definition.digest {
            DigestRule::Required => Err(missing("\"content-digest\"")),
            DigestRule::Body if has_body => Err(missing("\"content-digest\"")),
            _ => Ok(None),
        }
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

fn missing(component: &str) -> VerifyError {
    VerifyError::ComponentMissing { component: component.into() }
}

/// Method, and the whole address in one of its forms.
fn covers_address(covered: &[Component], has_query: bool) -> Result<(), VerifyError> {
    let covers = |written: &str| covered.iter().any(|component| component.written() == written);
    for (wanted, forms) in [
        ("\"@method\"", &["\"@method\""][..]),
        ("\"@authority\" or \"@target-uri\"", &["\"@authority\"", "\"@target-uri\""]),
        ("\"@path\" or \"@target-uri\"", &["\"@path\"", "\"@target-uri\"", "\"@request-target\""]),
        ("\"@query\" or \"@target-uri\"", &["\"@query\"", "\"@target-uri\"", "\"@request-target\""]),
    ] {
        let idle = wanted.starts_with("\"@query\"") && !has_query;
        if !idle && !forms.iter().any(|form| covers(form)) {
            return Err(missing(wanted));
        }
    }
    Ok(())
}

/// The value of `@signature-params` (section 2.3): what the field says, written anew.
pub(super) fn written(components: &[Component], arguments: &[Argument]) -> Option<String> {
    let components: Vec<&str> = components.iter().map(Component::written).collect();
    let mut out = format!("({})", components.join(" "));
    for Argument { name, value } in arguments {
        match value {
            Value::Integer(number) => out.push_str(&format!(";{name}={number}")),
            Value::Text(text) => {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                out.push_str(&format!(";{name}=\"{text}\""));
            }
            Value::Flag(_) | Value::Other => return None,
        }
    }
    Some(out)
}

/// The parameters of a signature, each of its type.
#[derive(Debug, Default)]
struct Said {
    created: Option<i64>,
    expires: Option<i64>,
    nonce: Option<String>,
    algorithm: Option<HttpAlgorithm>,
    keyid: Option<String>,
}

impl Said {
    fn read(arguments: &[Argument], policy: &HttpSignatureDefinition) -> Result<Said, VerifyError> {
        let mut said = Said::default();
        let mut algorithm = None;
        for Argument { name, value } in arguments {
            match (Parameter::parse(name), value) {
                (Some(Parameter::Created), Value::Integer(at)) => said.created = Some(*at),
                (Some(Parameter::Expires), Value::Integer(at)) => said.expires = Some(*at),
                (Some(Parameter::Nonce), Value::Text(text)) => said.nonce = Some(text.clone()),
                (Some(Parameter::Alg), Value::Text(text)) => algorithm = Some(text.as_str()),
                (Some(Parameter::Keyid), Value::Text(text)) => said.keyid = Some(text.clone()),
                // The policy has compared it.
                (Some(Parameter::Tag), Value::Text(_)) => {}
                (Some(known), _) => {
                    return Err(VerifyError::ParameterMalformed { parameter: known.name() });
                }
                (None, _) => {
                    return Err(VerifyError::ParameterMalformed {
                        parameter: "a parameter that is not known",
                    });
                }
            }
        }
        let has = |parameter: &Parameter| arguments.iter().any(|argument| argument.name == parameter.name());
        if let Some(lacking) = policy.require.iter().find(|parameter| !has(parameter)) {
            return Err(VerifyError::ParameterMissing { parameter: lacking.name() });
        }
        if said.nonce.as_ref().is_some_and(|nonce| !policy.nonce.contains(&nonce.len())) {
            return Err(VerifyError::ParameterMalformed { parameter: "nonce" });
        }
        said.algorithm = match algorithm {
            Some(name) => Some(HttpAlgorithm::parse(name).ok_or(VerifyError::AlgorithmNotAllowed)?),
            None => None,
        };
        if said.keyid.as_ref().is_some_and(|keyid| !policy.kid.allows(keyid)) {
            return Err(VerifyError::KidMalformed);
        }
        Ok(said)
    }
}

/// A signature whose head is settled; its key decides.
#[derive(Debug)]
pub(crate) struct AwaitingHttpKey<'v> {
    verifier: &'v HttpSignatureVerifier,
    algorithms: Vec<HttpAlgorithm>,
    base: String,
    signature: Vec<u8>,
    keyid: Option<String>,
    nonce: Option<String>,
    times: Times,
    promise: Option<Promise>,
}

impl<'v> AwaitingHttpKey<'v> {
    /// The name of the key that is needed.
    pub fn kid(&self) -> &str {
        self.keyid.as_deref().unwrap_or_default()
    }

    /// Checks the signature with the keys of its `keyid`.
    pub fn with_keys(self, keys: &KeySet, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        // Waiting for keys takes time, too.
        self.times.check(now)?;
        let jose: Vec<Algorithm> = self.algorithms.iter().map(|algorithm| algorithm.jose()).collect();
        let members = &self.verifier.definition.key_members;
        let key = keys.prove(self.keyid.as_deref(), &jose, members, self.base.as_bytes(), &self.signature)?;
        self.settle(key)
    }

    /// Compares with the MAC under every live secret, without early exit.
    fn with_secrets(self, now: UnixTime) -> Result<Step<'v>, VerifyError> {
        let (mut matched, mut secrets) = (None, 0);
        for key in self.verifier.secrets.live(now) {
            secrets += 1;
            let mut mac = key.ready.clone();
            mac.update(self.base.as_bytes());
            let hit = bool::from(mac.finish().as_bytes().ct_eq(&self.signature));
            matched = if hit { matched.or(Some(&key.name)) } else { matched };
        }
        match matched {
            Some(name) => {
                let name = Arc::clone(name);
                self.settle(name)
            }
            None if secrets == 0 => Err(VerifyError::NoLiveSecret),
            None => Err(VerifyError::SignatureMismatch { signatures: 1, secrets }),
        }
    }

    /// The sender is proved; what is left is the body.
    fn settle(self, key: Arc<str>) -> Result<Step<'v>, VerifyError> {
        let AwaitingHttpKey { verifier, base, nonce, times, promise, .. } = self;
        let mark = (verifier.remember != Remember::Nothing).then(|| match &nonce {
            Some(nonce) if verifier.remember != Remember::Message => {
                Mark::of_event(&[key.as_bytes(), nonce.as_bytes()])
            }
            // Not the signature: of an ECDSA signature anybody can make a second one.
            _ => Mark::of_message(&[base.as_bytes()]),
        });
        let sender = Sender {
            scheme: HttpSignatureVerifier::NAME,
            key,
            event_id: None,
            timestamp: times.created(),
            valid_until: times.valid_until(),
            mark: None,
        };
        let digest = Running::new(promise);
        if !digest.is_bound() && mark.is_none() && !verifier.definition.binds_body() {
            return Ok(Step::Done(Proof::new(sender)));
        }
        let must_bind = verifier.definition.binds_body();
        let pending = PendingHttpBody { sender, mark, times, digest, must_bind };
        Ok(Step::Body(AwaitBody::for_http_signature(pending)))
    }
}

/// A proved signature whose body is on its way.
#[derive(Debug)]
pub(crate) struct PendingHttpBody {
    sender: Sender,
    mark: Option<Mark>,
    times: Times,
    digest: Running,
    /// Whether a body without signed digest is refused.
    must_bind: bool,
}

impl PendingHttpBody {
    /// Feeds the next bytes of the body.
    pub fn chunk(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Compares the body with what was signed of it.
    pub fn end(self, body: &Body, now: UnixTime) -> Result<Proof, VerifyError> {
        self.times.check(now)?;
        if self.must_bind && !self.digest.is_bound() && !body.is_empty() {
            return Err(missing("\"content-digest\""));
        }
        let digest = self.digest.finish()?;
        let mark = self.mark.map(|mark| mark.with_body(&digest));
        Ok(Proof::new(Sender { mark, ..self.sender }))
    }
}
