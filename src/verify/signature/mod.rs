//! Signatures over a message: keyed with a secret, or made with a private key.

mod awaiting;
mod case;
mod moment;
mod pending;
mod ring;
mod verifier;

pub use awaiting::AwaitingKeys;
pub use case::Case;
pub use moment::{read as read_moment, write as write_moment};
pub use pending::{Pending, Whole};
pub use ring::{Ready, Ring};
pub use verifier::SignatureVerifier;
