//! What a signature covers, compared with what the policy demands and allows.

use super::component::Component;
use super::definition::{DigestRule, HttpSignatureDefinition};
use super::digest::Promise;
use super::fields::UnverifiedInput;
use crate::http::Head;
use crate::verify::error::VerifyError;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

impl HttpSignatureDefinition {
    /// What is covered, where the policy agrees with it.
    pub(super) fn covered(
        &self,
        input: &UnverifiedInput,
        head: &Head,
    ) -> Result<Vec<Component>, VerifyError> {
        let mut covered: Vec<Component> = Vec::new();
        for (name, arguments) in &input.components {
            let component = Component::new(name, arguments).map_err(|flaw| not_allowed(flaw.0))?;
            if covered.contains(&component) {
                return Err(not_allowed("a component stands twice"));
            }
            self.may_cover(&component)?;
            covered.push(component);
        }
        self.must_cover(&covered, head)?;
        Ok(covered)
    }

    fn may_cover(&self, component: &Component) -> Result<(), VerifyError> {
        let listed = |list: &[Component]| list.iter().any(|one| one.is_akin(component));
        if listed(&self.forbid) {
            return Err(not_allowed("a component is in `forbid`"));
        }
        if component.is_digest() {
            let forbidden = self.digest == DigestRule::Forbidden;
            let flaw = not_allowed("content-digest is covered, and `digest` forbids it");
            return if forbidden { Err(flaw) } else { Ok(()) };
        }
        let demanded = match &self.components {
            Some(components) => listed(components),
            // Any form of the address.
            None => component.field().is_none(),
        };
        let usual = component.field().is_none_or(|name| name != "repr-digest");
        let allowed = self.allow.as_ref().map_or(usual, |allow| listed(allow));
        if demanded || listed(&self.when_present) || allowed {
            Ok(())
        } else {
            Err(not_allowed("a component is not in `allow`"))
        }
    }

    fn must_cover(&self, covered: &[Component], head: &Head) -> Result<(), VerifyError> {
        let has_query = head.target.query().is_some();
        match &self.components {
            Some(components) => {
                if let Some(lacking) = components.iter().find(|component| !covered.contains(component)) {
                    return Err(missing(&lacking.to_string()));
                }
            }
            None => covers_address(covered, has_query)?,
        }
        for component in &self.when_present {
            let here = component.field().map_or(has_query, |name| head.headers.contains_key(name));
            if here && !covered.iter().any(|one| one.is_akin(component)) {
                return Err(missing(&component.to_string()));
            }
        }
        Ok(())
    }

    /// What is said of the body, where it is covered.
    pub(super) fn promise(&self, covered: &[Component], head: &Head) -> Result<Option<Promise>, VerifyError> {
        if covered.iter().any(Component::binds_body) {
            return Promise::read(&head.headers, self.base64url).map(Some);
        }
        let length = head.headers.get(CONTENT_LENGTH);
        let has_body =
            head.headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0");
        match self.digest {
            DigestRule::Required => Err(missing("\"content-digest\"")),
            DigestRule::Body if has_body => Err(missing("\"content-digest\"")),
            _ => Ok(None),
        }
    }
}

fn not_allowed(flaw: &'static str) -> VerifyError {
    VerifyError::ComponentNotAllowed { flaw }
}

pub(super) fn missing(component: &str) -> VerifyError {
    VerifyError::ComponentMissing { component: component.into() }
}

/// Method, and the whole address in one of its forms.
fn covers_address(covered: &[Component], has_query: bool) -> Result<(), VerifyError> {
    let covers = |written: &str| covered.iter().any(|component| component.written() == written);
    for (wanted, forms) in [
        ("\"@method\"", &["\"@method\""][..]),
        ("\"@authority\" or \"@target-uri\"", &["\"@authority\"", "\"@target-uri\""]),
        ("\"@path\" or \"@target-uri\"", &["\"@path\"", "\"@target-uri\"", "\"@request-target\""]),
        ("\"@query\" or \"@target-uri\"", &["\"@query\"", "\"@target-uri\"", "\"@request-target\""]),
    ] {
        let idle = wanted.starts_with("\"@query\"") && !has_query;
        if !idle && !forms.iter().any(|form| covers(form)) {
            return Err(missing(wanted));
        }
    }
    Ok(())
}
