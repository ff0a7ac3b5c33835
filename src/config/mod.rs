//! The policy file: reading it, telling everything that is wrong with it, and what is made of it.

mod catalogue;
mod declare;
mod document;
mod facts;
mod finish;
mod load;
mod paste;
mod problem;
mod provider;
mod raw;
mod read;
mod render;
mod schema;
mod secrets;
mod self_test;
mod settings;
mod show;
mod span;
#[cfg(test)]
mod tests;
mod units;
mod value;
mod watch;

pub use catalogue::ProviderEntry;
pub use facts::Facts;
pub use finish::{ProviderScheme, known_headers, known_schemes, provider_scheme};
pub use load::{Loaded, Options, load, load_text};
pub use paste::below_provider;
pub use problem::{Problem, Problems, Severity, nearest};
pub use provider::{names as provider_names, text as provider_text};
pub use render::{human, json};
pub use schema::schema;
pub use secrets::Environment;
pub use settings::{
    AdminSettings, CaptureSettings, CertificateFiles, Configuration, LogFormat, LogSettings, ServerSettings,
};
pub use span::{File, FileId, Files, Located, Span};
pub use watch::{State as FileState, Watched};
