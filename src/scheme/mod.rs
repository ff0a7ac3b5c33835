//! How a sender signs, as data: where its fields stand, what text is signed, with which key and algorithm.
//!
//! A [`Definition`] is what the policy file says; [`Schemes::build`] refuses what would be unsafe and makes
//! the form that `verify` runs. The same form reads requests and writes them.

mod algorithm;
mod build;
mod condition;
mod content;
mod definition;
mod encoding;
mod field;
mod fill;
mod filter;
mod flaw;
mod handshake;
mod key;
mod list;
mod message;
mod multipart;
mod php_json;
mod place;
mod pointer;
mod public;
mod reading;
mod rules;
mod template;

pub use algorithm::{Algorithm, HashName, Mac, Tag};
pub use build::{Covers, Id, Scheme, Schemes, Signature, Timestamp, Unit, key_form};
pub use condition::{Chars, Condition, Shape as TextShape};
pub use content::{Content, Pairs, escape, pairs, write_pairs};
pub use definition::{
    ConditionDefinition, Definition, FieldDefinition, HandshakeDefinition, KeyDefinition, PlaceDefinition,
    VariantDefinition,
};
pub use encoding::Encoding;
pub use field::{Decode, Fault, Field, FieldFault, Place, Text, Wrap};
pub use fill::{fill, params_of};
pub use filter::Filter;
pub use flaw::{Flaw, nearest};
pub use handshake::{Handshake, Reply};
pub use key::{KeyEncoding, KeyForm, SecretFlaw};
pub use list::{Position, Shape};
pub use message::{Message, Source, Unbound, UrlForm};
pub use multipart::{boundary, write as write_multipart};
pub use pointer::Pointer;
pub use public::{Curve, Digest, Form, KeyKind, PublicAlgorithm};
pub use reading::Reading;
pub use template::{Origin, Part, Placeholder, Sorted, Template};

#[cfg(test)]
pub(crate) mod tests;
