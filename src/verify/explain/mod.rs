//! Why a request is not believed: the known mistakes of senders and operators, tried one after the other.
//!
//! Nothing here decides anything; it may try what verification must not accept.

mod bodies;
mod credential;
mod finding;
mod keys;
mod messages;
mod signature;
mod urls;
mod written;

pub use finding::{Evidence, Finding, Known, Other};
