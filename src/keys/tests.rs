//! A cache before a scripted key server. Time is a clock that the tests move; nothing ticks by itself.

mod discovery;
mod document;
mod fetching;
mod limits;
mod operator;
mod outage;
mod per_kid;
mod rig;
mod server;
mod tls;
mod wire;
