//! What a verifier is made of beside its scheme.

use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::scheme::{SecretFlaw, Unbound};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A configured secret.
#[derive(Clone, Debug)]
pub struct NamedSecret {
    /// How logs and `Bonafide-Key` call it.
    pub name: Arc<str>,
    /// The secret as configured.
    pub secret: Secret,
    /// Not used at or after this time.
    pub until: Option<UnixTime>,
    /// The value of the request's field that it belongs to, where a field chooses.
    pub choice: Option<Arc<str>>,
}

/// What the replay guard knows a message by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Remember {
    /// Nothing is remembered.
    #[default]
    Nothing,
    /// The event id where the proof covers one, else the message.
    Event,
    /// The event id, covered or not, else the message.
    UnsignedEvent,
    /// The message, whatever its id.
    Message,
}

/// Values of the source that a message template may hold.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The public address of the source, without path: `https://hooks.example.com`.
    pub public_url: Option<String>,
    /// Configuration that is not secret, for `{param:name}`.
    pub params: BTreeMap<String, String>,
    /// The field, or the capture of the path, that chooses among the secrets.
    pub by: Option<String>,
    /// Whether public keys are fetched; there are no secrets then.
    pub fetched: bool,
}

/// Why a verifier cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupFlaw {
    /// There is no secret.
    NoSecret,
    /// More secrets than [`crate::base::limits::MAX_SECRETS`].
    TooManySecrets,
    /// A secret cannot be used.
    Secret {
        /// Its name.
        name: Arc<str>,
        /// Why.
        flaw: SecretFlaw,
    },
    /// The message needs a value that the source does not have.
    Unbound(Unbound),
    /// A Basic user name with `:` cannot be sent (RFC 7617 section 2).
    UserNameHasColon,
    /// Only a signature has secrets that a field of the request chooses.
    NothingChooses,
    /// The public address is not scheme, host and port as requests name them.
    Address,
}

impl fmt::Display for SetupFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupFlaw::NoSecret => out.write_str("there is no secret"),
            SetupFlaw::TooManySecrets => out.write_str("there are too many secrets"),
            SetupFlaw::Secret { name, flaw } => write!(out, "secret `{name}`: {flaw}"),
            SetupFlaw::Unbound(unbound) => unbound.fmt(out),
            SetupFlaw::NothingChooses => out.write_str("only a signature chooses its secret by a field"),
            SetupFlaw::Address => out.write_str("the public address is not a host that requests can name"),
            SetupFlaw::UserNameHasColon => out.write_str("a Basic user name cannot hold `:`"),
        }
    }
}

impl std::error::Error for SetupFlaw {}

/// Secrets in the form that one scheme compares with, in the order of the policy file.
#[derive(Debug)]
pub(super) struct Keys<K>(Vec<Key<K>>);

/// One secret, ready for use.
#[derive(Debug)]
pub(super) struct Key<K> {
    pub name: Arc<str>,
    pub ready: K,
    pub until: Option<UnixTime>,
}

impl<K> Keys<K> {
    /// Makes every secret ready with `prepare`. Any of them will do, so none of them may be somebody's own.
    pub fn prepare(
        secrets: Vec<NamedSecret>,
        prepare: impl Fn(&Secret) -> Result<K, SecretFlaw>,
    ) -> Result<Keys<K>, SetupFlaw> {
        if secrets.is_empty() {
            return Err(SetupFlaw::NoSecret);
        }
        if secrets.iter().any(|secret| secret.choice.is_some()) {
            return Err(SetupFlaw::NothingChooses);
        }
        if secrets.len() > crate::base::limits::MAX_SECRETS {
            return Err(SetupFlaw::TooManySecrets);
        }
        let keys =
            secrets.into_iter().map(|NamedSecret { name, secret, until, .. }| match prepare(&secret) {
                Ok(ready) => Ok(Key { name, ready, until }),
                Err(flaw) => Err(SetupFlaw::Secret { name, flaw }),
            });
        keys.collect::<Result<_, _>>().map(Keys)
    }

    /// No secrets, for schemes with public keys.
    pub fn none() -> Keys<K> {
        Keys(Vec::new())
    }

    /// Whether there is no secret, live or not.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every secret, those of the past included.
    pub fn every(&self) -> impl Iterator<Item = &Key<K>> {
        self.0.iter()
    }

    /// The secrets that may be used at `now`.
    pub fn live(&self, now: UnixTime) -> impl Iterator<Item = &Key<K>> {
        self.0.iter().filter(move |key| key.until.is_none_or(|until| now < until))
    }
}
