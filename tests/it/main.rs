//! The black-box tests: the built binary, real sockets on 127.0.0.1, an upstream that records every byte.
//!
//! One binary, so that the crypto library is linked once. `rig` holds the machinery, the other modules hold the
//! cases. Nothing here uses the network outside.
#![allow(clippy::disallowed_methods, reason = "tests read the wall clock and the environment")]

mod abuse;
mod admin;
mod answers;
mod bytes;
mod capture;
mod certificate_keys;
mod certificates;
mod choices;
mod commands;
mod conformance;
mod demo;
mod explain;
mod handshakes;
mod http1_raw;
mod http_signatures;
mod invented;
mod jwt_peers;
mod keys;
mod layering;
mod mistakes;
mod peers;
mod process;
mod public_keys;
mod readme;
mod reload;
mod replay;
mod replies;
mod resources;
mod rig;
mod sdk;
mod send;
mod senders;
mod sources;
mod tokens;
mod tools;
mod vendors;
