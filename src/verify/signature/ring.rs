//! The secrets or public keys of a source: all of them, those that a field of the request chooses, or those that are
//! fetched.

use crate::base::limits::MAX_CHOICES;
use crate::base::secret::Secret;
use crate::scheme::{
    Algorithm, Field, FieldFault, KeyForm, Mac, PublicAlgorithm, Reading, Scheme, SecretFlaw,
};
use crate::verify::error::VerifyError;
use crate::verify::public_key::{CheckingKey, KeyFlaw, KeyText};
use crate::verify::setup::{Keys, NamedSecret, SetupFlaw};
use std::collections::HashMap;
use std::sync::Arc;

/// A secret, or the text of a public key, ready for use.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What proves with it.
    pub proving: Proving,
    /// The secret in bytes.
    pub secret: Secret,
    /// The secret as it was configured.
    pub given: Secret,
}

/// What proves a signature.
#[derive(Clone, Debug)]
pub enum Proving {
    /// The keyed MAC, or the empty hash.
    Mac(Box<Mac>),
    /// Public keys, any of which.
    Public(Vec<CheckingKey>),
}

impl Ready {
    /// The keyed MAC, where it is one.
    pub fn mac(&self) -> Option<&Mac> {
        match &self.proving {
            Proving::Mac(mac) => Some(mac),
            Proving::Public(_) => None,
        }
    }
}

/// The secrets that may have signed a request.
#[derive(Debug)]
pub enum Ring {
    /// Any of these.
    All(Keys<Ready>),
    /// Those of the value that stands at a place.
    Chosen(Chooser, HashMap<Arc<str>, Keys<Ready>>),
    /// Public keys that are fetched.
    Fetched,
}

/// What chooses.
#[derive(Debug)]
pub enum Chooser {
    /// A field of the scheme, by its index.
    Field(usize),
    /// A capture of the path.
    Capture(String),
}

impl Ring {
    /// Makes every secret ready. `by` names what chooses among those that have a `choice`.
    pub fn prepare(secrets: Vec<NamedSecret>, by: Option<&str>, scheme: &Scheme) -> Result<Ring, SetupFlaw> {
        let ready = |secret: &Secret| ready(&scheme.key, scheme.algorithm, secret);
        let Some(by) = by else { return Keys::prepare(secrets, ready).map(Ring::All) };
        let field = scheme.fields().iter().position(|field| field.name == by);
        let chooser = field.map_or_else(|| Chooser::Capture(by.to_owned()), Chooser::Field);
        if secrets.len() > MAX_CHOICES {
            return Err(SetupFlaw::TooManySecrets);
        }
        let mut sorted: HashMap<Arc<str>, Vec<NamedSecret>> = HashMap::new();
        for secret in secrets {
            let choice = secret.choice.clone().unwrap_or_else(|| Arc::clone(&secret.name));
            sorted.entry(choice).or_default().push(NamedSecret { choice: None, ..secret });
        }
        let keys = sorted
            .into_iter()
            .map(|(choice, secrets)| Keys::prepare(secrets, ready).map(|keys| (choice, keys)));
        let keys: HashMap<_, _> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SetupFlaw::NoSecret) } else { Ok(Ring::Chosen(chooser, keys)) }
    }

    /// Whether the body chooses.
    pub fn needs_body(&self, scheme: &Scheme) -> bool {
        match self {
            Ring::Chosen(Chooser::Field(index), _) => {
                scheme.field(*index).is_some_and(|field| field.is_in_body())
            }
            _ => false,
        }
    }

    /// The secrets for a request.
    ///
    /// # Errors
    /// When the field that chooses is absent, or names nobody.
    pub fn of(&self, scheme: &Scheme, reading: &Reading<'_>) -> Result<&Keys<Ready>, VerifyError> {
        match self {
            Ring::All(keys) => Ok(keys),
            Ring::Fetched => Err(VerifyError::NoLiveSecret),
            Ring::Chosen(chooser, keys) => chooser.pick(keys, scheme, reading).map(|(_, keys)| keys),
        }
    }

    /// What a request chooses by; nothing where all secrets are one sender's.
    pub fn choice(&self, scheme: &Scheme, reading: &Reading<'_>) -> Option<&Arc<str>> {
        match self {
            Ring::All(_) | Ring::Fetched => None,
            Ring::Chosen(chooser, keys) => chooser.pick(keys, scheme, reading).ok().map(|(choice, _)| choice),
        }
    }

    /// The secrets that a request does not choose, each with the value that would; some of them, where there are many.
    pub fn others(&self, chosen: Option<&Arc<str>>) -> impl Iterator<Item = (&str, &Keys<Ready>)> {
        let keys = match self {
            Ring::All(_) | Ring::Fetched => None,
            Ring::Chosen(_, keys) => Some(keys),
        };
        let chosen = chosen.cloned();
        let others = keys.into_iter().flatten().filter(move |(choice, _)| Some(*choice) != chosen.as_ref());
        others.map(|(choice, keys)| (&**choice, keys))
    }

    /// The first choice and its secrets; without choices, all secrets.
    pub fn first(&self) -> Option<(&str, &Keys<Ready>)> {
        match self {
            Ring::Fetched => None,
            Ring::All(keys) => Some(("", keys)),
            Ring::Chosen(_, keys) => {
                let first = keys.iter().min_by(|left, right| left.0.cmp(right.0));
                first.map(|(choice, keys)| (&**choice, keys))
            }
        }
    }

    /// The field that chooses, if it is not the path.
    pub fn chooser<'s>(&self, scheme: &'s Scheme) -> Option<&'s Field> {
        match self {
            Ring::Chosen(Chooser::Field(index), _) => scheme.field(*index),
            _ => None,
        }
    }

    /// Every secret.
    pub fn every(&self) -> impl Iterator<Item = &Keys<Ready>> {
        let (all, chosen) = match self {
            Ring::All(keys) => (Some(keys), None),
            Ring::Chosen(_, keys) => (None, Some(keys.values())),
            Ring::Fetched => (None, None),
        };
        all.into_iter().chain(chosen.into_iter().flatten())
    }
}

