//! The command line: one file a subcommand, wired in `command`.

mod captured;
mod check;
mod command;
mod completions;
mod conformance;
mod curl;
mod demo;
mod explain;
mod failure;
mod files;
mod format;
mod headers_file;
mod healthcheck;
mod init;
mod keys;
mod message;
mod peer;
mod providers;
mod raw_request;
mod request;
mod route_table;
mod run;
mod schema;
mod send;
mod sign;
mod signer;
mod subject;
mod table;
mod verify;

pub use command::main;
pub use failure::Failure;
