//! Whether a request comes from whom it should: pure functions of the request, the secrets and `now`.
//!
//! [`Verifier::start`] settles what the head can settle and says what it needs next; the end is a
//! [`Proof`], which turns head and body into [`Verified`]. Nothing else makes one.

mod basic;
mod error;
mod explain;
mod http_signature;
mod jwt;
mod place;
mod proof;
mod public_key;
mod setup;
mod sign;
mod signature;
mod step;
mod token;
mod verifier;

pub use crate::scheme::{Covers, SecretFlaw};
pub use basic::BasicDefinition;
pub use error::VerifyError;
pub use explain::{Evidence, Finding, Known, Other};
pub use http_signature::{
    Component, DigestRule, FieldType, HttpAlgorithm, HttpSignatureDefinition, Parameter,
};
pub use jwt::{
    AddressHash, AddressText, Algorithm, BodyHash, ClaimPath, Claims, EmptyBody, Family, Hash, HashForm,
    Json, JsonFlaw, JwtDefinition, JwtKeys, KeySet, KeySetFlaw, KidRule, Profile, SigningKey, SigningKeyFlaw,
    SingleKey, TokenPlace, is_kid,
};
pub use proof::{EventId, Mark, Proof, Sender, Verified};
pub use public_key::{
    CertificateFlaw, CertificateRule, ChainRule, CheckingKey, KeyFlaw, KeyText, PrivateKey, PrivateKeyFlaw,
    PublicKey,
};
pub use setup::{NamedSecret, Remember, SetupFlaw, Surroundings};
pub use sign::{Draft, SignError};
pub use step::{AwaitBody, AwaitKey, Step};
pub use token::TokenDefinition;
pub use verifier::Verifier;

#[cfg(test)]
mod tests;
