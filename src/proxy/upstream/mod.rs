//! The way to the application: a pool of connections per worker and upstream, and the response back.

mod connect;
mod forward;
mod pool;
mod request;
mod response;

pub use connect::{Dialer, Tls, trust_roots};
pub use forward::{Forward, ForwardError};
pub use pool::Upstream;
pub use request::Passport;
pub use response::Relay;
