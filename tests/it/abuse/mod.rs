//! What strangers do, one table row a case; the numbers are those of the project's list of abuse cases.
//!
//! A row is a stimulus, the answers that pass and how many requests the upstream may see. To add one, push
//! a [`Case`] in the module of its letter. The runner adds the rules that hold for every row; see [`Bench::run`].

mod fixture;
mod framing;
mod headers;
mod http2;
mod http2_floods;
mod lint;
mod profiles;
mod proofs;
mod routing;
mod runner;
mod skipped;
mod timestamps;
mod tls;
mod upstream;

pub use fixture::*;
pub use runner::*;
