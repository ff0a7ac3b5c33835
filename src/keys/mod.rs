//! Keys that are fetched: one cache for each key server, its limits, and what happens on the server's bad days.
//!
//! [`KeyCache::peek`] answers from memory; [`KeyCache::find`] asks the server when it may. The fetches run on
//! [`Fetching`], away from the workers.

mod address;
mod brakes;
mod cache;
mod client;
mod counts;
mod fault;
mod fetch;
mod fetching;
mod flight;
mod land;
mod lifetime;
mod renew;
mod request;
mod store;
mod unknown;

pub use cache::KeyCache;
pub use counts::KeyCounts;
pub use fault::{KeyError, KeyFailure, KeyFault};
pub use fetching::Fetching;
pub use store::KeyEntry;

#[cfg(test)]
mod tests;
