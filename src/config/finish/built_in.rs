//! A built-in provider alone, without a source that uses it.

use super::Context;
use super::definition::{basic_definition, scheme, token_definition};
use crate::config::problem::Problems;
use crate::config::provider::built_in;
use crate::config::secrets::Environment;
use crate::config::span::Files;
use crate::scheme::Scheme;
use crate::verify::{BasicDefinition, TokenDefinition};

/// How the senders of a provider are proved; the secrets are not part of it.
#[derive(Debug)]
pub enum ProviderScheme {
    /// A signature over the message.
    Signature(Box<Scheme>),
    /// A token that is sent as it is.
    Token(TokenDefinition),
    /// HTTP Basic.
    Basic(BasicDefinition),
}

/// The scheme of a built-in provider; `None` where there is none of this name.
///
/// # Errors
/// What is wrong with the provider's file.
pub fn provider_scheme(name: &str) -> Result<Option<ProviderScheme>, Problems> {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    let Some(provider) = built_in(name, &mut files, &mut problems) else {
        return if problems.is_empty() { Ok(None) } else { Err(Problems::new(files, problems)) };
    };
    let environment = Environment::from_fn(|_| None);
    let mut context =
        Context { files, problems, environment: &environment, read_secrets: false, watched: Vec::new() };
    let provider = provider.value;
    let found = match (&provider.signature, &provider.token, &provider.basic) {
        (Some(signature), None, None) => {
            scheme(&mut context, signature).map(|scheme| ProviderScheme::Signature(Box::new(scheme)))
        }
        (None, Some(token), None) => token_definition(&mut context, token).map(ProviderScheme::Token),
        (None, None, Some(basic)) => basic_definition(&mut context, basic).map(ProviderScheme::Basic),
        _ => None,
    };
    found.map(Some).ok_or_else(|| Problems::new(context.files, context.problems))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::provider::names;

    #[test]
    fn every_built_in_provider_has_a_scheme() {
        for name in names() {
            assert!(provider_scheme(name).unwrap().is_some(), "{name}");
        }
    }

    #[test]
    fn a_name_without_file_has_none() {
        assert!(provider_scheme("no such sender").unwrap().is_none());
    }
}
