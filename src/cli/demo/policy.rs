//! The policy of the demo: a text as a user would write it.

use super::credentials::Credentials;
use super::senders::{SENDERS, Sender};
use crate::cli::Failure;
use crate::config::{Configuration, Environment, Options, load_text};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Who listens where.
#[derive(Clone, Copy)]
pub struct Addresses {
    /// The proxy.
    pub proxy: SocketAddr,
    /// The application behind it.
    pub application: SocketAddr,
    /// The key server of the senders.
    pub key_server: SocketAddr,
}

/// The policy file for all senders.
pub fn text(addresses: Addresses, log_requests: bool) -> String {
    let Addresses { proxy, application, key_server } = addresses;
    let mut text = format!(
        "[server]\n\
         listen = \"{proxy}\"\n\n\
         [server.tls]                       # the demo has made both in memory\n\
         certificate = \"fullchain.pem\"\n\
         private_key = \"privkey.pem\"\n\n\
         [upstream]\n\
         url = \"http://{application}\"\n\n\
         [log]\n\
         requests = {log_requests}\n"
    );
    SENDERS.iter().for_each(|sender| text.push_str(&source(sender, key_server)));
    text
}

fn source(sender: &Sender, key_server: SocketAddr) -> String {
    let (name, path) = (sender.name, sender.path());
    let scheme = sender.scheme.replace("{key_server}", &format!("http://{key_server}"));
    let mut text = format!("\n[[source]]\nname     = \"{name}\"\npath     = \"{path}\"\n{scheme}\n");
    if let Some(key) = sender.secret.key() {
        let _ = writeln!(text, "{key} = {{ env = \"{}\" }}", sender.variable());
    }
    text
}

/// Reads the text as `run` reads a file, with secrets that were made up.
///
/// # Errors
/// A policy with mistakes, which is a fault of the demo.
pub fn load(text: &str, credentials: &Credentials) -> Result<Configuration, Failure> {
    let secrets = credentials.secrets().clone();
    let environment = Environment::from_fn(move |name| secrets.get(name).map(OsString::from));
    let loaded = load_text("demo.toml", text, &Options { secrets: true, written: false }, &environment);
    loaded.map(|loaded| loaded.configuration).map_err(Failure::config)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cli::demo::trials::Act;

    /// A policy for addresses where nobody listens.
    pub fn policy(credentials: &Credentials) -> Configuration {
        let [proxy, application, key_server] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        load(&text(Addresses { proxy, application, key_server }, false), credentials).unwrap()
    }

    #[test]
    fn the_text_is_a_policy_with_every_sender() {
        let configuration = policy(&Credentials::make_up().unwrap());
        let names: Vec<&str> = configuration.policy.sources.iter().map(|source| &*source.name).collect();
        let wanted: Vec<&str> = SENDERS.iter().map(|sender| sender.name).collect();
        assert_eq!(names, wanted);
        assert!(configuration.policy.sources.iter().all(|source| source.check.waiver().is_none()));
        assert!(!configuration.log.requests);
    }

    #[test]
    fn what_is_sent_again_fits_what_is_remembered() {
        let configuration = policy(&Credentials::make_up().unwrap());
        for (sender, source) in SENDERS.iter().zip(&configuration.policy.sources) {
            let again = sender.trials.iter().any(|trial| trial.act == Act::Repeat);
            assert_eq!(again, source.replay.is_some(), "{}", sender.name);
        }
    }
}
