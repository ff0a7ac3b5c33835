//! How a sender signs, as data: where its fields stand, what text is signed, with which key and algorithm.
//!
//! A [`Definition`] is what the policy file says; [`Scheme::build`] refuses what would be unsafe and makes
//! the form that `verify` runs. The same form reads requests and writes them.

mod algorithm;
mod build;
mod definition;
mod encoding;
mod field;
mod flaw;
mod key;
mod list;
mod message;
mod pointer;
mod rules;
mod template;

pub use algorithm::{Algorithm, Mac, Tag};
pub use build::{Covers, Id, Scheme, Signature, Timestamp, Unit};
pub use definition::{Definition, FieldDefinition, KeyDefinition};
pub use encoding::Encoding;
pub use field::{Fault, Field, FieldFault, Place, Text};
pub use flaw::{Flaw, nearest};
pub use key::{KeyEncoding, KeyForm, SecretFlaw};
pub use list::Shape;
pub use message::{Message, Piece, Unbound};
pub use pointer::Pointer;

#[cfg(test)]
pub(crate) mod tests;
