//! What every room may use: time, secrets, limits and the names that are interfaces.

pub mod limits;
pub mod names;
pub mod secret;
pub mod time;
pub mod tls;
