//! The policy of the demo: a text as a user would write it, and secrets that live as long as the process.

use super::senders::{SENDERS, SecretForm};
use crate::cli::Failure;
use crate::config::{Configuration, Environment, Options, load_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The policy file for all senders.
pub fn text(listen: SocketAddr, application: SocketAddr, log_requests: bool) -> String {
    let mut text = format!(
        "[server]\n\
         listen = \"{listen}\"\n\n\
         [server.tls]                       # the demo has made both in memory\n\
         certificate = \"fullchain.pem\"\n\
         private_key = \"privkey.pem\"\n\n\
         [upstream]\n\
         url = \"http://{application}\"\n\n\
         [log]\n\
         requests = {log_requests}\n"
    );
    for sender in SENDERS {
        let (name, path, scheme, variable) = (sender.name, sender.path(), sender.scheme, sender.variable());
        let _ = write!(
            text,
            "\n[[source]]\n\
             name     = \"{name}\"\n\
             path     = \"{path}\"\n\
             {scheme}\n\
             secret   = {{ env = \"{variable}\" }}\n"
        );
    }
    text
}

/// Reads the text as `run` reads a file, with secrets made up for this one time.
///
/// # Errors
/// No random bytes; a policy with mistakes, which is a fault of the demo.
pub fn load(text: &str) -> Result<Configuration, Failure> {
    let secrets = made_up_secrets()?;
    let environment = Environment::from_fn(move |name| secrets.get(name).map(OsString::from));
    let loaded = load_text("demo.toml", text, &Options { secrets: true }, &environment);
    loaded.map(|loaded| loaded.configuration).map_err(Failure::config)
}

fn made_up_secrets() -> Result<BTreeMap<String, String>, Failure> {
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    let secret = |form| {
        let mut bytes = [0; 32];
        random.fill(&mut bytes).map_err(|_| Failure::start("the system has no random bytes".to_owned()))?;
        Ok(match form {
            SecretForm::Text => hex::encode(bytes),
            SecretForm::Whsec => format!("whsec_{}", STANDARD.encode(bytes)),
        })
    };
    SENDERS.iter().map(|sender| Ok((sender.variable(), secret(sender.secret)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_a_policy_with_every_sender() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let text = text(loopback, SocketAddr::from(([127, 0, 0, 1], 3000)), false);
        let configuration = load(&text).unwrap();
        let names: Vec<&str> = configuration.policy.sources.iter().map(|source| &*source.name).collect();
        let wanted: Vec<&str> = SENDERS.iter().map(|sender| sender.name).collect();
        assert_eq!(names, wanted);
        assert!(configuration.policy.sources.iter().all(|source| source.check.waiver().is_none()));
        assert!(!configuration.log.requests);
    }

    #[test]
    fn secrets_are_other_ones_each_time() {
        let (first, second) = (made_up_secrets().unwrap(), made_up_secrets().unwrap());
        assert_eq!(first.len(), SENDERS.len());
        assert!(first.iter().all(|(name, secret)| second.get(name).is_some_and(|other| other != secret)));
    }
}
