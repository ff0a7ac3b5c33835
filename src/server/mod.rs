//! Sockets, TLS, threads: accepts connections and gives their requests to [`crate::proxy`].

mod access_log;
mod admin;
mod admin_keys;
mod admin_refused;
mod beside;
mod connection;
mod drain;
mod key_caches;
mod listen;
mod log;
mod metrics;
mod open_files;
mod reload;
mod start;
mod tls;
mod worker;

pub use access_log::LogStyle;
pub use log::{install as install_log, settle as settle_log};
pub use open_files::provide_open_files;
pub use start::{Running, Start, StartError, install_crypto};
pub use tls::{Certificates, self_signed};
