//! JSON Web Tokens (RFC 7519) over JWS (RFC 7515) in compact form, and the Secure Webhook Token on top of them.
//!
//! A strict parse of our own, then [`jsonwebtoken::crypto`] for the public-key signatures: its `decode` reads the
//! clock, insists on `exp` and lets shapes pass that two parsers could read in two ways.

mod address_hash;
mod algorithm;
mod body_hash;
mod claims;
mod definition;
mod json;
mod key;
mod key_set;
mod swt;
mod unverified;
mod verifier;
mod write;

pub use address_hash::{AddressHash, AddressText};
pub use algorithm::{Algorithm, Family};
pub use body_hash::{BodyHash, EmptyBody, Hash, HashForm};
pub use claims::ClaimPath;
pub use definition::{Claims, JwtDefinition, KidRule, Profile, TokenPlace};
pub use json::{Json, JsonFlaw};
pub use key::is_kid;
pub use key_set::{ANY_KEY, KeySet, KeySetFlaw, SingleKey};
pub use verifier::JwtKeys;
pub use write::{SigningKey, SigningKeyFlaw};

pub(super) use verifier::{AwaitingKey, JwtVerifier, PendingBody, scheme_name};
pub(super) use write::sign;

#[cfg(test)]
mod tests;
