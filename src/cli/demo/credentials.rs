//! What the senders know and nobody else: secrets and private keys that live as long as the process.

use super::cannot_start;
use super::key_pair::KeyPair;
use super::senders::{SENDERS, SecretForm, Sender};
use crate::cli::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// The secrets and keys of all senders.
pub struct Credentials {
    secrets: BTreeMap<String, String>,
    keys: BTreeMap<&'static str, KeyPair>,
}

impl Credentials {
    /// Other ones each time.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn make_up() -> Result<Credentials, Failure> {
        let (mut secrets, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for sender in SENDERS {
            if let Some(secret) = made_up(sender.secret)? {
                secrets.insert(sender.variable(), secret);
            }
            if let Some(kid) = sender.secret.kid() {
                keys.insert(sender.name, KeyPair::generate(kid).map_err(cannot_start)?);
            }
        }
        Ok(Credentials { secrets, keys })
    }

    /// The secrets, by the variables that hold them.
    pub fn secrets(&self) -> &BTreeMap<String, String> {
        &self.secrets
    }

    /// The key pair of a sender that has one.
    pub fn key_pair(&self, sender: &Sender) -> Option<&KeyPair> {
        self.keys.get(sender.name)
    }
}

fn made_up(form: SecretForm) -> Result<Option<String>, Failure> {
    let mut bytes = [0; 32];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| Failure::start("the system has no random bytes".to_owned()))?;
    Ok(match form {
        SecretForm::Text | SecretForm::KeyServer(_) => Some(hex::encode(bytes)),
        SecretForm::Whsec => Some(format!("whsec_{}", STANDARD.encode(bytes))),
        SecretForm::KeySet(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_other_ones_each_time() {
        let (first, second) = (Credentials::make_up().unwrap(), Credentials::make_up().unwrap());
        assert_eq!((first.secrets().len(), first.keys.len()), (SENDERS.len() - 1, 2));
        let differs = |(name, secret)| second.secrets().get(name).is_some_and(|other| other != secret);
        assert!(first.secrets().iter().all(differs));
        assert!(first.keys.iter().all(|(name, pair)| pair.jwk() != second.keys[name].jwk()));
    }
}
