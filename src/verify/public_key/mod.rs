//! Public keys: their forms, what makes one unfit, and checking and making signatures.

mod certificate;
mod check;
mod flaw;
mod key;
mod rsa;
mod sign;
mod text;

pub use certificate::{CertificateFlaw, CertificateRule, ChainRule};
pub use check::CheckingKey;
pub use flaw::KeyFlaw;
pub use key::PublicKey;
pub use sign::{PrivateKey, PrivateKeyFlaw};
pub use text::KeyText;

#[cfg(test)]
mod tests;
