//! A built-in provider alone, without a source that uses it.

use super::Context;
use super::definition::{basic_definition, schemes, token_definition};
use super::http_signature::http_signature_definition;
use super::jwt::{jwt_definition, key_form, swt_definition};
use super::keys::usual_kid;
use crate::config::problem::Problems;
use crate::config::provider::{built_in, names};
use crate::config::raw::RawProvider;
use crate::config::secrets::Environment;
use crate::config::span::{Files, Located};
use crate::config::value::OneOrMany;
use crate::scheme::{KeyForm, Place, Schemes};
use crate::verify::{BasicDefinition, HttpSignatureDefinition, JwtDefinition, TokenDefinition};
use http::HeaderName;
use std::sync::OnceLock;

/// How the senders of a provider are proved; the secrets are not part of it.
#[derive(Debug)]
pub enum ProviderScheme {
    /// A signature over the message, and the sender's public keys where the provider's file has them.
    Signature(Box<Schemes>, Option<String>),
    /// A JSON Web Token, how its secret is written, and whether its keys are fetched.
    Jwt(Box<JwtDefinition>, KeyForm, bool),
    /// An HTTP message signature, how its secret is written, and whether it has public keys.
    HttpSignature(Box<HttpSignatureDefinition>, KeyForm, bool),
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
    let RawProvider { signature, jwt, swt, http_signature, token, basic, .. } = &provider;
    let found = match (signature, jwt, swt, token, basic) {
        (None, None, None, None, None) => http_signature.as_ref().and_then(|table| {
            let kid = usual_kid(table.value.keys.as_ref());
            let definition = http_signature_definition(&mut context, table, at, kid)?;
            let form = key_form(&mut context, table.value.key.as_ref())?;
            let public = definition.algorithms.iter().any(|algorithm| !algorithm.is_symmetric());
            Some(ProviderScheme::HttpSignature(Box::new(definition), form, public))
        }),
        (Some(signature), None, None, None, None) => {
            let keys = signature.value.keys.as_ref().and_then(|keys| keys.value.text.as_ref());
            let keys = keys.map(|text| text.value.clone());
            schemes(&mut context, signature).map(|schemes| ProviderScheme::Signature(Box::new(schemes), keys))
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

/// The built-in providers that sign: id and scheme. Made once, when it is first asked for.
pub fn known_schemes() -> &'static [(&'static str, Schemes)] {
    static KNOWN: OnceLock<Vec<(&'static str, Schemes)>> = OnceLock::new();
    KNOWN.get_or_init(|| signing().collect())
}

fn signing() -> impl Iterator<Item = (&'static str, Schemes)> {
    names().filter_map(|id| match provider_scheme(id, None) {
        Ok(Some(ProviderScheme::Signature(schemes, _))) => Some((id, *schemes)),
        _ => None,
    })
}

/// The headers in which built-in providers sign, and the provider. Made once, when it is first asked for.
pub fn known_headers() -> &'static [(HeaderName, &'static str)] {
    static KNOWN: OnceLock<Vec<(HeaderName, &'static str)>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut found = Vec::new();
        for (id, schemes) in signing() {
            let Some(scheme) = schemes.main() else { continue };
            if let Place::Header(names) | Place::Family(names) = &scheme.signature.field.place {
                found.extend(names.iter().map(|name| (name.clone(), id)));
            }
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_provider_has_a_scheme() {
        for name in names() {
            match provider_scheme(name, Some("issuer")) {
                Ok(found) => assert!(found.is_some(), "{name}"),
                // What the operator chooses at the sender, the source must say.
                Err(problems) => {
                    assert!(problems.iter().all(|problem| problem.code == "missing_key"), "{name}")
                }
            }
        }
    }

    #[test]
    fn a_name_without_file_has_none() {
        assert!(provider_scheme("no such sender", None).unwrap().is_none());
    }
}
