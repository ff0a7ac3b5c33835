//! A signature whose public key has to be fetched.

use super::case::{Case, FetchedKey};
use super::pending::Whole;
use super::verifier::SignatureVerifier;
use crate::verify::error::VerifyError;
use crate::verify::jwt::KeySet;
use crate::verify::public_key::CheckingKey;
use crate::verify::step::{AwaitBody, Step};

/// A request whose head or body has named its key.
#[derive(Debug)]
pub struct AwaitingKeys<'v> {
    pub verifier: &'v SignatureVerifier,
    pub case: &'v Case,
    pub kid: String,
}

impl<'v> AwaitingKeys<'v> {
    /// Goes on with the keys of that name.
    ///
    /// # Errors
    /// There are none, or they are for another algorithm.
    pub fn with_keys(self, keys: &KeySet) -> Result<Step<'v>, VerifyError> {
        let algorithm = self.case.scheme.algorithm.public().ok_or(VerifyError::KeyMismatch)?;
        let (mut fitting, mut any) = (Vec::new(), false);
        for (name, key) in keys.public(&self.kid) {
            any = true;
            if let Ok(key) = CheckingKey::new(key, algorithm) {
                fitting.push(FetchedKey { name: name.unwrap_or("key").into(), key });
            }
        }
        match (any, fitting.is_empty()) {
            (false, _) => Err(VerifyError::KeyUnknown),
            (true, true) => Err(VerifyError::KeyMismatch),
            _ => Ok(Step::Body(AwaitBody::for_whole(Whole::with_keys(self.verifier, self.case, fitting)))),
        }
    }
}
