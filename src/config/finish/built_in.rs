//! A built-in provider alone, without a source that uses it.

use super::Context;
use super::definition::{basic_definition, scheme, token_definition};
use super::jwt::{jwt_definition, key_form, swt_definition};
use super::keys::usual_kid;
use crate::config::problem::Problems;
use crate::config::provider::built_in;
use crate::config::raw::RawProvider;
use crate::config::secrets::Environment;
use crate::config::span::{Files, Located};
use crate::config::value::OneOrMany;
use crate::scheme::{KeyForm, Scheme};
use crate::verify::{BasicDefinition, JwtDefinition, TokenDefinition};

/// How the senders of a provider are proved; the secrets are not part of it.
#[derive(Debug)]
pub enum ProviderScheme {
    /// A signature over the message.
    Signature(Box<Scheme>),
    /// A JSON Web Token, how its secret is written, and whether its keys are fetched.
    Jwt(Box<JwtDefinition>, KeyForm, bool),
    /// A token that is sent as it is.
    Token(TokenDefinition),
    /// HTTP Basic.
    Basic(BasicDefinition),
}

/// The scheme of a built-in provider; a Secure Webhook Token is then of this `issuer`, or of any. `None` where there is none of this name.
///
/// # Errors
/// What is wrong with the provider's file.
pub fn provider_scheme(name: &str, issuer: Option<&str>) -> Result<Option<ProviderScheme>, Problems> {
    let (mut files, mut problems) = (Files::default(), Vec::new());
    let Some(provider) = built_in(name, &mut files, &mut problems) else {
        return if problems.is_empty() { Ok(None) } else { Err(Problems::new(files, problems)) };
    };
    let environment = Environment::from_fn(|_| None);
    let mut context =
        Context { files, problems, environment: &environment, read_secrets: false, watched: Vec::new() };
    let at = provider.at;
    let mut provider = provider.value;
    if let Some(swt) = &mut provider.swt {
        let issuer = OneOrMany(vec![Located { value: issuer.unwrap_or_default().to_owned(), at }]);
        swt.value.issuer = Some(Located { value: issuer, at });
    }
    let RawProvider { signature, jwt, swt, token, basic, .. } = &provider;
    let found = match (signature, jwt, swt, token, basic) {
        (Some(signature), None, None, None, None) => {
            scheme(&mut context, signature).map(|scheme| ProviderScheme::Signature(Box::new(scheme)))
        }
        (None, Some(jwt), None, None, None) => {
            let keys = jwt.value.keys.as_ref();
            let definition = jwt_definition(&mut context, jwt, usual_kid(keys));
            let form = key_form(&mut context, jwt.value.key.as_ref());
            definition
                .zip(form)
                .map(|(found, form)| ProviderScheme::Jwt(Box::new(found), form, keys.is_some()))
        }
        (None, None, Some(swt), None, None) => {
            let mut definition = swt_definition(&mut context, swt, swt.at, usual_kid(None));
            if let Some(definition) = definition.as_mut().filter(|_| issuer.is_none()) {
                definition.claims.issuer.clear();
            }
            let form = key_form(&mut context, swt.value.key.as_ref());
            definition.zip(form).map(|(found, form)| ProviderScheme::Jwt(Box::new(found), form, false))
        }
        (None, None, None, Some(token), None) => {
            token_definition(&mut context, token).map(ProviderScheme::Token)
        }
        (None, None, None, None, Some(basic)) => {
            basic_definition(&mut context, basic).map(ProviderScheme::Basic)
        }
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
            assert!(provider_scheme(name, Some("issuer")).unwrap().is_some(), "{name}");
        }
    }

    #[test]
    fn a_name_without_file_has_none() {
        assert!(provider_scheme("no such sender", None).unwrap().is_none());
    }
}
