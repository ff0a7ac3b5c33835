//! The machinery: a proxy process, an upstream that records, clients that can misbehave.

pub mod certificate;
pub mod client;
pub mod frames;
pub mod http2;
pub mod http_signature;
pub mod key_server;
pub mod libraries;
pub mod parse;
pub mod policy;
pub mod provider;
pub mod proxy;
pub mod random;
pub mod recorder;
pub mod request;
pub mod response;
pub mod sign;
pub mod signer;
pub mod token;
