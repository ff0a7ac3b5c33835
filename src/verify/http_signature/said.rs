//! The parameters of a signature (RFC 9421 section 2.3).

use super::algorithm::HttpAlgorithm;
use super::component::Component;
use super::definition::{HttpSignatureDefinition, Parameter};
use super::fields::{Argument, Value};
use crate::verify::error::VerifyError;

/// The parameters of a signature, each of its type.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub created: Option<i64>,
    pub expires: Option<i64>,
    pub nonce: Option<String>,
    pub algorithm: Option<HttpAlgorithm>,
    pub keyid: Option<String>,
}

impl Said {
    /// Reads them, as the policy wants them.
    pub fn read(arguments: &[Argument], policy: &HttpSignatureDefinition) -> Result<Said, VerifyError> {
        let mut said = Said::default();
        let mut algorithm = None;
        for Argument { name, value } in arguments {
            match (Parameter::parse(name), value) {
                (Some(Parameter::Created), Value::Integer(at)) => said.created = Some(*at),
                (Some(Parameter::Expires), Value::Integer(at)) => said.expires = Some(*at),
                (Some(Parameter::Nonce), Value::Text(text)) => said.nonce = Some(text.clone()),
                (Some(Parameter::Alg), Value::Text(text)) => algorithm = Some(text.as_str()),
                (Some(Parameter::Keyid), Value::Text(text)) => said.keyid = Some(text.clone()),
                // The policy has compared it.
                (Some(Parameter::Tag), Value::Text(_)) => {}
                (Some(known), _) => {
                    return Err(VerifyError::ParameterMalformed { parameter: known.name() });
                }
                (None, _) => {
                    return Err(VerifyError::ParameterMalformed {
                        parameter: "a parameter that is not known",
                    });
                }
            }
        }
        let has = |parameter: &Parameter| arguments.iter().any(|argument| argument.name == parameter.name());
        if let Some(lacking) = policy.require.iter().find(|parameter| !has(parameter)) {
            return Err(VerifyError::ParameterMissing { parameter: lacking.name() });
        }
        if said.nonce.as_ref().is_some_and(|nonce| !policy.nonce.contains(&nonce.len())) {
            return Err(VerifyError::ParameterMalformed { parameter: "nonce" });
        }
        said.algorithm = match algorithm {
            Some(name) => Some(HttpAlgorithm::parse(name).ok_or(VerifyError::AlgorithmNotAllowed)?),
            None => None,
        };
        if said.keyid.as_ref().is_some_and(|keyid| !policy.kid.allows(keyid)) {
            return Err(VerifyError::KidMalformed);
        }
        Ok(said)
    }
}

/// The value of `@signature-params` (section 2.3): what the field says, written anew.
pub(super) fn written(components: &[Component], arguments: &[Argument]) -> Option<String> {
    let components: Vec<&str> = components.iter().map(Component::written).collect();
    let mut out = format!("({})", components.join(" "));
    for Argument { name, value } in arguments {
        match value {
            Value::Integer(number) => out.push_str(&format!(";{name}={number}")),
            Value::Text(text) => {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                out.push_str(&format!(";{name}=\"{text}\""));
            }
            Value::Flag(_) | Value::Other => return None,
        }
    }
    Some(out)
}
