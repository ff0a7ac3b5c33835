//! From raw tables to a finished configuration: every rule that goes beyond the form of one value.

mod addresses;
mod answers;
mod assemble;
mod built_in;
mod capture;
mod check;
mod choices;
mod definition;
mod handshake;
mod http_signature;
mod jwt;
mod keys;
mod providers;
mod public_keys;
mod replay;
mod scheme;
mod secrets;
mod server;
mod source;
mod upstreams;

pub use assemble::{Finished, finish};
pub use built_in::{ProviderScheme, known_headers, known_schemes, provider_scheme};

use assemble::Context;