impl Chooser {
    fn pick<'k>(
        &self,
        keys: &'k HashMap<Arc<str>, Keys<Ready>>,
        scheme: &Scheme,
        reading: &Reading<'_>,
    ) -> Result<(&'k Arc<str>, &'k Keys<Ready>), VerifyError> {
        let (found, label) = match self {
            Chooser::Field(index) => {
                let Some(field) = scheme.field(*index) else { return Err(VerifyError::NoLiveSecret) };
                let text = field.text(reading).map_err(|fault: FieldFault| VerifyError::of_field(fault))?;
                (keys.get_key_value(&*text.meant), Arc::clone(&field.label))
            }
            Chooser::Capture(name) => {
                let capture = reading.head.captures.iter().find(|(capture, _)| **capture == **name);
                let found = capture.and_then(|(_, value)| keys.get_key_value(&**value));
                (found, format!("path capture {name}").into())
            }
        };
        found.ok_or(VerifyError::SecretUnknown { field: label })
    }
}

fn ready(form: &KeyForm, algorithm: Algorithm, secret: &Secret) -> Result<Ready, SecretFlaw> {
    let given = secret.clone();
    if let Some(algorithm) = algorithm.public() {
        let keys = public_keys(form, algorithm, secret).map_err(|flaw| SecretFlaw::Public(flaw.text()))?;
        return Ok(Ready { proving: Proving::Public(keys), secret: given.clone(), given });
    }
    let secret = form.decode(secret)?;
    let mac = Mac::new(algorithm, secret.expose()).map_err(|_| SecretFlaw::Unusable)?;
    Ok(Ready { proving: Proving::Mac(Box::new(mac)), secret, given })
}

fn public_keys(
    form: &KeyForm,
    algorithm: PublicAlgorithm,
    text: &Secret,
) -> Result<Vec<CheckingKey>, KeyFlaw> {
    let keys = KeyText(form.strip(text.expose())).keys(&[algorithm.kind()])?;
    if keys.iter().any(|key| !key.has_bits(form.min_bits)) {
        return Err(KeyFlaw::WeakRsa);
    }
    keys.iter().map(|key| CheckingKey::new(key, algorithm)).collect()
}
