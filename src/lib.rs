//! Bonafide: a verifying reverse proxy. Only requests whose sender is proved reach the application behind it.
//!
//! The rooms in reading order; each uses only those above it.
#![forbid(unsafe_code)]

pub mod base;
pub mod http;
pub mod scheme;
pub mod verify;

pub mod policy;

pub mod keys;
pub mod replay;

pub mod config;
pub mod proxy;
pub mod server;

pub mod cli;
