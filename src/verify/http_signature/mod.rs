//! HTTP Message Signatures (RFC 9421) with digests of the body (RFC 9530).
//!
//! What a signature covers is said by the request; what it must cover is said by the policy alone. The structured
//! fields (RFC 9651) are read by [`sfv`], whose visitors show us what a parser that keeps the last of two equal
//! names would hide.

mod algorithm;
mod component;
mod coverage;
mod definition;
mod digest;
mod fields;
mod said;
mod times;
mod value;
mod verifier;
mod waiting;
mod write;

pub use algorithm::HttpAlgorithm;
pub use component::{Component, FieldType};
pub use definition::{DigestRule, HttpSignatureDefinition, Parameter};

pub(super) use verifier::HttpSignatureVerifier;
pub(super) use waiting::{AwaitingHttpKey, PendingHttpBody};
pub(super) use write::sign;

#[cfg(test)]
mod tests;
